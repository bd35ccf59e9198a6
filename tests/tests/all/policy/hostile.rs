//! Requests that `standard` refuses, each by its rule.

use std::collections::BTreeSet;

use mngr_host_shim::contract::docker::{ContainerSpec, DeviceMapping, LogConfig, Mount, MountKind, NetworkEndpoint};
use mngr_host_shim::contract::types::DeviceRequest;
use mngr_host_shim::policy::Rule;

use super::request::{Case, case, pairs, words};
use super::room::{Things, within};
use super::{belongings, spellings};

/// A change of a container's request.
type Change = Box<dyn FnOnce(&mut ContainerSpec)>;

fn changed(change: impl FnOnce(&mut ContainerSpec) + 'static) -> Change {
    Box::new(change)
}

fn device(path: &str) -> DeviceMapping {
    DeviceMapping {
        host_path: path.to_owned(),
        container_path: "/dev/x".to_owned(),
        permissions: "rwm".to_owned(),
    }
}

fn mount(kind: MountKind, source: &str) -> Mount {
    Mount {
        kind,
        source: source.to_owned(),
        target: "/data".to_owned(),
        ..Mount::default()
    }
}

/// Privileges, capabilities, devices, kernel parameters, profiles.
fn security(things: &Things) -> Vec<Case> {
    let mut changes: Vec<(Rule, Change)> = vec![
        (Rule::Privileged, changed(|spec| spec.privileged = true)),
        (
            Rule::Privileged,
            changed(|spec| {
                spec.privileged = true;
                spec.cap_drop = words(&["ALL"]);
            }),
        ),
    ];
    for capability in [
        "ALL",
        "all",
        "CAP_ALL",
        "SYS_ADMIN",
        "CAP_SYS_ADMIN",
        "cap_sys_admin",
        " SYS_ADMIN",
        "NET_ADMIN",
        "SYS_PTRACE",
        "SYS_MODULE",
        "SYS_RAWIO",
        "DAC_READ_SEARCH",
        "BPF",
        "PERFMON",
        "SYSLOG",
        "MKNOD",
        "NET_RAW",
        "AUDIT_WRITE",
    ] {
        changes.push((
            Rule::Capabilities,
            changed(move |spec| spec.cap_add = words(&[capability])),
        ));
    }
    for path in [
        "/dev/sda",
        "/dev/mem",
        "/dev/kmsg",
        "/dev/fuse",
        "/dev/kvm",
        "/dev/net/tun",
        "/dev/dri",
        "/dev/dri/card",
        "/dev/dri/card0/../../sda",
        "/dev/dri/renderD128/../../mem",
        "/dev/../dev/sda",
        "/dev//sda",
        "/dev/kfd1",
        "/dev",
        "/dev/disk/by-id/x",
        "/dev/vfio/vfio",
        "/dev/loop-control",
        "/dev/dri/card0 ",
        "/dev/kfd/",
        "/etc/shadow",
    ] {
        changes.push((Rule::Devices, changed(move |spec| spec.devices = vec![device(path)])));
    }
    for id in [
        "vendor.com/disk=sda",
        "vendor.com/nic=eth0",
        "k8s.io/device=x",
        "/dev/sda",
        "vendor.com/gpu-not=0",
    ] {
        let request = DeviceRequest {
            driver: "cdi".to_owned(),
            count: None,
            device_ids: words(&[id]),
            capabilities: Vec::new(),
            options: Vec::new(),
        };
        changes.push((Rule::Devices, changed(move |spec| spec.limits.gpus = vec![request])));
    }
    for rule in ["a *:* rwm", "c *:* rwm", "b 8:* rwm", "c 1:1 r"] {
        changes.push((
            Rule::DeviceRules,
            changed(move |spec| spec.device_cgroup_rules = words(&[rule])),
        ));
    }
    for name in [
        "kernel.shmmax",
        "net.ipv4.ip_forward",
        "kernel/domainname",
        "net.core.somaxconn",
        "kernel.msgmax",
        "fs.mqueue.msg_max",
    ] {
        changes.push((Rule::Sysctls, changed(move |spec| spec.sysctls = pairs(&[(name, "1")]))));
    }
    for option in [
        "seccomp=unconfined",
        "seccomp:unconfined",
        "seccomp= unconfined",
        "SECCOMP=unconfined",
        "seccomp={\"defaultAction\":\"SCMP_ACT_ALLOW\"}",
        "seccomp=/etc/profile.json",
        "apparmor=unconfined",
        "apparmor:unconfined",
        "apparmor=Unconfined",
        "apparmor=unconfined ",
        "label=disable",
        "label:disable",
        "label=type:spc_t",
        "label=user:system_u",
        "label=role:system_r",
        "writable-cgroups=true",
        "writable-cgroups",
        "unmask=ALL",
        "credentialspec=file://x",
        "no-new-privileges=false",
        "no-new-privileges:0",
        "no-new-privileges=F",
    ] {
        changes.push((
            Rule::SecurityOptions,
            changed(move |spec| spec.security_options = words(&[option])),
        ));
    }
    for option in [
        "systempaths=unconfined",
        "systempaths:unconfined",
        "SystemPaths=unconfined",
    ] {
        changes.push((
            Rule::MaskedPaths,
            changed(move |spec| spec.security_options = words(&["no-new-privileges", option])),
        ));
    }
    for parent in ["/", "/system.slice", "docker/../..", "user.slice"] {
        changes.push((
            Rule::CgroupParent,
            changed(move |spec| spec.cgroup_parent = Some(parent.to_owned())),
        ));
    }
    changes
        .into_iter()
        .map(|(rule, change)| case(rule, things.create(change)))
        .collect()
}

