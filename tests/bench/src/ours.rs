//! The steps through the plugin.

use anyhow::{Result, anyhow};
use mngr_docker_tests::{argv, output_of};
use mngr_host_shim::contract::ProviderError;
use mngr_host_shim::contract::instance::{DestroyRequest, DiscoverRequest, SnapshotRequest, StartRequest, StopRequest};
use mngr_host_shim::provider::{NewAgent, Provider};

use crate::side::Step;

fn plain<T>(result: Result<T, ProviderError>) -> Result<()> {
    result.map(drop).map_err(|error| anyhow!(error.message()))
}

pub async fn step(provider: &Provider, step: Step, name: &str) -> Result<()> {
    match step {
        Step::Create => {
            let agent = NewAgent {
                no_start: true,
                ..NewAgent::named(name)
            };
            plain(provider.create(agent).await)
        }
        Step::Start => plain(provider.start(name, StartRequest::default()).await),
        Step::Exec => {
            let session = provider.exec(name, argv(&["true"])).await;
            let session = session.map_err(|error| anyhow!(error.message()))?;
            anyhow::ensure!(output_of(session).await.0 == 0, "the command failed");
            Ok(())
        }
        Step::Snapshot => {
            let request = SnapshotRequest {
                pause: Some(true),
                name: snapshot(name),
                ..SnapshotRequest::default()
            };
            plain(provider.snapshot_create(name, request).await)
        }
        Step::Stop => plain(provider.stop(name, StopRequest::default()).await),
        Step::Restore => {
            let request = StartRequest {
                snapshot: Some(snapshot(name)),
            };
            plain(provider.start(name, request).await)
        }
        Step::Destroy => plain(provider.destroy(name, DestroyRequest::default()).await),
    }
}

/// What an agent's snapshot is called.
fn snapshot(name: &str) -> String {
    format!("of-{name}")
}

pub async fn list(provider: &Provider, size: usize) -> Result<()> {
    let agents = provider.discover(DiscoverRequest::default()).await;
    let listed = agents.map_err(|error| anyhow!(error.message()))?.len();
    anyhow::ensure!(listed == size, "{listed} of {size} were listed");
    Ok(())
}
