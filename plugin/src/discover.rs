//! Finding agents: one list call, however many there are, and no inspect.

use crate::contract::instance::DiscoverRequest;
use crate::contract::types::Agent;
use crate::{Capabilities, DockerProviderInstance, Result};
use crate::{agent, gpu, grant, lookup};

/// Every agent of this provider that fits, sorted by name.
///
/// # Errors
/// Whatever the engine answers; an engine that can not be reached is never an empty list.
pub async fn discover<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    request: DiscoverRequest,
) -> Result<Vec<Agent>> {
    let fits = |found: &Agent| {
        request.tags.iter().all(|tag| found.tags.contains(tag))
            && (request.states.is_empty() || request.states.contains(&found.state))
    };
    let mut found: Vec<_> = lookup::all(provider)
        .await?
        .into_iter()
        .map(|container| {
            let grant = grant::of_labels(&container.labels);
            (agent::of_summary(&provider.name, container), grant)
        })
        .filter(|(agent, _)| fits(agent))
        .collect();
    gpu::mark(provider, &mut found).await;
    let mut agents: Vec<_> = found.into_iter().map(|(agent, _)| agent).collect();
    agents.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    Ok(agents)
}

/// One agent, with what only inspect knows.
///
/// # Errors
/// `not-found`, `ambiguous`, and whatever the engine answers.
pub async fn get<C: Capabilities>(provider: &DockerProviderInstance<C>, reference: &str) -> Result<Agent> {
    let container = lookup::agent(provider, reference).await?;
    let found = agent::of_container(&provider.name, &container);
    Ok(gpu::mark_one(provider, found, &container.labels).await)
}
