//! Flags that cannot stand together, each pair as the Docker CLI refuses it.

use super::draft::Given;
use super::network::{Part, is_own};
use super::{Bad, Fault, network};
use crate::contract::docker::ContainerSpec;

/// Parts of a network that have a flag of their own.
const PARTS: [(Part, &[&str]); 5] = [
    (Part::Alias, &["network-alias", "net-alias"]),
    (Part::Ipv4, &["ip"]),
    (Part::Ipv6, &["ip6"]),
    (Part::LinkLocal, &["link-local-ip"]),
    (Part::Mac, &["mac-address"]),
];

/// # Errors
/// The last argument that cannot stand beside another.
pub(super) fn check(given: &[Given], spec: &ContainerSpec) -> Result<(), Fault> {
    networks(given, spec)?;
    health(given)?;
    let log_driver = spec.log_config.as_ref().map(|log| log.driver.as_str());
    if log_driver == Some("none") && has(given, "log-opt") {
        let bad = Bad::new("the log driver `none` takes no options", "leave --log-opt out");
        return at(given, &["log-driver", "log-opt"], bad);
    }
    Ok(())
}

fn networks(given: &[Given], spec: &ContainerSpec) -> Result<(), Fault> {
    let first = given.iter().find(|given| given.is_network());
    for (part, flags) in PARTS {
        let both =
            first.is_some_and(|first| network::says(&first.value, part)) && flags.iter().any(|flag| has(given, flag));
        if both {
            let bad = Bad::new(
                format!("--network says already what --{} says", flags[0]),
                "write it in one of the two",
            );
            return at(given, &[&["network", "net"], flags].concat(), bad);
        }
    }
    let mode = spec.network_mode.as_deref().unwrap_or("default");
    if let Some(other) = spec
        .networks
        .iter()
        .find(|other| is_own(&other.network) != is_own(mode))
    {
        let bad = Bad::new(
            format!("`{mode}` and `{}` cannot be joined together", other.network),
            "join several networks of your own, or one of bridge, host, none and container:NAME",
        );
        return at(given, &["network", "net"], bad);
    }
    if !spec.network_aliases.is_empty() && !is_own(mode) {
        let bad = Bad::new(
            format!("names are known on a network of your own only, and `{mode}` is none"),
            "name a network that `docker network create` made with --network, or leave the name out",
        );
        return at(given, &["network", "net", "network-alias", "net-alias"], bad);
    }
    Ok(())
}

/// No check is wanted, and how to check.
fn health(given: &[Given]) -> Result<(), Fault> {
    let off = given.iter().rfind(|given| given.flag.long == "no-healthcheck");
    let said = |given: &&Given| given.flag.long.starts_with("health-") && !matches!(&*given.value, "" | "0" | "0s");
    let on = given.iter().find(said);
    match (off, on) {
        (Some(off), Some(on)) if off.is_on() => {
            let bad = Bad::new(
                format!("--no-healthcheck turns off what --{} is for", on.flag.long),
                "leave one of the two out",
            );
            at(given, &["no-healthcheck", on.flag.long], bad)
        }
        _ => Ok(()),
    }
}

fn has(given: &[Given], long: &str) -> bool {
    given
        .iter()
        .any(|given| given.flag.long == long && !given.value.is_empty())
}

/// The fault of the last one of these flags.
fn at(given: &[Given], flags: &[&str], bad: Bad) -> Result<(), Fault> {
    let last = given.iter().rfind(|given| flags.contains(&given.flag.long));
    last.map_or(Ok(()), |last| Err(last.fault(bad)))
}
