//! What a container is to be made from, in the API's words.

use std::str::FromStr;

use bollard::models::{
    ContainerCreateBody, DeviceMapping as ApiDeviceMapping, HealthConfig, HostConfig, HostConfigLogConfig,
    PortBinding as ApiPortBinding, PortMap, ResourcesBlkioWeightDevice, RestartPolicy,
};
use mngr_contract::Result;
use mngr_contract::docker::{ContainerSpec, DeviceMapping, Healthcheck, PortBinding};
use mngr_contract::error::invalid;
use mngr_contract::types::DeviceRate;

use super::convert_values::{list, map};
use super::{convert_limits, convert_mounts, convert_networks};

/// The body of a create request, less the MAC address, whose place depends on the engine's version.
///
/// # Errors
/// `invalid-argument` for a word that the API does not know.
pub(super) fn body(spec: ContainerSpec) -> Result<ContainerCreateBody> {
    let networks = convert_networks::networks(&spec);
    // All of it, so that a field that the contract gains does not compile until it is sent. One that only later engines know
    // has to be refused in `newer` too.
    let ContainerSpec {
        // In the request's query.
        name: _,
        image,
        labels,
        annotations,
        command,
        entrypoint,
        env,
        working_dir,
        user,
        hostname,
        domainname,
        // Put in by who knows the engine's version.
        mac_address: _,
        tty,
        open_stdin,
        stop_signal,
        stop_timeout_seconds,
        healthcheck,
        mut exposed_ports,
        volumes,
        ports,
        publish_all_ports,
        binds,
        mounts,
        tmpfs,
        volumes_from,
        limits,
        blkio_weight_devices,
        oom_score_adj,
        oom_kill_disable,
        devices,
        device_cgroup_rules,
        network_mode,
        // In `networks`.
        network_aliases: _,
        ipv4_address: _,
        ipv6_address: _,
        link_local_addresses: _,
        networks: _,
        dns,
        dns_options,
        dns_search,
        extra_hosts,
        links,
        cap_add,
        cap_drop,
        group_add,
        privileged,
        read_only_rootfs,
        mut security_options,
        storage_options,
        sysctls,
        ipc_mode,
        pid_mode,
        uts_mode,
        userns_mode,
        cgroupns_mode,
        cgroup_parent,
        runtime,
        log_config,
        init,
        restart_policy,
    } = spec;
    exposed_ports.extend(ports.iter().map(port_key));
    exposed_ports.sort();
    exposed_ports.dedup();
    let (masked_paths, readonly_paths) = match take_system_paths(&mut security_options) {
        true => (Some(Vec::new()), Some(Vec::new())),
        false => (None, None),
    };
    let (as_binds, mounts): (Vec<_>, Vec<_>) = mounts.into_iter().partition(convert_mounts::is_made_as_bind);
    let mut host = HostConfig {
        annotations: map(annotations),
        blkio_weight_device: list(blkio_weight_devices.into_iter().map(weight).collect()),
        binds: list(
            binds
                .into_iter()
                .chain(as_binds.iter().map(convert_mounts::bind))
                .collect(),
        ),
        mounts: list(mounts.into_iter().map(convert_mounts::mount).collect::<Result<_>>()?),
        tmpfs: map(tmpfs),
        volumes_from: list(volumes_from),
        port_bindings: port_map(ports),
        publish_all_ports: Some(publish_all_ports),
        oom_score_adj: oom_score_adj.map(i64::from),
        oom_kill_disable,
        devices: list(devices.into_iter().map(device).collect()),
        device_cgroup_rules: list(device_cgroup_rules),
        network_mode,
        dns: list(dns),
        dns_options: list(dns_options),
        dns_search: list(dns_search),
        extra_hosts: list(extra_hosts),
        links: list(links),
        cap_add: list(cap_add),
        cap_drop: list(cap_drop),
        group_add: list(group_add),
        privileged: Some(privileged),
        readonly_rootfs: Some(read_only_rootfs),
        security_opt: list(security_options),
        masked_paths,
        readonly_paths,
        storage_opt: map(storage_options),
        sysctls: map(sysctls),
        ipc_mode,
        pid_mode,
        uts_mode,
        userns_mode,
        cgroupns_mode: word("cgroupns", cgroupns_mode)?,
        cgroup_parent,
        runtime,
        log_config: log_config.map(|log| HostConfigLogConfig {
            typ: Some(log.driver),
            config: map(log.options),
        }),
        init: Some(init),
        restart_policy: Some(RestartPolicy {
            name: word("restart", Some(restart_policy.name))?,
            maximum_retry_count: restart_policy.max_retries.map(i64::from),
        }),
        ..Default::default()
    };
    convert_limits::apply(limits, &mut host)?;
    Ok(ContainerCreateBody {
        image: Some(image),
        labels: map(labels),
        cmd: command,
        entrypoint,
        env: list(env),
        working_dir,
        user,
        hostname,
        domainname,
        tty: Some(tty),
        open_stdin: Some(open_stdin),
        stop_signal,
        stop_timeout: stop_timeout_seconds,
        healthcheck: healthcheck.map(health),
        exposed_ports: list(exposed_ports),
        volumes: list(volumes),
        host_config: Some(host),
        networking_config: networks,
        ..Default::default()
    })
}

/// Whether no system path is to be masked. The API says so with two empty lists, and not as the option that the Docker CLI
/// makes of it.
fn take_system_paths(security_options: &mut Vec<String>) -> bool {
    let before = security_options.len();
    security_options.retain(|option| option != "systempaths=unconfined");
    security_options.len() < before
}

/// A word of a fixed set.
pub(super) fn word<T: FromStr<Err = String>>(field: &str, value: Option<String>) -> Result<Option<T>> {
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

fn port_map(ports: Vec<PortBinding>) -> Option<PortMap> {
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
    use mngr_contract::docker::{LogConfig, Mount, MountKind, RestartPolicy as SpecRestartPolicy};

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
    fn unconfined_system_paths_are_two_empty_lists_and_no_option() {
        let options = ["systempaths=unconfined", "no-new-privileges"].map(str::to_owned);
        let json = json(ContainerSpec {
            security_options: options.to_vec(),
            ..spec()
        });
        let host = &json["HostConfig"];
        assert_eq!(host["SecurityOpt"], serde_json::json!(["no-new-privileges"]));
        assert_eq!(
            (&host["MaskedPaths"], &host["ReadonlyPaths"]),
            (&serde_json::json!([]), &serde_json::json!([]))
        );
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
