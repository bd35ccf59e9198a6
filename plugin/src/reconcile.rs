//! What becomes of calls that were cut short: finished where their outcome is there, else rolled back.
//!
//! The host hands in what such a call was about to do. A call that makes agents is all or nothing, so what it made goes. A
//! commit that left its image is a snapshot like any other. A container that was put aside for a new one comes back unless
//! the new one runs. What somebody else did meanwhile is left alone.

use crate::agent;
use crate::contract::docker::{Container, ContainerStatus, Image};
use crate::contract::instance::{
    Action, Pending, PendingCommit, PendingCreate, PendingImport, PendingRename, PendingStep, PendingVolume,
    Reconciliation,
};
use crate::contract::system::LogLevel;
use crate::contract::types::ProviderError;
use crate::error::kind;
use crate::{Capabilities, DockerProviderInstance, Result};
use crate::{labels, lookup, push, restore, volumes};

/// Waits between two looks for what a request does that was on its way when the caller died, in milliseconds.
const LOOKS: [u64; 3] = [0, 250, 1000];
/// A request that is older than this, in seconds, is on its way no more.
const RECENT: i64 = 60;

/// Settles calls that were cut short.
///
/// # Errors
/// What the engine answers, where none of them could be settled.
pub async fn reconcile<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    pending: Vec<Pending>,
) -> Result<Reconciliation> {
    let mut done = Reconciliation {
        actions: Vec::new(),
        settled: Vec::new(),
    };
    let mut failure = None;
    for call in pending {
        match settle(provider, &call, &mut done.actions).await {
            Ok(true) => done.settled.push(call.id),
            Ok(false) => {}
            Err(error) => {
                let message = format!("the call {} is not settled yet ({})", call.id, kind(&error));
                provider.capabilities.log(LogLevel::Warn, &message);
                failure.get_or_insert(error);
            }
        }
    }
    match failure {
        Some(error) if done.settled.is_empty() && done.actions.is_empty() => Err(error),
        _ => Ok(done),
    }
}

/// Settles one call. `false` where the engine is still at work on it.
async fn settle<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    call: &Pending,
    actions: &mut Vec<Action>,
) -> Result<bool> {
    let put_aside = |name: &str| {
        call.steps.iter().find_map(|step| match step {
            PendingStep::Rename(rename) if rename.from_name == name && restore::is_aside(rename) => Some(rename),
            _ => None,
        })
    };
    let mut settled = true;
    for step in call.steps.iter().rev() {
        match step {
            PendingStep::Create(create) if put_aside(&create.container_name).is_some() => {}
            PendingStep::Create(create) => {
                if let Some(made) = made_by(provider, create, recent(provider, call)).await? {
                    settled &= remove(provider, &made, "the call that made it never ended", actions).await?;
                }
            }
            PendingStep::Rename(rename) if restore::is_aside(rename) => {
                settled &= replace(provider, rename, actions).await?;
            }
            // A rename is one step: it was made or it was not, and either is whole.
            PendingStep::Rename(_) => {}
            PendingStep::Commit(commit) => settled &= finish(provider, call, commit, actions).await?,
            // It was frozen for a commit, or is a part of one, that may still be made.
            PendingStep::Pause(_) | PendingStep::ImageImport(_) if !settled => {}
            PendingStep::Pause(pause) => {
                let frozen = inspect(provider, &pause.container_id).await?.filter(is_frozen);
                if let Some(container) = frozen {
                    thaw(provider, &container, "the call that froze it never ended", actions).await?;
                }
            }
            PendingStep::ImageImport(import) => keep_whole(provider, call, import, actions).await?,
            PendingStep::Volume(volume) => remove_volume(provider, volume, actions).await?,
        }
    }
    Ok(settled)
}

fn recent<C: Capabilities>(provider: &DockerProviderInstance<C>, call: &Pending) -> bool {
    let second = |text: &str| text.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_second);
    second(&provider.capabilities.now()) - second(&call.started_at) < RECENT
}

fn looks(recent: bool) -> &'static [u64] {
    if recent { &LOOKS } else { &LOOKS[..1] }
}

