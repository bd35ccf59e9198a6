//! The grammar of the sandbox's shell: the part of POSIX `sh` that commands and entry scripts are written in.
//!
//! A parser of the whole language (`brush-parser`) was weighed and left out: it brings thirty crates into the shim for the
//! sake of test commands.

use std::iter::Peekable;
use std::str::Chars;

/// A piece of a word.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Text; only unquoted text is split or matched against file names.
    Text { text: String, quoted: bool },
    /// `$name`, `${name}` and `${name:-word}`.
    Variable {
        name: String,
        default: Option<Word>,
        quoted: bool,
    },
    /// `$(…)`.
    Command { script: Script, quoted: bool },
}

pub type Word = Vec<Part>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Read,
    Write,
    Append,
    /// `2>&1`.
    Duplicate,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Redirect {
    pub descriptor: u32,
    pub direction: Direction,
    pub target: Word,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Simple {
        assignments: Vec<(String, Word)>,
        words: Vec<Word>,
    },
    Subshell(Script),
    Group(Script),
    If {
        branches: Vec<(Script, Script)>,
        otherwise: Script,
    },
    While {
        until: bool,
        condition: Script,
        body: Script,
    },
    For {
        name: String,
        words: Vec<Word>,
        body: Script,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    pub action: Action,
    pub redirects: Vec<Redirect>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Pipeline {
    pub negated: bool,
    pub commands: Vec<Command>,
}

/// Pipelines joined by `&&` (true) and `||` (false).
#[derive(Debug, Clone, PartialEq)]
pub struct Chain {
    pub first: Pipeline,
    pub rest: Vec<(bool, Pipeline)>,
    pub background: bool,
}

pub type Script = Vec<Chain>;

/// Why a script is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxError {
    #[error("syntax error: unexpected {0}")]
    Unexpected(String),
    #[error("syntax error: unexpected end of file")]
    Unfinished,
    #[error("the sandbox's shell has no {0}")]
    Unsupported(&'static str),
}

pub(super) type Parsed<T> = Result<T, SyntaxError>;

/// Reads a whole script.
pub fn parse(source: &str) -> Parsed<Script> {
    let mut parser = Parser {
        source: source.chars().peekable(),
    };
    let script = parser.script(&[])?;
    match parser.source.peek() {
        None => Ok(script),
        Some(other) => Err(SyntaxError::Unexpected(format!("\"{other}\""))),
    }
}

pub struct Parser<'a> {
    pub(super) source: Peekable<Chars<'a>>,
}

const KEYWORDS: [&str; 10] = [
    "if", "then", "elif", "else", "fi", "while", "until", "do", "done", "for",
];

impl Parser<'_> {
    pub(super) fn blank(&mut self) {
        loop {
            match self.source.peek().copied() {
                Some(' ' | '\t' | '\r') => {
                    self.source.next();
                }
                Some('\\') if self.eat("\\\n") => {}
                Some('#') => while self.source.next_if(|c| *c != '\n').is_some() {},
                _ => return,
            }
        }
    }

    fn space(&mut self) {
        self.blank();
        while self.source.next_if(|c| *c == '\n').is_some() {
            self.blank();
        }
    }

    pub(super) fn eat(&mut self, text: &str) -> bool {
        let mut ahead = self.source.clone();
        if text.chars().all(|c| ahead.next() == Some(c)) {
            self.source = ahead;
            return true;
        }
        false
    }

    /// The unquoted word that comes next, where it is a keyword.
    fn keyword(&self) -> Option<&'static str> {
        let word: String = self.source.clone().take_while(|c| c.is_ascii_alphabetic()).collect();
        let end = self.source.clone().nth(word.len());
        if end.is_some_and(|c| !" \t\r\n;&|()".contains(c)) {
            return None;
        }
        KEYWORDS.into_iter().find(|keyword| *keyword == word)
    }

    fn expect(&mut self, keyword: &str) -> Parsed<()> {
        self.space();
        if self.keyword() == Some(keyword) && self.eat(keyword) {
            return Ok(());
        }
        Err(self.unexpected())
    }

    pub(super) fn unexpected(&mut self) -> SyntaxError {
        match self.source.peek().copied() {
            None => SyntaxError::Unfinished,
            Some('\n') => SyntaxError::Unexpected("newline".to_owned()),
            Some(c) => SyntaxError::Unexpected(format!("\"{}\"", self.keyword().map_or(c.to_string(), str::to_owned))),
        }
    }

    /// Commands up to a closing bracket or one of the keywords.
    pub(super) fn script(&mut self, until: &[&str]) -> Parsed<Script> {
        let mut script = Script::new();
        loop {
            self.space();
            if matches!(self.source.peek(), None | Some(')' | '}')) {
                return Ok(script);
            }
            if self.keyword().is_some_and(|keyword| until.contains(&keyword)) {
                return Ok(script);
            }
            let mut chain = self.chain()?;
            self.blank();
            match self.source.peek() {
                Some(';') => {
                    self.source.next();
                    if self.source.peek() == Some(&';') {
                        return Err(self.unexpected());
                    }
                }
                Some('&') => {
                    self.source.next();
                    chain.background = true;
                }
                Some('\n' | ')' | '}') | None => {}
                Some(_) => return Err(self.unexpected()),
            }
            script.push(chain);
        }
    }

    fn chain(&mut self) -> Parsed<Chain> {
        let first = self.pipeline()?;
        let mut rest = Vec::new();
        loop {
            self.blank();
            let and = if self.eat("&&") {
                true
            } else if self.eat("||") {
                false
            } else {
                return Ok(Chain {
                    first,
                    rest,
                    background: false,
                });
            };
            self.space();
            rest.push((and, self.pipeline()?));
        }
    }

    fn pipeline(&mut self) -> Parsed<Pipeline> {
        let negated = self.eat("! ");
        self.blank();
        let mut commands = vec![self.command()?];
        loop {
            self.blank();
            let mut ahead = self.source.clone();
            if ahead.next() != Some('|') || ahead.next() == Some('|') {
                return Ok(Pipeline { negated, commands });
            }
            self.source.next();
            self.space();
            commands.push(self.command()?);
        }
    }

    fn command(&mut self) -> Parsed<Command> {
        let mut redirects = Vec::new();
        let action = if self.eat("(") {
            let script = self.script(&[])?;
            self.close(')')?;
            Action::Subshell(script)
        } else if self.eat("{ ") || self.eat("{\n") {
            let script = self.script(&[])?;
            self.close('}')?;
            Action::Group(script)
        } else {
            match self.keyword() {
                Some("if") => self.branches()?,
                Some("for") => self.each()?,
                Some(keyword @ ("while" | "until")) => {
                    self.eat(keyword);
                    let condition = self.script(&["do"])?;
                    Action::While {
                        until: keyword == "until",
                        condition,
                        body: self.body()?,
                    }
                }
                Some(_) => return Err(self.unexpected()),
                None => self.simple(&mut redirects)?,
            }
        };
        while let Some(redirect) = self.redirect()? {
            redirects.push(redirect);
        }
        Ok(Command { action, redirects })
    }

    pub(super) fn close(&mut self, bracket: char) -> Parsed<()> {
        match self.source.next_if_eq(&bracket) {
            Some(_) => Ok(()),
            None => Err(self.unexpected()),
        }
    }

    fn body(&mut self) -> Parsed<Script> {
        self.expect("do")?;
        let body = self.script(&["done"])?;
        self.expect("done")?;
        Ok(body)
    }

    fn branches(&mut self) -> Parsed<Action> {
        let mut branches = Vec::new();
        let mut otherwise = Script::new();
        self.expect("if")?;
        loop {
            let condition = self.script(&["then"])?;
            self.expect("then")?;
            branches.push((condition, self.script(&["elif", "else", "fi"])?));
            if self.keyword() != Some("elif") {
                break;
            }
            self.eat("elif");
        }
        if self.keyword() == Some("else") && self.eat("else") {
            otherwise = self.script(&["fi"])?;
        }
        self.expect("fi")?;
        Ok(Action::If { branches, otherwise })
    }

    fn each(&mut self) -> Parsed<Action> {
        self.expect("for")?;
        self.blank();
        let name = self.name();
        self.blank();
        let mut words = Vec::new();
        if self.eat("in ") {
            while let Some(word) = self.word()? {
                words.push(word);
            }
        }
        self.space();
        self.source.next_if_eq(&';');
        Ok(Action::For {
            name,
            words,
            body: self.body()?,
        })
    }

    fn simple(&mut self, redirects: &mut Vec<Redirect>) -> Parsed<Action> {
        let mut assignments = Vec::new();
        let mut words = Vec::new();
        loop {
            if let Some(redirect) = self.redirect()? {
                redirects.push(redirect);
                continue;
            }
            if words.is_empty()
                && let Some(name) = self.assignment()
            {
                let value = if self.source.peek().is_some_and(|c| c.is_whitespace()) {
                    None
                } else {
                    self.word()?
                };
                assignments.push((name, value.unwrap_or_default()));
                continue;
            }
            match self.word()? {
                Some(word) => words.push(word),
                None => break,
            }
        }
        if assignments.is_empty() && words.is_empty() && redirects.is_empty() {
            return Err(self.unexpected());
        }
        if self.source.peek() == Some(&'(') {
            return Err(SyntaxError::Unsupported("functions"));
        }
        Ok(Action::Simple { assignments, words })
    }

    /// Reads `name=` where that is what comes.
    fn assignment(&mut self) -> Option<String> {
        self.blank();
        let mut ahead = Parser {
            source: self.source.clone(),
        };
        let name = ahead.name();
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !ahead.eat("=") {
            return None;
        }
        self.source = ahead.source;
        Some(name)
    }

    fn redirect(&mut self) -> Parsed<Option<Redirect>> {
        self.blank();
        let mut ahead = self.source.clone();
        let descriptor = ahead.next_if(char::is_ascii_digit).and_then(|c| c.to_digit(10));
        if !matches!(ahead.peek(), Some('<' | '>')) {
            return Ok(None);
        }
        self.source = ahead;
        let (direction, usual) = if self.eat("<<") {
            return Err(SyntaxError::Unsupported("here-documents"));
        } else if self.eat(">&") {
            (Direction::Duplicate, 1)
        } else if self.eat(">>") {
            (Direction::Append, 1)
        } else if self.eat(">|") || self.eat(">") {
            (Direction::Write, 1)
        } else {
            self.eat("<");
            (Direction::Read, 0)
        };
        let target = self.word()?.ok_or_else(|| self.unexpected())?;
        Ok(Some(Redirect {
            descriptor: descriptor.unwrap_or(usual),
            direction,
            target,
        }))
    }
}
