//! The last run, as README.md shows it.

use std::path::Path;

use anyhow::{Context, Result};

const BEGIN: &str = "<!-- bench: begin -->\n";
const END: &str = "<!-- bench: end -->";

/// Puts the table between its marks, and the chart where README.md looks for it.
pub fn show(table: &str, chart: &Path) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::copy(chart, root.join("tests/bench.svg"))?;
    let path = root.join("README.md");
    let text = std::fs::read_to_string(&path)?;
    let shown = exchanged(&text, table).context("README.md has lost the marks of the benchmark")?;
    std::fs::write(&path, shown)?;
    Ok(())
}

fn exchanged(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    let picture = "![how the time of a list grows, and what each step takes](tests/bench.svg)";
    Some(format!(
        "{before}{BEGIN}\n{}\n\n{picture}\n\n{END}{after}",
        table.trim()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_between_the_marks_is_exchanged_and_nothing_else() {
        let text = format!("a\n{BEGIN}old\n{END}\nb\n");
        let shown = exchanged(&text, "| new |\n").expect("marks");
        assert!(shown.starts_with("a\n") && shown.ends_with("\nb\n"), "{shown}");
        assert!(shown.contains("| new |") && !shown.contains("old"), "{shown}");
        assert_eq!(exchanged(&shown, "| new |"), Some(shown), "again is the same");
        assert_eq!(exchanged("no marks", "x"), None);
    }
}
