//! Work side by side: set-up that waits for the network beside the compiler, and two test runners, of which the first is watched as
//! it goes and the other is shown when it has ended.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, Result, anyhow};

use crate::command::{shown, succeeded};

/// Does what waits for the network and the disk beside what keeps the processors busy. The error of the latter comes first.
pub fn set_up(waiting: impl FnOnce() -> Result<()> + Send, busy: impl FnOnce() -> Result<()>) -> Result<()> {
    std::thread::scope(|scope| {
        let waiting = scope.spawn(waiting);
        busy()?;
        waiting
            .join()
            .map_err(|_| anyhow!("the set-up of the machine panicked"))?
    })
}

/// Runs both to their end. What the first prints goes where ours goes, but for the summary at its end: that comes after all that
/// the second has printed, which is kept in the file `log` meanwhile.
pub fn run(first: &mut Command, second: &mut Command, log: &Path) -> Result<()> {
    let beside = Beside::start(second, log)?;
    let watched = up_to_its_summary(first);
    // Whatever became of the first: the second must not go on alone.
    let outcome = beside.end();
    let (status, summary) = watched?;
    io::stderr().write_all(&summary)?;
    succeeded(status, &shown(first))?;
    outcome
}

/// A program that runs meanwhile.
struct Beside {
    child: Child,
    log: PathBuf,
    shown: String,
}

impl Beside {
    fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let shown = shown(command);
        let child = command.spawn().with_context(|| format!("cannot run {shown}"))?;
        let log = log.to_owned();
        Ok(Self { child, log, shown })
    }

    /// Waits for its end and shows what it has printed.
    fn end(mut self) -> Result<()> {
        let status = self.child.wait()?;
        let printed = std::fs::read(&self.log).with_context(|| format!("cannot read {}", self.log.display()))?;
        io::stderr().write_all(&printed)?;
        succeeded(status, &self.shown)
    }
}

/// Runs cargo-nextest, and returns its summary and what comes behind that in place of printing it.
fn up_to_its_summary(command: &mut Command) -> Result<(ExitStatus, Vec<u8>)> {
    let mut child = command
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", shown(command)))?;
    let mut printed = BufReader::new(child.stderr.take().context("no stderr")?);
    let (mut line, mut summary) = (Vec::new(), Vec::new());
    while printed.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        if !summary.is_empty() || text.contains("Summary") && text.contains(" run:") {
            summary.append(&mut line);
        } else {
            io::stderr().write_all(&line)?;
            line.clear();
        }
    }
    Ok((child.wait()?, summary))
}
