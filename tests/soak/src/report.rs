//! What was done, how often, and what was lost.

use std::fmt::Write as _;
use std::time::Duration;

use crate::world::Aftermath;

/// One kind of harm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Which one.
    pub harm: String,
    /// How often it was done.
    pub times: u32,
    /// How often one `reconcile` was not enough, because the engine was still at it.
    pub late: u32,
    /// What `check` still said afterwards, each with what had been done.
    pub violations: Vec<String>,
}

impl Row {
    /// Nothing done yet.
    pub fn new(harm: impl Into<String>) -> Self {
        Self {
            harm: harm.into(),
            times: 0,
            late: 0,
            violations: Vec::new(),
        }
    }

    /// It was done once more, and this came of it. What was lost is said at once.
    pub fn add(&mut self, what: &str, aftermath: Aftermath) {
        self.times += 1;
        self.late += u32::from(aftermath.reconciles > 1);
        for violation in aftermath.violations {
            let violation = format!("{what}: {violation}");
            eprintln!("{}: {violation}", self.harm);
            self.violations.push(violation);
        }
    }
}

/// Memory and file descriptors of this process at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Since the start.
    pub at: Duration,
    /// Memory that it has taken, in bytes.
    pub memory: u64,
    /// Open file descriptors.
    pub descriptors: usize,
}

/// The median of each quarter, in turn.
fn by_quarter(samples: &[Sample], value: impl Fn(&Sample) -> u64) -> String {
    let medians = samples.chunks(samples.len().div_ceil(4)).map(|quarter| {
        let mut values: Vec<_> = quarter.iter().map(&value).collect();
        values.sort_unstable();
        values[values.len() / 2].to_string()
    });
    medians.collect::<Vec<_>>().join(", ")
}

/// Everything that was done.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// By it the run can be repeated.
    pub seed: u64,
    /// One for each kind of harm.
    pub rows: Vec<Row>,
    /// Of a run under load.
    pub samples: Vec<Sample>,
}

impl Report {
    /// Of a run with this seed.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            ..Self::default()
        }
    }

    /// Adds to the row of the same harm.
    pub fn add(&mut self, row: Row) {
        match self.rows.iter_mut().find(|known| known.harm == row.harm) {
            Some(known) => {
                known.times += row.times;
                known.late += row.late;
                known.violations.extend(row.violations);
            }
            None => self.rows.push(row),
        }
    }

    /// Whether nothing was lost.
    pub fn is_clean(&self) -> bool {
        self.rows.iter().all(|row| row.violations.is_empty())
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        let mut text = format!(
            "Seed: {}\n\n| fault | times | settled late | lost |\n|---|---:|---:|---:|\n",
            self.seed
        );
        for row in &self.rows {
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} |",
                row.harm,
                row.times,
                row.late,
                row.violations.len()
            );
        }
        for violation in self.rows.iter().flat_map(|row| &row.violations) {
            let _ = writeln!(text, "\n- {violation}");
        }
        if !self.samples.is_empty() {
            let memory = by_quarter(&self.samples, |sample| sample.memory >> 20);
            let descriptors = by_quarter(&self.samples, |sample| sample.descriptors as u64);
            let _ = writeln!(
                text,
                "\nMemory in each quarter of the time, the median: {memory} MiB; file descriptors: {descriptors}."
            );
        }
        text
    }

    /// Memory and file descriptors over time, each as a line that reaches the top at its highest. Of what comes to lie in one
    /// place the highest is shown.
    pub fn svg(&self) -> String {
        const WIDTH: u16 = 800;
        const HEIGHT: f64 = 240.0;
        let end = self.samples.last().map_or(1.0, |last| last.at.as_secs_f64().max(1.0));
        let in_one_place = self.samples.len().div_ceil(WIDTH.into()).max(1);
        let line = |value: &dyn Fn(&Sample) -> f64| {
            let highest = |samples: &[Sample]| samples.iter().map(value).fold(0.0, f64::max);
            let most = highest(&self.samples).max(1.0);
            let points = self.samples.chunks(in_one_place).map(|place| {
                let x = place[0].at.as_secs_f64() / end * f64::from(WIDTH);
                format!("{x:.1},{:.1}", HEIGHT - highest(place) / most * HEIGHT)
            });
            (points.collect::<Vec<_>>().join(" "), most)
        };
        let (memory, most_memory) = line(&|sample| sample.memory as f64 / f64::from(1 << 20));
        let (descriptors, most_descriptors) = line(&|sample| sample.descriptors as f64);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-10 -30 820 290\" font-family=\"sans-serif\" \
             font-size=\"12\">\n<rect x=\"-10\" y=\"-30\" width=\"820\" height=\"290\" fill=\"#fff\"/>\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"none\" stroke=\"#ccc\"/>\n\
             <text x=\"0\" y=\"-10\" fill=\"#1f77b4\">memory, 0 to {most_memory:.0} MiB</text>\n\
             <text x=\"300\" y=\"-10\" fill=\"#d62728\">file descriptors, 0 to {most_descriptors:.0}</text>\n\
             <text x=\"{WIDTH}\" y=\"-10\" text-anchor=\"end\">{end:.0} s</text>\n\
             <polyline fill=\"none\" stroke=\"#1f77b4\" points=\"{memory}\"/>\n\
             <polyline fill=\"none\" stroke=\"#d62728\" points=\"{descriptors}\"/>\n</svg>\n"
        )
    }
}
