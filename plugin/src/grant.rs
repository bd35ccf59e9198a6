//! The GPUs that an agent holds, as its label has them.

use serde::{Deserialize, Serialize};

use crate::contract::gpu::Device;
use crate::labels::{self, Pair};

/// The label's content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Grant {
    /// The devices.
    pub devices: Vec<Held>,
    /// Nobody else gets them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exclusive: bool,
    /// Others may get them while the agent is stopped.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub released_when_stopped: bool,
    /// The machine could not be asked, so that the engine picks, and which it picks is not known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unknown: bool,
}

/// A label for a container: empty for none, because the image may bring another's.
pub(crate) fn label(grant: Option<&Grant>) -> Pair {
    let text = grant.map(|grant| serde_json::json!(grant).to_string());
    (labels::GPUS.to_owned(), text.unwrap_or_default())
}

/// Reads the label. One that does not decode says nothing.
pub(crate) fn of_labels(all: &[Pair]) -> Option<Grant> {
    serde_json::from_str(labels::value(all, labels::GPUS)?).ok()
}

/// What is kept of a device that an agent holds: enough to know it again, and to find one like it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Held {
    /// `nvidia`, `amd`, `intel`.
    pub vendor: String,
    /// Its number when it was handed out.
    pub index: u32,
    /// Where its driver gives it one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
    /// Where it sat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pci: Option<String>,
    /// Name of the product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// Of a partition: the UUID of its device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Of a partition: its size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Its name in a CDI specification, where it has no better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cdi: Option<String>,
}

impl Held {
    /// What is to be kept of a device.
    pub fn of(device: &Device) -> Self {
        Self {
            vendor: device.vendor.clone(),
            index: device.index,
            uuid: device.uuid.clone(),
            pci: device.pci_bus_id.clone(),
            model: device.model.clone(),
            memory: device.memory_bytes,
            parent: device.mig_parent.clone(),
            profile: device.mig_profile.clone(),
            cdi: match (&device.uuid, &device.pci_bus_id) {
                (None, None) => device.cdi_name.clone(),
                _ => None,
            },
        }
    }

    /// Whether it is that very device.
    pub fn is(&self, device: &Device) -> bool {
        self.same(&Self::of(device))
    }

    /// Whether both are the same device. A UUID is sure, else the place, else the number. AMD's sources have UUIDs of their own
    /// each, so that there the place is.
    pub fn same(&self, other: &Self) -> bool {
        if self.vendor != other.vendor {
            return false;
        }
        match (&self.uuid, &other.uuid) {
            (Some(a), Some(b)) if self.vendor == "nvidia" || self.pci.is_none() => return a == b,
            _ if self.profile.is_some() != other.profile.is_some() => return false,
            _ => {}
        }
        match (&self.pci, &other.pci) {
            (Some(a), Some(b)) => a == b,
            _ => self.index == other.index && self.parent == other.parent,
        }
    }

    /// Whether one is a part of the other.
    pub fn overlaps(&self, other: &Self) -> bool {
        let part = |part: &Self, whole: &Self| part.parent.is_some() && part.parent == whole.uuid;
        self.same(other) || part(self, other) || part(other, self)
    }

    /// Whether a device is as good as this one: of the same make, with as much memory.
    pub fn equals(&self, device: &Device) -> bool {
        self.vendor == device.vendor
            && self.model == device.model
            && self.profile == device.mig_profile
            && device.memory_bytes.unwrap_or_default() >= self.memory.unwrap_or_default()
    }

    /// The name by which it is told from all others.
    pub fn id(&self) -> String {
        let number = || format!("{}={}", self.vendor, self.index);
        let names = [&self.uuid, &self.pci, &self.cdi];
        names.into_iter().flatten().next().cloned().unwrap_or_else(number)
    }
}

impl std::fmt::Display for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GPU {}", self.index)?;
        if let Some(model) = &self.model {
            write!(f, " {model}")?;
        }
        if let Some(profile) = &self.profile {
            write!(f, " {profile}")?;
        }
        write!(f, " ({})", self.id())
    }
}
