//! Values as the Docker CLI takes and refuses them.

use super::{fault, spec};
use crate::contract::docker::ContainerSpec;

/// The flag is refused with each of these values, and it is what the user can mend.
fn refused(flag: &str, values: &[&str]) {
    for value in values {
        let fault = fault(&[flag, value]);
        assert!(
            !fault.remedy.is_empty() && !fault.is_unsupported,
            "{flag} {value}: {fault:?}"
        );
    }
}

#[test]
fn an_empty_value_says_nothing() {
    for flag in [
        "--pid",
        "--uts",
        "--userns",
        "--ipc",
        "--cgroupns",
        "--cgroup-parent",
        "--runtime",
        "--hostname",
        "--domainname",
        "--mac-address",
        "--ip",
        "--ip6",
        "--user",
        "--workdir",
        "--stop-signal",
        "--cpuset-cpus",
        "--cpuset-mems",
        "--restart",
        "--pull",
        "--platform",
        "--health-cmd",
    ] {
        let given = format!("{flag}=");
        assert_eq!(spec(&[&given]), spec(&[]), "{given}");
    }
    assert_eq!(spec(&["--hostname=a", "--hostname="]).hostname, None);
}

#[test]
fn nothing_is_no_limit() {
    for flag in ["--memory=0", "--memory-reservation=0", "--shm-size=0", "--cpus=0"] {
        assert_eq!(spec(&[flag]), spec(&[]), "{flag}");
    }
    assert_eq!(spec(&["--blkio-weight=0"]).limits.blkio_weight, Some(0));
}

#[test]
fn a_namespace_that_there_is_not_is_refused() {
    refused("--pid", &["bogus", "private", "Host", "container:"]);
    refused("--uts", &["bogus", "container:a"]);
    refused("--userns", &["bogus", "private"]);
    assert_eq!(spec(&["--pid=container:db"]).pid_mode.as_deref(), Some("container:db"));
    assert_eq!(spec(&["--uts=host", "--userns=host"]).uts_mode.as_deref(), Some("host"));
}

#[test]
fn options_of_a_volume_stand_once_and_are_for_what_is_mounted() {
    refused(
        "-v",
        &[
            "/x:/t:ro,ro",
            "/x:/t:ro,rw",
            "/x:/t:Z,z",
            "/x:/t:rslave,rprivate",
            "/x:/t:nocopy",
            "data:/t:rshared",
            "/x:/t:cached,delegated",
            "/x:/t:ro,",
            "/x:/t:",
        ],
    );
    assert_eq!(spec(&["-v", "/x:/t:ro,Z,rslave"]).binds, ["/x:/t:ro,Z,rslave"]);
    assert_eq!(spec(&["-v", "data:/t:nocopy,ro"]).binds, ["data:/t:nocopy,ro"]);
}

#[test]
fn a_switch_of_a_mount_has_a_truth_or_no_value() {
    let read_only = |word: &str| spec(&["--mount", &format!("type=bind,src=/a,dst=/b,{word}")]).mounts[0].read_only;
    for word in ["readonly", "ro", "RO", "readonly=1", "ro=true", "readonly=T"] {
        assert!(read_only(word), "{word}");
    }
    assert!(!read_only("readonly=0") && !read_only("ro=false"));
    refused(
        "--mount",
        &[
            "type=bind,src=/a,dst=/b,readonly=",
            "type=bind,src=/a,dst=/b,ro=no",
            "src=aa,dst=/b,volume-nocopy=",
            "type=bind,src=/a,dst=/b,bind-recursive=writable",
            "type=bind,src=/a,dst=/b,ro,bind-recursive=readonly",
            "type=bind,src=/a,dst=\"/b\"",
        ],
    );
    let propagation = &spec(&["--mount=type=bind,src=/a,dst=/b,bind-propagation=RSLAVE"]).mounts[0].propagation;
    assert_eq!(propagation.as_deref(), Some("rslave"));
}

#[test]
fn what_cannot_be_had_is_unsupported_and_says_so() {
    for args in [
        ["--mount", "type=image,source=a,target=/b"],
        ["--network", "name=net,driver-opt=a=b"],
        ["--network", "name=net,gw-priority=1"],
    ] {
        let fault = fault(&args);
        assert!(fault.is_unsupported && fault.reason.contains("cannot"), "{fault:?}");
        assert_eq!(crate::error::kind(&fault.into_error()), "unsupported");
    }
}

#[test]
fn a_port_has_a_long_form_and_a_protocol_in_any_case() {
    let ports = |value: &str| spec(&["-p", value]).ports;
    assert_eq!(ports("target=80,published=8080,protocol=tcp"), ports("8080:80"));
    assert_eq!(
        ports("published=8080,target=80,protocol=UDP,mode=host"),
        ports("8080:80/udp")
    );
    assert_eq!((ports("target=80"), ports("80/TCP")), (ports("80"), ports("80")));
    assert_eq!(ports("target=80,published=8000-8002"), ports("8000-8002:80"));
    refused(
        "-p",
        &[
            "target=",
            "published=80",
            "target=80,colour=red",
            "Target=80",
            "target=80,mode=any",
            "+80:80",
            "target=80:81",
        ],
    );
    assert_eq!(
        spec(&["--expose=80/TCP", "--expose=81/ncp"]).exposed_ports,
        ["80/tcp", "81/ncp"]
    );
}

