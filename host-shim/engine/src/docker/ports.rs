//! Streams to ports of containers: from the engine's machine where that can be entered, else where they are published.

use std::net::IpAddr;

use mngr_contract::Result;
use mngr_contract::docker::EnginePlace;
use mngr_contract::error::{unavailable, unsupported};
use mngr_contract::instance::PortAddress;
use tokio::net::TcpStream;

use super::{DockerEngine, Machine};
use crate::Duplex;
use crate::endpoint::{Address, bracketed};

pub(super) async fn dial(engine: &DockerEngine, address: &PortAddress, port: u16) -> Result<Box<dyn Duplex>> {
    let published = || {
        let binding = address.published.as_ref()?;
        Some((binding.host_ip.as_str(), binding.host_port?))
    };
    match (&engine.0.machine, &address.address, &engine.0.endpoint.address) {
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
                engine.0.endpoint.address
            ),
            format!("make the agent with `-s \"-p {port}\"`, or reach the engine through ssh://"),
        )),
    }
}

/// Where an SSH client finds a port that is published on that address of the engine's machine.
pub(super) async fn reached_at(engine: &DockerEngine, published_on: &str) -> Result<(String, Option<String>)> {
    let is_loopback = published_on.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    match (&engine.0.machine, &engine.0.endpoint.address) {
        (Machine::Behind(tunnel), _) if is_loopback => {
            Ok((published_on.to_owned(), Some(tunnel.destination().to_string())))
        }
        (Machine::Behind(tunnel), _) => Ok((tunnel.destination().host_name().await, None)),
        (Machine::OutOfReach, Address::Tcp { host, .. }) => Ok((host.clone(), None)),
        _ => Ok((here(published_on).to_owned(), None)),
    }
}

/// Whose machine the engine is on. One at a loopback address of this machine is taken to be this machine's.
pub(super) fn place(engine: &DockerEngine) -> EnginePlace {
    let is_loopback =
        |host: &str| host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    match (&engine.0.machine, &engine.0.endpoint.address) {
        (Machine::Behind(_), _) => EnginePlace::OtherMachine,
        (_, Address::Tcp { host, .. }) if !is_loopback(host) => EnginePlace::OtherMachine,
        _ => EnginePlace::ThisMachine,
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
