//! `--publish`, `--expose`, `--network`, `--dns` and `--add-host`.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use mngr_docker_grammar::words::shown;

use super::values::{Outcome, comma_separated, one_of};
use super::{Bad, Draft};
use crate::contract::docker::{NetworkEndpoint, PortBinding};

/// `[[ADDRESS:][HOST-PORT]:]PORT[/PROTOCOL]`, each port a number or a range.
pub fn publish(draft: &mut Draft, value: &str) -> Outcome {
    let bad = |reason: &str| {
        Bad::new(
            reason,
            "write [ADDRESS:]HOST-PORT:PORT[/udp], for example 8080:80, 127.0.0.1::22 or 9000-9005:9000-9005",
        )
    };
    let (ports, protocol) = value.split_once('/').unwrap_or((value, "tcp"));
    let protocol = one_of(protocol, &["tcp", "udp", "sctp"])?;
    let (host, container) = match ports.rsplit_once(':') {
        Some((host, container)) => (host, container),
        None => ("", ports),
    };
    let (address, host) = host.rsplit_once(':').unwrap_or(("", host));
    let address = address
        .strip_prefix('[')
        .and_then(|a| a.strip_suffix(']'))
        .unwrap_or(address);
    if !address.is_empty() && address.parse::<IpAddr>().is_err() {
        return Err(bad("its address is not an IP address"));
    }
    let container = port_range(container).ok_or_else(|| bad("its container port is not a port"))?;
    let host = match host {
        "" => None,
        // As an engine takes it: one that it picks.
        "0" => Some((0, container.1 - container.0)),
        host => Some(port_range(host).ok_or_else(|| bad("its host port is not a port"))?),
    };
    if let (Some((from, to)), true) = (host, container.0 == container.1)
        && from < to
    {
        expose_port(draft, container.0, &protocol);
        draft.spec.ports.push(PortBinding {
            container_port: container.0,
            protocol,
            host_ip: address.to_owned(),
            host_port: Some(from),
            host_port_end: Some(to),
        });
        return Ok(());
    }
    if host.is_some_and(|(from, to)| to - from != container.1 - container.0) {
        return Err(bad("its two ranges are not of one length"));
    }
    let host = host.filter(|(from, _)| *from > 0);
    for port in container.0..=container.1 {
        expose_port(draft, port, &protocol);
        draft.spec.ports.push(PortBinding {
            container_port: port,
            protocol: protocol.clone(),
            host_ip: address.to_owned(),
            host_port: host.map(|(from, _)| from + (port - container.0)),
            host_port_end: None,
        });
    }
    Ok(())
}

/// `PORT[/PROTOCOL]`, the port a number or a range.
pub fn expose(draft: &mut Draft, value: &str) -> Outcome {
    let (ports, protocol) = value.split_once('/').unwrap_or((value, "tcp"));
    let protocol = one_of(protocol, &["tcp", "udp", "sctp"])?;
    let (from, to) = port_range(ports).ok_or_else(|| {
        Bad::new(
            "it is not a port",
            "write a port or a range, for example 80, 53/udp or 8000-8005",
        )
    })?;
    (from..=to).for_each(|port| expose_port(draft, port, &protocol));
    Ok(())
}

fn expose_port(draft: &mut Draft, port: u16, protocol: &str) {
    let port = format!("{port}/{protocol}");
    if !draft.spec.exposed_ports.contains(&port) {
        draft.spec.exposed_ports.push(port);
    }
}

fn port_range(text: &str) -> Option<(u16, u16)> {
    let port = |text: &str| text.parse().ok().filter(|port: &u16| *port > 0);
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    Some((port(from)?, port(to)?)).filter(|(from, to)| from <= to)
}

