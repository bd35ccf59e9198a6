//! What a container is to be made from, in the API's words.

use std::str::FromStr;

use bollard::models::{
    ContainerCreateBody, DeviceMapping as ApiDeviceMapping, HealthConfig, HostConfig, HostConfigLogConfig,
    Mount as ApiMount, MountBindOptions, MountTmpfsOptions, MountType, MountVolumeOptions,
    MountVolumeOptionsDriverConfig, PortBinding as ApiPortBinding, PortMap, ResourcesBlkioWeightDevice, RestartPolicy,
};
use mngr_contract::Result;
use mngr_contract::docker::{ContainerSpec, DeviceMapping, Healthcheck, Mount, MountKind, PortBinding};
use mngr_contract::error::invalid;
use mngr_contract::types::DeviceRate;

use super::convert_values::{filled, list, map, signed};
use super::{convert_limits, convert_networks};

/// The body of a create request, less the MAC address, whose place depends on the engine's version.
///
/// # Errors
/// `invalid-argument` for a word that the API does not know.
pub(super) fn body(spec: ContainerSpec) -> Result<ContainerCreateBody> {
    let mut exposed = spec.exposed_ports.clone();
    exposed.extend(spec.ports.iter().map(port_key));
    exposed.sort();
    exposed.dedup();
    let networks = convert_networks::networks(&spec);
    Ok(ContainerCreateBody {
        image: Some(spec.image.clone()),
        labels: map(spec.labels.clone()),
        cmd: spec.command.clone(),
        entrypoint: spec.entrypoint.clone(),
        env: list(spec.env.clone()),
        working_dir: spec.working_dir.clone(),
        user: spec.user.clone(),
        hostname: spec.hostname.clone(),
        domainname: spec.domainname.clone(),
        tty: Some(spec.tty),
        open_stdin: Some(spec.open_stdin),
        stop_signal: spec.stop_signal.clone(),
        stop_timeout: spec.stop_timeout_seconds,
        healthcheck: spec.healthcheck.clone().map(health),
        exposed_ports: list(exposed),
        volumes: list(spec.volumes.clone()),
        host_config: Some(host(spec)?),
        networking_config: networks,
        ..Default::default()
    })
}

fn host(spec: ContainerSpec) -> Result<HostConfig> {
    let (binds, mounts): (Vec<_>, Vec<_>) = spec.mounts.into_iter().partition(is_made_as_bind);
    let mut host = HostConfig {
        annotations: map(spec.annotations),
        blkio_weight_device: list(spec.blkio_weight_devices.into_iter().map(weight).collect()),
        binds: list(spec.binds.into_iter().chain(binds.iter().map(bind)).collect()),
        mounts: list(mounts.into_iter().map(mount).collect::<Result<_>>()?),
        tmpfs: map(spec.tmpfs),
        volumes_from: list(spec.volumes_from),
        port_bindings: ports(spec.ports),
        publish_all_ports: Some(spec.publish_all_ports),
        oom_score_adj: spec.oom_score_adj.map(i64::from),
        oom_kill_disable: spec.oom_kill_disable,
        devices: list(spec.devices.into_iter().map(device).collect()),
        device_cgroup_rules: list(spec.device_cgroup_rules),
        network_mode: spec.network_mode,
        dns: list(spec.dns),
        dns_options: list(spec.dns_options),
        dns_search: list(spec.dns_search),
        extra_hosts: list(spec.extra_hosts),
        links: list(spec.links),
        cap_add: list(spec.cap_add),
        cap_drop: list(spec.cap_drop),
        group_add: list(spec.group_add),
        privileged: Some(spec.privileged),
        readonly_rootfs: Some(spec.read_only_rootfs),
        security_opt: list(spec.security_options),
        storage_opt: map(spec.storage_options),
        sysctls: map(spec.sysctls),
        ipc_mode: spec.ipc_mode,
        pid_mode: spec.pid_mode,
        uts_mode: spec.uts_mode,
        userns_mode: spec.userns_mode,
        cgroupns_mode: word("cgroupns", spec.cgroupns_mode)?,
        cgroup_parent: spec.cgroup_parent,
        runtime: spec.runtime,
        log_config: spec.log_config.map(|log| HostConfigLogConfig {
            typ: Some(log.driver),
            config: map(log.options),
        }),
        init: Some(spec.init),
        restart_policy: Some(RestartPolicy {
            name: word("restart", Some(spec.restart_policy.name))?,
            maximum_retry_count: spec.restart_policy.max_retries.map(i64::from),
        }),
        ..Default::default()
    };
    convert_limits::apply(spec.limits, &mut host)?;
    Ok(host)
}

