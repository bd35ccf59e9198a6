//! Engines behind SSH: a real sshd on loopback in front of the real engine, and a wire that can be cut in between.
//!
//! What the provider does is the same there as anywhere, and tested as `remote::…` with the behaviour. This is about the way.

mod commands;
mod life;
mod links;
mod trust;

use std::time::Duration;

use mngr_docker_tests::sshd::Sshd;
use mngr_host_shim::config::ProviderConfig;
use mngr_host_shim::contract::ProviderError;
use mngr_host_shim::contract::docker::ContainerFilter;
use mngr_host_shim::contract::ssh::Command;
use mngr_host_shim::engine::Engine;
use mngr_host_shim::engine::connect::connect;
use mngr_host_shim::engine::docker::DockerEngine;
use mngr_host_shim::engine::ssh::Tunnels;
use mngr_host_shim::environment::Environment;

/// The engine of a provider, with connections of its own.
fn engine(config: &ProviderConfig) -> DockerEngine {
    connect(config, &Environment::default(), &Tunnels::default()).expect("nothing is sent yet")
}

/// The engine behind a server that is configured so.
fn behind(sshd: &Sshd) -> DockerEngine {
    engine(&sshd.provider("test"))
}

/// Why it can not be reached.
async fn refusal(engine: &DockerEngine) -> ProviderError {
    engine.version().await.expect_err("out of reach")
}

/// A question that every engine answers, and a whole answer to read.
async fn list(engine: &DockerEngine) -> Result<usize, ProviderError> {
    let filter = ContainerFilter {
        all: true,
        labels: Vec::new(),
    };
    engine.container_list(filter).await.map(|found| found.len())
}

fn command(argv: &[&str]) -> Command {
    Command {
        argv: argv.iter().map(|word| (*word).to_owned()).collect(),
        stdin: Vec::new(),
        timeout_ms: u64::try_from(Duration::from_secs(60).as_millis()).expect("a number"),
        max_output_bytes: 1 << 20,
    }
}
