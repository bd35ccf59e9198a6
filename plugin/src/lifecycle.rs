//! Start, stop, pause, resume, destroy, rename. What is already so is a success.

use crate::container::{self, leaving, name, not_running, state_conflict};
use crate::contract::docker::{Container, ContainerStatus};
use crate::contract::instance::{DestroyRequest, Destroyed, StartRequest, StopRequest, Stopped};
use crate::contract::system::LogLevel;
use crate::contract::types::{Agent, ProviderError};
use crate::error::kind;
use crate::{Capabilities, DockerProviderInstance, Result};
use crate::{agent, gpu, labels, lookup, restore, snapshot, volumes};

/// Starts an agent, anew from a snapshot where one is named.
///
/// # Errors
/// `conflict` for a paused agent or one on its way out, and what [`restore::start`] and the engine answer.
pub async fn start<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    reference: &str,
    request: StartRequest,
) -> Result<Agent> {
    if let Some(snapshot) = request.snapshot {
        return restore::start(provider, reference, &snapshot).await;
    }
    let container = lookup::agent(provider, reference).await?;
    let name = name(provider, &container);
    match container.state.status {
        ContainerStatus::Running | ContainerStatus::Restarting => Ok(agent::of_container(&provider.name, &container)),
        ContainerStatus::Created | ContainerStatus::Exited => {
            gpu::may_start(provider, &container, name).await?;
            container::report(provider, "starting container", name);
            if let Err(error) = provider.capabilities.container_start(&container.id).await {
                return Err(gpu::diagnose(provider, &container, name, container::refused(name, error)).await);
            }
            gpu::started(provider, &container, name).await?;
            again(provider, &container).await
        }
        ContainerStatus::Paused => {
            let remedy = format!("resume it: mngr-docker resume {name}");
            Err(state_conflict(
                provider,
                &container,
                "it is frozen, not stopped",
                remedy,
            ))
        }
        ContainerStatus::Removing | ContainerStatus::Dead => Err(leaving(provider, &container)),
    }
}

/// Stops an agent, after a snapshot where one is asked for.
///
/// # Errors
/// What the snapshot and the engine answer; where the snapshot fails the agent is not stopped.
pub async fn stop<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    reference: &str,
    request: StopRequest,
) -> Result<Stopped> {
    let container = lookup::agent(provider, reference).await?;
    let snapshot = match request.snapshot {
        Some(wanted) => Some(snapshot::take(provider, &container, wanted).await?),
        None => None,
    };
    let agent = match container.state.status {
        ContainerStatus::Exited | ContainerStatus::Created | ContainerStatus::Dead => {
            agent::of_container(&provider.name, &container)
        }
        _ => {
            container::report(provider, "stopping container", name(provider, &container));
            halt(provider, &container, request.timeout_seconds).await?;
            again(provider, &container).await?
        }
    };
    Ok(Stopped { agent, snapshot })
}

/// Some engines refuse to stop what is frozen.
async fn halt<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    container: &Container,
    timeout_seconds: Option<u32>,
) -> Result<()> {
    let engine = &provider.capabilities;
    match engine.container_stop(&container.id, timeout_seconds).await {
        Err(ProviderError::Conflict(_)) if container.state.status == ContainerStatus::Paused => {
            engine.container_unpause(&container.id).await?;
            engine.container_stop(&container.id, timeout_seconds).await
        }
        other => other,
    }
}

/// Freezes an agent.
///
/// # Errors
/// `conflict` for an agent that does not run, and whatever the engine answers.
pub async fn pause<C: Capabilities>(provider: &DockerProviderInstance<C>, reference: &str) -> Result<Agent> {
    let container = lookup::agent(provider, reference).await?;
    match container.state.status {
        ContainerStatus::Paused => Ok(agent::of_container(&provider.name, &container)),
        ContainerStatus::Running => {
            provider.capabilities.container_pause(&container.id).await?;
            again(provider, &container).await
        }
        _ => Err(not_running(provider, &container, "only a running agent can be paused")),
    }
}

