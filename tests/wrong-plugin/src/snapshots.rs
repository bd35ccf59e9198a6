//! Snapshots and forks.

use mngr_docker_plugin::contract::docker::ContainerChanges;
use mngr_docker_plugin::contract::instance::{ForkRequest, SnapshotFilter, SnapshotRequest};
use mngr_docker_plugin::contract::types::{Agent, AgentState, Finding, FindingKind, ProviderError, Severity, Snapshot};
use mngr_docker_plugin::{Capabilities, Result};

use crate::call::{Call, conflict, internal, not_found};

pub async fn snapshot_check(call: Call, agent: String, include_volumes: bool) -> Result<Vec<Finding>> {
    if call.breaks("snapshot-check.is-read-only") {
        let container = call.inner.get(&agent).await?.container_id;
        call.engine.container_pause(&container).await?;
        call.engine.container_unpause(&container).await?;
    }
    let mut findings = call.inner.snapshot_check(&agent, include_volumes).await?;
    match call.engine.fault.as_str() {
        "snapshot-check.finds-nothing-where-nothing-is" if findings.is_empty() => findings.push(Finding {
            kind: FindingKind::LayerLimit,
            path: None,
            source: None,
            read_only: false,
            size_bytes: None,
            covered: false,
            severity: Severity::Warn,
            reason: "there may be something".to_owned(),
            remedy: "look".to_owned(),
        }),
        "snapshot-check.finds-memory" => findings
            .iter_mut()
            .for_each(|finding| finding.kind = FindingKind::BindMount),
        "snapshot-check.finds-volumes-with-their-source" => {
            findings.iter_mut().for_each(|finding| finding.source = None)
        }
        "snapshot-check.tells-environment-by-name" => {
            findings.retain(|finding| finding.kind != FindingKind::Environment)
        }
        "snapshot-check.tells-what-is-taken-along" => findings.iter_mut().for_each(|finding| finding.covered = false),
        _ => {}
    }
    Ok(findings)
}

pub async fn snapshot_create(call: Call, agent: String, mut request: SnapshotRequest) -> Result<Snapshot> {
    let state = call.state(&agent).await;
    let stays_frozen = call.breaks("snapshot-create.the-agent-runs-on") && request.pause == Some(false);
    match call.engine.fault.as_str() {
        "snapshot-create.blocked-by-findings" => request.force = true,
        "snapshot-create.pause-is-the-callers" => request.pause = Some(true),
        "snapshot-create.of-stopped" if state == Some(AgentState::Stopped) => return Err(conflict()),
        _ => {}
    }
    let mut taken = match call.inner.snapshot_create(&agent, request).await {
        Err(ProviderError::Unavailable(_)) if call.breaks("faults.timeout-is-told") => return Err(conflict()),
        taken => taken?,
    };
    let container = async || Ok::<_, ProviderError>(call.inner.get(&agent).await?.container_id);
    match call.engine.fault.as_str() {
        "snapshot-create.force-keeps-the-findings" => taken.findings.clear(),
        "snapshot-create.makes-a-tagged-image" => taken.image_id = "sha256:0".to_owned(),
        "snapshot-create.is-of-the-agent" => taken.agent_name.clear(),
        "snapshot-create.of-paused-leaves-it-paused" if state == Some(AgentState::Paused) => {
            call.engine.container_unpause(&container().await?).await?;
        }
        "snapshot-create.parent-is-told" => taken.parent = None,
        _ if stays_frozen => call.engine.container_pause(&container().await?).await?,
        _ => {}
    }
    Ok(taken)
}

pub async fn snapshot_list(call: Call, mut filter: SnapshotFilter) -> Result<Vec<Snapshot>> {
    if call.breaks("snapshot-list.of-one-agent") {
        filter.agent = None;
    }
    if let Some(agent) = &filter.agent
        && call.breaks("snapshot-list.of-an-agent-that-is-gone")
    {
        call.inner.get(agent).await?;
    }
    let mut listed = call.inner.snapshot_list(filter).await?;
    if call.breaks("snapshot-list.is-newest-first") {
        listed.reverse();
    }
    Ok(listed)
}

pub async fn snapshot_delete(call: Call, agent: Option<String>, snapshot: String) -> Result<Snapshot> {
    let agent = agent.filter(|_| !call.breaks("snapshot-delete.of-another-agent-is-refused"));
    match call.inner.snapshot_delete(agent, &snapshot).await {
        Err(ProviderError::Conflict(_)) if call.breaks("snapshot-delete.in-use-is-conflict") => Err(internal()),
        Err(ProviderError::NotFound(_)) if call.breaks("snapshot-delete.missing-is-not-found") => Err(internal()),
        deleted => deleted,
    }
}

pub async fn changes(call: Call, agent: String) -> Result<ContainerChanges> {
    let mut changes = call.inner.changes(&agent).await?;
    if call.breaks("changes.are-since-the-image") {
        changes.added.clear();
    }
    Ok(changes)
}

pub async fn snapshot_diff(call: Call, older: String, newer: String) -> Result<ContainerChanges> {
    if call.breaks("snapshot-diff.takes-agents") && call.state(&newer).await.is_some() {
        return Err(not_found());
    }
    let (older, newer) = match call.breaks("snapshot-diff.is-from-older-to-newer") {
        true => (newer, older),
        false => (older, newer),
    };
    match call.inner.snapshot_diff(&older, &newer).await {
        Err(ProviderError::Ambiguous(_)) if call.breaks("snapshot-diff.either-kind-is-ambiguous") => Err(not_found()),
        compared => compared,
    }
}

pub async fn fork(call: Call, agent: String, mut request: ForkRequest) -> Result<Vec<Agent>> {
    let of_snapshot = request.snapshot.is_some();
    match call.engine.fault.as_str() {
        "fork.given-tags-are-over-the-agents" => request.tags.clear(),
        "fork.without-names-is-invalid-argument" if request.names.is_empty() => return Ok(Vec::new()),
        _ => {}
    }
    let mut forks = match call.inner.fork(&agent, request).await {
        Err(ProviderError::AlreadyExists(_)) if call.breaks("fork.taken-name-makes-none") => return Err(conflict()),
        forks => forks?,
    };
    let spoils = match of_snapshot {
        true => "fork.of-a-snapshot-has-the-files-of-then",
        false => "fork.has-the-agents-files",
    };
    for fork in &mut forks {
        match call.engine.fault.as_str() {
            "fork.the-agent-is-the-parent" => fork.parent_id = None,
            "fork.snapshot-stays" => fork.snapshot_id = None,
            fault if fault == spoils => call.overwrite(&fork.id).await?,
            _ => {}
        }
    }
    if call.breaks("fork.makes-agents-of-their-own") {
        forks.reverse();
    }
    Ok(forks)
}
