//! The same engine calls by bare bollard, on its own connection.
//!
//! "The same" includes what an answer needs: the provider returns the agent as the engine has it after each step, so an
//! inspect belongs to create, start and stop on this side as well.

use std::collections::HashMap;

use anyhow::Result;
use bollard::Docker;
use bollard::container::LogOutput;
use bollard::exec::{CreateExecOptions, StartExecResults};
use bollard::models::{ContainerConfig, ContainerCreateBody, HostConfig};
use bollard::query_parameters::{
    CommitContainerOptionsBuilder, CreateContainerOptionsBuilder, ListContainersOptionsBuilder,
    ListImagesOptionsBuilder, RemoveContainerOptionsBuilder,
};
use futures::TryStreamExt;

pub fn labels(provider: &str) -> HashMap<String, String> {
    let label = |name: &str, value: &str| (format!("com.imbue.mngr.{name}"), value.to_owned());
    HashMap::from([label("provider", provider), label("bench", "bare")])
}

pub async fn create(docker: &Docker, name: &str, image: &str, labels: HashMap<String, String>) -> Result<()> {
    docker.inspect_image(image).await?;
    let body = ContainerCreateBody {
        image: Some(image.to_owned()),
        cmd: Some(["tail", "-f", "/dev/null"].map(str::to_owned).to_vec()),
        labels: Some(labels),
        host_config: Some(HostConfig {
            init: Some(true),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    };
    let options = CreateContainerOptionsBuilder::default().name(name).build();
    docker.create_container(Some(options), body).await?;
    docker.inspect_container(name, None).await?;
    Ok(())
}

pub async fn start(docker: &Docker, name: &str) -> Result<()> {
    docker.inspect_container(name, None).await?;
    docker.start_container(name, None).await?;
    docker.inspect_container(name, None).await?;
    Ok(())
}

pub async fn exec(docker: &Docker, name: &str) -> Result<()> {
    docker.inspect_container(name, None).await?;
    let options = CreateExecOptions {
        cmd: Some(vec!["true"]),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        ..CreateExecOptions::default()
    };
    let exec = docker.create_exec(name, options).await?.id;
    if let StartExecResults::Attached { output, .. } = docker.start_exec(&exec, None).await? {
        output.try_collect::<Vec<LogOutput>>().await?;
    }
    let status = docker.inspect_exec(&exec).await?.exit_code;
    anyhow::ensure!(status == Some(0), "the command failed");
    Ok(())
}

pub async fn commit(docker: &Docker, name: &str, provider: &str) -> Result<()> {
    docker.inspect_container(name, None).await?;
    let options = CommitContainerOptionsBuilder::default()
        .container(name)
        .repo("mngr-snapshot")
        .tag(name)
        .pause(true)
        .build();
    let config = ContainerConfig {
        labels: Some(labels(provider)),
        ..ContainerConfig::default()
    };
    docker.commit_container(options, config).await?;
    docker.inspect_image(&format!("mngr-snapshot:{name}")).await?;
    Ok(())
}

pub async fn stop(docker: &Docker, name: &str) -> Result<()> {
    docker.inspect_container(name, None).await?;
    docker.stop_container(name, None).await?;
    docker.inspect_container(name, None).await?;
    Ok(())
}

pub async fn destroy(docker: &Docker, name: &str) -> Result<()> {
    docker.inspect_container(name, None).await?;
    let filters = HashMap::from([("label", vec!["com.imbue.mngr.bench=bare"])]);
    docker
        .list_images(Some(ListImagesOptionsBuilder::default().filters(&filters).build()))
        .await?;
    let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
    docker.remove_container(name, Some(options)).await?;
    Ok(())
}

pub async fn list(docker: &Docker, provider: &str) -> Result<()> {
    let filters = HashMap::from([(
        "label",
        vec![
            "com.imbue.mngr.agent-id".to_owned(),
            format!("com.imbue.mngr.provider={provider}"),
        ],
    )]);
    let options = ListContainersOptionsBuilder::default()
        .all(true)
        .filters(&filters)
        .build();
    let containers = docker.list_containers(Some(options)).await?;
    anyhow::ensure!(!containers.is_empty(), "nothing was listed");
    Ok(())
}
