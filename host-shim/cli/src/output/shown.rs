//! The one type of what a terminal is sent: [`Shown`].

use std::fmt::Display;

use mngr_host_shim::words::{clean, clean_lines};

/// Text that is fit for a terminal. Whatever becomes one is escaped by [`clean`] on the way, but for words of the program's own,
/// which stand in the source, and for [styles](super::style).
///
/// It has no `Display`: so it does not get into a `format!`, from which it would come back as a text of others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown(pub(super) String);

impl<T: Display> From<T> for Shown {
    fn from(text: T) -> Self {
        let text = text.to_string();
        match clean(&text) {
            std::borrow::Cow::Borrowed(_) => Self(text),
            std::borrow::Cow::Owned(clean) => Self(clean),
        }
    }
}

impl From<&Self> for Shown {
    fn from(shown: &Self) -> Self {
        shown.clone()
    }
}

impl Shown {
    /// What a library has rendered of texts of others, once with its styles and once without. Where anything in it is to be
    /// escaped the styles are lost, since they can not be told from what others have put there.
    pub fn rendered(styled: String, plain: &str) -> Self {
        match clean_lines(plain) {
            std::borrow::Cow::Borrowed(_) => Self(styled),
            std::borrow::Cow::Owned(clean) => Self(clean),
        }
    }

    /// A dash for what is not there.
    pub fn or_dash(text: Option<impl Into<Self>>) -> Self {
        text.map_or_else(|| Self("-".to_owned()), Into::into)
    }

    /// One after the other, with words of the program's own between them.
    pub fn join(parts: impl IntoIterator<Item = impl Into<Self>>, between: &'static str) -> Self {
        let parts: Vec<String> = parts.into_iter().map(|part| part.into().0).collect();
        Self(parts.join(between))
    }

    /// Puts it behind this.
    pub fn push(&mut self, more: impl Into<Self>) {
        self.0.push_str(&more.into().0);
    }

    /// The text without its styles, as a file has it.
    pub fn plain(&self) -> String {
        anstream::adapter::strip_str(&self.0).to_string()
    }
}

/// Words of the program's own, with a hole, `{}`, for each of N parts. See [`shown!`].
pub struct Words<const N: usize>(&'static str);

impl<const N: usize> Words<N> {
    /// # Panics
    /// While the program is compiled: where it has another number of holes, or a brace that is none.
    pub const fn new(words: &'static str) -> Self {
        let bytes = words.as_bytes();
        let (mut at, mut holes) = (0, 0);
        while at < bytes.len() {
            match bytes[at] {
                b'{' => {
                    assert!(at + 1 < bytes.len() && bytes[at + 1] == b'}', "a hole is written {{}}");
                    holes += 1;
                    at += 2;
                }
                b'}' => panic!("a hole is written {{}}"),
                _ => at += 1,
            }
        }
        assert!(holes == N, "there is one part for each hole");
        Self(words)
    }

    /// The words with the parts in their holes.
    pub fn filled(&self, parts: [Shown; N]) -> Shown {
        let mut words = self.0.split("{}");
        let mut text = words.next().unwrap_or_default().to_owned();
        for (part, after) in parts.iter().zip(words) {
            text.push_str(&part.0);
            text.push_str(after);
        }
        Shown(text)
    }
}

/// Words of the program's own with parts in them, each of which becomes a [`Shown`] by itself: `shown!("{} is {}", name, state)`.
/// Newlines in the words stay. A hole takes no width and no name; what needs a format is formatted before.
macro_rules! shown {
    ($words:literal $(, $part:expr)* $(,)?) => {
        (const { $crate::output::Words::new($words) }).filled([$($crate::output::Shown::from($part)),*])
    };
}

/// Cells of a [`Table`](super::Table), each of which becomes a [`Shown`] by itself.
macro_rules! cells {
    ($($cell:expr),* $(,)?) => {
        [$($crate::output::Shown::from($cell)),*]
    };
}

pub(crate) use {cells, shown};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::style;
    use super::*;

    #[test]
    fn parts_are_escaped_and_the_programs_own_words_and_styles_are_not() {
        let error = style::ERROR.on("er\u{1b}[2Jror:");
        let text = shown!("{} \t{}\n", error, "a\u{202e}b\n");
        assert_eq!(
            text.0,
            "\u{1b}[1m\u{1b}[31mer\\u{1b}[2Jror:\u{1b}[0m \ta\\u{202e}b\\n\n"
        );
        assert_eq!(text.plain(), "er\\u{1b}[2Jror: \ta\\u{202e}b\\n\n");
    }

    #[test]
    fn what_is_shown_already_is_escaped_once() {
        let once = Shown::from("\u{7}");
        assert_eq!(shown!("{} {}", &once, once.clone()).0, "\\u{7} \\u{7}");
        assert_eq!(Shown::join([once.clone(), once], "\n").0, "\\u{7}\n\\u{7}");
    }

    #[test]
    fn a_hole_in_a_part_is_none() {
        assert_eq!(shown!("{}-{}", "{}", 7).0, "{}-7");
    }

    #[test]
    fn numbers_and_paths_are_shown_as_they_print() {
        let path = std::path::Path::new("a\u{1b}b");
        assert_eq!(shown!("{} {} {}", 1.5, -1, path.display()).0, "1.5 -1 a\\u{1b}b");
    }

    #[test]
    fn what_a_library_has_rendered_keeps_its_styles_where_nothing_is_escaped() {
        let styled = || "\u{1b}[31mwrong\u{1b}[0m: é\n".to_owned();
        assert_eq!(Shown::rendered(styled(), "wrong: é\n").0, styled());
        assert_eq!(Shown::rendered(styled(), "wrong: \u{9b}2J\n").0, "wrong: \\u{9b}2J\n");
    }

    proptest! {
        #[test]
        fn whatever_goes_in_nothing_but_styles_drives_the_terminal(text in any::<String>()) {
            let shown = shown!("{}: {}\n", style::HELP.on(&text), Shown::join([&text, &text], ", "));
            let all = format!("{0}: {0}, {0}\n", clean(&text));
            prop_assert_eq!(shown.plain(), all.clone());
            prop_assert_eq!(shown.0.matches('\u{1b}').count(), 2);
        }
    }
}
