//! Requests that `standard` refuses, each by its rule.

use std::collections::BTreeSet;

use mngr_docker_tests::IMAGE;
use mngr_host_shim::contract::docker::{ContainerSpec, DeviceMapping, LogConfig, Mount, MountKind, NetworkEndpoint};
use mngr_host_shim::contract::types::DeviceRequest;
use mngr_host_shim::policy::Rule;

use crate::request::{Case, Request, build, case, import, labels_of, pairs, words};
use crate::room::{Things, within};
use crate::spellings;

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

/// Volumes of others, and volumes that are the machine in disguise.
fn volumes(things: &Things) -> Vec<Case> {
    let mut cases = Vec::new();
    for name in [&things.their_volume, &things.plain_volume] {
        let (bind, read_only, mounted) = (format!("{name}:/data"), format!("{name}:/data:ro"), name.clone());
        cases.push(case(Rule::Volumes, things.create(|spec| spec.binds = vec![bind])));
        cases.push(case(Rule::Volumes, things.create(|spec| spec.binds = vec![read_only])));
        cases.push(case(
            Rule::Volumes,
            things.create(|spec| spec.mounts = vec![mount(MountKind::Volume, &mounted)]),
        ));
        cases.push(case(Rule::Volumes, Request::RemoveVolume(name.clone())));
        cases.push(case(
            Rule::Volumes,
            Request::FillVolume(name.clone(), things.own_image.clone()),
        ));
        cases.push(case(
            Rule::Volumes,
            Request::Volume(
                name.clone(),
                "local".to_owned(),
                Vec::new(),
                labels_of(&things.provider),
            ),
        ));
    }
    let fresh = format!("{}-fresh", things.provider);
    let own = || labels_of(&things.provider);
    for labels in [Vec::new(), pairs(&[("a", "b")])] {
        cases.push(case(
            Rule::Volumes,
            Request::Volume(fresh.clone(), "local".to_owned(), Vec::new(), labels),
        ));
    }
    for options in [
        [("type", "none"), ("o", "bind"), ("device", "/srv")],
        [("type", "none"), ("o", "rbind,ro"), ("device", "/etc")],
        [("type", "none"), ("o", "ro, bind"), ("device", "/srv")],
        [("type", "tmpfs"), ("o", "bind"), ("device", "/root")],
        [("type", "nfs"), ("o", "addr=192.0.2.1,bind"), ("device", ":/x")],
        [("type", "nfs"), ("o", "addr=192.0.2.1"), ("device", "/etc")],
        [("type", "cifs"), ("o", "BIND"), ("device", "//host/share")],
        [("type", "cifs"), ("o", "ro"), ("device", "/etc")],
        [("type", "ext4"), ("o", "ro"), ("device", "/dev/sda1")],
        [
            ("type", "overlay"),
            ("o", "lowerdir=/etc,upperdir=/tmp/u,workdir=/tmp/w"),
            ("device", "overlay"),
        ],
        [
            ("type", "overlay"),
            ("o", "lowerdir=/etc:/root"),
            ("device", "/overlay"),
        ],
        [("type", "proc"), ("o", ""), ("device", "proc")],
        [("type", "sysfs"), ("o", ""), ("device", "sysfs")],
        [("type", "devtmpfs"), ("o", ""), ("device", "devtmpfs")],
        [("type", "cgroup2"), ("o", ""), ("device", "cgroup2")],
        [("type", "tmpfs"), ("o", "remount"), ("device", "tmpfs")],
        [("type", "tmpfs"), ("o", "shared"), ("device", "tmpfs")],
        [("type", ""), ("o", "bind"), ("device", "/var/lib")],
        [("Type", "none"), ("O", "bind"), ("Device", "/srv")],
        [("type", "fuse.sshfs"), ("o", ""), ("device", "a@b:/")],
        [("type", "9p"), ("o", "trans=virtio"), ("device", "share")],
        [("type", "tmpfs"), ("o", ""), ("device", "/etc")],
    ] {
        for driver in ["local", ""] {
            let made = Request::Volume(fresh.clone(), driver.to_owned(), pairs(&options), own());
            cases.push(case(Rule::VolumeBinds, made));
        }
        for source in [fresh.as_str(), ""] {
            let mount = Mount {
                volume_options: pairs(&options),
                ..mount(MountKind::Volume, source)
            };
            cases.push(case(Rule::VolumeBinds, things.create(|spec| spec.mounts = vec![mount])));
        }
    }
    cases
}

