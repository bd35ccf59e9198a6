//! WASM components: compiled once, one fresh instance for each call.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use semver::Version;
use wasmtime::component::{Component, Linker, Resource, ResourceTable};
use wasmtime::{Config, Engine};

use super::call::Session;
use super::compile::{Compiler, in_process};
use super::limits::{HOST_STACK, STACK};
use super::{ArtefactCache, CONTRACT, check_contract, check_header, check_import, read_component, sha256};
use crate::bridge::{Call, add_to_linker};
use crate::contract::Result;
use crate::contract::backend::{ConfigReport, Description};
use crate::contract::v0_1_0::ProviderPluginPre;
use crate::error::{internal, invalid};
use crate::policy::Caller;

/// Compiles components and keeps what every one of them is linked against.
pub struct Loader {
    engine: Engine,
    linker: Linker<Call>,
    cache: Option<ArtefactCache>,
    compiler: Compiler,
}

/// Who made a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Maker {
    /// It is a part of this program.
    Us,
    /// Anybody.
    Stranger,
}

/// What compiles and runs components. An artefact of one is good for any other.
///
/// # Errors
/// Where this machine can not run WebAssembly.
pub(super) fn engine() -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config
        .wasm_component_model_async(true)
        .consume_fuel(true)
        .max_wasm_stack(STACK)
        .async_stack_size(STACK + HOST_STACK);
    Engine::new(&config)
}

impl Loader {
    /// A loader that keeps compiled components in `cache`, or compiles each time where there is none.
    ///
    /// # Errors
    /// `internal` where this machine can not run WebAssembly.
    pub fn new(cache: Option<ArtefactCache>) -> Result<Self> {
        let fault = |error: wasmtime::Error| {
            internal(
                "the WebAssembly runtime",
                format!("{error:#}"),
                "report this with your processor and system",
            )
        };
        let engine = engine().map_err(fault)?;
        let mut linker = Linker::new(&engine);
        add_to_linker(&mut linker).map_err(fault)?;
        Ok(Self {
            engine,
            linker,
            cache,
            compiler: Compiler::default(),
        })
    }

    /// The same, which has components that are not built in compiled by `compiler`.
    #[must_use]
    pub fn compiled_by(self, compiler: Compiler) -> Self {
        Self { compiler, ..self }
    }

    /// Loads a component from a file.
    ///
    /// # Errors
    /// `invalid-argument` for the field `plugin`: the file can not be read, or is no plugin that this shim can run.
    pub fn load_file(&self, path: &Path) -> Result<Plugin> {
        let origin = path.display().to_string();
        let bytes = std::fs::File::open(path).and_then(read_component).map_err(|error| {
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
        self.load_hashed(origin, bytes, &sha256(bytes), Maker::Stranger)
    }

    /// The same of bytes whose SHA-256 and maker are known.
    pub(crate) fn load_hashed(&self, origin: &str, bytes: &[u8], digest: &str, maker: Maker) -> Result<Plugin> {
        check_header(origin, bytes)?;
        let (component, cached) = match self.cache.as_ref().and_then(|cache| cache.load(&self.engine, digest)) {
            Some(component) => (component, true),
            None => {
                let compiled = match maker {
                    Maker::Us => in_process(&self.engine, bytes),
                    Maker::Stranger => self.compiler.run(&self.engine, bytes),
                };
                let component = compiled.map_err(|reason| {
                    invalid(
                        "plugin",
                        origin,
                        format!("it does not compile: {reason}"),
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
    pub(super) engine: Engine,
    pub(super) pre: ProviderPluginPre<Call>,
    pub(super) origin: Arc<str>,
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
        let described = self
            .call(Session::brief(), async |store, plugin| {
                let backend = plugin.mngr_provider_backend();
                Ok(Ok(backend.call_describe(store).await?))
            })
            .await?;
        self.described
            .get_or_init(|| (described.name.clone(), described.version.clone()));
        Ok(described)
    }

    /// Who asks, where a call is made of it for that provider.
    pub(super) fn caller(&self, provider: &str) -> Caller {
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
        self.call(Session::brief(), async |store, plugin| {
            let backend = plugin.mngr_provider_backend();
            Ok(Ok(backend.call_check_config(store, name, settings).await?))
        })
        .await
    }
}
