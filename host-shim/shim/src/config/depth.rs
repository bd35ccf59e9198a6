//! How deep settings may be nested. It is looked at before anything follows the nesting by calling itself: a parser, or what is
//! done with what it has read.

use std::sync::Arc;

use toml_parser::lexer::TokenKind;

use super::error::ConfigError;
use super::node::{Origin, Source};

/// Lists and tables in one another. Settings have no more than ten.
pub(super) const DEPTH: usize = 32;

/// The error of a document that is nested deeper, at that place.
pub(super) fn too_deep(origin: &Origin) -> ConfigError {
    ConfigError::new(
        "config",
        format!("lists and tables are nested deeper than {DEPTH}, the limit"),
        "take out what is nested so deep: no setting is",
    )
    .at(origin, "nested too deep")
}

/// Looks at the depth of a TOML document by its brackets and the dots of its keys.
///
/// # Errors
/// For one that is nested deeper than [`DEPTH`].
pub(super) fn check_toml(source: &Arc<Source>) -> Result<(), ConfigError> {
    let mut depth = TomlDepth::default();
    for token in toml_parser::Source::new(&source.text).lex() {
        if depth.after(token.kind()) > DEPTH {
            let span = token.span();
            return Err(too_deep(&Origin::new(source, span.start()..span.end())));
        }
    }
    Ok(())
}

/// Where in a TOML document one is.
#[derive(Default)]
struct TomlDepth {
    /// Tables of the header that applies.
    header: usize,
    /// Of the key whose value is read.
    key: usize,
    /// Dots since whatever came before this key. A number may have one.
    dots: usize,
    /// For each bracket that is open, the tables of the key that it is a value of.
    open: Vec<usize>,
    /// The sum of these, and the brackets.
    within: usize,
    line: Line,
}

#[derive(Default, PartialEq, Eq)]
enum Line {
    #[default]
    Empty,
    Header,
    Pair,
}

impl TomlDepth {
    /// The depth after a token.
    fn after(&mut self, token: TokenKind) -> usize {
        match token {
            TokenKind::Whitespace | TokenKind::Comment => {}
            TokenKind::Newline => self.end_line(),
            TokenKind::Dot => self.dots += 1,
            TokenKind::LeftSquareBracket if self.line == Line::Empty => self.line = Line::Header,
            _ if self.line == Line::Header => {}
            TokenKind::Equals => {
                self.key = self.dots + 1;
                self.dots = 0;
                self.line = Line::Pair;
            }
            TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket => {
                self.open.push(self.key);
                self.within += self.key + 1;
                (self.key, self.dots) = (0, 0);
            }
            TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => {
                self.key = self.open.pop().unwrap_or_default();
                self.within = self.within.saturating_sub(self.key + 1);
                self.dots = 0;
            }
            TokenKind::Comma => (self.key, self.dots) = (0, 0),
            _ if self.line == Line::Empty => self.line = Line::Pair,
            _ => {}
        }
        match self.line {
            Line::Header => self.dots,
            _ => self.header + self.within + self.key + self.dots,
        }
    }

    fn end_line(&mut self) {
        if !self.open.is_empty() {
            return;
        }
        if self.line == Line::Header {
            self.header = self.dots + 1;
        }
        (self.key, self.dots) = (0, 0);
        self.line = Line::Empty;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_deep(text: &str) -> bool {
        let source = Arc::new(Source {
            name: "settings.toml".to_owned(),
            text: text.to_owned(),
            variable: None,
        });
        check_toml(&source).is_err()
    }

    #[test]
    fn brackets_and_dots_both_nest_and_only_those_in_one_another_count() {
        let dotted = |count: usize| vec!["a"; count].join(".");
        assert!(!is_deep(&format!("[{}]\nb = 1.5\n", dotted(30))));
        assert!(is_deep(&format!("[{}]\n", dotted(34))));
        assert!(is_deep(&format!("[{}]\n{} = 1\n", dotted(20), dotted(20))));
        assert!(is_deep(&format!("a = {}", "[".repeat(40))));
        let table = format!("{} = {{ {} = {{ {} = 1 }} }}", dotted(15), dotted(15), dotted(15));
        assert!(is_deep(&table));
        assert!(!is_deep(&format!("a = [{}]\n", "[1.5, 2.5], ".repeat(1000))));
        assert!(!is_deep(&format!(
            "{}[[b.c]]\nd = 1\n",
            "[b.c]\nx = {y = [1.5]}\n".repeat(1000)
        )));
        assert!(!is_deep("a = [\n  1.5,\n  2.5,\n]\nb = '''\n[[[[\n'''\n# [[[[[\n"));
        assert!(!is_deep(&format!("a = \"{}\"\n", "[.".repeat(100))));
    }
}
