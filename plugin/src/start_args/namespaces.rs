//! `--pid`, `--uts` and `--userns`: whose namespace a container is in. An engine starts a container with a word that it does
//! not know as if nothing had been said.

use super::Bad;
use super::values::Outcome;

/// `host`, or `container:NAME`.
pub fn pid(value: &str) -> Outcome<String> {
    let of_another = value.strip_prefix("container:").is_some_and(|name| !name.is_empty());
    match value == "host" || of_another {
        true => Ok(value.to_owned()),
        false => Err(Bad::new(
            "there is no such PID namespace",
            "write host or container:NAME, or leave it out for one of its own",
        )),
    }
}

/// `host`
pub fn uts(value: &str) -> Outcome<String> {
    only_host(value, "UTS")
}

/// `host`
pub fn user(value: &str) -> Outcome<String> {
    only_host(value, "user")
}

fn only_host(value: &str, kind: &str) -> Outcome<String> {
    match value {
        "host" => Ok(value.to_owned()),
        _ => Err(Bad::new(
            format!("there is no such {kind} namespace"),
            "write host, or leave it out for one of its own",
        )),
    }
}
