//! Every spelling of the Docker CLI's grammar, and what each flag comes to.

use super::*;
use crate::contract::docker::{ContainerSpec, MountKind, PortBinding};
use proptest::prelude::*;

fn strings(args: &[&str]) -> Vec<String> {
    args.iter().map(|arg| (*arg).to_owned()).collect()
}

fn draft(args: &[&str]) -> Draft {
    let mut draft = Draft::new();
    draft
        .take(&strings(args))
        .unwrap_or_else(|fault| panic!("{args:?}: {fault:?}"));
    draft
}

fn spec(args: &[&str]) -> ContainerSpec {
    draft(args).spec
}

fn fault(args: &[&str]) -> Fault {
    Draft::new().take(&strings(args)).expect_err("a fault")
}

#[test]
fn every_spelling_of_a_value_means_the_same() {
    let expected = spec(&["--memory=4g"]);
    assert_eq!(expected.limits.memory_bytes, Some(4 << 30));
    for args in [
        &["--memory", "4g"][..],
        &["-m4g"],
        &["-m=4g"],
        &["-m", "4g"],
        &["-m", "1g", "-m4g"],
    ] {
        assert_eq!(spec(args), expected, "{args:?}");
    }
}

#[test]
fn a_value_may_begin_with_a_dash() {
    assert_eq!(spec(&["--memory-swap", "-1"]).limits.memory_swap_bytes, Some(-1));
    assert_eq!(spec(&["--pids-limit=-1"]).limits.pids, Some(-1));
}

#[test]
fn switches_stand_alone_or_take_a_value_after_an_equals_sign() {
    assert!(spec(&[]).init && spec(&["--init"]).init && spec(&["--init=1"]).init);
    assert!(!spec(&["--init=false"]).init);
    assert!(spec(&["-P"]).publish_all_ports && !spec(&["-P=false"]).publish_all_ports);
    let grouped = spec(&["-Pm4g"]);
    assert!(grouped.publish_all_ports && grouped.limits.memory_bytes == Some(4 << 30));
    assert!(fault(&["--init=maybe"]).remedy.contains("true or false"));
}

#[test]
fn lists_append_and_names_stand_once() {
    let both = spec(&[
        "-v",
        "/a:/b",
        "-v=data:/c:ro",
        "--cap-drop",
        "ALL",
        "--cap-drop=NET_RAW",
    ]);
    assert_eq!(both.binds, ["/a:/b", "data:/c:ro"]);
    assert_eq!(both.cap_drop, ["ALL", "CAP_NET_RAW"]);
    let named = spec(&[
        "-e",
        "A=1",
        "-e",
        "B=2",
        "-eA=3",
        "-l",
        "x=1",
        "-l",
        "x=2",
        "--ulimit=nofile=1",
        "--ulimit=nofile=2",
    ]);
    assert_eq!(named.env, ["B=2", "A=3"]);
    assert_eq!(named.labels, [("x".to_owned(), "2".to_owned())]);
    assert_eq!(named.limits.ulimits.len(), 1);
}

#[test]
fn ports_are_read_in_every_form() {
    let port = |container_port, protocol: &str, host_ip: &str, host_port| PortBinding {
        container_port,
        protocol: protocol.to_owned(),
        host_ip: host_ip.to_owned(),
        host_port,
        host_port_end: None,
    };
    for (text, expected) in [
        ("80", vec![port(80, "tcp", "", None)]),
        ("8080:80", vec![port(80, "tcp", "", Some(8080))]),
        ("0:80", vec![port(80, "tcp", "", None)]),
        ("127.0.0.1::22", vec![port(22, "tcp", "127.0.0.1", None)]),
        ("[::1]:53:53/udp", vec![port(53, "udp", "::1", Some(53))]),
        (
            "9000-9001:80-81",
            vec![port(80, "tcp", "", Some(9000)), port(81, "tcp", "", Some(9001))],
        ),
    ] {
        assert_eq!(spec(&["-p", text]).ports, expected, "{text}");
    }
    assert_eq!(spec(&["-p", "8080:80"]).exposed_ports, ["80/tcp"]);
    assert_eq!(
        spec(&["--expose=8000-8001", "--expose", "53/udp"]).exposed_ports,
        ["8000/tcp", "8001/tcp", "53/udp"]
    );
    for bad in [
        "",
        "0",
        "http",
        "1:2:3:4",
        "80/http",
        "70000",
        "8000-8005:80-81",
        "host:80:80",
        "5-4",
    ] {
        assert_eq!(fault(&["-p", bad]).element, 0, "{bad}");
    }
}

