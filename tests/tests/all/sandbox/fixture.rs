//! What the tests of the sandbox share.

use futures::StreamExt;
use mngr_host_shim::contract::Result;
use mngr_host_shim::contract::docker::{CommitOptions, ContainerSpec, ContainerStatus, ExecOptions, LogOptions};
use mngr_host_shim::engine::{Engine, Fractions};
use mngr_host_shim::sandbox::SandboxEngine;
use mngr_host_shim::streams::{Channel, ExecSession};

pub const IMAGE: &str = "mngr-test:busybox";

pub fn engine() -> SandboxEngine {
    SandboxEngine::new().with_image(IMAGE)
}

pub fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

pub fn spec(name: &str, command: &[&str]) -> ContainerSpec {
    ContainerSpec {
        name: name.to_owned(),
        image: IMAGE.to_owned(),
        labels: vec![("agent".to_owned(), name.to_owned())],
        command: (!command.is_empty()).then(|| words(command)),
        init: true,
        ..ContainerSpec::default()
    }
}

pub fn sleeper(name: &str) -> ContainerSpec {
    spec(name, &["sleep", "infinity"])
}

pub async fn run(engine: &SandboxEngine, spec: ContainerSpec) -> String {
    let id = engine.container_create(spec).await.unwrap().id;
    engine.container_start(&id).await.unwrap();
    id
}

pub fn exec_options(argv: &[&str]) -> ExecOptions {
    ExecOptions {
        argv: words(argv),
        ..ExecOptions::default()
    }
}

pub struct Finished {
    pub stdout: String,
    pub stderr: String,
    pub code: i64,
}

pub async fn finish(mut session: ExecSession) -> Finished {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    while let Some(output) = session.output.next().await {
        let output = output.unwrap();
        match output.channel {
            Channel::Stdout => stdout.extend_from_slice(&output.bytes),
            Channel::Stderr => stderr.extend_from_slice(&output.bytes),
        }
    }
    Finished {
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
        code: session.control.wait().await.unwrap(),
    }
}

pub async fn exec(engine: &SandboxEngine, id: &str, argv: &[&str]) -> Finished {
    finish(engine.exec(id, exec_options(argv)).await.unwrap()).await
}

pub async fn sh(engine: &SandboxEngine, id: &str, script: &str) -> Finished {
    exec(engine, id, &["sh", "-c", script]).await
}

/// Returns when the container has ended.
pub async fn ended(engine: &SandboxEngine, id: &str) -> i64 {
    let mut since = 0;
    loop {
        let state = engine.container_inspect(id, false).await.unwrap().state;
        if state.status == ContainerStatus::Exited {
            return state.exit_code;
        }
        let events = engine.events(Vec::new(), since, 60_000).await.unwrap();
        since = events.last().expect("something happens to it").time;
    }
}

pub async fn status(engine: &SandboxEngine, id: &str) -> ContainerStatus {
    engine.container_inspect(id, false).await.unwrap().state.status
}

pub async fn logs(engine: &SandboxEngine, id: &str) -> String {
    let options = LogOptions {
        follow: true,
        stdout: true,
        stderr: true,
        timestamps: false,
        since: 0,
        until: 0,
        tail: None,
    };
    let stream = engine.logs(id, options, Fractions::default()).await.unwrap();
    let pieces: Vec<_> = stream.output.map(|output| output.unwrap().bytes).collect().await;
    String::from_utf8(pieces.concat()).unwrap()
}

pub fn commit_options(tag: &str) -> CommitOptions {
    CommitOptions {
        flatten: false,
        without_env: Vec::new(),
        repository: "mngr-snapshot".to_owned(),
        tag: tag.to_owned(),
        comment: String::new(),
        author: String::new(),
        pause: true,
        labels: vec![("snapshot".to_owned(), tag.to_owned())],
    }
}

pub fn kind<T: std::fmt::Debug>(result: Result<T>) -> &'static str {
    result.unwrap_err().kind()
}
