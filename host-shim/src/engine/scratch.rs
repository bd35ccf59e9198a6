//! What is made on the way and must not stay: a bare image and a container of it while an image is flattened, a container
//! that an image's files are read through.
//!
//! They are called after what they are for (an image's tag, a volume, a container), so that whoever finds a journal entry of
//! it can take them away. They bear no label, for every label of theirs would be on the snapshot too.

use std::time::Duration;

use super::Engine;
use crate::contract::{ProviderError, Result};

/// The repository of bare images.
pub const REPOSITORY: &str = "mngr-scratch";

/// Waits before each look for a container that may still be made.
const LOOKS: [Duration; 3] = [Duration::ZERO, Duration::from_millis(250), Duration::from_secs(1)];

/// The container through which an image with this tag is flattened, or a volume or container of this name is filled.
pub fn container(tag: &str) -> String {
    format!("{REPOSITORY}.{tag}")
}

/// Takes away a container that files were read through.
///
/// # Errors
/// What the engine answers; that there is none is a success.
pub async fn remove(engine: &dyn Engine, container: &str) -> Result<()> {
    gone(engine.container_remove(container, true, true).await)
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
            other => return other,
        }
    }
    Ok(())
}

/// Takes away what a flattening to `image` (`repository:tag`) has left.
///
/// # Errors
/// What the engine answers; that there is nothing is a success.
pub async fn sweep(engine: &dyn Engine, image: &str) -> Result<()> {
    let tag = image.rsplit_once(':').map_or(image, |(_, tag)| tag);
    remove(engine, &container(tag)).await?;
    gone(
        engine
            .image_remove(&format!("{REPOSITORY}:{tag}"), true)
            .await
            .map(drop),
    )
}

fn gone(result: Result<()>) -> Result<()> {
    match result {
        Err(ProviderError::NotFound(_)) => Ok(()),
        other => other,
    }
}
