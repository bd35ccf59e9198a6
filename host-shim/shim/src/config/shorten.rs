//! Keeps what a person is shown short, however long the line or the value is that it is about.

use std::ops::Range;

/// The most characters of a value that are shown.
const VALUE_LIMIT: usize = 80;
/// The most bytes of a reason or a remedy that are shown.
pub(super) const TEXT_LIMIT: usize = 600;
/// Lines up to this many bytes are shown whole.
const LINE_LIMIT: usize = 240;
/// Of a longer line: so many bytes before the place at fault, and so many from its beginning on.
const BEFORE: usize = 60;
const AFTER: usize = 120;

/// The beginning of a value, on one line.
pub(super) fn shorten(value: &str) -> String {
    let mut characters = value.chars();
    let mut short: String = characters
        .by_ref()
        .take(VALUE_LIMIT)
        .flat_map(|c| {
            let printed: Vec<char> = if c.is_control() {
                c.escape_default().collect()
            } else {
                vec![c]
            };
            printed
        })
        .collect();
    if characters.next().is_some() {
        short.push('…');
    }
    short
}

/// The same text with every overlong line cut around the spans, each of which then ends on its first line. The number of
/// lines stays, so that line numbers hold.
pub(super) fn excerpt(text: &str, spans: &[Range<usize>]) -> (String, Vec<Range<usize>>) {
    let mut cut = String::new();
    let mut moved: Vec<_> = spans.iter().map(|span| span.start..span.start).collect();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        let content = start..start + line.trim_end_matches(['\r', '\n']).len();
        let last = end == text.len();
        let here = |span: &Range<usize>| span.start >= start && (span.start < end || last);
        let at = spans.iter().find(|span| here(span)).map_or(start, |span| span.start);
        let (shown, from) = window(text, content.clone(), at);
        let shift = cut.len() + if from > start { '…'.len_utf8() } else { 0 };
        for (span, moved) in spans.iter().zip(&mut moved).filter(|(span, _)| here(span)) {
            let place = |offset: usize| shift + offset.clamp(from, from + shown.len()) - from;
            *moved = place(span.start)..place(span.end.min(content.end).max(span.start));
        }
        if from > start {
            cut.push('…');
        }
        cut.push_str(shown);
        if from + shown.len() < content.end {
            cut.push('…');
        }
        cut.push_str(&text[content.end..end]);
        start = end;
    }
    (cut, moved)
}

/// The part of a line that is shown, and where it begins.
fn window(text: &str, line: Range<usize>, at: usize) -> (&str, usize) {
    if line.len() <= LINE_LIMIT {
        return (&text[line.clone()], line.start);
    }
    let from = text.floor_char_boundary(at.saturating_sub(BEFORE).clamp(line.start, line.end));
    let to = text.floor_char_boundary((at.max(from) + AFTER).min(line.end));
    (&text[from..to], from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_stays_as_it_is() {
        let text = "a: 1\r\nb: 2\n";
        assert_eq!(excerpt(text, &[0..1, 6..7]), (text.to_owned(), vec![0..1, 6..7]));
    }

    #[test]
    fn a_long_line_is_cut_around_the_span_and_keeps_its_number() {
        let text = format!("first\n{}KEY{}\nlast\n", "ä".repeat(500), "x".repeat(500));
        let start = text.find("KEY").expect("the key");
        let (cut, spans) = excerpt(&text, std::slice::from_ref(&(start..start + 3)));
        assert!(cut.len() < 300, "{}", cut.len());
        assert_eq!(&cut[spans[0].clone()], "KEY");
        assert_eq!(cut.lines().count(), 3);
    }

    #[test]
    fn a_span_over_many_lines_ends_on_its_first() {
        let text = "a: |\n  one\n  two\n";
        let (cut, spans) = excerpt(text, std::slice::from_ref(&(3..text.len())));
        assert_eq!(&cut[spans[0].clone()], "|");
    }

    #[test]
    fn a_span_at_the_very_end_stays_there() {
        let (cut, spans) = excerpt("a = [", std::slice::from_ref(&(5..5)));
        assert_eq!((cut.as_str(), &spans[0]), ("a = [", &(5..5)));
        assert_eq!(excerpt("", std::slice::from_ref(&(0..0))).1[0], 0..0);
    }

    #[test]
    fn values_are_shown_on_one_line_and_shortened() {
        assert_eq!(shorten("a\nb"), "a\\nb");
        assert_eq!(shorten(&"x".repeat(1_000_000)).chars().count(), VALUE_LIMIT + 1);
    }
}