/// The container that a create call made, if it is there.
async fn made_by<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    create: &PendingCreate,
    recent: bool,
) -> Result<Option<Container>> {
    for &wait in looks(recent) {
        if wait > 0 {
            provider.capabilities.sleep(wait).await;
        }
        let found = inspect(provider, &create.container_name).await?;
        let theirs = |found: &Container| labels::value(&found.labels, labels::AGENT_ID) == Some(&create.agent_id);
        if let Some(found) = found.filter(theirs) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// A container was put aside and another made in its place: the other stays where it runs. `false` where the engine is still
/// at work on one of them.
async fn replace<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    rename: &PendingRename,
    actions: &mut Vec<Action>,
) -> Result<bool> {
    // Once the old one is gone the new one runs: it was removed for that reason.
    let Some(old) = inspect(provider, &rename.container_id).await? else {
        return Ok(true);
    };
    if old.name != rename.to_name {
        return Ok(true);
    }
    let same =
        |new: &Container| labels::value(&new.labels, labels::AGENT_ID) == labels::value(&old.labels, labels::AGENT_ID);
    let new = inspect(provider, &rename.from_name).await?.filter(same);
    match new {
        Some(new) if new.state.status == ContainerStatus::Running => {
            remove(provider, &old, "the container that takes its place runs", actions).await
        }
        new => {
            if let Some(new) = new
                && !remove(provider, &new, "it was to take another's place and never ran", actions).await?
            {
                return Ok(false);
            }
            provider
                .capabilities
                .container_rename(&old.id, &rename.from_name)
                .await?;
            let reason = "it was put aside for a container that is not there";
            actions.push(action(provider, "restore", &old, reason));
            Ok(true)
        }
    }
}

/// A volume was made for a container: it stays where one has it.
async fn remove_volume<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    volume: &PendingVolume,
    actions: &mut Vec<Action>,
) -> Result<()> {
    if !provider.capabilities.volume_users(&volume.name).await?.is_empty() {
        return Ok(());
    }
    match provider.capabilities.volume_remove(&volume.name).await {
        Ok(()) => {
            let subject = format!("volume {}", volume.name);
            actions.push(removed(subject, "the container that it was made for is not there"));
            Ok(())
        }
        // Somebody mounts it after all.
        Err(ProviderError::NotFound(_) | ProviderError::Conflict(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// What a volume held is kept as long as the snapshot that it belongs to.
async fn keep_whole<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    call: &Pending,
    import: &PendingImport,
    actions: &mut Vec<Action>,
) -> Result<()> {
    for step in &call.steps {
        let PendingStep::Commit(commit) = step else { continue };
        match provider.capabilities.image_inspect(&commit.image).await {
            Ok(_) => return Ok(()),
            Err(ProviderError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    match provider.capabilities.image_remove(&import.image).await {
        Ok(_) => {
            let subject = format!("image {}", import.image);
            actions.push(removed(subject, "the snapshot that it is a part of was never made"));
            Ok(())
        }
        Err(ProviderError::NotFound(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

fn removed(subject: String, reason: &str) -> Action {
    Action {
        verb: "remove".to_owned(),
        subject,
        reason: reason.to_owned(),
        bytes_freed: None,
    }
}

fn is_frozen(container: &Container) -> bool {
    container.state.status == ContainerStatus::Paused
}

async fn thaw<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    container: &Container,
    reason: &str,
    actions: &mut Vec<Action>,
) -> Result<()> {
    match provider.capabilities.container_unpause(&container.id).await {
        // The engine was quicker.
        Ok(()) | Err(ProviderError::Conflict(_) | ProviderError::NotFound(_)) => {}
        Err(error) => return Err(error),
    }
    actions.push(action(provider, "unpause", container, reason));
    Ok(())
}

/// A commit freezes the container. Who does that and dies leaves it frozen; the engine may also just not be done yet.
async fn finish<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    call: &Pending,
    commit: &PendingCommit,
    actions: &mut Vec<Action>,
) -> Result<bool> {
    let (image, container) = outcome(provider, call, commit).await?;
    if image.is_none() && may_come(provider, call, commit, container.as_ref()).await? {
        return Ok(false);
    }
    if let Some(container) = container.filter(|found| is_frozen(found) && !commit.was_paused) {
        thaw(provider, &container, "a snapshot froze it and never ended", actions).await?;
    }
    if image.is_some() && commit.image.starts_with(push::PUSHES) {
        provider.capabilities.image_remove(&commit.image).await?;
        actions.push(removed(
            format!("image {}", commit.image),
            "it was made for a push that never ended",
        ));
    } else if let Some(image) = image {
        if let Some(lost) = volumes::missing(provider, &image.labels).await?.first() {
            // Its caller gave up and took what the volumes held away.
            match provider.capabilities.image_remove(&commit.image).await {
                Ok(_) | Err(ProviderError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
            let reason = format!("it does not hold {}, which it was to take along", lost.path);
            actions.push(removed(format!("snapshot {}", commit.image), &reason));
            return Ok(true);
        }
        actions.push(Action {
            verb: "finish".to_owned(),
            subject: format!("snapshot {}", commit.image),
            reason: "the engine made it though its caller was gone".to_owned(),
            bytes_freed: None,
        });
    }
    Ok(true)
}

/// The image that a commit made, if it is there, and the container that it is to be made of.
async fn outcome<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    call: &Pending,
    commit: &PendingCommit,
) -> Result<(Option<Image>, Option<Container>)> {
    let mut seen = (None, None);
    for &wait in looks(recent(provider, call) && !commit.flatten) {
        if wait > 0 {
            provider.capabilities.sleep(wait).await;
        }
        let image = match provider.capabilities.image_inspect(&commit.image).await {
            Ok(image) => Some(image),
            Err(ProviderError::NotFound(_)) => None,
            Err(error) => return Err(error),
        };
        seen = (image, inspect(provider, &commit.container_id).await?);
        // What runs and has no image may be what the engine is just about to freeze.
        let runs = |container: &Container| container.state.status == ContainerStatus::Running;
        if seen.0.is_some() || !seen.1.as_ref().is_some_and(runs) {
            break;
        }
    }
    Ok(seen)
}

/// Whether the engine may still be at a commit whose image is not there.
async fn may_come<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    call: &Pending,
    commit: &PendingCommit,
    container: Option<&Container>,
) -> Result<bool> {
    let has = |wanted: fn(&PendingStep) -> bool| call.steps.iter().any(wanted);
    let frozen_by_call = !commit.was_paused || has(|step| matches!(step, PendingStep::Pause(_)));
    match container.filter(|found| is_frozen(found) && frozen_by_call && !commit.flatten) {
        // The engine thaws what it has frozen itself; else nothing tells that it never got the request.
        Some(container) if !commit.was_paused || recent(provider, call) => is_at_work(provider, call, container).await,
        Some(_) => Ok(false),
        // Nothing tells whether it is at work, and what belongs to the snapshot must not go before it.
        None => Ok(recent(provider, call) && has(|step| matches!(step, PendingStep::ImageImport(_)))),
    }
}

/// Whether the engine that froze the container is the one that answers: an engine that was started anew remembers nothing,
/// and finishes nothing.
async fn is_at_work<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    call: &Pending,
    container: &Container,
) -> Result<bool> {
    let started: jiff::Timestamp = call.started_at.parse().unwrap_or_default();
    let since = u64::try_from(started.as_nanosecond()).unwrap_or_default();
    let filter = labels::filters(&provider.name);
    let events = provider.capabilities.events(filter, since, 0).await?;
    let last = events
        .iter()
        .filter(|event| event.container_id == container.id)
        .rfind(|event| event.action == "pause" || event.action == "unpause");
    Ok(last.is_some_and(|event| event.action == "pause"))
}

/// A container of this provider, by id or name.
async fn inspect<C: Capabilities>(provider: &DockerProviderInstance<C>, container: &str) -> Result<Option<Container>> {
    match lookup::inspect(provider, container).await {
        Ok(found) => Ok(Some(found)),
        Err(ProviderError::NotFound(_) | ProviderError::Denied(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes a container. `false` where the engine is at that already, as it is where the caller died over it.
async fn remove<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    container: &Container,
    reason: &str,
    actions: &mut Vec<Action>,
) -> Result<bool> {
    match provider.capabilities.container_remove(&container.id).await {
        Ok(()) | Err(ProviderError::NotFound(_)) => {
            actions.push(action(provider, "remove", container, reason));
            Ok(true)
        }
        Err(ProviderError::Conflict(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

fn action<C>(provider: &DockerProviderInstance<C>, verb: &str, container: &Container, reason: &str) -> Action {
    let name = agent::name_of(&provider.name, &container.name, &container.labels);
    let id = container.id.get(..12).unwrap_or(&container.id);
    Action {
        verb: verb.to_owned(),
        subject: format!("container {id} of agent {name}"),
        reason: reason.to_owned(),
        bytes_freed: None,
    }
}