/// Log drivers that write to sockets of the machine or read its keys.
fn logs(things: &Things) -> Vec<Case> {
    let option = |rule, driver: &'static str, key: &'static str, value: &'static str| {
        let log = LogConfig {
            driver: driver.to_owned(),
            options: pairs(&[(key, value)]),
        };
        case(rule, things.create(|spec| spec.log_config = Some(log)))
    };
    vec![
        option(
            Rule::EngineSocket,
            "syslog",
            "syslog-address",
            "unix:///var/run/docker.sock",
        ),
        option(
            Rule::EngineSocket,
            "fluentd",
            "fluentd-address",
            "unix:///run/docker.sock",
        ),
        option(Rule::Binds, "syslog", "syslog-address", "unixgram:///dev/log"),
        option(
            Rule::Binds,
            "syslog",
            "syslog-address",
            "UNIX:///run/systemd/journal/socket",
        ),
        option(Rule::Binds, "syslog", "syslog-address", "unix://relative"),
        option(Rule::Binds, "syslog", "syslog-tls-key", "/root/.ssh/id_ed25519"),
        option(Rule::Binds, "syslog", "syslog-tls-ca-cert", "/etc/shadow"),
        option(Rule::Binds, "splunk", "splunk-capath", "/etc/ssl/private"),
        option(Rule::Binds, "any", "credentials", "file:///root/.netrc"),
    ]
}

/// Namespaces of the machine and of others' containers, what others' containers have, and the pipe of an engine.
fn namespaces(things: &Things) -> Vec<Case> {
    let mut changes: Vec<(Rule, Change)> = Vec::new();
    let foreign = [
        "host".to_owned(),
        format!("container:{}", things.theirs),
        format!("container:{}", things.plain),
        "container:".to_owned(),
        "container:nowhere".to_owned(),
        "ns:/proc/1/ns/net".to_owned(),
    ];
    for mode in foreign {
        let given = || Some(mode.clone());
        let (network, pid, ipc, uts, userns, endpoint) = (given(), given(), given(), given(), given(), mode.clone());
        changes.push((Rule::Namespaces, changed(move |spec| spec.network_mode = network)));
        changes.push((Rule::Namespaces, changed(move |spec| spec.pid_mode = pid)));
        changes.push((Rule::Namespaces, changed(move |spec| spec.ipc_mode = ipc)));
        changes.push((Rule::Namespaces, changed(move |spec| spec.uts_mode = uts)));
        changes.push((Rule::Namespaces, changed(move |spec| spec.userns_mode = userns)));
        let network = NetworkEndpoint {
            network: endpoint,
            aliases: Vec::new(),
            ipv4_address: None,
            ipv6_address: None,
            link_local_addresses: Vec::new(),
            mac_address: None,
        };
        changes.push((Rule::Namespaces, changed(move |spec| spec.networks = vec![network])));
    }
    for mode in ["host", "HOST", "private ", "unknown"] {
        changes.push((
            Rule::Namespaces,
            changed(move |spec| spec.cgroupns_mode = Some(mode.to_owned())),
        ));
    }
    for mode in ["HOST", "host ", "machine"] {
        changes.push((
            Rule::Namespaces,
            changed(move |spec| spec.pid_mode = Some(mode.to_owned())),
        ));
    }
    for container in [&things.theirs, &things.plain, &things.own] {
        for options in ["", ":ro"] {
            let from = format!("{container}{options}");
            changes.push((Rule::VolumesFrom, changed(move |spec| spec.volumes_from = vec![from])));
        }
    }
    for container in [&things.theirs, &things.plain] {
        for form in [container.clone(), format!("{container}:db"), format!("/{container}:db")] {
            changes.push((Rule::Containers, changed(move |spec| spec.links = vec![form])));
        }
    }
    changes.push((
        Rule::EngineSocket,
        changed(|spec| {
            spec.mounts = vec![mount(MountKind::Npipe, "\\\\.\\pipe\\docker_engine")];
        }),
    ));
    for propagation in ["shared", "rshared", "unbindable", "SHARED"] {
        let directory = things.directory.clone();
        changes.push((
            Rule::Propagation,
            changed(move |spec| {
                spec.mounts = vec![Mount {
                    propagation: Some(propagation.to_owned()),
                    ..mount(MountKind::Bind, &directory)
                }];
            }),
        ));
    }
    for options in ["shared", "rw,rshared", "ro,z,shared"] {
        let bind = format!("{}:/data:{options}", things.directory);
        changes.push((Rule::Propagation, changed(move |spec| spec.binds = vec![bind])));
    }
    changes
        .into_iter()
        .map(|(rule, change)| case(rule, things.create(change)))
        .collect()
}

