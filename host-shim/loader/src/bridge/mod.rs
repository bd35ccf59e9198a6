//! The contract's imports, one file per interface, and all of them by name for a native library: what a plugin's calls arrive
//! at.
//!
//! Nothing is decided here. Each function takes what it needs out of the store and awaits outside it; the work is done by
//! [`Guard`](mngr_guard::Guard), which can be tested with no WASM anywhere.

mod context;
mod docker;
mod gpu;
mod meter;
mod native;
mod ssh;
mod system;

use wasmtime::component::{HasSelf, Linker, ResourceTable};
use wasmtime::{CallHook, ResourceLimiter, StoreContextMut};

use crate::{INSTANCES, MEMORIES, TABLES};
pub(crate) use context::CallContext;
pub(crate) use meter::{Excess, Meter};
use mngr_contract::ProviderPlugin;
pub(crate) use native::{HostCalls, Streams};

/// What one instance of a plugin, made for one call, has.
pub struct CallState {
    context: CallContext,
    /// Streams that the plugin holds handles of.
    pub(crate) table: ResourceTable,
}

impl CallState {
    /// A store's content for one call.
    pub(crate) fn new(context: CallContext) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(usize::try_from(context.meter.limits().handles).unwrap_or(usize::MAX));
        Self { context, table }
    }
}

impl ResourceLimiter for CallState {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.context.meter.memory(difference(current, desired))?;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(error)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.context.meter.table_elements(difference(current, desired))?;
        Ok(true)
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(error)
    }

    fn instances(&self) -> usize {
        INSTANCES
    }

    fn tables(&self) -> usize {
        TABLES
    }

    fn memories(&self) -> usize {
        MEMORIES
    }
}

fn difference(current: usize, desired: usize) -> u64 {
    u64::try_from(desired.saturating_sub(current)).unwrap_or(u64::MAX)
}

/// Looks at a call's limits whenever the plugin enters or leaves the host, for `Store::call_hook`.
///
/// # Errors
/// Where one was exceeded: the plugin traps.
pub(crate) fn look(mut store: StoreContextMut<'_, CallState>, hook: CallHook) -> wasmtime::Result<()> {
    match hook {
        CallHook::CallingHost => {
            let meter = store.data().context.meter.clone();
            meter.check()?;
            store.set_hostcall_fuel(meter.share());
        }
        CallHook::ReturningFromHost => store.data().context.meter.check()?,
        CallHook::CallingWasm | CallHook::ReturningFromWasm => {}
    }
    Ok(())
}

/// Offers every import of the contract.
///
/// # Errors
/// Where a name is defined twice, which would be a fault of the shim.
pub fn add_to_linker(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    ProviderPlugin::add_to_linker::<CallState, HasSelf<CallState>>(linker, |call| call)
}

impl mngr_contract::types::Host for CallState {}
