//! Whether a `host` can be an engine's address at all. Only its form is looked at: connecting is the engine's business.

use mngr_contract::ProviderError;
use mngr_engine::endpoint::Address;

use super::spelling::nearest;

/// What `host` may look like, for remedies.
const FORMS: &str = "use unix:///PATH, tcp://HOST:PORT or ssh://[USER@]HOST[:PORT]";

/// Why the address can not be meant, and what to do about it.
pub(super) fn fault(address: &str) -> Option<(String, String)> {
    let of = |reason: &str, remedy: String| Some((reason.to_owned(), remedy));
    if address.is_empty() {
        return of(
            "is empty",
            format!("{FORMS}, or leave `host` out for what the Docker CLI would choose"),
        );
    }
    if address.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return of("holds a space or a control character", FORMS.to_owned());
    }
    let Some((scheme, rest)) = address.split_once("://") else {
        return of("has no scheme", format!("{FORMS}{}", meant(address)));
    };
    match scheme {
        "unix" if rest.starts_with('/') => None,
        "unix" => of(
            "is no absolute path of a socket",
            format!("write three slashes: unix:///{}", rest.trim_start_matches('/')),
        ),
        "tcp" => authority(scheme, rest),
        // What the rules for both let through must still be names and nothing else before `ssh` sees it.
        "ssh" => authority(scheme, rest).or_else(|| match Address::parse("host", address) {
            Err(ProviderError::InvalidArgument(fault)) => {
                Some((format!("can not be used: {}", fault.reason), fault.remedy))
            }
            _ => None,
        }),
        "npipe" => of(
            "is a named pipe of Windows, which this provider does not reach",
            "expose the engine as tcp://HOST:PORT or ssh://HOST".to_owned(),
        ),
        "http" | "https" => of(
            "has a scheme that names no engine",
            format!("use tcp://{rest}; whether TLS is spoken is told by DOCKER_TLS_VERIFY and the Docker context"),
        ),
        _ => {
            let hint = nearest(scheme, ["unix", "tcp", "ssh"])
                .map(|near| format!("; did you mean {near}://{rest}?"))
                .unwrap_or_default();
            of("has a scheme that names no engine", format!("{FORMS}{hint}"))
        }
    }
}

/// What someone who left the scheme out seems to have meant.
fn meant(address: &str) -> String {
    let port = address
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let scheme = match address {
        _ if address.starts_with('/') => "unix",
        _ if address.contains('@') => "ssh",
        _ if port => "tcp",
        _ => return String::new(),
    };
    format!("; did you mean {scheme}://{address}?")
}

/// `[user@]host[:port][/path]` of tcp and ssh.
fn authority(scheme: &str, rest: &str) -> Option<(String, String)> {
    let of = |reason: &str, remedy: &str| Some((reason.to_owned(), remedy.to_owned()));
    let form = if scheme == "tcp" {
        "use tcp://HOST:PORT"
    } else {
        "use ssh://[USER@]HOST[:PORT]"
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (user, machine) = match authority.rsplit_once('@') {
        Some((user, machine)) => (Some(user), machine),
        None => (None, authority),
    };
    match user {
        Some(_) if scheme == "tcp" => return of("names a user, which tcp does not have", form),
        Some(user) if user.contains(':') => {
            return of(
                "holds a password, which must not stand in a configuration",
                "use a key: ssh asks the agent and ~/.ssh/config",
            );
        }
        Some(user) if user.is_empty() || user.starts_with('-') => return of("names a user that can not be", form),
        _ => {}
    }
    let (host, port) = match machine.strip_prefix('[') {
        Some(bracketed) => match bracketed.split_once(']') {
            Some((host, "")) => (host, None),
            Some((host, after)) if after.starts_with(':') => (host, Some(&after[1..])),
            _ => return of("has a bracket that is not closed", "write an IPv6 address as [::1]"),
        },
        None => match machine.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return of(
                    "has more than one colon",
                    "write an IPv6 address in brackets: [::1]:2375",
                );
            }
            Some((host, port)) => (host, Some(port)),
            None => (machine, None),
        },
    };
    if host.is_empty() || host.starts_with('-') {
        return of("names no machine", form);
    }
    match port.map(str::parse::<u16>) {
        None | Some(Ok(1..)) => None,
        _ => of("has a port that is no number from 1 to 65535", form),
    }
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn addresses_of_engines_are_let_through() {
        for address in [
            "unix:///var/run/docker.sock",
            "tcp://localhost:2375",
            "tcp://localhost",
            "tcp://[::1]:2376/",
            "ssh://user@remote-host",
            "ssh://remote-host:2222",
            "ssh://me%40corp@remote-host",
            "tcp://localhost:2375/behind/here",
            "ssh://me@[fe80::1]:22/run/docker.sock",
        ] {
            assert_eq!(fault(address), None, "{address}");
        }
    }

    #[test]
    fn what_can_not_be_one_is_refused_with_the_reason() {
        for (address, reason) in [
            ("", "empty"),
            ("unix://docker.sock", "absolute"),
            ("npipe:////./pipe/docker_engine", "Windows"),
            ("tcp://:2375", "no machine"),
            ("tcp://host:0", "port"),
            ("tcp://host:99999", "port"),
            ("tcp://host:", "port"),
            ("tcp://me@host", "user"),
            ("tcp://::1:2375", "colon"),
            ("tcp://[::1", "bracket"),
            ("ssh://", "no machine"),
            ("ssh://-oProxyCommand=x", "no machine"),
            ("ssh://-l@host", "user"),
            ("ssh://me:secret@host", "password"),
            ("ssh://a b", "space"),
            ("ssh://h;rm", "host"),
            ("ssh://h/../d.sock", "`..`"),
            ("gopher://host", "scheme"),
        ] {
            let (given, remedy) = fault(address).expect(address);
            assert!(given.contains(reason), "{address}: {given}");
            assert!(!remedy.is_empty(), "{address}");
        }
    }

    #[test]
    fn a_scheme_that_was_left_out_or_misspelt_is_suggested() {
        let remedy = |address| fault(address).expect("a fault").1;
        assert!(remedy("/var/run/docker.sock").contains("unix:///var/run/docker.sock"));
        assert!(remedy("me@host").contains("ssh://me@host"));
        assert!(remedy("localhost:2375").contains("tcp://localhost:2375"));
        assert!(remedy("shh://host").contains("ssh://host"));
        assert!(remedy("https://host:2376").contains("tcp://host:2376"));
    }
}
