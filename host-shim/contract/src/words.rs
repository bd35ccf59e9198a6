//! Words of others on their way to a terminal or a log: names, labels, and what engines, registries, plugins and programs in
//! agents say. Any of it may hold characters that move a cursor, turn the direction of the text around them, or are not seen.
//!
//! What is escaped:
//!
//! - control characters, C0, DEL and C1 (ECMA-48): they begin the sequences that drive a terminal, and end lines;
//! - characters with the property `Bidi_Control` (UAX #9): they show the text around them in another order than it has, so that a
//!   name reads as another one. UTR #36 and UTS #55 say to make them visible. Arabic and Hebrew letters turn nothing but
//!   themselves, and stay;
//! - U+2028 and U+2029, which end a line where newlines do not;
//! - characters that are not seen at all: those with the property `Default_Ignorable_Code_Point` (zero-width space, byte order
//!   mark, soft hyphen, fillers, tags, …) and the marks of annotations. Two names that differ by one of these look the same, and a
//!   text may stand in tags that nobody sees.
//!
//! Joiners and variation selectors are not seen either, but Persian and the scripts of India are spelled with them, and emoji are
//! built with them (UAX #31, UTS #51). Each stays behind a character that it can belong to, which is never one of ASCII.

use std::borrow::Cow;

/// The text in one line, with everything escaped that this module names: `\n`, `\t`, `\u{1b}`, `\u{202e}`. Backslashes that were
/// there stay as they are. A text without any of it is given back as it is, and what comes out has nothing left to escape.
///
/// ```
/// use mngr_contract::words::clean;
///
/// assert_eq!(clean("größe عربي"), "größe عربي");
/// assert_eq!(clean("a\u{1b}[2J\u{202e}b\n"), "a\\u{1b}[2J\\u{202e}b\\n");
/// ```
pub fn clean(text: &str) -> Cow<'_, str> {
    escaped(text, |_| false)
}

/// The same of a text with lines and columns of its own: newlines and tabs stay.
pub fn clean_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| matches!(c, '\n' | '\t'))
}

/// What a character does to those who read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Ascii,
    Other,
    /// Says how the character before it is drawn.
    Selector,
    /// Says whether the characters around it are drawn as one.
    Joiner,
    Unfit,
}

/// From Unicode 16: `PropList.txt` and `DerivedCoreProperties.txt`.
fn class(c: char) -> Class {
    match c {
        c if c.is_control() => Class::Unfit,
        '\0'..='\u{7f}' => Class::Ascii,
        '\u{200c}' | '\u{200d}' => Class::Joiner,
        '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => Class::Selector,
        // Bidi_Control
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => Class::Unfit,
        // The separators of lines and paragraphs, and the marks of annotations
        '\u{2028}' | '\u{2029}' | '\u{fff9}'..='\u{fffb}' => Class::Unfit,
        // Default_Ignorable_Code_Point
        '\u{ad}'
        | '\u{34f}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180e}'
        | '\u{200b}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fff8}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' => Class::Unfit,
        _ => Class::Other,
    }
}

