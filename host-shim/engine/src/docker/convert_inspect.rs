//! Containers as the engine describes them, in the contract's words.

use std::collections::HashMap;

use bollard::models::{
    ChangeType, ContainerInspectResponse, ContainerState as ApiState, ContainerSummary as ApiSummary, FilesystemChange,
    HostConfig, Mount as ApiMount, MountPoint as ApiMountPoint, PortMap, PortSummary,
};
use mngr_contract::docker::{
    Container, ContainerChanges, ContainerState, ContainerStatus, ContainerSummary, DeviceMapping, MountKind,
    MountPoint, PortBinding,
};

use super::convert_limits;
use super::convert_values::{moment, names, or_default, pairs};

/// One entry of the list call.
pub(super) fn summary(summary: ApiSummary) -> ContainerSummary {
    ContainerSummary {
        id: or_default(summary.id),
        name: own_name(or_default(summary.names)),
        image: or_default(summary.image),
        image_id: or_default(summary.image_id),
        created: or_default(summary.created),
        status: status(&summary.state.map(|state| state.to_string()).unwrap_or_default()),
        status_text: or_default(summary.status),
        labels: pairs(summary.labels),
        ports: or_default(summary.ports).into_iter().filter_map(published).collect(),
    }
}

/// A port as the list call has it, where it is published.
fn published(port: PortSummary) -> Option<PortBinding> {
    Some(PortBinding {
        container_port: port.private_port,
        protocol: port.typ.map(|protocol| protocol.to_string()).unwrap_or_default(),
        host_ip: or_default(port.ip),
        host_port: Some(port.public_port?),
        host_port_end: None,
    })
}

/// A container's own name. A link from another container is listed as a name too: `/other/alias`.
fn own_name(names: Vec<String>) -> String {
    let bare = |name: &String| name.trim_start_matches('/').to_owned();
    names
        .iter()
        .map(bare)
        .find(|name| !name.contains('/'))
        .unwrap_or_default()
}

/// One container as inspect has it.
pub(super) fn container(inspect: ContainerInspectResponse) -> Container {
    let config = or_default(inspect.config);
    let host = or_default(inspect.host_config);
    let network = or_default(inspect.network_settings);
    let mut addresses: Vec<String> = or_default(network.networks)
        .into_values()
        .flat_map(|endpoint| [endpoint.ip_address, endpoint.global_ipv6_address])
        .flatten()
        .filter(|address| !address.is_empty())
        .collect();
    // IPv4 first; the engine has the networks in no order.
    addresses.sort_by_key(|address| (address.contains(':'), address.clone()));
    let living = or_default(network.ports);
    let devices = or_default(host.devices.clone())
        .into_iter()
        .map(|device| DeviceMapping {
            host_path: or_default(device.path_on_host),
            container_path: or_default(device.path_in_container),
            permissions: or_default(device.cgroup_permissions),
        });
    Container {
        id: or_default(inspect.id),
        name: or_default(inspect.name).trim_start_matches('/').to_owned(),
        image: or_default(config.image),
        image_id: or_default(inspect.image),
        created: moment(inspect.created.as_deref()).unwrap_or_default(),
        state: state(or_default(inspect.state)),
        labels: pairs(config.labels),
        command: or_default(config.cmd),
        entrypoint: or_default(config.entrypoint),
        working_dir: or_default(config.working_dir),
        user: or_default(config.user),
        env_names: names(config.env),
        mounts: mounts(inspect.mounts, host.mounts.clone()),
        tmpfs: pairs(host.tmpfs.clone()),
        ports: ports(living, &host),
        addresses,
        limits: convert_limits::read(&host),
        devices: devices.collect(),
        network_mode: or_default(host.network_mode),
        restart_policy: host
            .restart_policy
            .and_then(|policy| policy.name)
            .map(|name| name.to_string())
            .unwrap_or_default(),
        init: or_default(host.init),
        runtime: or_default(host.runtime),
        writable_bytes: inspect.size_rw.and_then(|bytes| u64::try_from(bytes).ok()),
    }
}

fn state(state: ApiState) -> ContainerState {
    ContainerState {
        status: status(&state.status.map(|status| status.to_string()).unwrap_or_default()),
        exit_code: or_default(state.exit_code),
        oom_killed: or_default(state.oom_killed),
        error: or_default(state.error),
        pid: or_default(state.pid),
        started_at: moment(state.started_at.as_deref()),
        finished_at: moment(state.finished_at.as_deref()),
    }
}

/// `stopping` is an engine's newer word for one that still runs. One that names no state is no longer whole.
fn status(word: &str) -> ContainerStatus {
    match word {
        "created" => ContainerStatus::Created,
        "running" | "stopping" => ContainerStatus::Running,
        "paused" => ContainerStatus::Paused,
        "restarting" => ContainerStatus::Restarting,
        "removing" => ContainerStatus::Removing,
        "exited" => ContainerStatus::Exited,
        _ => ContainerStatus::Dead,
    }
}

