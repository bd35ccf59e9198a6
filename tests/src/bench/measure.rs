//! Two ways of doing the same, measured in turn so that the machine's moods meet both.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Result;

/// One thing, done by us and by the other.
pub struct Pair {
    what: String,
    ours: Vec<Duration>,
    other: Vec<Duration>,
}

impl Pair {
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            ours: Vec::new(),
            other: Vec::new(),
        }
    }

    /// Does both once; who goes first changes each time.
    pub async fn alternate(
        &mut self,
        ours: impl Future<Output = Result<()>>,
        other: impl Future<Output = Result<()>>,
    ) -> Result<()> {
        if self.ours.len().is_multiple_of(2) {
            self.ours.push(timed(ours).await?);
            self.other.push(timed(other).await?);
        } else {
            self.other.push(timed(other).await?);
            self.ours.push(timed(ours).await?);
        }
        Ok(())
    }

    /// The same for work that blocks.
    pub fn alternate_now(
        &mut self,
        ours: impl FnOnce() -> Result<()>,
        other: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let timed = |work: Box<dyn FnOnce() -> Result<()> + '_>| -> Result<Duration> {
            let start = Instant::now();
            work()?;
            Ok(start.elapsed())
        };
        let first_is_ours = self.ours.len().is_multiple_of(2);
        if first_is_ours {
            self.ours.push(timed(Box::new(ours))?);
            self.other.push(timed(Box::new(other))?);
        } else {
            self.other.push(timed(Box::new(other))?);
            self.ours.push(timed(Box::new(ours))?);
        }
        Ok(())
    }
}

async fn timed(work: impl Future<Output = Result<()>>) -> Result<Duration> {
    let start = Instant::now();
    work.await?;
    Ok(start.elapsed())
}

fn milliseconds(durations: &[Duration]) -> (f64, f64, f64) {
    let mut sorted: Vec<_> = durations.iter().map(|duration| duration.as_secs_f64() * 1e3).collect();
    sorted.sort_by(f64::total_cmp);
    match sorted.as_slice() {
        [] => (0.0, 0.0, 0.0),
        [least, ..] => (*least, sorted[sorted.len() / 2], sorted[sorted.len() - 1]),
    }
}

/// A Markdown table of pairs, with notes under it.
#[derive(Default)]
pub struct Table {
    pairs: Vec<Pair>,
    notes: Vec<String>,
}

impl Table {
    pub fn push(&mut self, pairs: Vec<Pair>) {
        self.pairs.extend(pairs);
    }

    pub fn note(&mut self, note: String) {
        self.notes.push(note);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| | ratio | ours: median (min–max) ms | other ms |")?;
        writeln!(f, "|---|---|---|---|")?;
        for pair in &self.pairs {
            let (least, median, most) = milliseconds(&pair.ours);
            let (other_least, other_median, other_most) = milliseconds(&pair.other);
            writeln!(
                f,
                "| {} | {:.2} | {median:.1} ({least:.1}–{most:.1}) | {other_median:.1} ({other_least:.1}–{other_most:.1}) |",
                pair.what,
                median / other_median
            )?;
        }
        for note in &self.notes {
            writeln!(f, "\n{note}")?;
        }
        Ok(())
    }
}
