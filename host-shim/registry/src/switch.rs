//! What needs no source: another range, another version in use, back again, a check, a removal.

use std::sync::Arc;

use mngr_contract::error::{conflict, internal, invalid, not_found};
use mngr_contract::{ProviderError, Result};
use mngr_loader::{Loader, Native};
use semver::Version;

use super::{Consent, Form, LockedVersion, PluginName, PluginPin, Registry, WantedPlugin, signature};

/// Another version is in use, or the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switched {
    /// Which plugin.
    pub name: PluginName,
    /// The version that was in use.
    pub before: Version,
    /// The version that is.
    pub version: LockedVersion,
}

/// What became of one installed version.
#[derive(Debug)]
pub struct Verified {
    /// Which plugin.
    pub name: PluginName,
    /// As the lock has it.
    pub version: LockedVersion,
    /// What is wrong with it; absent where it is whole.
    pub fault: Option<ProviderError>,
}

/// What was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// Which plugin.
    pub name: PluginName,
    /// The versions that are no longer installed.
    pub versions: Vec<Version>,
    /// Whether that was all of it.
    pub whole: bool,
}

impl Registry {
    /// Wants versions in another range from now on. Where the one in use is not in it, the newest installed one that is takes
    /// its place.
    ///
    /// # Errors
    /// `invalid-argument` where no range is named, `not-found` where no version in it is installed, `denied` for one that is
    /// older or wider where that was not agreed to.
    pub async fn pin(&self, pin: &PluginPin, consent: Consent) -> Result<Switched> {
        let Some(range) = pin.range.clone() else {
            return Err(invalid(
                "plugin",
                pin.to_string(),
                "no range is named",
                format!("write {pin}@^0.1, or {pin}@=0.1.2 for that version alone"),
            ));
        };
        let _exclusive = self.exclusively().await?;
        let mut lock = self.lock()?;
        let Some(to) = lock.resolve(pin).cloned() else {
            return Err(not_found(
                format!("plugin `{pin}`"),
                lock.installed(&pin.name),
                format!("install it: mngr-docker plugin install \"{pin}\""),
            ));
        };
        let wanted = match self.wanted()?.plugins.remove(&pin.name) {
            Some(wanted) => WantedPlugin {
                version: range,
                ..wanted
            },
            None => WantedPlugin {
                version: range,
                source: to.source.clone(),
                public_key: to.public_key.clone(),
            },
        };
        let Some(plugin) = lock.plugins.get_mut(&pin.name) else {
            return Err(self.not_installed(&pin.name));
        };
        let before = plugin.active.clone();
        if before != to.version {
            if let Some(active) = plugin.in_use() {
                consent.to_switch(&pin.name, active, &to)?;
            }
            plugin.switch(&to.version);
            self.write_lock(&lock)?;
        }
        self.want(&pin.name, Some(&wanted))?;
        Ok(Switched {
            name: pin.name.clone(),
            before,
            version: to,
        })
    }

    /// Goes back to an installed version: the one named, else the one that was in use before. What is wanted stays as it is, so
    /// that the next update may take the newer one again; [`Registry::pin`] keeps it from that.
    ///
    /// # Errors
    /// `not-found` where it is not installed, `conflict` where there is nothing to go back to.
    pub async fn rollback(&self, name: &PluginName, to: Option<&Version>) -> Result<Switched> {
        let _exclusive = self.exclusively().await?;
        let mut lock = self.lock()?;
        let installed = lock.installed(name);
        let Some(plugin) = lock.plugins.get_mut(name) else {
            return Err(self.not_installed(name));
        };
        let before = plugin.active.clone();
        let to = match to {
            Some(to) => to.clone(),
            None => plugin.previous.last().cloned().ok_or_else(|| {
                conflict(
                    format!("plugin `{name}`"),
                    "at its first version",
                    format!("no other was in use before {before}"),
                    format!("name an installed version: mngr-docker plugin rollback {name} --to VERSION"),
                )
            })?,
        };
        let Some(version) = plugin.version(&to).cloned() else {
            return Err(not_found(
                format!("plugin `{name}` {to}"),
                installed,
                format!("install it: mngr-docker plugin install {name}@={to} --allow-downgrade"),
            ));
        };
        plugin.switch(&to);
        // What was left is not what the next one goes back to.
        plugin.previous.retain(|previous| *previous != before);
        self.write_lock(&lock)?;
        Ok(Switched {
            name: name.clone(),
            before,
            version,
        })
    }

