//! A container as an image of one layer: its files out, in again as a bare image, and its configuration put back, less the
//! environment variables that are not to be in it.
//!
//! The configuration goes through the API's own types and never through a Dockerfile's grammar, so that no value needs to be
//! quoted.

use std::io;

use bollard::models::{ContainerConfig, ContainerCreateResponse, ContainerStateStatusEnum};
use bollard::query_parameters::InspectContainerOptions;
use futures::{StreamExt, TryStreamExt};
use http::Method;
use http_body_util::BodyDataStream;
use mngr_contract::docker::CommitOptions;
use mngr_contract::error::internal;
use mngr_contract::log;
use mngr_contract::trace::Name;
use mngr_contract::{ProviderError, Result};

use super::containers::{container_pause, container_unpause};
use super::convert_values::or_default;
use super::images::COMMIT;
use super::requests::empty;
use super::{DockerEngine, images, import};
use crate::scratch;

/// Commits a container as one layer. What is made on the way is removed, however it ends.
pub(super) async fn commit(engine: &DockerEngine, id: &str, options: CommitOptions) -> Result<String> {
    let image = format!("{}:{}", options.repository, options.tag);
    let made = make(engine, id, options).await;
    if let Err(error) = scratch::sweep(engine, &image).await {
        log!(
            WARN,
            "what flattening needed is not removed",
            image = Name(&image),
            error = error
        );
    }
    made
}

async fn make(engine: &DockerEngine, id: &str, options: CommitOptions) -> Result<String> {
    let request = engine.docker().inspect_container(id, None::<InspectContainerOptions>);
    let container = engine.run(engine.reads("inspect", "container", id), request).await?;
    let config = or_default(container.config);
    let running = or_default(container.state).status == Some(ContainerStateStatusEnum::RUNNING);

    let freeze = options.pause && running;
    if freeze {
        container_pause(engine, id).await?;
    }
    let imported = import(engine, id, &options.tag).await;
    if freeze {
        match container_unpause(engine, id).await {
            Ok(()) | Err(ProviderError::Conflict(_) | ProviderError::NotFound(_)) => {}
            Err(error) => return Err(imported.err().unwrap_or(error)),
        }
    }
    imported?;

    let name = scratch::container(&options.tag);
    let bare = format!("{}:{}", scratch::REPOSITORY, options.tag);
    let (volumes, labels) = (config.volumes.clone(), or_default(config.labels.clone()));
    let body = ContainerConfig {
        image: Some(bare),
        // Its volumes would be filled for nothing, and its labels would make it an agent.
        volumes: None,
        labels: None,
        env: config.env.map(|env| without(env, &options.without_env)),
        ..config
    };
    let body = serde_json::to_value(body)
        .map_err(|error| internal("the request that flattens an image", error.to_string(), "report this"))?;
    let query = [("name", name.as_str())];
    let request = engine.post::<ContainerCreateResponse>("/containers/create", &query, &body);
    let scratch = engine
        .run(engine.changes("create", "container", &name), request)
        .await?;
    let labels = labels.into_iter().chain(options.labels.iter().cloned()).collect();
    images::commit_with(engine, &scratch.id, &options, labels, volumes).await
}

fn without(env: Vec<String>, names: &[String]) -> Vec<String> {
    let name = |variable: &str| variable.split('=').next().unwrap_or_default().to_owned();
    env.into_iter()
        .filter(|variable| !names.contains(&name(variable)))
        .collect()
}

/// The container's files as a bare image.
async fn import(engine: &DockerEngine, id: &str, tag: &str) -> Result<()> {
    let request = async {
        let request = engine.request(Method::GET, &format!("/containers/{id}/export"), &[], empty())?;
        let files = BodyDataStream::new(engine.stream(request).await?.into_body()).map_err(io::Error::other);
        let query = [("repo", scratch::REPOSITORY), ("tag", tag)];
        import::load(engine, files.boxed(), &query).await.map(drop)
    };
    let operation = engine.changes("flatten", "container", id);
    engine
        .run(operation.within(operation.deadline.max(COMMIT)), request)
        .await
}
