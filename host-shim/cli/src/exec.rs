//! `exec`: a command in an agent, with its streams, its terminal and its exit status.

use std::io::IsTerminal;
use std::pin::Pin;

use clap::{Args, ValueHint};
use futures::StreamExt;
use mngr_host_shim::arguments;
use mngr_host_shim::contract::docker::ExecOptions;
use mngr_host_shim::contract::log;
use mngr_host_shim::error::invalid;
use mngr_host_shim::streams::ExecSession;
use serde_json::json;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::signal::unix::{SignalKind, signal};

use super::arguments::agent_names;
use super::context::Context;
use super::exit::Exit;
use super::failure::Outcome;
use super::output::raw;
use super::stream::Printer;
use super::terminal::{self, RawMode};

/// Run a command in a running agent; its exit status is this one's
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mngr-docker exec a1 -- ls -l /
  mngr-docker exec -it a1 -- sh
  mngr-docker exec -d -e TOKEN --env-file .env a1 -- serve
  tar c src | mngr-docker exec -i a1 -- tar x -C /srv

The exit status is the command's own; 126 or 127 where the engine can not run it, 125 where mngr-docker itself failed.
The command goes on in the agent when mngr-docker is interrupted.")]
pub struct Exec {
    /// Pass stdin on to the command
    #[arg(short, long)]
    interactive: bool,
    /// Give the command a terminal
    #[arg(short, long, conflicts_with = "json")]
    tty: bool,
    /// User to run it as, `name` or `uid[:gid]`
    #[arg(short, long)]
    user: Option<String>,
    /// Directory to run it in
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<String>,
    /// Environment variable; a name alone takes the value of this process; may be repeated
    #[arg(short, long, value_name = "NAME[=VALUE]", allow_hyphen_values = true)]
    env: Vec<String>,
    /// Environment variables of a file, as `docker run` takes it; may be repeated
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    env_file: Vec<String>,
    /// Start the command and leave it to itself
    #[arg(short, long)]
    detach: bool,
    /// Give the command all rights of the engine's machine, where `permissions` allow `docker.privileged`
    #[arg(long)]
    privileged: bool,
    /// Id, unique prefix of one, or name
    #[arg(add = agent_names())]
    agent: String,
    /// The command and its arguments
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "CMD"
    )]
    command: Vec<String>,
}

impl Exec {
    /// The command and its arguments.
    #[cfg(test)]
    pub fn command(&self) -> &[String] {
        &self.command
    }

    /// A shell for whoever is at the terminal, or for what is piped in.
    pub fn shell(agent: String, user: Option<String>, command: Vec<String>) -> Self {
        Self {
            interactive: true,
            tty: std::io::stdin().is_terminal() && raw::stdout_is_terminal(),
            user,
            workdir: None,
            env: terminal::kind()
                .map(|(name, value)| format!("{name}={value}"))
                .into_iter()
                .collect(),
            env_file: Vec::new(),
            detach: false,
            privileged: false,
            agent,
            command,
        }
    }

    /// Runs it.
    pub async fn run(self, context: &Context) -> Outcome {
        let interactive = self.interactive && !self.detach;
        if self.tty && interactive && !std::io::stdin().is_terminal() {
            let remedy = "leave out -t, or run this in a terminal";
            return Err(invalid("tty", "", "stdin is not a terminal", remedy).into());
        }
        let spinner = context.spinner("starting the command");
        let provider = context.provider(&spinner).await?;
        let provider = match self.privileged {
            true => provider.with_privileged_exec(),
            false => provider,
        };
        let options = ExecOptions {
            argv: self.command,
            env: arguments::variables(&self.env, &self.env_file, &context.environment)?,
            working_dir: self.workdir,
            user: self.user,
            stdin: interactive,
            terminal: self.tty.then(terminal::size),
        };
        let session = provider
            .exec(&self.agent, options)
            .await
            .map_err(|error| context.failure(error))?;
        if self.detach {
            let outcome = leave(context, session).await;
            drop(spinner);
            return outcome;
        }
        drop(spinner);
        let raw = match self.tty && interactive {
            true => Some(RawMode::enter()?),
            false => None,
        };
        let outcome = attend(context, session, self.tty).await;
        drop(raw);
        outcome
    }
}

/// What an engine prints of a command that it cannot run.
const NOT_RUN: &str = "OCI runtime exec failed";

/// Leaves a command to itself once it runs. What the engine says of one that it cannot run is shown.
async fn leave(context: &Context, mut session: ExecSession) -> Outcome {
    let mut printer = Printer::new(context.output.json);
    if let Some(status @ (126 | 127)) = session.control.started().await? {
        let mut pieces = Vec::new();
        while let Some(piece) = session.output.next().await {
            pieces.push(piece?);
        }
        let said: Vec<u8> = pieces.iter().flat_map(|piece| piece.bytes.to_vec()).collect();
        // One that ran and ended with such a status was left to itself all the same.
        if String::from_utf8_lossy(&said).contains(NOT_RUN) {
            for piece in &pieces {
                printer.print(piece).await?;
            }
            printer.finish(Some(json!({ "exit_code": status }))).await?;
            return Ok(Exit(u8::try_from(status).unwrap_or(u8::MAX)));
        }
    }
    printer.finish(Some(json!({ "exit_code": null }))).await?;
    Ok(Exit::OK)
}

/// Moves bytes until the command ends.
async fn attend(context: &Context, mut session: ExecSession, terminal: bool) -> Outcome {
    let mut printer = Printer::new(context.output.json);
    let mut resized = signal(SignalKind::window_change())?;
    if let Some(stdin) = session.stdin.take() {
        tokio::spawn(feed(stdin));
    }
    loop {
        tokio::select! {
            piece = session.output.next() => match piece {
                Some(piece) => printer.print(&piece?).await?,
                None => break,
            },
            Some(()) = resized.recv(), if terminal => {
                let size = terminal::size();
                if let Err(error) = session.control.resize(size.columns, size.rows).await {
                    log!(DEBUG, "the terminal keeps its size", error = error);
                }
            }
            failure = context.interrupted() => return Err(failure),
        }
    }
    let status = session.control.wait().await?;
    printer.finish(Some(json!({ "exit_code": status }))).await?;
    Ok(Exit(u8::try_from(status).unwrap_or(u8::MAX)))
}

/// Passes stdin on to its end. A command that does not read it to the end is no error.
async fn feed(mut to: Pin<Box<dyn AsyncWrite + Send>>) {
    let mut stdin = tokio::io::stdin();
    if let Err(error) = tokio::io::copy(&mut stdin, &mut to).await {
        log!(DEBUG, "stdin is not passed on any further", error = error);
    }
    let _ = to.shutdown().await;
}
