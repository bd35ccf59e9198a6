//! What users ask for with start arguments: all of it is allowed by `standard`, and goes out.

use mngr_host_shim::contract::docker::{
    ContainerSpec, DeviceMapping, Healthcheck, LogConfig, Mount, MountKind, RestartPolicy,
};
use mngr_host_shim::contract::types::{DeviceRate, PortBinding, Ulimit};
use mngr_host_shim::policy::Rule;

use super::request::{Request, build, commit, derive, gpus, import, labels_of, pairs, words};
use super::room::{Room, Things, within};

type Change<'a> = Box<dyn FnOnce(&mut ContainerSpec) + 'a>;

fn changed<'a>(change: impl FnOnce(&mut ContainerSpec) + 'a) -> Change<'a> {
    Box::new(change)
}

fn bind(source: &str) -> Mount {
    Mount {
        kind: MountKind::Bind,
        source: source.to_owned(),
        target: "/data".to_owned(),
        ..Mount::default()
    }
}

fn read(mount: Mount) -> Mount {
    Mount {
        read_only: true,
        ..mount
    }
}

fn volume(source: &str) -> Mount {
    Mount {
        kind: MountKind::Volume,
        ..bind(source)
    }
}

fn port(host_ip: &str, host_port: Option<u16>) -> PortBinding {
    PortBinding {
        container_port: 80,
        protocol: "tcp".to_owned(),
        host_ip: host_ip.to_owned(),
        host_port,
        host_port_end: None,
    }
}

fn node(path: &str) -> DeviceMapping {
    DeviceMapping {
        host_path: path.to_owned(),
        container_path: path.to_owned(),
        permissions: "rw".to_owned(),
    }
}

