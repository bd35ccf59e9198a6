//! A container with its GPUs and its volumes: from what it is made of to an agent that runs.

use crate::contract::docker::{Container, ContainerSpec};
use crate::contract::system::LogLevel;
use crate::gpu::{self, Wish};
use crate::labels::Identity;
use crate::volumes::Restored;
use crate::{Capabilities, DockerProviderInstance, Result, container};

/// Makes the container and starts it. After an error there is none, and none of the volumes that were made for it.
pub(crate) async fn begin<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    spec: ContainerSpec,
    identity: &Identity,
    wish: &Wish,
    start: bool,
    restored: Option<&Restored>,
) -> Result<Container> {
    let made = gpu::make(provider, spec, identity, wish).await;
    let begun = match &made {
        Ok(id) => bring_up(provider, id, &identity.name, start, restored).await,
        Err(error) => Err(error.clone()),
    };
    if begun.is_err() {
        if let Ok(id) = &made {
            container::remove(provider, id).await;
        }
        if let Some(restored) = restored {
            restored.discard(provider).await;
        }
    }
    begun
}

/// Starts a container that was just made, puts back what was in its memory, and reads it back.
pub(crate) async fn bring_up<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    id: &str,
    name: &str,
    start: bool,
    restored: Option<&Restored>,
) -> Result<Container> {
    if !start && restored.is_some_and(Restored::has_memory) {
        let message = format!("{name} is not started, so what its tmpfs held is not put back");
        provider.capabilities.log(LogLevel::Warn, &message);
    }
    if start {
        container::report(provider, "starting container", name);
        provider
            .capabilities
            .container_start(id)
            .await
            .map_err(|error| container::refused(name, error))?;
        if let Some(restored) = restored {
            restored.fill_memory(provider, id, name).await?;
        }
    }
    provider.capabilities.container_inspect(id).await
}
