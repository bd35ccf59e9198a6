//! `--volume`, `--mount`, `--tmpfs` and `--device`.

use mngr_docker_grammar::words::{did_you_mean, nearest, shown};

use super::values::{Outcome, boolean, comma_separated, one_of, size};
use super::{Bad, Draft, volume_options};
use crate::contract::docker::{DeviceMapping, Mount, MountKind};
use crate::contract::types::DeviceRequest;

const MOUNT_KEYS: [&str; 20] = [
    "type",
    "source",
    "src",
    "target",
    "destination",
    "dst",
    "readonly",
    "ro",
    "bind-propagation",
    "bind-create-src",
    "bind-nonrecursive",
    "bind-recursive",
    "volume-subpath",
    "volume-driver",
    "volume-opt",
    "volume-label",
    "volume-nocopy",
    "tmpfs-size",
    "tmpfs-mode",
    "consistency",
];

/// `[SOURCE:]TARGET[:OPTIONS]`
pub fn volume(draft: &mut Draft, value: &str) -> Outcome {
    let parts: Vec<_> = value.split(':').collect();
    match parts[..] {
        [target] => {
            target_path(target)?;
            draft.spec.volumes.push(target.to_owned());
        }
        [source, target] => {
            source_of_volume(source)?;
            target_path(target)?;
            draft.spec.binds.push(value.to_owned());
        }
        [source, target, options] => {
            source_of_volume(source)?;
            target_path(target)?;
            volume_options::check(source, options)?;
            draft.spec.binds.push(value.to_owned());
        }
        _ => {
            return Err(Bad::new(
                "it has too many colons",
                "write SOURCE:TARGET or SOURCE:TARGET:ro",
            ));
        }
    }
    Ok(())
}

/// A path on the engine's machine, or the name of a volume.
fn source_of_volume(source: &str) -> Outcome {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let name =
        source.len() >= 2 && source.chars().all(plain) && source.starts_with(|c: char| c.is_ascii_alphanumeric());
    if source.starts_with('/') || name {
        return Ok(());
    }
    Err(Bad::new(
        format!(
            "`{}` is neither an absolute path nor the name of a volume",
            shown(source)
        ),
        "write the whole path on the engine's machine, for example /srv/data:/data",
    ))
}

fn target_path(target: &str) -> Outcome {
    if target.starts_with('/') && !target.trim_matches('/').is_empty() {
        return Ok(());
    }
    Err(Bad::new(
        format!("its target `{}` is not a path in the container", shown(target)),
        "write an absolute path other than /, for example /data",
    ))
}

/// `TARGET[:OPTIONS]`
pub fn tmpfs(draft: &mut Draft, value: &str) -> Outcome {
    let (target, options) = value.split_once(':').unwrap_or((value, ""));
    target_path(target)?;
    super::draft::set(&mut draft.spec.tmpfs, target, options);
    Ok(())
}

/// `type=bind,source=/a,target=/b,readonly`
pub fn mount(draft: &mut Draft, value: &str) -> Outcome {
    let mut mount = Mount {
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
    };
    for field in comma_separated(value)? {
        let (key, value) = match field.split_once('=') {
            Some((key, value)) => (key.to_lowercase(), Some(value)),
            None => (field.to_lowercase(), None),
        };
        let switch = || value.map_or(Ok(true), boolean);
        let value = value.unwrap_or_default();
        match key.as_str() {
            "type" => mount.kind = mount_kind(value)?,
            "source" | "src" => value.clone_into(&mut mount.source),
            "target" | "destination" | "dst" => value.clone_into(&mut mount.target),
            "readonly" | "ro" => mount.read_only = switch()?,
            "bind-propagation" => mount.propagation = propagation(value)?,
            "bind-create-src" => mount.create_source = switch()?,
            "bind-nonrecursive" => mount.bind_recursive = switch()?.then(|| "disabled".to_owned()),
            "bind-recursive" => mount.bind_recursive = recursion(value)?,
            "volume-subpath" => mount.volume_subpath = Some(subpath(value)?),
            "volume-driver" => mount.volume_driver = Some(value.to_owned()),
            "volume-opt" => option(&mut mount.volume_options, value)?,
            "volume-label" => option(&mut mount.volume_labels, value)?,
            "volume-nocopy" => mount.no_copy = switch()?,
            "tmpfs-size" => mount.tmpfs_bytes = u64::try_from(size(value)?).ok(),
            "tmpfs-mode" => mount.tmpfs_mode = Some(mode(value)?),
            "consistency" => {}
            other => {
                let remedy = format!(
                    "{}use some of: {}",
                    did_you_mean(&nearest(other, MOUNT_KEYS)),
                    MOUNT_KEYS.join(", ")
                );
                return Err(Bad::new(format!("`{}` is not a key of a mount", shown(other)), remedy));
            }
        }
    }
    target_path(&mount.target)?;
    let fits = match mount.kind {
        MountKind::Bind => mount.source.starts_with('/'),
        MountKind::Tmpfs => mount.source.is_empty(),
        _ => mount.source.is_empty() || source_of_volume(&mount.source).is_ok() && !mount.source.starts_with('/'),
    };
    if !fits {
        return Err(Bad::new(
            format!("`{}` can not be the source of that type of mount", shown(&mount.source)),
            "give type=bind an absolute path, type=volume a name or nothing, and type=tmpfs nothing",
        ));
    }
    fit(&mount)?;
    draft.spec.mounts.push(mount);
    Ok(())
}

