//! What a container may be made of, as far as the request alone tells, and what is left to be asked of the engine.

use mngr_contract::Result;
use mngr_contract::docker::{ContainerSpec, Mount, MountKind};
use mngr_contract::types::{Limits, PortBinding};

use super::{Policy, Rule, Wanted};

/// What only the engine and its machine can tell of a container that is to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Paths on the machine that are to be mounted.
    pub places: Vec<Wanted>,
    /// Named volumes.
    pub volumes: Vec<NamedVolume>,
    /// Containers that are named: for what, and by which name or id.
    pub containers: Vec<Link>,
    /// Networks by name or id.
    pub networks: Vec<String>,
    /// What it is made of.
    pub image: String,
    /// Whether the engine starts it again by itself.
    pub restarts: bool,
}

/// A volume that a container is to mount by its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamedVolume {
    /// Its name.
    pub name: String,
    /// The driver to make it with; empty for `local`.
    pub driver: String,
    /// The driver's options.
    pub options: Vec<(String, String)>,
    /// Its labels.
    pub labels: Vec<(String, String)>,
}

/// A container that another is to have something of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// By its name or id.
    pub container: String,
    /// What decides on it where it is foreign.
    pub rule: Rule,
    /// As it is named in the configuration.
    pub word: String,
    /// As it was asked for.
    pub what: String,
    /// Whether what it mounts is only to be read.
    pub read_only: bool,
}

impl Link {
    /// Whether an engine can be asked for it.
    pub fn can_be(&self) -> bool {
        is_name(&self.container)
    }
}

impl Policy {
    /// Whether a container like this may be made, as far as the request alone tells.
    ///
    /// # Errors
    /// `denied`, naming the permission that would allow it.
    pub fn create(&self, spec: &ContainerSpec) -> Result<Needs> {
        // All of it, so that a field that the contract gains does not compile until somebody has thought of what it may do.
        let ContainerSpec {
            name,
            image,
            labels,
            volumes,
            ports,
            publish_all_ports,
            binds,
            mounts,
            volumes_from,
            links,
            restart_policy,
            // For `security`.
            annotations: _,
            env: _,
            limits: _,
            devices: _,
            device_cgroup_rules: _,
            cap_add: _,
            privileged: _,
            security_options: _,
            sysctls: _,
            cgroup_parent: _,
            runtime: _,
            log_config: _,
            // For `namespaces`.
            network_mode: _,
            networks: _,
            ipc_mode: _,
            pid_mode: _,
            uts_mode: _,
            userns_mode: _,
            cgroupns_mode: _,
            // What runs in the container, and as whom, is the plugin's to say.
            command: _,
            entrypoint: _,
            working_dir: _,
            user: _,
            group_add: _,
            tty: _,
            open_stdin: _,
            stop_signal: _,
            stop_timeout_seconds: _,
            healthcheck: _,
            init: _,
            // What it is called on networks that it may join, and whom it asks for names.
            hostname: _,
            domainname: _,
            mac_address: _,
            network_aliases: _,
            ipv4_address: _,
            ipv6_address: _,
            link_local_addresses: _,
            dns: _,
            dns_options: _,
            dns_search: _,
            extra_hosts: _,
            exposed_ports: _,
            // These take power from it, or say what share of the machine it gets.
            cap_drop: _,
            read_only_rootfs: _,
            tmpfs: _,
            storage_options: _,
            blkio_weight_devices: _,
            oom_score_adj: _,
            oom_kill_disable: _,
        } = spec;
        self.own_labels(Rule::Containers, labels, &format!("container {name}"))?;
        self.security(spec)?;
        let mut needs = Needs {
            image: image.clone(),
            places: self.log_places(spec)?,
            restarts: !["", "no"].contains(&restart_policy.name.as_str()),
            ..Needs::default()
        };
        self.namespaces(spec, &mut needs)?;
        for bind in binds {
            self.bind(bind, &mut needs)?;
        }
        for mount in mounts {
            self.mount(mount, &mut needs)?;
        }
        for from in volumes_from {
            let (container, options) = from.split_once(':').unwrap_or((from, ""));
            needs.containers.push(Link {
                container: container.to_owned(),
                rule: Rule::VolumesFrom,
                word: container.to_owned(),
                what: format!("--volumes-from {container}"),
                read_only: options.split(',').any(|option| option == "ro"),
            });
        }
        for link in links {
            let container = link.split(':').next().unwrap_or_default().trim_start_matches('/');
            needs.containers.push(Link {
                container: container.to_owned(),
                rule: Rule::Containers,
                word: container.to_owned(),
                what: format!("--link {container}"),
                read_only: false,
            });
        }
        if let Some(volume) = volumes.first() {
            self.may(Rule::Volumes, &format!("a volume at {volume}"))?;
        }
        for port in ports {
            self.port(port)?;
        }
        if *publish_all_ports {
            self.may_name(Rule::Ports, &["0.0.0.0:0"], "--publish-all")?;
        }
        Ok(needs)
    }

