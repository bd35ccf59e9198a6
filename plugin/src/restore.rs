//! Starting an agent from one of its snapshots: the same agent, in a container made anew.
//!
//! The old container is renamed out of the way and removed only when the new one runs, so that on any failure it can be put
//! back.

use crate::contract::docker::Container;
use crate::contract::instance::PendingRename;
use crate::contract::system::LogLevel;
use crate::contract::types::{Agent, AgentState, ProviderError, Snapshot};
use crate::error::{already_exists, conflict, invalid, kind, may_have_happened};
use crate::gpu::{self, Wish};
use crate::labels::{self, Fault, Identity};
use crate::recipe::{Origin, Recipe};
use crate::start_args::{self, Draft};
use crate::{Capabilities, DockerProviderInstance, Result};
use crate::{agent, container, launch, lookup, snapshot, volumes};

/// What the name of an old container ends with while a new one takes its place.
pub(crate) const ASIDE: &str = ".replaced";

/// Makes the agent's container anew from a snapshot of its own and starts it.
///
/// # Errors
/// `conflict` for an agent that runs or whose labels do not decode, `invalid-argument` for another agent's snapshot,
/// `not-found`, `ambiguous`, and whatever the engine answers. The agent is then as it was.
pub async fn start<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    reference: &str,
    snapshot_reference: &str,
) -> Result<Agent> {
    let old = match lookup::agent(provider, reference).await {
        Err(gone @ ProviderError::NotFound(_)) => return revive(provider, reference, snapshot_reference, gone).await,
        other => other?,
    };
    let found = agent::of_container(&provider.name, &old);
    let condition = agent::Condition::of_state(&old.state);
    let may_be_replaced = matches!(
        condition.state,
        AgentState::Stopped | AgentState::Crashed | AgentState::Failed | AgentState::Starting
    );
    if !may_be_replaced || old.state.pid > 0 {
        return Err(conflict(
            format!("agent `{}`", found.name),
            agent::state_name(condition.state),
            "only an agent that does not run can be started from a snapshot",
            format!("stop it first: mngr-docker stop {}", found.name),
        ));
    }
    let snapshot = snapshot::find(provider, snapshot_reference).await?;
    if snapshot.agent_id != found.id {
        return Err(invalid(
            "snapshot",
            snapshot_reference,
            format!(
                "it is a snapshot of the agent `{}` ({})",
                snapshot.agent_name, snapshot.agent_id
            ),
            format!(
                "make a new agent of it: mngr-docker create NAME --snapshot {}",
                snapshot.id
            ),
        ));
    }
    let broken = |fault: Fault| {
        conflict(
            format!("agent `{}`", found.name),
            "unknown",
            fault.to_string(),
            format!(
                "make a new agent of the snapshot: mngr-docker create NAME --snapshot {}",
                snapshot.id
            ),
        )
    };
    let identity = Identity {
        name: found.name.clone(),
        snapshot_id: Some(snapshot.id.clone()),
        ..labels::decode(&old.labels).map_err(broken)?
    };
    let mut recipe = Recipe::of(&old.labels).map_err(broken)?;
    recipe.source = Origin::Snapshot(snapshot.id.clone());
    recipe.no_start = false;
    let mut draft = Draft::new();
    draft.take(&recipe.args).map_err(start_args::Fault::into_error)?;
    let mut restored = volumes::restore(provider, &snapshot, &identity, &draft, &Draft::new()).await?;
    recipe.args = restored.draft.canonical();
    let wish = gpu::again(&restored.draft, &old.labels);
    // Limits may have been changed since the recipe was written.
    restored.draft.spec.limits = old.limits.clone();
    let replaced = replace(provider, &old, &identity, &recipe, &restored, &wish, &snapshot).await;
    if replaced.is_err() {
        restored.discard(provider).await;
    }
    replaced
}

