//! What nobody owns any more: found by our labels alone, so that foreign things are never touched.
//!
//! A thing goes only where its labels say beyond doubt that nothing needs it. What is in doubt is kept: a label that does not
//! decode, a restore that a crash has cut in two (that is for `reconcile`), anything young enough to be still in the making.

use std::collections::BTreeSet;

use crate::contract::docker::{ContainerStatus, ContainerSummary, ImageSummary, Volume};
use crate::contract::instance::{Action, GcRequest};
use crate::contract::types::{ProviderError, Snapshot};
use crate::error::summary;
use crate::recipe::Recipe;
use crate::{Capabilities, DockerProviderInstance, Result};
use crate::{agent, container, labels, lookup, push, restore, snapshot, volumes};

/// What is younger than this, in seconds, may be still in the making.
const GRACE: i64 = 600;
/// How the names of images begin that were built for agents.
const BUILDS: &str = "mngr-build:";

/// How a thing is removed.
enum Thing {
    Container(String),
    /// By tag, or by id where it has none.
    Image(String),
    Snapshot(Box<Snapshot>),
    Volume(String),
}

struct Candidate {
    /// Absent for one that is only told of.
    thing: Option<Thing>,
    action: Action,
}

/// Removes what no agent needs any more, or with `dry-run` says what it would remove. What is kept though its agent is gone
/// is told as well, with the verb `keep`.
///
/// # Errors
/// Whatever the engine answers, but for what is gone already or is used after all.
pub async fn gc<C: Capabilities>(provider: &DockerProviderInstance<C>, request: GcRequest) -> Result<Vec<Action>> {
    let mut done = Vec::new();
    for mut candidate in candidates(provider, request.snapshots).await? {
        let engine = &provider.capabilities;
        let removed = match candidate.thing {
            Some(thing) if !request.dry_run => {
                container::report(provider, "removing", &candidate.action.subject);
                match thing {
                    Thing::Container(id) => engine.container_remove(&id).await,
                    Thing::Image(reference) => engine.image_remove(&reference).await.map(drop),
                    Thing::Snapshot(snapshot) => snapshot::remove(provider, &snapshot, &[]).await.map(drop),
                    Thing::Volume(name) => engine.volume_remove(&name).await,
                }
            }
            _ => Ok(()),
        };
        match removed {
            Ok(()) => {}
            Err(ProviderError::NotFound(_)) => continue,
            Err(error @ ProviderError::Conflict(_)) => {
                candidate.action = Action {
                    verb: "keep".to_owned(),
                    reason: format!("the engine did not let it go: {}", summary(&error)),
                    bytes_freed: None,
                    ..candidate.action
                };
            }
            Err(error) => return Err(error),
        }
        done.push(candidate.action);
    }
    Ok(done)
}

async fn candidates<C: Capabilities>(provider: &DockerProviderInstance<C>, snapshots: bool) -> Result<Vec<Candidate>> {
    let own = lookup::all(provider).await?;
    let now = provider
        .capabilities
        .now()
        .parse::<jiff::Timestamp>()
        .unwrap_or_default()
        .as_second();
    let mut found = containers(&provider.name, &own, now);
    found.extend(images(provider, &own, snapshots, now).await?);
    for volume in volumes::all(provider).await? {
        let agent_id = labels::value(&volume.labels, labels::AGENT_ID).unwrap_or_default();
        let reason = match is_alive(&own, agent_id) {
            // A restore is made with new volumes, and leaves those of the one before.
            true if is_young(&volume, now) || !provider.capabilities.volume_users(&volume.name).await?.is_empty() => {
                continue;
            }
            true => "its agent has another in its place".to_owned(),
            false => format!("its agent {agent_id} is gone"),
        };
        let subject = format!("volume {}", volume.name);
        found.push(remove(Thing::Volume(volume.name), subject, reason, None));
    }
    Ok(found)
}

fn is_young(volume: &Volume, now: i64) -> bool {
    let created = volume
        .created
        .as_deref()
        .and_then(|text| text.parse::<jiff::Timestamp>().ok());
    created.is_none_or(|created| now.saturating_sub(created.as_second()) < GRACE)
}

fn containers(provider: &str, own: &[ContainerSummary], now: i64) -> Vec<Candidate> {
    let id = |container: &ContainerSummary| labels::value(&container.labels, labels::AGENT_ID).map(str::to_owned);
    let mut found = Vec::new();
    for container in own {
        let twin = own
            .iter()
            .find(|other| other.id != container.id && id(other) == id(container));
        let name = agent::name_of(provider, &container.name, &container.labels);
        let reason = match container.name.strip_suffix(restore::ASIDE) {
            // Only beside the container that took its place, and only once that has run.
            Some(main) if twin.is_some_and(|twin| twin.name == main && twin.status != ContainerStatus::Created) => {
                let at_rest = matches!(
                    container.status,
                    ContainerStatus::Created | ContainerStatus::Exited | ContainerStatus::Dead
                );
                if !at_rest {
                    continue;
                }
                "a restore that was cut off has left it; the restored container is there"
            }
            None if container.status == ContainerStatus::Created && twin.is_none() => {
                let meant = Recipe::of(&container.labels).map_or(true, |recipe| recipe.no_start);
                if meant || now.saturating_sub(container.created) < GRACE {
                    continue;
                }
                "it was made and never started, by a create that was cut off"
            }
            _ => continue,
        };
        let subject = format!("container {name}");
        found.push(remove(Thing::Container(container.id.clone()), subject, reason, None));
    }
    found
}

