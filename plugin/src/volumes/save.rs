//! Volumes into a snapshot: each into a companion, before the agent's own files are committed.
//!
//! The commit comes last and makes the snapshot, so that one which is there is whole. Volumes are read while the agent is
//! frozen, as its files are; a tmpfs only a command inside can read, and none runs in a frozen agent, so it is read just
//! before.

use super::companion::{self, Place};
use crate::contract::docker::{Container, ContainerStatus, ExecOptions};
use crate::contract::system::{LogLevel, Progress};
use crate::contract::types::{Finding, FindingKind, ProviderError, SnapshotVolume};
use crate::error::{conflict, kind};
use crate::labels::{self, Identity};
use crate::recipe::Recipe;
use crate::start_args::remount;
use crate::{Capabilities, DockerProviderInstance, Result};

/// What was done so far, to be undone where it does not come to its end.
#[derive(Default)]
pub(crate) struct Saved {
    /// What is in the snapshot.
    pub volumes: Vec<SnapshotVolume>,
    images: Vec<String>,
    frozen: bool,
}

/// Whose volumes are saved, and into which snapshot.
pub(crate) struct Source<'a> {
    pub container: &'a Container,
    pub identity: &'a Identity,
    pub agent_name: &'a str,
    pub snapshot_id: &'a str,
}