/// Containers of others, and images of others under names of others.
fn others(things: &Things) -> Vec<Case> {
    let mut cases = Vec::new();
    for id in [&things.theirs, &things.plain] {
        let id = || id.clone();
        let snapshot = || Box::new(crate::request::commit("mngr-snapshot", "stolen", Vec::new()));
        for request in [
            Request::Start(id()),
            Request::Stop(id()),
            Request::Kill(id()),
            Request::Pause(id()),
            Request::Unpause(id()),
            Request::Rename(id(), "taken".to_owned()),
            Request::Remove(id()),
            Request::Update(id(), Box::default()),
            Request::Exec(id()),
            Request::Unpack(id(), things.own_image.clone()),
            Request::PutFiles(id()),
            Request::GetFiles(id()),
            Request::Commit(id(), snapshot()),
            Request::ReadVolume(
                id(),
                Box::new(import("mngr-snapshot-volume", "stolen", labels_of(&things.provider))),
            ),
        ] {
            cases.push(case(Rule::Containers, request));
        }
    }
    for image in [things.their_image.as_str(), IMAGE] {
        cases.push(case(Rule::Images, Request::RemoveImage(image.to_owned())));
        cases.push(case(Rule::Images, Request::Save(image.to_owned())));
        cases.push(case(
            Rule::Images,
            Request::Push(image.to_owned(), "127.0.0.1:1/a:1".to_owned()),
        ));
        cases.push(case(
            Rule::Images,
            Request::Tag(image.to_owned(), "mngr-snapshot".to_owned(), "stolen".to_owned()),
        ));
        cases.push(case(
            Rule::Images,
            Request::FillVolume(things.own_volume.clone(), image.to_owned()),
        ));
        cases.push(case(
            Rule::Images,
            Request::Unpack(things.own.clone(), image.to_owned()),
        ));
        let into = crate::request::derive("mngr-snapshot", "stolen", labels_of(&things.provider));
        cases.push(case(Rule::Images, Request::Derive(image.to_owned(), Box::new(into))));
    }
    let theirs = things.their_image.clone();
    cases.push(case(Rule::Images, things.create(|spec| spec.image = theirs)));
    // Names that are not a provider's, and the name of another's snapshot.
    let taken = things.their_image.split_once(':').expect("a tag");
    let names = [
        ("debian", "latest"),
        ("registry.example/mngr-snapshot", "a"),
        ("mngr-snapshots", "a"),
        ("MNGR-SNAPSHOT", "a"),
        ("mngr-snapshot:a", "b"),
        ("mngr-snapshot", ""),
        ("mngr-snapshot", "a/b"),
        ("mngr-snapshot", "../a"),
        ("mngr-snapshot", "a b"),
        ("mngr-snapshot", "a&repo=debian"),
        ("mngr-snapshot/../debian", "a"),
        taken,
    ];
    for (repository, tag) in names {
        let own = || labels_of(&things.provider);
        cases.push(case(
            Rule::Images,
            Request::Commit(
                things.own.clone(),
                Box::new(crate::request::commit(repository, tag, Vec::new())),
            ),
        ));
        cases.push(case(
            Rule::Images,
            Request::Import(Box::new(import(repository, tag, own()))),
        ));
        cases.push(case(
            Rule::Images,
            Request::Build(Box::new(build(&format!("{repository}:{tag}"), own(), None))),
        ));
        cases.push(case(
            Rule::Images,
            Request::Tag(things.own_image.clone(), repository.to_owned(), tag.to_owned()),
        ));
        let into = Box::new(crate::request::derive(repository, tag, own()));
        cases.push(case(Rule::Images, Request::Derive(things.own_image.clone(), into)));
    }
    for network in ["host", "container:x"] {
        let options = build("mngr-build:agent-1", labels_of(&things.provider), Some(network));
        cases.push(case(Rule::Namespaces, Request::Build(Box::new(options))));
    }
    cases
}

/// Programs on the engine's machine.
fn programs() -> Vec<Case> {
    [
        &["sh", "-c", "stat"][..],
        &["/tmp/stat"],
        &["/usr/bin/stat", "/"],
        &["rm", "-rf", "/"],
        &[""],
        &[],
        &["nvidia-smi", "-r"],
        &["stat "],
        &["STAT", "/"],
        &["docker", "ps"],
        &["cat", "/etc/shadow"],
        &["env"],
        &["realpath", "/"],
        &["./df"],
        &["du", "--files0-from=/etc/shadow"],
        &["du", "--files0=/etc/shadow"],
        &["du", "-aX", "/etc/shadow"],
        &["du", "--exclude-from=/etc/shadow", "/"],
        &["findmnt", "-F", "/etc/shadow"],
        &["findmnt", "--tab-file=/etc/shadow"],
    ]
    .into_iter()
    .map(|argv| case(Rule::SshExec, Request::Run(words(argv))))
    .collect()
}

fn all(things: &Things) -> Vec<Case> {
    [
        security(things),
        namespaces(things),
        volumes(things),
        others(things),
        programs(),
        spellings::cases(things),
        crate::identity::cases(things),
    ]
    .concat()
}

#[test]
fn privileges_devices_and_profiles_are_refused() {
    within(async |room| room.all_refused(security(&room.things)).await);
}

#[test]
fn namespaces_and_containers_of_others_are_not_lent() {
    within(async |room| room.all_refused(namespaces(&room.things)).await);
}

#[test]
fn volumes_of_others_and_volumes_that_are_the_machine_are_refused() {
    within(async |room| room.all_refused(volumes(&room.things)).await);
}

#[test]
fn containers_and_images_of_others_are_left_alone() {
    within(async |room| room.all_refused(others(&room.things)).await);
}

#[test]
fn programs_that_do_more_than_look_are_not_run_on_the_machine() {
    within(async |room| room.all_refused(programs()).await);
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
