//! Commands in a running container.

use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use bollard::errors::Error;
use bollard::models::{ExecConfig, ExecInspectResponse};
use bollard::query_parameters::ResizeExecOptionsBuilder;
use http::header::{CONNECTION, CONTENT_TYPE, UPGRADE};
use http::{HeaderValue, Method};
use http_body_util::{Either, Full};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use mngr_contract::docker::{ExecOptions, TerminalSize};
use mngr_contract::error::{invalid, unavailable};
use mngr_contract::streams::{ExecControl, ExecSession};
use mngr_contract::{ProviderError, Result};
use tokio::io::{AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};

use super::convert_values::list;
use super::system::ApiVersion;
use super::transport::Ahead;
use super::{DockerEngine, logs, references};

/// Bytes of stdin that wait for the engine to take them.
const STDIN_BUFFER: usize = 64 << 10;

/// The first and the longest pause between two questions whether a command whose output ended has ended too.
const PAUSES: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(500));

/// From here on an exec is told its terminal's size when it starts.
const SIZE_AT_START: ApiVersion = ApiVersion(1, 42);

pub(super) async fn exec(engine: &DockerEngine, id: &str, options: ExecOptions) -> Result<ExecSession> {
    let container = references::name("container", id)?;
    if options.argv.is_empty() {
        return Err(invalid("argv", "", "there is no command", "name the program to run"));
    }
    let api = engine.check().await?;
    let (stdin, terminal) = (options.stdin, options.terminal);
    let config = ExecConfig {
        privileged: Some(engine.privileged_exec),
        ..config(options, api)
    };
    let operation = engine.changes("run a command in", "container", container);
    // Over a distance a connection takes as long to be made as the exec itself.
    let ahead = tokio::spawn(engine.open_ahead());
    let exec_id = engine
        .run(operation, engine.docker().create_exec(container, config))
        .await?
        .id;
    let (read, write) = engine
        .run(operation, async {
            let ahead = ahead.await.ok().flatten();
            attach(engine, ahead, &exec_id, terminal.is_some()).await
        })
        .await?;

    let control = Control {
        engine: engine.clone(),
        id: exec_id,
        container: container.to_owned(),
    };
    if let (Some(size), true) = (terminal, api < SIZE_AT_START) {
        let control = control.clone();
        // The engine answers once the command runs, which the caller need not wait for. One that ends before has no
        // terminal to be told of, so a failure means nothing.
        tokio::spawn(async move { control.resize(size.columns, size.rows).await });
    }
    Ok(ExecSession {
        stdin: stdin.then(|| pipe(write)),
        output: logs::output(
            read,
            terminal.is_some(),
            format!("the output of a command in `{container}`"),
        ),
        control: Box::new(control),
    })
}

fn config(options: ExecOptions, api: ApiVersion) -> ExecConfig {
    let size = |size: TerminalSize| vec![usize::from(size.rows), usize::from(size.columns)];
    ExecConfig {
        attach_stdin: Some(options.stdin),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        tty: Some(options.terminal.is_some()),
        console_size: options.terminal.filter(|_| api >= SIZE_AT_START).map(size),
        env: list(options.env),
        cmd: Some(options.argv),
        user: options.user,
        working_dir: options.working_dir,
        ..Default::default()
    }
}

type Io = TokioIo<Upgraded>;

/// Starts an exec and takes its connection over.
async fn attach(
    engine: &DockerEngine,
    ahead: Option<Ahead>,
    exec_id: &str,
    tty: bool,
) -> std::result::Result<(ReadHalf<Io>, WriteHalf<Io>), Error> {
    let body = serde_json::to_vec(&serde_json::json!({ "Detach": false, "Tty": tty }))?;
    let body = Either::Left(Full::new(body.into()));
    let mut request = engine.request(Method::POST, &format!("/exec/{exec_id}/start"), &[], body)?;
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (CONNECTION, "Upgrade"),
        (UPGRADE, "tcp"),
    ];
    for (name, value) in headers {
        request.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    let upgraded = hyper::upgrade::on(engine.stream_on(ahead, request).await?).await?;
    Ok(tokio::io::split(TokioIo::new(upgraded)))
}

/// The way to a command's stdin. Half of a connection does not close when it is dropped, so a task carries the bytes and
/// closes it when they end.
fn pipe(mut write: WriteHalf<Io>) -> Pin<Box<dyn AsyncWrite + Send>> {
    let (near, mut far) = tokio::io::duplex(STDIN_BUFFER);
    tokio::spawn(async move {
        // A command that ends before its input does is no fault: the caller's next write fails, as with a pipe.
        if tokio::io::copy(&mut far, &mut write).await.is_ok() {
            let _ = write.shutdown().await;
        }
    });
    Box::pin(near)
}

/// A running exec, apart from its bytes.
#[derive(Clone)]
struct Control {
    engine: DockerEngine,
    id: String,
    container: String,
}

impl Control {
    /// Asks again and again until the answer says what is wanted.
    async fn asked_until<T>(&self, wanted: impl Fn(&ExecInspectResponse) -> Option<T> + Send) -> Result<T> {
        let (mut pause, longest) = PAUSES;
        loop {
            let operation = self.engine.reads("ask after", "exec", &self.id);
            let request = self.engine.docker().inspect_exec(&self.id);
            let exec = self.engine.run(operation, request).await;
            if let Some(found) = wanted(&exec.map_err(|error| self.forgotten(error))?) {
                return Ok(found);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(longest);
        }
    }

    /// An exec outlives neither its container nor the engine's process.
    fn forgotten(&self, error: ProviderError) -> ProviderError {
        match error {
            ProviderError::NotFound(problem) => unavailable(
                format!("a command in container `{}`", self.container),
                format!("how it ended is unknown: {}", problem.reason),
                "the engine restarted or the container is gone; look at what the command did before you run it again",
            ),
            error => error,
        }
    }
}

fn ended(exec: &ExecInspectResponse) -> Option<i64> {
    exec.exit_code.filter(|_| !exec.running.unwrap_or_default())
}

#[async_trait]
impl ExecControl for Control {
    async fn resize(&self, columns: u16, rows: u16) -> Result<()> {
        let size = ResizeExecOptionsBuilder::default()
            .w(i32::from(columns))
            .h(i32::from(rows))
            .build();
        let operation = self.engine.reads("resize the terminal of", "exec", &self.id);
        self.engine
            .run(operation, self.engine.docker().resize_exec(&self.id, size))
            .await
    }

    async fn started(&self) -> Result<Option<i64>> {
        self.asked_until(|exec| match (ended(exec), exec.pid) {
            (Some(code), _) => Some(Some(code)),
            // The engine says that it runs before it has a process.
            (None, Some(pid)) if pid > 0 => Some(None),
            _ => None,
        })
        .await
    }

    // The output ends a moment before the engine knows the status, or long before where a command closes it.
    async fn wait(&self) -> Result<i64> {
        self.asked_until(ended).await
    }
}