fn containers(things: &Things) -> Vec<Request> {
    let directory = things.directory.as_str();
    let fresh = format!("{}-fresh", things.provider);
    let own_volume = &things.own_volume;
    let rate = || {
        vec![DeviceRate {
            path: "/dev/null".to_owned(),
            rate: 1 << 20,
        }]
    };
    let changes: Vec<Change<'_>> = vec![
        changed(|_| {}),
        changed(|spec| spec.image = things.own_image.clone()),
        changed(|spec| spec.limits.cpus = Some(0.5)),
        changed(|spec| spec.limits.cpuset_cpus = Some("0".to_owned())),
        changed(|spec| spec.limits.cpu_shares = Some(512)),
        changed(|spec| spec.limits.memory_bytes = Some(64 << 20)),
        changed(|spec| spec.limits.shm_bytes = Some(1 << 20)),
        changed(|spec| spec.limits.pids = Some(100)),
        changed(|spec| {
            spec.limits.ulimits = vec![Ulimit {
                name: "nofile".to_owned(),
                soft: 100,
                hard: 200,
            }]
        }),
        changed(|spec| spec.limits.blkio_weight = Some(100)),
        changed(|spec| spec.limits.blkio_read_bps = rate()),
        changed(|spec| spec.limits.blkio_write_iops = rate()),
        changed(|spec| spec.limits.gpus = vec![gpus(Some(1), &[])]),
        changed(|spec| spec.limits.gpus = vec![gpus(Some(-1), &[])]),
        changed(|spec| spec.limits.gpus = vec![gpus(None, &["GPU-1", "nvidia.com/gpu=0"])]),
        changed(|spec| spec.devices = vec![node("/dev/kfd"), node("/dev/dri/renderD128"), node("/dev/dri/card0")]),
        changed(|spec| spec.env = words(&["GREETING=hello", "NVIDIA_VISIBLE_DEVICES=void", "TOKEN=secret"])),
        changed(|spec| spec.user = Some("1000:1000".to_owned())),
        changed(|spec| spec.user = Some("root".to_owned())),
        changed(|spec| spec.working_dir = Some("/tmp".to_owned())),
        changed(|spec| spec.entrypoint = Some(words(&["sh", "-c"]))),
        changed(|spec| spec.group_add = words(&["44", "audio"])),
        changed(|spec| spec.init = true),
        changed(|spec| spec.tty = true),
        changed(|spec| {
            spec.restart_policy = RestartPolicy {
                name: "on-failure".to_owned(),
                max_retries: Some(3),
            }
        }),
        changed(|spec| spec.stop_signal = Some("SIGINT".to_owned())),
        changed(|spec| spec.stop_timeout_seconds = Some(3)),
        changed(|spec| {
            spec.healthcheck = Some(Healthcheck {
                test: words(&["CMD", "true"]),
                interval: None,
                timeout: None,
                start_period: None,
                start_interval: None,
                retries: Some(2),
            })
        }),
        changed(|spec| spec.binds = vec![format!("{directory}:/data")]),
        changed(|spec| spec.binds = vec![format!("{directory}:/data:ro,z")]),
        changed(|spec| spec.binds = vec![format!("{directory}:/data:rslave")]),
        changed(|spec| spec.binds = vec![format!("{directory}/not/there/yet:/data")]),
        changed(|spec| spec.binds = vec![format!("{directory}/./x/..:/data")]),
        changed(|spec| spec.mounts = vec![bind(directory)]),
        changed(|spec| {
            spec.mounts = vec![Mount {
                read_only: true,
                propagation: Some("rprivate".to_owned()),
                ..bind(directory)
            }]
        }),
        changed(|spec| spec.mounts = vec![read(bind("/usr/share/zoneinfo"))]),
        changed(|spec| spec.mounts = vec![read(bind("/etc/ssl/certs"))]),
        changed(|spec| spec.mounts = vec![bind("/srv")]),
        changed(|spec| spec.mounts = vec![bind("/srv/app/.git")]),
        changed(|spec| spec.mounts = vec![bind("/mnt/disk")]),
        changed(|spec| spec.mounts = vec![bind("/media/ann/stick")]),
        changed(|spec| spec.mounts = vec![bind("/data/sets")]),
        changed(|spec| spec.mounts = vec![bind("/home/ann/project")]),
        changed(|spec| spec.mounts = vec![bind("/root/work")]),
        changed(|spec| spec.binds = vec![format!("{fresh}:/data")]),
        changed(|spec| spec.binds = vec![format!("{own_volume}:/data:nocopy")]),
        changed(|spec| spec.mounts = vec![volume(own_volume)]),
        changed(|spec| spec.mounts = vec![volume("")]),
        changed(|spec| {
            spec.mounts = vec![Mount {
                volume_options: pairs(&[("type", "tmpfs"), ("device", "tmpfs"), ("o", "size=1m,uid=1000")]),
                ..volume("")
            }]
        }),
        changed(|spec| {
            spec.mounts = vec![Mount {
                no_copy: true,
                volume_options: pairs(&[("type", "nfs"), ("device", ":/export"), ("o", "addr=192.0.2.1,ro")]),
                ..volume(&format!("{fresh}-nfs"))
            }]
        }),
        changed(|spec| spec.volumes = words(&["/anonymous"])),
        changed(|spec| spec.tmpfs = pairs(&[("/fast", "size=4m,exec")])),
        changed(|spec| {
            spec.mounts = vec![Mount {
                kind: MountKind::Tmpfs,
                source: String::new(),
                tmpfs_bytes: Some(1 << 20),
                ..bind("")
            }]
        }),
        changed(|spec| spec.read_only_rootfs = true),
        changed(|spec| spec.ports = vec![port("", None)]),
        changed(|spec| spec.ports = vec![port("127.0.0.1", Some(0))]),
        changed(|spec| spec.publish_all_ports = true),
        changed(|spec| spec.exposed_ports = words(&["80/tcp", "53/udp"])),
        changed(|spec| spec.network_mode = Some("none".to_owned())),
        changed(|spec| spec.network_mode = Some("bridge".to_owned())),
        changed(|spec| spec.network_mode = Some("default".to_owned())),
        changed(|spec| spec.network_mode = Some(format!("container:{}", things.own))),
        changed(|spec| spec.pid_mode = Some(format!("container:{}", things.own))),
        changed(|spec| spec.links = vec![format!("{}:db", things.own)]),
        changed(|spec| spec.ipc_mode = Some("private".to_owned())),
        changed(|spec| spec.ipc_mode = Some("none".to_owned())),
        changed(|spec| spec.cgroupns_mode = Some("private".to_owned())),
        changed(|spec| spec.hostname = Some("agent".to_owned())),
        changed(|spec| {
            spec.dns = words(&["192.0.2.53"]);
            spec.dns_search = words(&["example.org"]);
        }),
        changed(|spec| spec.extra_hosts = words(&["db:192.0.2.7"])),
        changed(|spec| spec.mac_address = Some("02:42:ac:11:00:99".to_owned())),
        changed(|spec| spec.cap_drop = words(&["ALL"])),
        changed(|spec| {
            spec.cap_drop = words(&["ALL"]);
            spec.cap_add = words(&["NET_BIND_SERVICE", "cap_chown"]);
        }),
        changed(|spec| spec.security_options = words(&["no-new-privileges"])),
        changed(|spec| spec.security_options = words(&["no-new-privileges:true"])),
        changed(|spec| spec.security_options = words(&["seccomp=builtin"])),
        changed(|spec| spec.security_options = words(&["label=level:s0:c1,c2"])),
        changed(|spec| spec.runtime = Some("runc".to_owned())),
        changed(|spec| {
            spec.log_config = Some(LogConfig {
                driver: "json-file".to_owned(),
                options: pairs(&[("max-size", "1m")]),
            })
        }),
        changed(|spec| spec.labels.push(("team".to_owned(), "blue".to_owned()))),
        changed(|spec| spec.oom_score_adj = Some(100)),
    ];
    changes.into_iter().map(|change| things.create(change)).collect()
}

