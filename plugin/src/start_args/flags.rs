//! The table of flags: how each is spelled, what it takes, and which field of the spec it fills.

use super::fields::{
    self, absolute, blkio_weight, bps, cgroup_rule, cgroupns, device_weight, host, iops, log_driver, oom_score, pids,
    restart, retries, shares, stop_timeout, swap, sysctl,
};
use super::values::{Outcome, any, boolean, cpu_list, cpus, duration, full_pair, limit_size, pair, text};
use super::{Draft, draft, gpus, mounts, namespaces, network, publish, security};

/// One flag.
#[derive(Debug)]
pub struct Flag {
    pub long: &'static str,
    pub short: Option<char>,
    /// What follows it; absent for a switch.
    pub value: Option<&'static str>,
    pub help: &'static str,
    pub apply: fn(&mut Draft, &str) -> Outcome,
}

/// Rows of `[short] long [value] help => function;`.
macro_rules! flags {
    ($([$($short:literal)?] $long:literal $([$value:literal])? $help:literal => $apply:expr;)*) => {
        [$(Flag {
            long: $long,
            short: flags!(@option $($short)?),
            value: flags!(@option $($value)?),
            help: $help,
            apply: $apply,
        }),*]
    };
    (@option) => { None };
    (@option $given:literal) => { Some($given) };
}

/// Assigns a value to a field of the spec.
macro_rules! put {
    ($($field:ident).+ = $parse:expr) => {
        |draft, value| {
            draft.spec.$($field).+ = $parse(value)?.into();
            Ok(())
        }
    };
}

/// Assigns a value to a field of the spec; an empty one says nothing, as the Docker CLI has it.
macro_rules! maybe {
    ($($field:ident).+ = $parse:expr) => {
        |draft, value| {
            draft.spec.$($field).+ = match value.is_empty() {
                true => None,
                false => Some($parse(value)?),
            };
            Ok(())
        }
    };
}

/// Adds a value to a list of the spec.
macro_rules! add {
    ($($field:ident).+ , $parse:expr) => {
        |draft, value| {
            draft.spec.$($field).+.push($parse(value)?);
            Ok(())
        }
    };
}

/// Sets a name's value in a list of the spec where each name stands once.
macro_rules! set {
    ($field:ident, $parse:expr) => {
        |draft, value| {
            let (name, value) = $parse(value)?;
            draft::set(&mut draft.spec.$field, name, value);
            Ok(())
        }
    };
}

/// Assigns a value to a field of the health check.
macro_rules! check {
    ($field:ident = $parse:expr) => {
        |draft, value| {
            draft.healthcheck().$field = Some($parse(value)?);
            Ok(())
        }
    };
}

