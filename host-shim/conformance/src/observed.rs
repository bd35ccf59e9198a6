//! An engine that is watched: what is asked of it is written down, and calls of it go wrong on order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use mngr_host_shim::contract::Result;
use mngr_host_shim::contract::docker::EnginePlace;
use mngr_host_shim::contract::instance::PortAddress;
use mngr_host_shim::engine::operations::types::*;
use mngr_host_shim::engine::{Connection, Duplex, Engine, Operation, engine_operations};
use mngr_host_shim::error::unavailable;
use mngr_sandbox::{Fault, Faults};
use tokio::sync::watch;

/// The engine as the provider under test reaches it.
pub struct Observed {
    engine: Arc<dyn Engine>,
    faults: Faults,
    is_down: AtomicBool,
    asked: watch::Sender<Vec<Operation>>,
    commits: Mutex<Vec<CommitOptions>>,
}

impl Observed {
    pub fn new(engine: Arc<dyn Engine>) -> Self {
        Self {
            engine,
            faults: Faults::default(),
            is_down: AtomicBool::new(false),
            asked: watch::Sender::default(),
            commits: Mutex::default(),
        }
    }

    /// Makes the call of an operation go wrong that comes after this many others of it.
    pub fn fail(&self, operation: Operation, after: usize, fault: Fault) {
        for _ in 0..after {
            self.faults.pass(operation);
        }
        self.faults.push(operation, fault);
    }

    /// From now on the engine can not be reached, or can be again.
    pub fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::SeqCst);
    }

    /// Forgets what it was asked.
    pub fn forget(&self) {
        self.asked.send_replace(Vec::new());
        self.commits().clear();
    }

    /// What it was asked since, in order.
    pub fn asked(&self) -> Vec<Operation> {
        self.asked.borrow().clone()
    }

    /// Those of it that change something.
    pub fn changes(&self) -> Vec<Operation> {
        let mut asked = self.asked();
        asked.retain(|operation| operation.changes());
        asked
    }

    /// Waits until it is asked for this.
    pub async fn until(&self, operation: Operation) {
        let mut asked = self.asked.subscribe();
        // It holds the sender itself, so that this can not fail.
        let _ = asked.wait_for(|asked| asked.contains(&operation)).await;
    }

    /// How it was asked to make images of containers.
    pub fn commits(&self) -> MutexGuard<'_, Vec<CommitOptions>> {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn around<T>(&self, operation: Operation, call: impl Future<Output = Result<T>>) -> Result<T> {
        self.asked.send_modify(|asked| asked.push(operation));
        if self.is_down.load(Ordering::SeqCst) {
            return Err(down());
        }
        self.faults.around(operation, call).await
    }
}

/// What an engine that is not there answers.
pub fn down() -> mngr_host_shim::contract::ProviderError {
    unavailable("the engine", "it does not answer", "start it")
}

#[async_trait]
impl Connection for Observed {
    fn endpoint(&self) -> String {
        self.engine.endpoint()
    }

    fn place(&self) -> EnginePlace {
        self.engine.place()
    }

    /// All calls are written down in one place.
    fn for_one_call(&self) -> Option<Arc<dyn Engine>> {
        None
    }

    fn with_privileged_exec(&self) -> Option<Arc<dyn Engine>> {
        None
    }

    async fn reached_at(&self, address: &str) -> Result<(String, Option<String>)> {
        self.engine.reached_at(address).await
    }

    async fn dial(&self, address: &PortAddress, port: u16) -> Result<Box<dyn Duplex>> {
        self.engine.dial(address, port).await
    }
}

/// Writes down with what arguments an operation was asked for, where a rule is about them.
macro_rules! noted {
    ($observed:ident container_commit($id:ident, $options:ident)) => {
        $observed.commits().push($options.clone());
    };
    ($observed:ident $name:ident($($argument:ident),*)) => {};
}

macro_rules! observed_engine {
    ($($(#[$meta:meta])* $operation:ident: $name:ident($($argument:ident: $kind:ty),*) -> $result:ty { $($columns:tt)* })*) => {
        #[async_trait]
        impl Engine for Observed {
            $(async fn $name(&self, $($argument: $kind),*) -> Result<$result> {
                noted!(self $name($($argument),*));
                self.around(Operation::$operation, self.engine.$name($($argument),*)).await
            })*
        }
    };
}

engine_operations!(observed_engine);
