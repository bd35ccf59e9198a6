//! The real engine: bollard over connections that are kept open, with a deadline on every call.
//!
//! bollard is used where it gives the whole answer. It is passed by (`requests`) for what it drops or garbles: the warnings
//! of an update, output with a terminal, the error of an archive that is not there. And it is passed by for lists and lines, of
//! which it holds as many as come.

mod allowance;
mod archive;
mod build;
mod compare;
mod containers;
mod convert_image;
mod convert_inspect;
mod convert_limits;
mod convert_mounts;
mod convert_networks;
mod convert_spec;
mod convert_values;
mod derive;
mod errors;
mod events;
mod exec;
mod file_sync;
mod flatten;
mod frames;
mod images;
mod import;
mod logs;
mod machine;
mod messages;
mod newer;
mod references;
mod registry;
mod registry_errors;
mod requests;
mod rows;
mod session;
mod system;
pub mod tarball;
mod transfer;
mod transport;
mod turns;
mod volumes;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bollard::errors::Error;
use bollard::{API_DEFAULT_VERSION, Docker};
use mngr_contract::Result;
use mngr_contract::error::internal;
use mngr_contract::limits::ANSWER;
use tokio::sync::OnceCell;

use self::allowance::Extent;
use self::errors::OperationContext;
use self::machine::Machine;
use self::system::ApiVersion;
use self::transport::{Target, Transport};
use self::turns::{Flow, Turn, Turns};
use super::Engine;
use super::endpoint::{Address, Endpoint, LOCAL_SOCKET, bracketed};
use super::operations::types::*;
use super::ssh::{self, Destination, Tunnel, Tunnels};
use super::tls::Tls;

/// bollard's own deadline, in seconds: never. It would cut a commit at two minutes, and it does not cover an answer's body.
const NO_DEADLINE: u64 = u64::MAX;

/// What an engine is asked for at once: of what is answered at once, and again of what may take long.
const AT_ONCE: usize = 32;

/// A Docker engine. Cloning is cheap and shares the connections.
#[derive(Clone)]
pub struct DockerEngine {
    shared: Arc<Shared>,
    flow: Flow,
    /// Commands in containers get all rights.
    privileged_exec: bool,
}

struct Shared {
    endpoint: Endpoint,
    machine: Machine,
    /// How a request's target begins.
    url: String,
    transport: Transport,
    docker: Docker,
    timeout: Duration,
    /// Of what is answered at once.
    short: Turns,
    /// Of what may take long.
    long: Turns,
    /// Set by the first call that reaches an engine new enough.
    api: OnceCell<ApiVersion>,
}

impl std::fmt::Debug for DockerEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("DockerEngine").field(&self.shared.endpoint).finish()
    }
}

impl DockerEngine {
    /// An engine at `endpoint`, whose ordinary calls may take `timeout`. Nothing is sent yet.
    ///
    /// # Errors
    /// `invalid-argument` for certificates that can not be used.
    pub fn new(endpoint: Endpoint, ssh: &ssh::Settings, timeout: Duration, tunnels: &Tunnels) -> Result<Self> {
        let nameless = || "http://localhost".to_owned();
        let (target, machine, url) = match (&endpoint.address, &endpoint.tls) {
            (Address::Unix(path), _) => (Target::Unix(path.clone()), Machine::This, nameless()),
            (Address::Tcp { host, port, .. }, tls) => {
                let authority = format!("{}:{port}", bracketed(host));
                let url = format!("http://{authority}");
                let target = match tls {
                    None => Target::Tcp(authority),
                    Some(files) => Target::Tls(authority, Tls::new(host, files)?),
                };
                (target, Machine::OutOfReach, url)
            }
            (
                Address::Ssh {
                    user,
                    host,
                    port,
                    socket,
                },
                _,
            ) => {
                let tunnel = tunnels.to(Destination {
                    user: user.clone(),
                    host: host.clone(),
                    port: *port,
                    settings: ssh.clone(),
                });
                let socket = socket.clone().unwrap_or_else(|| LOCAL_SOCKET.to_owned());
                (Target::Ssh(tunnel.clone(), socket), Machine::Behind(tunnel), nameless())
            }
        };
        let path = match &endpoint.address {
            Address::Tcp { path, .. } => path.clone(),
            _ => String::new(),
        };
        let transport = Transport::new(target, path);
        let sender = transport.clone();
        let docker = Docker::connect_with_custom_transport(
            move |request| {
                let sender = sender.clone();
                async move { sender.send(request, Extent::Whole(ANSWER)).await }
            },
            Some(url.as_str()),
            NO_DEADLINE,
            API_DEFAULT_VERSION,
        )
        .map_err(|error| internal("bollard", error.to_string(), "report this"))?;
        let shared = Shared {
            endpoint,
            machine,
            url,
            transport,
            docker,
            timeout,
            short: Turns::new(AT_ONCE),
            long: Turns::new(AT_ONCE),
            api: OnceCell::new(),
        };
        Ok(Self {
            shared: Arc::new(shared),
            flow: Flow::new(),
            privileged_exec: false,
        })
    }

