//! Providers to measure: opened as a program does it, with no test around them.

use std::path::Path;

use anyhow::{Result, anyhow};
use mngr_host_shim::config::ProviderConfig;
use mngr_host_shim::contract::ProviderError;
use mngr_host_shim::host::Host;
use mngr_host_shim::policy::Preset;
use mngr_host_shim::provider::Provider;
use mngr_host_shim::registry::PluginChoice;

use crate::side::Scene;

/// The scene's provider.
///
/// # Errors
/// Where the engine's address is none, or the plugin has not been built.
pub async fn built_in(scene: &Scene) -> Result<Provider> {
    configured(config(scene), &scene.image).await
}

/// The same, whose plugin is that dynamic library.
///
/// # Errors
/// Where the engine's address is none, or the library is no plugin.
pub async fn with_library(scene: &Scene, library: &Path) -> Result<Provider> {
    let config = ProviderConfig {
        plugin: Some(PluginChoice::File(library.to_owned())),
        allow_native: true,
        policy: Some(Preset::Standard),
        ..config(scene)
    };
    configured(config, &scene.image).await
}

/// A provider of that configuration, with agents made from `image`.
///
/// # Errors
/// Where the plugin has not been built.
pub async fn configured(mut config: ProviderConfig, image: &str) -> Result<Provider> {
    config.settings.insert("default_image".to_owned(), image.into());
    let host = Host::new().map_err(plain)?;
    host.open(&config).await.map_err(plain)
}

fn config(scene: &Scene) -> ProviderConfig {
    ProviderConfig {
        host: Some(scene.host.clone()),
        ..ProviderConfig::named(&scene.provider)
    }
}

/// What the shim says, as an error of this program.
pub fn plain(error: ProviderError) -> anyhow::Error {
    anyhow!(error.message())
}
