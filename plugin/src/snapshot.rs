//! Snapshots: images of an agent's filesystem, with what is known of them in labels of their own.

mod labelled;

use std::collections::BTreeSet;

use mngr_docker_grammar::words::{did_you_mean, nearest, shown};

use crate::contract::docker::{CommitOptions, Container, ContainerFilter, ContainerStatus, ContainerSummary};
use crate::contract::instance::{SnapshotFilter, SnapshotRequest};
use crate::contract::system::LogLevel;
use crate::contract::types::{ProviderError, Snapshot};
use crate::error::{ambiguous, conflict, invalid, may_have_happened, not_found};
use crate::labels;
use crate::lookup::{self, Entry, Match};
use crate::{Capabilities, DockerProviderInstance, Result};
use crate::{agent, constraints, container, findings, volumes};

pub(crate) use labelled::{described, of_image};

/// What every snapshot's id begins with.
pub const ID_PREFIX: &str = "snap-";
/// The repository of all snapshots.
pub(crate) const REPOSITORY: &str = "mngr-snapshot";
const MAX_NAME: usize = 128;
/// Waits between two looks for the image of a commit that was not answered, in milliseconds.
const LOOKS: [u64; 5] = [250, 500, 1000, 2000, 4000];

/// Commits the agent's filesystem to an image.
///
/// # Errors
/// `invalid-argument` for a bad name, `snapshot-blocked` with what it would not hold, `conflict` for an agent in no fit state,
/// and whatever the engine answers.
pub async fn create<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    reference: &str,
    request: SnapshotRequest,
) -> Result<Snapshot> {
    check_name(&request.name)?;
    let container = lookup::agent(provider, reference).await?;
    take(provider, &container, request).await
}

/// The same of a container that was looked up already.
pub(crate) async fn take<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    container: &Container,
    request: SnapshotRequest,
) -> Result<Snapshot> {
    take_without(provider, container, request, &[]).await
}

/// The same, and the image lacks these environment variables.
pub(crate) async fn take_without<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    container: &Container,
    request: SnapshotRequest,
    without_env: &[String],
) -> Result<Snapshot> {
    check_name(&request.name)?;
    let agent_name = agent::name_of(&provider.name, &container.name, &container.labels);
    let unfit = |state: &str, reason: String, remedy: &str| {
        Err(conflict(
            format!("agent `{agent_name}`"),
            state,
            reason,
            format!("{remedy} {agent_name}"),
        ))
    };
    let identity = match labels::decode(&container.labels) {
        Ok(identity) => identity,
        Err(fault) => return unfit("unknown", fault.to_string(), "keep its files: mngr-docker cp"),
    };
    match container.state.status {
        ContainerStatus::Restarting => {
            let reason = "its main command is between two starts".to_owned();
            return unfit("starting", reason, "stop it first: mngr-docker stop");
        }
        ContainerStatus::Removing | ContainerStatus::Dead => {
            let reason = "its files are being removed".to_owned();
            return unfit("stopping", reason, "remove what is left of it: mngr-docker destroy");
        }
        _ => {}
    }
    let permitted = constraints::permit(provider, container, request.force, request.include_volumes, without_env);
    let (found, covered) = permitted.await?;
    let (written, left_out) = findings::encode(&found);
    if left_out > 0 {
        let message = format!("{left_out} findings do not fit into the label of a snapshot of {agent_name}");
        provider.capabilities.log(LogLevel::Warn, &message);
    }
    let id = format!("{ID_PREFIX}{}", provider.capabilities.random_id());
    let tag = format!("{}-{id}", identity.id);
    let pause = request.pause.unwrap_or(provider.settings.snapshot_pause);
    let mut options = CommitOptions {
        // The history of an image of several layers would tell of what it lacks.
        flatten: !without_env.is_empty() || is_deep(provider, &container.image_id).await?,
        without_env: without_env.to_vec(),
        repository: REPOSITORY.to_owned(),
        tag,
        comment: format!("mngr snapshot of {agent_name}"),
        author: String::new(),
        pause,
        labels: [
            (labels::AGENT_NAME, agent_name),
            (labels::SNAPSHOT_ID, &id),
            (labels::SNAPSHOT_NAME, &request.name),
            (labels::SNAPSHOT_CREATED_AT, &provider.capabilities.now()),
            (
                labels::SNAPSHOT_PARENT,
                identity.snapshot_id.as_deref().unwrap_or_default(),
            ),
            (labels::SNAPSHOT_FINDINGS, &written),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .to_vec(),
    };
    // Those of a container that mngr's own provider made are not on it, and the image does not inherit them.
    let given = |key: &str| options.labels.iter().any(|(name, _)| name == key);
    let identifying = container
        .labels
        .iter()
        .filter(|(key, _)| key.starts_with(labels::PREFIX) && !key.starts_with(labels::SNAPSHOT_PREFIX) && !given(key));
    let identifying: Vec<_> = identifying.cloned().collect();
    options.labels.extend(identifying);
    let of = volumes::Source {
        container,
        identity: &identity,
        agent_name,
        snapshot_id: &id,
    };
    let mut saved = volumes::Saved::default();
    let taken = async {
        saved.take(provider, &of, &covered, pause).await?;
        let volumes = volumes::encode(&saved.volumes);
        options.labels.push((labels::SNAPSHOT_VOLUMES.to_owned(), volumes));
        commit(provider, &of, options).await
    }
    .await;
    saved.thaw(provider, &of).await;
    if taken.is_err() {
        saved.discard(provider).await;
    }
    taken
}

/// Makes the image, and reads it back.
async fn commit<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    of: &volumes::Source<'_>,
    options: CommitOptions,
) -> Result<Snapshot> {
    let step = match options.flatten {
        true => "committing snapshot as one layer",
        false => "committing snapshot",
    };
    container::report(provider, step, of.agent_name);
    let image = format!("{REPOSITORY}:{}", options.tag);
    if let Err(error) = provider.capabilities.container_commit(&of.container.id, options).await {
        await_commit(provider, &image, error).await?;
    }
    let made = provider.capabilities.image_inspect(&image).await?;
    let name = image.clone();
    described(made, image).ok_or_else(|| {
        crate::error::internal(
            format!("snapshot {}", of.snapshot_id),
            "the engine did not put the snapshot's labels on the image",
            format!("remove the image, docker image rm {name}, and report this with the engine's version"),
        )
    })
}

