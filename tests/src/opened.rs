//! Providers for those who measure and harm: opened as a program does it, with no test around them.

use std::path::Path;

use mngr_host_shim::check::Ledger;
use mngr_host_shim::config::ProviderConfig;
use mngr_host_shim::contract::ProviderError;
use mngr_host_shim::environment::Environment;
use mngr_host_shim::host::Host;
use mngr_host_shim::loader::{ArtefactCache, Loader};
use mngr_host_shim::policy::Preset;
use mngr_host_shim::provider::Provider;
use mngr_host_shim::registry::PluginChoice;
use serde_json::json;

use crate::testbed::config;

/// A provider for measurements, on the engine at `address`.
///
/// # Errors
/// Where the address is none, or the plugin has not been built.
pub async fn open_for_bench(address: &str, image: &str, name: &str) -> anyhow::Result<Provider> {
    let mut config = config(name);
    config.host = Some(address.to_owned());
    open_behind(config, image).await
}

/// The same, whose plugin is that dynamic library.
///
/// # Errors
/// Where the address is none, or the library is no plugin.
pub async fn open_with_library(address: &str, image: &str, name: &str, library: &Path) -> anyhow::Result<Provider> {
    let config = ProviderConfig {
        host: Some(address.to_owned()),
        plugin: Some(PluginChoice::File(library.to_owned())),
        allow_native: true,
        policy: Some(Preset::Standard),
        ..config(name)
    };
    open_behind(config, image).await
}

/// A provider for measurements, of that configuration.
///
/// # Errors
/// Where the plugin has not been built.
pub async fn open_behind(mut config: ProviderConfig, image: &str) -> anyhow::Result<Provider> {
    config.settings.insert("default_image".to_owned(), json!(image));
    Host::new().map_err(plain)?.open(&config).await.map_err(plain)
}

/// A provider on the engine at `address`, whose acknowledgements and journal are kept in `directory`.
///
/// # Errors
/// Where the address is none, or the plugin has not been built.
pub async fn open_with_ledger(address: &str, name: &str, directory: &Path) -> anyhow::Result<(Provider, Ledger)> {
    let path = directory.join("ledger");
    let mut config = config(name);
    config.host = Some(address.to_owned());
    config.ledger = Some(path.clone());
    let cache = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/plugin-cache");
    let loader = Loader::new(Some(ArtefactCache::at(cache))).map_err(plain)?;
    let state = directory.display().to_string();
    let host = Host::with(loader, Environment::new([("XDG_STATE_HOME", state)], "/"));
    let provider = host.open(&config).await.map_err(plain)?;
    Ok((provider, Ledger::at(path, name)))
}

fn plain(error: ProviderError) -> anyhow::Error {
    anyhow::anyhow!(error.message())
}
