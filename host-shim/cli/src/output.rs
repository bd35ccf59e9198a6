//! What every command prints with: one JSON value for programs, aligned columns for people.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

/// Colours. They are dropped where the stream is no terminal or `NO_COLOR` is set.
pub mod style {
    use anstyle::{AnsiColor, Style};
    use mngr_host_shim::contract::types::AgentState;

    pub const ERROR: Style = AnsiColor::Red.on_default().bold();
    pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();
    pub const HELP: Style = AnsiColor::Cyan.on_default();
    pub const GOOD: Style = AnsiColor::Green.on_default();
    pub const HEADER: Style = Style::new().bold();
    pub const DIM: Style = Style::new().dimmed();

    /// The colour of a state.
    pub fn state(state: AgentState) -> Style {
        match state {
            AgentState::Running => GOOD,
            AgentState::Building | AgentState::Starting | AgentState::Stopping => AnsiColor::Cyan.on_default(),
            AgentState::Paused => AnsiColor::Yellow.on_default(),
            AgentState::Stopped | AgentState::Destroyed => DIM,
            AgentState::Crashed | AgentState::Failed => AnsiColor::Red.on_default(),
            AgentState::Unknown => AnsiColor::Magenta.on_default(),
        }
    }
}

/// Who reads the output.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// A program: `--json`.
    pub json: bool,
}

impl Output {
    /// One JSON value on a line of its own.
    pub fn value(&self, value: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        let mut out = io::stdout().lock();
        out.write_all(&line)?;
        out.flush()
    }

    /// A line for people.
    pub fn line(&self, line: &str) -> io::Result<()> {
        writeln!(anstream::stdout().lock(), "{line}")
    }

    /// A text of many lines, as it is.
    pub fn text(&self, text: &str) -> io::Result<()> {
        anstream::stdout().lock().write_all(text.as_bytes())
    }

    /// Columns for people.
    pub fn table(&self, table: Table) -> io::Result<()> {
        anstream::stdout().lock().write_all(table.render()?.as_bytes())
    }

    /// Columns over those that were there before, on a terminal; else below them.
    pub fn redraw(&self, table: Table) -> io::Result<()> {
        let mut out = anstream::stdout().lock();
        if io::stdout().is_terminal() {
            // To the corner, and nothing left below it.
            out.write_all(b"\x1b[H\x1b[J")?;
        }
        out.write_all(table.render()?.as_bytes())?;
        out.flush()
    }

    /// A word on stderr, for people only.
    pub fn note(&self, note: &str) {
        if !self.json {
            let _ = writeln!(anstream::stderr().lock(), "{note}");
        }
    }

    /// `warning: …` on stderr, for people only.
    pub fn warn(&self, warning: &str) {
        let warn = style::WARNING;
        self.note(&format!("{warn}warning:{warn:#} {warning}"));
    }

    /// Whether a person can be asked.
    pub fn can_ask(&self) -> bool {
        !self.json && io::stdin().is_terminal() && io::stderr().is_terminal()
    }
}

/// Rows under a header, or names beside values.
#[derive(Debug, Default)]
pub struct Table {
    text: String,
}

impl Table {
    /// A table with these columns.
    pub fn with_header(columns: &[&str]) -> Self {
        let header = style::HEADER;
        let styled: Vec<_> = columns
            .iter()
            .map(|column| format!("{header}{column}{header:#}"))
            .collect();
        let mut table = Self::default();
        table.row(&styled);
        table
    }

    /// One more row. Cells must be clean.
    pub fn row(&mut self, cells: &[impl AsRef<str>]) {
        for (position, cell) in cells.iter().enumerate() {
            if position > 0 {
                self.text.push('\t');
            }
            self.text.push_str(cell.as_ref());
        }
        self.text.push('\n');
    }

    /// A name and its value, where it has one.
    pub fn field(&mut self, name: &str, value: Option<impl AsRef<str>>) {
        if let Some(value) = value {
            let header = style::HEADER;
            self.row(&[format!("{header}{name}{header:#}"), value.as_ref().to_owned()]);
        }
    }

    /// The aligned text.
    pub fn render(self) -> io::Result<String> {
        let mut writer = tabwriter::TabWriter::new(Vec::new()).ansi(true).padding(3);
        writer.write_all(self.text.as_bytes())?;
        let bytes = writer
            .into_inner()
            .map_err(|error| io::Error::other(error.to_string()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Text from a label, an engine or a container as it may go to a terminal: control characters escaped.
pub fn clean(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut clean, c| {
        match c {
            c if c.is_control() => clean.extend(c.escape_default()),
            c => clean.push(c),
        }
        clean
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_their_colour() {
        let mut table = Table::with_header(&["NAME", "STATE"]);
        let good = style::GOOD;
        table.row(&[format!("{good}a{good:#}"), "running".into()]);
        table.row(&["a-longer-name", "stopped"]);
        let plain = anstream::adapter::strip_str(&table.render().expect("text")).to_string();
        insta::assert_snapshot!(plain, @r#"
        NAME            STATE
        a               running
        a-longer-name   stopped
        "#);
    }

    #[test]
    fn a_label_can_not_drive_the_terminal() {
        assert_eq!(clean("a\u{1b}[2Jb\tc\nd"), "a\\u{1b}[2Jb\\tc\\nd");
        assert_eq!(clean("größe"), "größe");
    }
}