/// Whether an image made on top of this one would have too many layers. An image that was untagged by force and is gone can
/// not be counted; its container goes through and the engine says what it makes of it.
async fn is_deep<C: Capabilities>(provider: &DockerProviderInstance<C>, image: &str) -> Result<bool> {
    match provider.capabilities.image_inspect(image).await {
        Ok(image) => Ok(image.layers >= constraints::DEEP),
        Err(ProviderError::NotFound(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The engine finishes a commit though its caller is gone, so an answer that is lost is not a failure yet.
async fn await_commit<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    image: &str,
    error: ProviderError,
) -> Result<()> {
    if may_have_happened(&error) {
        for wait in LOOKS {
            provider.capabilities.sleep(wait).await;
            if provider.capabilities.image_inspect(image).await.is_ok() {
                return Ok(());
            }
        }
    }
    Err(error)
}

/// Snapshots of this provider, newest first.
///
/// # Errors
/// `not-found` for an agent that is not there and has left no snapshot, `ambiguous`, and whatever the engine answers.
pub async fn list<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    filter: SnapshotFilter,
) -> Result<Vec<Snapshot>> {
    let Some(reference) = filter.agent else {
        return all(provider).await;
    };
    match lookup::agent(provider, &reference).await {
        Ok(container) => {
            of_agent(
                provider,
                labels::value(&container.labels, labels::AGENT_ID).unwrap_or_default(),
            )
            .await
        }
        Err(gone @ ProviderError::NotFound(_)) => {
            let mut snapshots = all(provider).await?;
            let agents: BTreeSet<_> = snapshots
                .iter()
                .map(|s| (s.agent_id.clone(), s.agent_name.clone()))
                .collect();
            let agents: Vec<_> = agents.into_iter().map(|(id, name)| Entry { id, name }).collect();
            let meant = match lookup::find_in(&agents, &reference, agent::ID_PREFIX) {
                Match::One(position) => vec![position],
                Match::Many(positions) => positions,
                Match::None => return Err(gone),
            };
            let ids: BTreeSet<_> = meant.iter().map(|&position| agents[position].id.clone()).collect();
            if ids.len() > 1 {
                let candidates = meant.into_iter().map(|position| agents[position].label()).collect();
                return Err(ambiguous(&reference, candidates, "give more digits of the agent's id"));
            }
            snapshots.retain(|snapshot| ids.contains(&snapshot.agent_id));
            Ok(snapshots)
        }
        Err(error) => Err(error),
    }
}

/// Deletes a snapshot that no agent uses.
///
/// # Errors
/// `conflict` naming the agents that use it, `invalid-argument` where it is not of the agent named, `not-found`,
/// `ambiguous`, and whatever the engine answers.
pub async fn delete<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    agent: Option<String>,
    reference: &str,
) -> Result<Snapshot> {
    let snapshot = match agent {
        None => find(provider, reference).await?,
        Some(agent) => {
            let theirs = list(
                provider,
                SnapshotFilter {
                    agent: Some(agent.clone()),
                },
            )
            .await?;
            match pick(&theirs, reference) {
                Err(ProviderError::NotFound(missing)) => match find(provider, reference).await {
                    Ok(other) => {
                        return Err(invalid(
                            "snapshot",
                            reference,
                            format!(
                                "it is not of `{}` but of `{}` ({})",
                                shown(&agent),
                                other.agent_name,
                                other.agent_id
                            ),
                            format!(
                                "delete it with that agent's name: mngr-docker snapshot delete {}",
                                other.agent_name
                            ),
                        ));
                    }
                    Err(_) => return Err(ProviderError::NotFound(missing)),
                },
                picked => picked?,
            }
        }
    };
    remove(provider, &snapshot, &possible_users(provider).await?).await?;
    Ok(snapshot)
}

/// The containers of every provider's agents: each may be made from a snapshot of ours.
pub(crate) async fn possible_users<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
) -> Result<Vec<ContainerSummary>> {
    let filter = ContainerFilter {
        all: true,
        labels: vec![labels::PROVIDER.to_owned()],
    };
    let mut containers = lookup::listed(provider, filter).await?;
    // What a comparison of snapshots reads is no agent, though it has an agent's labels, empty.
    containers.retain(|container| labels::value(&container.labels, labels::AGENT_ID).is_some_and(|id| !id.is_empty()));
    Ok(containers)
}

