//! Commands, files and logs.

use mngr_docker_plugin::Result;
use mngr_docker_plugin::contract::docker::{
    Archive, ExecOptions, ExecSession, LogOptions, LogStream, PathStat, TerminalSize,
};
use mngr_docker_plugin::contract::types::{AgentState, ProviderError};

use crate::call::{Call, conflict, internal};

pub async fn exec(call: Call, agent: String, mut options: ExecOptions) -> Result<ExecSession> {
    let is_shell = options.argv.first().is_some_and(|program| program == "sh");
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    match call.engine.fault.as_str() {
        "exec.streams-are-apart" => options.terminal = Some(TerminalSize { columns: 80, rows: 24 }),
        "exec.status-is-the-commands" if is_shell && options.argv[2].starts_with("exit") => {
            options.argv = words(&["sh", "-c", &format!("sh -c '{}' || true", options.argv[2])]);
        }
        "exec.stdin-arrives-and-ends" => options.stdin = false,
        "exec.environment-is-as-asked" => options.env.clear(),
        "exec.directory-is-as-asked" => options.working_dir = None,
        "exec.terminal-makes-one-stream" => options.terminal = None,
        "exec.arguments-are-no-shell-words" if !is_shell => {
            options.argv = words(&["sh", "-c", &options.argv.join(" ")]);
        }
        "exec.nothing-to-run-is-invalid-argument" if options.argv.is_empty() => options.argv = words(&["true"]),
        _ => {}
    }
    let state = call.state(&agent).await;
    match call.inner.exec(&agent, options).await {
        Err(ProviderError::Conflict(_))
            if call.breaks("exec.in-stopped-is-conflict") && state == Some(AgentState::Stopped) =>
        {
            Err(internal())
        }
        Err(ProviderError::Conflict(_))
            if call.breaks("exec.in-paused-is-conflict") && state == Some(AgentState::Paused) =>
        {
            Err(internal())
        }
        session => session,
    }
}

pub async fn copy_in(call: Call, agent: String, path: String, archive: Archive, contents_only: bool) -> Result<()> {
    let (mut path, mut contents_only) = (path, contents_only);
    match call.engine.fault.as_str() {
        "copy-in.goes-into-a-directory" => path.push_str("/copied"),
        "copy-in.gets-the-name-of-a-new-path" => {
            let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
            if !parent.is_empty() {
                path = parent.to_owned();
            }
        }
        "copy-in.contents-only-leaves-out-the-top" => contents_only = false,
        _ => {}
    }
    match call.inner.copy_in(&agent, &path, archive, contents_only).await {
        Err(ProviderError::NotFound(_)) if call.breaks("copy-in.no-directory-is-not-found") => Err(internal()),
        copied => copied,
    }
}

pub async fn copy_out(call: Call, agent: String, path: String) -> Result<(PathStat, Archive)> {
    let mut path = path;
    match call.engine.fault.as_str() {
        "copy.round-trip" if path.ends_with("project") => path = "/etc".to_owned(),
        "copy-out.of-stopped" if call.state(&agent).await == Some(AgentState::Stopped) => return Err(conflict()),
        _ => {}
    }
    match call.inner.copy_out(&agent, &path).await {
        Ok((mut stat, archive)) => {
            if call.breaks("copy-out.says-what-it-is") {
                stat.is_directory = !stat.is_directory;
            }
            Ok((stat, archive))
        }
        Err(ProviderError::NotFound(_)) if call.breaks("copy-out.missing-path-is-not-found") => Err(internal()),
        Err(error) => Err(error),
    }
}

pub async fn logs(call: Call, agent: String, mut options: LogOptions) -> Result<LogStream> {
    match call.engine.fault.as_str() {
        "logs.have-both-outputs" => options.stderr = false,
        "logs.only-the-outputs-asked-for" => options.stdout = true,
        "logs.tail-is-the-last-lines" => options.tail = None,
        "logs.timestamps-begin-each-line" => options.timestamps = false,
        "logs.follow-goes-on-to-the-end" => options.follow = false,
        _ => {}
    }
    match call.inner.logs(&agent, options).await {
        Err(ProviderError::NotFound(_)) if call.breaks("errors.not-found-everywhere") => Err(internal()),
        log => log,
    }
}
