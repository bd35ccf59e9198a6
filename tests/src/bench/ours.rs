//! The steps through the plugin.

use anyhow::{Result, anyhow};
use mngr_docker_tests::{argv, output_of};
use mngr_host_shim::contract::ProviderError;
use mngr_host_shim::contract::instance::{DestroyRequest, DiscoverRequest, SnapshotRequest, StartRequest, StopRequest};
use mngr_host_shim::provider::{NewAgent, Provider};

fn plain<T>(result: Result<T, ProviderError>) -> Result<()> {
    result.map(drop).map_err(|error| anyhow!(error.message()))
}

pub async fn create(provider: &Provider, name: &str) -> Result<()> {
    let agent = NewAgent {
        no_start: true,
        ..NewAgent::named(name)
    };
    plain(provider.create(agent).await)
}

pub async fn start(provider: &Provider, name: &str) -> Result<()> {
    plain(provider.start(name, StartRequest::default()).await)
}

pub async fn exec(provider: &Provider, name: &str) -> Result<()> {
    let session = provider
        .exec(name, argv(&["true"]))
        .await
        .map_err(|error| anyhow!(error.message()))?;
    anyhow::ensure!(output_of(session).await.0 == 0, "the command failed");
    Ok(())
}

pub async fn commit(provider: &Provider, name: &str) -> Result<()> {
    let request = SnapshotRequest {
        pause: Some(true),
        ..SnapshotRequest::default()
    };
    plain(provider.snapshot_create(name, request).await)
}

pub async fn stop(provider: &Provider, name: &str) -> Result<()> {
    plain(provider.stop(name, StopRequest::default()).await)
}

pub async fn destroy(provider: &Provider, name: &str) -> Result<()> {
    plain(provider.destroy(name, DestroyRequest::default()).await)
}

pub async fn list(provider: &Provider) -> Result<()> {
    let agents = provider
        .discover(DiscoverRequest::default())
        .await
        .map_err(|error| anyhow!(error.message()))?;
    anyhow::ensure!(!agents.is_empty(), "nothing was listed");
    Ok(())
}
