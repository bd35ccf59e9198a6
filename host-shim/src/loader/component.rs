//! WASM components: compiled once, one fresh instance for each call.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use semver::Version;
use tokio_util::sync::CancellationToken;
use wasmtime::component::{Component, Linker, Resource, ResourceTable};
use wasmtime::{Config, Engine, Store};

use super::{ArtefactCache, CONTRACT, check_contract, check_header, check_import, sha256};
use crate::bridge::{Call, add_to_linker};
use crate::contract::backend::{ConfigReport, Description};
use crate::contract::v0_1_0::ProviderPluginPre;
use crate::contract::{ProviderError, ProviderPlugin, Result};
use crate::engine::ProgressSink;
use crate::error::{internal, invalid, unavailable};
use crate::guard::Guard;
use crate::policy::Caller;

/// Instructions one call may execute: minutes of work for a plugin that decides, some ten seconds for one that loops.
const FUEL: u64 = 20_000_000_000;
/// After how many instructions a busy plugin lets others run.
const YIELD_INTERVAL: u64 = 10_000_000;

/// Compiles components and keeps what every one of them is linked against.
pub struct Loader {
    engine: Engine,
    linker: Linker<Call>,
    cache: Option<ArtefactCache>,
}

impl Loader {
    /// A loader that keeps compiled components in `cache`, or compiles each time where there is none.
    ///
    /// # Errors
    /// `internal` where this machine can not run WebAssembly.
    pub fn new(cache: Option<ArtefactCache>) -> Result<Self> {
        let mut config = Config::new();
        config.wasm_component_model_async(true).consume_fuel(true);
        let fault = |error: wasmtime::Error| {
            internal(
                "the WebAssembly runtime",
                format!("{error:#}"),
                "report this with your processor and system",
            )
        };
        let engine = Engine::new(&config).map_err(fault)?;
        let mut linker = Linker::new(&engine);
        add_to_linker(&mut linker).map_err(fault)?;
        Ok(Self { engine, linker, cache })
    }

    /// Loads a component from a file.
    ///
    /// # Errors
    /// `invalid-argument` for the field `plugin`: the file can not be read, or is no plugin that this shim can run.
    pub fn load_file(&self, path: &Path) -> Result<Plugin> {
        let origin = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|error| {
            invalid(
                "plugin",
                &origin,
                error.to_string(),
                "name a component's file that can be read",
            )
        })?;
        self.load(&origin, &bytes)
    }

    /// Loads a component from its bytes; `origin` says where they are from.
    ///
    /// # Errors
    /// As [`Loader::load_file`].
    pub fn load(&self, origin: &str, bytes: &[u8]) -> Result<Plugin> {
        self.load_hashed(origin, bytes, &sha256(bytes))
    }

    /// The same of bytes whose SHA-256 is known.
    pub(crate) fn load_hashed(&self, origin: &str, bytes: &[u8], digest: &str) -> Result<Plugin> {
        check_header(origin, bytes)?;
        let (component, cached) = match self.cache.as_ref().and_then(|cache| cache.load(&self.engine, digest)) {
            Some(component) => (component, true),
            None => {
                let component = Component::from_binary(&self.engine, bytes).map_err(|error| {
                    invalid(
                        "plugin",
                        origin,
                        format!("it does not compile: {error:#}"),
                        "get the plugin again",
                    )
                })?;
                (component, false)
            }
        };
        let (contract, interfaces) = self.surface(origin, &component)?;
        let pre = self
            .linker
            .instantiate_pre(&component)
            .and_then(ProviderPluginPre::new)
            .map_err(|error| {
                invalid(
                    "plugin",
                    origin,
                    format!("it does not fit the contract: {error:#}"),
                    "take a plugin made for the world `mngr:provider/provider-plugin`",
                )
            })?;
        if let (false, Some(cache)) = (cached, &self.cache) {
            cache.store(&self.engine, digest, &component);
        }
        Ok(Plugin {
            engine: self.engine.clone(),
            pre,
            origin: origin.into(),
            digest: digest.into(),
            contract,
            interfaces,
            cached,
            described: Arc::default(),
        })
    }

    /// The newest version of the contract that a component names, and the interfaces that it imports, sorted. What has types
    /// only lets it do nothing.
    fn surface(&self, origin: &str, component: &Component) -> Result<(Version, Arc<[String]>)> {
        let surface = component.component_type();
        let mut newest = Version::new(0, 0, 0);
        let mut interfaces = Vec::new();
        for (import, _) in surface.imports(&self.engine) {
            let (interface, version) = check_import(origin, import)?;
            newest = newest.max(version);
            if interface != "types" {
                interfaces.push(interface.to_owned());
            }
        }
        for (export, _) in surface.exports(&self.engine) {
            if let Some(export) = export.strip_prefix(CONTRACT) {
                newest = newest.max(check_contract(origin, export)?.1);
            }
        }
        interfaces.sort();
        Ok((newest, interfaces.into()))
    }
}

