//! Plugins that are dynamic libraries: what is refused before it is called, what a call may do, and how it ends.
//!
//! The behaviour tests run with our own library as they do with its component; here is what is the library's alone.

mod calls;
mod life;
mod refused;
mod reload;

use std::path::PathBuf;
use std::sync::Arc;

use mngr_docker_tests::{IMAGE, library, library_of, plugin_cache};
use mngr_host_shim::config::ProviderConfig;
use mngr_host_shim::engine::Engine;
use mngr_host_shim::environment::Environment;
use mngr_host_shim::host::Host;
use mngr_host_shim::loader::Loader;
use mngr_host_shim::policy::Preset;
use mngr_host_shim::provider::Provider;
use mngr_host_shim::registry::PluginChoice;
use mngr_host_shim::sandbox::SandboxEngine;

/// A provider with a library as its plugin, which it is allowed.
fn config(plugin: PathBuf) -> ProviderConfig {
    let mut config = ProviderConfig {
        plugin: Some(PluginChoice::File(plugin)),
        allow_native: true,
        policy: Some(Preset::Standard),
        ..ProviderConfig::named("test")
    };
    config.settings.insert("default_image".to_owned(), IMAGE.into());
    config
}

fn host() -> Host {
    let loader = Loader::new(Some(plugin_cache())).expect("a loader");
    Host::with(loader, Environment::new([("HOME", "/nowhere")], "/"))
}

async fn open(config: &ProviderConfig, engine: Arc<dyn Engine>) -> Provider {
    host().open_on(config, engine).await.expect("a provider")
}

/// Our own on the sandbox engine.
async fn ours() -> (Provider, SandboxEngine) {
    let engine = SandboxEngine::new().with_image(IMAGE);
    (open(&config(library()), Arc::new(engine.clone())).await, engine)
}

/// The odd one of `tests/native/odd.rs`, with settings changed, and where its file is.
async fn odd(change: impl FnOnce(&mut ProviderConfig)) -> (Provider, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("odd.so");
    std::fs::write(&path, library_of("odd")).expect("written");
    let mut config = ProviderConfig {
        settings: serde_json::Map::new(),
        ..config(path)
    };
    change(&mut config);
    (open(&config, Arc::new(SandboxEngine::new())).await, folder)
}
