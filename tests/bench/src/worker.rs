//! The steps in Python, in a process that lives as long as the benchmark does and takes the times itself: its own start is not
//! what is measured.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::side::{Scene, Step};

/// The script, which answers one JSON value a line with another.
pub fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../python/bench/docker_py.py")
}

/// One such process.
pub struct Worker {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// What it is: the package and its version.
    pub version: String,
}

impl Worker {
    /// Starts it with that interpreter, as what the word says: `docker-py`, or `imbue-mngr-docker`.
    ///
    /// # Errors
    /// Where it has not what it needs.
    pub fn start(python: &Path, what: &str, scene: &Scene) -> Result<Self> {
        let mut child = Command::new(python)
            .arg(script())
            .args([what, &scene.host, &scene.provider, &scene.image])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} does not run", python.display()))?;
        let requests = child.stdin.take().context("no stdin")?;
        let answers = BufReader::new(child.stdout.take().context("no stdout")?);
        let mut worker = Self {
            child,
            requests,
            answers,
            version: String::new(),
        };
        worker.version = worker.answer()?["version"].as_str().unwrap_or(what).to_owned();
        Ok(worker)
    }

    pub fn step(&mut self, step: Step, name: &str) -> Result<Duration> {
        self.ask(&json!({ "step": step.name(), "name": name }))
    }

    pub fn list(&mut self, size: usize) -> Result<Duration> {
        self.ask(&json!({ "step": "list", "size": size }))
    }

    pub fn create_at_once(&mut self, names: &[String]) -> Result<Duration> {
        self.ask(&json!({ "step": "create_at_once", "names": names }))
    }

    fn ask(&mut self, request: &Value) -> Result<Duration> {
        writeln!(self.requests, "{request}")?;
        self.requests.flush()?;
        let seconds = self.answer()?["seconds"].as_f64();
        Ok(Duration::from_secs_f64(seconds.context("it took no time")?))
    }

    fn answer(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        anyhow::ensure!(!line.is_empty(), "the Python process has ended; see above");
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
