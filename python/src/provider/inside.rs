//! What is done inside agents: commands, files, logs, and the ways in.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use mngr_host_shim::contract::docker::{ExecOptions, LogOptions};
use mngr_host_shim::engine::Fractions;
use mngr_host_shim::error::invalid;
use mngr_host_shim::json::{ConnectionJson, PortJson};
use mngr_host_shim::streams::Archive;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::Provider;
use crate::convert::{Answer, Pairs, to_python};
use crate::exec::{self, ExecResult, Wait};
use crate::files::{self, Attributes};
use crate::logs::LogStream;
use crate::{call, error};

/// What is copied in.
#[derive(FromPyObject)]
enum Given {
    #[pyo3(transparent, annotation = "bytes")]
    Tar(BytesOf),
    #[pyo3(transparent, annotation = "str | os.PathLike")]
    Path(PathBuf),
}

struct BytesOf(Vec<u8>);

impl<'py> FromPyObject<'_, 'py> for BytesOf {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self(given.cast::<PyBytes>()?.as_bytes().to_vec()))
    }
}

#[pymethods]
impl Provider {
    /// Runs a command in a running agent, gives it `stdin` and waits until it has ended. With `detach` nobody waits: it goes on by
    /// itself, and what it prints is lost. After `timeout` seconds, and after Ctrl-C, the command goes on too: an engine can not end
    /// one.
    #[pyo3(signature = (agent, argv, *, stdin=None, user=None, workdir=None, env=Pairs::default(), timeout=None, detach=false))]
    #[allow(clippy::too_many_arguments)]
    fn exec(
        &self,
        py: Python<'_>,
        agent: String,
        argv: Vec<String>,
        stdin: Option<&Bound<'_, PyBytes>>,
        user: Option<String>,
        workdir: Option<String>,
        env: Pairs,
        timeout: Option<f64>,
        detach: bool,
    ) -> PyResult<ExecResult> {
        let stdin = stdin.map(|stdin| stdin.as_bytes().to_vec()).unwrap_or_default();
        let options = ExecOptions {
            argv,
            env: env.0.iter().map(|(name, value)| format!("{name}={value}")).collect(),
            working_dir: workdir,
            user,
            stdin: !stdin.is_empty(),
            terminal: None,
        };
        let wait = match detach {
            true => Wait::Detached,
            false => Wait::AtMost(timeout.map(|seconds| duration(py, seconds)).transpose()?),
        };
        let provider = (*self.provider).clone();
        let ended = call::wait(py, &self.process, None, |cancel, _| {
            let provider = provider.cancelled_by(cancel.clone());
            exec::run(provider, cancel, agent, options, stdin, wait)
        })?;
        Ok(ended.to_python(py))
    }

    /// Copies a file or directory of this machine, or a tar archive in `bytes`, into an agent, running or not. As with
    /// `docker cp`, a directory that is there is copied into, and any other path is the name of the copy; what is in an archive goes
    /// into the directory `path`, which must be there. With `contents_only` a directory itself is not made, only what is in it.
    #[pyo3(signature = (agent, source, path, *, contents_only=false))]
    fn copy_in(&self, py: Python<'_>, agent: String, source: Given, path: String, contents_only: bool) -> PyResult<()> {
        let (archive, path) = match source {
            Given::Path(source) => (Archive::Path(source), path),
            Given::Tar(BytesOf(bytes)) => {
                let bytes = futures::stream::iter([Ok(Bytes::from(bytes))]).boxed();
                (Archive::Tar(bytes), format!("{}/.", path.trim_end_matches('/')))
            }
        };
        self.call(py, None, |provider| async move {
            provider.copy_in(&agent, &path, archive, contents_only).await
        })
    }

