//! An agent from one engine to another: what must be known of it here, and making it again there.
//!
//! The bytes go past this plugin. Whoever moves an agent calls `migrate-out` on one provider, carries the snapshot over, and
//! calls `migrate-in` on the other.

use crate::contract::instance::{ArrivalRequest, Departure, DepartureRequest, SnapshotRequest};
use crate::contract::system::LogLevel;
use crate::contract::types::Agent;
use crate::contract::types::{AgentState, ProviderError, Snapshot};
use crate::error::{already_exists, conflict, invalid, kind};
use crate::gpu::Wish;
use crate::labels::{self, Identity};
use crate::recipe::{Origin, Recipe};
use crate::start_args::{self, Draft};
use crate::{Capabilities, DockerProviderInstance, Result};
use crate::{adopt, agent, launch, leaving, limits, lookup, snapshot, tags};

/// Takes a snapshot of the agent, without what is secret of its environment, and says what else it takes to make it again.
///
/// # Errors
/// `snapshot-blocked` before anything is done, `conflict` for an agent whose labels do not decode or in no fit state,
/// `not-found`, `ambiguous`, and whatever the engine answers.
pub async fn migrate_out<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    reference: &str,
    request: DepartureRequest,
) -> Result<Departure> {
    let container = lookup::agent(provider, reference).await?;
    let agent = agent::of_container(&provider.name, &container);
    let recipe = Recipe::of(&container.labels).map_err(|fault| {
        conflict(
            format!("agent `{}`", agent.name),
            "unknown",
            fault.to_string(),
            "take a snapshot, push it, and make a new agent of it elsewhere",
        )
    })?;
    let stays = leaving::stay_behind(provider, &container.image_id, &container.env_names, request.include_env).await?;
    let wanted = SnapshotRequest {
        include_volumes: false,
        name: String::new(),
        pause: request.pause,
        force: request.force,
    };
    let snapshot = snapshot::take_without(provider, &container, wanted, &stays).await?;
    Ok(Departure {
        agent,
        snapshot,
        recipe: recipe.encode(),
        limits: container.limits,
        left_out_env: stays,
    })
}

/// Makes the agent of its snapshot, and starts it where it ran before.
///
/// # Errors
/// `invalid-argument` for a name, limits this machine has not got, or a recipe that does not decode; `already-exists` for a
/// name that is taken or an agent that is there already, `not-found`, `denied`, and whatever the engine answers. Nothing is
/// left then.
pub async fn migrate_in<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    request: ArrivalRequest,
) -> Result<Agent> {
    agent::check_name("name", &request.name)?;
    let (departed, limits) = (request.departure.agent, request.departure.limits);
    let snapshot = snapshot::find(provider, &request.snapshot).await?;
    let mut recipe = Recipe::decode(&request.departure.recipe).map_err(|fault| {
        let remedy = "use the same version of the plugin for both providers";
        invalid("departure", "", fault.to_string(), remedy)
    })?;
    recipe.source = Origin::Snapshot(snapshot.id.clone());
    recipe.no_start = !matches!(departed.state, AgentState::Running | AgentState::Paused);
    let mut draft = Draft::new();
    draft.take(&recipe.args).map_err(start_args::Fault::into_error)?;
    let wish = Wish::of(&draft);
    draft.spec.limits = limits;
    limits::fit(provider, &draft.spec.limits).await?;
    let identity = identity(provider, departed, request.name, request.keep_identity, &snapshot).await?;
    crate::container::check_free(provider, &identity.name).await?;
    let mut spec = recipe.container(provider, &identity, &draft, snapshot.image);
    spec.labels.push((labels::SNAPSHOT_ID.to_owned(), snapshot.id));
    if !recipe.omitted.is_empty() {
        let flags = recipe.omitted.join(", ");
        let message = format!(
            "{} is made without {flags}, whose values look like secrets and are not kept",
            identity.name
        );
        provider.capabilities.log(LogLevel::Warn, &message);
    }
    let made = launch::begin(provider, spec, &identity, &wish, !recipe.no_start, None).await?;
    Ok(agent::of_container(&provider.name, &made))
}

/// The same agent where the original goes, else one that descends from it.
async fn identity<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    departed: Agent,
    name: String,
    keep: bool,
    snapshot: &Snapshot,
) -> Result<Identity> {
    let tags = tags::check(&departed.tags)?;
    let now = provider.capabilities.now();
    if !keep {
        return Ok(Identity {
            id: format!("{}{}", agent::ID_PREFIX, provider.capabilities.random_id()),
            name,
            agent_type: departed.agent_type,
            tags,
            parent_id: Some(departed.id),
            created_at: now,
            snapshot_id: Some(snapshot.id.clone()),
        });
    }
    match lookup::agent(provider, &departed.id).await {
        Err(ProviderError::NotFound(_)) => {}
        Err(error) => return Err(error),
        Ok(there) => {
            let there = agent::of_container(&provider.name, &there);
            return Err(already_exists(
                format!("agent {}", departed.id),
                format!("the provider has that very agent, as `{}`", there.name),
                format!("destroy it there first: mngr-docker destroy {}", there.name),
            ));
        }
    }
    Ok(Identity {
        id: departed.id,
        name,
        agent_type: departed.agent_type,
        tags,
        parent_id: departed.parent_id,
        created_at: departed.created_at.unwrap_or(now),
        snapshot_id: Some(snapshot.id.clone()),
    })
}

/// A snapshot as an archive.
///
/// # Errors
/// `not-found`, `ambiguous`, and whatever the engine answers.
pub async fn snapshot_save<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    reference: &str,
) -> Result<C::Archive> {
    let snapshot = snapshot::find(provider, reference).await?;
    leaving::whole(&snapshot)?;
    provider.capabilities.image_save(&snapshot.image).await
}

/// A snapshot out of an archive.
///
/// # Errors
/// `invalid-argument` where it holds no snapshot, `already-exists`, and whatever the engine answers. The image is gone then.
pub async fn snapshot_load<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    archive: C::Archive,
) -> Result<Snapshot> {
    let id = provider.capabilities.image_load(archive).await?;
    let adopted = adopt::adopt(provider, &id).await;
    if adopted.is_err()
        // What has a name was there before.
        && let Ok(image) = provider.capabilities.image_inspect(&id).await
        && image.tags.is_empty()
        && let Err(error) = provider.capabilities.image_remove(&id).await
    {
        let message = format!("image {id} is left ({})", kind(&error));
        provider.capabilities.log(LogLevel::Warn, &message);
    }
    adopted
}
