//! Making a container: the spec over the image's config, its name, its mounts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use mngr_contract::Result;
use mngr_contract::docker::{ContainerSpec, ContainerStatus, CreatedContainer, MountKind, MountPoint};
use mngr_contract::types::Limits;
use tokio::sync::watch;

use super::state::{ContainerRecord, ImageConfig, MountRecord, State, VolumeRecord, new_id};
use super::tree::{Node, Tree, join};
use super::{SandboxEngine, cpus, errors, locked};

const MIN_MEMORY: i64 = 6 * 1024 * 1024;
const SHM_BYTES: i64 = 64 * 1024 * 1024;

impl SandboxEngine {
    pub(super) async fn container_create(&self, mut spec: ContainerSpec) -> Result<CreatedContainer> {
        let mut state = self.state();
        let id = new_id();
        if spec.name.is_empty() {
            spec.name = format!("sandbox_{}", &id[..12]);
        }
        check_name(&spec.name)?;
        check_limits(&spec.name, &spec.limits)?;
        let image = state.image(&spec.image)?.clone();
        let config = merge(&spec, &image.config);
        if config.command.is_empty() && config.entrypoint.is_empty() {
            return Err(errors::bad("container", &spec.name, "No command specified"));
        }
        state.name_is_free(&spec.name)?;

        let mut tree = (*image.tree).clone();
        let mounts = state.mounts(&spec, &config, &tree)?;
        let targets = mounts.iter().map(|mount| &mount.point.destination);
        for target in targets.chain(spec.tmpfs.iter().map(|(path, _)| path)) {
            if tree.get(target).is_none() {
                tree.insert(target, Node::directory(0o755));
            }
        }
        spec.limits.shm_bytes.get_or_insert(SHM_BYTES);
        if spec.limits.memory_swap_bytes.is_none() {
            spec.limits.memory_swap_bytes = spec.limits.memory_bytes.map(|memory| memory * 2);
        }
        let container = ContainerRecord {
            id: id.clone(),
            name: spec.name.clone(),
            image_id: image.id,
            created: Timestamp::now(),
            config,
            root: Arc::new(Mutex::new(tree)),
            mounts,
            scratch: Vec::new(),
            status: ContainerStatus::Created,
            exit_code: 0,
            error: String::new(),
            started: None,
            finished: None,
            life: None,
            log: Arc::default(),
            running: watch::Sender::new(false),
            stopped_by_hand: false,
            restarts: 0,
            spec,
        };
        state.containers.insert(id.clone(), container);
        state.record(&id, "create", &[]);
        Ok(CreatedContainer {
            id,
            warnings: Vec::new(),
        })
    }
}

/// Names of `KEY=value` pairs.
pub fn names(env: &[String]) -> Vec<String> {
    let name = |pair: &String| pair.split_once('=').map_or(pair.as_str(), |(name, _)| name).to_owned();
    env.iter().map(name).collect()
}

/// The names of those that have a value.
pub fn valued(env: &[String]) -> Vec<String> {
    env.iter()
        .filter_map(|pair| Some(pair.split_once('=')?.0.to_owned()))
        .collect()
}

/// Sets variables over others. A name alone takes the variable away.
pub fn set_variables(environment: &mut Vec<String>, over: &[String]) {
    for variable in over {
        let name = variable.split('=').next();
        environment.retain(|known| known.split('=').next() != name);
        if variable.contains('=') {
            environment.push(variable.clone());
        }
    }
}

