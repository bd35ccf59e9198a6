//! Storage that is not the container's own: binds, volumes, tmpfs, and what lies on another machine.

use super::machine::{self, Under};
use crate::contract::docker::{Container, ContainerStatus, MountKind, MountPoint, Volume};
use crate::contract::types::{Finding, FindingKind, ProviderError};
use crate::findings::finding;
use crate::labels::Pair;
use crate::{Capabilities, DockerProviderInstance, Result};

/// How long volumes are measured that a snapshot is to take along, in milliseconds.
const PATIENCE_MS: u64 = 10_000;
/// The same where their size is good to know and no more.
const GLANCE_MS: u64 = 1_000;

/// One finding for each place in the container. With `include_volumes` those are covered that a snapshot takes along: its
/// own local volumes, and its tmpfs while it runs.
pub(super) async fn findings<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    container: &Container,
    include_volumes: bool,
) -> Result<Vec<Finding>> {
    let (mut findings, mut directories) = (Vec::new(), Vec::new());
    for mount in &container.mounts {
        let found = match mount.kind {
            MountKind::Volume | MountKind::Cluster => {
                let (found, directory) = volume(provider, container, mount).await?;
                directories.extend(directory.map(|directory| (findings.len(), directory)));
                found
            }
            MountKind::Tmpfs => tmpfs(container, include_volumes),
            MountKind::Bind | MountKind::Npipe => bind(provider, mount).await,
        };
        findings.push(Finding {
            path: Some(mount.destination.clone()),
            read_only: mount.read_only,
            covered: found.covered && include_volumes,
            ..found
        });
    }
    for (path, options) in &container.tmpfs {
        if findings.iter().all(|known| known.path.as_ref() != Some(path)) {
            findings.push(Finding {
                path: Some(path.clone()),
                read_only: options.split(',').any(|option| option == "ro"),
                ..tmpfs(container, include_volumes)
            });
        }
    }
    let paths: Vec<_> = directories.iter().map(|(_, path)| path.as_str()).collect();
    let patience = if include_volumes { PATIENCE_MS } else { GLANCE_MS };
    for ((at, _), size) in directories.iter().zip(machine::sizes(provider, &paths, patience).await) {
        findings[*at].size_bytes = size;
    }
    for finding in findings.iter_mut().filter(|finding| finding.kind == FindingKind::Tmpfs) {
        // Nothing was ever written into a read-only one.
        finding.covered &= !finding.read_only;
        let path = finding.path.clone().unwrap_or_default();
        finding.size_bytes = machine::memory_used(provider, container, &path).await;
    }
    for finding in findings.iter_mut().filter(|finding| finding.covered) {
        "it goes into the snapshot, as a volume of its own".clone_into(&mut finding.reason);
        "nothing is lost".clone_into(&mut finding.remedy);
    }
    Ok(findings)
}

fn tmpfs(container: &Container, include_volumes: bool) -> Finding {
    let lost = finding(
        FindingKind::Tmpfs,
        "a tmpfs is memory: it is not in a snapshot, and empty after a stop",
        "copy what must last to a directory of the container first, or take it along: --include-volumes",
    );
    match (include_volumes, container.state.status) {
        (false, _) => lost,
        (true, ContainerStatus::Running) => Finding { covered: true, ..lost },
        (true, ContainerStatus::Paused) => finding(
            FindingKind::Tmpfs,
            "only a command in the agent can read a tmpfs, and none runs while it is frozen, so it is not taken along",
            "resume the agent first",
        ),
        (true, _) => finding(
            FindingKind::Tmpfs,
            "the agent does not run, so this tmpfs holds nothing to take along",
            "start the agent first, if it is to hold something",
        ),
    }
}

async fn bind<C: Capabilities>(provider: &DockerProviderInstance<C>, mount: &MountPoint) -> Finding {
    let remedy = "save the directory on the engine's machine itself, or copy it into the container: mngr-docker cp";
    let lost = "a bind mount is a directory of the engine's machine, which is never copied into a snapshot";
    let found = match machine::filesystem(provider, &mount.source).await {
        Under::Filesystem(kind) if machine::is_network(&kind) => finding(
            FindingKind::NetworkStorage,
            format!("its source lies on a network filesystem ({kind}), which is never copied into a snapshot"),
            "save it where it is kept; an agent made of the snapshot sees it as it will be then",
        ),
        Under::Filesystem(_) => finding(FindingKind::BindMount, lost, remedy),
        Under::Unknown(why) => finding(
            FindingKind::BindMount,
            format!("{lost}; whether it lies on a network filesystem could not be asked: {why}"),
            remedy,
        ),
    };
    Finding {
        source: Some(mount.source.clone()),
        ..found
    }
}

/// The finding of a volume, `covered` where it may be, and the directory of the engine's machine that it lies in.
async fn volume<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    container: &Container,
    mount: &MountPoint,
) -> Result<(Finding, Option<String>)> {
    let name = mount.name.as_deref().unwrap_or(&mount.source);
    let known = match provider.capabilities.volume_inspect(name).await {
        Ok(volume) => Some(volume),
        Err(ProviderError::NotFound(_)) => None,
        Err(error) => return Err(error),
    };
    let found = match network_volume(provider, mount, known.as_ref()).await {
        Some(storage) => finding(
            FindingKind::NetworkStorage,
            format!("volume {name} is kept elsewhere ({storage}), and a snapshot does not hold it"),
            "save it where it is kept; an agent made of the snapshot sees it as it will be then",
        ),
        None => local_volume(name, known.as_ref(), &other_users(provider, container, name).await?),
    };
    let found = Finding {
        source: Some(name.to_owned()),
        ..found
    };
    Ok((
        found,
        known.map(|volume| volume.mountpoint).filter(|path| !path.is_empty()),
    ))
}

