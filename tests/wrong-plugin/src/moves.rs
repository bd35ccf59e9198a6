//! Snapshots to registries and to other providers, and agents with them.

use mngr_docker_plugin::contract::docker::Archive;
use mngr_docker_plugin::contract::instance::{
    ArrivalRequest, Departure, DepartureRequest, PushRequest, Pushed, SnapshotFilter, StartRequest,
};
use mngr_docker_plugin::contract::types::{Agent, ProviderError, Snapshot};
use mngr_docker_plugin::{Capabilities, Result};

use crate::call::{Call, already_exists, internal, not_found};

pub async fn snapshot_push(call: Call, mut request: PushRequest) -> Result<Pushed> {
    if call.breaks("snapshot-push.environment-needs-consent") {
        request.include_env = true;
    }
    match call.inner.snapshot_push(request).await {
        Ok(pushed) if call.breaks("snapshot-push.tells-name-and-digest") => Ok(Pushed {
            digest: String::new(),
            ..pushed
        }),
        Err(ProviderError::InvalidArgument(_))
            if call.breaks("snapshot-push.impossible-reference-is-invalid-argument") =>
        {
            Err(internal())
        }
        pushed => pushed,
    }
}

pub async fn snapshot_pull(call: Call, reference: String) -> Result<Snapshot> {
    let is_there = !call
        .inner
        .snapshot_list(SnapshotFilter { agent: None })
        .await?
        .is_empty();
    if call.breaks("snapshot-pull.again-succeeds") && is_there {
        return Err(already_exists());
    }
    match call.inner.snapshot_pull(&reference).await {
        Ok(pulled) if call.breaks("snapshot-pull.is-this-providers-then") => {
            call.inner.snapshot_delete(None, &pulled.id).await
        }
        Err(ProviderError::InvalidArgument(_)) if call.breaks("snapshot-pull.plain-image-is-invalid-argument") => {
            Err(not_found())
        }
        pulled => pulled,
    }
}

pub async fn snapshot_save(call: Call, snapshot: String) -> Result<Archive> {
    match call.inner.snapshot_save(&snapshot).await {
        Err(ProviderError::NotFound(_)) if call.breaks("snapshot-save.missing-is-not-found") => Err(internal()),
        archive => archive,
    }
}

pub async fn snapshot_load(call: Call, archive: Archive) -> Result<Snapshot> {
    match call.inner.snapshot_load(archive).await {
        Ok(loaded) if call.breaks("snapshot-load.is-what-was-saved") => {
            call.inner.snapshot_delete(None, &loaded.id).await
        }
        loaded => loaded,
    }
}

pub async fn migrate_out(call: Call, agent: String, mut request: DepartureRequest) -> Result<Departure> {
    if call.breaks("migrate-out.environment-needs-consent") {
        request.include_env = true;
    }
    let departure = call.inner.migrate_out(&agent, request).await?;
    if call.breaks("migrate-out.leaves-the-agent-as-it-is") {
        call.engine.container_pause(&departure.agent.container_id).await?;
    }
    Ok(departure)
}

pub async fn migrate_in(call: Call, mut request: ArrivalRequest) -> Result<Agent> {
    match call.engine.fault.as_str() {
        "migrate-in.copy-is-another-agent" => request.keep_identity = true,
        "migrate-in.moved-is-the-same-agent" => request.keep_identity = false,
        _ => {}
    }
    let arrived = call.inner.migrate_in(request).await?;
    match call.engine.fault.as_str() {
        "migrate-in.files-go-along" => call.overwrite(&arrived.id).await?,
        "migrate-in.stopped-arrives-unstarted" => {
            return call.inner.start(&arrived.id, StartRequest { snapshot: None }).await;
        }
        _ => {}
    }
    Ok(arrived)
}
