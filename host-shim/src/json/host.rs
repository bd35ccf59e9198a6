//! An engine's machine as its agents use it: volumes, GPUs, garbage, moments of use, ways in.

use serde::Serialize;

use crate::contract::docker::StatsSample;
use crate::contract::gpu::{Device, SourceNote};
use crate::contract::instance::{Action, AgentVolume, GpuHolding, GpuReport, PortAddress};
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

/// The machine's GPUs, and which sources failed or disagreed.
#[derive(Serialize)]
pub struct GpuReportJson<'a> {
    gpus: Vec<GpuJson<'a>>,
    notes: Vec<NoteJson<'a>>,
}

impl<'a> From<&'a GpuReport> for GpuReportJson<'a> {
    fn from(report: &'a GpuReport) -> Self {
        Self {
            gpus: report.gpus.iter().map(GpuJson::from).collect(),
            notes: report.notes.iter().map(NoteJson::from).collect(),
        }
    }
}

#[derive(Serialize)]
struct GpuJson<'a> {
    device: DeviceJson<'a>,
    agents: &'a [String],
    exclusive: bool,
}

impl<'a> From<&'a GpuHolding> for GpuJson<'a> {
    fn from(holding: &'a GpuHolding) -> Self {
        Self {
            device: (&holding.device).into(),
            agents: &holding.agents,
            exclusive: holding.exclusive,
        }
    }
}

#[derive(Serialize)]
struct DeviceJson<'a> {
    vendor: &'a str,
    index: u32,
    uuid: Option<&'a str>,
    model: Option<&'a str>,
    memory_bytes: Option<u64>,
    driver_version: Option<&'a str>,
    mig_parent: Option<&'a str>,
    mig_profile: Option<&'a str>,
    cdi_name: Option<&'a str>,
    unusable_reason: Option<&'a str>,
    sources: &'a [String],
}

impl<'a> From<&'a Device> for DeviceJson<'a> {
    fn from(device: &'a Device) -> Self {
        Self {
            vendor: &device.vendor,
            index: device.index,
            uuid: device.uuid.as_deref(),
            model: device.model.as_deref(),
            memory_bytes: device.memory_bytes,
            driver_version: device.driver_version.as_deref(),
            mig_parent: device.mig_parent.as_deref(),
            mig_profile: device.mig_profile.as_deref(),
            cdi_name: device.cdi_name.as_deref(),
            unusable_reason: device.unusable_reason.as_deref(),
            sources: &device.sources,
        }
    }
}

#[derive(Serialize)]
struct NoteJson<'a> {
    source: &'a str,
    message: &'a str,
}

impl<'a> From<&'a SourceNote> for NoteJson<'a> {
    fn from(note: &'a SourceNote) -> Self {
        Self {
            source: &note.source,
            message: &note.message,
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

#[derive(Serialize)]
struct BindingJson<'a> {
    container_port: u16,
    protocol: &'a str,
    host_ip: &'a str,
    host_port: Option<u16>,
}

impl<'a> From<&'a PortAddress> for PortJson<'a> {
    fn from(address: &'a PortAddress) -> Self {
        Self {
            container_id: &address.container_id,
            address: address.address.as_deref(),
            published: address.published.as_ref().map(|binding| BindingJson {
                container_port: binding.container_port,
                protocol: &binding.protocol,
                host_ip: &binding.host_ip,
                host_port: binding.host_port,
            }),
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