fn local_volume(name: &str, volume: Option<&Volume>, others: &[String]) -> Finding {
    if !others.is_empty() {
        return finding(
            FindingKind::SharedVolume,
            format!(
                "volume {name} is not in a snapshot, and {} may change it at any time",
                others.join(", ")
            ),
            "stop the other containers and save the volume apart; what they share is not this agent's alone",
        );
    }
    if let Some(device) = volume.and_then(device) {
        let why = match device {
            "tmpfs" => "it is memory, and empty whenever no container uses it".to_owned(),
            device => format!("it shows {device} of the engine's machine, which is not the agent's own"),
        };
        return finding(
            FindingKind::NamedVolume,
            format!("volume {name} is not in a snapshot: {why}"),
            "save it where it is kept; an agent made of the snapshot sees it as it will be then",
        );
    }
    if is_anonymous(name) {
        return Finding {
            covered: volume.is_some(),
            ..finding(
                FindingKind::AnonymousVolume,
                "a volume without a name is not in a snapshot, and it is removed with the agent",
                "take it along: --include-volumes; or copy what must last to another directory of the container first",
            )
        };
    }
    Finding {
        covered: volume.is_some(),
        ..finding(
            FindingKind::NamedVolume,
            format!("volume {name} is not in a snapshot; it stays as it is on the engine"),
            format!(
                "take it along: --include-volumes; or give an agent made of the snapshot a volume of its own in place of {name}"
            ),
        )
    }
}

/// The engine names a volume without a name by 64 hexadecimal digits.
fn is_anonymous(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What keeps a volume, where that is not the engine's own disk.
async fn network_volume<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    mount: &MountPoint,
    volume: Option<&Volume>,
) -> Option<String> {
    let Some(volume) = volume else {
        let driver = mount.driver.as_deref().unwrap_or("local");
        return (driver != "local").then(|| format!("driver {driver}"));
    };
    if let Some(elsewhere) = kept_by(volume) {
        return Some(elsewhere);
    }
    let path = device(volume).filter(|device| device.starts_with('/'))?;
    match machine::filesystem(provider, path).await {
        Under::Filesystem(kind) if machine::is_network(&kind) => Some(format!("{kind}, {path}")),
        _ => None,
    }
}

fn kept_by(volume: &Volume) -> Option<String> {
    if !matches!(volume.driver.as_str(), "" | "local") {
        return Some(format!("driver {}", volume.driver));
    }
    let option = |key: &str| {
        let found = |(name, _): &&Pair| name.eq_ignore_ascii_case(key);
        volume.options.iter().find(found).map(|(_, value)| value.as_str())
    };
    let kind = option("type").map(str::to_ascii_lowercase)?;
    machine::is_network(&kind).then(|| match option("device") {
        Some(device) => format!("{kind}, {device}"),
        None => kind,
    })
}

/// What a local volume shows instead of a directory that the engine keeps for it.
fn device(volume: &Volume) -> Option<&str> {
    let found = volume.options.iter().find(|(key, _)| key == "device");
    found.map(|(_, device)| device.as_str())
}

async fn other_users<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    container: &Container,
    name: &str,
) -> Result<Vec<String>> {
    let mut users = provider.capabilities.volume_users(name).await?;
    users.retain(|user| *user != container.name);
    Ok(users)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(driver: &str, options: &[(&str, &str)]) -> Volume {
        Volume {
            driver: driver.to_owned(),
            options: options
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
            ..crate::testing::fixtures::volume("v")
        }
    }

    fn kept(driver: &str, options: &[(&str, &str)]) -> Option<String> {
        kept_by(&with(driver, options))
    }

    #[test]
    fn a_volume_on_another_machine_is_told_by_its_driver_or_its_options() {
        assert_eq!(kept("local", &[]), None);
        assert_eq!(kept("local", &[("type", "tmpfs"), ("device", "tmpfs")]), None);
        assert_eq!(
            kept("local", &[("type", "none"), ("o", "bind"), ("device", "/srv")]),
            None
        );
        let nfs = kept("local", &[("type", "NFS"), ("o", "addr=10.0.0.1"), ("device", ":/x")]);
        assert_eq!(nfs.as_deref(), Some("nfs, :/x"));
        assert_eq!(kept("local", &[("type", "cifs")]).as_deref(), Some("cifs"));
        assert_eq!(kept("rexray/ebs", &[]).as_deref(), Some("driver rexray/ebs"));
    }

    #[test]
    fn a_volume_is_shared_before_it_is_anonymous_and_only_an_own_one_can_be_taken_along() {
        let hex = "0f".repeat(32);
        let own = with("local", &[("o", "size=1m")]);
        let shared = local_volume(&hex, Some(&own), &["other".to_owned()]);
        assert!(shared.kind == FindingKind::SharedVolume && shared.reason.contains("other") && !shared.covered);
        for (name, kind) in [
            (hex.as_str(), FindingKind::AnonymousVolume),
            ("data", FindingKind::NamedVolume),
        ] {
            let found = local_volume(name, Some(&own), &[]);
            assert!(found.kind == kind && found.covered);
            assert!(!local_volume(name, None, &[]).covered);
        }
        for (device, why) in [("/srv", "/srv"), ("tmpfs", "memory")] {
            let elsewhere = with("local", &[("type", "none"), ("device", device)]);
            let found = local_volume("data", Some(&elsewhere), &[]);
            assert!(!found.covered && found.reason.contains(why), "{}", found.reason);
        }
    }
}
