//! Agents to be listed: made by the provider once, and then many times over with the same labels.

use anyhow::{Context, Result};
use bollard::Docker;
use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::CreateContainerOptionsBuilder;
use futures::{StreamExt, TryStreamExt};
use mngr_host_shim::provider::Provider;

use crate::ours;
use crate::side::{Scene, Step};

/// How many are made at a time.
const AT_A_TIME: usize = 8;
const AGENT_ID: &str = "com.imbue.mngr.agent-id";
const AGENT_NAME: &str = "com.imbue.mngr.agent-name";

/// Makes agents until there are `size`; there are `made`. None is started. Returns how many there are.
pub async fn up_to(provider: &Provider, docker: &Docker, scene: &Scene, made: usize, size: usize) -> Result<usize> {
    if made >= size {
        return Ok(made);
    }
    eprintln!("making {} agents", size - made);
    if made == 0 {
        ours::step(provider, Step::Create, "listed-0").await?;
    }
    let pattern = docker.inspect_container(&container(scene, 0), None).await?;
    let labels = pattern.config.and_then(|config| config.labels).context("no labels")?;
    let one = |number: usize| {
        let mut labels = labels.clone();
        labels.insert(AGENT_ID.to_owned(), format!("agent-{}", uuid::Uuid::new_v4().simple()));
        labels.insert(AGENT_NAME.to_owned(), format!("listed-{number}"));
        let body = ContainerCreateBody {
            image: Some(scene.image.clone()),
            labels: Some(labels),
            host_config: Some(HostConfig::default()),
            ..ContainerCreateBody::default()
        };
        let options = CreateContainerOptionsBuilder::default()
            .name(&container(scene, number))
            .build();
        async move { docker.create_container(Some(options), body).await }
    };
    futures::stream::iter((made.max(1)..size).map(one))
        .buffer_unordered(AT_A_TIME)
        .try_for_each(|_| async { Ok(()) })
        .await?;
    Ok(size)
}

/// As the plugin calls an agent's container.
fn container(scene: &Scene, number: usize) -> String {
    format!("mngr-{}.listed-{number}", scene.provider)
}
