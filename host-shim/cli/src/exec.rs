//! `exec`: a command in an agent, with its streams, its terminal and its exit status.

use std::io::IsTerminal;
use std::pin::Pin;

use clap::Args;
use futures::StreamExt;
use mngr_host_shim::contract::docker::ExecOptions;
use mngr_host_shim::contract::log;
use mngr_host_shim::error::invalid;
use mngr_host_shim::streams::ExecSession;
use serde_json::json;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::signal::unix::{SignalKind, signal};

use super::arguments::{agent_names, pair};
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
    /// Environment variable; may be repeated
    #[arg(short, long, value_name = "KEY=VALUE", value_parser = pair)]
    env: Vec<(String, String)>,
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
            env: terminal::kind().into_iter().collect(),
            agent,
            command,
        }
    }

    /// Runs it.
    pub async fn run(self, context: &Context) -> Outcome {
        if self.tty && self.interactive && !std::io::stdin().is_terminal() {
            let remedy = "leave out -t, or run this in a terminal";
            return Err(invalid("tty", "", "stdin is not a terminal", remedy).into());
        }
        let spinner = context.spinner("starting the command");
        let provider = context.provider(&spinner).await?;
        let options = ExecOptions {
            argv: self.command,
            env: self.env.iter().map(|(name, value)| format!("{name}={value}")).collect(),
            working_dir: self.workdir,
            user: self.user,
            stdin: self.interactive,
            terminal: self.tty.then(terminal::size),
        };
        let session = provider
            .exec(&self.agent, options)
            .await
            .map_err(|error| context.failure(error))?;
        drop(spinner);
        let raw = match self.tty && self.interactive {
            true => Some(RawMode::enter()?),
            false => None,
        };
        let outcome = attend(context, session, self.tty).await;
        drop(raw);
        outcome
    }
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