/// A word of a fixed set.
fn word<T: FromStr<Err = String>>(field: &str, value: Option<String>) -> Result<Option<T>> {
    let Some(value) = value else { return Ok(None) };
    match value.parse() {
        Ok(word) => Ok(Some(word)),
        Err(_) => Err(invalid(
            field,
            value,
            "the engine knows no such word",
            format!("see `docker run --help` for what --{field} may be"),
        )),
    }
}

fn health(check: Healthcheck) -> HealthConfig {
    HealthConfig {
        test: Some(check.test),
        interval: check.interval,
        timeout: check.timeout,
        start_period: check.start_period,
        retries: check.retries,
        start_interval: check.start_interval,
    }
}

/// Only the older form makes a missing source before API 1.42. It can not name a source with a colon.
fn is_made_as_bind(mount: &Mount) -> bool {
    mount.kind == MountKind::Bind
        && mount.create_source
        && mount.bind_recursive.is_none()
        && !mount.source.contains(':')
        && !mount.target.contains(':')
}

fn bind(mount: &Mount) -> String {
    let access = if mount.read_only { "ro" } else { "rw" };
    let propagation = mount.propagation.iter().flat_map(|propagation| [",", propagation]);
    let options: String = std::iter::once(access).chain(propagation).collect();
    format!("{}:{}:{options}", mount.source, mount.target)
}

fn mount(mount: Mount) -> Result<ApiMount> {
    let kind = match mount.kind {
        MountKind::Bind => MountType::BIND,
        MountKind::Volume => MountType::VOLUME,
        MountKind::Tmpfs => MountType::TMPFS,
        MountKind::Npipe => MountType::NPIPE,
        MountKind::Cluster => MountType::CLUSTER,
    };
    let options = map(mount.volume_options);
    let recursive = mount.bind_recursive.as_deref();
    let driver = (mount.volume_driver.is_some() || options.is_some()).then_some(MountVolumeOptionsDriverConfig {
        name: mount.volume_driver,
        options,
    });
    Ok(ApiMount {
        target: Some(mount.target),
        source: filled(Some(mount.source)),
        typ: Some(kind),
        read_only: Some(mount.read_only),
        bind_options: match mount.kind {
            MountKind::Bind => Some(MountBindOptions {
                propagation: word("mount", mount.propagation)?,
                create_mountpoint: mount.create_source.then_some(true),
                non_recursive: (recursive == Some("disabled")).then_some(true),
                read_only_non_recursive: (recursive == Some("writable")).then_some(true),
                read_only_force_recursive: (recursive == Some("readonly")).then_some(true),
            }),
            _ => None,
        },
        volume_options: (mount.kind == MountKind::Volume).then_some(MountVolumeOptions {
            no_copy: Some(mount.no_copy),
            labels: map(mount.volume_labels),
            driver_config: driver,
            subpath: mount.volume_subpath,
        }),
        tmpfs_options: (mount.kind == MountKind::Tmpfs).then_some(MountTmpfsOptions {
            size_bytes: mount.tmpfs_bytes.map(signed),
            mode: mount.tmpfs_mode.map(i64::from),
            options: None,
        }),
        ..Default::default()
    })
}

fn weight(weight: DeviceRate) -> ResourcesBlkioWeightDevice {
    ResourcesBlkioWeightDevice {
        path: Some(weight.path),
        weight: usize::try_from(weight.rate).ok(),
    }
}

fn device(device: DeviceMapping) -> ApiDeviceMapping {
    ApiDeviceMapping {
        path_on_host: Some(device.host_path),
        path_in_container: Some(device.container_path),
        cgroup_permissions: Some(device.permissions),
    }
}

fn port_key(port: &PortBinding) -> String {
    format!("{}/{}", port.container_port, port.protocol)
}

fn ports(ports: Vec<PortBinding>) -> Option<PortMap> {
    let mut map = PortMap::new();
    for port in ports {
        let binding = ApiPortBinding {
            host_ip: Some(port.host_ip.clone()),
            host_port: port
                .host_port
                .filter(|first| *first != 0)
                .map(|first| match port.host_port_end {
                    Some(last) => format!("{first}-{last}"),
                    None => first.to_string(),
                }),
        };
        map.entry(port_key(&port))
            .or_default()
            .get_or_insert_default()
            .push(binding);
    }
    (!map.is_empty()).then_some(map)
}

#[cfg(test)]
mod tests {
    use mngr_contract::docker::{LogConfig, RestartPolicy as SpecRestartPolicy};

    use super::*;

