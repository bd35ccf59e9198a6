//! A component that is ready to run, an instance of it, and the one function that a call asks it for.

use std::sync::atomic::{AtomicBool, Ordering};

use mngr_contract::v0_1_0::ProviderPluginPre;
use mngr_contract::{ProviderPlugin, VERSION};
use wasmtime::component::{ComponentNamedList, ComponentType, Instance, Lift, Lower, TypedFunc};
use wasmtime::{Engine, Store};

use super::CONTRACT;
use crate::bridge::CallState;

/// A component that has been compiled and linked. Each call gets an instance of its own.
pub(super) struct Linked {
    pub engine: Engine,
    pre: ProviderPluginPre<CallState>,
    /// Every function has been seen to have the contract's types.
    fits: AtomicBool,
}

impl Linked {
    pub fn new(engine: Engine, pre: ProviderPluginPre<CallState>) -> Self {
        Self {
            engine,
            pre,
            fits: AtomicBool::new(false),
        }
    }

    /// Makes an instance. The types of all of its functions are looked at for the first one, and take as long as making it: for
    /// the others only those of the function that is asked for.
    pub async fn instance(&self, mut store: Store<CallState>) -> wasmtime::Result<Running> {
        let instance = self.pre.instance_pre().instantiate_async(&mut store).await?;
        if !self.fits.load(Ordering::Relaxed) {
            ProviderPlugin::new(&mut store, &instance)?;
            self.fits.store(true, Ordering::Relaxed);
        }
        Ok(Running { store, instance })
    }
}

/// An instance, and all that there is of it.
pub(super) struct Running {
    pub store: Store<CallState>,
    instance: Instance,
}

impl Running {
    /// The function of an operation, `INTERFACE.FUNCTION`.
    pub fn function<A, R>(&mut self, operation: &str) -> wasmtime::Result<TypedFunc<A, R>>
    where
        A: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        let absent = || wasmtime::Error::msg(format!("it has no function {operation}"));
        let (interface, function) = operation.split_once('.').ok_or_else(absent)?;
        let (instance, store) = (self.instance, &mut self.store);
        let interface = format!("{CONTRACT}{interface}@{VERSION}");
        let interface = instance.get_export_index(&mut *store, None, &interface);
        let function = interface.and_then(|within| instance.get_export_index(&mut *store, Some(&within), function));
        instance.get_typed_func(store, function.ok_or_else(absent)?)
    }

    /// Asks for an operation that answers at once.
    pub async fn ask<A, R>(&mut self, operation: &str, arguments: A) -> wasmtime::Result<R>
    where
        A: ComponentNamedList + Lower + Send + Sync,
        R: ComponentType + Lift + Send + Sync + 'static,
    {
        let function = self.function::<A, (R,)>(operation)?;
        let (answer,) = function.call_async(&mut self.store, arguments).await?;
        Ok(answer)
    }

    /// Asks for an operation that may call the host, and wait for it, as often as it likes.
    pub async fn run<A, R>(&mut self, operation: &str, arguments: A) -> wasmtime::Result<R>
    where
        A: ComponentNamedList + Lower + Send + Sync + 'static,
        R: ComponentType + Lift + Send + Sync + 'static,
    {
        let function = self.function::<A, (R,)>(operation)?;
        let running = self
            .store
            .run_concurrent(async |call| function.call_concurrent(call, arguments).await);
        let (answer,) = running.await??;
        Ok(answer)
    }
}