/// In whatever case; nothing for an empty one.
fn propagation(value: &str) -> Outcome<Option<String>> {
    let words = ["", "private", "rprivate", "shared", "rshared", "slave", "rslave"];
    let word = one_of(&value.to_lowercase(), &words)?;
    Ok(Some(word).filter(|word| !word.is_empty()))
}

/// Mounts below the source of a bind. `enabled` is what engines do anyway.
fn recursion(value: &str) -> Outcome<Option<String>> {
    let word = one_of(value, &["enabled", "disabled", "writable", "readonly"])?;
    Ok((word != "enabled").then_some(word))
}

/// A directory of a volume: the engine refuses one that leads out of it.
fn subpath(value: &str) -> Outcome<String> {
    let inside = !value.is_empty() && !value.starts_with('/') && value.split('/').all(|part| part != "..");
    match inside {
        true => Ok(value.to_owned()),
        false => Err(Bad::new(
            format!("`{}` is not a path inside a volume", shown(value)),
            "write a path without a leading / and without .., for example volume-subpath=agents/a1",
        )),
    }
}

/// Options of another type of mount would be dropped by the engine, so they are refused.
fn fit(mount: &Mount) -> Outcome {
    let bind = mount.propagation.is_some() || mount.create_source || mount.bind_recursive.is_some();
    let volume = mount.no_copy
        || mount.volume_driver.is_some()
        || mount.volume_subpath.is_some()
        || !mount.volume_options.is_empty()
        || !mount.volume_labels.is_empty();
    let memory = mount.tmpfs_bytes.is_some() || mount.tmpfs_mode.is_some();
    let stray = match mount.kind {
        MountKind::Bind => [(volume, "volume"), (memory, "tmpfs")],
        MountKind::Tmpfs => [(volume, "volume"), (bind, "bind")],
        _ => [(bind, "bind"), (memory, "tmpfs")],
    };
    let needs = match mount.bind_recursive.as_deref() {
        Some("writable" | "readonly") if !mount.read_only => Some("readonly"),
        Some("readonly") if mount.propagation.as_deref() != Some("rprivate") => Some("bind-propagation=rprivate"),
        _ => None,
    };
    if let Some(needs) = needs {
        return Err(Bad::new(
            "what it says of the mounts below its source is said of a mount that is read-only",
            format!("add {needs}, or leave bind-recursive out"),
        ));
    }
    match stray.into_iter().find(|(given, _)| *given) {
        None => Ok(()),
        Some((_, kind)) => Err(Bad::new(
            format!("it has options of a mount of type {kind} and is of another type"),
            format!("leave {kind}-… out, or write type={kind}"),
        )),
    }
}

fn mount_kind(value: &str) -> Outcome<MountKind> {
    match value.to_lowercase().as_str() {
        "bind" => Ok(MountKind::Bind),
        "volume" => Ok(MountKind::Volume),
        "tmpfs" => Ok(MountKind::Tmpfs),
        "image" => Err(Bad::unsupported(
            "images cannot be mounted",
            "copy what is needed into the agent's own image, or into a volume",
        )),
        _ => Err(Bad::new(
            format!("`{}` is not a type of mount that is supported", shown(value)),
            "use type=bind, type=volume or type=tmpfs",
        )),
    }
}

fn option(pairs: &mut Vec<(String, String)>, value: &str) -> Outcome {
    let (name, value) = super::values::pair(value)?;
    super::draft::set(pairs, name, value);
    Ok(())
}

fn mode(value: &str) -> Outcome<u32> {
    u32::from_str_radix(value, 8).ok().ok_or_else(|| {
        Bad::new(
            "tmpfs-mode is not an octal mode",
            "write it as chmod does, for example tmpfs-mode=1777",
        )
    })
}

/// `/dev/a[:/dev/b[:rwm]]`, or the name of a CDI device: `nvidia.com/gpu=0`.
pub fn device(draft: &mut Draft, value: &str) -> Outcome {
    if !value.starts_with('/') && value.contains('/') && value.contains('=') {
        draft.spec.limits.gpus.push(DeviceRequest {
            driver: "cdi".to_owned(),
            count: None,
            device_ids: vec![value.to_owned()],
            capabilities: Vec::new(),
            options: Vec::new(),
        });
        return Ok(());
    }
    let permissions = |text: &str| {
        let once = |c: char| "rwm".contains(c) && text.matches(c).count() == 1;
        !text.is_empty() && text.chars().all(once)
    };
    let parts: Vec<_> = value.split(':').collect();
    let (host, container, allowed) = match parts[..] {
        [host] => (host, host, "rwm"),
        [host, allowed] if permissions(allowed) => (host, host, allowed),
        [host, container] => (host, container, "rwm"),
        [host, container, allowed] if permissions(allowed) => (host, container, allowed),
        _ => ("", "", ""),
    };
    if !host.starts_with('/') || !container.starts_with('/') {
        return Err(Bad::new(
            "it is not a device",
            "write /dev/NAME, /dev/NAME:/dev/OTHER:rwm, or a CDI name such as nvidia.com/gpu=0",
        ));
    }
    draft.spec.devices.push(DeviceMapping {
        host_path: host.to_owned(),
        container_path: container.to_owned(),
        permissions: allowed.to_owned(),
    });
    Ok(())
}
