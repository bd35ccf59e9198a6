//! Who holds what: the labels of all agents on the engine, whichever provider they are of.

use crate::contract::docker::{Container, ContainerFilter, ContainerStatus, ContainerSummary};
use crate::contract::gpu::Device;
use crate::contract::types::ProviderError;
use crate::grant::{self, Grant, Held};
use crate::labels::{self, Pair};
use crate::recipe::Recipe;
use crate::{Capabilities, DockerProviderInstance, Result, agent};

/// An agent with devices.
#[derive(Debug, Clone)]
pub struct Holder {
    /// The agent's id.
    pub agent_id: String,
    /// Its name, with the provider's before it where that is another.
    pub name: String,
    /// Id of the container.
    pub container: String,
    /// Whether the container may yet be given up again: it was made and not started, and is to be started.
    pub in_the_making: bool,
    /// Whether others may have its devices at this moment.
    pub released: bool,
    /// What it has.
    pub grant: Grant,
}

impl Holder {
    /// Whether it can not be together with a grant on one of the devices.
    pub fn stands_against(&self, devices: &[Held], exclusive: bool) -> bool {
        let meets = || {
            devices
                .iter()
                .any(|one| self.grant.devices.iter().any(|other| one.overlaps(other)))
        };
        !self.released && (exclusive || self.grant.exclusive) && meets()
    }

    /// Whether it has that device.
    pub fn has(&self, device: &Device) -> bool {
        self.grant.devices.iter().any(|held| held.is(device))
    }
}

/// Every agent with devices, but the one of that id.
///
/// # Errors
/// Whatever the engine answers.
pub async fn all<C: Capabilities>(provider: &DockerProviderInstance<C>, but: Option<&str>) -> Result<Vec<Holder>> {
    let filter = ContainerFilter {
        all: true,
        labels: vec![labels::AGENT_ID.to_owned()],
    };
    let mut found = Vec::new();
    for container in provider.capabilities.container_list(filter).await? {
        let agent_id = labels::value(&container.labels, labels::AGENT_ID).unwrap_or_default();
        if but == Some(agent_id) {
            continue;
        }
        let grant = match grant::of_labels(&container.labels) {
            Some(grant) => grant,
            None if may_have_devices(&container.labels) => match inspected(provider, &container).await? {
                Some(grant) => grant,
                None => continue,
            },
            None => continue,
        };
        let meant_to_stay = Recipe::of(&container.labels).is_ok_and(|recipe| recipe.no_start);
        let theirs = labels::value(&container.labels, labels::PROVIDER).unwrap_or_default();
        let name = agent::name_of(theirs, &container.name, &container.labels);
        let at_rest = matches!(container.status, ContainerStatus::Exited | ContainerStatus::Dead);
        found.push(Holder {
            agent_id: agent_id.to_owned(),
            name: match theirs == provider.name {
                true => name.to_owned(),
                false => format!("{theirs}/{name}"),
            },
            in_the_making: container.status == ContainerStatus::Created && !meant_to_stay,
            released: at_rest && grant.released_when_stopped,
            container: container.id,
            grant,
        });
    }
    Ok(found)
}

/// Whether a container without our label was made with GPUs, by an earlier version.
fn may_have_devices(all: &[Pair]) -> bool {
    let asks = |argument: &String| argument.starts_with("--gpus") || argument.starts_with("--device=");
    labels::value(all, labels::GPUS).is_none() && Recipe::of(all).is_ok_and(|recipe| recipe.args.iter().any(asks))
}

/// What the engine knows of such a container. Others' are not ours to look into.
async fn inspected<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    container: &ContainerSummary,
) -> Result<Option<Grant>> {
    match provider.capabilities.container_inspect(&container.id).await {
        Ok(container) => Ok(of_container(&container)),
        Err(ProviderError::NotFound(_) | ProviderError::Denied(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The devices that a container's requests name.
pub fn of_container(container: &Container) -> Option<Grant> {
    let requests = &container.limits.gpus;
    let named = requests
        .iter()
        .flat_map(|request| &request.device_ids)
        .map(|id| named(id));
    (!requests.is_empty()).then(|| Grant {
        devices: named.collect(),
        unknown: requests.iter().any(|request| request.device_ids.is_empty()),
        ..Grant::default()
    })
}

/// A device by the name that a request has for it.
pub fn named(id: &str) -> Held {
    let (vendor, name) = match id.split_once(".com/gpu=") {
        Some((vendor, name)) => (vendor, name),
        None => ("nvidia", id),
    };
    let number = name.strip_prefix("gpu").unwrap_or(name).parse().ok();
    Held {
        vendor: vendor.to_owned(),
        index: number.unwrap_or(u32::MAX),
        uuid: number.is_none().then(|| name.to_owned()),
        ..Held::default()
    }
}
