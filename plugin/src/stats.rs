//! What an agent uses at one moment.

use crate::contract::docker::{ContainerStatus, StatsSample};
use crate::{Capabilities, DockerProviderInstance, Result, container, lookup};

/// One sample of a running agent.
///
/// # Errors
/// `conflict` for an agent that does not run, `not-found`, `ambiguous`, and whatever the engine answers.
pub async fn stats<C: Capabilities>(provider: &DockerProviderInstance<C>, reference: &str) -> Result<StatsSample> {
    let container = lookup::agent(provider, reference).await?;
    match container.state.status {
        // What is frozen still holds its memory.
        ContainerStatus::Running | ContainerStatus::Paused => provider.capabilities.stats(&container.id).await,
        _ => Err(container::not_running(
            provider,
            &container,
            "only a running agent uses anything",
        )),
    }
}
