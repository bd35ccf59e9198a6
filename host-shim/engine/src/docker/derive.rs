//! An image of another, with other labels or without some environment variables, by way of a container that never runs.

use bollard::models::ContainerCreateResponse;
use mngr_contract::Result;
use mngr_contract::docker::{CommitOptions, DeriveOptions};
use mngr_contract::labels::PROVIDER_LABEL;
use mngr_contract::log;
use mngr_contract::trace::Name;

use super::{DockerEngine, flatten, images, references};
use crate::scratch;

/// What is made on the way is removed, however it ends.
pub(super) async fn image_derive(engine: &DockerEngine, reference: &str, options: DeriveOptions) -> Result<String> {
    let reference = references::image(reference)?;
    references::new_tag(&options.repository, &options.tag)?;
    let image = format!("{}:{}", options.repository, options.tag);
    let made = make(engine, reference, options).await;
    if let Err(error) = scratch::sweep(engine, &image).await {
        log!(
            WARN,
            "what it was made through is not removed",
            image = Name(&image),
            error = error
        );
    }
    made
}

async fn make(engine: &DockerEngine, reference: &str, options: DeriveOptions) -> Result<String> {
    let name = scratch::source(&options.tag);
    // It inherits the image's labels, and must not be taken for an agent.
    let body = serde_json::json!({ "Image": reference, "Labels": { PROVIDER_LABEL: "" } });
    let query = [("name", name.as_str())];
    let request = engine.post::<ContainerCreateResponse>("/containers/create", &query, &body);
    let source = engine
        .run(engine.changes("create", "container", &name), request)
        .await?;
    let labels = options.labels.iter().cloned().collect();
    let options = CommitOptions {
        flatten: !options.without_env.is_empty(),
        repository: options.repository,
        tag: options.tag,
        comment: String::new(),
        author: String::new(),
        pause: false,
        labels: options.labels,
        without_env: options.without_env,
    };
    match options.flatten {
        true => flatten::commit(engine, &source.id, options).await,
        false => images::commit_with(engine, &source.id, &options, labels, None).await,
    }
}
