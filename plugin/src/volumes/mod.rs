//! Volumes that were made for agents, and what snapshots hold of volumes.

mod companion;
mod restore;
mod save;

pub(crate) use companion::{decode, encode, is_companion};
pub(crate) use restore::{Restored, restore};
pub(crate) use save::{Saved, Source, discard, missing};

use mngr_docker_grammar::words::shown;

use crate::contract::docker::Volume;
use crate::contract::instance::AgentVolume;
use crate::contract::types::ProviderError;
use crate::documents::is_document;
use crate::error::{conflict, not_found};
use crate::{Capabilities, DockerProviderInstance, Result, labels, lookup};

/// Volumes of this provider, by name.
///
/// # Errors
/// Whatever the engine answers.
pub async fn volumes<C: Capabilities>(provider: &DockerProviderInstance<C>) -> Result<Vec<AgentVolume>> {
    let volumes = all(provider).await?;
    Ok(volumes
        .into_iter()
        .map(|volume| AgentVolume {
            agent_id: labels::value(&volume.labels, labels::AGENT_ID).map(str::to_owned),
            name: volume.name,
            driver: volume.driver,
            size_bytes: None,
            created_at: volume.created,
        })
        .collect())
}

/// Removes one. Of one that is gone: a success.
///
/// # Errors
/// `not-found` for one that is not this provider's, `conflict` where a container uses it, and whatever the engine answers.
pub async fn volume_delete<C: Capabilities>(provider: &DockerProviderInstance<C>, name: &str) -> Result<()> {
    lookup::check_reference("volume", name)?;
    match provider.capabilities.volume_inspect(name).await {
        Err(ProviderError::NotFound(_)) => return Ok(()),
        Err(error) => return Err(error),
        Ok(volume) if labels::owned_by(&volume.labels, &provider.name) && !is_document(&volume.labels) => {}
        Ok(_) => {
            return Err(not_found(
                format!("volume `{}`", shown(name)),
                format!("the provider `{}` has no volume of that name", provider.name),
                "see which volumes it has",
            ));
        }
    }
    let users = provider.capabilities.volume_users(name).await?;
    if !users.is_empty() {
        return Err(conflict(
            format!("volume {name}"),
            "in use",
            format!("these containers use it: {}", users.join(", ")),
            "destroy them first: mngr-docker destroy NAME",
        ));
    }
    match provider.capabilities.volume_remove(name).await {
        Err(ProviderError::NotFound(_)) => Ok(()),
        other => other,
    }
}

/// The same as the engine has them.
pub(crate) async fn all<C: Capabilities>(provider: &DockerProviderInstance<C>) -> Result<Vec<Volume>> {
    let mut volumes = provider
        .capabilities
        .volume_list(labels::filters(&provider.name))
        .await?;
    volumes.retain(|volume| labels::owned_by(&volume.labels, &provider.name) && !is_document(&volume.labels));
    volumes.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(volumes)
}

/// The names of an agent's.
///
/// # Errors
/// Whatever the engine answers.
pub(crate) async fn of_agent<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    agent_id: &str,
) -> Result<Vec<String>> {
    let volumes = all(provider).await?.into_iter();
    let theirs = volumes.filter(|volume| labels::value(&volume.labels, labels::AGENT_ID) == Some(agent_id));
    Ok(theirs.map(|volume| volume.name).collect())
}
