//! WASM components: compiled once, one fresh instance for each call.

use std::path::Path;
use std::sync::Arc;

use mngr_contract::Result;
use mngr_contract::error::{internal, invalid};
use mngr_contract::v0_1_0::ProviderPluginPre;
use semver::Version;
use wasmtime::component::{Component, Linker, Resource, ResourceTable};
use wasmtime::{Config, Engine};

use super::compile::{Compiler, in_process};
use super::limits::{HOST_STACK, STACK};
use super::native::{self, Native};
use super::plugin::{Form, Plugin};
use super::running::Linked;
use super::{ArtefactCache, CONTRACT, check_contract, check_header, check_import, read_component, sha256, unreadable};
use crate::bridge::{CallState, add_to_linker};

/// Loads plugins: compiles components, keeps what every one of them is linked against, and opens native libraries.
pub struct Loader {
    engine: Engine,
    linker: Linker<CallState>,
    cache: Option<ArtefactCache>,
    /// None: what is not in the cache is not loaded.
    compiler: Option<Compiler>,
    native: Native,
}

/// Who made a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
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
            compiler: Some(Compiler::default()),
            native: Native::Refused,
        })
    }

    /// The same, which has components that are not built in compiled by `compiler`.
    #[must_use]
    pub fn compiled_by(self, compiler: Compiler) -> Self {
        Self {
            compiler: Some(compiler),
            ..self
        }
    }

    /// The same, which compiles nothing: a component that is not in the cache is not loaded, and none is put there.
    #[must_use]
    pub fn compiling_nothing(self) -> Self {
        Self { compiler: None, ..self }
    }

    /// The same, which loads native libraries too. They run outside the sandbox.
    #[must_use]
    pub fn allowing_native(self) -> Self {
        Self {
            native: Native::Allowed,
            ..self
        }
    }

    /// Loads a component, or where that is allowed a native library, from a file.
    ///
    /// # Errors
    /// `invalid-argument` for the field `plugin`: the file can not be read, or is no plugin that this shim can run; and for
    /// `allow_native`, where it is a native library and those are not allowed.
    pub fn load_file(&self, path: &Path) -> Result<Plugin> {
        self.load_file_as(path, self.native)
    }

    /// The same, whatever was decided about native libraries.
    ///
    /// # Errors
    /// As [`Loader::load_file`].
    pub fn load_file_as(&self, path: &Path, native: Native) -> Result<Plugin> {
        let origin = path.display().to_string();
        let bytes = std::fs::File::open(path)
            .and_then(read_component)
            .map_err(|error| unreadable(&origin, &error))?;
        self.load_as(&origin, &bytes, native)
    }

    /// Loads a plugin from its bytes; `origin` says where they are from.
    ///
    /// # Errors
    /// As [`Loader::load_file`].
    pub fn load(&self, origin: &str, bytes: &[u8]) -> Result<Plugin> {
        self.load_as(origin, bytes, self.native)
    }

    /// The same, whatever was decided about native libraries.
    pub fn load_as(&self, origin: &str, bytes: &[u8], native: Native) -> Result<Plugin> {
        self.load_hashed(origin, bytes, &sha256(bytes), Maker::Stranger, native)
    }

    /// The same of bytes whose SHA-256 and maker are known; `native` is what was decided about native libraries.
    pub(super) fn load_hashed(
        &self,
        origin: &str,
        bytes: &[u8],
        digest: &str,
        maker: Maker,
        native: Native,
    ) -> Result<Plugin> {
        if native::is_library(bytes) {
            native.may_load(origin)?;
            let (library, contract) = native::open(origin, bytes, digest)?;
            return Ok(Plugin::new(
                Form::Native(library),
                origin,
                digest,
                contract,
                native::interfaces(),
            ));
        }
        check_header(origin, bytes)?;
        let (component, cached) = match self.cache.as_ref().and_then(|cache| cache.load(&self.engine, digest)) {
            Some(component) => (component, true),
            None => {
                let compiled = match (&self.compiler, maker) {
                    (None, _) => Err("it was not compiled before, and is not to be now".to_owned()),
                    (Some(_), Maker::Us) => in_process(&self.engine, bytes),
                    (Some(compiler), Maker::Stranger) => compiler.run(&self.engine, bytes),
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
        let linked = Linked::new(self.engine.clone(), pre);
        let form = Form::Component(Arc::new(linked), cached);
        Ok(Plugin::new(form, origin, digest, contract, interfaces))
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

/// A result that may hold handles of host-owned streams, which the caller gets in place of the handles.
pub trait Returned {
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
