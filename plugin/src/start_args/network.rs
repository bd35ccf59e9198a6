//! `--publish`, `--expose`, `--network`, `--dns` and `--add-host`.

use core::net::IpAddr;

use super::values::{Outcome, comma_separated, one_of};
use super::{Bad, Draft};
use crate::contract::docker::PortBinding;
use crate::error::shown;

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
        host => Some(port_range(host).ok_or_else(|| bad("its host port is not a port"))?),
    };
    if host.is_some_and(|(from, to)| to - from != container.1 - container.0) {
        return Err(bad("its two ranges are not of one length"));
    }
    for port in container.0..=container.1 {
        expose_port(draft, port, &protocol);
        draft.spec.ports.push(PortBinding {
            container_port: port,
            protocol: protocol.clone(),
            host_ip: address.to_owned(),
            host_port: host.map(|(from, _)| from + (port - container.0)),
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

/// A network's name or mode, or `name=NET,alias=NAME`.
pub fn network(draft: &mut Draft, value: &str) -> Outcome {
    if !value.contains('=') {
        draft.spec.network_mode = Some(super::values::text(value)?);
        return Ok(());
    }
    let mut name = None;
    for field in comma_separated(value)? {
        match field.split_once('=') {
            Some(("name", value)) => name = Some(value.to_owned()),
            Some(("alias", value)) => draft.spec.network_aliases.push(value.to_owned()),
            _ => {
                let reason = format!("`{}` is not a part of a network that is supported", shown(&field));
                return Err(Bad::new(reason, "write name=NETWORK,alias=NAME"));
            }
        }
    }
    draft.spec.network_mode =
        Some(name.ok_or_else(|| Bad::new("its name is missing", "write name=NETWORK,alias=NAME"))?);
    Ok(())
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