/// What goes and what is told of.
async fn images<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    own: &[ContainerSummary],
    snapshots: bool,
    now: i64,
) -> Result<Vec<Candidate>> {
    let mut images = lookup::images(provider).await?;
    // A snapshot frees what it holds only once those that were made on top of it are gone.
    images.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.id.cmp(&b.id)));
    let users = match images.is_empty() {
        true => Vec::new(),
        false => snapshot::possible_users(provider).await?,
    };
    let there: BTreeSet<_> = images
        .iter()
        .cloned()
        .filter_map(snapshot::of_image)
        .map(|each| each.id)
        .collect();
    let mut found = Vec::new();
    for image in images {
        let agent_id = labels::value(&image.labels, labels::AGENT_ID).unwrap_or_default();
        let is_used = users.iter().any(|container| container.image_id == image.id);
        let gone = format!("its agent {agent_id} is gone");
        if let Some(snapshot) = snapshot::of_image(image.clone()) {
            let subject = format!("snapshot {}", snapshot.id);
            let is_used = is_used
                || users
                    .iter()
                    .any(|container| labels::value(&container.labels, labels::SNAPSHOT_ID) == Some(&snapshot.id));
            if is_alive(own, agent_id) {
                continue;
            }
            if is_used || !snapshots {
                let why = match is_used {
                    true => "; an agent was made from it",
                    false => "; snapshots are removed only where that is asked for",
                };
                found.push(keep(subject, format!("{gone}{why}")));
                continue;
            }
            let of_volumes: u64 = snapshot.volumes.iter().map(|volume| volume.size_bytes).sum();
            let bytes = own_bytes(provider, &image).await.map(|bytes| bytes + of_volumes);
            found.push(remove(Thing::Snapshot(Box::new(snapshot)), subject, gone, bytes));
            continue;
        }
        let its_snapshot = labels::value(&image.labels, labels::SNAPSHOT_ID).unwrap_or_default();
        if volumes::is_companion(&image.tags) && there.contains(its_snapshot) {
            continue;
        }
        if is_used || now.saturating_sub(made_at(&image)) < GRACE {
            continue;
        }
        let tagged = |beginning: &str| image.tags.iter().find(|tag| tag.starts_with(beginning));
        let (reference, reason) = match tagged(BUILDS) {
            Some(_) if is_alive(own, agent_id) => continue,
            Some(tag) => (tag.clone(), gone),
            None if tagged(push::PUSHES).is_some() => (
                image.tags.concat(),
                "it was made for a push that never ended".to_owned(),
            ),
            None if volumes::is_companion(&image.tags) => (
                image.tags[0].clone(),
                format!("its snapshot {its_snapshot} is not there"),
            ),
            None if image.tags.is_empty() => (image.id.clone(), "it has no name and nothing is made of it".to_owned()),
            None => continue,
        };
        let bytes = own_bytes(provider, &image).await;
        found.push(remove(
            Thing::Image(reference.clone()),
            format!("image {reference}"),
            reason,
            bytes,
        ));
    }
    Ok(found)
}

/// When an image was made, in seconds since the epoch: by the engine or by the label of a build, whichever is later.
fn made_at(image: &ImageSummary) -> i64 {
    let labelled = labels::value(&image.labels, labels::CREATED_AT).and_then(|text| text.parse().ok());
    labelled.map_or(image.created, |at: jiff::Timestamp| at.as_second().max(image.created))
}

/// What an image holds beyond the one it was made on.
async fn own_bytes<C: Capabilities>(provider: &DockerProviderInstance<C>, image: &ImageSummary) -> Option<u64> {
    if image.parent_id.is_empty() {
        return Some(image.size_bytes);
    }
    let parent = provider.capabilities.image_inspect(&image.parent_id).await.ok()?;
    Some(image.size_bytes.saturating_sub(parent.size_bytes))
}

fn is_alive(own: &[ContainerSummary], agent_id: &str) -> bool {
    own.iter()
        .any(|container| labels::value(&container.labels, labels::AGENT_ID) == Some(agent_id))
}

fn remove(thing: Thing, subject: String, reason: impl Into<String>, bytes_freed: Option<u64>) -> Candidate {
    let action = Action {
        verb: "remove".to_owned(),
        subject,
        reason: reason.into(),
        bytes_freed,
    };
    Candidate {
        thing: Some(thing),
        action,
    }
}

fn keep(subject: String, reason: String) -> Candidate {
    let action = Action {
        verb: "keep".to_owned(),
        subject,
        reason,
        bytes_freed: None,
    };
    Candidate { thing: None, action }
}
