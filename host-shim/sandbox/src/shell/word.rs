//! Words: quotes, variables and command substitution.

use super::parse::{Parsed, Parser, Part, SyntaxError, Word, parse};

const DELIMITERS: &str = " \t\r\n;&|<>()";

impl Parser<'_> {
    /// A variable's name, empty where none comes.
    pub(super) fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(c) = self.source.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
            name.push(c);
        }
        name
    }

    /// The next word, where one comes before the end of the command.
    pub(super) fn word(&mut self) -> Parsed<Option<Word>> {
        self.blank();
        match self.source.peek() {
            None => return Ok(None),
            Some(c) if DELIMITERS.contains(*c) => return Ok(None),
            Some(_) => {}
        }
        self.word_until(|c| DELIMITERS.contains(c)).map(Some)
    }

    fn word_until(&mut self, end: impl Fn(char) -> bool) -> Parsed<Word> {
        let mut word = Word::new();
        while let Some(c) = self.source.peek().copied() {
            if end(c) {
                break;
            }
            self.source.next();
            match c {
                '\'' => {
                    let mut text = String::new();
                    loop {
                        match self.source.next() {
                            None => return Err(SyntaxError::Unfinished),
                            Some('\'') => break,
                            Some(c) => text.push(c),
                        }
                    }
                    word.push(Part::Text { text, quoted: true });
                }
                '"' => self.double_quoted(&mut word)?,
                '\\' => match self.source.next() {
                    Some('\n') => {}
                    Some(c) => word.push(Part::Text {
                        text: c.to_string(),
                        quoted: true,
                    }),
                    None => push(&mut word, '\\', false),
                },
                '$' => self.dollar(&mut word, false)?,
                '`' => self.backquoted(&mut word, false)?,
                c => push(&mut word, c, false),
            }
        }
        Ok(word)
    }

    fn double_quoted(&mut self, word: &mut Word) -> Parsed<()> {
        word.push(Part::Text {
            text: String::new(),
            quoted: true,
        });
        loop {
            match self.source.next().ok_or(SyntaxError::Unfinished)? {
                '"' => return Ok(()),
                '$' => self.dollar(word, true)?,
                '`' => self.backquoted(word, true)?,
                '\\' => match self.source.next().ok_or(SyntaxError::Unfinished)? {
                    '\n' => {}
                    c @ ('$' | '`' | '"' | '\\') => push(word, c, true),
                    c => {
                        push(word, '\\', true);
                        push(word, c, true);
                    }
                },
                c => push(word, c, true),
            }
        }
    }

    fn backquoted(&mut self, word: &mut Word, quoted: bool) -> Parsed<()> {
        let mut source = String::new();
        loop {
            match self.source.next().ok_or(SyntaxError::Unfinished)? {
                '`' => break,
                '\\' if self.source.peek() == Some(&'`') => {}
                c => source.push(c),
            }
        }
        word.push(Part::Command {
            script: parse(&source)?,
            quoted,
        });
        Ok(())
    }

    /// What comes after a dollar sign.
    fn dollar(&mut self, word: &mut Word, quoted: bool) -> Parsed<()> {
        if self.eat("((") {
            return Err(SyntaxError::Unsupported("arithmetic"));
        }
        if self.eat("(") {
            let script = self.script(&[])?;
            self.close(')')?;
            word.push(Part::Command { script, quoted });
            return Ok(());
        }
        if self.eat("{") {
            let name = self.parameter();
            let default = if self.eat(":-") || self.eat("-") {
                Some(self.word_until(|c| c == '}')?)
            } else {
                None
            };
            if name.is_empty() || self.source.peek().is_some_and(|c| *c != '}') {
                return Err(SyntaxError::Unsupported("such parameter expansion"));
            }
            self.close('}')?;
            word.push(Part::Variable { name, default, quoted });
            return Ok(());
        }
        let name = self.parameter();
        if name.is_empty() {
            push(word, '$', quoted);
        } else {
            word.push(Part::Variable {
                name,
                default: None,
                quoted,
            });
        }
        Ok(())
    }

    fn parameter(&mut self) -> String {
        match self.source.next_if(|c| "?$!#@*".contains(*c) || c.is_ascii_digit()) {
            Some(c) => c.to_string(),
            None => self.name(),
        }
    }
}

fn push(word: &mut Word, c: char, in_quotes: bool) {
    match word.last_mut() {
        Some(Part::Text { text, quoted }) if *quoted == in_quotes => text.push(c),
        _ => word.push(Part::Text {
            text: c.to_string(),
            quoted: in_quotes,
        }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::parse::{Action, Script};
    use super::*;

    fn words(source: &str) -> Vec<Word> {
        let script: Script = parse(source).unwrap();
        match &script[0].first.commands[0].action {
            Action::Simple { words, .. } => words.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn quotes_keep_blanks_and_operators_in_a_word() {
        assert_eq!(words(r#"echo 'a; b' "c | d" e\ f"#).len(), 4);
    }

    #[test]
    fn a_substitution_holds_a_script() {
        let word = words("echo $(echo a; echo b)").remove(1);
        assert!(matches!(&word[0], Part::Command { script, quoted: false } if script.len() == 2));
    }

    #[test]
    fn what_is_not_finished_is_an_error() {
        for source in [
            "echo 'a",
            "echo \"a",
            "if true; then",
            "( true",
            "echo $(true",
            "while true; do",
        ] {
            assert_eq!(parse(source), Err(SyntaxError::Unfinished), "{source}");
        }
        for source in ["; true", "fi", "echo a | | b", "echo )"] {
            assert!(matches!(parse(source), Err(SyntaxError::Unexpected(_))), "{source}");
        }
    }
}
