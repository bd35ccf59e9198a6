//! Things that tests begin with.

use futures::executor::block_on;

use super::Fake;
use crate::contract::docker::{Container, ContainerSpec, ContainerState, ContainerStatus, EngineInfo, Image, Volume};
use crate::contract::types::{Agent, Provider};
use crate::create::{CreateRequest, Source};
use crate::labels::Pair;
use crate::{DockerProviderInstance, error, settings};

/// The engine's machine: 4 CPUs, 8 GiB.
pub fn machine() -> EngineInfo {
    EngineInfo {
        id: String::new(),
        name: String::new(),
        cpus: 4,
        memory_bytes: 8 << 30,
        storage_driver: String::new(),
        cgroup_version: String::new(),
        root_dir: String::new(),
        default_runtime: String::new(),
        runtimes: Vec::new(),
        security_options: Vec::new(),
        discovered_devices: Vec::new(),
        cdi_spec_dirs: Vec::new(),
        live_restore: false,
        warnings: Vec::new(),
    }
}

/// An image as inspect has it.
pub fn image(id: &str, tag: &str, labels: Vec<Pair>) -> Image {
    Image {
        id: id.to_owned(),
        parent_id: String::new(),
        tags: vec![tag.to_owned()],
        digests: Vec::new(),
        created: None,
        size_bytes: 4096,
        labels,
        architecture: "amd64".to_owned(),
        os: "linux".to_owned(),
        layers: 1,
        command: Vec::new(),
        entrypoint: Vec::new(),
        working_dir: String::new(),
        user: String::new(),
        env_names: Vec::new(),
        exposed_ports: Vec::new(),
        volumes: Vec::new(),
        stop_signal: None,
    }
}

/// A local volume without options.
pub fn volume(name: &str) -> Volume {
    Volume {
        name: name.to_owned(),
        driver: "local".to_owned(),
        mountpoint: format!("/volumes/{name}"),
        options: Vec::new(),
        labels: Vec::new(),
        created: None,
    }
}

/// A container that was just made.
pub fn made(id: String, base: &Image, spec: &ContainerSpec) -> Container {
    // Each field is named, so that a new one does not compile until somebody has said what this engine makes of it.
    let ContainerSpec {
        name,
        image,
        labels,
        command,
        entrypoint,
        limits,
        init,
        restart_policy,
        annotations: _,
        env: _,
        working_dir: _,
        user: _,
        hostname: _,
        domainname: _,
        mac_address: _,
        tty: _,
        open_stdin: _,
        stop_signal: _,
        stop_timeout_seconds: _,
        healthcheck: _,
        exposed_ports: _,
        volumes: _,
        ports: _,
        publish_all_ports: _,
        binds: _,
        mounts: _,
        tmpfs: _,
        volumes_from: _,
        blkio_weight_devices: _,
        oom_score_adj: _,
        oom_kill_disable: _,
        devices: _,
        device_cgroup_rules: _,
        network_mode: _,
        network_aliases: _,
        ipv4_address: _,
        ipv6_address: _,
        link_local_addresses: _,
        networks: _,
        dns: _,
        dns_options: _,
        dns_search: _,
        extra_hosts: _,
        links: _,
        cap_add: _,
        cap_drop: _,
        group_add: _,
        privileged: _,
        read_only_rootfs: _,
        security_options: _,
        storage_options: _,
        sysctls: _,
        ipc_mode: _,
        pid_mode: _,
        uts_mode: _,
        userns_mode: _,
        cgroupns_mode: _,
        cgroup_parent: _,
        runtime: _,
        log_config: _,
    } = spec;
    Container {
        id,
        name: name.clone(),
        image: image.clone(),
        image_id: base.id.clone(),
        created: String::new(),
        state: ContainerState {
            status: ContainerStatus::Created,
            exit_code: 0,
            oom_killed: false,
            error: String::new(),
            pid: 0,
            started_at: None,
            finished_at: None,
        },
        labels: super::merged(&base.labels, labels.clone()),
        command: command.clone().unwrap_or_default(),
        entrypoint: entrypoint.clone().unwrap_or_default(),
        working_dir: String::new(),
        user: String::new(),
        env_names: Vec::new(),
        mounts: Vec::new(),
        tmpfs: Vec::new(),
        ports: Vec::new(),
        addresses: Vec::new(),
        limits: limits.clone(),
        devices: Vec::new(),
        network_mode: String::new(),
        restart_policy: restart_policy.name.clone(),
        init: *init,
        runtime: String::new(),
        writable_bytes: None,
    }
}

/// The provider of that name on an engine.
pub fn named<'a>(fake: &'a Fake, name: &str) -> DockerProviderInstance<&'a Fake> {
    let settings = settings::check(name, r#"{"default_image": "busybox:latest"}"#).effective;
    DockerProviderInstance::open(
        fake,
        Provider {
            name: name.to_owned(),
            settings,
        },
    )
    .expect("a provider")
}

/// The provider `docker`.
pub fn provider(fake: &Fake) -> DockerProviderInstance<&Fake> {
    named(fake, "docker")
}

/// A request for an agent from the default image.
pub fn request(name: &str) -> CreateRequest<String> {
    CreateRequest {
        name: name.to_owned(),
        source: Source::DefaultImage,
        agent_type: String::new(),
        tags: Vec::new(),
        parent_id: None,
        start_args: Vec::new(),
        command: Vec::new(),
        no_start: false,
        publish_ssh: false,
    }
}

/// Makes an agent.
pub fn agent(fake: &Fake, name: &str) -> Agent {
    block_on(provider(fake).create(request(name))).unwrap_or_else(|error| panic!("{name}: {}", error::summary(&error)))
}
