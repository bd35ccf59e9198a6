//! Snapshots to a registry and back.

use crate::contract::docker::DeriveOptions;
use crate::contract::instance::{PushRequest, Pushed};
use crate::contract::system::LogLevel;
use crate::contract::types::{ProviderError, Snapshot};
use crate::error::{invalid, kind};
use crate::{Capabilities, DockerProviderInstance, Result};
use crate::{adopt, container, findings, image, labels, leaving, snapshot};

/// How the names of images begin that are made to be pushed and removed again.
pub(crate) const PUSHES: &str = "mngr-push:";

/// Sends a snapshot to a registry. One whose environment holds what is secret is sent as another image, of one layer, that
/// lacks it.
///
/// # Errors
/// `invalid-argument` for the field `reference`, `snapshot-blocked` where its environment would be given away, `not-found`,
/// `ambiguous`, `denied` by the registry, and whatever the engine answers.
pub async fn snapshot_push<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    request: PushRequest,
) -> Result<Pushed> {
    image::check_reference(&request.reference).map_err(about_reference)?;
    let snapshot = snapshot::find(provider, &request.snapshot).await?;
    leaving::whole(&snapshot)?;
    let reference = tagged(&request.reference, &snapshot.id)?;
    let image = provider.capabilities.image_inspect(&snapshot.image).await?;
    let left_out = leaving::stay_behind(provider, &image.id, &image.env_names, request.include_env).await?;
    let (name, made) = match left_out.is_empty() {
        true => (snapshot.image.clone(), false),
        false => (without(provider, &snapshot, left_out.clone()).await?, true),
    };
    container::report(provider, "pushing", &reference);
    let pushed = provider.capabilities.image_push(&name, &reference).await;
    if made {
        match provider.capabilities.image_remove(&name).await {
            Ok(_) | Err(ProviderError::NotFound(_)) => {}
            Err(error) => {
                let message = format!("image {name} is left ({})", kind(&error));
                provider.capabilities.log(LogLevel::Error, &message);
            }
        }
    }
    Ok(Pushed {
        digest: pushed?,
        snapshot,
        reference,
        left_out_env: left_out,
    })
}

/// An image of the snapshot that lacks these variables.
async fn without<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    snapshot: &Snapshot,
    names: Vec<String>,
) -> Result<String> {
    container::report(provider, "leaving secrets out of", &snapshot.id);
    let tag = format!("{}-{}", snapshot.agent_id, snapshot.id);
    let (written, _) = findings::encode(&leaving::less(&snapshot.findings, &names));
    let options = DeriveOptions {
        repository: PUSHES.trim_end_matches(':').to_owned(),
        tag: tag.clone(),
        labels: vec![
            (labels::PROVIDER.to_owned(), provider.name.clone()),
            (labels::SNAPSHOT_FINDINGS.to_owned(), written),
        ],
        without_env: names,
    };
    provider.capabilities.image_derive(&snapshot.image, options).await?;
    Ok(format!("{PUSHES}{tag}"))
}

/// Takes a snapshot in from a registry. The name that it came by goes again, unless the engine had it before.
///
/// # Errors
/// `invalid-argument` for the field `reference` where it can be no image or the image is no snapshot, which then stays;
/// `already-exists`, `not-found`, `denied` by the registry, and whatever the engine answers.
pub async fn snapshot_pull<C: Capabilities>(provider: &DockerProviderInstance<C>, reference: &str) -> Result<Snapshot> {
    image::check_reference(reference).map_err(about_reference)?;
    container::report(provider, "pulling", reference);
    provider.capabilities.image_pull(reference, None).await?;
    let adopted = adopt::adopt(provider, reference).await;
    if matches!(adopted, Err(ProviderError::InvalidArgument(_))) {
        return adopted;
    }
    match provider.capabilities.image_remove(reference).await {
        // The host refuses where the name was there before.
        Ok(_) | Err(ProviderError::NotFound(_) | ProviderError::Denied(_)) => {}
        Err(error) => {
            let message = format!("the engine still has the name {reference} ({})", kind(&error));
            provider.capabilities.log(LogLevel::Warn, &message);
        }
    }
    adopted
}

/// The reference with a tag.
fn tagged(reference: &str, tag: &str) -> Result<String> {
    if reference.contains('@') {
        return Err(invalid(
            "reference",
            reference,
            "a digest is what comes of a push, so it can not be chosen",
            "write REGISTRY/REPOSITORY[:TAG]",
        ));
    }
    match reference.rsplit_once(':') {
        // A colon before a slash belongs to the registry's port.
        Some((_, tag)) if !tag.contains('/') => Ok(reference.to_owned()),
        _ => Ok(format!("{reference}:{tag}")),
    }
}

fn about_reference(error: ProviderError) -> ProviderError {
    match error {
        ProviderError::InvalidArgument(mut wrong) => {
            wrong.field = "reference".to_owned();
            wrong.remedy = "write REGISTRY/REPOSITORY[:TAG], for example r.example:5000/team/agents:nightly".to_owned();
            ProviderError::InvalidArgument(wrong)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_without_a_tag_gets_one_and_a_port_is_none() {
        assert_eq!(tagged("r:5000/a", "snap-1").expect("one"), "r:5000/a:snap-1");
        assert_eq!(tagged("r:5000/a:1", "snap-1").expect("one"), "r:5000/a:1");
        assert!(tagged("r/a@sha256:f0", "snap-1").is_err());
    }
}
