//! Images: commit, list, tag, remove, pull and push.

use std::collections::HashMap;
use std::time::Duration;

use bollard::auth::DockerCredentials;
use bollard::errors::Error;
use bollard::models::{ContainerConfig, ErrorDetail, ImageInspect, ProgressDetail};
use bollard::query_parameters::{
    CommitContainerOptions, CreateImageOptions, ListImagesOptions, PushImageOptions, RemoveImageOptions,
    TagImageOptions,
};
use futures::{Stream, StreamExt};
use http::Method;
use http_body_util::BodyExt;
use serde::Deserialize;

use super::convert_values::{label_filter, or_default};
use super::errors::Operation;
use super::requests::empty;
use super::{DockerEngine, convert_image, flatten, references};
use crate::contract::Result;
use crate::contract::docker::{CommitOptions, Image, ImageSummary};
use crate::contract::system::Progress;
use crate::engine::ProgressSink;

/// A commit writes about 180 MB a second and says nothing until it is done; this is enough for 600 GB.
pub(super) const COMMIT: Duration = Duration::from_secs(3600);

/// A pull or push tells how far it is; after this long without a word it hangs.
const SILENCE: Duration = Duration::from_secs(600);

pub(super) async fn commit(engine: &DockerEngine, id: &str, options: CommitOptions) -> Result<String> {
    let id = references::name("container", id)?;
    references::new_tag(&options.repository, &options.tag)?;
    match options.flatten {
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

pub(super) async fn inspect(engine: &DockerEngine, reference: &str) -> Result<Image> {
    let reference = references::image(reference)?;
    let request = async {
        let request = engine.request(Method::GET, &format!("/images/{reference}/json"), &[], empty())?;
        let answer = engine.send(request).await?.into_body().collect().await?.to_bytes();
        Ok(serde_json::from_slice::<Inspect>(&answer)?)
    };
    let inspect = engine.run(engine.reads("inspect", "image", reference), request).await?;
    Ok(convert_image::image(inspect.image, inspect.parent))
}

pub(super) async fn list(engine: &DockerEngine, labels: Vec<String>) -> Result<Vec<ImageSummary>> {
    let options = ListImagesOptions {
        filters: Some(label_filter(labels)),
        ..Default::default()
    };
    let request = engine.docker().list_images(Some(options));
    let images = engine.run(engine.reads("list", "the images", ""), request).await?;
    Ok(images.into_iter().map(convert_image::summary).collect())
}

pub(super) async fn tag(engine: &DockerEngine, reference: &str, repository: &str, tag: &str) -> Result<()> {
    let reference = references::image(reference)?;
    references::new_tag(repository, tag)?;
    let options = TagImageOptions {
        repo: Some(repository.to_owned()),
        tag: Some(tag.to_owned()),
    };
    let request = engine.docker().tag_image(reference, Some(options));
    engine.run(engine.changes("tag", "image", reference), request).await
}

pub(super) async fn remove(engine: &DockerEngine, reference: &str, force: bool) -> Result<Vec<String>> {
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

pub(super) async fn pull(
    engine: &DockerEngine,
    reference: &str,
    platform: Option<&str>,
    progress: ProgressSink,
) -> Result<()> {
    let reference = references::image(reference)?;
    let (repository, tag) = references::parts(reference);
    let options = CreateImageOptions {
        from_image: Some(repository.to_owned()),
        tag: Some(tag.to_owned()),
        platform: platform.unwrap_or_default().to_owned(),
        ..Default::default()
    };
    let messages = engine.docker().create_image(Some(options), None, None).map(|message| {
        message.map(|message| Message {
            layer: message.id,
            error: message.error_detail,
            amount: message.progress_detail,
        })
    });
    let operation = engine.changes("pull", "image", reference);
    follow(engine, operation, messages, Report::new("pulling", reference, progress)).await
}

pub(super) async fn push(engine: &DockerEngine, reference: &str, progress: ProgressSink) -> Result<()> {
    let reference = references::image(reference)?;
    let (repository, tag) = references::parts(reference);
    let options = PushImageOptions {
        tag: Some(tag.to_owned()),
        platform: None,
    };
    // Engines before 23.0 refuse a push without the header, so empty credentials are sent.
    let credentials = Some(DockerCredentials::default());
    let messages = engine
        .docker()
        .push_image(repository, Some(options), credentials)
        .map(|message| {
            message.map(|message| Message {
                layer: None,
                error: message.error_detail,
                amount: message.progress_detail,
            })
        });
    let operation = engine.changes("push", "image", reference);
    follow(engine, operation, messages, Report::new("pushing", reference, progress)).await
}

/// What an engine tells in the midst of a pull or push.
struct Message {
    layer: Option<String>,
    error: Option<ErrorDetail>,
    amount: Option<ProgressDetail>,
}

/// Adds the layers up.
struct Report<'a> {
    step: &'static str,
    subject: &'a str,
    layers: HashMap<String, (u64, u64)>,
    progress: ProgressSink,
}

impl<'a> Report<'a> {
    fn new(step: &'static str, subject: &'a str, progress: ProgressSink) -> Self {
        Self {
            step,
            subject,
            layers: HashMap::new(),
            progress,
        }
    }

    fn tell(&mut self, message: Message) {
        let amount = or_default(message.amount);
        let bytes = |value: Option<i64>| value.and_then(|bytes| u64::try_from(bytes).ok());
        if let (Some(done), Some(total)) = (bytes(amount.current), bytes(amount.total)) {
            self.layers.insert(or_default(message.layer), (done, total));
        }
        let sum =
            |part: fn(&(u64, u64)) -> u64| (!self.layers.is_empty()).then(|| self.layers.values().map(part).sum());
        (self.progress)(Progress {
            step: self.step.to_owned(),
            subject: self.subject.to_owned(),
            done: sum(|layer| layer.0),
            total: sum(|layer| layer.1),
        });
    }
}

/// Reads messages to their end.
async fn follow(
    engine: &DockerEngine,
    operation: Operation<'_>,
    messages: impl Stream<Item = std::result::Result<Message, Error>>,
    mut report: Report<'_>,
) -> Result<()> {
    let mut messages = std::pin::pin!(messages);
    let operation = operation.within(operation.deadline.max(SILENCE));
    loop {
        let next = async { messages.next().await.transpose() };
        let Some(message) = engine.run(operation, next).await? else {
            return Ok(());
        };
        match message.error.as_ref().and_then(|error| error.message.clone()) {
            Some(error) => {
                let failure = async { Err(Error::DockerStreamError { error }) };
                return engine.run(operation, failure).await;
            }
            None => report.tell(message),
        }
    }
}
