//! The image an agent is made from: there, or pulled.

use mngr_docker_grammar::words::shown;

use crate::contract::docker::Image;
use crate::contract::system::Progress;
use crate::contract::types::ProviderError;
use crate::error::{invalid, not_found, summary};
use crate::start_args::Pull;
use crate::{Capabilities, Result};

const MAX_REFERENCE: usize = 512;

/// What an image may be called, as far as it can be told without the engine.
///
/// # Errors
/// `invalid-argument` for the field `image`.
pub fn check_reference(reference: &str) -> Result<()> {
    let reason = if reference.is_empty() {
        "it is empty"
    } else if reference.len() > MAX_REFERENCE {
        "it is too long"
    } else if reference.starts_with('-') {
        "it begins with a dash"
    } else if !reference.chars().all(|c| c.is_ascii_graphic()) {
        "it holds a character that no image's name has"
    } else {
        return Ok(());
    };
    Err(invalid(
        "image",
        reference,
        reason,
        "write REPOSITORY[:TAG], for example debian:bookworm-slim",
    ))
}

/// The image, pulled where `pull` wants it: usually where the engine does not have it or has it for another platform only.
///
/// # Errors
/// `not-found` where it can not or may not be pulled, and whatever else the engine answers.
pub async fn ensure<C: Capabilities>(
    capabilities: &C,
    reference: &str,
    platform: Option<&str>,
    pull: Pull,
) -> Result<Image> {
    check_reference(reference)?;
    if pull != Pull::Always {
        match capabilities.image_inspect(reference).await {
            Ok(image) if platform.is_none_or(|platform| is_for(&image, platform)) => return Ok(image),
            Ok(_) | Err(ProviderError::NotFound(_)) if pull == Pull::Never => {
                return Err(not_found(
                    format!("image `{}`", shown(reference)),
                    "the engine does not have it for that platform, and --pull=never forbids to pull it",
                    "pull, build or import it on the engine's machine, or leave --pull out",
                ));
            }
            Ok(_) | Err(ProviderError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    capabilities.report(Progress {
        step: "pulling image".to_owned(),
        subject: reference.to_owned(),
        done: None,
        total: None,
    });
    let error = match capabilities.image_pull(reference, platform.map(str::to_owned)).await {
        Ok(()) => return capabilities.image_inspect(reference).await,
        Err(error) => error,
    };
    match &error {
        ProviderError::Timeout(_) | ProviderError::Denied(_) | ProviderError::ResourceExhausted(_) => {
            return Err(error);
        }
        // Of the registry, or of the engine: then it does not answer now either.
        ProviderError::Unavailable(_) => {
            if let Err(gone @ ProviderError::Unavailable(_)) = capabilities.image_inspect(reference).await {
                return Err(gone);
            }
        }
        _ => {}
    }
    Err(not_found(
        format!("image `{}`", shown(reference)),
        format!("the engine could not pull it ({})", summary(&error)),
        "check its name, or pull, build or import it on the engine's machine (`docker pull`, `docker build -t`, \
         `docker import`), or name another image with --image or `default_image`",
    ))
}

fn is_for(image: &Image, platform: &str) -> bool {
    let mut parts = platform.split('/');
    parts.next() == Some(image.os.as_str()) && parts.next() == Some(image.architecture.as_str())
}
