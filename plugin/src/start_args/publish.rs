//! `--publish` and `--expose`.

use core::net::IpAddr;

use mngr_docker_grammar::words::shown;

use super::values::{Outcome, comma_separated, one_of};
use super::{Bad, Draft};
use crate::contract::docker::PortBinding;

/// `[[ADDRESS:][HOST-PORT]:]PORT[/PROTOCOL]`, each port a number or a range.
pub fn publish(draft: &mut Draft, value: &str) -> Outcome {
    let bad = |reason: &str| {
        Bad::new(
            reason,
            "write [ADDRESS:]HOST-PORT:PORT[/udp], for example 8080:80, 127.0.0.1::22 or 9000-9005:9000-9005",
        )
    };
    if value.contains('=') {
        return publish(draft, &in_short(value)?);
    }
    let (ports, protocol) = protocol(value);
    let protocol = one_of(&protocol, &["tcp", "udp", "sctp"])?;
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
    let (ports, protocol) = protocol(value);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !protocol.chars().all(plain) {
        return Err(Bad::new("its protocol is not a word", "write for example 53/udp"));
    }
    let (from, to) = port_range(ports).ok_or_else(|| {
        Bad::new(
            "it is not a port",
            "write a port or a range, for example 80, 53/udp or 8000-8005",
        )
    })?;
    (from..=to).for_each(|port| expose_port(draft, port, &protocol));
    Ok(())
}

/// What stands before the protocol, and the protocol: TCP where none is said.
fn protocol(value: &str) -> (&str, String) {
    let (ports, protocol) = value.split_once('/').unwrap_or((value, ""));
    match protocol {
        "" => (ports, "tcp".to_owned()),
        protocol => (ports, protocol.to_lowercase()),
    }
}

/// `target=80,published=8080,protocol=tcp` as `8080:80/tcp`. How it is published (`mode`) is for services.
fn in_short(value: &str) -> Outcome<String> {
    let (mut target, mut published, mut protocol) = (String::new(), String::new(), "tcp".to_owned());
    for field in comma_separated(value)? {
        let (key, value) = field.split_once('=').unwrap_or((&field, ""));
        let plain = !value.contains([':', '/', '=']);
        match key {
            "target" if plain => value.clone_into(&mut target),
            "published" if plain => value.clone_into(&mut published),
            "protocol" if plain => value.clone_into(&mut protocol),
            "mode" => {
                one_of(value, &["host", "ingress"])?;
            }
            _ => {
                return Err(Bad::new(
                    format!("`{}` is not a part of a port", shown(&field)),
                    "use some of: target=PORT, published=PORT, protocol=tcp, mode=host",
                ));
            }
        }
    }
    match target.is_empty() {
        true => Err(Bad::new(
            "its target is missing",
            "write target=PORT,published=HOST-PORT",
        )),
        false => Ok(format!("{published}:{target}/{protocol}")),
    }
}

fn expose_port(draft: &mut Draft, port: u16, protocol: &str) {
    let port = format!("{port}/{protocol}");
    if !draft.spec.exposed_ports.contains(&port) {
        draft.spec.exposed_ports.push(port);
    }
}

fn port_range(text: &str) -> Option<(u16, u16)> {
    let digits = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
    let port = |text: &str| Some(text).filter(digits)?.parse().ok().filter(|port: &u16| *port > 0);
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    Some((port(from)?, port(to)?)).filter(|(from, to)| from <= to)
}
