//! What is made on the way to an image and must not stay: of a flattened one a bare image and a container of it, of a derived
//! one a container of the other image.
//!
//! All are called after the image that they are for, so that whoever finds a journal entry of it can take them away. They
//! bear no label of their own, for every label of theirs would be on the snapshot too.

use super::Engine;
use crate::contract::{ProviderError, Result};

/// The repository of bare images.
pub const REPOSITORY: &str = "mngr-scratch";

/// The container that an image with this tag is flattened through.
pub fn container(tag: &str) -> String {
    format!("{REPOSITORY}.{tag}")
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
    let gone = |result: Result<()>| match result {
        Err(ProviderError::NotFound(_)) => Ok(()),
        other => other,
    };
    gone(engine.container_remove(&container(tag), true, true).await)?;
    gone(engine.container_remove(&source(tag), true, true).await)?;
    gone(
        engine
            .image_remove(&format!("{REPOSITORY}:{tag}"), true)
            .await
            .map(drop),
    )
}
