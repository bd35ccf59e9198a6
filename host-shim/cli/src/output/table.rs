//! Rows under a header, or names beside values.

use std::io::{self, Write};

use super::{Shown, style};

/// Rows of cells. What is a cell stays one: newlines and tabs in it are escaped.
#[derive(Debug, Default)]
pub struct Table {
    text: String,
}

impl Table {
    /// A table with these columns.
    pub fn with_header(columns: &[&'static str]) -> Self {
        let mut table = Self::default();
        table.header(columns);
        table
    }

    /// A row of the names of columns.
    pub fn header(&mut self, columns: &[&'static str]) {
        let styled: Vec<_> = columns.iter().map(|column| style::HEADER.on(column)).collect();
        self.row(&styled);
    }

    /// One more row.
    pub fn row(&mut self, cells: &[Shown]) {
        for (position, Shown(cell)) in cells.iter().enumerate() {
            if position > 0 {
                self.text.push('\t');
            }
            for c in cell.chars() {
                match c {
                    '\n' | '\t' => self.text.extend(c.escape_default()),
                    c => self.text.push(c),
                }
            }
        }
        self.text.push('\n');
    }

    /// A name and its value, where it has one.
    pub fn field(&mut self, name: &'static str, value: Option<impl Into<Shown>>) {
        if let Some(value) = value {
            self.row(&[style::HEADER.on(name), value.into()]);
        }
    }

    /// The aligned text.
    pub fn render(self) -> io::Result<Shown> {
        let mut writer = tabwriter::TabWriter::new(Vec::new()).ansi(true).padding(3);
        writer.write_all(self.text.as_bytes())?;
        let bytes = writer
            .into_inner()
            .map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Shown(String::from_utf8_lossy(&bytes).into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{cells, shown};
    use super::*;

    #[test]
    fn columns_line_up_whatever_their_colour() {
        let mut table = Table::with_header(&["NAME", "STATE"]);
        table.row(&cells![style::GOOD.on("a"), "running"]);
        table.row(&cells!["a-longer-name", "stopped"]);
        insta::assert_snapshot!(table.render().expect("text").plain(), @r#"
        NAME            STATE
        a               running
        a-longer-name   stopped
        "#);
    }

    #[test]
    fn a_cell_stays_one_whatever_is_in_it() {
        let mut table = Table::default();
        table.row(&cells!["a\tb\nc", shown!("d\te\n{}", "f\u{b}")]);
        assert_eq!(table.render().expect("text").plain(), "a\\tb\\nc   d\\te\\nf\\u{b}\n");
    }
}
