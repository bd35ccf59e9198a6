//! `mngr-docker`, agents in Docker containers from the command line: one file per family of subcommands, what is printed apart from what is done.

mod arguments;
mod changes;
mod check;
mod completions;
mod context;
mod copy;
mod create;
mod doctor;
mod events;
mod exec;
mod exit;
mod failure;
mod findings;
mod fork;
mod gc;
mod gpus;
mod interrupt;
mod life;
mod limits;
mod lineage;
mod list;
mod list_all;
mod log;
mod logs;
mod migrate;
mod moment;
mod names;
mod output;
mod plugin;
mod progress;
mod reach;
mod reconcile;
mod registry;
mod run_flags;
mod settings;
mod several;
mod show;
mod snapshot;
mod stats;
mod stream;
mod template;
mod terminal;
mod trust;
mod units;
mod watch;

use std::ffi::OsStr;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser, Subcommand};
use futures::future::LocalBoxFuture;
use mngr_host_shim::json::ErrorJson;

use context::{Context, Global};
use exit::Exit;
use failure::{Failure, Outcome};
use output::Output;

/// Agents in Docker containers: create, find, run, snapshot and restore them.
///
/// AGENT is an agent's id, a unique prefix of one, or its name.
#[derive(Debug, Parser)]
#[command(name = "mngr-docker", version, after_long_help = exit::table(), propagate_version = false)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Doctor(doctor::Doctor),
    Create(Box<create::Create>),
    List(list::List),
    Show(show::Show),
    Start(life::Start),
    Stop(life::Stop),
    Pause(life::Pause),
    Resume(life::Resume),
    Destroy(life::Destroy),
    Rename(life::Rename),
    Exec(exec::Exec),
    Connect(reach::Connect),
    Forward(reach::Forward),
    Connection(reach::Connection),
    Cp(copy::Cp),
    Logs(logs::Logs),
    Limits(limits::Limits),
    Stats(stats::Stats),
    Events(events::Events),
    Gc(gc::Gc),
    Gpus(gpus::Gpus),
    Snapshot(snapshot::Snapshot),
    Fork(fork::Fork),
    Migrate(migrate::Migrate),
    Reconcile(reconcile::Reconcile),
    Check(check::Check),
    Trust(trust::Trust),
    Plugin(plugin::Plugin),
    Completions(completions::Completions),
}

impl Command {
    /// Each on the heap and by itself: the futures of all of them in one are large, and slow to compile.
    fn run(self, context: &Context) -> LocalBoxFuture<'_, Outcome> {
        match self {
            Self::Doctor(command) => Box::pin(command.run(context)),
            Self::Create(command) => Box::pin(command.run(context)),
            Self::List(command) => Box::pin(command.run(context)),
            Self::Show(command) => Box::pin(command.run(context)),
            Self::Start(command) => Box::pin(command.run(context)),
            Self::Stop(command) => Box::pin(command.run(context)),
            Self::Pause(command) => Box::pin(command.run(context)),
            Self::Resume(command) => Box::pin(command.run(context)),
            Self::Destroy(command) => Box::pin(command.run(context)),
            Self::Rename(command) => Box::pin(command.run(context)),
            Self::Exec(command) => Box::pin(command.run(context)),
            Self::Connect(command) => Box::pin(command.run(context)),
            Self::Forward(command) => Box::pin(command.run(context)),
            Self::Connection(command) => Box::pin(command.run(context)),
            Self::Cp(command) => Box::pin(command.run(context)),
            Self::Logs(command) => Box::pin(command.run(context)),
            Self::Limits(command) => Box::pin(command.run(context)),
            Self::Stats(command) => Box::pin(command.run(context)),
            Self::Events(command) => Box::pin(command.run(context)),
            Self::Gc(command) => Box::pin(command.run(context)),
            Self::Gpus(command) => Box::pin(command.run(context)),
            Self::Snapshot(command) => Box::pin(command.run(context)),
            Self::Fork(command) => Box::pin(command.run(context)),
            Self::Migrate(command) => Box::pin(command.run(context)),
            Self::Reconcile(command) => Box::pin(command.run(context)),
            Self::Check(command) => Box::pin(command.run(context)),
            Self::Trust(command) => Box::pin(command.run(context)),
            Self::Plugin(command) => Box::pin(command.run(context)),
            Self::Completions(command) => Box::pin(async { command.run() }),
        }
    }
}

/// Runs the program with the process's arguments.
fn main() -> ExitCode {
    mngr_host_shim::loader::compile_if_asked();
    clap_complete::CompleteEnv::with_factory(Cli::command).complete();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let _log = log::init(cli.global.log_format);
    let _failpoints = mngr_host_shim::failpoint::setup();
    let output = Output { json: cli.global.json };
    // What `exec` runs has statuses of its own, so its own failures stand apart.
    let failed_as = matches!(cli.command, Command::Exec(_) | Command::Connect(_)).then_some(Exit::EXEC_FAILED);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return finish(Err(error.into()), output, None),
    };
    let outcome = runtime.block_on(async {
        let context = Context::new(cli.global)?;
        cli.command.run(&context).await
    });
    // A read of stdin may still be under way, and never end.
    runtime.shutdown_background();
    finish(outcome, output, failed_as)
}

fn finish(outcome: Outcome, output: Output, failed_as: Option<Exit>) -> ExitCode {
    let exit = match outcome {
        Ok(exit) => exit,
        Err(failure) => {
            // Where the complaint itself can not be written, the status still says it.
            let _ = failure.show(&output);
            match (&failure, failed_as) {
                (Failure::Provider(_) | Failure::Config(_), Some(exit)) => exit,
                _ => failure.exit(),
            }
        }
    };
    ExitCode::from(exit.0)
}

/// Help and version are printed as they are; wrong usage also as JSON where that was asked for.
fn usage(error: &clap::Error) -> ExitCode {
    let json = std::env::args_os()
        .take_while(|word| word != "--")
        .any(|word| word == OsStr::new("--json"));
    if !error.use_stderr() || !json {
        let _ = output::usage(error);
        return ExitCode::from(if error.use_stderr() { Exit::USAGE.0 } else { Exit::OK.0 });
    }
    let text = error.to_string();
    let message = text.split("\n\n").next().unwrap_or(&text);
    let message = message
        .strip_prefix("error: ")
        .unwrap_or(message)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let field = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(name)) => Some(name.as_str()),
        Some(ContextValue::Strings(names)) => names.first().map(String::as_str),
        _ => None,
    };
    let _ = Output { json }.value(&ErrorJson::new(
        "invalid_argument",
        message,
        field,
        "see `mngr-docker --help`",
    ));
    ExitCode::from(Exit::USAGE.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_flags_go_before_and_after_the_subcommand() {
        for words in [&["mngr-docker", "--json", "list"], &["mngr-docker", "list", "--json"]] {
            assert!(Cli::try_parse_from(words).expect("valid").global.json);
        }
    }

    #[test]
    fn exec_takes_its_command_with_and_without_the_dashes_and_leaves_its_flags_alone() {
        for words in [
            &["mngr-docker", "exec", "-i", "a", "--", "ls", "-l", "--json"][..],
            &["mngr-docker", "exec", "-i", "a", "ls", "-l", "--json"][..],
        ] {
            let cli = Cli::try_parse_from(words).expect("valid");
            assert!(!cli.global.json);
            let Command::Exec(exec) = cli.command else {
                panic!("not exec")
            };
            assert_eq!(exec.command(), ["ls", "-l", "--json"]);
        }
    }
}
