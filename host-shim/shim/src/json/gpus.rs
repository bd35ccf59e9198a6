//! The GPUs of an engine's machine.

use mngr_contract::gpu::{Device, HandOut, Holder, Node, SourceNote, SourceReport};
use mngr_contract::instance::{GpuHolding, GpuReport, LostGpu};
use serde::Serialize;

/// The machine's GPUs, who holds them, what is gone, and who was asked.
#[derive(Serialize)]
pub struct GpuReportJson<'a> {
    gpus: Vec<GpuJson<'a>>,
    lost: Vec<LostJson<'a>>,
    sources: Vec<SourceJson<'a>>,
    notes: Vec<NoteJson<'a>>,
    complete: bool,
}

impl<'a> From<&'a GpuReport> for GpuReportJson<'a> {
    fn from(report: &'a GpuReport) -> Self {
        Self {
            gpus: report.gpus.iter().map(GpuJson::from).collect(),
            lost: report.lost.iter().map(LostJson::from).collect(),
            sources: report.sources.iter().map(SourceJson::from).collect(),
            notes: report.notes.iter().map(NoteJson::from).collect(),
            complete: report.complete,
        }
    }
}

/// One device and who holds it.
#[derive(Serialize)]
pub struct GpuJson<'a> {
    vendor: &'a str,
    index: u32,
    uuid: Option<&'a str>,
    pci_bus_id: Option<&'a str>,
    model: Option<&'a str>,
    memory_bytes: Option<u64>,
    memory_used_bytes: Option<u64>,
    utilization_percent: Option<u32>,
    temperature_celsius: Option<i32>,
    driver_version: Option<&'a str>,
    cuda_version: Option<&'a str>,
    mig_parent: Option<&'a str>,
    mig_profile: Option<&'a str>,
    cdi_name: Option<&'a str>,
    nodes: Vec<NodeJson<'a>>,
    hand_outs: Vec<&'static str>,
    unusable_reason: Option<&'a str>,
    holders: Vec<HolderJson<'a>>,
    sources: &'a [String],
    agents: &'a [String],
    exclusive: bool,
}

impl<'a> From<&'a GpuHolding> for GpuJson<'a> {
    fn from(holding: &'a GpuHolding) -> Self {
        let device: &Device = &holding.device;
        Self {
            vendor: &device.vendor,
            index: device.index,
            uuid: device.uuid.as_deref(),
            pci_bus_id: device.pci_bus_id.as_deref(),
            model: device.model.as_deref(),
            memory_bytes: device.memory_bytes,
            memory_used_bytes: device.memory_used_bytes,
            utilization_percent: device.utilization_percent,
            temperature_celsius: device.temperature_celsius,
            driver_version: device.driver_version.as_deref(),
            cuda_version: device.cuda_version.as_deref(),
            mig_parent: device.mig_parent.as_deref(),
            mig_profile: device.mig_profile.as_deref(),
            cdi_name: device.cdi_name.as_deref(),
            nodes: device.nodes.iter().map(NodeJson::from).collect(),
            hand_outs: device.hand_outs.iter().copied().map(hand_out).collect(),
            unusable_reason: device.unusable_reason.as_deref(),
            holders: device.holders.iter().map(HolderJson::from).collect(),
            sources: &device.sources,
            agents: &holding.agents,
            exclusive: holding.exclusive,
        }
    }
}

fn hand_out(way: HandOut) -> &'static str {
    match way {
        HandOut::DeviceRequest => "device_request",
        HandOut::Cdi => "cdi",
        HandOut::Runtime => "runtime",
        HandOut::Nodes => "nodes",
    }
}

#[derive(Serialize)]
struct NodeJson<'a> {
    path: &'a str,
    group: u32,
}

impl<'a> From<&'a Node> for NodeJson<'a> {
    fn from(node: &'a Node) -> Self {
        Self {
            path: &node.path,
            group: node.group,
        }
    }
}

#[derive(Serialize)]
struct HolderJson<'a> {
    pid: u32,
    name: &'a str,
    memory_bytes: Option<u64>,
    container_id: Option<&'a str>,
}

impl<'a> From<&'a Holder> for HolderJson<'a> {
    fn from(holder: &'a Holder) -> Self {
        Self {
            pid: holder.pid,
            name: &holder.name,
            memory_bytes: holder.memory_bytes,
            container_id: holder.container_id.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct LostJson<'a> {
    device: &'a str,
    agents: &'a [String],
    reason: &'a str,
    remedy: &'a str,
}

impl<'a> From<&'a LostGpu> for LostJson<'a> {
    fn from(lost: &'a LostGpu) -> Self {
        Self {
            device: &lost.device,
            agents: &lost.agents,
            reason: &lost.reason,
            remedy: &lost.remedy,
        }
    }
}

#[derive(Serialize)]
struct SourceJson<'a> {
    source: &'a str,
    place: &'a str,
    outcome: &'a str,
}

impl<'a> From<&'a SourceReport> for SourceJson<'a> {
    fn from(report: &'a SourceReport) -> Self {
        Self {
            source: &report.source,
            place: &report.place,
            outcome: &report.outcome,
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
