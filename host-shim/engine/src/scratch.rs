//! What is made on the way to something else, and must not stay: the bare image and the container that a flattened image
//! goes through, the container of the other image that a derived one goes through, and containers that are made of images
//! for their files to be read.
//!
//! They are called after what they are for (an image's tag, a volume, a container), so that whoever finds a journal entry of
//! it can take them away. None is an agent: they bear no label of their own, or no value in ours.

use std::time::Duration;

use mngr_contract::docker::{ContainerSpec, Image, Mount, MountKind};
use mngr_contract::{ProviderError, Result};

use super::Engine;

/// The repository of bare images.
pub const REPOSITORY: &str = "mngr-scratch";
/// How our labels begin.
const OUR_LABELS: &str = "com.imbue.mngr.";

/// Waits before each look for a container that may still be made.
const LOOKS: [Duration; 3] = [Duration::ZERO, Duration::from_millis(250), Duration::from_secs(1)];

/// Waits before each try to remove a container that the engine may be removing already.
const TRIES: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(4),
];

/// The container through which an image with this tag is flattened, or a volume or container of this name is filled.
pub fn container(tag: &str) -> String {
    format!("{REPOSITORY}.{tag}")
}

/// A container of an image that is never started. Of the image's configuration it keeps nothing that would change its files.
pub fn reader(name: String, image: Image) -> ContainerSpec {
    // A container has all labels of its image; they can be emptied and not taken away.
    let labels = image.labels.into_iter().filter(|(key, _)| key.starts_with(OUR_LABELS));
    // Else volumes would be made and filled.
    let nothing = |target| Mount {
        kind: MountKind::Tmpfs,
        target,
        ..Mount::default()
    };
    ContainerSpec {
        name,
        image: image.id,
        labels: labels.map(|(key, _)| (key, String::new())).collect(),
        command: Some(vec!["true".to_owned()]),
        // A directory that is not there is made.
        working_dir: Some("/".to_owned()),
        mounts: image.volumes.into_iter().map(nothing).collect(),
        network_mode: Some("none".to_owned()),
        ..ContainerSpec::default()
    }
}

/// Takes away a scratch container. Where the engine is at that already, as it is where a caller died over it, this waits for it.
///
/// # Errors
/// What the engine answers; that there is none is a success.
pub async fn remove(engine: &dyn Engine, container: &str) -> Result<()> {
    let mut answer = Ok(());
    for wait in TRIES {
        tokio::time::sleep(wait).await;
        answer = gone(engine.container_remove(container, true, true).await);
        if !matches!(answer, Err(ProviderError::Conflict(_))) {
            break;
        }
    }
    answer
}

/// The same where the request that makes it may still be on its way: its caller died over it.
///
/// # Errors
/// What the engine answers; that there is none, and none comes, is a success.
pub async fn remove_late(engine: &dyn Engine, container: &str) -> Result<()> {
    for wait in LOOKS {
        tokio::time::sleep(wait).await;
        match engine.container_remove(container, true, true).await {
            Err(ProviderError::NotFound(_)) => {}
            Err(ProviderError::Conflict(_)) => return remove(engine, container).await,
            other => return other,
        }
    }
    Ok(())
}

/// The container that an image with this tag is derived through.
pub fn source(tag: &str) -> String {
    format!("{REPOSITORY}.{tag}.source")
}

/// Takes away what a flattening or deriving to `image` (`repository:tag`) has left.
///
/// # Errors
/// What the engine answers; that there is nothing is a success.
pub async fn sweep(engine: &dyn Engine, image: &str) -> Result<()> {
    let tag = image.rsplit_once(':').map_or(image, |(_, tag)| tag);
    remove(engine, &container(tag)).await?;
    remove(engine, &source(tag)).await?;
    let bare = format!("{REPOSITORY}:{tag}");
    gone(engine.image_remove(&bare, true).await.map(drop))
}

fn gone(result: Result<()>) -> Result<()> {
    match result {
        Err(ProviderError::NotFound(_)) => Ok(()),
        other => other,
    }
}
