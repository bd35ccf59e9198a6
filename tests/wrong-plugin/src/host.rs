//! Volumes, GPUs, garbage, crashes and events.

use mngr_docker_plugin::contract::instance::{
    Action, AgentVolume, DestroyRequest, GcRequest, GpuReport, Pending, Reconciliation, WatchResult,
};
use mngr_docker_plugin::contract::types::{AgentState, ProviderError};
use mngr_docker_plugin::{Capabilities, Result};

use crate::call::{Call, internal};

pub async fn volumes(call: Call) -> Result<Vec<AgentVolume>> {
    let mut volumes = call.inner.volumes().await?;
    if call.breaks("volumes.tell-their-agent") {
        volumes.iter_mut().for_each(|volume| volume.agent_id = None);
    }
    Ok(volumes)
}

pub async fn volume_delete(call: Call, name: String) -> Result<()> {
    if call.breaks("volume-delete.of-gone-succeeds") {
        call.engine.volume_inspect(&name).await?;
    }
    match call.inner.volume_delete(&name).await {
        Err(ProviderError::Conflict(_)) if call.breaks("volume-delete.in-use-is-conflict") => Err(internal()),
        Err(ProviderError::NotFound(_)) if call.breaks("volume-delete.foreign-is-refused") => Ok(()),
        deleted => deleted,
    }
}

pub async fn gpus(call: Call) -> Result<GpuReport> {
    let mut report = call.inner.gpus().await?;
    match call.engine.fault.as_str() {
        "gpus.tell-where-was-looked" => report.sources.clear(),
        "gpus.are-told-with-their-holders" => report.gpus.iter_mut().for_each(|gpu| gpu.agents.clear()),
        _ => {}
    }
    Ok(report)
}

/// Destroys the agents in a state.
async fn destroy_all(call: &Call, state: AgentState) -> Result<()> {
    for agent in call.agents().await? {
        if agent.state == state {
            call.inner
                .destroy(&agent.id, DestroyRequest { snapshots: false })
                .await?;
        }
    }
    Ok(())
}

pub async fn gc(call: Call, mut request: GcRequest) -> Result<Vec<Action>> {
    match call.engine.fault.as_str() {
        "gc.dry-run-changes-nothing" => request.dry_run = false,
        "gc.keeps-snapshots-unless-asked" => request.snapshots = true,
        "gc.removes-snapshots-where-asked" => request.snapshots = false,
        "gc.spares-the-living" => destroy_all(&call, AgentState::Stopped).await?,
        _ => {}
    }
    let mut actions = call.inner.gc(request).await?;
    if call.breaks("gc.tells-what-is-kept") {
        actions.retain(|action| action.verb != "keep");
    }
    Ok(actions)
}

pub async fn reconcile(call: Call, pending: Vec<Pending>) -> Result<Reconciliation> {
    match call.engine.fault.as_str() {
        "reconcile.rolls-back-a-create" => {
            let settled = pending.into_iter().map(|call| call.id).collect();
            return Ok(Reconciliation {
                actions: Vec::new(),
                settled,
            });
        }
        "reconcile.spares-the-others" => destroy_all(&call, AgentState::Running).await?,
        _ => {}
    }
    let mut done = call.inner.reconcile(pending).await?;
    if call.breaks("reconcile.settles-once") {
        done.settled.clear();
    }
    Ok(done)
}

pub async fn watch(call: Call, cursor: u64, wait_ms: u64) -> Result<WatchResult> {
    let mut happened = call.inner.watch(cursor, wait_ms).await?;
    for event in &mut happened.events {
        match (call.engine.fault.as_str(), event.what.as_str()) {
            ("watch.words-are-the-contracts", "stopped") => event.what = "ended".to_owned(),
            ("watch.names-the-agent", _) => event.agent_name.clear(),
            // The shim tells it of no other; so it makes one up.
            ("watch.providers-do-not-hear-each-other", "started") => event.agent_name = "theirs".to_owned(),
            ("watch.crash-has-its-status", _) => event.exit_code = None,
            _ => {}
        }
    }
    match call.engine.fault.as_str() {
        "watch.no-event-is-lost" => happened.events.retain(|event| event.what != "renamed"),
        "watch.cursor-goes-on" => happened.cursor = cursor,
        _ => {}
    }
    Ok(happened)
}
