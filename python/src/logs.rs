//! What an agent's main command prints, piece by piece.

use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt;
use mngr_host_shim::streams::{Channel, LogStream as Stream, OutputStream};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::call::{self, unless_cancelled};
use crate::process::Process;

/// An iterator over what was printed: pairs of `"stdout"` or `"stderr"` and the bytes, as they came. It ends where the log does; one
/// that follows ends when the agent does.
#[pyclass(frozen, module = "mngr_docker._native")]
pub struct LogStream {
    process: Arc<Process>,
    /// None at its end, and while a thread waits for the next piece.
    output: Mutex<Option<OutputStream>>,
}

impl LogStream {
    /// An iterator over a log.
    pub fn new(process: Arc<Process>, log: Stream) -> Self {
        Self {
            process,
            output: Mutex::new(Some(log.output)),
        }
    }

    fn output(&self) -> std::sync::MutexGuard<'_, Option<OutputStream>> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl LogStream {
    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<(&'static str, Bound<'py, PyBytes>)>> {
        let Some(mut output) = self.output().take() else {
            return Ok(None);
        };
        let (output, piece) = call::wait(py, &self.process, None, |cancel, _| async move {
            let next = async { output.next().await.transpose() };
            let piece = unless_cancelled(&cancel, "the log", next).await?;
            Ok((output, piece))
        })?;
        let Some(piece) = piece else {
            return Ok(None);
        };
        *self.output() = Some(output);
        let channel = match piece.channel {
            Channel::Stdout => "stdout",
            Channel::Stderr => "stderr",
        };
        Ok(Some((channel, PyBytes::new(py, &piece.bytes))))
    }
}
