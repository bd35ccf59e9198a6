//! A container's request made of arbitrary bytes, decided on by every preset. What passes must be harmless by rules that are
//! written here a second time, in their simplest form.

use mngr_host_shim::contract::docker::{ContainerSpec, DeviceMapping, Mount, MountKind};
use mngr_host_shim::policy::{AGENT_LABEL, LeadsTo, Machine, PROVIDER_LABEL, Permissions, Policy, Preset};

/// Topmost directories in which a place of work may lie.
const TOPS: [&str; 10] = [
    "home", "Users", "root", "srv", "mnt", "media", "data", "tmp", "Volumes", "var",
];
/// Names that no agent may be given, wherever they are.
const NAMES: [&str; 6] = [".ssh", ".docker", ".aws", ".gnupg", ".kube", "docker.sock"];

/// Reads a request out of bytes: each line is one field, its first byte says which.
fn read(bytes: &[u8]) -> ContainerSpec {
    let text = String::from_utf8_lossy(bytes);
    let mut spec = ContainerSpec {
        name: "c".to_owned(),
        image: "i".to_owned(),
        labels: vec![
            (AGENT_LABEL.to_owned(), "agent-1".to_owned()),
            (PROVIDER_LABEL.to_owned(), "p".to_owned()),
        ],
        ..ContainerSpec::default()
    };
    for line in text.lines() {
        let mut characters = line.chars();
        let (Some(field), value) = (characters.next(), characters.as_str().to_owned()) else {
            continue;
        };
        match field {
            'p' => spec.privileged = true,
            'b' => spec.binds.push(value),
            'm' | 'v' => spec.mounts.push(Mount {
                kind: if field == 'm' {
                    MountKind::Bind
                } else {
                    MountKind::Volume
                },
                source: value,
                target: "/data".to_owned(),
                ..Mount::default()
            }),
            'o' => {
                let option = value.split_once('=').unwrap_or((&value, ""));
                let option = (option.0.to_owned(), option.1.to_owned());
                match spec.mounts.last_mut() {
                    Some(mount) => mount.volume_options.push(option),
                    None => spec.sysctls.push(option),
                }
            }
            'c' => spec.cap_add.push(value),
            'd' => spec.devices.push(DeviceMapping {
                host_path: value.clone(),
                container_path: value,
                permissions: "rwm".to_owned(),
            }),
            'r' => spec.device_cgroup_rules.push(value),
            's' => spec.security_options.push(value),
            'n' => spec.network_mode = Some(value),
            'i' => spec.pid_mode = Some(value),
            'u' => spec.userns_mode = Some(value),
            'g' => spec.cgroup_parent = Some(value),
            'f' => spec.volumes_from.push(value),
            'l' => {
                let (key, value) = value.split_once('=').unwrap_or((&value, ""));
                spec.labels.push((key.to_owned(), value.to_owned()));
            }
            _ => spec.env.push(value),
        }
    }
    spec
}

/// The parts that a path comes to.
fn parts(path: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts
}

/// Whether a path is one that an agent may be given to write to, at the most.
fn may_be_work(path: &str) -> bool {
    let parts = parts(path);
    let is_disk = parts.starts_with(&["run", "media"]) || parts.starts_with(&["private"]);
    (is_disk || parts.first().is_some_and(|first| TOPS.contains(first)))
        && !parts.iter().any(|part| NAMES.contains(part))
}

/// Decides on one input, and panics where it is decided wrongly.
pub fn run(bytes: &[u8]) {
    let spec = read(bytes);
    let none = Permissions::default();
    let strict = Policy::new("p", Preset::Strict, &none);
    assert!(strict.create(&spec).is_err(), "strict allows {spec:?}");
    let open = Policy::new("p", Preset::Open, &none);
    drop(open.create(&spec));
    let standard = Policy::new("p", Preset::Standard, &none);
    let Ok(needs) = standard.create(&spec) else { return };
    assert!(!spec.privileged && spec.sysctls.is_empty(), "{spec:?}");
    let capability = |name: &String| name.trim().to_uppercase().trim_start_matches("CAP_").to_owned();
    let powers = ["ALL", "SYS_ADMIN", "SYS_PTRACE", "NET_ADMIN", "NET_RAW", "MKNOD"];
    assert!(
        spec.cap_add
            .iter()
            .all(|name| !powers.contains(&capability(name).as_str())),
        "{spec:?}"
    );
    assert!(spec.device_cgroup_rules.is_empty(), "{spec:?}");
    assert!(spec.cgroup_parent.as_deref().is_none_or(str::is_empty), "{spec:?}");
    assert!(
        spec.devices
            .iter()
            .all(|device| device.host_path.starts_with("/dev/dri/") || device.host_path == "/dev/kfd")
    );
    assert!(spec.devices.iter().all(|device| !device.host_path.contains("..")));
    for option in &spec.security_options {
        let option = option.to_lowercase();
        assert!(
            !option.contains("unconfined") && !option.contains("disable"),
            "{option}"
        );
    }
    for mode in [&spec.network_mode, &spec.pid_mode, &spec.userns_mode] {
        assert!(mode.as_deref() != Some("host"), "{mode:?}");
    }
    let providers = spec.labels.iter().filter(|(key, _)| key == PROVIDER_LABEL);
    assert_eq!(providers.map(|(_, name)| name.as_str()).collect::<Vec<_>>(), ["p"]);
    let foreign = spec.volumes_from.len()
        + [&spec.network_mode, &spec.pid_mode, &spec.userns_mode]
            .iter()
            .filter(|mode| mode.as_deref().is_some_and(|mode| mode.starts_with("container:")))
            .count();
    assert_eq!(needs.containers.len(), foreign, "each is looked at: {spec:?}");
    let machine = Machine::default();
    for wanted in &needs.places {
        let leads_to = format!("/{}", parts(&wanted.path).join("/"));
        let verdict = standard.place(wanted, &LeadsTo::Places(vec![leads_to]), &machine);
        assert!(
            verdict.is_err() || wanted.read_only || may_be_work(&wanted.path),
            "{}",
            wanted.path
        );
    }
    // Every bind is either a place to be judged or the name of a volume.
    let sources = spec.binds.iter().filter_map(|bind| bind.split_once(':'));
    let mounted = spec.mounts.iter().filter(|mount| mount.kind == MountKind::Bind);
    for source in sources
        .map(|(source, _)| source)
        .chain(mounted.map(|mount| mount.source.as_str()))
    {
        let judged = needs.places.iter().any(|wanted| wanted.path == source);
        let named = needs.volumes.iter().any(|volume| volume.name == source);
        assert!(judged || named || source.is_empty(), "{source}");
    }
}