impl Saved {
    /// Archives what these findings are about, each of which is covered. With `freeze` the agent is frozen from the first
    /// volume on, until [`thaw`](Self::thaw).
    ///
    /// # Errors
    /// `conflict` for a tmpfs of an agent without `tar`, and whatever the engine answers.
    pub async fn take<C: Capabilities>(
        &mut self,
        provider: &DockerProviderInstance<C>,
        of: &Source<'_>,
        covered: &[Finding],
        freeze: bool,
    ) -> Result<()> {
        let (memory, volumes): (Vec<_>, Vec<_>) =
            covered.iter().partition(|finding| finding.kind == FindingKind::Tmpfs);
        for finding in memory {
            self.add(provider, of, finding).await?;
        }
        if freeze && !volumes.is_empty() && of.container.state.status == ContainerStatus::Running {
            match provider.capabilities.container_pause(&of.container.id).await {
                Ok(()) => self.frozen = true,
                // Somebody else has frozen it meanwhile, and thaws it.
                Err(ProviderError::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
        }
        for finding in volumes {
            self.add(provider, of, finding).await?;
        }
        Ok(())
    }

    async fn add<C: Capabilities>(
        &mut self,
        provider: &DockerProviderInstance<C>,
        of: &Source<'_>,
        finding: &Finding,
    ) -> Result<()> {
        let engine = &provider.capabilities;
        let path = finding.path.clone().unwrap_or_default();
        engine.report(Progress {
            step: "archiving".to_owned(),
            subject: path.clone(),
            done: None,
            total: finding.size_bytes,
        });
        let options = match &finding.source {
            Some(name) => engine.volume_inspect(name).await?.options,
            None => Vec::new(),
        };
        let mount = mount_of(of.container, finding, &path);
        let subpath = remount::subpath(&mount);
        let place = Place {
            finding,
            mount,
            options,
            exclude: match finding.kind {
                FindingKind::Tmpfs => below(of.container, &path),
                _ => Vec::new(),
            },
        };
        let number = self.images.len() + 1;
        let import = companion::import(of.identity, &provider.name, of.snapshot_id, number, place);
        let image = format!("{}:{}", import.repository, import.tag);
        // Before the call, whose effect may be there though its answer is lost.
        self.images.push(image.clone());
        match finding.kind {
            FindingKind::Tmpfs => {
                let archive = engine.exec_archive(&of.container.id, pack(&path)).await?;
                let imported = engine.image_import(archive, import).await;
                imported.map_err(|error| without_tar(of.agent_name, &path, error))?;
            }
            _ => {
                engine.volume_import(&of.container.id, &path, subpath, import).await?;
            }
        }
        self.volumes.push(SnapshotVolume {
            path,
            kind: finding.kind,
            source: finding.source.clone(),
            size_bytes: engine.image_inspect(&image).await?.size_bytes,
            image,
        });
        Ok(())
    }

    /// Lets the agent run on, where it was frozen here. Where that fails the log says so.
    pub async fn thaw<C: Capabilities>(&mut self, provider: &DockerProviderInstance<C>, of: &Source<'_>) {
        if !std::mem::take(&mut self.frozen) {
            return;
        }
        match provider.capabilities.container_unpause(&of.container.id).await {
            Ok(()) | Err(ProviderError::NotFound(_) | ProviderError::Conflict(_)) => {}
            Err(error) => {
                let name = of.agent_name;
                let message = format!(
                    "{name} is still frozen ({}); resume it: mngr-docker resume {name}",
                    kind(&error)
                );
                provider.capabilities.log(LogLevel::Error, &message);
            }
        }
    }

    /// Takes away what was made for a snapshot that is not to be.
    pub async fn discard<C: Capabilities>(self, provider: &DockerProviderInstance<C>) {
        discard(provider, self.images.iter()).await;
    }
}

/// Takes companions away. What can not go is left to `gc`, and the log says so.
pub(crate) async fn discard<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    images: impl Iterator<Item = &String>,
) {
    for image in images {
        match provider.capabilities.image_remove(image).await {
            Ok(_) | Err(ProviderError::NotFound(_)) => {}
            Err(error) => {
                let message = format!("image {image} is left ({}); `mngr-docker gc` removes it", kind(&error));
                provider.capabilities.log(LogLevel::Warn, &message);
            }
        }
    }
}

/// Reads all of a directory as root, whatever the agent's own user may read.
fn pack(path: &str) -> ExecOptions {
    as_root(&["tar", "-c", "-C", path, "-f", "-", "."])
}

/// A command that is run as root, from the container's root.
pub(super) fn as_root(argv: &[&str]) -> ExecOptions {
    ExecOptions {
        argv: argv.iter().map(|word| (*word).to_owned()).collect(),
        env: Vec::new(),
        working_dir: Some("/".to_owned()),
        user: Some("0:0".to_owned()),
        stdin: false,
        terminal: None,
    }
}

/// The error for a command in the agent that did not do its part.
fn without_tar(agent_name: &str, path: &str, error: ProviderError) -> ProviderError {
    match error {
        ProviderError::InvalidArgument(bad) => conflict(
            format!("agent `{agent_name}`"),
            "running",
            format!("its tmpfs at {path}: {}", bad.reason),
            "a tmpfs is read with the agent's own `tar`: put one into its image, or leave --include-volumes out",
        ),
        other => other,
    }
}

/// The flag that mounts it. One that an image asks for (`VOLUME`) stands in no argument.
fn mount_of(container: &Container, finding: &Finding, path: &str) -> String {
    let args = Recipe::of(&container.labels)
        .map(|recipe| recipe.args)
        .unwrap_or_default();
    let given = args
        .into_iter()
        .rev()
        .find(|arg| remount::target(arg).as_deref() == Some(path));
    given.unwrap_or_else(|| remount::plain(path, finding.kind == FindingKind::Tmpfs, finding.read_only))
}

/// Where other things are mounted below a path, seen from there.
fn below(container: &Container, path: &str) -> Vec<String> {
    let mounts = container.mounts.iter().map(|mount| &mount.destination);
    let inside = |other: &String| {
        let rest = other.strip_prefix(path)?.strip_prefix('/')?.trim_matches('/');
        (!rest.is_empty()).then(|| rest.to_owned())
    };
    mounts
        .chain(container.tmpfs.iter().map(|(path, _)| path))
        .filter_map(inside)
        .collect()
}

/// The companions that a snapshot's labels name and that are not there.
pub(crate) async fn missing<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    labels: &[labels::Pair],
) -> Result<Vec<SnapshotVolume>> {
    let mut missing = Vec::new();
    for volume in companion::decode(labels) {
        match provider.capabilities.image_inspect(&volume.image).await {
            Ok(_) => {}
            Err(ProviderError::NotFound(_)) => missing.push(volume),
            Err(error) => return Err(error),
        }
    }
    Ok(missing)
}
