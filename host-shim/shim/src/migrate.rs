//! An agent from one provider to another: a snapshot, its bytes carried over, the agent made again there, and only then,
//! where asked for, the end of the original.
//!
//! All or nothing: a migration that fails or is cancelled takes back what it has made on both sides, and the original was
//! never touched but for the moment in which it was frozen for its snapshot.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::TryStreamExt;
use mngr_contract::error::{internal, invalid};
use mngr_contract::instance::{
    ArrivalRequest, Departure, DepartureRequest, DestroyRequest, DiscoverRequest, PushRequest,
};
use mngr_contract::log;
use mngr_contract::streams::Archive;
use mngr_contract::system::Progress;
use mngr_contract::trace::Name;
use mngr_contract::types::{Agent, Problem, Snapshot};
use mngr_contract::{ProviderError, Result};

use crate::provider::Provider;

/// How an agent is to go. By default as a copy of the same name, its bytes straight from engine to engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Migration {
    /// What it is called on the other provider; absent for what it is called on the first.
    pub name: Option<String>,
    /// A repository in a registry that both engines reach, to go by; the snapshot stays there.
    pub via: Option<String>,
    /// Destroy the original once the other runs. It is then the same agent, with its id; else a new one with the original as
    /// its parent, so that no id is there twice.
    pub destroy_original: bool,
    /// Go through although findings block the snapshot.
    pub force: bool,
    /// Let the environment go along, less what the setting `secret_env` names.
    pub include_env: bool,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Migrated {
    /// The agent where it is now.
    pub agent: Agent,
    /// The agent as it was where it came from.
    pub original: Agent,
    /// The snapshot it was made from, on the provider where it is now.
    pub snapshot: Snapshot,
    /// `repository@sha256:…` in the registry that it went by.
    pub registry_reference: Option<String>,
    /// Environment variables that did not go along.
    pub left_out_env: Vec<String>,
}

/// Makes an agent of one provider again on another.
///
/// # Errors
/// `snapshot-blocked` and `already-exists` before anything is done, and what either provider answers; then nothing is left.
/// `internal` where something is left after all, or where the original could not be destroyed: the message says what.
pub async fn migrate(from: &Provider, to: &Provider, agent: &str, migration: &Migration) -> Result<Migrated> {
    let original = from.get(agent).await?;
    let name = migration.name.as_deref().unwrap_or(&original.name);
    check_target(to, &original, name, migration).await?;
    let request = DepartureRequest {
        pause: None,
        force: migration.force,
        include_env: migration.include_env,
    };
    let departure = from.migrate_out(&original.id, request).await?;
    let carried = carry(from, to, &departure, migration).await;
    let done = match carried {
        Ok((snapshot, registry_reference)) => arrive(to, &departure, snapshot, name, migration)
            .await
            .map(|(agent, snapshot)| (agent, snapshot, registry_reference)),
        Err(error) => Err(error),
    };
    // Whatever has become of it, the snapshot was only taken for this.
    let swept = from
        .uncancelled()
        .snapshot_delete(Some(original.id.clone()), &departure.snapshot.id)
        .await;
    let (agent, snapshot, registry_reference) = match (done, swept) {
        (Ok(done), Ok(_)) => done,
        (Ok(done), Err(error)) => {
            let snapshot = Name(&departure.snapshot.id);
            log!(
                WARN,
                "the snapshot that it moved with is left",
                snapshot = snapshot,
                error = error
            );
            done
        }
        (Err(error), swept) => return Err(with_leftover(error, from, &departure.snapshot, swept.err())),
    };
    if migration.destroy_original {
        let request = DestroyRequest { snapshots: false };
        if let Err(error) = from.uncancelled().destroy(&original.id, request).await {
            return Err(internal(
                format!("agent `{}`", original.name),
                format!(
                    "it is on the provider `{}` now, and the original could not be destroyed, so that it is on both with one \
                     id: {}",
                    to.name(),
                    error.message()
                ),
                format!(
                    "destroy the original: mngr-docker destroy {} --provider {}",
                    original.name,
                    from.name()
                ),
            ));
        }
    }
    Ok(Migrated {
        agent,
        original,
        snapshot,
        registry_reference,
        left_out_env: departure.left_out_env,
    })
}

