//! What a plugin may ask the engine for.
//!
//! The plugin decides what *should* happen; this decides what *may*. It is checked in the shim, on the typed request, so a
//! plugin can not talk its way around it. Everything that gives a container power over the engine's machine is refused
//! unless the provider's `allow` list names that very thing.

mod images;

use std::collections::BTreeSet;

use crate::contract::Result;
use crate::contract::docker::{BuildOptions, ContainerSpec, MountKind};
use crate::error::{denied, invalid};

/// The label that says which provider instance a container belongs to.
pub const PROVIDER_LABEL: &str = "com.imbue.mngr.provider";
/// The label that says that a container is an agent at all.
pub const AGENT_LABEL: &str = "com.imbue.mngr.agent-id";
/// The label by which mngr's own Docker provider knows its containers, which are agents as well.
pub const HOST_LABEL: &str = "com.imbue.mngr.host-id";
/// The label of a document that is kept beside an agent: which one it is.
pub const DOCUMENT_LABEL: &str = "com.imbue.mngr.document";
/// Every permission that can be granted in a provider's `allow` list, and what it opens.
pub const PERMISSIONS: [(&str, &str); 9] = [
    (
        "privileged",
        "--privileged: all capabilities and devices of the engine's machine",
    ),
    (
        "host-namespaces",
        "the machine's own or another container's network, PID, IPC, UTS, user or cgroup namespace",
    ),
    (
        "engine-socket",
        "mounting the socket of Docker or containerd: full control of the engine",
    ),
    (
        "system-binds",
        "mounting /boot, /dev, /etc, /proc, /run, /sys or the engine's data, or all of /, /home, /root, /usr or /var",
    ),
    ("capabilities", "--cap-add"),
    (
        "devices",
        "--device and --device-cgroup-rule; not needed for GPUs and their nodes in /dev",
    ),
    (
        "unconfined",
        "--security-opt that turns seccomp, AppArmor, SELinux or masked paths off",
    ),
    ("sysctls", "--sysctl"),
    ("cgroup-parent", "--cgroup-parent"),
];

/// Directories of the engine's machine that are not an agent's business, each with all that lies below it.
const SYSTEM_DIRECTORIES: [&str; 8] = [
    "/boot",
    "/dev",
    "/etc",
    "/proc",
    "/run",
    "/sys",
    "/var/lib/docker",
    "/var/lib/containerd",
];
/// Directories that may be mounted in part and not as a whole.
const SYSTEM_ROOTS: [&str; 6] = ["/", "/home", "/root", "/usr", "/var", "/var/lib"];
const ENGINE_SOCKETS: [&str; 4] = ["docker.sock", "containerd.sock", "podman.sock", "crio.sock"];

/// Programs that tell what the engine's machine has and change nothing of it.
const PROGRAMS: [&str; 5] = ["df", "du", "findmnt", "nvidia-smi", "stat"];

/// Whether these labels are of an agent, of whatever provider.
pub fn is_agent(labels: &[(String, String)]) -> bool {
    labels.iter().any(|(key, _)| key == AGENT_LABEL || key == HOST_LABEL)
}

/// The rules for one provider instance.
#[derive(Debug, Clone)]
pub struct Policy {
    provider: String,
    allow: BTreeSet<String>,
}

impl Policy {
    /// The rules for the provider of that name, less what `allow` opens.
    ///
    /// # Errors
    /// `invalid-argument` for a permission that does not exist.
    pub fn new(provider: &str, allow: &[String]) -> Result<Self> {
        for (position, name) in allow.iter().enumerate() {
            if !PERMISSIONS.iter().any(|(known, _)| known == name) {
                let known: Vec<_> = PERMISSIONS.iter().map(|(known, _)| *known).collect();
                return Err(invalid(
                    format!("allow[{position}]"),
                    name,
                    "is not a permission",
                    format!("use one of: {}", known.join(", ")),
                ));
            }
        }
        Ok(Self {
            provider: provider.to_owned(),
            allow: allow.iter().cloned().collect(),
        })
    }

    /// Whether a container with these labels is an agent of this provider.
    pub fn owns(&self, labels: &[(String, String)]) -> bool {
        is_agent(labels)
            && labels
                .iter()
                .any(|(key, value)| key == PROVIDER_LABEL && *value == self.provider)
    }

    /// The refusal of a container that is not this provider's.
    pub fn foreign(&self, id: &str) -> crate::contract::ProviderError {
        denied(
            "docker.containers",
            format!("container {id} does not belong to the provider `{}`", self.provider),
            "name an agent of this provider, as `mngr-docker list` shows them",
        )
    }

    /// The refusal of a volume that is not this provider's.
    pub fn foreign_volume(&self, name: &str) -> crate::contract::ProviderError {
        denied(
            "docker.volumes",
            format!("volume {name} does not belong to the provider `{}`", self.provider),
            format!("remove it yourself: docker volume rm {name}"),
        )
    }

