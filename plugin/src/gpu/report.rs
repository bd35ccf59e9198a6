//! The machine's GPUs and who holds them, and what a snapshot would lose of one.

use super::gibibytes;
use super::health::{fault, remedy};
use super::holders::{self, of_container};
use crate::contract::docker::Container;
use crate::contract::gpu::{Depth, Device};
use crate::contract::instance::{GpuHolding, GpuReport, LostGpu};
use crate::contract::types::{Finding, FindingKind};
use crate::grant::{self, Held};
use crate::{Capabilities, DockerProviderInstance, Result, findings};

/// The GPUs of the engine's machine and the agents that hold them.
///
/// # Errors
/// Whatever the engine answers.
pub async fn gpus<C: Capabilities>(provider: &DockerProviderInstance<C>) -> Result<GpuReport> {
    let inventory = provider.capabilities.gpu_probe(Depth::Full).await?;
    let holders = holders::all(provider, None).await?;
    let mut lost: Vec<(Held, LostGpu)> = Vec::new();
    for holder in &holders {
        for held in &holder.grant.devices {
            if inventory.devices.iter().any(|device| held.is(device)) {
                continue;
            }
            let Some(reason) = fault(held, &inventory) else {
                continue;
            };
            match lost.iter_mut().find(|(known, _)| known.same(held)) {
                Some((_, known)) => known.agents.push(holder.agent_id.clone()),
                None => lost.push((
                    held.clone(),
                    LostGpu {
                        device: held.to_string(),
                        agents: vec![holder.agent_id.clone()],
                        reason,
                        remedy: remedy(&holder.name),
                    },
                )),
            }
        }
    }
    let gpus = inventory.devices.into_iter().map(|device| {
        let theirs: Vec<_> = holders
            .iter()
            .filter(|holder| !holder.released && holder.has(&device))
            .collect();
        GpuHolding {
            agents: theirs.iter().map(|holder| holder.agent_id.clone()).collect(),
            exclusive: theirs.iter().any(|holder| holder.grant.exclusive),
            device,
        }
    });
    Ok(GpuReport {
        gpus: gpus.collect(),
        lost: lost.into_iter().map(|(_, lost)| lost).collect(),
        sources: inventory.sources,
        notes: inventory.notes,
        complete: inventory.complete,
    })
}

/// What a snapshot of a container would lose of its devices: one finding each, with what runs there and how much it holds.
pub(crate) async fn findings<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    container: &Container,
) -> Vec<Finding> {
    let Some(grant) = grant::of_labels(&container.labels).or_else(|| of_container(container)) else {
        return Vec::new();
    };
    // A machine that can not be asked tells of no processes; that the devices are there the label says all the same.
    let inventory = match grant.devices.is_empty() {
        true => None,
        false => provider.capabilities.gpu_probe(Depth::Full).await.ok(),
    };
    let devices = inventory.map(|inventory| inventory.devices).unwrap_or_default();
    let mut found: Vec<_> = grant
        .devices
        .iter()
        .map(|held| of_device(held, devices.iter().find(|device| held.is(device)), container))
        .collect();
    if grant.unknown {
        found.push(finding(
            "GPUs that the engine has picked".to_owned(),
            None,
            String::new(),
        ));
    }
    found
}

fn of_device(held: &Held, device: Option<&Device>, container: &Container) -> Finding {
    let own: Vec<_> = device
        .iter()
        .flat_map(|device| &device.holders)
        .filter(|holder| holder.container_id.as_deref() == Some(&container.id))
        .collect();
    let bytes: u64 = own.iter().filter_map(|holder| holder.memory_bytes).sum();
    let each: Vec<_> = own
        .iter()
        .map(|holder| {
            let held = holder.memory_bytes.map(|bytes| format!(" with {}", gibibytes(bytes)));
            format!("{} (process {}){}", holder.name, holder.pid, held.unwrap_or_default())
        })
        .collect();
    let running = match each.is_empty() {
        true => String::new(),
        false => format!("; there run {}", each.join(", ")),
    };
    finding(held.to_string(), (!own.is_empty()).then_some(bytes), running)
}

fn finding(source: String, size_bytes: Option<u64>, running: String) -> Finding {
    Finding {
        source: Some(source),
        size_bytes,
        ..findings::finding(
            FindingKind::Gpu,
            format!(
                "what its processes keep in the memory of a GPU is not in a snapshot, and neither is the GPU{running}"
            ),
            "let the program write a checkpoint to a file first; a restore and a fork get an equal device",
        )
    }
}