/// A plugin that has been compiled and linked. Cheap to clone; each call gets an instance of its own.
#[derive(Clone)]
pub struct Plugin {
    engine: Engine,
    pre: ProviderPluginPre<Call>,
    origin: Arc<str>,
    digest: Arc<str>,
    contract: Version,
    interfaces: Arc<[String]>,
    cached: bool,
    /// Name and version, once it has said them.
    described: Arc<OnceLock<(String, String)>>,
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin")
            .field("origin", &self.origin)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

/// What a call is made with, besides its arguments.
#[derive(Clone)]
pub(crate) struct Session {
    pub guard: Option<Arc<Guard>>,
    pub progress: ProgressSink,
    pub cancel: CancellationToken,
}

/// A result that may hold handles of host-owned streams, which the caller gets in place of the handles.
pub(crate) trait Returned {
    type Value;
    fn redeem(self, table: &mut ResourceTable) -> Result<Self::Value>;
}

impl<R: Send + 'static> Returned for Resource<R> {
    type Value = R;

    fn redeem(self, table: &mut ResourceTable) -> Result<R> {
        table
            .delete(self)
            .map_err(|error| internal("the plugin", error.to_string(), "report this to its author"))
    }
}

impl<A, R: Returned> Returned for (A, R) {
    type Value = (A, R::Value);

    fn redeem(self, table: &mut ResourceTable) -> Result<Self::Value> {
        Ok((self.0, self.1.redeem(table)?))
    }
}

impl Plugin {
    /// Where it came from: a path, or `embedded`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// SHA-256 of the component, in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The version of the contract that it was built against.
    pub fn contract(&self) -> &Version {
        &self.contract
    }

    /// The interfaces of the contract that it imports, sorted: what it may ask the shim for.
    pub fn interfaces(&self) -> &[String] {
        &self.interfaces
    }

    /// The version that it says it is.
    ///
    /// # Errors
    /// `invalid-argument` for the field `plugin` where that is no version; `internal` where the plugin traps.
    pub async fn version(&self) -> Result<Version> {
        let version = self.describe().await?.version;
        Version::parse(&version).map_err(|error| {
            invalid(
                "plugin",
                self.origin(),
                format!("it says that its version is `{version}`: {error}"),
                "tell its author: `describe` gives a semantic version",
            )
        })
    }

    /// Whether it came precompiled out of the cache.
    pub fn was_cached(&self) -> bool {
        self.cached
    }

    /// What the plugin says of itself.
    ///
    /// # Errors
    /// `internal` where the plugin traps.
    pub async fn describe(&self) -> Result<Description> {
        let mut store = self.store(&Session::idle())?;
        let plugin = self.instance(&mut store).await?;
        let described = plugin
            .mngr_provider_backend()
            .call_describe(&mut store)
            .await
            .map_err(|error| self.trapped(&error))?;
        self.described
            .get_or_init(|| (described.name.clone(), described.version.clone()));
        Ok(described)
    }

