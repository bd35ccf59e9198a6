//! Volumes out of a snapshot: always into new ones, which take the places of those that the snapshot was taken of.
//!
//! A volume is filled before the container is made, with its last option `nocopy`: the engine would fill an empty one from
//! the image. A tmpfs is filled once the container runs, before anybody is told that it does.

use super::companion::{self, CONTENT};
use super::save::as_root;
use crate::contract::system::LogLevel;
use crate::contract::types::{FindingKind, ProviderError, Snapshot, SnapshotVolume};
use crate::error::{conflict, kind, not_found};
use crate::labels::{self, Identity, Pair};
use crate::start_args::{self, Draft, remount};
use crate::{Capabilities, DockerProviderInstance, Result, container};

/// What a container made of a snapshot mounts.
pub(crate) struct Restored {
    /// The start arguments, which name the new volumes.
    pub draft: Draft,
    volumes: Vec<String>,
    /// Paths of tmpfs and the images that hold what was in them.
    memory: Vec<(String, String)>,
}

/// Makes new volumes for one agent of what a snapshot holds, and puts them into its start arguments in place of those that
/// the snapshot was taken of. What `own` mounts at the same place is somebody's wish and stays.
///
/// # Errors
/// `not-found` for a companion that is gone, and whatever the engine answers. No new volume is left then.
pub(crate) async fn restore<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    snapshot: &Snapshot,
    identity: &Identity,
    draft: &Draft,
    own: &Draft,
) -> Result<Restored> {
    let mut held = Vec::new();
    for volume in &snapshot.volumes {
        match provider.capabilities.image_inspect(&volume.image).await {
            Ok(image) => held.push((volume, image.labels)),
            Err(ProviderError::NotFound(_)) => return Err(gone(snapshot, volume)),
            Err(error) => return Err(error),
        }
    }
    let mut restored = Restored {
        draft: Draft::new(),
        volumes: Vec::new(),
        memory: Vec::new(),
    };
    match restored.fill(provider, &held, identity, draft, own).await {
        Ok(draft) => Ok(Restored { draft, ..restored }),
        Err(error) => {
            restored.discard(provider).await;
            Err(error)
        }
    }
}

impl Restored {
    async fn fill<C: Capabilities>(
        &mut self,
        provider: &DockerProviderInstance<C>,
        held: &[(&SnapshotVolume, Vec<Pair>)],
        identity: &Identity,
        draft: &Draft,
        own: &Draft,
    ) -> Result<Draft> {
        let mut mounts = Vec::new();
        for (volume, labels) in held {
            let wish = own.mount_at(&volume.path);
            let is_memory = volume.kind == FindingKind::Tmpfs;
            if wish.as_deref().is_some_and(|wish| !takes(volume, wish)) {
                let message = format!(
                    "what the snapshot holds of {} is left out: a start argument mounts something else there",
                    volume.path
                );
                provider.capabilities.log(LogLevel::Warn, &message);
                continue;
            }
            let before = labels::value(labels, labels::VOLUME_MOUNT).map(str::to_owned);
            let mount = wish
                .or(before)
                .unwrap_or_else(|| remount::plain(&volume.path, is_memory, false));
            if is_memory {
                self.memory.push((volume.path.clone(), volume.image.clone()));
                mounts.push((volume.path.clone(), mount));
                continue;
            }
            let name = self.new_volume(provider, identity, companion::options(labels)).await?;
            container::report(provider, "restoring volume", &volume.path);
            provider.capabilities.volume_fill(&name, &volume.image, CONTENT).await?;
            mounts.push((volume.path.clone(), remount::of_volume(&mount, &name)));
        }
        match mounts.is_empty() {
            true => Ok(draft.clone()),
            false => draft.remounted(&mounts).map_err(start_args::Fault::into_error),
        }
    }

    async fn new_volume<C: Capabilities>(
        &mut self,
        provider: &DockerProviderInstance<C>,
        identity: &Identity,
        options: Vec<Pair>,
    ) -> Result<String> {
        let id = provider.capabilities.random_id();
        let name = format!(
            "mngr-{}.{}-{}",
            provider.name,
            identity.name,
            id.get(..12).unwrap_or(&id)
        );
        let labels = [
            (labels::AGENT_ID, &identity.id),
            (labels::AGENT_NAME, &identity.name),
            (labels::PROVIDER, &provider.name),
        ];
        let labels = labels.map(|(key, value)| (key.to_owned(), value.clone())).to_vec();
        self.volumes.push(name.clone());
        provider.capabilities.volume_create(&name, options, labels).await?;
        Ok(name)
    }

    /// Puts back what was in memory, into a container that has just been started.
    ///
    /// # Errors
    /// `conflict` for a container without `tar`, and whatever the engine answers.
    pub async fn fill_memory<C: Capabilities>(
        &self,
        provider: &DockerProviderInstance<C>,
        container: &str,
        agent_name: &str,
    ) -> Result<()> {
        for (path, image) in &self.memory {
            container::report(provider, "restoring tmpfs", path);
            let (above, name) = path.trim_end_matches('/').rsplit_once('/').unwrap_or(("", path));
            let above = if above.is_empty() { "/" } else { above };
            let command = as_root(&["tar", "-x", "-p", "-C", above, "-f", "-"]);
            let done = provider
                .capabilities
                .exec_unpack(container, command, image, CONTENT, name)
                .await;
            done.map_err(|error| match error {
                ProviderError::InvalidArgument(bad) => conflict(
                    format!("agent `{agent_name}`"),
                    "starting",
                    format!("its tmpfs at {path} can not be filled: {}", bad.reason),
                    "a tmpfs is filled with the agent's own `tar` (see also whether it is large enough); or mount something \
                     else there: -s --volume=NAME:PATH",
                ),
                other => other,
            })?;
        }
        Ok(())
    }

    /// Whether something is to be put into memory once the container runs.
    pub fn has_memory(&self) -> bool {
        !self.memory.is_empty()
    }

    /// Takes the new volumes away, of a container that is not to be.
    pub async fn discard<C: Capabilities>(&self, provider: &DockerProviderInstance<C>) {
        for name in &self.volumes {
            match provider.capabilities.volume_remove(name).await {
                Ok(()) | Err(ProviderError::NotFound(_)) => {}
                Err(error) => {
                    let message = format!("volume {name} is left ({}); `mngr-docker gc` removes it", kind(&error));
                    provider.capabilities.log(LogLevel::Warn, &message);
                }
            }
        }
    }
}

/// Whether what somebody mounts there is what the snapshot was taken of: its content then goes where it was.
fn takes(volume: &SnapshotVolume, wish: &str) -> bool {
    match (remount::source(wish), volume.kind) {
        (remount::Source::Memory, FindingKind::Tmpfs) | (remount::Source::Anonymous, FindingKind::AnonymousVolume) => {
            true
        }
        (remount::Source::Volume(name), FindingKind::NamedVolume) => volume.source.as_deref() == Some(&name),
        _ => false,
    }
}

fn gone(snapshot: &Snapshot, volume: &SnapshotVolume) -> ProviderError {
    not_found(
        format!("image `{}`", volume.image),
        format!(
            "it holds what was in {}, as the snapshot {} took it along",
            volume.path, snapshot.id
        ),
        format!(
            "take another snapshot; this one is of no use: mngr-docker snapshot delete {}",
            snapshot.id
        ),
    )
}