fn all(things: &Things) -> Vec<Case> {
    [
        security(things),
        logs(things),
        namespaces(things),
        belongings::volumes(things),
        belongings::others(things),
        belongings::programs(),
        spellings::cases(things),
        super::identity::cases(things),
    ]
    .concat()
}

#[test]
fn privileges_devices_and_profiles_are_refused() {
    within(async |room| room.all_refused(security(&room.things)).await);
}

#[test]
fn no_log_driver_writes_to_the_machines_sockets_or_reads_its_keys() {
    within(async |room| room.all_refused(logs(&room.things)).await);
}

#[test]
fn namespaces_and_containers_of_others_are_not_lent() {
    within(async |room| room.all_refused(namespaces(&room.things)).await);
}

#[test]
fn the_engines_own_name_for_the_machines_network_does_not_hide_it() {
    within(async |room| {
        use mngr_host_shim::engine::Engine;
        let id = room.engine.network_inspect("host").await.expect("the network").id;
        let cases = [id.clone(), id[..12].to_owned()].map(|name| {
            case(
                Rule::Namespaces,
                room.things.create(|spec| spec.network_mode = Some(name)),
            )
        });
        room.all_refused(cases.to_vec()).await;
    });
}

#[test]
fn every_kind_of_log_and_runtime_that_is_not_named_is_refused_where_only_some_are() {
    within(async |room| {
        let only = serde_json::json!({"docker.log-drivers": ["json-file"], "docker.runtime": ["runsc"], "docker.network": ["bridge"]});
        let guard = room.guard(mngr_host_shim::policy::Preset::Standard, &only);
        for (rule, request) in [
            (
                Rule::LogDrivers,
                room.things.create(|spec| {
                    spec.log_config = Some(LogConfig {
                        driver: "syslog".to_owned(),
                        options: Vec::new(),
                    })
                }),
            ),
            (
                Rule::Runtime,
                room.things.create(|spec| spec.runtime = Some("runc".to_owned())),
            ),
            (
                Rule::Network,
                room.things.create(|spec| spec.network_mode = Some("other".to_owned())),
            ),
        ] {
            let (outcome, sent) = room.outcome(&guard, request).await;
            let message = outcome.expect_err("refused").message();
            assert!(message.contains(rule.name()) && sent.is_empty(), "{message}");
        }
    });
}

#[test]
fn there_are_more_than_six_hundred_requests_and_no_two_are_the_same() {
    let all = all(&Things::named("provider", "/srv/safe"));
    let distinct: BTreeSet<_> = all.iter().map(|case| format!("{:?}", case.request)).collect();
    assert_eq!(distinct.len(), all.len(), "each is a request of its own");
    assert!(all.len() > 600, "{}", all.len());
}
