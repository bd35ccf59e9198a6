//! Many agents of one: each from the same snapshot, with an identity of its own.

use std::collections::BTreeSet;

use crate::contract::docker::ContainerChanges;
use crate::contract::instance::{ForkRequest, SnapshotRequest};
use crate::contract::system::LogLevel;
use crate::contract::types::{Agent, Snapshot};
use crate::error::{already_exists, conflict, invalid, kind};
use crate::gpu::{self, Wish};
use crate::labels::{self, Identity};
use crate::recipe::{Origin, Recipe};
use crate::start_args::{self, Draft};
use crate::volumes::{self, Restored};
use crate::{Capabilities, DockerProviderInstance, Result};
use crate::{agent, container, launch, lookup, snapshot, tags};

/// Makes agents from an agent as it is, or from a snapshot of it.
///
/// They start with the arguments and the command of the agent; its environment comes with the image. The snapshot that is
/// taken stays, because they are made from it.
///
/// # Errors
/// `invalid-argument` for names and for a snapshot of another agent, `already-exists`, `snapshot-blocked`, `conflict` for an
/// agent whose labels do not decode, `not-found`, `ambiguous`, and whatever the engine answers. Nothing is left then.
pub async fn fork<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    reference: &str,
    request: ForkRequest,
) -> Result<Vec<Agent>> {
    check_names(&request.names)?;
    let over = tags::check(&request.tags)?;
    let parent = lookup::agent(provider, reference).await?;
    let parent_name = agent::name_of(&provider.name, &parent.name, &parent.labels);
    let broken = |fault: labels::Fault| {
        conflict(
            format!("agent `{parent_name}`"),
            "unknown",
            fault.to_string(),
            "take a snapshot of an agent whose labels are whole, and create agents from it",
        )
    };
    let identity = labels::decode(&parent.labels).map_err(broken)?;
    let mut recipe = Recipe::of(&parent.labels).map_err(broken)?;
    let mut draft = Draft::new();
    draft.take(&recipe.args).map_err(start_args::Fault::into_error)?;
    draft.take(&request.start_args).map_err(start_args::Fault::into_error)?;
    for name in &request.names {
        if lookup::by_name(provider, name).await?.is_some() {
            return Err(container::taken(provider, name).await);
        }
        container::check_free(provider, name).await?;
    }

    let (base, taken) = match &request.snapshot {
        Some(given) => (of_agent(provider, &identity, parent_name, given).await?, false),
        None => {
            let wanted = SnapshotRequest {
                name: String::new(),
                pause: None,
                force: request.force,
                include_volumes: request.include_volumes,
            };
            (snapshot::take(provider, &parent, wanted).await?, true)
        }
    };
    let omitted = std::mem::take(&mut recipe.omitted);
    recipe = Recipe::new(Origin::Snapshot(base.id.clone()), &draft, recipe.command);
    if !omitted.is_empty() {
        let message = format!(
            "the forks of {parent_name} are made without {}, whose values look like secrets and are not kept",
            omitted.join(", ")
        );
        provider.capabilities.log(LogLevel::Warn, &message);
        recipe.omitted.extend(omitted);
    }
    let parent_id = identity.id.clone();
    let child = |name: &String| Identity {
        id: format!("{}{}", agent::ID_PREFIX, provider.capabilities.random_id()),
        name: name.clone(),
        tags: identity.tags.clone().into_iter().chain(over.clone()).collect(),
        parent_id: Some(parent_id.clone()),
        created_at: provider.capabilities.now(),
        snapshot_id: Some(base.id.clone()),
        agent_type: identity.agent_type.clone(),
    };
    let children: Vec<_> = request.names.iter().map(child).collect();
    let mut own = Draft::new();
    own.take(&request.start_args).map_err(start_args::Fault::into_error)?;
    let mut made = Made::default();
    let wish = match Wish::of(&own) {
        asked if !asked.is_empty() => Wish {
            conditions: draft.gpu.clone(),
            ..asked
        },
        _ => gpu::again(&draft, &parent.labels),
    };
    let what = Plan {
        recipe,
        draft,
        own,
        wish,
        base: &base,
    };
    match make_all(provider, &children, &what, &mut made).await {
        Ok(agents) => Ok(agents),
        Err(error) => {
            for id in &made.containers {
                container::remove(provider, id).await;
            }
            for restored in &made.restored {
                restored.discard(provider).await;
            }
            if taken && let Err(second) = snapshot::remove(provider, &base, &[]).await {
                let message = format!("snapshot {} is left ({})", base.id, kind(&second));
                provider.capabilities.log(LogLevel::Error, &message);
            }
            Err(error)
        }
    }
}

/// What each of them is made from.
struct Plan<'a> {
    recipe: Recipe,
    draft: Draft,
    /// What was asked for over the agent's own arguments.
    own: Draft,
    /// The GPUs of each.
    wish: Wish,
    base: &'a Snapshot,
}

/// What there is of them so far.
#[derive(Default)]
struct Made {
    containers: Vec<String>,
    restored: Vec<Restored>,
}

/// All are made before the first is started, so that a name that is taken meanwhile costs no start.
async fn make_all<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    children: &[Identity],
    plan: &Plan<'_>,
    made: &mut Made,
) -> Result<Vec<Agent>> {
    let base = plan.base;
    for identity in children {
        let restored = volumes::restore(provider, base, identity, &plan.draft, &plan.own).await?;
        let mut recipe = plan.recipe.clone();
        recipe.args = restored.draft.canonical();
        let mut spec = recipe.container(provider, identity, &restored.draft, base.image.clone());
        made.restored.push(restored);
        spec.labels.push((labels::SNAPSHOT_ID.to_owned(), base.id.clone()));
        made.containers
            .push(gpu::make(provider, spec, identity, &plan.wish).await?);
    }
    let mut agents = Vec::new();
    let begun = children.iter().zip(&made.containers).zip(&made.restored);
    for ((identity, id), restored) in begun {
        let container = launch::bring_up(provider, id, &identity.name, true, Some(restored)).await?;
        agents.push(agent::of_container(&provider.name, &container));
    }
    Ok(agents)
}

async fn of_agent<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    identity: &Identity,
    name: &str,
    given: &str,
) -> Result<Snapshot> {
    let found = snapshot::find(provider, given).await?;
    if found.agent_id == identity.id {
        return Ok(found);
    }
    Err(invalid(
        "snapshot",
        given,
        format!(
            "it is not of `{name}` but of `{}` ({})",
            found.agent_name, found.agent_id
        ),
        format!("make an agent of it: mngr-docker create NAME --snapshot {}", found.id),
    ))
}

fn check_names(names: &[String]) -> Result<()> {
    if names.is_empty() {
        let remedy = "give a name for each new agent, for example `worker-1`";
        return Err(invalid("names", "", "there is none", remedy));
    }
    let mut seen = BTreeSet::new();
    for name in names {
        agent::check_name("names", name)?;
        if !seen.insert(name) {
            return Err(already_exists(
                format!("agent `{name}`"),
                "the name is given twice",
                "give each new agent a name of its own",
            ));
        }
    }
    Ok(())
}

/// What an agent has changed of the image it was made from.
///
/// # Errors
/// `not-found`, `ambiguous`, and whatever the engine answers.
pub async fn changes<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    reference: &str,
) -> Result<ContainerChanges> {
    let container = lookup::agent(provider, reference).await?;
    provider.capabilities.container_diff(&container.id).await
}
