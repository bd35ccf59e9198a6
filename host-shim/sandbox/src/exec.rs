//! Commands in a running container.
//!
//! A command that is not there ends with 127, as the contract and newer engines have it; Engine 20.10 says 126.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use mngr_contract::Result;
use mngr_contract::docker::{ContainerStatus, ExecOptions};
use mngr_contract::error::unavailable;
use mngr_contract::streams::{Channel, ExecControl, ExecSession, Output};
use tokio::io::AsyncWrite;
use tokio::sync::{mpsc, watch};
use tokio_util::io::ReaderStream;

use super::create::set_variables;
use super::lifecycle::surroundings;
use super::process::{Process, SIGINT};
use super::shell::Shell;
use super::shell::io::{Input, Io, Sink};
use super::shell::program::Program;
use super::{SandboxEngine, WeakEngine, errors, locked};

/// What a keyboard sends for Ctrl-C and Ctrl-D.
const INTERRUPT: u8 = 3;
const END_OF_FILE: u8 = 4;

/// Bytes of stdin on their way.
const PIPE: usize = 64 * 1024;

struct Control {
    engine: WeakEngine,
    container: String,
    terminal: Option<Arc<Mutex<(u16, u16)>>>,
    status: watch::Receiver<Option<i64>>,
}

#[async_trait]
impl ExecControl for Control {
    async fn resize(&self, columns: u16, rows: u16) -> Result<()> {
        if let Some(terminal) = &self.terminal {
            *locked(terminal) = (columns, rows);
        }
        Ok(())
    }

    async fn started(&self) -> Result<Option<i64>> {
        Ok(*self.status.borrow())
    }

    async fn wait(&self) -> Result<i64> {
        let mut status = self.status.clone();
        let code = status.wait_for(Option::is_some).await.ok().and_then(|code| *code);
        let engine = self.engine.upgrade();
        let is_there = engine.is_some_and(|engine| engine.state().containers.contains_key(&self.container));
        code.filter(|_| is_there).ok_or_else(|| {
            unavailable(
                "the command",
                "the engine has forgotten it, so how it ended is unknown",
                "the container is gone; look at what the command did before you run it again",
            )
        })
    }
}

impl SandboxEngine {
    pub(super) async fn exec(&self, id: &str, options: ExecOptions) -> Result<ExecSession> {
        let Some(command) = options.argv.first().cloned() else {
            return Err(errors::bad("container", id, "No exec command specified"));
        };
        let state = self.state();
        let container = state.container(id)?;
        let Some(life) = container.life.clone() else {
            let reason = format!("Container {} is not running", container.id);
            return Err(errors::in_the_way("container", id, "not running", reason));
        };
        if container.status == ContainerStatus::Paused {
            let reason = format!("Container {id} is paused, unpause the container before exec");
            return Err(errors::in_the_way("container", id, "paused", reason));
        }
        let full = container.id.clone();
        let surroundings = surroundings(container, options.user.as_deref().filter(|user| !user.is_empty()));
        drop(state);

        let terminal = options
            .terminal
            .map(|size| Arc::new(Mutex::new((size.columns, size.rows))));
        let (sender, receiver) = mpsc::unbounded_channel();
        let (report, status) = watch::channel(None);
        let process = Arc::new(Process::new(false));
        let typed = terminal.is_some().then(|| process.clone());
        let (stdin, input) = stdin(options.stdin, typed);
        let io = outputs(&sender, terminal.is_some(), input);
        // The engine ends its own line so with a terminal and without.
        let complain = |reason: String| io.stdout.write(format!("{reason}\r\n"));
        let prefix = "OCI runtime exec failed: exec failed: unable to start container process";
        match surroundings {
            Err(error) => {
                complain(error.message());
                report.send_replace(Some(126));
            }
            Ok((user, mut environment, cwd)) => {
                if terminal.is_some() {
                    environment.push("TERM=xterm".to_owned());
                }
                set_variables(&mut environment, &options.env);
                let cwd = options.working_dir.clone().filter(|cwd| !cwd.is_empty()).unwrap_or(cwd);
                let pid = life.next_pid();
                let mut shell = Shell::new(life.clone(), process.clone(), pid, &environment, cwd, user, io.clone());
                shell.terminal.clone_from(&terminal);
                if !life.files.is_directory("/", &shell.cwd) {
                    complain(format!(
                        "{prefix}: chdir to cwd (\"{}\") set in config.json failed: no such file or directory: unknown",
                        shell.cwd
                    ));
                    report.send_replace(Some(126));
                } else {
                    match Program::find(&shell, &command) {
                        Ok(program) => {
                            tokio::spawn(async move {
                                let run = process.run(program.run(&mut shell, &options.argv));
                                let code = life.beside(run).await;
                                report.send_replace(Some(code));
                            });
                        }
                        Err(error) => {
                            complain(format!("{prefix}: exec: \"{command}\": {}: unknown", error.in_engine()));
                            report.send_replace(Some(error.status()));
                        }
                    }
                }
            }
        }
        let output = futures::stream::unfold(receiver, |mut receiver| async {
            receiver.recv().await.map(|output| (Ok(output), receiver))
        });
        Ok(ExecSession {
            stdin,
            output: Box::pin(output),
            control: Box::new(Control {
                engine: self.downgrade(),
                container: full,
                terminal,
                status,
            }),
        })
    }
}

type Stdin = Option<std::pin::Pin<Box<dyn AsyncWrite + Send>>>;

/// With a terminal, `typed` is the process that Ctrl-C interrupts, and Ctrl-D is the end.
fn stdin(connected: bool, typed: Option<Arc<Process>>) -> (Stdin, Input) {
    if !connected {
        return (None, Input::empty());
    }
    let (ours, theirs) = tokio::io::duplex(PIPE);
    // An error on a pipe in memory can only be its end.
    let bytes = ReaderStream::new(theirs).filter_map(|bytes| futures::future::ready(bytes.ok()));
    let input = match typed {
        None => bytes.boxed(),
        Some(process) => bytes
            .take_while(move |bytes| {
                if bytes.contains(&INTERRUPT) {
                    process.signal(SIGINT, false);
                }
                futures::future::ready(!bytes.contains(&END_OF_FILE))
            })
            .boxed(),
    };
    (Some(Box::pin(ours)), Input::new(input))
}

fn outputs(sender: &mpsc::UnboundedSender<Output>, terminal: bool, stdin: Input) -> Io {
    let sink = |channel: Channel| {
        let sender = sender.clone();
        Sink::new(move |bytes| {
            let bytes = if terminal { with_returns(&bytes) } else { bytes };
            // Whoever started the command may have stopped listening.
            let _ = sender.send(Output { channel, bytes });
        })
    };
    Io {
        stdin,
        stdout: sink(Channel::Stdout),
        stderr: sink(if terminal { Channel::Stdout } else { Channel::Stderr }),
    }
}

/// A terminal puts a carriage return before each line feed.
fn with_returns(bytes: &[u8]) -> Bytes {
    let mut result = Vec::with_capacity(bytes.len());
    let mut before = 0;
    for byte in bytes.iter().copied() {
        if byte == b'\n' && before != b'\r' {
            result.push(b'\r');
        }
        result.push(byte);
        before = byte;
    }
    result.into()
}