fn others(things: &Things) -> Vec<Request> {
    let (own, provider) = (|| things.own.clone(), &things.provider);
    let made = format!("{provider}-made");
    let labels = || labels_of(provider);
    vec![
        Request::Volume(made.clone(), "local".to_owned(), Vec::new(), labels()),
        Request::Volume(
            format!("{made}-memory"),
            "local".to_owned(),
            pairs(&[("type", "tmpfs"), ("device", "tmpfs"), ("o", "size=1m")]),
            labels(),
        ),
        Request::Volume(
            format!("{made}-nfs"),
            "local".to_owned(),
            pairs(&[("type", "nfs"), ("device", ":/x"), ("o", "addr=192.0.2.1")]),
            labels(),
        ),
        Request::RemoveVolume(made.clone()),
        Request::Start(own()),
        Request::Stop(own()),
        Request::Rename(own(), own()),
        Request::PutFiles(own()),
        Request::GetFiles(own()),
        Request::Exec(own()),
        Request::Commit(own(), Box::new(commit("mngr-snapshot", &made, labels()))),
        Request::Derive(
            format!("mngr-snapshot:{made}"),
            Box::new(derive("mngr-push", &made, labels())),
        ),
        Request::Tag(format!("mngr-snapshot:{made}"), "mngr-build".to_owned(), made.clone()),
        Request::Save(format!("mngr-snapshot:{made}")),
        Request::Import(Box::new(import("mngr-snapshot-volume", &made, labels()))),
        Request::Build(Box::new(build(&format!("mngr-build:{made}-built"), labels(), None))),
        Request::Build(Box::new(build(
            &format!("mngr-build:{made}-alone"),
            labels(),
            Some("none"),
        ))),
        Request::RemoveImage(format!("mngr-snapshot:{made}")),
        Request::Run(words(&["stat", "--file-system", "--format=%T", "--", "/srv"])),
        Request::Run(words(&["du", "--summarize", "--bytes", "--null", "--", "/srv"])),
        Request::Run(words(&["df", "--block-size=1", "--output=used,avail", "--", "/"])),
        Request::Run(words(&[
            "findmnt",
            "--noheadings",
            "--first-only",
            "--output",
            "FSTYPE",
            "--target",
            "/",
        ])),
        Request::Remove(own()),
    ]
}

async fn not_refused(room: &Room, request: Request) -> Vec<String> {
    let shown = format!("{request:?}");
    let (outcome, sent) = room.outcome(&room.standard(), request).await;
    // An engine may have reasons of its own: a runtime that it has not, a container that does not run.
    assert_ne!(
        outcome.as_ref().err().map_or("", |error| error.kind()),
        "denied",
        "{outcome:?}: {shown}"
    );
    sent
}

#[test]
fn what_an_agent_is_usually_made_of_is_allowed() {
    within(async |room| {
        use mngr_host_shim::engine::Engine;
        let requests = containers(&room.things);
        assert!(requests.len() >= 60, "{}", requests.len());
        for request in requests {
            let shown = format!("{request:?}");
            let sent = not_refused(room, request).await;
            assert!(
                sent.iter().any(|request| request.contains("/containers/create")),
                "not asked for: {shown}"
            );
            // It may not have been made.
            drop(room.engine.container_remove(&room.things.spec().name, true, true).await);
        }
    });
}

#[test]
fn what_is_done_with_agents_of_ones_own_is_allowed() {
    within(async |room| {
        for request in others(&room.things) {
            not_refused(room, request).await;
        }
    });
}

#[test]
fn a_volume_that_a_container_names_first_is_made_as_this_providers_and_goes_where_the_container_fails() {
    within(async |room| {
        use mngr_host_shim::engine::Engine;
        let name = format!("{}-plans", room.things.provider);
        let with = |image: &str| {
            let (bind, image) = (format!("{name}:/plans"), image.to_owned());
            room.things.create(move |spec| {
                spec.binds = vec![bind];
                spec.image = image;
            })
        };
        let (failed, _) = room.outcome(&room.standard(), with("mngr-test:not-there")).await;
        assert_eq!(failed.expect_err("no such image").kind(), "not_found");
        assert!(room.engine.volume_inspect(&name).await.is_err(), "nothing is left");
        let image = room.things.spec().image;
        room.outcome(&room.standard(), with(&image))
            .await
            .0
            .expect("a container");
        room.engine
            .container_remove(&room.things.spec().name, true, true)
            .await
            .expect("removed");
        room.outcome(&room.standard(), with(&image))
            .await
            .0
            .expect("it is still this provider's");
        let (denied, _) = room
            .outcome(
                &room.standard(),
                room.things
                    .create(|spec| spec.binds = vec![format!("{}:/plans", room.things.plain_volume)]),
            )
            .await;
        assert!(denied.expect_err("nobody's").message().contains(Rule::Volumes.name()));
    });
}
