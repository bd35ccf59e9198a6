//! Volumes that were made for agents, and what snapshots hold of volumes.

mod companion;
mod restore;
mod save;

pub(crate) use companion::{decode, encode, is_companion};
pub(crate) use restore::{Restored, restore};
pub(crate) use save::{Saved, Source, discard, missing};

use crate::contract::docker::Volume;
use crate::contract::instance::AgentVolume;
use crate::documents::is_document;
use crate::{Capabilities, DockerProviderInstance, Result, labels};

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