#[test]
fn mounts_are_read_in_every_form() {
    let made = spec(&[
        "--mount",
        "type=bind,src=/a,dst=/b,readonly",
        "--mount=source=data,target=/c,volume-opt=type=nfs",
    ]);
    assert!(made.mounts[0].kind == MountKind::Bind && made.mounts[0].read_only);
    assert!(made.mounts[1].kind == MountKind::Volume && made.mounts[1].source == "data");
    assert_eq!(made.mounts[1].volume_options, [("type".to_owned(), "nfs".to_owned())]);
    let memory = spec(&[
        "--mount=type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1777",
        "--tmpfs",
        "/run:size=64m",
    ]);
    assert!(memory.mounts[0].tmpfs_bytes == Some(1 << 20) && memory.mounts[0].tmpfs_mode == Some(0o1777));
    assert_eq!(memory.tmpfs, [("/run".to_owned(), "size=64m".to_owned())]);
    assert_eq!(spec(&["-v", "/anonymous"]).volumes, ["/anonymous"]);
    for bad in ["./a:/b", "~/a:/b", "/a:b", "/a:/", "/a:/b:rx", "/a:/b:ro:z", "", "a:/b"] {
        assert!(!fault(&["-v", bad]).remedy.is_empty(), "{bad}");
    }
    for bad in [
        "type=bind,target=/b",
        "type=bind,src=a,dst=/b",
        "type=npipe,dst=/b",
        "dst=/b,sorce=x",
        "src=x",
    ] {
        assert!(!fault(&["--mount", bad]).remedy.is_empty(), "{bad}");
    }
}

#[test]
fn gpus_and_devices_become_device_requests() {
    let all = &spec(&["--gpus", "all"]).limits.gpus[0];
    assert!(all.count == Some(-1) && all.capabilities == [["gpu"]]);
    let two = &spec(&["--gpus=\"device=0,1\",driver=nvidia"]).limits.gpus[0];
    assert!(two.count.is_none() && two.device_ids == ["0", "1"] && two.driver == "nvidia");
    let cdi = &spec(&["--device", "nvidia.com/gpu=0"]).limits.gpus[0];
    assert!(cdi.driver == "cdi" && cdi.device_ids == ["nvidia.com/gpu=0"]);
    assert_eq!(spec(&["--device=/dev/fuse:rw"]).devices[0].permissions, "rw");
    assert!(fault(&["--gpus", "device=0,1"]).remedy.contains('"'));
}

#[test]
fn health_restart_and_logs_come_together_from_several_flags() {
    let made = spec(&[
        "--health-cmd",
        "true",
        "--health-interval=30s",
        "--log-driver=json-file",
        "--log-opt=max-size=1m",
    ]);
    let health = made.healthcheck.expect("a check");
    assert!(health.test == ["CMD-SHELL", "true"] && health.interval == Some(30_000_000_000));
    assert_eq!(made.log_config.expect("a driver").options.len(), 1);
    assert_eq!(made.restart_policy.name, "no");
    assert_eq!(spec(&["--restart", "on-failure:3"]).restart_policy.max_retries, Some(3));
    assert!(fault(&["--restart=always:3"]).remedy.contains("on-failure:3"));
}

#[test]
fn an_unknown_flag_is_named_with_the_nearest_one_and_its_place() {
    let wrong = fault(&["--cpus", "2", "--memori=4g"]);
    assert_eq!((wrong.element, wrong.shown.as_str()), (2, "--memori"));
    assert!(wrong.remedy.contains("`--memory`"), "{}", wrong.remedy);
    assert_eq!(fault(&["-x"]).shown, "-x");
}

#[test]
fn flags_that_can_not_be_had_say_why_and_what_instead() {
    for args in [
        &["-d"][..],
        &["-it"],
        &["--rm"],
        &["--name=x"],
        &["--cidfile", "x"],
        &["--env-file=x"],
        &["--cpu-quota=1"],
    ] {
        let refused = fault(args);
        assert!(refused.reason.contains("not supported"), "{refused:?}");
        assert!(!refused.remedy.is_empty());
    }
}

#[test]
fn stray_words_missing_values_and_joined_arguments_are_told_apart() {
    assert!(fault(&["--memory=4g", "busybox"]).reason.contains("not a flag"));
    assert!(fault(&["--", "busybox"]).reason.contains("not a flag"));
    assert!(fault(&["-"]).reason.contains("not a flag"));
    assert!(fault(&["--memory"]).reason.contains("missing"));
    assert!(fault(&["-m"]).reason.contains("missing"));
    assert!(fault(&["--memory 4g"]).remedy.contains("two arguments"));
}

