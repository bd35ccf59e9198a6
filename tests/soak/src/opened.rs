//! A provider to work with in this process: opened as a program does it, with no test around it.

use std::path::Path;

use mngr_docker_tests::{IMAGE, plugin_cache};
use mngr_host_shim::check::Ledger;
use mngr_host_shim::config::ProviderConfig;
use mngr_host_shim::contract::ProviderError;
use mngr_host_shim::environment::Environment;
use mngr_host_shim::host::Host;
use mngr_host_shim::loader::Loader;
use mngr_host_shim::provider::Provider;

/// A provider on the engine at `address`, whose acknowledgements and journal are kept in `directory`.
///
/// # Errors
/// Where the address is none, or the plugin has not been built.
pub async fn open_with_ledger(address: &str, name: &str, directory: &Path) -> anyhow::Result<(Provider, Ledger)> {
    let path = directory.join("ledger");
    let mut config = ProviderConfig {
        host: Some(address.to_owned()),
        ledger: Some(path.clone()),
        ..ProviderConfig::named(name)
    };
    config.settings.insert("default_image".to_owned(), IMAGE.into());
    let loader = Loader::new(Some(plugin_cache())).map_err(plain)?;
    let state = directory.display().to_string();
    let host = Host::with(loader, Environment::new([("XDG_STATE_HOME", state)], "/"));
    let provider = host.open(&config).await.map_err(plain)?;
    Ok((provider, Ledger::at(path, name)))
}

fn plain(error: ProviderError) -> anyhow::Error {
    anyhow::anyhow!(error.message())
}
