//! An engine's machine as its agents use it: volumes, GPUs, garbage, moments of use, ways in.

use mngr_contract::docker::StatsSample;
use mngr_contract::instance::{Action, AgentVolume, Document, PortAddress};
use serde::Serialize;

use super::agent::BindingJson;
use crate::provider::Connection;

/// One thing that was, or would be, removed or mended.
#[derive(Serialize)]
pub struct ActionJson<'a> {
    verb: &'a str,
    subject: &'a str,
    reason: &'a str,
    bytes_freed: Option<u64>,
}

impl<'a> From<&'a Action> for ActionJson<'a> {
    fn from(action: &'a Action) -> Self {
        Self {
            verb: &action.verb,
            subject: &action.subject,
            reason: &action.reason,
            bytes_freed: action.bytes_freed,
        }
    }
}

/// What is kept of an agent beside its container.
#[derive(Serialize)]
pub struct DocumentJson<'a> {
    agent_id: &'a str,
    key: &'a str,
    revision: u64,
    body: &'a str,
    written_at: &'a str,
}

impl<'a> From<&'a Document> for DocumentJson<'a> {
    fn from(document: &'a Document) -> Self {
        Self {
            agent_id: &document.agent_id,
            key: &document.key,
            revision: document.revision,
            body: &document.body,
            written_at: &document.written_at,
        }
    }
}

/// A volume that was made for an agent.
#[derive(Serialize)]
pub struct AgentVolumeJson<'a> {
    name: &'a str,
    agent_id: Option<&'a str>,
    driver: &'a str,
    size_bytes: Option<u64>,
    created_at: Option<&'a str>,
}

impl<'a> From<&'a AgentVolume> for AgentVolumeJson<'a> {
    fn from(volume: &'a AgentVolume) -> Self {
        Self {
            name: &volume.name,
            agent_id: volume.agent_id.as_deref(),
            driver: &volume.driver,
            size_bytes: volume.size_bytes,
            created_at: volume.created_at.as_deref(),
        }
    }
}

/// One moment of an agent's use of resources.
#[derive(Serialize)]
pub struct StatsJson<'a> {
    read_at: &'a str,
    cpu_total: u64,
    system_cpu_total: u64,
    online_cpus: u32,
    memory_bytes: u64,
    memory_limit_bytes: u64,
    network_received_bytes: u64,
    network_sent_bytes: u64,
    block_read_bytes: u64,
    block_written_bytes: u64,
    pids: u64,
}

impl<'a> From<&'a StatsSample> for StatsJson<'a> {
    fn from(sample: &'a StatsSample) -> Self {
        Self {
            read_at: &sample.read_at,
            cpu_total: sample.cpu_total,
            system_cpu_total: sample.system_cpu_total,
            online_cpus: sample.online_cpus,
            memory_bytes: sample.memory_bytes,
            memory_limit_bytes: sample.memory_limit_bytes,
            network_received_bytes: sample.network_received_bytes,
            network_sent_bytes: sample.network_sent_bytes,
            block_read_bytes: sample.block_read_bytes,
            block_written_bytes: sample.block_written_bytes,
            pids: sample.pids,
        }
    }
}

/// Where a TCP port of an agent answers.
#[derive(Serialize)]
pub struct PortJson<'a> {
    container_id: &'a str,
    address: Option<&'a str>,
    published: Option<BindingJson<'a>>,
}

impl<'a> From<&'a PortAddress> for PortJson<'a> {
    fn from(address: &'a PortAddress) -> Self {
        Self {
            container_id: &address.container_id,
            address: address.address.as_deref(),
            published: address.published.as_ref().map(BindingJson::from),
        }
    }
}

/// How an SSH client gets to the sshd that an agent runs.
#[derive(Serialize)]
pub struct ConnectionJson<'a> {
    user: &'a str,
    host: &'a str,
    port: u16,
    proxy_jump: Option<&'a str>,
    known_hosts: &'a [String],
}

impl<'a> From<&'a Connection> for ConnectionJson<'a> {
    fn from(connection: &'a Connection) -> Self {
        Self {
            user: &connection.user,
            host: &connection.host,
            port: connection.port,
            proxy_jump: connection.proxy_jump.as_deref(),
            known_hosts: &connection.known_hosts,
        }
    }
}
