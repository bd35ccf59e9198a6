//! The front door: loads plugins, reaches engines, opens providers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use mngr_contract::environment::Environment;
use mngr_contract::error::internal;
use mngr_contract::{ProviderError, Result};
use mngr_engine::credentials::CredentialStore;
use mngr_engine::docker::DockerEngine;
use mngr_engine::proxies::Proxies;
use mngr_engine::ssh::Tunnels;
use mngr_engine::{Engine, connect};
use mngr_guard::journal::Store;
use mngr_guard::policy::{AuditLog, Policy};
use mngr_loader::{ArtefactCache, BuiltIn, Loader, Native, Plugin, PluginSource, Reloader};
use mngr_registry::{Pinned, PluginChoice, Registry};
use tokio::sync::OnceCell;

use crate::check::Ledger;
use crate::config::{Config, ConfigError, ProviderConfig};
use crate::provider::Provider;

/// The setting without which native libraries are refused.
const ALLOW_NATIVE: &str = "allow_native";

/// The component that is built in; empty where the shim was built before it.
const EMBEDDED: BuiltIn = BuiltIn {
    bytes: include_bytes!(concat!(env!("OUT_DIR"), "/plugin.wasm")),
    sha256: include_str!(concat!(env!("OUT_DIR"), "/plugin.sha256")),
};

/// What a configuration names, and whether it may be a native library.
type Chosen = (Option<PluginChoice>, Native);

/// Opens providers. One is enough for a process: it compiles each plugin once.
pub struct Host {
    loader: Arc<Loader>,
    environment: Environment,
    tunnels: Tunnels,
    /// By what configurations name, and whether it may be a native library; the built-in one has no name.
    plugins: Mutex<HashMap<Chosen, Arc<OnceCell<Arc<Reloader>>>>>,
}

impl Host {
    /// A host with the user's own cache of compiled plugins and this process's environment.
    ///
    /// # Errors
    /// `internal` where this machine can not run WebAssembly.
    pub fn new() -> Result<Self> {
        let environment = Environment::of_process();
        let loader = Loader::new(ArtefactCache::of_user(&environment))?;
        Ok(Self::with(loader, environment))
    }

    /// A host with a loader and an environment of the caller's choice.
    pub fn with(loader: Loader, environment: Environment) -> Self {
        Self {
            loader: Arc::new(loader),
            environment,
            tunnels: Tunnels::default(),
            plugins: Mutex::default(),
        }
    }

    /// Opens a provider: loads its plugin, checks its settings and finds out where its engine is. The engine is not called
    /// yet, so an engine that is down shows with the first call.
    ///
    /// # Errors
    /// `invalid-argument` for a setting, a certificate or a plugin at fault; `internal` where the plugin traps.
    pub async fn open(&self, config: &ProviderConfig) -> Result<Provider> {
        self.open_on(config, Arc::new(self.engine(config)?)).await
    }

    /// A provider's engine, without the provider. Nothing is sent yet.
    ///
    /// # Errors
    /// `invalid-argument` for an address or a certificate at fault, `not-found` for a Docker context that does not exist.
    pub fn engine(&self, config: &ProviderConfig) -> Result<DockerEngine> {
        connect::connect(config, &self.environment, &self.tunnels)
    }

    /// Opens a provider on an engine of the caller's choice, for example the sandbox engine.
    ///
    /// # Errors
    /// As [`Host::open`].
    pub async fn open_on(&self, config: &ProviderConfig, engine: Arc<dyn Engine>) -> Result<Provider> {
        let store = Store::of_user(&self.environment, &config.name, &engine.endpoint());
        let provider = self.open_bare(config, engine).await?;
        let credentials = CredentialStore::of_user(&self.environment);
        let proxies = match config.docker_proxies {
            true => Proxies::of_user(&self.environment, provider.engine().endpoint()),
            false => Proxies::default(),
        };
        let audit = AuditLog::chosen(&config.audit_log, &self.environment);
        let ledger = config.ledger.as_ref().map(|path| Ledger::at(path, &config.name));
        Ok(provider
            .journaled_in(store)
            .audited_in(audit)
            .with_credentials(credentials)
            .with_proxies(proxies)
            .with_ledger(ledger))
    }

