//! Snapshots, what they hold and what they do not.

use mngr_contract::docker::ContainerChanges;
use mngr_contract::instance::Pushed;
use mngr_contract::types::{Finding, FindingKind, Severity, Snapshot, SnapshotVolume};
use serde::Serialize;

/// A snapshot.
#[derive(Serialize)]
pub struct SnapshotJson<'a> {
    id: &'a str,
    agent_id: &'a str,
    agent_name: &'a str,
    name: Option<&'a str>,
    image: &'a str,
    image_id: &'a str,
    created_at: &'a str,
    size_bytes: u64,
    parent: Option<&'a str>,
    findings: Vec<FindingJson<'a>>,
    volumes: Vec<VolumeJson<'a>>,
}

#[derive(Serialize)]
struct VolumeJson<'a> {
    path: &'a str,
    kind: &'static str,
    source: Option<&'a str>,
    size_bytes: u64,
    image: &'a str,
}

impl<'a> From<&'a SnapshotVolume> for VolumeJson<'a> {
    fn from(volume: &'a SnapshotVolume) -> Self {
        Self {
            path: &volume.path,
            kind: finding_kind(volume.kind),
            source: volume.source.as_deref(),
            size_bytes: volume.size_bytes,
            image: &volume.image,
        }
    }
}

impl<'a> From<&'a Snapshot> for SnapshotJson<'a> {
    fn from(snapshot: &'a Snapshot) -> Self {
        Self {
            id: &snapshot.id,
            agent_id: &snapshot.agent_id,
            agent_name: &snapshot.agent_name,
            name: snapshot.name.as_deref(),
            image: &snapshot.image,
            image_id: &snapshot.image_id,
            created_at: &snapshot.created_at,
            size_bytes: snapshot.size_bytes,
            parent: snapshot.parent.as_deref(),
            findings: snapshot.findings.iter().map(FindingJson::from).collect(),
            volumes: snapshot.volumes.iter().map(VolumeJson::from).collect(),
        }
    }
}

/// A snapshot in a registry.
#[derive(Serialize)]
pub struct PushedJson<'a> {
    snapshot: SnapshotJson<'a>,
    reference: &'a str,
    digest: &'a str,
    left_out_env: &'a [String],
}

impl<'a> From<&'a Pushed> for PushedJson<'a> {
    fn from(pushed: &'a Pushed) -> Self {
        Self {
            snapshot: (&pushed.snapshot).into(),
            reference: &pushed.reference,
            digest: &pushed.digest,
            left_out_env: &pushed.left_out_env,
        }
    }
}

/// What a snapshot would not hold, or would give away.
#[derive(Serialize)]
pub struct FindingJson<'a> {
    kind: &'static str,
    path: Option<&'a str>,
    source: Option<&'a str>,
    read_only: bool,
    size_bytes: Option<u64>,
    covered: bool,
    severity: &'static str,
    reason: &'a str,
    remedy: &'a str,
}

impl<'a> From<&'a Finding> for FindingJson<'a> {
    fn from(finding: &'a Finding) -> Self {
        Self {
            kind: finding_kind(finding.kind),
            path: finding.path.as_deref(),
            source: finding.source.as_deref(),
            read_only: finding.read_only,
            size_bytes: finding.size_bytes,
            covered: finding.covered,
            severity: severity_name(finding.severity),
            reason: &finding.reason,
            remedy: &finding.remedy,
        }
    }
}

/// The severity's name, for people and programs.
pub fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Ignore => "ignore",
        Severity::Warn => "warn",
        Severity::Block => "block",
    }
}

/// The kind's name, for people and programs.
pub fn finding_kind(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::BindMount => "bind_mount",
        FindingKind::NamedVolume => "named_volume",
        FindingKind::AnonymousVolume => "anonymous_volume",
        FindingKind::SharedVolume => "shared_volume",
        FindingKind::Tmpfs => "tmpfs",
        FindingKind::NetworkStorage => "network_storage",
        FindingKind::Gpu => "gpu",
        FindingKind::Device => "device",
        FindingKind::Environment => "environment",
        FindingKind::LayerLimit => "layer_limit",
        FindingKind::FreeSpace => "free_space",
    }
}

/// What an agent, or one snapshot over another, has changed.
#[derive(Serialize)]
pub struct ChangesJson<'a> {
    added: &'a [String],
    modified: &'a [String],
    deleted: &'a [String],
}

impl<'a> From<&'a ContainerChanges> for ChangesJson<'a> {
    fn from(changes: &'a ContainerChanges) -> Self {
        Self {
            added: &changes.added,
            modified: &changes.modified,
            deleted: &changes.deleted,
        }
    }
}
