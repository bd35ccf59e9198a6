//! Several ways of doing the same, measured in turn so that the machine's moods meet all of them.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};

/// Who does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Contender {
    /// This provider, its plugin a WebAssembly component.
    Wasm,
    /// This provider, its plugin a dynamic library.
    Native,
    /// The same engine calls by bollard, and nothing else.
    Bollard,
    /// The Docker CLI, a process a call.
    Cli,
    /// docker-py, which mngr's own provider stands on.
    Python,
    /// mngr's own provider.
    Peer,
    /// This provider with no SSH in between.
    Local,
    /// What may be taken.
    Limit,
}

impl Contender {
    /// What people call it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Wasm => "plugin (WASM)",
            Self::Native => "plugin (native)",
            Self::Bollard => "bare bollard",
            Self::Cli => "docker CLI",
            Self::Python => "docker-py",
            Self::Peer => "imbue-mngr-docker",
            Self::Local => "without SSH",
            Self::Limit => "limit",
        }
    }

    /// What programs call it.
    pub fn key(self) -> &'static str {
        match self {
            Self::Wasm => "wasm",
            Self::Native => "native",
            Self::Bollard => "bollard",
            Self::Cli => "docker-cli",
            Self::Python => "docker-py",
            Self::Peer => "imbue-mngr-docker",
            Self::Local => "local",
            Self::Limit => "limit",
        }
    }
}

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Time.
    Milliseconds,
    /// The most memory that a process has held.
    Mebibytes,
}

impl Unit {
    /// As it stands behind a figure.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Milliseconds => "ms",
            Self::Mebibytes => "MiB",
        }
    }
}

/// One thing, done by several.
#[derive(Debug, Clone)]
pub struct Row {
    /// What is done.
    pub what: String,
    /// What its figures count.
    pub unit: Unit,
    /// How many things it is done with, where that is what changes from row to row.
    pub size: Option<usize>,
    samples: Vec<(Contender, Vec<f64>)>,
}

impl Row {
    /// Of times.
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            unit: Unit::Milliseconds,
            size: None,
            samples: Vec::new(),
        }
    }

    /// The same with that many things.
    pub fn of_size(self, size: usize) -> Self {
        Self {
            size: Some(size),
            ..self
        }
    }

    /// The same, of memory.
    pub fn of_memory(self) -> Self {
        Self {
            unit: Unit::Mebibytes,
            ..self
        }
    }

    /// One more figure.
    pub fn add(&mut self, contender: Contender, figure: f64) {
        match self.samples.iter_mut().find(|(who, _)| *who == contender) {
            Some((_, figures)) => figures.push(figure),
            None => {
                self.samples.push((contender, vec![figure]));
                self.samples.sort_by_key(|(who, _)| *who);
            }
        }
    }

    /// One more time.
    pub fn took(&mut self, contender: Contender, time: Duration) {
        self.add(contender, time.as_secs_f64() * 1e3);
    }

    /// Who has done it.
    pub fn contenders(&self) -> impl Iterator<Item = Contender> {
        self.samples.iter().map(|(who, _)| *who)
    }

    /// A contender's median, and the median of the distances from it.
    pub fn median(&self, contender: Contender) -> Option<(f64, f64)> {
        let (_, figures) = self.samples.iter().find(|(who, _)| *who == contender)?;
        let middle = median(figures)?;
        let distances: Vec<_> = figures.iter().map(|figure| (figure - middle).abs()).collect();
        Some((middle, median(&distances)?))
    }

    /// All figures.
    pub fn json(&self) -> Value {
        let samples = self
            .samples
            .iter()
            .map(|(who, figures)| (who.key().to_owned(), json!(figures)));
        json!({
            "what": self.what,
            "unit": self.unit.symbol(),
            "size": self.size,
            "samples": serde_json::Map::from_iter(samples),
        })
    }

    /// The times, in seconds, that another program has taken of us and of mngr's own provider.
    pub fn of_seconds(what: &str, samples: &Value) -> Self {
        let mut row = Self::new(what);
        for (key, contender) in [("ours", Contender::Wasm), ("peer", Contender::Peer)] {
            let seconds = samples[key].as_array().into_iter().flatten().filter_map(Value::as_f64);
            seconds.for_each(|seconds| row.add(contender, seconds * 1e3));
        }
        row
    }
}

fn median(figures: &[f64]) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        even if even % 2 == 0 => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
        _ => Some(sorted[middle]),
    }
}

/// Rows that are compared with the same others.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its heading.
    pub name: &'static str,
    /// What is measured.
    pub rows: Vec<Row>,
    /// What else there is to say.
    pub notes: Vec<String>,
}

impl Part {
    /// One without rows.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Who is in it.
    pub fn contenders(&self) -> Vec<Contender> {
        let mut all: Vec<_> = self.rows.iter().flat_map(Row::contenders).collect();
        all.sort();
        all.dedup();
        all
    }
}

/// How long something takes.
pub async fn timed(work: impl Future<Output = Result<()>>) -> Result<Duration> {
    let start = Instant::now();
    work.await?;
    Ok(start.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_stands_with_the_median_distance_from_it() {
        let mut row = Row::new("x");
        assert_eq!(row.median(Contender::Wasm), None);
        for figure in [4.0, 1.0, 2.0, 100.0] {
            row.add(Contender::Wasm, figure);
        }
        assert_eq!(row.median(Contender::Wasm), Some((3.0, 1.5)));
    }

    #[test]
    fn the_contenders_of_a_part_are_named_once_and_in_order() {
        let mut part = Part::new("x");
        for contender in [Contender::Cli, Contender::Wasm] {
            let mut row = Row::new("y");
            row.add(contender, 1.0);
            row.add(Contender::Bollard, 1.0);
            part.rows.push(row);
        }
        assert_eq!(part.contenders(), [Contender::Wasm, Contender::Bollard, Contender::Cli]);
    }
}