    /// Whether a volume like this may be made.
    ///
    /// # Errors
    /// `denied` for one without this provider's labels, and for a directory of the machine that may not be mounted.
    pub fn create_volume(&self, name: &str, options: &[(String, String)], labels: &[(String, String)]) -> Result<()> {
        if !self.owns(labels) {
            return Err(self.unlabelled(&format!("volume {name}")));
        }
        let devices = options.iter().filter(|(key, _)| key == "device");
        devices
            .filter(|(_, device)| device.starts_with('/'))
            .try_for_each(|(_, device)| self.bind(device))
    }

    fn unlabelled(&self, what: &str) -> crate::contract::ProviderError {
        denied(
            "docker.labels",
            format!("{what} would not carry the labels of the provider `{}`", self.provider),
            "this is a fault of the plugin; report it to its author",
        )
    }

    /// Whether a container like this may be made.
    ///
    /// # Errors
    /// `denied`, naming the permission that would allow it.
    pub fn create(&self, spec: &ContainerSpec) -> Result<()> {
        if !self.owns(&spec.labels) {
            return Err(denied(
                "docker.containers",
                format!("container {} would not carry this provider's labels", spec.name),
                "this is a fault of the plugin; report it to its author",
            ));
        }
        self.refuse("privileged", spec.privileged, "--privileged")?;
        self.namespaces(spec)?;
        for source in bind_sources(spec) {
            self.bind(source)?;
        }
        self.refuse("capabilities", !spec.cap_add.is_empty(), "--cap-add")?;
        let devices = spec.devices.iter().filter(|device| !is_gpu(&device.host_path));
        self.refuse("devices", devices.count() > 0, "--device")?;
        self.refuse("devices", !spec.device_cgroup_rules.is_empty(), "--device-cgroup-rule")?;
        self.refuse("sysctls", !spec.sysctls.is_empty(), "--sysctl")?;
        self.refuse("cgroup-parent", spec.cgroup_parent.is_some(), "--cgroup-parent")?;
        for option in &spec.security_options {
            let option = option.replacen(':', "=", 1);
            let name = option.split('=').next().unwrap_or_default();
            let shut = ["seccomp=builtin", "seccomp="].contains(&option.as_str());
            // A profile of one's own may allow as much as none.
            let opens = option.ends_with("=unconfined") || option.ends_with("=disable") || (name == "seccomp" && !shut);
            self.refuse("unconfined", opens, &format!("--security-opt {name}"))?;
        }
        Ok(())
    }

    /// Whether a command may be run on the engine's machine.
    ///
    /// # Errors
    /// `denied` for a program that is not known to leave everything as it is.
    pub fn command(&self, argv: &[String]) -> Result<()> {
        let program = argv.first().map(String::as_str).unwrap_or_default();
        if PROGRAMS.contains(&program) {
            return Ok(());
        }
        Err(denied(
            "ssh.programs",
            format!(
                "`{program}` may not be run on the engine's machine for the provider `{}`",
                self.provider
            ),
            format!("this is a fault of the plugin, which may run {}", PROGRAMS.join(", ")),
        ))
    }

    /// Whether an image may be built like this.
    ///
    /// # Errors
    /// `denied` for a name or labels that are not this provider's, and for the machine's or another container's network.
    pub fn build(&self, options: &BuildOptions) -> Result<()> {
        let (repository, tag) = options.tag.split_once(':').unwrap_or((&options.tag, "latest"));
        self.name_image(repository, tag)?;
        if !self.owns(&options.labels) {
            return Err(denied(
                "docker.images",
                format!("image {} would not carry this provider's labels", options.tag),
                "this is a fault of the plugin; report it to its author",
            ));
        }
        let network = options.network.as_deref().unwrap_or_default();
        let foreign = network == "host" || network.starts_with("container:");
        self.refuse("host-namespaces", foreign, &format!("a build with --network {network}"))
    }

    fn namespaces(&self, spec: &ContainerSpec) -> Result<()> {
        let modes = [
            ("--network", &spec.network_mode),
            ("--pid", &spec.pid_mode),
            ("--ipc", &spec.ipc_mode),
            ("--uts", &spec.uts_mode),
            ("--userns", &spec.userns_mode),
            ("--cgroupns", &spec.cgroupns_mode),
        ];
        for endpoint in &spec.networks {
            let foreign = endpoint.network == "host" || endpoint.network.starts_with("container:");
            self.refuse("host-namespaces", foreign, &format!("--network {}", endpoint.network))?;
        }
        for (flag, mode) in modes {
            let mode = mode.as_deref().unwrap_or_default();
            let foreign = mode == "host" || mode.starts_with("container:") || mode.starts_with("ns:");
            self.refuse("host-namespaces", foreign, &format!("{flag} {mode}"))?;
        }
        self.refuse("host-namespaces", !spec.volumes_from.is_empty(), "--volumes-from")
    }

    fn bind(&self, source: &str) -> Result<()> {
        let path = lexically_normal(source);
        let socket = ENGINE_SOCKETS.iter().any(|name| path.ends_with(&format!("/{name}")));
        self.refuse("engine-socket", socket, &format!("a mount of {path}"))?;
        let system = SYSTEM_ROOTS.contains(&path.as_str())
            || SYSTEM_DIRECTORIES.iter().any(|directory| {
                path.strip_prefix(directory)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            });
        self.refuse("system-binds", system && !socket, &format!("a mount of {path}"))
    }