/// Removes the images of a snapshot that none of the containers uses. `false` where it was gone already.
pub(crate) async fn remove<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    snapshot: &Snapshot,
    containers: &[ContainerSummary],
) -> Result<bool> {
    let mut users: Vec<_> = containers
        .iter()
        .filter(|container| {
            container.image_id == snapshot.image_id
                || labels::value(&container.labels, labels::SNAPSHOT_ID) == Some(&snapshot.id)
        })
        .map(|container| {
            let owner = labels::value(&container.labels, labels::PROVIDER).unwrap_or_default();
            let id = labels::value(&container.labels, labels::AGENT_ID).unwrap_or_default();
            format!("{} ({id})", agent::name_of(owner, &container.name, &container.labels))
        })
        .collect();
    users.sort();
    if !users.is_empty() {
        return Err(conflict(
            format!("snapshot {}", snapshot.id),
            "in use",
            format!("these agents were made from it: {}", users.join(", ")),
            "destroy them first: mngr-docker destroy NAME",
        ));
    }
    match provider.capabilities.image_remove(&snapshot.image).await {
        Ok(_) => {
            volumes::discard(provider, snapshot.volumes.iter().map(|volume| &volume.image)).await;
            Ok(true)
        }
        Err(ProviderError::NotFound(_)) => Ok(false),
        Err(ProviderError::Conflict(engine)) => Err(conflict(
            format!("snapshot {}", snapshot.id),
            "in use",
            format!("a container that is no agent uses it: {}", engine.reason),
            "remove that container first: `docker ps -a` shows it",
        )),
        Err(error) => Err(error),
    }
}

/// The snapshot that `reference` means: an id, a unique prefix of one, or a name.
///
/// # Errors
/// `not-found`, `ambiguous`, and whatever the engine answers.
pub(crate) async fn find<C: Capabilities>(provider: &DockerProviderInstance<C>, reference: &str) -> Result<Snapshot> {
    lookup::check_reference("snapshot", reference)?;
    pick(&all(provider).await?, reference)
}

fn pick(snapshots: &[Snapshot], reference: &str) -> Result<Snapshot> {
    let entry = |snapshot: &Snapshot| Entry {
        id: snapshot.id.clone(),
        name: snapshot.name.clone().unwrap_or_default(),
    };
    let entries: Vec<_> = snapshots.iter().map(entry).collect();
    match lookup::find_in(&entries, reference, ID_PREFIX) {
        Match::One(position) => Ok(snapshots[position].clone()),
        Match::Many(positions) => {
            let candidates = positions
                .into_iter()
                .map(|position| entries[position].label())
                .collect();
            Err(ambiguous(
                reference,
                candidates,
                "give more digits of the snapshot's id",
            ))
        }
        Match::None => {
            let near = nearest(reference, entries.iter().map(|entry| entry.name.as_str()));
            Err(not_found(
                format!("snapshot `{}`", shown(reference)),
                "there is no snapshot of that name or id",
                format!("{}see `mngr-docker snapshot list`", did_you_mean(&near)),
            ))
        }
    }
}

/// Every snapshot of one agent, by its whole id, newest first.
pub(crate) async fn of_agent<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    agent_id: &str,
) -> Result<Vec<Snapshot>> {
    let mut snapshots = all(provider).await?;
    snapshots.retain(|snapshot| snapshot.agent_id == agent_id);
    Ok(snapshots)
}

async fn all<C: Capabilities>(provider: &DockerProviderInstance<C>) -> Result<Vec<Snapshot>> {
    let images = lookup::images(provider).await?.into_iter();
    let mut snapshots: Vec<_> = images.filter_map(of_image).collect();
    snapshots.sort_by_cached_key(|snapshot| {
        let taken = snapshot
            .created_at
            .parse::<jiff::Timestamp>()
            .unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        (std::cmp::Reverse(taken), snapshot.id.clone())
    });
    Ok(snapshots)
}

pub(crate) fn check_name(name: &str) -> Result<()> {
    let length = name.chars().count();
    let reason = if length > MAX_NAME {
        format!("it has {length} characters")
    } else if name.chars().any(char::is_control) {
        "it holds a control character".to_owned()
    } else if name.starts_with(ID_PREFIX) {
        format!("it begins with {ID_PREFIX}, as ids do")
    } else {
        return Ok(());
    };
    let remedy = format!("use at most {MAX_NAME} printable characters, for example `before-upgrade`");
    Err(invalid("snapshot name", name, reason, remedy))
}
