//! What the loader asks of the registry: the plugin that a pin means, and when that has changed.

use std::path::Path;

use mngr_contract::Result;
use mngr_loader::{Installation, InstalledPlugin};

use super::{PluginPin, Registry};

/// A pin, and the registry that holds what it means.
#[derive(Debug)]
pub struct Pinned {
    /// Whose lock file.
    pub registry: Registry,
    /// Which plugin, and which of its versions.
    pub pin: PluginPin,
}

impl Installation for Pinned {
    fn watched(&self) -> &Path {
        self.registry.lock_path()
    }

    fn read(&self) -> Result<Option<InstalledPlugin>> {
        let Some(locked) = self.registry.resolve(&self.pin)? else {
            return Ok(None);
        };
        Ok(Some(InstalledPlugin {
            origin: format!("{} {}", self.pin.name, locked.version),
            bytes: self.registry.component(&self.pin.name, &locked)?,
            sha256: locked.sha256,
        }))
    }
}
