//! `--network` and what is said of it, `--dns`, `--add-host` and `--link`.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use mngr_docker_grammar::words::shown;

use super::values::{Outcome, comma_separated};
use super::{Bad, Draft};
use crate::contract::docker::NetworkEndpoint;

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

/// Forgets the networks and all that is said of them.
pub(super) fn leave_all(draft: &mut Draft) {
    let spec = &mut draft.spec;
    spec.network_mode = None;
    spec.networks.clear();
    spec.network_aliases.clear();
    spec.link_local_addresses.clear();
    (spec.ipv4_address, spec.ipv6_address, spec.mac_address) = (None, None, None);
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

/// What can be said of a network in `--network` and by a flag of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Alias,
    Ipv4,
    Ipv6,
    LinkLocal,
    Mac,
}

/// Whether the value of a `--network` says that.
pub(super) fn says(value: &str, part: Part) -> bool {
    let Some(endpoint) = value.contains('=').then(|| endpoint(value).ok()).flatten() else {
        return false;
    };
    match part {
        Part::Alias => !endpoint.aliases.is_empty(),
        Part::Ipv4 => endpoint.ipv4_address.is_some(),
        Part::Ipv6 => endpoint.ipv6_address.is_some(),
        Part::LinkLocal => !endpoint.link_local_addresses.is_empty(),
        Part::Mac => endpoint.mac_address.is_some(),
    }
}

/// Whether that is a network that somebody made, and no mode of the engine.
pub(super) fn is_own(network: &str) -> bool {
    !matches!(network, "" | "default" | "bridge" | "host" | "none") && !network.starts_with("container:")
}

fn endpoint(value: &str) -> Outcome<NetworkEndpoint> {
    let mut endpoint = blank(String::new());
    for field in comma_separated(value)? {
        let bad = || Bad::new("a part of it is no pair", "write name=NETWORK,alias=NAME");
        let (key, value) = field.split_once('=').ok_or_else(bad)?;
        let (key, value) = (key.trim().to_lowercase(), value.trim());
        // Names on a network are one whatever their case.
        let lower = || value.to_lowercase();
        match key.as_str() {
            "name" => value.clone_into(&mut endpoint.network),
            "alias" => endpoint.aliases.push(lower()),
            "ip" => endpoint.ipv4_address = said(value, ipv4)?,
            "ip6" => endpoint.ipv6_address = said(&lower(), ipv6)?,
            "link-local-ip" => endpoint.link_local_addresses.push(address(value)?),
            "mac-address" => endpoint.mac_address = said(&lower(), mac)?,
            "driver-opt" | "gw-priority" => {
                return Err(Bad::unsupported(
                    format!("`{key}` of a network cannot be passed on"),
                    "leave it out; `docker network create --opt` sets options for all of a network",
                ));
            }
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

/// Nothing for an empty value.
fn said(value: &str, parse: fn(&str) -> Outcome<String>) -> Outcome<Option<String>> {
    match value.is_empty() {
        true => Ok(None),
        false => parse(value).map(Some),
    }
}

/// A MAC address of 6 or 8 bytes: `02:42:ac:11:00:02`, `02-42-…` or `0242.ac11.0002`.
pub fn mac(value: &str) -> Outcome<String> {
    let parts = |separator: char, digits: usize| {
        let parts: Vec<_> = value.split(separator).collect();
        let plain = |part: &&str| part.len() == digits && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        matches!(parts.len() * digits, 12 | 16) && parts.iter().all(plain)
    };
    match parts(':', 2) || parts('-', 2) || parts('.', 4) {
        true => Ok(value.to_owned()),
        false => Err(Bad::new(
            "it is not a MAC address",
            "write for example 02:42:ac:11:00:02",
        )),
    }
}

/// A domain to search in, or `.` for none; a point at its end is left out.
pub fn search(value: &str) -> Outcome<String> {
    let name = value.trim();
    if name == "." {
        return Ok(name.to_owned());
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    let label = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty() && label.bytes().all(plain) && !label.starts_with('-') && !label.ends_with('-')
    };
    let has_letter = name.bytes().any(|byte| byte.is_ascii_alphabetic());
    match has_letter && name.len() < 255 && name.split('.').all(label) {
        true => Ok(name.to_owned()),
        false => Err(Bad::new(
            "it is not a domain",
            "write for example example.com, or . to search nowhere",
        )),
    }
}

/// `CONTAINER[:ALIAS]`
pub fn link(value: &str) -> Outcome<String> {
    match value.is_empty() || value.matches(':').count() > 1 {
        false => Ok(value.to_owned()),
        true => Err(Bad::new(
            "it is not CONTAINER:ALIAS",
            "write a container and its name inside, for example db:sql",
        )),
    }
}

/// An IPv4 address.
pub fn ipv4(value: &str) -> Outcome<String> {
    let bad = || Bad::new("it is not an IPv4 address", "write for example 172.30.0.5");
    Ok(value.parse::<Ipv4Addr>().map_err(|_| bad())?.to_string())
}

/// An IPv6 address, as it is written.
pub fn ipv6(value: &str) -> Outcome<String> {
    let bad = || Bad::new("it is not an IPv6 address", "write for example 2001:db8::5");
    value.parse::<Ipv6Addr>().map_err(|_| bad())?;
    Ok(value.to_owned())
}

/// An address of either kind.
pub fn address(value: &str) -> Outcome<String> {
    let bad = || Bad::new("it is not an IP address", "write for example 169.254.1.5");
    Ok(value.parse::<IpAddr>().map_err(|_| bad())?.to_string())
}

/// The address of a name server.
pub fn dns(draft: &mut Draft, value: &str) -> Outcome {
    let address: IpAddr = value.trim().parse().map_err(|_| {
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
    if host.is_empty() || (address != "host-gateway" && address.trim().parse::<IpAddr>().is_err()) {
        return Err(bad());
    }
    draft.spec.extra_hosts.push(format!("{host}:{address}"));
    Ok(())
}
