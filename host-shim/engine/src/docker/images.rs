//! Images: commit, list, tag and remove.

use std::collections::HashMap;
use std::time::Duration;

use bollard::models::{ContainerConfig, ImageInspect};
use bollard::query_parameters::{CommitContainerOptions, RemoveImageOptions, TagImageOptions};
use mngr_contract::Result;
use mngr_contract::docker::{CommitOptions, Image, ImageSummary};
use mngr_contract::limits::{LIST, LIST_ENTRIES};
use serde::Deserialize;

use super::convert_values::{filters, label_filter};
use super::{DockerEngine, convert_image, flatten, references};

/// A commit writes about 180 MB a second and says nothing until it is done; this is enough for 600 GB.
pub(super) const COMMIT: Duration = Duration::from_secs(3600);

pub(super) async fn container_commit(engine: &DockerEngine, id: &str, options: CommitOptions) -> Result<String> {
    let id = references::name("container", id)?;
    references::new_tag(&options.repository, &options.tag)?;
    match options.flatten || !options.without_env.is_empty() {
        true => flatten::commit(engine, id, options).await,
        false => commit_with(engine, id, &options, options.labels.iter().cloned().collect(), None).await,
    }
}

/// Commits a container as it is, with these labels and volumes besides its own.
pub(super) async fn commit_with(
    engine: &DockerEngine,
    id: &str,
    options: &CommitOptions,
    labels: HashMap<String, String>,
    volumes: Option<Vec<String>>,
) -> Result<String> {
    let query = CommitContainerOptions {
        container: Some(id.to_owned()),
        repo: Some(options.repository.clone()),
        tag: Some(options.tag.clone()),
        comment: Some(options.comment.clone()),
        author: Some(options.author.clone()),
        pause: options.pause,
        changes: None,
    };
    let config = ContainerConfig {
        labels: Some(labels),
        volumes,
        ..Default::default()
    };
    let request = engine.docker().commit_container(query, config);
    let operation = engine.changes("commit", "container", id);
    let operation = operation.within(operation.deadline.max(COMMIT));
    Ok(engine.run(operation, request).await?.id)
}

#[derive(Deserialize)]
struct Inspect {
    #[serde(default, rename = "Parent")]
    parent: String,
    #[serde(flatten)]
    image: ImageInspect,
}

pub(super) async fn image_inspect(engine: &DockerEngine, reference: &str) -> Result<Image> {
    let reference = references::image(reference)?;
    let path = format!("/images/{reference}/json");
    let request = engine.get::<Inspect>(&path, &[]);
    let inspect = engine.run(engine.reads("inspect", "image", reference), request).await?;
    Ok(convert_image::image(inspect.image, inspect.parent))
}

pub(super) async fn image_list(engine: &DockerEngine, labels: Vec<String>) -> Result<Vec<ImageSummary>> {
    let filters = filters(label_filter(labels));
    let query = [("filters", filters.as_str())];
    let request = engine.list("/images/json", &query, [LIST, LIST_ENTRIES], convert_image::summary);
    engine.run(engine.reads("list", "the images", ""), request).await
}

pub(super) async fn image_tag(engine: &DockerEngine, reference: &str, repository: &str, tag: &str) -> Result<()> {
    let reference = references::image(reference)?;
    references::new_tag(repository, tag)?;
    let options = TagImageOptions {
        repo: Some(repository.to_owned()),
        tag: Some(tag.to_owned()),
    };
    let request = engine.docker().tag_image(reference, Some(options));
    engine.run(engine.changes("tag", "image", reference), request).await
}

pub(super) async fn image_remove(engine: &DockerEngine, reference: &str, force: bool) -> Result<Vec<String>> {
    let reference = references::image(reference)?;
    let options = RemoveImageOptions {
        force,
        ..Default::default()
    };
    let request = engine.docker().remove_image(reference, Some(options), None);
    let items = engine
        .run(engine.changes("remove", "image", reference), request)
        .await?;
    Ok(convert_image::removed(items))
}