/// A network's name or mode, or `name=NET,alias=NAME,ip=ADDRESS,…`. The first is the one that the container is made on.
pub fn network(draft: &mut Draft, value: &str) -> Outcome {
    let endpoint = match value.contains('=') {
        true => endpoint(value)?,
        false => blank(super::values::text(value)?),
    };
    let spec = &mut draft.spec;
    let known = spec.network_mode.as_ref() == Some(&endpoint.network)
        || spec.networks.iter().any(|known| known.network == endpoint.network);
    if known {
        return Err(Bad::new(
            format!("the network `{}` is given twice", shown(&endpoint.network)),
            "write all of it in one: --network name=NETWORK,alias=NAME,ip=ADDRESS",
        ));
    }
    if spec.network_mode.is_some() {
        spec.networks.push(endpoint);
        return Ok(());
    }
    spec.network_mode = Some(endpoint.network);
    spec.network_aliases.extend(endpoint.aliases);
    spec.link_local_addresses.extend(endpoint.link_local_addresses);
    spec.ipv4_address = endpoint.ipv4_address.or(spec.ipv4_address.take());
    spec.ipv6_address = endpoint.ipv6_address.or(spec.ipv6_address.take());
    spec.mac_address = endpoint.mac_address.or(spec.mac_address.take());
    Ok(())
}

/// Forgets the networks, and not the names and addresses that flags of their own gave.
pub(super) fn leave_all(draft: &mut Draft) {
    draft.spec.network_mode = None;
    draft.spec.networks.clear();
}

fn blank(network: String) -> NetworkEndpoint {
    NetworkEndpoint {
        network,
        aliases: Vec::new(),
        ipv4_address: None,
        ipv6_address: None,
        link_local_addresses: Vec::new(),
        mac_address: None,
    }
}

fn endpoint(value: &str) -> Outcome<NetworkEndpoint> {
    let mut endpoint = blank(String::new());
    for field in comma_separated(value)? {
        let (key, value) = field.split_once('=').unwrap_or((&field, ""));
        match key {
            "name" => value.clone_into(&mut endpoint.network),
            "alias" => endpoint.aliases.push(super::values::text(value)?),
            "ip" => endpoint.ipv4_address = Some(ipv4(value)?),
            "ip6" => endpoint.ipv6_address = Some(ipv6(value)?),
            "link-local-ip" => endpoint.link_local_addresses.push(address(value)?),
            "mac-address" => endpoint.mac_address = Some(super::values::text(value)?),
            other => {
                let reason = format!("`{}` is not a part of a network that is supported", shown(other));
                let remedy = "use some of: name, alias, ip, ip6, link-local-ip, mac-address";
                return Err(Bad::new(reason, remedy));
            }
        }
    }
    match endpoint.network.is_empty() {
        true => Err(Bad::new("its name is missing", "write name=NETWORK,alias=NAME")),
        false => Ok(endpoint),
    }
}

/// An IPv4 address.
pub fn ipv4(value: &str) -> Outcome<String> {
    let bad = || Bad::new("it is not an IPv4 address", "write for example 172.30.0.5");
    Ok(value.parse::<Ipv4Addr>().map_err(|_| bad())?.to_string())
}

/// An IPv6 address.
pub fn ipv6(value: &str) -> Outcome<String> {
    let bad = || Bad::new("it is not an IPv6 address", "write for example 2001:db8::5");
    Ok(value.parse::<Ipv6Addr>().map_err(|_| bad())?.to_string())
}

/// An address of either kind.
pub fn address(value: &str) -> Outcome<String> {
    let bad = || Bad::new("it is not an IP address", "write for example 169.254.1.5");
    Ok(value.parse::<IpAddr>().map_err(|_| bad())?.to_string())
}

/// The address of a name server.
pub fn dns(draft: &mut Draft, value: &str) -> Outcome {
    let address: IpAddr = value.parse().map_err(|_| {
        Bad::new(
            "it is not an IP address",
            "write the address of a name server, for example 1.1.1.1",
        )
    })?;
    draft.spec.dns.push(address.to_string());
    Ok(())
}

/// `HOST:ADDRESS` or `HOST=ADDRESS`.
pub fn add_host(draft: &mut Draft, value: &str) -> Outcome {
    let bad = || {
        Bad::new(
            "it is not HOST:ADDRESS",
            "write a host's name and its IP address or host-gateway, for example db:10.0.0.2",
        )
    };
    let (host, address) = value
        .split_once('=')
        .or_else(|| value.split_once(':'))
        .ok_or_else(bad)?;
    let address = address
        .strip_prefix('[')
        .and_then(|a| a.strip_suffix(']'))
        .unwrap_or(address);
    if host.is_empty() || (address != "host-gateway" && address.parse::<IpAddr>().is_err()) {
        return Err(bad());
    }
    draft.spec.extra_hosts.push(format!("{host}:{address}"));
    Ok(())
}