/// Thaws an agent.
///
/// # Errors
/// `conflict` for an agent that does not run, and whatever the engine answers.
pub async fn resume<C: Capabilities>(provider: &DockerProviderInstance<C>, reference: &str) -> Result<Agent> {
    let container = lookup::agent(provider, reference).await?;
    match container.state.status {
        ContainerStatus::Running => Ok(agent::of_container(&provider.name, &container)),
        ContainerStatus::Paused => {
            provider.capabilities.container_unpause(&container.id).await?;
            again(provider, &container).await
        }
        _ => Err(not_running(provider, &container, "only a paused agent can be resumed")),
    }
}

/// Removes an agent; its snapshots too where that is asked for, but for those that other agents use.
///
/// # Errors
/// `ambiguous`, and whatever the engine answers. An agent that is not there is a success.
pub async fn destroy<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    reference: &str,
    request: DestroyRequest,
) -> Result<Destroyed> {
    let container = match lookup::agent(provider, reference).await {
        Ok(container) => container,
        Err(ProviderError::NotFound(_)) => {
            return Ok(Destroyed {
                agent_id: None,
                deleted_snapshots: Vec::new(),
                kept_snapshots: Vec::new(),
                kept_volumes: Vec::new(),
            });
        }
        Err(error) => return Err(error),
    };
    let agent_id = labels::value(&container.labels, labels::AGENT_ID)
        .unwrap_or_default()
        .to_owned();
    container::report(provider, "removing container", name(provider, &container));
    match provider.capabilities.container_remove(&container.id).await {
        Ok(()) | Err(ProviderError::NotFound(_)) => {}
        Err(error) => return Err(error),
    }
    // Only now: a snapshot that was being taken is in the list, or was refused for want of a container.
    let snapshots = snapshot::of_agent(provider, &agent_id).await?;
    let mut destroyed = Destroyed {
        agent_id: None,
        deleted_snapshots: Vec::new(),
        kept_snapshots: Vec::new(),
        kept_volumes: volumes::of_agent(provider, &agent_id).await?,
    };
    let users = match request.snapshots && !snapshots.is_empty() {
        true => snapshot::possible_users(provider).await,
        false => Ok(Vec::new()),
    };
    for snapshot in snapshots {
        let gone = match &users {
            Ok(users) if request.snapshots => snapshot::remove(provider, &snapshot, users).await,
            Ok(_) => Ok(false),
            Err(error) => Err(error.clone()),
        };
        match gone {
            Ok(true) => destroyed.deleted_snapshots.push(snapshot.id),
            Ok(false) => destroyed.kept_snapshots.push(snapshot.id),
            Err(error) => {
                let message = format!("snapshot {} is kept ({})", snapshot.id, kind(&error));
                provider.capabilities.log(LogLevel::Warn, &message);
                destroyed.kept_snapshots.push(snapshot.id);
            }
        }
    }
    Ok(Destroyed {
        agent_id: Some(agent_id),
        ..destroyed
    })
}

/// Gives an agent a new name.
///
/// # Errors
/// `invalid-argument` for a bad name, `already-exists` for one that is taken, and whatever the engine answers.
pub async fn rename<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    reference: &str,
    new_name: &str,
) -> Result<Agent> {
    agent::check_name("name", new_name)?;
    let container = lookup::agent(provider, reference).await?;
    let container_name = provider.container_name(new_name);
    if container.name == container_name {
        return Ok(agent::of_container(&provider.name, &container));
    }
    // Its own name is not taken: the container gets it back.
    if container::name(provider, &container) != new_name {
        container::check_free(provider, new_name).await?;
    }
    match provider
        .capabilities
        .container_rename(&container.id, &container_name)
        .await
    {
        Ok(()) => again(provider, &container).await,
        Err(ProviderError::Conflict(_)) => Err(container::taken(provider, new_name).await),
        Err(error) => Err(error),
    }
}

async fn again<C: Capabilities>(provider: &DockerProviderInstance<C>, container: &Container) -> Result<Agent> {
    let container = lookup::inspect(provider, &container.id).await?;
    Ok(agent::of_container(&provider.name, &container))
}
