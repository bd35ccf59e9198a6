//! What is made on the way to a flattened image, and must not stay: a bare image and a container of it.
//!
//! Both are called after the image that they are for, so that whoever finds a journal entry of it can take them away. They
//! bear no label, for every label of theirs would be on the snapshot too.

use super::Engine;
use crate::contract::{ProviderError, Result};

/// The repository of bare images.
pub const REPOSITORY: &str = "mngr-scratch";

/// The container that an image with this tag is flattened through.
pub fn container(tag: &str) -> String {
    format!("{REPOSITORY}.{tag}")
}

/// Takes away what a flattening to `image` (`repository:tag`) has left.
///
/// # Errors
/// What the engine answers; that there is nothing is a success.
pub async fn sweep(engine: &dyn Engine, image: &str) -> Result<()> {
    let tag = image.rsplit_once(':').map_or(image, |(_, tag)| tag);
    let gone = |result: Result<()>| match result {
        Err(ProviderError::NotFound(_)) => Ok(()),
        other => other,
    };
    gone(engine.container_remove(&container(tag), true, true).await)?;
    gone(
        engine
            .image_remove(&format!("{REPOSITORY}:{tag}"), true)
            .await
            .map(drop),
    )
}