    /// Where it is, and what chose it.
    pub fn chosen(&self) -> &Endpoint {
        &self.shared.endpoint
    }

    /// The SSH connection that it is behind, and its socket on the other side.
    pub fn tunnel(&self) -> Option<(&Arc<Tunnel>, &str)> {
        match (&self.shared.machine, &self.shared.endpoint.address) {
            (Machine::Behind(tunnel), Address::Ssh { socket, .. }) => {
                Some((tunnel, socket.as_deref().unwrap_or(LOCAL_SOCKET)))
            }
            _ => None,
        }
    }

    fn docker(&self) -> &Docker {
        &self.shared.docker
    }

    fn timeout(&self) -> Duration {
        self.shared.timeout
    }

    /// An operation that changes nothing.
    fn reads<'a>(&self, verb: &'static str, kind: &'static str, name: &'a str) -> OperationContext<'a> {
        OperationContext {
            verb,
            kind,
            name,
            changes: false,
            deadline: self.timeout(),
        }
    }

    /// An operation whose effect may be there although no answer came.
    fn changes<'a>(&self, verb: &'static str, kind: &'static str, name: &'a str) -> OperationContext<'a> {
        OperationContext {
            changes: true,
            ..self.reads(verb, kind, name)
        }
    }

    /// Runs a request under its deadline, after the engine has been checked once and when it is its turn.
    async fn run<T>(
        &self,
        operation: OperationContext<'_>,
        request: impl Future<Output = std::result::Result<T, Error>>,
    ) -> Result<T> {
        let _turn = self.turn(&operation).await?;
        self.run_now(operation, request).await
    }

    /// Waits until it is this operation's turn. An engine that is asked for more than it can do at once would let requests run
    /// into their deadlines.
    async fn turn(&self, operation: &OperationContext<'_>) -> Result<Turn> {
        self.check().await?;
        let long = operation.deadline > self.timeout();
        let turns = if long { &self.shared.long } else { &self.shared.short };
        Ok(turns.take(self.flow).await)
    }

    /// Runs what is part of something that is under way already.
    async fn run_now<T>(
        &self,
        operation: OperationContext<'_>,
        request: impl Future<Output = std::result::Result<T, Error>>,
    ) -> Result<T> {
        match tokio::time::timeout(operation.deadline, request).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(errors::failed(&self.shared.endpoint, &operation, &error)),
            Err(_) => Err(errors::late(&self.shared.endpoint, &operation)),
        }
    }
}

/// What carries out the operations: a function each, named as the operation is.
mod operations {
    pub(super) use super::archive::*;
    pub(super) use super::build::*;
    pub(super) use super::compare::*;
    pub(super) use super::containers::*;
    pub(super) use super::derive::*;
    pub(super) use super::events::*;
    pub(super) use super::exec::*;
    pub(super) use super::images::*;
    pub(super) use super::import::*;
    pub(super) use super::logs::*;
    pub(super) use super::machine::*;
    pub(super) use super::registry::*;
    pub(super) use super::system::*;
    pub(super) use super::transfer::*;
    pub(super) use super::volumes::*;
}

macro_rules! docker_engine {
    ($($(#[$meta:meta])* $operation:ident: $name:ident($($argument:ident: $kind:ty),*) -> $result:ty { $($columns:tt)* })*) => {
        #[async_trait]
        impl Engine for DockerEngine {
            $(async fn $name(&self, $($argument: $kind),*) -> Result<$result> {
                operations::$name(self, $($argument),*).await
            })*
        }
    };
}

crate::engine_operations!(docker_engine);