#[test]
fn the_provider_s_own_labels_can_not_be_set() {
    assert!(
        fault(&["--label", "com.imbue.mngr.agent-id=x"])
            .reason
            .contains("provider's own")
    );
    assert_eq!(spec(&["--label", "com.imbue.mngrx=1"]).labels.len(), 1);
}

#[test]
fn environment_values_are_neither_shown_nor_kept() {
    let made = draft(&["-e", "TOKEN=hunter2", "--memory=1g"]);
    assert_eq!(made.canonical(), ["--memory=1g"]);
    assert_eq!(made.env_names(), ["TOKEN"]);
    for wrong in [fault(&["-e", "=hunter2"]), fault(&["TOKEN=hunter2"])] {
        assert!(!format!("{wrong:?}").contains("hunter2"), "{wrong:?}");
    }
}

#[test]
fn other_secrets_are_left_out_of_what_is_kept_and_the_flag_is_named() {
    let made = draft(&[
        "--log-driver=splunk",
        "--log-opt",
        "splunk-token=hunter2",
        "--log-opt=tag=x",
    ]);
    assert_eq!(made.canonical(), ["--log-driver=splunk", "--log-opt=tag=x"]);
    assert_eq!(made.omitted(), ["--log-opt"]);
    assert!(!format!("{:?}", fault(&["--env TOKEN hunter2"])).contains("hunter2"));
}

#[test]
fn files_of_the_user_s_machine_are_not_pretended_to_be_read() {
    assert_eq!(spec(&["-e", "HOME", "-e", "A=1", "-e", "A"]).env, ["HOME", "A"]);
    assert!(fault(&["--security-opt=seccomp=profile.json"]).reason.contains("file"));
    assert_eq!(
        spec(&["--security-opt=no-new-privileges"]).security_options,
        ["no-new-privileges"]
    );
}

#[test]
fn help_lists_each_flag_once() {
    let flags = describe();
    let mut names: Vec<_> = flags.iter().map(|argument| argument.flag.as_str()).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(FLAGS.iter().all(|flag| refused::by_long(flag.long).is_none()));
    assert!(
        FLAGS
            .iter()
            .filter_map(|flag| flag.short)
            .all(|letter| refused::by_short(letter).is_none())
    );
}

fn sample() -> impl Strategy<Value = (&'static str, String)> {
    prop_oneof![
        (1_u32..9000).prop_map(|n| ("memory", format!("{n}m"))),
        (1_u32..64).prop_map(|n| ("cpus", n.to_string())),
        any::<bool>().prop_map(|on| ("read-only", on.to_string())),
        (1_u16..u16::MAX).prop_map(|port| ("publish", port.to_string())),
        "/[a-z]{1,8}".prop_map(|path| ("tmpfs", path)),
        ("[A-Z]{1,5}", "[ -~]{0,9}").prop_map(|(name, value)| ("label", format!("{name}={value}"))),
        "[a-z]{1,9}".prop_map(|name| ("hostname", name)),
        ("[a-z]{1,6}", "[ -~]{0,9}").prop_map(|(name, value)| ("annotation", format!("{name}={value}"))),
        (1_u16..60_000, 1_u16..99).prop_map(|(from, more)| ("publish", format!("{from}-{}:80", from + more))),
        ("[a-z]{1,6}", "[a-z]{1,6}")
            .prop_map(|(name, path)| ("mount", format!("src={name}{name},dst=/{path},volume-subpath={path}"))),
        (1_u32..9, 10_u32..1000).prop_map(|(disk, weight)| ("blkio-weight-device", format!("/dev/sd{disk}:{weight}"))),
    ]
}

proptest! {
    #[test]
    fn nothing_a_user_may_write_makes_it_fall_over(args in proptest::collection::vec("(--?[a-z=]{0,12})?.{0,12}", 0..6)) {
        if let Err(fault) = Draft::new().take(&args) {
            prop_assert!(fault.element < args.len() && !fault.remedy.is_empty());
        }
    }

    #[test]
    fn the_canonical_arguments_come_to_the_same_spec(flags in proptest::collection::vec(sample(), 0..8)) {
        let args: Vec<String> = flags.into_iter().flat_map(|(flag, value)| match value.as_str() {
            "true" | "false" => vec![format!("--{flag}={value}")],
            _ => vec![format!("--{flag}"), value],
        }).collect();
        let mut first = Draft::new();
        first.take(&args).expect("good arguments");
        let mut again = Draft::new();
        again.take(&first.canonical()).expect("canonical arguments");
        prop_assert_eq!(first.spec, again.spec);
    }
}

