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
    ListImagesOptionsBuilder, RemoveContainerOptionsBuilder, RenameContainerOptionsBuilder,
};
use futures::TryStreamExt;

use crate::side::{Scene, Step};

fn labels(scene: &Scene) -> HashMap<String, String> {
    let label = |name: &str, value: &str| (format!("com.imbue.mngr.{name}"), value.to_owned());
    HashMap::from([label("provider", &scene.provider), label("bench", "bare")])
}

pub async fn step(docker: &Docker, scene: &Scene, step: Step, name: &str) -> Result<()> {
    match step {
        Step::Create => {
            docker.inspect_image(&scene.image).await?;
            create(docker, scene, name, &scene.image).await?;
            docker.inspect_container(name, None).await?;
        }
        Step::Start => {
            docker.inspect_container(name, None).await?;
            docker.start_container(name, None).await?;
            docker.inspect_container(name, None).await?;
        }
        Step::Exec => exec(docker, name).await?,
        Step::Snapshot => commit(docker, scene, name).await?,
        Step::Stop => {
            docker.inspect_container(name, None).await?;
            docker.stop_container(name, None).await?;
            docker.inspect_container(name, None).await?;
        }
        Step::Restore => restore(docker, scene, name).await?,
        Step::Destroy => {
            docker.inspect_container(name, None).await?;
            let filters = HashMap::from([("label", vec!["com.imbue.mngr.bench=bare"])]);
            let images = ListImagesOptionsBuilder::default().filters(&filters).build();
            docker.list_images(Some(images)).await?;
            remove(docker, name).await?;
        }
    }
    Ok(())
}

async fn create(docker: &Docker, scene: &Scene, name: &str, image: &str) -> Result<()> {
    let body = ContainerCreateBody {
        image: Some(image.to_owned()),
        cmd: Some(["tail", "-f", "/dev/null"].map(str::to_owned).to_vec()),
        labels: Some(labels(scene)),
        host_config: Some(HostConfig {
            init: Some(true),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    };
    let options = CreateContainerOptionsBuilder::default().name(name).build();
    docker.create_container(Some(options), body).await?;
    Ok(())
}

async fn remove(docker: &Docker, name: &str) -> Result<()> {
    let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
    Ok(docker.remove_container(name, Some(options)).await?)
}

async fn exec(docker: &Docker, name: &str) -> Result<()> {
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

async fn commit(docker: &Docker, scene: &Scene, name: &str) -> Result<()> {
    docker.inspect_container(name, None).await?;
    let options = CommitContainerOptionsBuilder::default()
        .container(name)
        .repo("mngr-snapshot")
        .tag(name)
        .pause(true)
        .build();
    let config = ContainerConfig {
        labels: Some(labels(scene)),
        ..ContainerConfig::default()
    };
    docker.commit_container(options, config).await?;
    docker.inspect_image(&format!("mngr-snapshot:{name}")).await?;
    Ok(())
}

async fn restore(docker: &Docker, scene: &Scene, name: &str) -> Result<()> {
    let (image, old) = (format!("mngr-snapshot:{name}"), format!("{name}.old"));
    docker.inspect_container(name, None).await?;
    docker.inspect_image(&image).await?;
    let options = RenameContainerOptionsBuilder::default().name(&old).build();
    docker.rename_container(name, options).await?;
    create(docker, scene, name, &image).await?;
    docker.start_container(name, None).await?;
    docker.inspect_container(name, None).await?;
    remove(docker, &old).await
}

pub async fn list(docker: &Docker, provider: &str, size: usize) -> Result<()> {
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
    let listed = docker.list_containers(Some(options)).await?.len();
    anyhow::ensure!(listed == size, "{listed} of {size} were listed");
    Ok(())
}