fn escaped(text: &str, stays: impl Fn(char) -> bool) -> Cow<'_, str> {
    let mut clean = String::new();
    let mut copied = 0;
    let mut before = Class::Ascii;
    for (at, c) in text.char_indices() {
        let class = class(c);
        let is_fit = match class {
            Class::Ascii | Class::Other => true,
            Class::Selector => before == Class::Other,
            Class::Joiner => matches!(before, Class::Other | Class::Selector),
            Class::Unfit => stays(c),
        };
        before = class;
        if !is_fit {
            clean.push_str(&text[copied..at]);
            clean.extend(c.escape_default());
            copied = at + c.len_utf8();
            // What stands there now is ASCII.
            before = Class::Ascii;
        }
    }
    match copied {
        0 => Cow::Borrowed(text),
        _ => Cow::Owned(clean + &text[copied..]),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_drives_a_terminal_is_escaped() {
        for c in ('\0'..='\u{1f}').chain('\u{7f}'..='\u{9f}') {
            let text = format!("a{c}b");
            assert_eq!(clean(&text), format!("a{}b", c.escape_default()));
        }
        assert_eq!(clean("a\u{1b}[2Jb\tc\nd"), "a\\u{1b}[2Jb\\tc\\nd");
    }

    #[test]
    fn what_turns_the_direction_of_text_is_escaped_and_text_that_runs_to_the_left_stays() {
        let marks = ['\u{61c}', '\u{200e}', '\u{200f}'].into_iter();
        for c in marks.chain('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}') {
            assert_eq!(clean(&c.to_string()), format!("\\u{{{:x}}}", u32::from(c)));
        }
        for name in ["שלום", "مرحبا", "agent-عربي-1"] {
            assert!(matches!(clean(name), Cow::Borrowed(same) if same == name));
        }
    }

    #[test]
    fn what_is_not_seen_or_ends_a_line_is_escaped() {
        for c in [
            '\u{ad}',
            '\u{34f}',
            '\u{115f}',
            '\u{180e}',
            '\u{200b}',
            '\u{2028}',
            '\u{2029}',
            '\u{2060}',
            '\u{206f}',
            '\u{3164}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fff9}',
            '\u{1d173}',
            '\u{e0001}',
            '\u{e0041}',
            '\u{e007f}',
        ] {
            let text = format!("é{c}");
            assert_eq!(clean(&text), format!("é\\u{{{:x}}}", u32::from(c)));
        }
    }

    #[test]
    fn joiners_and_selectors_stay_where_a_script_or_an_emoji_needs_them() {
        for text in ["می‌خواهم", "क्‍ष", "👩‍❤️‍👨", "葛\u{e0100}"] {
            assert_eq!(clean(text), text);
        }
        assert_eq!(clean("a\u{200d}b"), "a\\u{200d}b");
        assert_eq!(clean("\u{200c}"), "\\u{200c}");
        assert_eq!(clean("a\u{fe0f}"), "a\\u{fe0f}");
        // A row of them would be a text that nobody sees.
        assert_eq!(clean("é\u{fe01}\u{fe02}\u{fe03}"), "é\u{fe01}\\u{fe02}\\u{fe03}");
        assert_eq!(clean("é\u{200d}\u{200d}"), "é\u{200d}\\u{200d}");
        assert_eq!(clean("\u{7}\u{200d}"), "\\u{7}\\u{200d}");
    }

    #[test]
    fn newlines_and_tabs_stay_where_a_text_has_lines_of_its_own() {
        assert_eq!(clean_lines("a\n\tb\r\n\u{1b}[1m"), "a\n\tb\\r\n\\u{1b}[1m");
    }

    proptest! {
        #[test]
        fn whatever_goes_in_nothing_unfit_comes_out(text in any::<String>()) {
            let once = clean(&text);
            prop_assert!(once.chars().all(|c| class(c) != Class::Unfit));
            prop_assert_eq!(clean(&once), &*once);
            let lines = clean_lines(&text);
            prop_assert!(lines.chars().all(|c| class(c) != Class::Unfit || c == '\n' || c == '\t'));
            prop_assert_eq!(clean_lines(&lines), &*lines);
        }

        #[test]
        fn hidden_characters_stay_by_ones_and_behind_what_they_belong_to(text in "[a\u{e9}\u{200c}\u{200d}\u{fe0f}\u{e0100}\u{1b}]*") {
            let mut before = Class::Ascii;
            for c in clean(&text).chars() {
                let class = class(c);
                match class {
                    Class::Joiner => prop_assert!(matches!(before, Class::Other | Class::Selector)),
                    Class::Selector => prop_assert_eq!(before, Class::Other),
                    _ => {}
                }
                before = class;
            }
        }
    }
}
