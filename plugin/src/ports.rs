//! Ports of agents: where they answer.

use core::net::{IpAddr, Ipv4Addr};

use crate::contract::docker::{Container, ContainerStatus, EnginePlace, PortBinding};
use crate::contract::instance::PortAddress;
use crate::contract::types::ProviderError;
use crate::error::{invalid, unsupported_because};
use crate::start_args::{Draft, Fault};
use crate::{Capabilities, DockerProviderInstance, Result, agent, container, lookup};

/// The port that sshd listens on.
const SSH: u16 = 22;

/// Where a TCP port of a running agent answers.
///
/// # Errors
/// `conflict` for an agent that does not run, `unsupported` for one that can not be reached over a network, and whatever the
/// engine answers.
pub async fn port<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    reference: &str,
    port: u16,
) -> Result<PortAddress> {
    let container = lookup::agent(provider, reference).await?;
    if container.state.status != ContainerStatus::Running {
        let reason = "only a running agent answers on a port";
        return Err(container::not_running(provider, &container, reason));
    }
    let published = container
        .ports
        .iter()
        .find(|binding| binding.container_port == port && binding.protocol == "tcp" && binding.host_port.is_some());
    let found = PortAddress {
        container_id: container.id.clone(),
        address: address(&container),
        published: published.cloned(),
    };
    if found.address.is_none() && found.published.is_none() {
        return Err(unsupported_because(
            format!(
                "port {port} of agent `{}`",
                agent::of_container(&provider.name, &container).name
            ),
            format!("it has no network of its own (--network {})", container.network_mode),
            "make an agent with a network: leave out --network, or use `--network bridge`",
        ));
    }
    Ok(found)
}

/// Publishes the port of sshd on a port of the engine's choice, unless the arguments publish it already.
///
/// # Errors
/// `invalid-argument` for a setting `ssh_bind_address` on which the port could not be reached.
pub(crate) fn publish_ssh<C: Capabilities>(provider: &DockerProviderInstance<C>, draft: &mut Draft) -> Result<()> {
    let is_published = |binding: &PortBinding| binding.container_port == SSH && binding.protocol == "tcp";
    if draft.spec.ports.iter().any(is_published) {
        return Ok(());
    }
    let address = match (provider.settings.ssh_bind_address, provider.capabilities.place()) {
        (None, EnginePlace::ThisMachine) => format!("{}:", Ipv4Addr::LOCALHOST),
        (None, EnginePlace::OtherMachine) => String::new(),
        (Some(address), EnginePlace::ThisMachine) if address.is_ipv6() => {
            return Err(unreachable_at(address, "a port on this machine is reached over IPv4"));
        }
        (Some(address), EnginePlace::OtherMachine) if address.is_loopback() => {
            return Err(unreachable_at(
                address,
                "the engine is on another machine, whose loopback can not be reached from here",
            ));
        }
        (Some(IpAddr::V6(address)), _) => format!("[{address}]:"),
        (Some(IpAddr::V4(address)), _) => format!("{address}:"),
    };
    let port = match address.as_str() {
        "" => format!("--publish={SSH}"),
        address => format!("--publish={address}:{SSH}"),
    };
    draft.take(&[port]).map_err(Fault::into_error)
}

fn unreachable_at(address: IpAddr, reason: &str) -> ProviderError {
    let remedy =
        "leave ssh_bind_address out, or name an IPv4 address of the engine's machine that is reached from here";
    invalid("ssh_bind_address", &address.to_string(), reason, remedy)
}

fn address(container: &Container) -> Option<String> {
    match container.network_mode.as_str() {
        "host" => Some("127.0.0.1".to_owned()),
        _ => container.addresses.first().cloned(),
    }
}
