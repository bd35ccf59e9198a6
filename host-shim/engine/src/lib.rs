//! Engines: the one trait that the bridge speaks, and the real engine behind it.
//!
//! [`Engine`] has one method for each row of the table in [`operations`], and [`Connection`] what else the host must know of an
//! engine. The real engine and the sandbox engine implement both.

pub mod build;
pub mod connect;
pub mod credentials;
pub mod difference;
pub mod docker;
pub mod endpoint;
pub mod exec_tar;
pub mod failpoint;
pub mod machine;
pub mod operations;
pub mod proxies;
pub mod scratch;
pub mod ssh;
pub mod tls;
mod traced;
mod unix;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};

use mngr_contract::Result;
use mngr_contract::docker::EnginePlace;
use mngr_contract::instance::PortAddress;
use mngr_contract::system::Progress;
use operations::types::*;

pub use operations::Operation;
pub use traced::Traced;

/// Where an operation that takes long says how far it has come.
pub type ProgressSink = Arc<dyn Fn(Progress) + Send + Sync>;

/// Nanoseconds that are added to the whole seconds of [`LogOptions`], the times between which a log is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fractions {
    /// To `since`.
    pub since: u32,
    /// To `until`.
    pub until: u32,
}

/// Bytes in both directions.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// How this host is connected to an engine, and to the ports of its containers. All but [`place`](Self::place) is the host's own
/// business.
#[async_trait]
pub trait Connection: Send + Sync + 'static {
    /// Where the engine is, for people: `unix:///var/run/docker.sock`, `sandbox`.
    fn endpoint(&self) -> String;

    /// Whose machine it is on, seen from here.
    fn place(&self) -> EnginePlace;

    /// The engine for one call of a provider, where it keeps apart who asks: each call gets its turn.
    fn for_one_call(&self) -> Option<Arc<dyn Engine>>;

    /// This engine as one that runs commands in containers with all rights (`docker exec --privileged`). None where it cannot.
    fn with_privileged_exec(&self) -> Option<Arc<dyn Engine>>;

    /// The name under which a port that is published on `address` of the engine's machine is reached from here, and the machine
    /// to go through, where there is one.
    ///
    /// # Errors
    /// Where that machine cannot be asked.
    async fn reached_at(&self, address: &str) -> Result<(String, Option<String>)>;

    /// A stream to a TCP port of a container, from wherever this is.
    ///
    /// # Errors
    /// `unsupported` where there is no way to it, `unavailable` where nothing answers there.
    async fn dial(&self, address: &PortAddress, port: u16) -> Result<Box<dyn Duplex>>;
}

macro_rules! engine {
    ($($(#[$meta:meta])* $operation:ident: $name:ident($($argument:ident: $kind:ty),*) -> $result:ty { $($columns:tt)* })*) => {
        /// A Docker engine, real or not: the operations of the table.
        ///
        /// Where the engine answers 404 the error is `not-found`, 409 `conflict`, 400 `invalid-argument`, a full disk
        /// `resource-exhausted`, no answer `unavailable` or `timeout`.
        #[async_trait]
        pub trait Engine: Connection {
            $($(#[$meta])* async fn $name(&self, $($argument: $kind),*) -> Result<$result>;)*
        }
    };
}

engine_operations!(engine);