/// All long flags of `docker run` 28, the hidden and the old ones too.
const DOCKER_RUN: &str = "add-host annotation attach blkio-weight blkio-weight-device cap-add cap-drop cgroup-parent cgroupns \
    cidfile cpu-count cpu-percent cpu-period cpu-quota cpu-rt-period cpu-rt-runtime cpu-shares cpus cpuset-cpus cpuset-mems \
    detach detach-keys device device-cgroup-rule device-read-bps device-read-iops device-write-bps device-write-iops \
    disable-content-trust dns dns-opt dns-option dns-search domainname entrypoint env env-file expose gpus group-add \
    health-cmd health-interval health-retries health-start-interval health-start-period health-timeout help hostname init \
    interactive io-maxbandwidth io-maxiops ip ip6 ipc isolation kernel-memory label label-file link link-local-ip log-driver \
    log-opt mac-address memory memory-reservation memory-swap memory-swappiness mount name net net-alias network \
    network-alias no-healthcheck oom-kill-disable oom-score-adj pid pids-limit platform privileged publish publish-all pull \
    quiet read-only restart rm runtime security-opt shm-size sig-proxy stop-signal stop-timeout storage-opt sysctl tmpfs tty \
    ulimit use-api-socket user userns uts volume volume-driver volumes-from workdir";

#[test]
fn every_flag_of_docker_run_is_taken_or_refused_with_a_reason() {
    let names: Vec<_> = DOCKER_RUN.split_whitespace().collect();
    assert!(names.len() > 105, "{}", names.len());
    for name in &names {
        let taken = FLAGS.iter().any(|flag| flag.long == *name);
        assert!(taken != refused::by_long(name).is_some(), "--{name}");
    }
    for flag in FLAGS {
        let ours = flag.long.starts_with("gpu.");
        assert!(
            names.contains(&flag.long) || ours,
            "--{} is none of docker run",
            flag.long
        );
    }
}

#[test]
fn networks_come_with_names_and_addresses_and_those_given_later_replace_the_configured() {
    let made = spec(&[
        "--network=name=a,alias=db,alias=sql,ip=10.1.0.5",
        "--network",
        "b",
        "--ip6=2001:db8::1",
    ]);
    assert_eq!(made.network_mode.as_deref(), Some("a"));
    assert_eq!(made.network_aliases, ["db", "sql"]);
    assert_eq!(
        (made.ipv4_address.as_deref(), made.ipv6_address.as_deref()),
        (Some("10.1.0.5"), Some("2001:db8::1"))
    );
    assert_eq!(
        made.networks
            .iter()
            .map(|other| other.network.as_str())
            .collect::<Vec<_>>(),
        ["b"]
    );
    let mut later = draft(&["--network=a", "--network=b"]);
    later.take(&strings(&["--net", "c"])).expect("networks");
    assert_eq!(
        (later.spec.network_mode.as_deref(), later.spec.networks.len()),
        (Some("c"), 0)
    );
    assert_eq!(later.canonical(), ["--net=c"]);
    for bad in ["name=a,ip=x", "alias=a", "name=a,color=red", ""] {
        assert!(!fault(&["--network", bad]).remedy.is_empty(), "{bad}");
    }
    assert!(fault(&["--network=a", "--network=a"]).reason.contains("twice"));
}

#[test]
fn a_range_of_host_ports_is_for_the_engine_to_pick_from() {
    let port = &spec(&["-p", "8000-8005:80"]).ports[0];
    assert_eq!(
        (port.host_port, port.host_port_end, port.container_port),
        (Some(8000), Some(8005), 80)
    );
}

#[test]
fn options_of_another_type_of_mount_are_not_dropped_in_silence() {
    for bad in [
        "type=bind,src=/a,dst=/b,volume-subpath=x",
        "type=tmpfs,dst=/b,bind-propagation=shared",
        "src=vol,dst=/b,tmpfs-size=1m",
        "src=vol,dst=/b,volume-subpath=../x",
    ] {
        assert!(!fault(&["--mount", bad]).remedy.is_empty(), "{bad}");
    }
    let made = spec(&[
        "--mount=src=vol,dst=/b,volume-subpath=x/y",
        "--mount=type=bind,src=/a,dst=/c,bind-recursive=disabled",
    ]);
    assert_eq!(made.mounts[0].volume_subpath.as_deref(), Some("x/y"));
    assert_eq!(made.mounts[1].bind_recursive.as_deref(), Some("disabled"));
}

#[test]
fn the_pull_policy_is_one_of_three_words() {
    assert_eq!(draft(&["--pull", "always"]).pull, Pull::Always);
    assert_eq!(draft(&["--pull=always", "--pull=missing"]).pull, Pull::Missing);
    assert!(fault(&["--pull=sometimes"]).remedy.contains("never"));
}

mod as_docker;
