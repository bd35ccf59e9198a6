//! Storage that is not the container's own: binds, volumes, tmpfs, and what lies on another machine.

use super::finding;
use super::machine::{self, Under};
use crate::contract::docker::{Container, MountKind, MountPoint, Volume};
use crate::contract::types::{Finding, FindingKind, ProviderError};
use crate::labels::Pair;
use crate::{Capabilities, DockerProviderInstance, Result};

/// One finding for each place in the container.
pub(super) async fn findings<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    container: &Container,
) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for mount in &container.mounts {
        let found = match mount.kind {
            MountKind::Volume | MountKind::Cluster => volume(provider, container, mount).await?,
            MountKind::Tmpfs => tmpfs(),
            MountKind::Bind | MountKind::Npipe => bind(provider, mount).await,
        };
        findings.push(Finding {
            path: Some(mount.destination.clone()),
            read_only: mount.read_only,
            ..found
        });
    }
    for (path, options) in &container.tmpfs {
        if findings.iter().all(|known| known.path.as_ref() != Some(path)) {
            findings.push(Finding {
                path: Some(path.clone()),
                read_only: options.split(',').any(|option| option == "ro"),
                ..tmpfs()
            });
        }
    }
    Ok(findings)
}

fn tmpfs() -> Finding {
    finding(
        FindingKind::Tmpfs,
        "a tmpfs is memory: it is not in a snapshot, and empty after a stop",
        "copy what must last to a directory of the container first",
    )
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

async fn volume<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    container: &Container,
    mount: &MountPoint,
) -> Result<Finding> {
    let name = mount.name.as_deref().unwrap_or(&mount.source);
    let found = match network_volume(provider, mount, name).await? {
        Some(storage) => finding(
            FindingKind::NetworkStorage,
            format!("volume {name} is kept elsewhere ({storage}), and a snapshot does not hold it"),
            "save it where it is kept; an agent made of the snapshot sees it as it will be then",
        ),
        None => local_volume(name, &other_users(provider, container, name).await?),
    };
    Ok(Finding {
        source: Some(name.to_owned()),
        ..found
    })
}

fn local_volume(name: &str, others: &[String]) -> Finding {
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
    if is_anonymous(name) {
        return finding(
            FindingKind::AnonymousVolume,
            "a volume without a name is not in a snapshot, and it is removed with the agent",
            "copy what must last to another directory of the container first, or use a volume with a name",
        );
    }
    finding(
        FindingKind::NamedVolume,
        format!("volume {name} is not in a snapshot; it stays as it is on the engine"),
        format!("save it apart, and give an agent made of the snapshot a volume of its own in place of {name}"),
    )
}

/// The engine names a volume without a name by 64 hexadecimal digits.
fn is_anonymous(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What keeps a volume, where that is not the engine's own disk.
async fn network_volume<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    mount: &MountPoint,
    name: &str,
) -> Result<Option<String>> {
    match provider.capabilities.volume_inspect(name).await {
        Ok(volume) => match (kept_by(&volume), bound(&volume)) {
            (None, Some(path)) => Ok(match machine::filesystem(provider, path).await {
                Under::Filesystem(kind) if machine::is_network(&kind) => Some(format!("{kind}, {path}")),
                _ => None,
            }),
            (kept, _) => Ok(kept),
        },
        Err(ProviderError::NotFound(_)) => {
            let driver = mount.driver.as_deref().unwrap_or("local");
            Ok((driver != "local").then(|| format!("driver {driver}")))
        }
        Err(error) => Err(error),
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

/// The directory of the engine's machine that a local volume is bound to.
fn bound(volume: &Volume) -> Option<&str> {
    let (_, device) = volume.options.iter().find(|(key, _)| key == "device")?;
    Some(device.as_str()).filter(|device| device.starts_with('/'))
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

    fn kept(driver: &str, options: &[(&str, &str)]) -> Option<String> {
        kept_by(&Volume {
            name: "v".to_owned(),
            driver: driver.to_owned(),
            mountpoint: String::new(),
            options: options
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
            labels: Vec::new(),
            created: None,
        })
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
    fn a_volume_is_shared_before_it_is_anonymous() {
        let hex = "0f".repeat(32);
        let shared = local_volume(&hex, &["other".to_owned()]);
        assert!(shared.kind == FindingKind::SharedVolume && shared.reason.contains("other"));
        assert!(local_volume(&hex, &[]).kind == FindingKind::AnonymousVolume);
        assert!(local_volume("data", &[]).kind == FindingKind::NamedVolume);
    }
}