    /// Whether a container may be given these limits.
    ///
    /// # Errors
    /// `denied` for more GPUs than are granted.
    pub fn limits(&self, limits: &Limits) -> Result<()> {
        self.gpus(&limits.gpus, 0, std::iter::empty())
    }

    /// Whether an image may be built, or a container be made, on that network, as far as its name alone tells.
    pub(super) fn network(&self, flag: &str, network: &str, needs: &mut Needs) -> Result<()> {
        match network {
            "none" => Ok(()),
            "" | "default" | "bridge" => self.may_name(Rule::Network, &["bridge"], &format!("{flag} bridge")),
            _ => match foreign(network) {
                Some(Foreign::Machine) => self.namespace("network", flag, network),
                Some(Foreign::Container(container)) => {
                    needs.containers.push(namespace_of("network", flag, container));
                    Ok(())
                }
                None => {
                    self.may(Rule::Network, &format!("{flag} {network}"))?;
                    needs.networks.push(network.to_owned());
                    Ok(())
                }
            },
        }
    }

    fn namespaces(&self, spec: &ContainerSpec, needs: &mut Needs) -> Result<()> {
        self.network("--network", spec.network_mode.as_deref().unwrap_or_default(), needs)?;
        for endpoint in &spec.networks {
            self.network("--network", &endpoint.network, needs)?;
        }
        for (kind, flag, mode) in [
            ("pid", "--pid", &spec.pid_mode),
            ("ipc", "--ipc", &spec.ipc_mode),
            ("uts", "--uts", &spec.uts_mode),
            ("userns", "--userns", &spec.userns_mode),
            ("cgroupns", "--cgroupns", &spec.cgroupns_mode),
        ] {
            let mode = mode.as_deref().unwrap_or_default();
            match foreign(mode) {
                Some(Foreign::Machine) => self.namespace(kind, flag, mode)?,
                Some(Foreign::Container(container)) => needs.containers.push(namespace_of(kind, flag, container)),
                // What else these may be is a container's own.
                None if ["", "private", "none", "shareable"].contains(&mode) => {}
                None => self.namespace(kind, flag, mode)?,
            }
        }
        Ok(())
    }

    /// Whether the machine's own network may be used, by whatever name it was asked for.
    ///
    /// # Errors
    /// `denied` where it is not named.
    pub fn machines_network(&self, asked: &str) -> Result<()> {
        self.may_name(
            Rule::Namespaces,
            &["network=host"],
            &format!("--network {asked}, which is the machine's own,"),
        )
    }

    /// The refusal of the machine's own namespace, or of one that is not known, unless it is named.
    fn namespace(&self, kind: &str, flag: &str, mode: &str) -> Result<()> {
        self.may_name(
            Rule::Namespaces,
            &[&format!("{kind}={mode}")],
            &format!("{flag} {mode}"),
        )
    }

