//! What a policy has to know and only the engine can tell: whose a container, a volume, an image or a network is.

use mngr_contract::docker::{Container, Image, MountKind, Volume};
use mngr_contract::{ProviderError, Result};

use super::Guard;
use crate::policy::{AGENT_LABEL, HOST_LABEL, NamedVolume, Needs, Rule, Wanted};

/// A container that may be worked with.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    pub name: String,
    /// The labels that say which agent it is.
    pub identity: Vec<(String, String)>,
    /// The directories of the machine that it mounts, where that was told.
    pub binds: Option<Vec<Wanted>>,
}

impl Known {
    pub fn new(name: &str, labels: &[(String, String)], binds: Option<Vec<Wanted>>) -> Self {
        let is_id = |(key, _): &&(String, String)| key == AGENT_LABEL || key == HOST_LABEL;
        Self {
            name: name.to_owned(),
            identity: labels.iter().filter(is_id).cloned().collect(),
            binds,
        }
    }
}

/// What there is of it, where there is something.
pub(super) fn found<T>(asked: Result<T>) -> Result<Option<T>> {
    match asked {
        Ok(found) => Ok(Some(found)),
        Err(ProviderError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The directories of the machine that a container mounts, as it does or for reading alone.
fn mounted(container: &Container, read_only: bool) -> impl Iterator<Item = Wanted> {
    let binds = container.mounts.iter().filter(|mount| mount.kind == MountKind::Bind);
    binds.map(move |mount| Wanted::mount(Rule::Binds, &mount.source, read_only || mount.read_only))
}

impl Guard {
    /// A container that may be worked with. Asks the engine only where this call has not seen it yet.
    pub(super) async fn own(&self, id: &str) -> Result<Known> {
        self.policy.may(Rule::Containers, &format!("container {id}"))?;
        match self.known(id) {
            Some(known) => Ok(known),
            None => self.look_at(id, false).await.map(|(_, known)| known),
        }
    }

    /// The same as the engine describes it.
    pub(super) async fn look_at(&self, id: &str, with_size: bool) -> Result<(Container, Known)> {
        self.policy.may(Rule::Containers, &format!("container {id}"))?;
        let container = self.engine.container_inspect(id, with_size).await?;
        let is_own = self.policy.owns_container(&container);
        let what = format!("container {id}, which is not this provider's,");
        self.policy
            .may_touch(Rule::Containers, &container.name, is_own, &what)?;
        let binds = mounted(&container, false).collect();
        let known = Known::new(&container.name, &container.labels, Some(binds));
        self.learn(&container.id, known.clone());
        Ok((container, known))
    }

    /// What is left of a request to be decided on. Returns the volumes that are to be made for it.
    pub(super) async fn answer(&self, needs: &Needs) -> Result<Vec<NamedVolume>> {
        if !needs.image.is_empty() {
            self.base_image(&needs.image).await?;
        }
        for network in &needs.networks {
            self.network(network).await?;
        }
        let mut places = needs.places.clone();
        for link in &needs.containers {
            let container = match link.can_be() {
                true => found(self.engine.container_inspect(&link.container, false).await)?,
                false => None,
            };
            let is_own = container
                .as_ref()
                .is_some_and(|container| self.policy.owns_container(container));
            self.policy.may_touch(link.rule, &link.word, is_own, &link.what)?;
            if link.rule == Rule::VolumesFrom {
                let theirs = container.iter().flat_map(|theirs| mounted(theirs, link.read_only));
                places.extend(theirs.map(|place| Wanted {
                    what: link.what.clone(),
                    ..place
                }));
            }
        }
        let mut absent = Vec::new();
        for volume in &needs.volumes {
            let is_any = self.policy.is_any_volume(&volume.name);
            if is_any && self.policy.is_any_place(Rule::VolumeBinds) {
                continue;
            }
            match found(self.engine.volume_inspect(&volume.name).await)? {
                Some(there) => {
                    let is_own = is_any || self.is_own_volume(&there).await?;
                    self.policy.use_volume(&volume.name, is_own)?;
                    places.extend(self.policy.volume_there(&there)?);
                }
                None if is_any => {}
                // It is made as this provider's, so that it can be told from others' later.
                None => {
                    self.policy.use_volume(&volume.name, true)?;
                    absent.push(volume.clone());
                }
            }
        }
        for place in &mut places {
            place.restarts = needs.restarts;
        }
        self.places(&places).await?;
        Ok(absent)
    }

    /// Whether a volume was made for this provider, or is used by its containers alone.
    async fn is_own_volume(&self, volume: &Volume) -> Result<bool> {
        if self.policy.made(&volume.labels) {
            return Ok(true);
        }
        let users = self.engine.volume_users(&volume.name).await?;
        for user in &users {
            let container = found(self.engine.container_inspect(user, false).await)?;
            if !container.is_some_and(|container| self.policy.owns_container(&container)) {
                return Ok(false);
            }
        }
        Ok(!users.is_empty())
    }

    /// Others' volumes can be looked at, so that it can be said where their data is. The rest of their options is not for a
    /// plugin that may not use them: a network share's has its password.
    pub(super) async fn withhold_options(&self, volume: &mut Volume) -> Result<()> {
        let says_where = |key: &str| ["type", "device"].iter().any(|known| key.eq_ignore_ascii_case(known));
        let is_harmless = volume.options.iter().all(|(key, _)| says_where(key));
        if is_harmless || self.policy.is_any_volume(&volume.name) || self.is_own_volume(volume).await? {
            return Ok(());
        }
        volume.options.retain(|(key, _)| says_where(key));
        Ok(())
    }

    async fn base_image(&self, reference: &str) -> Result<()> {
        let image = self.image(reference).await?;
        self.policy.base_image(reference, image.as_ref())
    }

    /// An image, where there is one. Asks the engine only where this call has not seen it yet.
    pub(super) async fn image(&self, reference: &str) -> Result<Option<Image>> {
        if let Some(image) = self.seen_image(reference) {
            return Ok(Some(image));
        }
        let image = found(self.engine.image_inspect(reference).await)?;
        if let Some(image) = &image {
            self.see_image(reference, image.clone());
        }
        Ok(image)
    }

    /// A network is judged by its name, whatever it was called by: by its id it is the same.
    async fn network(&self, network: &str) -> Result<()> {
        let there = found(self.engine.network_inspect(network).await)?;
        let name = there.as_ref().map_or(network, |there| there.name.as_str());
        if there
            .as_ref()
            .is_some_and(|there| there.driver == "host" || there.name == "host")
        {
            return self.policy.machines_network(network);
        }
        self.policy
            .may_name(Rule::Network, &[name], &format!("--network {network}"))
    }

    /// An image that this provider has made, or that is named.
    pub(super) async fn own_image(&self, reference: &str) -> Result<Image> {
        self.policy.may(Rule::Images, &format!("image {reference}"))?;
        let image = self.engine.image_inspect(reference).await?;
        self.policy.read_image(reference, &image.labels)?;
        Ok(image)
    }

    /// A volume that was made for this provider, or that is named.
    pub(super) async fn own_volume(&self, name: &str) -> Result<()> {
        crate::policy::Policy::volume_name(name)?;
        self.policy.may(Rule::Volumes, &format!("volume {name}"))?;
        let volume = self.engine.volume_inspect(name).await?;
        self.policy.use_volume(name, self.policy.made(&volume.labels))
    }

    /// A name that no image has which is somebody else's: that would lose it.
    pub(super) async fn free_name(&self, reference: &str) -> Result<()> {
        let Some(image) = found(self.engine.image_inspect(reference).await)? else {
            return Ok(());
        };
        match self.policy.read_image(reference, &image.labels) {
            Ok(()) => Ok(()),
            Err(_) if self.has_arrived(&image.id) => Ok(()),
            Err(_) => Err(self.policy.name_taken(reference)),
        }
    }
}
