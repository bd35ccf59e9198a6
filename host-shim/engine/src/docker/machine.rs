//! The machine that runs the engine: commands on it, and streams to the ports of its containers. From the machine itself where it
//! can be entered, else where ports are published.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use mngr_contract::Result;
use mngr_contract::docker::EnginePlace;
use mngr_contract::error::{unavailable, unsupported};
use mngr_contract::instance::PortAddress;
use mngr_contract::ssh::{Command, CommandOutput};
use tokio::net::TcpStream;

use super::turns::Flow;
use super::{DockerEngine, errors};
use crate::endpoint::{Address, bracketed};
use crate::ssh::Tunnel;
use crate::{Connection, Duplex, Engine, machine};

/// The machine, as far as commands can be run on it.
pub(super) enum Machine {
    This,
    Behind(Arc<Tunnel>),
    OutOfReach,
}

#[async_trait]
impl Connection for DockerEngine {
    fn endpoint(&self) -> String {
        self.shared.endpoint.address.to_string()
    }

    /// One at a loopback address of this machine is taken to be this machine's.
    fn place(&self) -> EnginePlace {
        let is_loopback =
            |host: &str| host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
        match (&self.shared.machine, &self.shared.endpoint.address) {
            (Machine::Behind(_), _) => EnginePlace::OtherMachine,
            (_, Address::Tcp { host, .. }) if !is_loopback(host) => EnginePlace::OtherMachine,
            _ => EnginePlace::ThisMachine,
        }
    }

    fn for_one_call(&self) -> Option<Arc<dyn Engine>> {
        Some(Arc::new(Self {
            flow: Flow::new(),
            ..self.clone()
        }))
    }

    fn with_privileged_exec(&self) -> Option<Arc<dyn Engine>> {
        Some(Arc::new(Self {
            privileged_exec: true,
            ..self.clone()
        }))
    }

    async fn reached_at(&self, published_on: &str) -> Result<(String, Option<String>)> {
        let is_loopback = published_on.parse().is_ok_and(|address: IpAddr| address.is_loopback());
        match (&self.shared.machine, &self.shared.endpoint.address) {
            (Machine::Behind(tunnel), _) if is_loopback => {
                Ok((published_on.to_owned(), Some(tunnel.destination().to_string())))
            }
            (Machine::Behind(tunnel), _) => Ok((tunnel.destination().host_name().await, None)),
            (Machine::OutOfReach, Address::Tcp { host, .. }) => Ok((host.clone(), None)),
            _ => Ok((here(published_on).to_owned(), None)),
        }
    }

    async fn dial(&self, address: &PortAddress, port: u16) -> Result<Box<dyn Duplex>> {
        let connecting = tokio::time::timeout(self.timeout(), open(self, address, port));
        connecting.await.unwrap_or_else(|_| {
            let operation = self.reads("reach", "port", "");
            Err(errors::late(&self.shared.endpoint, &operation))
        })
    }
}

pub(super) async fn machine_run(engine: &DockerEngine, command: Command) -> Result<CommandOutput> {
    match &engine.shared.machine {
        Machine::This => machine::run_here(command).await,
        Machine::Behind(tunnel) => tunnel.run(command).await,
        Machine::OutOfReach => Err(machine::no_way(&engine.endpoint())),
    }
}

async fn open(engine: &DockerEngine, address: &PortAddress, port: u16) -> Result<Box<dyn Duplex>> {
    let published = || {
        let binding = address.published.as_ref()?;
        Some((binding.host_ip.as_str(), binding.host_port?))
    };
    match (
        &engine.shared.machine,
        &address.address,
        &engine.shared.endpoint.address,
    ) {
        (Machine::This, Some(host), _) => tcp(host, port).await,
        (Machine::Behind(tunnel), Some(host), _) => Ok(Box::new(tunnel.open_port(host, port).await?)),
        (Machine::This, None, _) if let Some((host, port)) = published() => tcp(here(host), port).await,
        (Machine::Behind(tunnel), None, _) if let Some((host, port)) = published() => {
            Ok(Box::new(tunnel.open_port(here(host), port).await?))
        }
        (Machine::OutOfReach, _, Address::Tcp { host, .. }) if let Some((_, port)) = published() => {
            tcp(host, port).await
        }
        _ => Err(unsupported(
            format!("port {port}"),
            format!(
                "only published ports can be reached behind {}",
                engine.shared.endpoint.address
            ),
            format!("make the agent with `-s \"-p {port}\"`, or reach the engine through ssh://"),
        )),
    }
}

/// Where to go for a port that is published on an address of that very machine.
fn here(published_on: &str) -> &str {
    match published_on {
        "" | "0.0.0.0" | "::" => "127.0.0.1",
        address => address,
    }
}

async fn tcp(host: &str, port: u16) -> Result<Box<dyn Duplex>> {
    match TcpStream::connect((host, port)).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => Err(unavailable(
            format!("port {port} at {}", bracketed(host)),
            error.to_string(),
            "see whether anything listens on that port in the agent, on all addresses and not only on 127.0.0.1",
        )),
    }
}
