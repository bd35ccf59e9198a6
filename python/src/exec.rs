//! Commands in agents, from their start to their end.

use std::pin::Pin;
use std::time::Duration;

use futures::StreamExt;
use mngr_host_shim::contract::docker::ExecOptions;
use mngr_host_shim::contract::limits::OUTPUT;
use mngr_host_shim::contract::{ProviderError, Result};
use mngr_host_shim::error::timeout;
use mngr_host_shim::provider::Provider;
use mngr_host_shim::streams::{Channel, ExecSession};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use crate::call::unless_cancelled;

/// How a command ended and what it printed.
///
/// The status is 126 or 127 where the engine could not run the command.
#[pyclass(frozen, module = "mngr_docker._native")]
pub struct ExecResult {
    /// The command's status; `None` where nobody waited for it.
    #[pyo3(get)]
    exit_code: Option<i64>,
    /// What it wrote to its standard output.
    #[pyo3(get)]
    stdout: Py<PyBytes>,
    /// What it wrote to its standard error.
    #[pyo3(get)]
    stderr: Py<PyBytes>,
}

#[pymethods]
impl ExecResult {
    fn __repr__(&self, py: Python<'_>) -> String {
        let code = self
            .exit_code
            .map_or_else(|| "None".to_owned(), |code| code.to_string());
        let (out, err) = (self.stdout.bind(py), self.stderr.bind(py));
        format!("ExecResult(exit_code={code}, stdout={out:?}, stderr={err:?})")
    }
}

/// The same before Python has it.
#[derive(Default)]
pub struct Ended {
    exit_code: Option<i64>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Ended {
    /// As Python has it.
    pub fn to_python(&self, py: Python<'_>) -> ExecResult {
        ExecResult {
            exit_code: self.exit_code,
            stdout: PyBytes::new(py, &self.stdout).unbind(),
            stderr: PyBytes::new(py, &self.stderr).unbind(),
        }
    }
}

/// How long a command is waited for.
#[derive(Clone, Copy)]
pub enum Wait {
    /// Not at all: it has got its stdin, and goes on by itself.
    Detached,
    /// So long, or until it ends. The engine has no way to end it: it goes on.
    AtMost(Option<Duration>),
}

/// Runs a command.
pub async fn run(
    provider: Provider,
    cancel: CancellationToken,
    agent: String,
    options: ExecOptions,
    stdin: Vec<u8>,
    wait: Wait,
) -> Result<Ended> {
    let mut session = provider.exec(&agent, options).await?;
    let limit = match wait {
        Wait::Detached => {
            feed(session.stdin.take(), &stdin).await;
            return Ok(Ended::default());
        }
        Wait::AtMost(limit) => limit,
    };
    let attended = unless_cancelled(&cancel, "the command", attend(session, &stdin));
    let Some(limit) = limit else {
        return attended.await;
    };
    match tokio::time::timeout(limit, attended).await {
        Ok(ended) => ended,
        Err(_) => Err(timeout(
            format!("a command in agent `{agent}`"),
            limit,
            true,
            "it goes on in the agent: end it there, or give it a longer `timeout`",
        )),
    }
}

async fn attend(mut session: ExecSession, fed: &[u8]) -> Result<Ended> {
    let stdin = session.stdin.take();
    let feeding = async {
        feed(stdin, fed).await;
        Ok(())
    };
    let mut ended = Ended::default();
    let listening = async {
        while let Some(piece) = session.output.next().await {
            let piece = piece?;
            match piece.channel {
                Channel::Stdout => ended.stdout.extend_from_slice(&piece.bytes),
                Channel::Stderr => ended.stderr.extend_from_slice(&piece.bytes),
            }
            let length = ended.stdout.len() + ended.stderr.len();
            OUTPUT.check(length).map_err(|exceeded| exceeded.about("the command"))?;
        }
        Ok::<(), ProviderError>(())
    };
    tokio::try_join!(feeding, listening)?;
    ended.exit_code = Some(session.control.wait().await?);
    Ok(ended)
}

/// A command that does not read its stdin to the end is no error.
async fn feed(to: Option<Pin<Box<dyn AsyncWrite + Send>>>, bytes: &[u8]) {
    if let Some(mut to) = to {
        let _ = to.write_all(bytes).await;
        let _ = to.shutdown().await;
    }
}
