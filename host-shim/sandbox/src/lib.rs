//! An engine in memory, faithful to Docker (API 1.41) where a provider can tell: containers, labels, states, signals, exec of
//! scripted commands, images, commits, volumes, archives, logs and events.
//!
//! It is what the demo runs on where there is no engine, and what the provider's behaviour tests run on besides the real one.
//! Its words for errors are the real engine's, as Engine 20.10 was seen to give them. What it has not got: a network, a
//! registry but one in memory that it is given, builds, and any program but the toolbox of its images.
//!
//! ```
//! use mngr_engine::Engine;
//! use mngr_sandbox::SandboxEngine;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> mngr_contract::Result<()> {
//! let engine = SandboxEngine::new().with_image("busybox");
//! let image = engine.image_inspect("busybox").await?;
//! assert_eq!(image.tags, ["busybox:latest"]);
//! # Ok(())
//! # }
//! ```

mod archive;
mod commands;
mod commit;
mod containers;
mod create;
mod errors;
mod exec;
mod faults;
mod filesystem;
mod images;
mod import;
mod lifecycle;
mod log;
mod process;
mod programs;
#[cfg(test)]
mod scratch;
mod shell;
mod state;
mod transfer;
mod tree;
mod volumes;
mod watch;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use async_trait::async_trait;

pub use faults::{Fault, Faults};
pub use mngr_engine::Operation;
use state::State;
pub use transfer::SandboxRegistry;

use mngr_contract::Result;
use mngr_contract::docker::EnginePlace;
use mngr_contract::error::unsupported;
use mngr_contract::instance::PortAddress;
use mngr_engine::operations::types::*;
use mngr_engine::{Connection, Duplex, Engine};

/// A Docker engine in memory. Clones are the same engine; what runs in it ends when the last is dropped.
#[derive(Debug, Clone)]
pub struct SandboxEngine {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    faults: Faults,
    /// What commands on its machine print.
    answers: Mutex<Vec<(Vec<String>, String)>>,
    /// Whether it carries out requests for GPUs.
    gpus: AtomicBool,
    /// Which registry it reaches.
    registry: Mutex<Option<SandboxRegistry>>,
    born: Instant,
}

struct WeakEngine(Weak<Inner>);

impl WeakEngine {
    fn upgrade(&self) -> Option<SandboxEngine> {
        self.0.upgrade().map(|inner| SandboxEngine { inner })
    }
}

impl Default for SandboxEngine {
    fn default() -> Self {
        Self::new()
    }
}

impl SandboxEngine {
    /// An engine with no containers and no images; see [`with_image`](Self::with_image).
    pub fn new() -> Self {
        Self {
            inner: Arc::new(Inner {
                state: Mutex::default(),
                faults: Faults::default(),
                answers: Mutex::default(),
                gpus: AtomicBool::new(false),
                registry: Mutex::default(),
                born: Instant::now(),
            }),
        }
    }

    /// Makes the next call of `operation` go wrong. Faults for one operation wait in line, one for each call.
    pub fn fail_next(&self, operation: Operation, fault: Fault) {
        self.inner.faults.push(operation, fault);
    }

    /// Faults that no call has met are forgotten.
    pub fn forget_faults(&self) {
        self.inner.faults.clear();
    }

    /// From now on a command on the engine's machine that begins with these words ends well and prints `stdout`. The engine
    /// has no machine, so every other command but `realpath` is `unsupported`.
    pub fn answer_command(&self, argv: &[&str], stdout: &str) {
        let words = argv.iter().map(|word| (*word).to_owned()).collect();
        locked(&self.inner.answers).push((words, stdout.to_owned()));
    }

    /// From now on a container that asks for GPUs is started as on an engine with NVIDIA's hook, and gets nothing.
    pub fn accept_gpus(&self) {
        self.inner.gpus.store(true, Ordering::Relaxed);
    }

    fn accepts_gpus(&self) -> bool {
        self.inner.gpus.load(Ordering::Relaxed)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.inner.state)
    }

    /// For tasks of containers, which must not keep the engine alive.
    fn downgrade(&self) -> WeakEngine {
        WeakEngine(Arc::downgrade(&self.inner))
    }

    fn uptime(&self) -> Duration {
        self.inner.born.elapsed()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// CPUs of this machine.
fn cpus() -> u32 {
    std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(u32::MAX))
}

#[async_trait]
impl Connection for SandboxEngine {
    fn endpoint(&self) -> String {
        "sandbox".to_owned()
    }

    fn place(&self) -> EnginePlace {
        EnginePlace::ThisMachine
    }

    fn for_one_call(&self) -> Option<Arc<dyn Engine>> {
        None
    }

    fn with_privileged_exec(&self) -> Option<Arc<dyn Engine>> {
        None
    }

    async fn reached_at(&self, _address: &str) -> Result<(String, Option<String>)> {
        Ok(("127.0.0.1".to_owned(), None))
    }

    async fn dial(&self, _address: &PortAddress, port: u16) -> Result<Box<dyn Duplex>> {
        Err(unsupported(
            format!("port {port}"),
            "there is no network at sandbox",
            "use a Docker engine",
        ))
    }
}

macro_rules! sandbox_engine {
    ($($(#[$meta:meta])* $operation:ident: $name:ident($($argument:ident: $kind:ty),*) -> $result:ty { $($columns:tt)* })*) => {
        /// What carries out the operations, without their faults: a method each, named as the operation is. The trait is not in
        /// scope here, so that a name can mean nothing else.
        mod operations {
            use mngr_contract::Result;
            use mngr_engine::operations::types::*;

            use super::SandboxEngine;

            $(pub(super) fn $name(
                engine: &SandboxEngine,
                $($argument: $kind),*
            ) -> impl Future<Output = Result<$result>> {
                engine.$name($($argument),*)
            })*
        }

        #[async_trait]
        impl Engine for SandboxEngine {
            $(async fn $name(&self, $($argument: $kind),*) -> Result<$result> {
                let call = operations::$name(self, $($argument),*);
                self.inner.faults.around(Operation::$operation, call).await
            })*
        }
    };
}

mngr_engine::engine_operations!(sandbox_engine);