    fn bind(&self, bind: &str, needs: &mut Needs) -> Result<()> {
        let mut parts = bind.splitn(3, ':');
        let (Some(source), Some(_)) = (parts.next(), parts.next()) else {
            // A target alone: an anonymous volume.
            return self.may(Rule::Volumes, &format!("a volume at {bind}"));
        };
        let options: Vec<_> = parts.next().unwrap_or_default().split(',').collect();
        // To relabel a file for SELinux is to change it.
        let read_only = options.contains(&"ro") && !["rw", "z", "Z"].iter().any(|word| options.contains(word));
        for option in options {
            let is_propagation = option.ends_with("shared") || option.ends_with("slave") || option.ends_with("private");
            if is_propagation {
                self.may_name(
                    Rule::Propagation,
                    &[option],
                    &format!("the propagation `{option}` of {source}"),
                )?;
            }
        }
        match source.starts_with('/') {
            true => {
                needs.places.push(Wanted::mount(Rule::Binds, source, read_only));
                Ok(())
            }
            false => self.named_volume(
                NamedVolume {
                    name: source.to_owned(),
                    ..NamedVolume::default()
                },
                needs,
            ),
        }
    }

    fn mount(&self, mount: &Mount, needs: &mut Needs) -> Result<()> {
        if let Some(propagation) = mount
            .propagation
            .as_deref()
            .filter(|propagation| !propagation.is_empty())
        {
            let what = format!("the propagation `{propagation}` of {}", mount.source);
            self.may_name(Rule::Propagation, &[propagation], &what)?;
        }
        match mount.kind {
            MountKind::Tmpfs => Ok(()),
            MountKind::Bind => {
                needs
                    .places
                    .push(Wanted::mount(Rule::Binds, &mount.source, mount.read_only));
                Ok(())
            }
            MountKind::Npipe => self.may(Rule::EngineSocket, &format!("a mount of the pipe {}", mount.source)),
            MountKind::Volume | MountKind::Cluster => {
                let volume = NamedVolume {
                    name: mount.source.clone(),
                    driver: mount.volume_driver.clone().unwrap_or_default(),
                    options: mount.volume_options.clone(),
                    labels: mount.volume_labels.clone(),
                };
                self.named_volume(volume, needs)
            }
        }
    }

    fn named_volume(&self, volume: NamedVolume, needs: &mut Needs) -> Result<()> {
        let what = match volume.name.as_str() {
            "" => "an anonymous volume".to_owned(),
            name => format!("a mount of the volume {name}"),
        };
        self.may(Rule::Volumes, &what)?;
        self.identity(&volume.labels, &what)?;
        needs
            .places
            .extend(self.volume(&what, &volume.driver, &volume.options)?);
        if !volume.name.is_empty() {
            Self::volume_name(&volume.name)?;
            needs.volumes.push(volume);
        }
        Ok(())
    }

    fn port(&self, port: &PortBinding) -> Result<()> {
        let address = match port.host_ip.as_str() {
            "" => "0.0.0.0",
            address => address,
        };
        let first = port.host_port.unwrap_or_default();
        for number in first..=port.host_port_end.unwrap_or(first).max(first) {
            let name = format!("{address}:{number}");
            self.may_name(Rule::Ports, &[&name], &format!("--publish {name}"))?;
        }
        Ok(())
    }
}

fn namespace_of(kind: &str, flag: &str, container: &str) -> Link {
    Link {
        container: container.to_owned(),
        rule: Rule::Namespaces,
        word: format!("{kind}=container:{container}"),
        what: format!("{flag} container:{container}"),
        read_only: false,
    }
}

/// Whether that can be a container's name or id, and nothing that an engine's API would take for another path.
pub(super) fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(plain)
}

/// Whose a namespace is that is not the container's own.
enum Foreign<'a> {
    Machine,
    Container(&'a str),
}

fn foreign(mode: &str) -> Option<Foreign<'_>> {
    match mode.split_once(':') {
        Some(("container", container)) if is_name(container) => Some(Foreign::Container(container)),
        // A path to a namespace, or what is nobody's.
        Some(("ns" | "container", _)) => Some(Foreign::Machine),
        _ => (mode == "host").then_some(Foreign::Machine),
    }
}
