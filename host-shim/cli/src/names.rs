//! The names of agents, for a shell whose user has pressed Tab.
//!
//! That is a look and nothing more. What a crash has left is not settled, no plugin is compiled, nothing is written; settings that
//! are not trusted, and whatever else goes wrong, offer no names and no word. It ends in time, and every process that it had
//! started ends with it.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fs;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use clap::{CommandFactory, FromArgMatches};
use mngr_host_shim::contract::instance::DiscoverRequest;
use mngr_host_shim::environment::Environment;
use mngr_host_shim::host::Host;
use mngr_host_shim::loader::{ArtefactCache, Loader};
use mngr_host_shim::words::clean;
use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, waitpid};

use super::Cli;
use super::context::Global;

/// How long names are waited for.
const DEADLINE: Duration = Duration::from_millis(1500);
/// How long a shell waits, whatever happens.
const LATEST: Duration = Duration::from_secs(2);
/// What a shell splits words at that its user has not: bash's `COMP_WORDBREAKS`.
const BREAKS: [&str; 3] = ["=", ":", "@"];

/// The names of the agents of the provider that the line means.
pub fn names() -> Vec<String> {
    // What a child leaves when it is killed, such as a ProxyCommand, comes to this process.
    let is_reaper = set_child_subreaper(Some(getpid())).is_ok();
    let (found, finding) = mpsc::sync_channel(1);
    // A thread of its own, so that nothing in it can outlast the shell's patience.
    thread::spawn(move || found.send(look(&line(std::env::args_os()))));
    let names = finding.recv_timeout(LATEST).ok().flatten();
    if is_reaper {
        end_children();
    }
    names.unwrap_or_default()
}

fn look(words: &[String]) -> Option<Vec<String>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .ok()?;
    let names = runtime.block_on(async { tokio::time::timeout(DEADLINE, discover(words)).await.ok().flatten() });
    // What is connected ends here, with its child.
    runtime.shutdown_background();
    names
}

async fn discover(words: &[String]) -> Option<Vec<String>> {
    let global = global(words)?;
    let environment = Environment::of_process();
    let config = global.load(&environment).ok()?;
    let chosen = global.choose(&config, global.provider.as_deref()).ok()?;
    let loader = Loader::new(ArtefactCache::of_user(&environment)).ok()?;
    let host = Host::with(loader.compiling_nothing(), environment);
    let provider = host.open_to_look(&chosen).await.ok()?;
    let everything = DiscoverRequest {
        tags: Vec::new(),
        states: Vec::new(),
    };
    let agents = provider.discover(everything).await.ok()?;
    // A shell shows a name as it is, so that one which would drive the terminal is not offered.
    let is_fit = |name: &String| matches!(clean(name), Cow::Borrowed(_));
    Some(agents.into_iter().map(|agent| agent.name).filter(is_fit).collect())
}

/// The global flags of a line that is not finished.
fn global(words: &[String]) -> Option<Global> {
    let matches = Cli::command().ignore_errors(true).try_get_matches_from(words).ok()?;
    let mut global = Global::from_arg_matches(&matches).ok()?;
    // The shell has not yet done with it what it will.
    if let Some(rest) = global.config.as_deref().and_then(|path| path.strip_prefix("~").ok())
        && let Some(home) = std::env::home_dir()
    {
        global.config = Some(home.join(rest));
    }
    Some(global)
}

/// The words of the line, beginning with the program, of what a shell has passed: `PROGRAM -- WORD…`.
fn line(arguments: impl IntoIterator<Item = OsString>) -> Vec<String> {
    let passed = arguments.into_iter().skip_while(|argument| argument != "--").skip(1);
    let mut words: Vec<String> = Vec::new();
    let mut goes_on = false;
    for word in passed.filter_map(|word| word.into_string().ok()) {
        let is_break = BREAKS.contains(&word.as_str());
        match words.last_mut() {
            Some(last) if is_break || goes_on => last.push_str(&word),
            _ => words.push(word),
        }
        goes_on = is_break;
    }
    words.into_iter().map(unquoted).collect()
}

/// The word without the quotes that its user has typed; shells pass them.
fn unquoted(word: String) -> String {
    match shlex::split(&word).as_deref() {
        Some([plain]) => plain.clone(),
        _ => word,
    }
}

/// Ends this process's children, and those that they leave to it, until there are none.
fn end_children() {
    loop {
        let children = children();
        if children.is_empty() {
            return;
        }
        for child in children {
            let _ = kill_process(child, Signal::KILL);
            let _ = waitpid(Some(child), WaitOptions::empty());
        }
    }
}

/// The children of all threads of this process, as Linux lists them.
fn children() -> Vec<Pid> {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let listed = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let numbers = listed.flat_map(|line| {
        line.split_whitespace()
            .filter_map(|pid| pid.parse().ok())
            .collect::<Vec<_>>()
    });
    numbers.filter_map(Pid::from_raw).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn typed(words: &[&str]) -> Global {
        let passed = ["mngr-docker", "--", "mngr-docker"]
            .iter()
            .chain(words)
            .map(OsString::from);
        global(&line(passed)).expect("flags")
    }

    #[test]
    fn flags_of_an_unfinished_line_are_read_wherever_they_stand() {
        for words in [
            &["--provider", "far", "--config", "x.toml", "stop", "al"][..],
            &["stop", "--config=x.toml", "--provider=far", ""],
            &["stop", "--config", "=", "x.toml", "--provider", "=", "far", ""],
            &[
                "create",
                "--tag",
                "a=b",
                "--provider",
                "far",
                "--config",
                "'x.toml'",
                "--parent",
                "",
            ],
            &["stop", "a", "--provider", "far", "", "--config", "x.toml"],
        ] {
            let global = typed(words);
            assert_eq!(global.provider.as_deref(), Some("far"), "{words:?}");
            assert_eq!(global.config.as_deref(), Some(Path::new("x.toml")), "{words:?}");
        }
    }

    #[test]
    fn flags_of_a_command_in_an_agent_are_its_own() {
        assert_eq!(typed(&["exec", "a", "--", "ls", "--provider", "far"]).provider, None);
    }

    #[test]
    fn what_a_shell_splits_is_put_together() {
        let words = [
            "p",
            "--",
            "mngr-docker",
            "cp",
            "a",
            ":",
            "/x",
            "--plugin",
            "mine",
            "@",
            "=",
            "0.1",
            "b c",
            "'d e'",
        ];
        let line = line(words.map(OsString::from));
        assert_eq!(
            line,
            ["mngr-docker", "cp", "a:/x", "--plugin", "mine@=0.1", "b c", "d e"]
        );
    }
}