    /// Opens a provider for somebody who only looks, for example at the names of agents: its calls do not settle what calls
    /// that died have left, and nothing is written down of them.
    ///
    /// # Errors
    /// As [`Host::open`].
    pub async fn open_to_look(&self, config: &ProviderConfig) -> Result<Provider> {
        self.open_bare(config, Arc::new(self.engine(config)?)).await
    }

    /// A provider that keeps nothing on this machine.
    async fn open_bare(&self, config: &ProviderConfig, engine: Arc<dyn Engine>) -> Result<Provider> {
        let policy = Policy::new(&config.name, config.preset(), &config.permissions)
            .keeping(config.belongings(&self.environment));
        let plugin = self.reloader(config).await?;
        let provider = Provider::open_reloading(plugin, engine, &config.name, &config.settings, policy).await?;
        Ok(provider.limited_to(config.plugin_limits))
    }

    /// What the plugin finds fault with in the settings of one provider of a configuration, each with its place and, for a key
    /// that is not known, the nearest one that is. Empty also where the plugin itself can not be asked.
    pub async fn faults(&self, config: &Config, chosen: &ProviderConfig) -> Vec<ConfigError> {
        let asked = async {
            let plugin = self.plugin(chosen).await?;
            let settings = serde_json::Value::Object(chosen.settings.clone()).to_string();
            let report = plugin.check_config(&chosen.name, &settings).await?;
            Ok::<_, ProviderError>((report.errors, plugin.describe().await?.settings))
        };
        match asked.await {
            Ok((errors, settings)) => config.problems(&chosen.name, &errors, &settings),
            Err(ProviderError::InvalidArgument(error)) if error.field == ALLOW_NATIVE => {
                vec![config.native_refused(chosen, &error)]
            }
            Err(_) => Vec::new(),
        }
    }

    /// The plugin that a provider's configuration names, or the built-in one, as it was last loaded.
    ///
    /// # Errors
    /// `invalid-argument` for the field `plugin`, and for `allow_native`; `internal` where an installed plugin is gone or
    /// damaged.
    pub async fn plugin(&self, config: &ProviderConfig) -> Result<Plugin> {
        Ok(self.reloader(config).await?.plugin())
    }

    /// The same, kept up to date. One for all providers that name it: who comes while it is being compiled waits for that one.
    async fn reloader(&self, config: &ProviderConfig) -> Result<Arc<Reloader>> {
        let chosen: Chosen = (config.plugin.clone(), config.allow_native.into());
        let native = chosen.1;
        let loaded = {
            let mut plugins = self.plugins.lock().unwrap_or_else(PoisonError::into_inner);
            plugins.entry(chosen).or_default().clone()
        };
        let load = async {
            let (source, loader) = (self.source(config)?, self.loader.clone());
            let loading = tokio::task::spawn_blocking(move || Reloader::new(source, loader, native));
            let reloader = loading
                .await
                .map_err(|error| internal("the plugin", error.to_string(), "report this"))??;
            Ok(Arc::new(reloader))
        };
        loaded.get_or_try_init(|| load).await.cloned()
    }

    fn source(&self, config: &ProviderConfig) -> Result<PluginSource> {
        Ok(match &config.plugin {
            None => PluginSource::BuiltIn(EMBEDDED),
            Some(PluginChoice::File(path)) => PluginSource::File(path.clone()),
            Some(PluginChoice::Installed(pin)) => PluginSource::Installed {
                installation: Arc::new(Pinned {
                    registry: Registry::of_user(&self.environment)?,
                    pin: pin.clone(),
                }),
                built_in: EMBEDDED,
            },
        })
    }

    /// What loads plugins, for a [`Registry`] to look at them.
    pub fn loader(&self) -> &Arc<Loader> {
        &self.loader
    }
}