/// What can be known to stand in the way, before anything is done.
async fn check_target(to: &Provider, agent: &Agent, name: &str, migration: &Migration) -> Result<()> {
    let exists = |reason: String, remedy: String| {
        Err(ProviderError::AlreadyExists(Problem {
            subject: format!("agent `{name}`"),
            reason,
            remedy,
        }))
    };
    let there = to.discover(DiscoverRequest::default()).await?;
    // Names of providers and addresses of engines do not tell, and engines on one machine may share their id.
    if there.iter().any(|other| other.container_id == agent.container_id) {
        return Err(invalid(
            "to",
            to.name(),
            "the agent is there already",
            format!(
                "name another provider, or make a second one of it here: mngr-docker fork {} NAME",
                agent.name
            ),
        ));
    }
    if there.iter().any(|other| other.name == name) {
        return exists(
            format!("the provider `{}` has an agent of that name", to.name()),
            "give it another name there with --name, or destroy the one that is there".to_owned(),
        );
    }
    match there
        .iter()
        .find(|other| migration.destroy_original && other.id == agent.id)
    {
        Some(same) => exists(
            format!("the provider `{}` has that very agent, as `{}`", to.name(), same.name),
            format!(
                "destroy it there first: mngr-docker destroy {} --provider {}",
                same.name,
                to.name()
            ),
        ),
        None => Ok(()),
    }
}

/// Carries the snapshot over: through a registry, or straight from engine to engine.
async fn carry(
    from: &Provider,
    to: &Provider,
    departure: &Departure,
    migration: &Migration,
) -> Result<(Snapshot, Option<String>)> {
    let Some(via) = &migration.via else {
        let archive = from.snapshot_save(&departure.snapshot.id).await?;
        let archive = counted(archive, to, departure);
        return Ok((to.snapshot_load(archive).await?, None));
    };
    let request = PushRequest {
        snapshot: departure.snapshot.id.clone(),
        reference: via.clone(),
        // What is to stay behind has stayed behind when the snapshot was taken.
        include_env: true,
    };
    let pushed = from.snapshot_push(request).await?;
    let (repository, _) = mngr_guard::journal::split_name(&pushed.reference);
    let reference = format!("{repository}@{}", pushed.digest);
    Ok((to.snapshot_pull(&reference).await?, Some(reference)))
}

/// The same bytes, and the other provider's caller hears how many have gone.
fn counted(archive: Archive, to: &Provider, departure: &Departure) -> Archive {
    let Archive::Tar(bytes) = archive else {
        return archive;
    };
    let (progress, done) = (to.progress().clone(), Arc::new(AtomicU64::new(0)));
    let (subject, total) = (departure.agent.name.clone(), departure.snapshot.size_bytes);
    let counted = bytes.inspect_ok(move |piece| {
        let length = u64::try_from(piece.len()).unwrap_or_default();
        let done = done.fetch_add(length, Ordering::Relaxed) + length;
        progress(Progress {
            step: "transferring".to_owned(),
            subject: subject.clone(),
            done: Some(done),
            total: Some(total),
        });
    });
    Archive::Tar(Box::pin(counted))
}

/// Makes the agent of the snapshot that has come. Where that fails, the snapshot goes again.
async fn arrive(
    to: &Provider,
    departure: &Departure,
    snapshot: Snapshot,
    name: &str,
    migration: &Migration,
) -> Result<(Agent, Snapshot)> {
    let request = ArrivalRequest {
        departure: departure.clone(),
        snapshot: snapshot.id.clone(),
        name: name.to_owned(),
        keep_identity: migration.destroy_original,
    };
    match to.migrate_in(request).await {
        Ok(agent) => Ok((agent, snapshot)),
        Err(error) => {
            let swept = to.uncancelled().snapshot_delete(None, &snapshot.id).await;
            Err(with_leftover(error, to, &snapshot, swept.err()))
        }
    }
}

/// The error, with what could not be taken back.
fn with_leftover(
    error: ProviderError,
    provider: &Provider,
    snapshot: &Snapshot,
    left: Option<ProviderError>,
) -> ProviderError {
    match left {
        None | Some(ProviderError::NotFound(_)) => error,
        Some(second) => internal(
            "the migration",
            format!(
                "{}; and snapshot {} is left on the provider `{}`: {}",
                error.message(),
                snapshot.id,
                provider.name(),
                second.message()
            ),
            format!(
                "mngr-docker snapshot delete {} --provider {}",
                snapshot.id,
                provider.name()
            ),
        ),
    }
}
