//! Two snapshots, or a snapshot and an agent, compared.

use mngr_docker_grammar::words::shown;

use crate::contract::docker::{ContainerChanges, Filesystem};
use crate::contract::types::ProviderError;
use crate::error::{ambiguous, not_found};
use crate::{Capabilities, DockerProviderInstance, Result};
use crate::{agent, container, lookup, snapshot};

/// What `newer` has added, changed and deleted relative to `older`; each is a snapshot or an agent.
///
/// # Errors
/// `not-found`, `ambiguous` (also between a snapshot and an agent), and whatever the engine answers.
pub async fn snapshot_diff<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    older: &str,
    newer: &str,
) -> Result<ContainerChanges> {
    let (before, after) = (side(provider, older).await?, side(provider, newer).await?);
    container::report(
        provider,
        "comparing",
        &format!("{} with {}", shown(older), shown(newer)),
    );
    provider.capabilities.filesystem_diff(before, after).await
}

async fn side<C: Capabilities>(provider: &DockerProviderInstance<C>, reference: &str) -> Result<Filesystem> {
    match (
        snapshot::find(provider, reference).await,
        lookup::agent(provider, reference).await,
    ) {
        (Ok(snapshot), Err(ProviderError::NotFound(_))) => Ok(Filesystem::Image(snapshot.image)),
        (Err(ProviderError::NotFound(_)), Ok(container)) => Ok(Filesystem::Container(container.id)),
        (Ok(snapshot), Ok(container)) => {
            let name = agent::name_of(&provider.name, &container.name, &container.labels);
            let candidates = vec![
                format!("snapshot {} of {}", snapshot.id, snapshot.agent_name),
                format!("agent {name} ({})", agent::of_container(&provider.name, &container).id),
            ];
            Err(ambiguous(reference, candidates, "give the id of the one that is meant"))
        }
        (Err(ProviderError::NotFound(_)), Err(ProviderError::NotFound(_))) => Err(not_found(
            format!("snapshot or agent `{}`", shown(reference)),
            "there is neither of that name or id",
            "see `mngr-docker snapshot list` and `mngr-docker list`",
        )),
        (Err(ProviderError::NotFound(_)), Err(error)) | (Err(error), _) | (_, Err(error)) => Err(error),
    }
}