/// Refuses what the engine refuses as a container's name.
pub fn check_name(name: &str) -> Result<()> {
    if name.len() > 1 && errors::is_plain(name) {
        return Ok(());
    }
    let reason = format!("Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
    Err(errors::bad("container", name, reason))
}

/// Refuses limits that no engine on this machine could keep.
pub fn check_limits(name: &str, limits: &Limits) -> Result<()> {
    if limits
        .memory_bytes
        .is_some_and(|memory| memory != 0 && memory < MIN_MEMORY)
    {
        return Err(errors::bad("container", name, "Minimum memory limit allowed is 6MB"));
    }
    if let (Some(memory), Some(swap)) = (limits.memory_bytes, limits.memory_swap_bytes)
        && swap > 0
        && swap < memory
    {
        let reason = "Minimum memoryswap limit should be larger than memory limit, see usage";
        return Err(errors::bad("container", name, reason));
    }
    let most = f64::from(cpus());
    if limits
        .cpus
        .is_some_and(|cpus| cpus != 0.0 && !(0.01..=most).contains(&cpus))
    {
        let reason = format!("Range of CPUs is from 0.01 to {most:.2}, as there are only {most:.0} CPUs available");
        return Err(errors::bad("container", name, reason));
    }
    Ok(())
}

/// The spec over the image's config, as Docker merges them: an entrypoint given drops the image's command, and one of a
/// single empty string drops the image's entrypoint as well.
fn merge(spec: &ContainerSpec, image: &ImageConfig) -> ImageConfig {
    // All of it, so that a field that the contract gains does not compile until it has found its place.
    let ContainerSpec {
        labels,
        command,
        entrypoint,
        env,
        working_dir,
        user,
        stop_signal,
        exposed_ports,
        volumes,
        // What the container is called, and made of.
        name: _,
        image: _,
        // For `State::mounts`.
        binds: _,
        mounts: _,
        tmpfs: _,
        volumes_from: _,
        // Kept in the container's record: its life goes by them, or inspect shows them as they were given.
        stop_timeout_seconds: _,
        restart_policy: _,
        init: _,
        limits: _,
        ports: _,
        devices: _,
        network_mode: _,
        runtime: _,
        // There is no kernel here that could enforce these.
        blkio_weight_devices: _,
        oom_score_adj: _,
        oom_kill_disable: _,
        device_cgroup_rules: _,
        cap_add: _,
        cap_drop: _,
        group_add: _,
        privileged: _,
        read_only_rootfs: _,
        security_options: _,
        sysctls: _,
        ipc_mode: _,
        pid_mode: _,
        uts_mode: _,
        userns_mode: _,
        cgroupns_mode: _,
        cgroup_parent: _,
        // Nor a network.
        hostname: _,
        domainname: _,
        mac_address: _,
        publish_all_ports: _,
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
        // Nor a terminal of the main command, health checks, drivers of logs and storage, or a runtime to annotate for.
        tty: _,
        open_stdin: _,
        healthcheck: _,
        log_config: _,
        storage_options: _,
        annotations: _,
    } = spec;
    let given = |list: &Option<Vec<String>>| list.clone().unwrap_or_default();
    let is_entrypoint_given = entrypoint.is_some();
    let (mut command, mut entrypoint) = (given(command), given(entrypoint));
    if entrypoint.is_empty() {
        if command.is_empty() {
            command.clone_from(&image.command);
        }
        if !is_entrypoint_given {
            entrypoint.clone_from(&image.entrypoint);
        }
    }
    if entrypoint == [""] {
        entrypoint.clear();
    }
    let mut env = env.clone();
    let set = names(&env);
    let inherited = image.env.iter().zip(names(&image.env));
    env.extend(
        inherited
            .filter(|(_, name)| !set.contains(name))
            .map(|(pair, _)| pair.clone()),
    );
    let mut merged = image.labels.clone();
    merged.extend(labels.iter().cloned());
    let or = |own: &Option<String>, other: &str| {
        own.clone()
            .filter(|own| !own.is_empty())
            .unwrap_or_else(|| other.to_owned())
    };
    ImageConfig {
        command,
        entrypoint,
        env,
        working_dir: or(working_dir, &image.working_dir),
        user: or(user, &image.user),
        labels: merged,
        volumes: image.volumes.iter().chain(volumes).cloned().collect(),
        exposed_ports: image.exposed_ports.iter().chain(exposed_ports).cloned().collect(),
        stop_signal: stop_signal.clone().or_else(|| image.stop_signal.clone()),
    }
}

impl State {
    /// A conflict where another container has the name.
    pub fn name_is_free(&self, name: &str) -> Result<()> {
        let Some(holder) = self.containers.values().find(|container| container.name == name) else {
            return Ok(());
        };
        let reason = format!(
            "Conflict. The container name \"/{name}\" is already in use by container \"{}\". You have to remove (or \
             rename) that container to be able to reuse that name.",
            holder.id
        );
        Err(errors::in_the_way("container", name, "in use", reason))
    }

    /// All mounts of a container to be made: binds, mounts, other containers' volumes, anonymous volumes.
    fn mounts(&mut self, spec: &ContainerSpec, config: &ImageConfig, image: &Tree) -> Result<Vec<MountRecord>> {
        let mut mounts: BTreeMap<String, MountRecord> = BTreeMap::new();
        for from in &spec.volumes_from {
            let from = from.split(':').next().unwrap_or_default();
            for mount in &self.container(from)?.mounts {
                mounts.insert(mount.point.destination.clone(), mount.clone());
            }
        }
        for bind in &spec.binds {
            let mut parts = bind.splitn(3, ':');
            let (Some(source), Some(target)) = (parts.next(), parts.next()) else {
                let reason = format!("invalid volume specification: '{bind}'");
                return Err(errors::bad("container", &spec.name, reason));
            };
            let read_only = parts
                .next()
                .is_some_and(|options| options.split(',').any(|option| option == "ro"));
            let mount = if source.starts_with('/') {
                self.bind_mount(source, target, read_only)
            } else {
                self.volume_mount(source, target, read_only, image)?
            };
            mounts.insert(target.to_owned(), mount);
        }
        for mount in &spec.mounts {
            let record = match mount.kind {
                MountKind::Bind => self.bind_mount(&mount.source, &mount.target, mount.read_only),
                MountKind::Volume => {
                    if !mount.source.is_empty() && !self.volumes.contains_key(&mount.source) {
                        let driver = mount.volume_driver.as_deref().unwrap_or_default();
                        let (options, labels) = (mount.volume_options.clone(), mount.volume_labels.clone());
                        self.make_volume(&mount.source, driver, options, labels)?;
                    }
                    let content = if mount.no_copy { &Tree::new() } else { image };
                    self.volume_mount(&mount.source, &mount.target, mount.read_only, content)?
                }
                MountKind::Tmpfs => tmpfs_mount(&mount.target),
                MountKind::Npipe | MountKind::Cluster => {
                    let reason = format!("mount of {}: the type is not supported on linux", mount.target);
                    return Err(errors::bad("container", &spec.name, reason));
                }
            };
            mounts.insert(mount.target.clone(), record);
        }
        let tmpfs: Vec<&str> = spec.tmpfs.iter().map(|(path, _)| path.as_str()).collect();
        for target in &config.volumes {
            if !mounts.contains_key(target) && !tmpfs.contains(&target.as_str()) {
                let mount = self.volume_mount("", target, false, image)?;
                mounts.insert(target.clone(), mount);
            }
        }
        Ok(mounts.into_values().collect())
    }

    fn bind_mount(&mut self, source: &str, target: &str, read_only: bool) -> MountRecord {
        MountRecord {
            point: MountPoint {
                subpath: None,
                kind: MountKind::Bind,
                name: None,
                source: source.to_owned(),
                destination: target.to_owned(),
                driver: None,
                read_only,
            },
            tree: self.bind(source),
        }
    }

    /// A volume that is made where it is missing; an empty one takes over what the image has at its place.
    fn volume_mount(&mut self, name: &str, target: &str, read_only: bool, image: &Tree) -> Result<MountRecord> {
        let volume = self.volume_for_mount(name)?;
        let mut tree = locked(&volume.tree);
        if tree.is_empty() {
            for (path, node) in image.subtree(target) {
                if let Some(below) = path.strip_prefix(target).filter(|below| !below.is_empty()) {
                    tree.insert(&join("/", below.trim_start_matches('/')), node.clone());
                }
            }
        }
        drop(tree);
        Ok(MountRecord {
            point: MountPoint {
                subpath: None,
                kind: MountKind::Volume,
                source: super::volumes::mountpoint(&volume.name),
                destination: target.to_owned(),
                driver: Some(volume.driver),
                read_only,
                name: Some(volume.name),
            },
            tree: volume.tree,
        })
    }

    fn volume_for_mount(&mut self, name: &str) -> Result<VolumeRecord> {
        if let Some(volume) = self.volumes.get(name) {
            return Ok(volume.clone());
        }
        let (name, anonymous) = if name.is_empty() {
            (new_id(), true)
        } else {
            (name.to_owned(), false)
        };
        self.make_volume(&name, "", Vec::new(), Vec::new())?;
        let volume = self.volumes.get_mut(&name).ok_or_else(|| errors::no_container(&name))?;
        volume.anonymous = anonymous;
        Ok(volume.clone())
    }
}

fn tmpfs_mount(target: &str) -> MountRecord {
    MountRecord {
        point: MountPoint {
            subpath: None,
            kind: MountKind::Tmpfs,
            name: None,
            source: String::new(),
            destination: target.to_owned(),
            driver: None,
            read_only: false,
        },
        tree: Arc::new(Mutex::new(Tree::new())),
    }
}
