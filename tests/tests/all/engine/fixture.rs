//! Containers for one test each, removed when it ends however it ends.

use std::process::Command;
use std::sync::Arc;

use futures::StreamExt;
use mngr_host_shim::config::ProviderConfig;
use mngr_host_shim::contract::docker::{ContainerSpec, ContainerStatus, ExecOptions};
use mngr_host_shim::engine::connect::{connect, endpoint};
use mngr_host_shim::engine::docker::DockerEngine;
use mngr_host_shim::engine::ssh::Tunnels;
use mngr_host_shim::engine::{Engine, ProgressSink};
use mngr_host_shim::environment::Environment;
use mngr_host_shim::streams::{Channel, ExecSession, OutputStream};
use uuid::Uuid;

pub const IMAGE: &str = "mngr-test:busybox";
pub const LABEL: &str = "com.imbue.mngr.test";

/// The engine that the tests run on.
pub fn engine() -> DockerEngine {
    let config = ProviderConfig::named("test");
    connect(&config, &Environment::of_process(), &Tunnels::default()).expect("an engine to test on")
}

/// A name that no other test has.
pub fn unique(what: &str) -> String {
    format!("mngr-test-{what}-{}", Uuid::new_v4().simple())
}

pub fn no_progress() -> ProgressSink {
    Arc::new(|_| {})
}

/// A container that waits for a signal, on the image that the tests share.
pub fn spec(name: &str) -> ContainerSpec {
    ContainerSpec {
        name: name.into(),
        image: IMAGE.into(),
        labels: vec![(LABEL.into(), "1".into())],
        command: Some(command(&[
            "sh",
            "-c",
            "trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done",
        ])),
        env: vec!["SECRET=hidden".into()],
        network_mode: Some("none".into()),
        init: true,
        ..ContainerSpec::default()
    }
}

pub fn command(argv: &[&str]) -> Vec<String> {
    argv.iter().map(ToString::to_string).collect()
}

/// A container of one test's own.
pub struct Own {
    pub engine: DockerEngine,
    pub name: String,
    pub id: String,
}

impl Own {
    pub async fn created(spec: ContainerSpec) -> Self {
        let engine = engine();
        let name = spec.name.clone();
        let created = engine.container_create(spec).await.expect("a container is created");
        let id = created.id;
        Self { engine, name, id }
    }

    pub async fn started(what: &str) -> Self {
        let own = Self::created(spec(&unique(what))).await;
        own.engine.container_start(&own.id).await.expect("the container starts");
        own
    }

    /// Waits until the command has ended by itself. The engine has its whole log then.
    pub async fn exited(&self) {
        let status = async || {
            let container = self.engine.container_inspect(&self.id, false).await;
            container.expect("it is there").state.status
        };
        while status().await != ContainerStatus::Exited {}
    }

    pub async fn exec(&self, options: ExecOptions) -> ExecSession {
        self.engine.exec(&self.id, options).await.expect("the command starts")
    }

    /// Runs a command to its end: exit status, stdout, stderr.
    pub async fn ran(&self, argv: &[&str]) -> (i64, String, String) {
        let session = self.exec(plain(argv)).await;
        let (out, err) = collected(session.output).await;
        (session.control.wait().await.expect("an exit status"), out, err)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        remove(&["rm", "--force", "--volumes", &self.id]);
    }
}

/// An image of one test's own.
pub struct OwnImage(pub String);

impl Drop for OwnImage {
    fn drop(&mut self) {
        remove(&["rmi", "--force", &self.0]);
    }
}

/// By the Docker CLI: a drop can not wait for a future, and a test that failed may have lost its runtime.
fn remove(argv: &[&str]) {
    let host = endpoint(&ProviderConfig::named("test"), &Environment::of_process())
        .expect("an engine")
        .address
        .to_string();
    let output = Command::new("docker").arg("--host").arg(host).args(argv).output();
    if let Err(error) = output {
        eprintln!("docker {argv:?}: {error}");
    }
}

/// A command without stdin and terminal.
pub fn plain(argv: &[&str]) -> ExecOptions {
    ExecOptions {
        argv: command(argv),
        ..ExecOptions::default()
    }
}

/// All output, stdout and stderr apart.
pub async fn collected(mut output: OutputStream) -> (String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    while let Some(piece) = output.next().await {
        let piece = piece.expect("output");
        match piece.channel {
            Channel::Stdout => out.extend_from_slice(&piece.bytes),
            Channel::Stderr => err.extend_from_slice(&piece.bytes),
        }
    }
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (text(out), text(err))
}
