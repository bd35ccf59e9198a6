//! What an agent gets, as the engine is asked for it.

use crate::contract::docker::{ContainerSpec, DeviceMapping};
use crate::contract::gpu::{Device, HandOut};
use crate::contract::types::DeviceRequest;

/// Devices of one request, and how the engine is to be asked for them.
#[derive(Debug, Clone, PartialEq)]
pub struct Portion {
    /// The request.
    pub request: DeviceRequest,
    /// What it gets.
    pub devices: Vec<Device>,
    /// How.
    pub way: HandOut,
}

impl Portion {
    /// Writes it into what a container is made from.
    pub fn apply(&self, spec: &mut ContainerSpec) {
        let ids = || {
            self.devices
                .iter()
                .map(|device| device.uuid.clone().unwrap_or_else(|| device.index.to_string()))
        };
        match self.way {
            HandOut::DeviceRequest => spec.limits.gpus.push(DeviceRequest {
                count: None,
                device_ids: ids().collect(),
                ..self.request.clone()
            }),
            HandOut::Cdi => spec.limits.gpus.push(DeviceRequest {
                driver: "cdi".to_owned(),
                count: None,
                device_ids: self
                    .devices
                    .iter()
                    .filter_map(|device| device.cdi_name.clone())
                    .collect(),
                capabilities: Vec::new(),
                options: Vec::new(),
            }),
            HandOut::Runtime => {
                spec.runtime = Some("nvidia".to_owned());
                spec.env
                    .retain(|variable| !variable.starts_with("NVIDIA_VISIBLE_DEVICES="));
                spec.env.push(format!(
                    "NVIDIA_VISIBLE_DEVICES={}",
                    ids().collect::<Vec<_>>().join(",")
                ));
                let asked = self.request.capabilities.iter().flatten();
                let abilities: Vec<_> = asked.filter(|ability| *ability != "gpu").map(String::as_str).collect();
                let abilities = match abilities.is_empty() {
                    true => "compute,utility".to_owned(),
                    false => abilities.join(","),
                };
                spec.env
                    .retain(|variable| !variable.starts_with("NVIDIA_DRIVER_CAPABILITIES="));
                spec.env.push(format!("NVIDIA_DRIVER_CAPABILITIES={abilities}"));
            }
            HandOut::Nodes => {
                for node in self.devices.iter().flat_map(|device| &device.nodes) {
                    if spec.devices.iter().all(|known| known.host_path != node.path) {
                        spec.devices.push(DeviceMapping {
                            host_path: node.path.clone(),
                            container_path: node.path.clone(),
                            permissions: "rwm".to_owned(),
                        });
                    }
                    let group = node.group.to_string();
                    // Root's group opens nothing that root has not.
                    if node.group != 0 && !spec.group_add.contains(&group) {
                        spec.group_add.push(group);
                    }
                }
            }
        }
    }
}