fn mount(mount: ApiMountPoint) -> MountPoint {
    let kind = match mount.typ.as_deref() {
        Some("volume") => MountKind::Volume,
        Some("tmpfs") => MountKind::Tmpfs,
        Some("npipe") => MountKind::Npipe,
        Some("cluster") => MountKind::Cluster,
        _ => MountKind::Bind,
    };
    MountPoint {
        kind,
        name: mount.name.filter(|name| !name.is_empty()),
        source: or_default(mount.source),
        destination: or_default(mount.destination),
        driver: mount.driver.filter(|driver| !driver.is_empty()),
        read_only: !mount.rw.unwrap_or(true),
        subpath: None,
    }
}

/// What is mounted, with what only the request for it says: which directory of a volume.
fn mounts(living: Option<Vec<ApiMountPoint>>, asked_for: Option<Vec<ApiMount>>) -> Vec<MountPoint> {
    let subpath = |mount: ApiMount| Some((mount.target?, mount.volume_options?.subpath?));
    let mut subpaths: HashMap<_, _> = or_default(asked_for).into_iter().filter_map(subpath).collect();
    let living = or_default(living).into_iter().map(mount);
    living
        .map(|mount| MountPoint {
            subpath: subpaths.remove(&mount.destination).filter(|path| !path.is_empty()),
            ..mount
        })
        .collect()
}

/// The ports of a running container as they are, and of a stopped one as they were asked for.
fn ports(living: PortMap, host: &HostConfig) -> Vec<PortBinding> {
    let published = |map: &PortMap| map.values().flatten().any(|bindings| !bindings.is_empty());
    let map = if published(&living) {
        living
    } else {
        or_default(host.port_bindings.clone())
    };
    let mut ports = Vec::new();
    for (key, bindings) in map {
        let (port, protocol) = key.split_once('/').unwrap_or((&key, "tcp"));
        let Ok(container_port) = port.parse() else { continue };
        for binding in bindings.into_iter().flatten() {
            ports.push(PortBinding {
                container_port,
                protocol: protocol.to_owned(),
                host_ip: or_default(binding.host_ip),
                host_port_end: None,
                host_port: binding
                    .host_port
                    .and_then(|port| port.parse().ok())
                    .filter(|port| *port != 0),
            });
        }
    }
    ports.sort_by(|a, b| (a.container_port, &a.host_ip).cmp(&(b.container_port, &b.host_ip)));
    ports
}

/// Adds one thing that differs from the image.
pub(super) fn change(changes: &mut ContainerChanges, change: FilesystemChange) {
    let kind = match change.kind {
        ChangeType::_0 => &mut changes.modified,
        ChangeType::_1 => &mut changes.added,
        ChangeType::_2 => &mut changes.deleted,
    };
    kind.push(change.path);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inspected(json: serde_json::Value) -> Container {
        container(serde_json::from_value(json).expect("an inspect"))
    }

    #[test]
    fn an_empty_answer_is_read_without_inventing_anything() {
        let container = inspected(serde_json::json!({}));
        assert_eq!(container.state.status, ContainerStatus::Dead);
        assert!(container.state.started_at.is_none() && container.mounts.is_empty() && container.limits.cpus.is_none());
    }

    #[test]
    fn mounts_keep_their_kind_name_and_access() {
        let container = inspected(serde_json::json!({"Mounts": [
            {"Type": "volume", "Name": "v", "Source": "/x", "Destination": "/data", "Driver": "local", "RW": true},
            {"Type": "bind", "Name": "", "Source": "/src", "Destination": "/b", "Driver": "", "RW": false},
        ]}));
        let [volume, bind] = container.mounts.as_slice() else {
            panic!("two mounts")
        };
        assert_eq!(
            (volume.kind, volume.name.as_deref(), volume.read_only),
            (MountKind::Volume, Some("v"), false)
        );
        assert_eq!(
            (bind.kind, bind.name.as_deref(), bind.read_only),
            (MountKind::Bind, None, true)
        );
    }

    #[test]
    fn ports_are_those_in_use_or_else_those_asked_for() {
        let asked = serde_json::json!({"80/tcp": [{"HostIp": "", "HostPort": ""}]});
        let host = serde_json::json!({"PortBindings": asked});
        let stopped = inspected(serde_json::json!({"HostConfig": host, "NetworkSettings": {"Ports": {}}}));
        assert_eq!(stopped.ports[0].host_port, None);
        let used = serde_json::json!({"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "49153"}], "53/udp": null});
        let running = inspected(serde_json::json!({"HostConfig": host, "NetworkSettings": {"Ports": used}}));
        assert_eq!((running.ports.len(), running.ports[0].host_port), (1, Some(49153)));
    }

    #[test]
    fn a_containers_name_is_told_from_links_to_it() {
        assert_eq!(own_name(vec!["/other/alias".into(), "/own".into()]), "own");
        assert_eq!(own_name(Vec::new()), "");
    }
}