/// Every flag that can be passed.
pub static FLAGS: &[Flag] = &flags! {
    // Resources
    [   ] "cpus" ["NUMBER"] "CPUs it may use, whole or part" => put!(limits.cpus = cpus);
    [   ] "cpuset-cpus" ["LIST"] "CPUs it may run on, for example 0-2,4" => maybe!(limits.cpuset_cpus = cpu_list);
    [   ] "cpuset-mems" ["LIST"] "Memory nodes it may use" => maybe!(limits.cpuset_mems = cpu_list);
    ['c'] "cpu-shares" ["WEIGHT"] "Relative weight; 1024 is usual" => put!(limits.cpu_shares = shares);
    ['m'] "memory" ["BYTES"] "Memory limit, for example 4g" => put!(limits.memory_bytes = limit_size);
    [   ] "memory-reservation" ["BYTES"] "Soft memory limit" => put!(limits.memory_reservation_bytes = limit_size);
    [   ] "memory-swap" ["BYTES"] "Memory and swap together; -1 for no end" => put!(limits.memory_swap_bytes = swap);
    [   ] "shm-size" ["BYTES"] "Size of /dev/shm" => put!(limits.shm_bytes = limit_size);
    [   ] "pids-limit" ["NUMBER"] "Most processes; -1 for no end" => put!(limits.pids = pids);
    [   ] "ulimit" ["NAME=SOFT:HARD"] "A limit of its processes, for example nofile=1024:2048" => fields::limit;
    [   ] "blkio-weight" ["WEIGHT"] "Share of block I/O, 10 to 1000" => put!(limits.blkio_weight = blkio_weight);
    [   ] "blkio-weight-device" ["DEVICE:WEIGHT"] "Share of a device's I/O" => add!(blkio_weight_devices, device_weight);
    [   ] "device-read-bps" ["DEVICE:BYTES"] "Most bytes read in a second" => add!(limits.blkio_read_bps, bps);
    [   ] "device-write-bps" ["DEVICE:BYTES"] "Most bytes written in a second" => add!(limits.blkio_write_bps, bps);
    [   ] "device-read-iops" ["DEVICE:NUMBER"] "Most reads in a second" => add!(limits.blkio_read_iops, iops);
    [   ] "device-write-iops" ["DEVICE:NUMBER"] "Most writes in a second" => add!(limits.blkio_write_iops, iops);
    [   ] "storage-opt" ["NAME=VALUE"] "Option of the storage driver: size=10g" => set!(storage_options, full_pair);
    [   ] "gpus" ["REQUEST"] "GPUs: all, a number, or device=ID" => gpus::gpus;
    [   ] "gpu.count" ["NUMBER"] "How many GPUs, where no --gpus says it: a number or all; 0 for none" => gpus::number;
    [   ] "gpu.memory-min" ["BYTES"] "Least memory of each GPU, for example 40g" => gpus::memory_min;
    [   ] "gpu.model" ["NAME"] "A part of the name of each GPU's model, for example A100" => gpus::model;
    [   ] "gpu.exclusive" "No other agent gets its GPUs" => gpus::exclusive;
    [   ] "device" ["HOST[:CONTAINER[:rwm]]"] "A device of the engine's machine, or a CDI name" => mounts::device;
    [   ] "device-cgroup-rule" ["RULE"] "A rule for the allowed devices" => add!(device_cgroup_rules, cgroup_rule);
    [   ] "oom-score-adj" ["NUMBER"] "Preference of the out-of-memory killer" => put!(oom_score_adj = oom_score);
    [   ] "oom-kill-disable" "Keep the out-of-memory killer away" => put!(oom_kill_disable = boolean);

    // What runs
    ['e'] "env" ["NAME=VALUE"] "An environment variable" => fields::env;
    ['u'] "user" ["USER[:GROUP]"] "Whom the command runs as" => maybe!(user = text);
    ['w'] "workdir" ["PATH"] "Where the command runs" => maybe!(working_dir = absolute);
    [   ] "entrypoint" ["PROGRAM"] "What runs in place of the image's entrypoint" => fields::entrypoint;
    [   ] "group-add" ["GROUP"] "Another group of the user" => add!(group_add, any);
    [   ] "init" "Run an init as PID 1 (on unless turned off)" => put!(init = boolean);
    [   ] "restart" ["POLICY"] "no, always, unless-stopped or on-failure[:TIMES]" => put!(restart_policy = restart);
    [   ] "stop-signal" ["SIGNAL"] "What asks the command to stop" => maybe!(stop_signal = text);
    [   ] "stop-timeout" ["SECONDS"] "Before SIGKILL; -1 for no end" => put!(stop_timeout_seconds = stop_timeout);
    [   ] "health-cmd" ["COMMAND"] "Shell command that checks its health" => fields::health_command;
    [   ] "health-interval" ["DURATION"] "Time between checks: 30s" => check!(interval = duration);
    [   ] "health-timeout" ["DURATION"] "Most time a check may take" => check!(timeout = duration);
    [   ] "health-start-period" ["DURATION"] "Time before failures count" => check!(start_period = duration);
    [   ] "health-start-interval" ["DURATION"] "Time between checks at first" => check!(start_interval = duration);
    [   ] "health-retries" ["NUMBER"] "Failures in a row that make it unhealthy" => check!(retries = retries);
    [   ] "no-healthcheck" "Turn the image's health check off" => fields::no_healthcheck;

    // Files
    ['v'] "volume" ["[SOURCE:]TARGET[:OPTIONS]"] "Mount a path of the engine's machine or a volume" => mounts::volume;
    [   ] "mount" ["KEY=VALUE,…"] "Mount with all options: type=bind,source=/a,target=/b,readonly" => mounts::mount;
    [   ] "tmpfs" ["TARGET[:OPTIONS]"] "Mount memory, for example /run:size=64m" => mounts::tmpfs;
    [   ] "volumes-from" ["CONTAINER[:ro]"] "Mount what another container mounts" => add!(volumes_from, text);
    [   ] "read-only" "Keep the container's own files from being written" => put!(read_only_rootfs = boolean);

    // Network
    ['p'] "publish" ["[ADDRESS:][HOST-PORT:]PORT"] "Offer a port on the engine's machine" => publish::publish;
    ['P'] "publish-all" "Offer every exposed port on a port the engine picks" => put!(publish_all_ports = boolean);
    [   ] "expose" ["PORT[/udp]"] "A port that others on the network may use" => publish::expose;
    [   ] "network" ["NETWORK"] "Network to join, or a mode: bridge, none, host" => network::network;
    [   ] "net" ["NETWORK"] "The same as --network" => network::network;
    [   ] "network-alias" ["NAME"] "Another name on the network" => add!(network_aliases, any);
    [   ] "net-alias" ["NAME"] "The same as --network-alias" => add!(network_aliases, any);
    [   ] "ip" ["ADDRESS"] "IPv4 address on the network" => maybe!(ipv4_address = network::ipv4);
    [   ] "ip6" ["ADDRESS"] "IPv6 address on the network" => maybe!(ipv6_address = network::ipv6);
    [   ] "link-local-ip" ["ADDRESS"] "A link-local address" => add!(link_local_addresses, network::address);
    ['h'] "hostname" ["NAME"] "Host name inside" => maybe!(hostname = host);
    [   ] "domainname" ["NAME"] "Domain name inside" => maybe!(domainname = text);
    [   ] "mac-address" ["ADDRESS"] "MAC address, for example 02:42:ac:11:00:02" => maybe!(mac_address = network::mac);
    [   ] "dns" ["ADDRESS"] "A name server" => network::dns;
    [   ] "dns-option" ["OPTION"] "An option of resolv.conf" => add!(dns_options, any);
    [   ] "dns-opt" ["OPTION"] "The same as --dns-option" => add!(dns_options, any);
    [   ] "dns-search" ["DOMAIN"] "A domain to search in" => add!(dns_search, network::search);
    [   ] "add-host" ["HOST:ADDRESS"] "A line of /etc/hosts" => network::add_host;
    [   ] "link" ["CONTAINER[:ALIAS]"] "Another container by a name (old; use --network)" => add!(links, network::link);

    // Rights. Which of these are granted is for the provider's `policy` and `permissions` to say.
    [   ] "cap-add" ["CAPABILITY"] "A Linux capability to add" => security::cap_add;
    [   ] "cap-drop" ["CAPABILITY"] "A Linux capability to take away" => security::cap_drop;
    [   ] "security-opt" ["OPTION"] "no-new-privileges, apparmor=PROFILE, systempaths=unconfined, …" => add!(security_options, security::option);
    [   ] "privileged" "All rights on the engine's machine" => put!(privileged = boolean);
    [   ] "sysctl" ["NAME=VALUE"] "A kernel parameter" => set!(sysctls, sysctl);
    [   ] "ipc" ["MODE"] "IPC namespace: private, shareable, none, host" => maybe!(ipc_mode = text);
    [   ] "pid" ["MODE"] "PID namespace: host or container:NAME" => maybe!(pid_mode = namespaces::pid);
    [   ] "uts" ["MODE"] "UTS namespace: host" => maybe!(uts_mode = namespaces::uts);
    [   ] "userns" ["MODE"] "User namespace: host" => maybe!(userns_mode = namespaces::user);
    [   ] "cgroupns" ["MODE"] "Cgroup namespace: private or host" => maybe!(cgroupns_mode = cgroupns);
    [   ] "cgroup-parent" ["PATH"] "Cgroup to be put under" => maybe!(cgroup_parent = text);
    [   ] "runtime" ["NAME"] "Runtime of the engine, for example runsc" => maybe!(runtime = text);

    // The rest
    [   ] "annotation" ["NAME=VALUE"] "A word to the OCI runtime" => set!(annotations, pair);
    ['l'] "label" ["NAME=VALUE"] "A label of your own" => fields::label;
    [   ] "log-driver" ["NAME"] "Where the engine puts its output" => log_driver;
    [   ] "log-opt" ["NAME=VALUE"] "An option of the log driver" => fields::log_option;
    [   ] "pull" ["WHEN"] "Pull the image: missing, always or never" => fields::pull;
    [   ] "platform" ["OS/ARCHITECTURE"] "Platform of the image, for example linux/arm64" => fields::platform;
};