#[test]
fn flags_that_cannot_stand_together_are_refused() {
    let net = "--network=name=net,alias=a,ip=10.0.0.1,ip6=::1,link-local-ip=169.254.0.1,mac-address=02:42:ac:11:00:02";
    for args in [
        &[net, "--ip=10.0.0.1"][..],
        &[net, "--ip6=::1"],
        &["--network-alias=b", net],
        &[net, "--link-local-ip=169.254.0.1"],
        &[net, "--mac-address=02:42:ac:11:00:02"],
        &["--network=host", "--network=net"],
        &["--network=net", "--network=bridge"],
        &["--network-alias=a"],
        &["--network=bridge", "--network-alias=a"],
        &["--no-healthcheck", "--health-cmd=true"],
        &["--health-retries=3", "--no-healthcheck"],
        &["--log-driver=none", "--log-opt=max-size=1m"],
        &["--log-opt=max-size=1m", "--log-driver=none"],
    ] {
        let fault = fault(args);
        assert_eq!(fault.element, args.len() - 1, "{args:?}: {fault:?}");
    }
    for args in [
        &["--no-healthcheck=false", "--health-cmd=true"][..],
        &["--no-healthcheck", "--health-interval=0s"],
        &["--network=net", "--network-alias=a", "--ip=10.0.0.1"],
        &["--log-driver=none", "--log-opt=a=b", "--log-driver=local"],
    ] {
        spec(args);
    }
}

#[test]
fn names_and_addresses_are_checked() {
    refused(
        "--dns-search",
        &["", " ", "17", ".foo", "foo.-bar", "foo-.bar", "foo_bar", "foo..bar"],
    );
    assert_eq!(
        spec(&["--dns-search=.", "--dns-search=a.", "--dns-search= b.c "]).dns_search,
        [".", "a", "b.c"]
    );
    refused(
        "--mac-address",
        &["x", "92:d0:c6:0a:33", "92:d0:c6:0a:29:zz", "92d0.c60a"],
    );
    for mac in ["92:d0:c6:0a:29:33", "92-D0-c6-0a-29-33", "92d0.c60a.2933"] {
        assert_eq!(spec(&["--mac-address", mac]).mac_address.as_deref(), Some(mac));
    }
    refused("--link", &["", "a:b:c"]);
    refused("--label", &["", " ", " = ", "=a", "a b", "a b=c", "a =c"]);
    assert_eq!(
        spec(&["--label=  a=b c"]).labels,
        [("  a".to_owned(), "b c".to_owned())]
    );
    assert_eq!(spec(&["--env=A B=1"]).env, ["A B=1"]);
}

#[test]
fn rights_are_spelled_as_the_kernel_has_them_and_checked() {
    let made = spec(&[
        "--cap-add=sys_time",
        "--cap-add=NET_ADMIN",
        "--cap-add=cap_net_admin",
        "--cap-drop=all",
    ]);
    assert_eq!(
        (made.cap_add, made.cap_drop),
        (caps(&["CAP_NET_ADMIN", "CAP_SYS_TIME"]), caps(&["ALL"]))
    );
    refused(
        "--device-cgroup-rule",
        &["", "a", "x 1:3 r", "c 1:3", "c 1:3 rwmr", " c 1:3 r", "c :3 r"],
    );
    assert_eq!(
        spec(&["--device-cgroup-rule=c *:3 rm"]).device_cgroup_rules,
        ["c *:3 rm"]
    );
    refused("--device", &["/dev/null:/a:rr", "/dev/null:/a:x", "/dev/null:"]);
    refused("--sysctl", &["vm.swappiness=1", "kernel.bogus=1", "net.a", "net/a=1"]);
    let sysctls = spec(&["--sysctl=net.ipv4.ip_forward=", "--sysctl=kernel.sem=1 2"]).sysctls;
    assert_eq!(sysctls.len(), 2);
    refused(
        "--security-opt",
        &[
            "no-new-privileges=maybe",
            "no-new-privileges=",
            "apparmor",
            "label=",
            "systempaths=all",
            "systempaths:unconfined",
        ],
    );
    assert_eq!(
        spec(&["--security-opt=systempaths=unconfined"]).security_options,
        ["systempaths=unconfined"]
    );
}

fn caps(names: &[&str]) -> Vec<String> {
    super::strings(names)
}

#[test]
fn a_restart_policy_has_a_number_for_failures_only() {
    let policy = |value: &str| -> ContainerSpec { spec(&["--restart", value]) };
    assert_eq!(policy("always:0"), policy("always"));
    assert_eq!(policy("on-failure:"), policy("on-failure"));
    assert_eq!(policy("on-failure:3").restart_policy.max_retries, Some(3));
    refused(
        "--restart",
        &[
            "always:1",
            "no:1",
            ":1",
            "Always",
            "on-failure:x",
            "on-failure:-1",
            "on-failure:1:2",
        ],
    );
}

#[test]
fn what_was_said_of_a_network_goes_with_it() {
    let mut draft = super::draft(&["--network=name=a,alias=x,ip=10.0.0.1", "--ip6=::1"]);
    draft.take(&super::strings(&["--network=b"])).expect("another network");
    let spec = &draft.spec;
    assert_eq!((&spec.network_aliases, &spec.ipv4_address), (&Vec::new(), &None));
    assert_eq!(spec.ipv6_address.as_deref(), Some("::1"));
    draft
        .take(&super::strings(&["--network=host"]))
        .expect("no names are left");
}
