//! What programs read: the contract's records with their names in snake_case. A field without a value is null, not absent.

mod gpus;
mod limits;

use std::collections::BTreeMap;

use mngr_host_shim::contract::ProviderError;
use mngr_host_shim::contract::docker::ContainerChanges;
use mngr_host_shim::contract::instance::{Destroyed, Pushed, Stopped};
use mngr_host_shim::contract::types::{Agent, AgentState, Finding, FindingKind, Severity, Snapshot, SnapshotVolume};
use mngr_host_shim::migrate::Migrated;
use serde::Serialize;
use serde_json::value::RawValue;

pub use gpus::{GpuJson, GpuReportJson};
pub use limits::LimitsJson;

/// A value that is written already, its fields in their order.
pub type Written = Box<RawValue>;

/// Writes a value.
pub fn written(value: &impl Serialize) -> std::io::Result<Written> {
    Ok(serde_json::value::to_raw_value(value)?)
}

/// Every state and its name.
pub const STATES: [(AgentState, &str); 10] = [
    (AgentState::Building, "building"),
    (AgentState::Starting, "starting"),
    (AgentState::Running, "running"),
    (AgentState::Stopping, "stopping"),
    (AgentState::Stopped, "stopped"),
    (AgentState::Paused, "paused"),
    (AgentState::Crashed, "crashed"),
    (AgentState::Failed, "failed"),
    (AgentState::Destroyed, "destroyed"),
    (AgentState::Unknown, "unknown"),
];

/// The state's name, for people and programs.
pub fn state_name(state: AgentState) -> &'static str {
    STATES
        .iter()
        .find(|(each, _)| *each == state)
        .map_or("unknown", |(_, name)| name)
}

#[derive(Serialize)]
pub struct AgentJson<'a> {
    id: &'a str,
    name: &'a str,
    r#type: &'a str,
    state: &'static str,
    state_reason: Option<&'a str>,
    status: &'a str,
    tags: BTreeMap<&'a str, &'a str>,
    parent_id: Option<&'a str>,
    created_at: Option<&'a str>,
    started_at: Option<&'a str>,
    finished_at: Option<&'a str>,
    exit_code: Option<i64>,
    image: &'a str,
    image_id: &'a str,
    container_id: &'a str,
    container_name: &'a str,
    provider: &'a str,
    snapshot_id: Option<&'a str>,
    gpus: &'a [String],
}

impl<'a> From<&'a Agent> for AgentJson<'a> {
    fn from(agent: &'a Agent) -> Self {
        Self {
            id: &agent.id,
            name: &agent.name,
            r#type: &agent.agent_type,
            state: state_name(agent.state),
            state_reason: agent.state_reason.as_deref(),
            status: &agent.status,
            tags: object(&agent.tags),
            parent_id: agent.parent_id.as_deref(),
            created_at: agent.created_at.as_deref(),
            started_at: agent.started_at.as_deref(),
            finished_at: agent.finished_at.as_deref(),
            exit_code: agent.exit_code,
            image: &agent.image,
            image_id: &agent.image_id,
            container_id: &agent.container_id,
            container_name: &agent.container_name,
            provider: &agent.provider,
            snapshot_id: agent.snapshot_id.as_deref(),
            gpus: &agent.gpus,
        }
    }
}

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

/// What `stop` did.
#[derive(Serialize)]
pub struct StoppedJson<'a> {
    agent: AgentJson<'a>,
    snapshot: Option<SnapshotJson<'a>>,
}

impl<'a> From<&'a Stopped> for StoppedJson<'a> {
    fn from(stopped: &'a Stopped) -> Self {
        Self {
            agent: (&stopped.agent).into(),
            snapshot: stopped.snapshot.as_ref().map(SnapshotJson::from),
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

/// What `migrate` did.
#[derive(Serialize)]
pub struct MigratedJson<'a> {
    agent: AgentJson<'a>,
    /// As it was before.
    original: AgentJson<'a>,
    original_destroyed: bool,
    snapshot: SnapshotJson<'a>,
    registry_reference: Option<&'a str>,
    left_out_env: &'a [String],
}

impl<'a> MigratedJson<'a> {
    /// Of a migration, and whether the original is gone.
    pub fn new(migrated: &'a Migrated, original_destroyed: bool) -> Self {
        Self {
            agent: (&migrated.agent).into(),
            original: (&migrated.original).into(),
            original_destroyed,
            snapshot: (&migrated.snapshot).into(),
            registry_reference: migrated.registry_reference.as_deref(),
            left_out_env: &migrated.left_out_env,
        }
    }
}

/// What `destroy` did.
#[derive(Serialize)]
pub struct DestroyedJson<'a> {
    agent_id: Option<&'a str>,
    deleted_snapshots: &'a [String],
    kept_snapshots: &'a [String],
    kept_volumes: &'a [String],
}

impl<'a> From<&'a Destroyed> for DestroyedJson<'a> {
    fn from(destroyed: &'a Destroyed) -> Self {
        Self {
            agent_id: destroyed.agent_id.as_deref(),
            deleted_snapshots: &destroyed.deleted_snapshots,
            kept_snapshots: &destroyed.kept_snapshots,
            kept_volumes: &destroyed.kept_volumes,
        }
    }
}

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

/// `{"error": …}`.
#[derive(Serialize)]
pub struct ErrorJson<'a> {
    error: ErrorBody<'a>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    kind: &'a str,
    message: String,
    field: Option<&'a str>,
    remedy: &'a str,
    /// Only where several providers were asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a str>,
    /// Only where a reference is ambiguous.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    candidates: &'a [String],
    /// Only where a snapshot is blocked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<FindingJson<'a>>,
}

impl<'a> ErrorJson<'a> {
    /// An error that no provider made: wrong usage, a configuration at fault.
    pub fn new(kind: &'a str, message: String, field: Option<&'a str>, remedy: &'a str) -> Self {
        Self {
            error: ErrorBody {
                kind,
                message,
                field,
                remedy,
                provider: None,
                candidates: &[],
                findings: Vec::new(),
            },
        }
    }

    /// The same, of one of several providers.
    pub fn of_provider(mut self, provider: &'a str) -> Self {
        self.error.provider = Some(provider);
        self
    }
}

impl<'a> From<&'a ProviderError> for ErrorJson<'a> {
    fn from(error: &'a ProviderError) -> Self {
        let mut json = Self::new(error.kind(), error.message(), error.field(), error.remedy());
        match error {
            ProviderError::Ambiguous(ambiguous) => json.error.candidates = &ambiguous.candidates,
            ProviderError::SnapshotBlocked(findings) => {
                json.error.findings = findings.iter().map(FindingJson::from).collect();
            }
            _ => {}
        }
        json
    }
}

fn object(pairs: &[(String, String)]) -> BTreeMap<&str, &str> {
    pairs
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}
