//! What a request means when nothing is said: every optional part left out.

use super::docker::{ContainerSpec, ExecOptions, LogOptions, Mount, MountKind, RestartPolicy};
use super::instance::{
    DepartureRequest, DestroyRequest, DiscoverRequest, ForkRequest, SnapshotFilter, SnapshotRequest, StartRequest,
    StopRequest,
};
use super::types::Limits;

macro_rules! defaults {
    ($($name:ident { $($field:ident: $value:expr),* $(,)? })*) => {
        $(impl Default for $name {
            fn default() -> Self {
                Self { $($field: $value),* }
            }
        })*
    };
}

defaults! {
    DiscoverRequest { tags: Vec::new(), states: Vec::new() }
    StartRequest { snapshot: None }
    StopRequest { timeout_seconds: None, snapshot: None }
    DestroyRequest { snapshots: false }
    SnapshotRequest { name: String::new(), pause: None, force: false, include_volumes: false }
    SnapshotFilter { agent: None }
    ForkRequest {
        names: Vec::new(),
        snapshot: None,
        tags: Vec::new(),
        start_args: Vec::new(),
        force: false,
        include_volumes: false,
    }
    DepartureRequest { pause: None, force: false, include_env: false }
    ExecOptions { argv: Vec::new(), env: Vec::new(), working_dir: None, user: None, stdin: false, terminal: None }
    LogOptions {
        follow: false,
        stdout: true,
        stderr: true,
        timestamps: false,
        since: 0,
        until: 0,
        tail: None,
    }
    RestartPolicy { name: "no".to_owned(), max_retries: None }
    Limits {
        cpus: None,
        cpuset_cpus: None,
        cpuset_mems: None,
        cpu_shares: None,
        memory_bytes: None,
        memory_reservation_bytes: None,
        memory_swap_bytes: None,
        shm_bytes: None,
        pids: None,
        ulimits: Vec::new(),
        blkio_weight: None,
        blkio_read_bps: Vec::new(),
        blkio_write_bps: Vec::new(),
        blkio_read_iops: Vec::new(),
        blkio_write_iops: Vec::new(),
        storage_bytes: None,
        gpus: Vec::new(),
    }
    Mount {
        kind: MountKind::Volume,
        source: String::new(),
        target: String::new(),
        read_only: false,
        propagation: None,
        create_source: false,
        no_copy: false,
        volume_driver: None,
        volume_options: Vec::new(),
        volume_labels: Vec::new(),
        volume_subpath: None,
        bind_recursive: None,
        tmpfs_bytes: None,
        tmpfs_mode: None,
    }
    ContainerSpec {
        name: String::new(),
        image: String::new(),
        labels: Vec::new(),
        annotations: Vec::new(),
        command: None,
        entrypoint: None,
        env: Vec::new(),
        working_dir: None,
        user: None,
        hostname: None,
        domainname: None,
        mac_address: None,
        tty: false,
        open_stdin: false,
        stop_signal: None,
        stop_timeout_seconds: None,
        healthcheck: None,
        exposed_ports: Vec::new(),
        volumes: Vec::new(),
        ports: Vec::new(),
        publish_all_ports: false,
        binds: Vec::new(),
        mounts: Vec::new(),
        tmpfs: Vec::new(),
        volumes_from: Vec::new(),
        limits: Limits::default(),
        blkio_weight_devices: Vec::new(),
        oom_score_adj: None,
        oom_kill_disable: None,
        devices: Vec::new(),
        device_cgroup_rules: Vec::new(),
        network_mode: None,
        network_aliases: Vec::new(),
        ipv4_address: None,
        ipv6_address: None,
        link_local_addresses: Vec::new(),
        networks: Vec::new(),
        dns: Vec::new(),
        dns_options: Vec::new(),
        dns_search: Vec::new(),
        extra_hosts: Vec::new(),
        links: Vec::new(),
        cap_add: Vec::new(),
        cap_drop: Vec::new(),
        group_add: Vec::new(),
        privileged: false,
        read_only_rootfs: false,
        security_options: Vec::new(),
        storage_options: Vec::new(),
        sysctls: Vec::new(),
        ipc_mode: None,
        pid_mode: None,
        uts_mode: None,
        userns_mode: None,
        cgroupns_mode: None,
        cgroup_parent: None,
        runtime: None,
        log_config: None,
        init: false,
        restart_policy: RestartPolicy::default(),
    }
}
