//! Agents, what was done to them and what happened to them.

use std::collections::BTreeMap;

use mngr_contract::instance::{AgentEvent, Destroyed, Stopped, WatchResult};
use mngr_contract::types::{Agent, AgentState, PortBinding};
use serde::Serialize;

use super::object;
use super::snapshot::SnapshotJson;
use crate::migrate::Migrated;

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

/// An agent.
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
    ports: Vec<BindingJson<'a>>,
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
            ports: agent.ports.iter().map(BindingJson::from).collect(),
        }
    }
}

/// A port of a container and where it is published.
#[derive(Serialize)]
pub(super) struct BindingJson<'a> {
    container_port: u16,
    protocol: &'a str,
    host_ip: &'a str,
    host_port: Option<u16>,
}

impl<'a> From<&'a PortBinding> for BindingJson<'a> {
    fn from(binding: &'a PortBinding) -> Self {
        Self {
            container_port: binding.container_port,
            protocol: &binding.protocol,
            host_ip: &binding.host_ip,
            host_port: binding.host_port,
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

/// Something that happened to an agent.
#[derive(Serialize)]
pub struct EventJson<'a> {
    at: &'a str,
    event: &'a str,
    id: &'a str,
    name: &'a str,
    exit_code: Option<i64>,
}

impl<'a> From<&'a AgentEvent> for EventJson<'a> {
    fn from(event: &'a AgentEvent) -> Self {
        Self {
            at: &event.at,
            event: &event.what,
            id: &event.agent_id,
            name: &event.agent_name,
            exit_code: event.exit_code,
        }
    }
}

/// Events, and where to go on from.
#[derive(Serialize)]
pub struct WatchJson<'a> {
    events: Vec<EventJson<'a>>,
    cursor: u64,
}

impl<'a> From<&'a WatchResult> for WatchJson<'a> {
    fn from(seen: &'a WatchResult) -> Self {
        Self {
            events: seen.events.iter().map(EventJson::from).collect(),
            cursor: seen.cursor,
        }
    }
}
