//! What was measured, as Markdown and as JSON, with what it was measured on.

use std::fmt::Write as _;
use std::process::Command;

use serde_json::{Value, json};

use crate::measure::{Contender, Part, Row};

/// What everything is compared with: what the others are divided by.
const FIRST: Contender = Contender::Wasm;

/// The machine and the versions.
#[derive(Debug, Clone, Default)]
pub struct Circumstances(pub Vec<(&'static str, String)>);

impl Circumstances {
    /// What this machine says of itself.
    pub fn of_this_machine() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let processor = read("/proc/cpuinfo");
        let model = processor
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        let memory = read("/proc/meminfo");
        let kib = memory
            .lines()
            .find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB"));
        let gib = kib.and_then(|kib| kib.trim().parse::<f64>().ok()).unwrap_or_default() / f64::from(1 << 20);
        let rustc = Command::new("rustc").arg("--version").output();
        let rustc = rustc.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let load = read("/proc/loadavg");
        Self(vec![
            ("CPU", format!("{count} × {}", model.unwrap_or("unknown"))),
            ("memory", format!("{gib:.0} GiB")),
            ("kernel", format!("Linux {}", read("/proc/sys/kernel/osrelease").trim())),
            (
                "rustc",
                rustc.unwrap_or_default().trim().trim_start_matches("rustc ").to_owned(),
            ),
            ("load before", load.split(' ').next().unwrap_or_default().to_owned()),
        ])
    }

    /// One more.
    pub fn add(&mut self, what: &'static str, value: String) {
        self.0.push((what, value));
    }
}

/// The parts as JSON, with every figure.
pub fn json(circumstances: &Circumstances, parts: &[Part]) -> Value {
    let made_on: serde_json::Map<_, _> = circumstances
        .0
        .iter()
        .map(|(what, value)| ((*what).to_owned(), json!(value)))
        .collect();
    let part = |part: &Part| {
        let rows: Vec<_> = part.rows.iter().map(Row::json).collect();
        json!({ "name": part.name, "rows": rows, "notes": part.notes })
    };
    json!({ "made_on": made_on, "parts": parts.iter().map(part).collect::<Vec<_>>() })
}

/// The parts as tables: how many times as long as each other contender the plugin takes, then the medians behind that.
pub fn markdown(circumstances: &Circumstances, parts: &[Part]) -> String {
    let mut text = String::new();
    for part in parts {
        let _ = writeln!(text, "{}\n", table(part));
        for note in &part.notes {
            let _ = writeln!(text, "{note}\n");
        }
    }
    let made_on: Vec<_> = circumstances
        .0
        .iter()
        .map(|(what, value)| format!("{what}: {value}"))
        .collect();
    let _ = writeln!(text, "Made on: {}.", made_on.join("; "));
    text
}

fn table(part: &Part) -> String {
    let contenders = part.contenders();
    let others: Vec<_> = contenders.iter().copied().filter(|who| *who != FIRST).collect();
    let ratios = others.iter().map(|who| format!("÷ {}", who.label()));
    let medians = contenders.iter().map(|who| who.label().to_owned());
    let heads: Vec<_> = ratios.chain(medians).collect();
    let mut lines = vec![
        format!("| {} | {} |", part.name, heads.join(" | ")),
        format!("|---|{}", "---:|".repeat(heads.len())),
    ];
    for row in &part.rows {
        let ratios = others.iter().map(|who| ratio(row, *who));
        let medians = contenders.iter().map(|who| median(row, *who));
        let cells: Vec<_> = ratios.chain(medians).collect();
        lines.push(format!("| {} | {} |", row.what, cells.join(" | ")));
    }
    lines.join("\n")
}

fn ratio(row: &Row, other: Contender) -> String {
    match (row.median(FIRST), row.median(other)) {
        (Some((ours, _)), Some((theirs, _))) if theirs > 0.0 => {
            let ratio = ours / theirs;
            // Two digits that mean something, also of a hundredth.
            match ratio < 0.1 {
                true => format!("**{ratio:.3}**"),
                false => format!("**{ratio:.2}**"),
            }
        }
        _ => "-".to_owned(),
    }
}

fn median(row: &Row, contender: Contender) -> String {
    match row.median(contender) {
        Some((middle, spread)) => format!("{} ± {} {}", short(middle), short(spread), row.unit.symbol()),
        None => "-".to_owned(),
    }
}

/// A figure as exactly as anybody wants to know it.
fn short(figure: f64) -> String {
    match figure {
        large if large >= 100.0 => format!("{large:.0}"),
        small => format!("{small:.1}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part() -> Part {
        let mut row = Row::new("create");
        for figure in [10.0, 11.0, 12.0] {
            row.add(Contender::Wasm, figure);
            row.add(Contender::Bollard, 10.0);
            row.add(Contender::Python, figure * 40.0);
        }
        let mut other = Row::new("list, 10 agents");
        other.add(Contender::Wasm, 1.0);
        Part {
            rows: vec![row, other],
            notes: vec!["Noted.".to_owned()],
            ..Part::new("life")
        }
    }

    #[test]
    fn the_ratios_come_first_and_what_was_not_measured_is_a_dash() {
        let circumstances = Circumstances(vec![("CPU", "2 × fast".to_owned())]);
        let expected = [
            "| life | ÷ bare bollard | ÷ docker-py | plugin (WASM) | bare bollard | docker-py |",
            "|---|---:|---:|---:|---:|---:|",
            "| create | **1.10** | **0.025** | 11.0 ± 1.0 ms | 10.0 ± 0.0 ms | 440 ± 40.0 ms |",
            "| list, 10 agents | - | - | 1.0 ± 0.0 ms | - | - |",
            "",
            "Noted.",
            "",
            "Made on: CPU: 2 × fast.",
            "",
        ];
        assert_eq!(markdown(&circumstances, &[part()]), expected.join("\n"));
    }

    #[test]
    fn every_figure_is_in_the_json() {
        let json = json(&Circumstances::default(), &[part()]);
        assert_eq!(
            json["parts"][0]["rows"][0]["samples"]["wasm"],
            json!([10.0, 11.0, 12.0])
        );
    }
}