/// Makes an agent that is gone from a snapshot of its own, which says all that it takes: the same agent.
async fn revive<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    reference: &str,
    snapshot_reference: &str,
    gone: ProviderError,
) -> Result<Agent> {
    let snapshot = match snapshot::find(provider, snapshot_reference).await {
        Ok(snapshot) if [&snapshot.agent_id, &snapshot.agent_name].contains(&&reference.to_owned()) => snapshot,
        Ok(_) | Err(ProviderError::NotFound(_)) => return Err(gone),
        Err(error) => return Err(error),
    };
    let broken = |fault: Fault| {
        conflict(
            format!("snapshot {}", snapshot.id),
            "unknown",
            fault.to_string(),
            format!(
                "make a new agent of it: mngr-docker create NAME --snapshot {}",
                snapshot.id
            ),
        )
    };
    let image = provider.capabilities.image_inspect(&snapshot.image).await?;
    let identity = Identity {
        name: snapshot.agent_name.clone(),
        snapshot_id: Some(snapshot.id.clone()),
        ..labels::decode(&image.labels).map_err(broken)?
    };
    container::check_free(provider, &identity.name).await?;
    let mut recipe = Recipe::of(&image.labels).map_err(broken)?;
    recipe.source = Origin::Snapshot(snapshot.id.clone());
    recipe.no_start = false;
    let mut draft = Draft::new();
    draft.take(&recipe.args).map_err(start_args::Fault::into_error)?;
    let restored = volumes::restore(provider, &snapshot, &identity, &draft, &Draft::new()).await?;
    recipe.args = restored.draft.canonical();
    let wish = gpu::again(&restored.draft, &image.labels);
    let mut spec = recipe.container(provider, &identity, &restored.draft, snapshot.image.clone());
    spec.labels.push((labels::SNAPSHOT_ID.to_owned(), snapshot.id.clone()));
    without_secrets(provider, &recipe, &identity);
    let container = launch::begin(provider, spec, &identity, &wish, true, Some(&restored)).await?;
    Ok(agent::of_container(&provider.name, &container))
}

/// Says what could not be kept of how the agent was made.
fn without_secrets<C: Capabilities>(provider: &DockerProviderInstance<C>, recipe: &Recipe, identity: &Identity) {
    if recipe.omitted.is_empty() {
        return;
    }
    let flags = recipe.omitted.join(", ");
    let message = format!(
        "{} is made without {flags}, whose values look like secrets and are not kept",
        identity.name
    );
    provider.capabilities.log(LogLevel::Warn, &message);
}

async fn replace<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    old: &Container,
    identity: &Identity,
    recipe: &Recipe,
    restored: &volumes::Restored,
    wish: &Wish,
    snapshot: &Snapshot,
) -> Result<Agent> {
    let mut spec = recipe.container(provider, identity, &restored.draft, snapshot.image.clone());
    spec.labels.push((labels::SNAPSHOT_ID.to_owned(), snapshot.id.clone()));
    without_secrets(provider, recipe, identity);
    let aside = aside(&old.name);
    match provider.capabilities.container_rename(&old.id, &aside).await {
        Err(ProviderError::Conflict(_)) => {
            return Err(already_exists(
                format!("container `{aside}`"),
                "the old container can not be put aside under that name",
                format!("rename or remove it: docker rename {aside} OTHER"),
            ));
        }
        other => other?,
    }
    let new = match gpu::make(provider, spec, identity, wish).await {
        Ok(id) => id,
        Err(error) => return Err(put_back(provider, old, error).await),
    };
    let undo = async |error| {
        container::remove(provider, &new).await;
        Err(put_back(provider, old, error).await)
    };
    let container = match launch::bring_up(provider, &new, &identity.name, true, Some(restored)).await {
        Ok(container) => container,
        Err(error) => return undo(error).await,
    };
    let found = agent::of_container(&provider.name, &container);
    match provider.capabilities.container_remove(&old.id).await {
        Ok(()) | Err(ProviderError::NotFound(_)) => Ok(found),
        // The old one may be gone, so that the new one must stay. Where it is not, it goes with the next call.
        Err(error) if may_have_happened(&error) => {
            let message = format!(
                "{} runs anew; whether its old container {} is gone is not known ({})",
                identity.name,
                old.id,
                kind(&error)
            );
            provider.capabilities.log(LogLevel::Warn, &message);
            Ok(found)
        }
        Err(error) => undo(error).await,
    }
}

/// What a container is called while another takes its place.
fn aside(name: &str) -> String {
    format!("{name}.replaced")
}

/// Whether a container was renamed to make place for another.
pub(crate) fn is_aside(rename: &PendingRename) -> bool {
    rename.to_name == aside(&rename.from_name)
}

/// Gives the old container its name back, and passes on what went wrong.
async fn put_back<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    old: &Container,
    error: ProviderError,
) -> ProviderError {
    if let Err(second) = provider.capabilities.container_rename(&old.id, &old.name).await {
        let message = format!(
            "container {} is still called {}{ASIDE} ({}); rename it: docker rename {0} {1}",
            old.id,
            old.name,
            kind(&second)
        );
        provider.capabilities.log(LogLevel::Error, &message);
    }
    error
}
