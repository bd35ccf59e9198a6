//! Devices that are gone, or that do not work, under agents that hold them.

use crate::contract::docker::Container;
use crate::contract::gpu::{Depth, Inventory};
use crate::contract::types::{Agent, ProviderError};
use crate::error::conflict;
use crate::grant::{self, Grant, Held};
use crate::labels::Pair;
use crate::{Capabilities, DockerProviderInstance};

/// Why a device can not be used any more, where that is sure.
pub fn fault(held: &Held, inventory: &Inventory) -> Option<String> {
    if !inventory.complete {
        return None;
    }
    match inventory.devices.iter().find(|device| held.is(device)) {
        Some(device) => device.unusable_reason.clone(),
        None if held.parent.is_some() => {
            let siblings = inventory.devices.iter().any(|device| device.mig_parent == held.parent);
            let whole = inventory.devices.iter().find(|device| device.uuid == held.parent);
            // A driver that does not answer tells of no partitions at all.
            let fault = whole
                .filter(|_| !siblings)
                .and_then(|whole| whole.unusable_reason.as_ref());
            Some(match fault {
                Some(fault) => format!("the partition can not be seen: {fault}"),
                None => "the partition is gone: MIG was configured anew".to_owned(),
            })
        }
        None => {
            let same_vendor = inventory.devices.iter().any(|device| device.vendor == held.vendor);
            Some(match same_vendor {
                true => {
                    "it is no longer on the machine: it fell off the bus, was taken out or was numbered anew".to_owned()
                }
                false => format!(
                    "the machine shows no GPU of {} any more: is its driver loaded?",
                    held.vendor
                ),
            })
        }
    }
}

/// What can be done for an agent whose device is gone.
pub fn remedy(name: &str) -> String {
    format!(
        "bring the device back (reload its driver, `nvidia-smi` or `dmesg` say more), or start the agent on an equal one: \
         mngr-docker snapshot create {name}, then mngr-docker start {name} --snapshot ID"
    )
}

fn faults(grant: &Grant, inventory: &Inventory) -> Vec<String> {
    let each = grant.devices.iter();
    each.filter_map(|held| Some(format!("{held}: {}", fault(held, inventory)?)))
        .collect()
}

/// Shows on agents that a device of theirs is gone. The machine is asked only where one has any.
pub(crate) async fn mark<C: Capabilities>(provider: &DockerProviderInstance<C>, agents: &mut [(Agent, Option<Grant>)]) {
    let mut grants = agents.iter().filter_map(|(_, grant)| grant.as_ref());
    if grants.all(|grant| grant.devices.is_empty()) {
        return;
    }
    let Ok(inventory) = provider.capabilities.gpu_probe(Depth::Identity).await else {
        return;
    };
    for (agent, grant) in agents.iter_mut() {
        let found = grant
            .as_ref()
            .map(|grant| faults(grant, &inventory))
            .unwrap_or_default();
        if let Some(first) = found.first()
            && agent.state_reason.is_none()
        {
            agent.state_reason = Some(first.clone());
        }
    }
}

/// The same of one.
pub(crate) async fn mark_one<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    agent: Agent,
    labels: &[Pair],
) -> Agent {
    let mut one = [(agent, grant::of_labels(labels))];
    mark(provider, &mut one).await;
    let [(agent, _)] = one;
    agent
}

/// What a start that the engine refused has to do with the agent's devices.
pub(crate) async fn diagnose<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    container: &Container,
    name: &str,
    error: ProviderError,
) -> ProviderError {
    let Some(grant) = grant::of_labels(&container.labels) else {
        return error;
    };
    let Ok(inventory) = provider.capabilities.gpu_probe(Depth::Identity).await else {
        return error;
    };
    match faults(&grant, &inventory).into_iter().next() {
        Some(reason) => conflict(format!("agent `{name}`"), "stopped", reason, remedy(name)),
        None => error,
    }
}