    /// Who asks, where a call is made of it for that provider.
    fn caller(&self, provider: &str) -> Caller {
        let (plugin, version) = self.described.get().cloned().unwrap_or_default();
        Caller {
            plugin,
            version,
            digest: self.digest.to_string(),
            provider: provider.to_owned(),
        }
    }

    /// Checks one provider's settings: a JSON object, less the keys that the shim keeps for itself.
    ///
    /// # Errors
    /// `internal` where the plugin traps. What is wrong with the settings is in the report.
    pub async fn check_config(&self, name: &str, settings: &str) -> Result<ConfigReport> {
        let mut store = self.store(&Session::idle())?;
        let plugin = self.instance(&mut store).await?;
        let backend = plugin.mngr_provider_backend();
        backend
            .call_check_config(&mut store, name, settings)
            .await
            .map_err(|error| self.trapped(&error))
    }

    /// Makes an instance, calls it, and throws it away. A call that is cancelled or traps is undone.
    pub(crate) async fn call<R>(
        &self,
        session: Session,
        call: impl AsyncFnOnce(&mut Store<Call>, &ProviderPlugin) -> wasmtime::Result<Result<R>>,
    ) -> Result<R> {
        if let Some(guard) = &session.guard {
            guard.called_by(self.caller(guard.provider()));
        }
        let mut store = self.store(&session)?;
        let plugin = self.instance(&mut store).await?;
        // The token is looked at first: a call that was cancelled before it began must not begin.
        let outcome = tokio::select! {
            biased;
            () = session.cancel.cancelled() => None,
            outcome = call(&mut store, &plugin) => Some(outcome),
        };
        drop(store);
        let mut error = match outcome {
            Some(Ok(result)) => {
                if let Some(guard) = &session.guard {
                    guard.end(result.is_ok());
                }
                return result;
            }
            Some(Err(trap)) => self.trapped(&trap),
            None => unavailable(
                "the call",
                "it was interrupted",
                "what it had made was removed; call again",
            ),
        };
        if let Some(guard) = &session.guard {
            let left = guard.roll_back().await;
            if !left.is_empty() {
                error = internal(
                    "the call",
                    format!("{}; left behind: {}", error.message(), left.join("; ")),
                    "see `mngr-docker list`",
                );
            }
        }
        Err(error)
    }

    fn store(&self, session: &Session) -> Result<Store<Call>> {
        let call = Call::new(self.origin.clone(), session.guard.clone(), session.progress.clone());
        let mut store = Store::new(&self.engine, call);
        store.limiter(|call| call.limits());
        store
            .set_fuel(FUEL)
            .and_then(|()| store.fuel_async_yield_interval(Some(YIELD_INTERVAL)))
            .map_err(|error| self.trapped(&error))?;
        Ok(store)
    }

    async fn instance(&self, store: &mut Store<Call>) -> Result<ProviderPlugin> {
        self.pre
            .instantiate_async(store)
            .await
            .map_err(|error| self.trapped(&error))
    }

    fn trapped(&self, error: &wasmtime::Error) -> ProviderError {
        let reason = match error.downcast_ref::<wasmtime::Trap>() {
            Some(wasmtime::Trap::OutOfFuel) => "it ran for too long without an answer".to_owned(),
            Some(trap) => trap.to_string(),
            None => format!("{error:#}"),
        };
        internal(
            format!("the plugin {}", self.origin),
            reason,
            "other calls are not affected; see the log (RUST_LOG=debug) and report it to the plugin's author",
        )
    }
}

impl Session {
    /// For calls that touch no engine.
    pub(crate) fn idle() -> Self {
        Self {
            guard: None,
            progress: Arc::new(|_| {}),
            cancel: CancellationToken::new(),
        }
    }
}