    /// The file or directory at a path in an agent, running or not, as a tar archive.
    fn copy_out<'py>(&self, py: Python<'py>, agent: String, path: String) -> PyResult<Bound<'py, PyBytes>> {
        let provider = (*self.provider).clone();
        let archive = call::wait(py, &self.process, None, |cancel, _| async move {
            let provider = provider.cancelled_by(cancel.clone());
            files::copy_out(&provider, &cancel, &agent, &path).await
        })?;
        Ok(PyBytes::new(py, &archive))
    }

    /// The content of a file in an agent, running or not. Symbolic links are followed.
    fn read_file<'py>(&self, py: Python<'py>, agent: String, path: String) -> PyResult<Bound<'py, PyBytes>> {
        let provider = (*self.provider).clone();
        let content = call::wait(py, &self.process, None, |cancel, _| async move {
            let provider = provider.cancelled_by(cancel.clone());
            files::read(&provider, &cancel, &agent, &path).await
        })?;
        Ok(PyBytes::new(py, &content))
    }

    /// Makes or replaces a file in an agent, running or not. Its directory must be there. `mode` is as `chmod` takes it.
    #[pyo3(signature = (agent, path, data, mode=0o644, *, uid=0, gid=0))]
    #[allow(clippy::too_many_arguments)]
    fn write_file(
        &self,
        py: Python<'_>,
        agent: String,
        path: String,
        data: &Bound<'_, PyBytes>,
        mode: u32,
        uid: u32,
        gid: u32,
    ) -> PyResult<()> {
        let data = data.as_bytes().to_vec();
        let attributes = Attributes {
            mode,
            uid: uid.into(),
            gid: gid.into(),
        };
        self.call(py, None, |provider| async move {
            files::write(&provider, &agent, &path, &data, &attributes).await
        })
    }

    /// What the agent's main command has printed, as an iterator of pairs of `"stdout"` or `"stderr"` and bytes. `since` and
    /// `until` are seconds since the epoch, with fractions or without, 0 for no bound; `tail` is how many of the last lines; with `follow` it goes on with what is
    /// printed from now on.
    #[pyo3(signature = (agent, *, follow=false, stdout=true, stderr=true, timestamps=false, since=0.0, until=0.0, tail=None))]
    #[allow(clippy::too_many_arguments)]
    fn logs(
        &self,
        py: Python<'_>,
        agent: String,
        follow: bool,
        stdout: bool,
        stderr: bool,
        timestamps: bool,
        since: f64,
        until: f64,
        tail: Option<u64>,
    ) -> PyResult<LogStream> {
        let (since, more_since) = moment(py, "since", since)?;
        let (until, more_until) = moment(py, "until", until)?;
        let fractions = Fractions {
            since: more_since,
            until: more_until,
        };
        let options = LogOptions {
            follow,
            stdout,
            stderr,
            timestamps,
            since,
            until,
            tail,
        };
        let log = self.call(py, None, |provider| async move {
            provider.logs_between(&agent, options, fractions).await
        })?;
        Ok(LogStream::new(self.process.clone(), log))
    }

    /// Where a TCP port of a running agent answers: a dict with `container_id`, `address` and `published`.
    fn port<'py>(&self, py: Python<'py>, agent: String, port: u16) -> Answer<'py> {
        let address = self.call(py, None, |provider| async move { provider.port(&agent, port).await })?;
        to_python(py, &PortJson::from(&address))
    }

    /// How an SSH client gets to the sshd that an agent runs on its published port 22: a dict with `user`, `host`, `port`,
    /// `proxy_jump` and `known_hosts` (lines).
    fn connection<'py>(&self, py: Python<'py>, agent: String) -> Answer<'py> {
        let found = self.call(py, None, |provider| async move { provider.connection(&agent).await })?;
        to_python(py, &ConnectionJson::from(&found))
    }
}

/// Whole seconds since the epoch, and nanoseconds to be added to them.
fn moment(py: Python<'_>, field: &str, given: f64) -> PyResult<(i64, u32)> {
    /// Of the last second that every engine knows, that of the year 9999.
    const LAST: f64 = 253_402_300_799.0;
    if !(-LAST..=LAST).contains(&given) {
        let fault = invalid(
            field,
            given.to_string(),
            "is no time",
            "give seconds since the epoch, or 0 for no bound",
        );
        return Err(error::raised(py, &fault));
    }
    let second = given.floor();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked just above"
    )]
    let split = (second as i64, ((given - second) * 1e9) as u32);
    Ok(split)
}

fn duration(py: Python<'_>, seconds: f64) -> PyResult<Duration> {
    let given = Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|given| !given.is_zero());
    given.ok_or_else(|| {
        let fault = invalid(
            "timeout",
            seconds.to_string(),
            "is no time to wait",
            "give seconds, more than 0",
        );
        error::raised(py, &fault)
    })
}
