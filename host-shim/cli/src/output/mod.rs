//! What every command prints with: one JSON value for programs, aligned columns for people.
//!
//! What a person sees is [`Shown`], made of texts of others only by escaping them. No other module writes to stdout or stderr:
//! `clippy.toml` of this crate forbids it.
#![expect(
    clippy::disallowed_methods,
    reason = "here, and nowhere else, is stdout and stderr written to"
)]

pub mod raw;
mod shown;
pub mod style;
mod table;

use std::io::{self, IsTerminal, Write};

use indicatif::ProgressBar;
use serde::Serialize;

pub use shown::{Shown, Words};
pub(crate) use shown::{cells, shown};
pub use table::Table;

/// Who reads the output.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// A program: `--json`.
    pub json: bool,
}

impl Output {
    /// One JSON value on a line of its own.
    pub fn value(&self, value: &impl Serialize) -> io::Result<()> {
        raw::document(&json_line(value)?)
    }

    /// The same on stderr.
    pub fn value_on_stderr(&self, value: &impl Serialize) -> io::Result<()> {
        raw::document_on_stderr(&json_line(value)?)
    }

    /// A line for people.
    pub fn line(&self, line: impl Into<Shown>) -> io::Result<()> {
        writeln!(anstream::stdout().lock(), "{}", line.into().0)
    }

    /// A text of many lines.
    pub fn text(&self, text: impl Into<Shown>) -> io::Result<()> {
        anstream::stdout().lock().write_all(text.into().0.as_bytes())
    }

    /// Columns for people.
    pub fn table(&self, table: Table) -> io::Result<()> {
        self.text(table.render()?)
    }

    /// Columns over those that were there before, on a terminal; else below them.
    pub fn redraw(&self, table: Table) -> io::Result<()> {
        let mut out = anstream::stdout().lock();
        if raw::stdout_is_terminal() {
            // To the corner, and nothing left below it.
            out.write_all(b"\x1b[H\x1b[J")?;
        }
        out.write_all(table.render()?.0.as_bytes())?;
        out.flush()
    }

    /// A word on stderr, for people only.
    pub fn note(&self, note: impl Into<Shown>) {
        if !self.json {
            let _ = complain(shown!("{}\n", note.into()));
        }
    }

    /// `warning: …` on stderr, for people only.
    pub fn warn(&self, warning: impl Into<Shown>) {
        self.note(shown!("{} {}", style::WARNING.on("warning:"), warning.into()));
    }

    /// Whether a person can be asked.
    pub fn can_ask(&self) -> bool {
        !self.json && io::stdin().is_terminal() && raw::stderr_is_terminal()
    }
}

fn json_line(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

/// A text on stderr as it is, whoever reads it: a complaint, a question.
pub fn complain(text: impl Into<Shown>) -> io::Result<()> {
    anstream::stderr().lock().write_all(text.into().0.as_bytes())
}

/// What the command line itself says, help or a complaint.
pub fn usage(error: &clap::Error) -> io::Result<()> {
    let text = error.render();
    let text = Shown::rendered(text.ansi().to_string(), &text.to_string());
    match error.use_stderr() {
        true => complain(text),
        false => anstream::stdout().lock().write_all(text.0.as_bytes()),
    }
}

/// Whether what goes to stderr is to have colours.
pub fn stderr_is_coloured() -> bool {
    anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never
}

/// Has a spinner or a bar say this.
pub fn say_on(bar: &ProgressBar, message: impl Into<Shown>) {
    bar.set_message(message.into().0);
}