    fn refuse(&self, permission: &str, asked_for: bool, what: &str) -> Result<()> {
        if !asked_for || self.allow.contains(permission) {
            return Ok(());
        }
        Err(denied(
            format!("docker.{permission}"),
            format!("{what} is not allowed for the provider `{}`", self.provider),
            format!("if you trust every agent with it, set `allow = [\"{permission}\"]` for this provider"),
        ))
    }
}

/// Whether it is a node through which a GPU of AMD or Intel is reached. They are to such a GPU what `--gpus` is to NVIDIA's.
fn is_gpu(path: &str) -> bool {
    let numbered = |prefix| {
        path.strip_prefix(prefix)
            .is_some_and(|number: &str| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    path == "/dev/kfd" || numbered("/dev/dri/card") || numbered("/dev/dri/renderD")
}

fn bind_sources(spec: &ContainerSpec) -> impl Iterator<Item = &str> {
    let binds = spec
        .binds
        .iter()
        .filter_map(|bind| bind.split_once(':').map(|(source, _)| source));
    let mounts = spec
        .mounts
        .iter()
        .filter(|mount| mount.kind == MountKind::Bind)
        .map(|mount| mount.source.as_str());
    let devices = spec.mounts.iter().flat_map(|mount| {
        mount
            .volume_options
            .iter()
            .filter(|(key, _)| key == "device")
            .map(|(_, device)| device.as_str())
    });
    binds
        .chain(mounts)
        .chain(devices)
        .filter(|source| source.starts_with('/'))
}

/// The path without `.`, `..` and doubled slashes, as the engine would clean it.
fn lexically_normal(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_permission_is_named_with_the_known_ones() {
        let error = Policy::new("docker", &["privilege".to_owned()]).expect_err("no such permission");
        assert!(error.message().contains("privilege"));
        assert!(error.remedy().contains("privileged"));
    }

    #[test]
    fn only_programs_that_look_may_be_run_on_the_machine_and_by_their_plain_names() {
        let policy = Policy::new("docker", &[]).expect("a policy");
        let run = |words: &[&str]| policy.command(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert!(run(&["stat", "-f", "--", "/srv"]).is_ok());
        for refused in [&["sh", "-c", "stat"][..], &["/tmp/stat"], &["rm"], &[""], &[]] {
            assert_eq!(run(refused).expect_err("refused").kind(), "denied", "{refused:?}");
        }
    }

    #[test]
    fn paths_are_cleaned_before_they_are_judged() {
        assert_eq!(lexically_normal("/srv/../etc//passwd/."), "/etc/passwd");
        assert_eq!(lexically_normal("/../.."), "/");
    }

    #[test]
    fn system_directories_and_engine_sockets_are_refused_however_they_are_spelled() {
        let policy = Policy::new("docker", &[]).expect("a policy");
        for source in [
            "/",
            "/etc",
            "/srv/../etc/ssh",
            "/proc/1",
            "/run/docker.sock",
            "/srv/docker.sock",
            "/var/lib/docker/x",
        ] {
            assert!(policy.bind(source).is_err(), "{source}");
        }
        for source in ["/srv/agents", "/home/me/project", "/etcetera", "/var/log/agent"] {
            assert!(policy.bind(source).is_ok(), "{source}");
        }
    }

    #[test]
    fn a_volume_is_made_with_our_labels_and_never_over_a_system_directory() {
        let policy = Policy::new("docker", &[]).expect("a policy");
        let pairs = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect::<Vec<_>>()
        };
        let own = pairs(&[(AGENT_LABEL, "agent-1"), (PROVIDER_LABEL, "docker")]);
        assert!(policy.create_volume("v", &pairs(&[("device", "tmpfs")]), &own).is_ok());
        for (options, labels) in [(pairs(&[]), pairs(&[])), (pairs(&[("device", "/etc")]), own)] {
            assert_eq!(
                policy
                    .create_volume("v", &options, &labels)
                    .expect_err("refused")
                    .kind(),
                "denied"
            );
        }
    }

    #[test]
    fn nodes_of_gpus_need_no_permission_and_nothing_that_only_looks_like_one_passes() {
        for node in ["/dev/kfd", "/dev/dri/card0", "/dev/dri/renderD128"] {
            assert!(is_gpu(node), "{node}");
        }
        for other in [
            "/dev/dri",
            "/dev/dri/card",
            "/dev/dri/card0/../../sda",
            "/dev/sda",
            "/dev/kfd1",
        ] {
            assert!(!is_gpu(other), "{other}");
        }
    }

    #[test]
    fn a_named_permission_opens_just_that() {
        let policy = Policy::new("docker", &["engine-socket".to_owned()]).expect("a policy");
        assert!(policy.bind("/var/run/docker.sock").is_ok());
        assert!(policy.bind("/etc").is_err());
    }
}
