//! The contract's imports, one file per interface: what a plugin's calls arrive at.
//!
//! Nothing is decided here. Each function takes what it needs out of the store and awaits outside it; the work is done by
//! [`Guard`], which can be tested with no WASM anywhere.

mod docker;
mod gpu;
mod ssh;
mod system;

use std::sync::Arc;

use wasmtime::component::{HasSelf, Linker, ResourceTable};
use wasmtime::{StoreLimits, StoreLimitsBuilder};

use crate::contract::ProviderPlugin;
use crate::engine::ProgressSink;
use crate::guard::Guard;

/// Most memory one call of a plugin may use, in bytes. 10,000 agents with long labels take about a tenth of it.
const MEMORY_LIMIT: usize = 256 << 20;

/// What one instance of a plugin, made for one call, can reach.
pub struct Call {
    /// The engine; absent for the calls that have no business with one (`describe`, `check-config`).
    guard: Option<Arc<Guard>>,
    progress: ProgressSink,
    /// Who writes to the log.
    plugin: Arc<str>,
    /// Streams that the plugin holds handles of.
    pub(crate) table: ResourceTable,
    limits: StoreLimits,
}

impl Call {
    /// A store's content for one call.
    pub fn new(plugin: Arc<str>, guard: Option<Arc<Guard>>, progress: ProgressSink) -> Self {
        let limits = StoreLimitsBuilder::new()
            .memory_size(MEMORY_LIMIT)
            .instances(16)
            .tables(16)
            .memories(2)
            .build();
        Self {
            guard,
            progress,
            plugin,
            table: ResourceTable::new(),
            limits,
        }
    }

    /// The limits of this store, for `Store::limiter`.
    pub(crate) fn limits(&mut self) -> &mut dyn wasmtime::ResourceLimiter {
        &mut self.limits
    }
}

/// Offers every import of the contract.
///
/// # Errors
/// Where a name is defined twice, which would be a fault of the shim.
pub fn add_to_linker(linker: &mut Linker<Call>) -> wasmtime::Result<()> {
    ProviderPlugin::add_to_linker::<Call, HasSelf<Call>>(linker, |call| call)
}

impl crate::contract::types::Host for Call {}