    fn spec() -> ContainerSpec {
        ContainerSpec {
            name: "a".into(),
            image: "busybox".into(),
            init: true,
            ..ContainerSpec::default()
        }
    }

    fn mount_of(kind: MountKind, source: &str) -> Mount {
        Mount {
            kind,
            source: source.into(),
            target: "/t".into(),
            read_only: true,
            propagation: None,
            create_source: false,
            no_copy: true,
            volume_driver: None,
            volume_options: Vec::new(),
            volume_labels: Vec::new(),
            volume_subpath: None,
            bind_recursive: None,
            tmpfs_bytes: Some(1024),
            tmpfs_mode: Some(0o1777),
        }
    }

    fn json(spec: ContainerSpec) -> serde_json::Value {
        serde_json::to_value(body(spec).expect("a body")).expect("JSON")
    }

    #[test]
    fn what_is_absent_is_left_to_the_image_and_the_engine() {
        let mut json = json(spec());
        assert_eq!(json["Image"], "busybox");
        assert_eq!(json["HostConfig"]["Init"], true);
        assert_eq!(json["HostConfig"]["RestartPolicy"]["Name"], "no");
        let object = json.as_object_mut().expect("an object");
        object.remove("HostConfig");
        assert_eq!(object.keys().collect::<Vec<_>>(), ["Image", "OpenStdin", "Tty"]);
    }

    #[test]
    fn published_ports_are_exposed_and_a_port_of_0_is_the_engines_choice() {
        let port = |host_port| PortBinding {
            container_port: 80,
            protocol: "tcp".into(),
            host_ip: "127.0.0.1".into(),
            host_port,
            host_port_end: None,
        };
        let json = json(ContainerSpec {
            exposed_ports: vec!["80/tcp".into(), "53/udp".into()],
            ports: vec![port(Some(8080)), port(Some(0))],
            ..spec()
        });
        assert_eq!(json["ExposedPorts"], serde_json::json!({"80/tcp": {}, "53/udp": {}}));
        let bindings = &json["HostConfig"]["PortBindings"]["80/tcp"];
        assert_eq!(
            bindings[0],
            serde_json::json!({"HostIp": "127.0.0.1", "HostPort": "8080"})
        );
        assert_eq!(bindings[1], serde_json::json!({"HostIp": "127.0.0.1"}));
    }

    #[test]
    fn each_kind_of_mount_sends_its_own_options_only() {
        let json = json(ContainerSpec {
            mounts: vec![
                mount_of(MountKind::Volume, ""),
                mount_of(MountKind::Tmpfs, ""),
                mount_of(MountKind::Bind, "/src"),
            ],
            ..spec()
        });
        let mounts = &json["HostConfig"]["Mounts"];
        let expected = serde_json::json!([
            {"Target": "/t", "Type": "volume", "ReadOnly": true, "VolumeOptions": {"NoCopy": true}},
            {"Target": "/t", "Type": "tmpfs", "ReadOnly": true, "TmpfsOptions": {"SizeBytes": 1024, "Mode": 0o1777}},
            {"Target": "/t", "Source": "/src", "Type": "bind", "ReadOnly": true, "BindOptions": {}},
        ]);
        assert_eq!(mounts, &expected);
    }

    #[test]
    fn a_bind_whose_source_is_to_be_made_works_on_old_engines_too() {
        let mount = Mount {
            create_source: true,
            propagation: Some("rslave".into()),
            ..mount_of(MountKind::Bind, "/src")
        };
        let colon = Mount {
            create_source: true,
            ..mount_of(MountKind::Bind, "/a:b")
        };
        let json = json(ContainerSpec {
            mounts: vec![mount, colon],
            ..spec()
        });
        assert_eq!(json["HostConfig"]["Binds"], serde_json::json!(["/src:/t:ro,rslave"]));
        assert_eq!(json["HostConfig"]["Mounts"][0]["BindOptions"]["CreateMountpoint"], true);
    }

    #[test]
    fn a_word_that_the_engine_does_not_know_names_its_option() {
        let refused = |spec| body(spec).expect_err("refused").field().map(str::to_owned);
        let restart_policy = SpecRestartPolicy {
            name: "sometimes".into(),
            max_retries: None,
        };
        let restart = ContainerSpec {
            restart_policy,
            ..spec()
        };
        assert_eq!(refused(restart).as_deref(), Some("restart"));
        let cgroupns = ContainerSpec {
            cgroupns_mode: Some("own".into()),
            log_config: Some(LogConfig {
                driver: "none".into(),
                options: Vec::new(),
            }),
            ..spec()
        };
        assert_eq!(refused(cgroupns).as_deref(), Some("cgroupns"));
    }
}