    /// Looks at every installed version, or those of one plugin: whether its bytes are there and are the same, its signature
    /// holds, and it can be loaded and is what the lock says. A native library is opened and asked only where that is allowed.
    ///
    /// # Errors
    /// `not-found` for a plugin that is not installed. What is wrong with a version is in the list.
    pub async fn verify(
        &self,
        loader: &Arc<Loader>,
        name: Option<&PluginName>,
        native: Native,
    ) -> Result<Vec<Verified>> {
        let (lock, wanted) = (self.lock()?, self.wanted()?);
        if let Some(name) = name.filter(|name| !lock.plugins.contains_key(name)) {
            return Err(self.not_installed(name));
        }
        let chosen = lock
            .plugins
            .into_iter()
            .filter(|(other, _)| name.is_none_or(|name| name == other));
        let mut verified = Vec::new();
        for (name, plugin) in chosen {
            let key = wanted
                .plugins
                .get(&name)
                .and_then(|wanted| wanted.public_key.as_deref());
            for version in plugin.versions {
                let fault = self.examine(loader, &name, &version, key, native).await.err();
                verified.push(Verified {
                    name: name.clone(),
                    version,
                    fault,
                });
            }
        }
        Ok(verified)
    }

    async fn examine(
        &self,
        loader: &Arc<Loader>,
        name: &PluginName,
        locked: &LockedVersion,
        key: Option<&str>,
        native: Native,
    ) -> Result<()> {
        let bytes = self.component(name, locked)?;
        if let Some(key) = key {
            signature::check(name, key, &bytes, self.store().signature(&locked.sha256)?.as_deref())?;
        }
        if locked.form == Form::Native && native == Native::Refused {
            return Ok(());
        }
        let plugin = loader.load_as(&format!("{name} {}", locked.version), &bytes, native)?;
        let version = plugin.version().await?;
        if version == locked.version {
            return Ok(());
        }
        Err(internal(
            format!("the plugin {name} {}", locked.version),
            format!("it says of itself that it is {version}"),
            format!(
                "install it again: mngr-docker plugin install {name}@={}",
                locked.version
            ),
        ))
    }

    /// Removes a version that is not in use, or without one the whole plugin.
    ///
    /// # Errors
    /// `not-found`, and `conflict` for the version in use where there are others.
    pub async fn remove(&self, name: &PluginName, version: Option<&Version>) -> Result<Removed> {
        let _exclusive = self.exclusively().await?;
        let mut lock = self.lock()?;
        let Some(plugin) = lock.plugins.get_mut(name) else {
            if version.is_none() && self.wanted()?.plugins.contains_key(name) {
                self.want(name, None)?;
                return Ok(Removed {
                    name: name.clone(),
                    versions: Vec::new(),
                    whole: true,
                });
            }
            return Err(self.not_installed(name));
        };
        let all: Vec<_> = plugin.versions.iter().map(|locked| locked.version.clone()).collect();
        let versions = match version {
            None => all.clone(),
            Some(version) if !all.contains(version) => {
                return Err(not_found(
                    format!("plugin `{name}` {version}"),
                    lock.installed(name),
                    "name one of these",
                ));
            }
            Some(version) => vec![version.clone()],
        };
        let whole = versions.len() == all.len();
        if !whole && versions.contains(&plugin.active) {
            return Err(conflict(
                format!("plugin `{name}` {}", plugin.active),
                "in use",
                "it is the version in use",
                format!("take another into use first: mngr-docker plugin rollback {name}, or remove all of {name}"),
            ));
        }
        match whole {
            true => drop(lock.plugins.remove(name)),
            false => versions.iter().for_each(|version| plugin.remove(version)),
        }
        self.write_lock(&lock)?;
        self.store().sweep(&lock)?;
        if whole {
            self.want(name, None)?;
        }
        Ok(Removed {
            name: name.clone(),
            versions,
            whole,
        })
    }

    fn not_installed(&self, name: &PluginName) -> ProviderError {
        not_found(
            format!("plugin `{name}`"),
            "it is not installed",
            "see `mngr-docker plugin list` for those that are",
        )
    }
}
