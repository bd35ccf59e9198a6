//! Ports of agents: where they answer.

use crate::contract::docker::{Container, ContainerStatus};
use crate::contract::instance::PortAddress;
use crate::error::unsupported_because;
use crate::{Capabilities, DockerProviderInstance, Result, agent, lifecycle, lookup};

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
        return Err(lifecycle::not_running(provider, &container, reason));
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

fn address(container: &Container) -> Option<String> {
    match container.network_mode.as_str() {
        "host" => Some("127.0.0.1".to_owned()),
        _ => container.addresses.first().cloned(),
    }
}
