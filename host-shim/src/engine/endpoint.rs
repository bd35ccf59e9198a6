//! Where an engine is: the URLs that the Docker CLI understands, checked before anything is connected to.

use std::fmt;
use std::path::PathBuf;

use crate::contract::Result;
use crate::error::invalid;

/// The socket that the Docker CLI uses where nothing names another.
pub const LOCAL_SOCKET: &str = "/var/run/docker.sock";

/// What an engine listens on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A unix socket.
    Unix(PathBuf),
    /// Plain HTTP or, with TLS wanted, HTTPS.
    Tcp {
        /// Host name or address; an IPv6 address without its brackets.
        host: String,
        /// TCP port.
        port: u16,
    },
    /// A unix socket of a machine that is reached by SSH.
    Ssh {
        /// Who logs in; the SSH configuration's choice where absent.
        user: Option<String>,
        /// Host name, address, or an alias of the SSH configuration.
        host: String,
        /// The SSH configuration's choice where absent.
        port: Option<u16>,
        /// Socket on that machine, where it is not the usual one.
        socket: Option<String>,
    },
}

impl Address {
    /// Reads a URL as `DOCKER_HOST` has it. `field` is where it was written, for the error.
    ///
    /// # Errors
    /// `invalid-argument` for `field`, with the value and how to write it.
    pub fn parse(field: &str, value: &str) -> Result<Self> {
        let at_fault = |reason: String, remedy: &str| invalid(field, shown(value), reason, remedy);
        let Some((scheme, rest)) = value.split_once("://") else {
            return Err(at_fault(
                "there is no scheme".into(),
                "write unix:///path/to/docker.sock, tcp://host:port or ssh://user@host",
            ));
        };
        match scheme {
            "unix" if rest.is_empty() => Ok(Self::Unix(LOCAL_SOCKET.into())),
            "unix" if !rest.starts_with('/') => Err(at_fault(
                "the path of the socket is not absolute".into(),
                "write three slashes, as in unix:///var/run/docker.sock",
            )),
            "unix" => Ok(Self::Unix(rest.into())),
            "tcp" => {
                tcp(value, rest).map_err(|reason| at_fault(reason, "write tcp://host:port, as in tcp://10.0.0.5:2375"))
            }
            "ssh" => ssh(value).map_err(|reason| at_fault(reason, "write ssh://user@host, as in ssh://root@build1:22")),
            other => Err(at_fault(
                format!("`{other}` is not a way to reach an engine"),
                "use unix://, tcp:// or ssh://",
            )),
        }
    }
}

/// The value without a password.
fn shown(value: &str) -> String {
    match url::Url::parse(value) {
        Ok(mut url) if url.password().is_some() => {
            // Fails only for URLs that can not hold a password, and this one does.
            let _ = url.set_password(Some("***"));
            url.to_string()
        }
        _ => value.to_owned(),
    }
}

fn tcp(value: &str, rest: &str) -> std::result::Result<Address, String> {
    // The Docker CLI lets both parts be left out.
    let (host, port) = ("localhost", 2375);
    if rest.is_empty() {
        return Ok(Address::Tcp {
            host: host.into(),
            port,
        });
    }
    let url = match rest.strip_prefix(':') {
        Some(port) => url::Url::parse(&format!("tcp://{host}:{port}")),
        None => url::Url::parse(value),
    }
    .map_err(|error| error.to_string())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a user name means nothing here".into());
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err("nothing may follow the port".into());
    }
    let host = url
        .host_str()
        .filter(|host| !host.is_empty())
        .ok_or("there is no host")?;
    Ok(Address::Tcp {
        host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
        port: url.port().unwrap_or(port),
    })
}

/// `ssh` reads words that begin with a dash as options, so neither the user nor the host may.
fn ssh(value: &str) -> std::result::Result<Address, String> {
    let url = url::Url::parse(value).map_err(|error| error.to_string())?;
    let word = |what: &str, word: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':');
        if word.starts_with('-') || !word.chars().all(plain) {
            return Err(format!("`{word}` can not be a {what}"));
        }
        Ok(word.to_owned())
    };
    if url.password().is_some() {
        return Err("a password does not belong in a URL: use a key or an agent".into());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("a URL for ssh has no `?` and no `#`".into());
    }
    let host = url
        .host_str()
        .filter(|host| !host.is_empty())
        .ok_or("there is no host")?;
    let user = Some(url.username()).filter(|user| !user.is_empty());
    Ok(Address::Ssh {
        user: user.map(|user| word("user", user)).transpose()?,
        host: word("host", host.trim_start_matches('[').trim_end_matches(']'))?,
        port: url.port(),
        socket: Some(url.path().to_owned()).filter(|path| !matches!(path.as_str(), "" | "/")),
    })
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { host, port } => write!(f, "tcp://{}:{port}", bracketed(host)),
            Self::Ssh {
                user,
                host,
                port,
                socket,
            } => {
                let user = user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
                let port = port.map(|port| format!(":{port}")).unwrap_or_default();
                write!(
                    f,
                    "ssh://{user}{}{port}{}",
                    bracketed(host),
                    socket.as_deref().unwrap_or_default()
                )
            }
        }
    }
}

/// A host as URLs write it: an IPv6 address in brackets.
pub(super) fn bracketed(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

/// What chose an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `host` in the provider's configuration.
    Config,
    /// The environment variable.
    DockerHost,
    /// The active context of the Docker CLI, by name.
    Context(String),
    /// Nothing: it is the local socket.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config => f.write_str("from `host` in the configuration"),
            Self::DockerHost => f.write_str("from DOCKER_HOST"),
            Self::Context(name) => write!(f, "from the Docker context `{name}`"),
            Self::Default => f.write_str("the local socket"),
        }
    }
}

/// An engine's address and how it was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Where it is.
    pub address: Address,
    /// What said so.
    pub source: Source,
    /// Whether it is to be spoken to over TLS. Means something for [`Address::Tcp`] only.
    pub tls: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(value: &str) -> String {
        Address::parse("host", value).expect(value).to_string()
    }

    fn refused(value: &str) -> String {
        let error = Address::parse("host", value).expect_err(value);
        assert_eq!(error.kind(), "invalid_argument");
        assert_eq!(error.field(), Some("host"));
        assert!(!error.remedy().is_empty());
        error.message()
    }

    #[test]
    fn urls_are_read_as_the_docker_cli_reads_them() {
        assert_eq!(
            parsed("unix:///run/user/1000/docker.sock"),
            "unix:///run/user/1000/docker.sock"
        );
        assert_eq!(parsed("unix://"), "unix:///var/run/docker.sock");
        assert_eq!(parsed("tcp://10.0.0.5:2376"), "tcp://10.0.0.5:2376");
        assert_eq!(parsed("tcp://"), "tcp://localhost:2375");
        assert_eq!(parsed("tcp://:4000"), "tcp://localhost:4000");
        assert_eq!(parsed("tcp://engine/"), "tcp://engine:2375");
        assert_eq!(parsed("tcp://[::1]:2375"), "tcp://[::1]:2375");
        assert_eq!(parsed("ssh://root@build1:2222"), "ssh://root@build1:2222");
        assert_eq!(
            parsed("ssh://build1/run/user/1000/docker.sock"),
            "ssh://build1/run/user/1000/docker.sock"
        );
    }

    #[test]
    fn a_bad_url_is_refused_with_its_field_and_value() {
        assert!(refused("/var/run/docker.sock").contains("no scheme"));
        assert!(refused("unix://docker.sock").contains("not absolute"));
        assert!(refused("tcp://host:port").contains("port"));
        assert!(refused("tcp://host:2375/path").contains("follow the port"));
        assert!(refused("tcp://user@host:2375").contains("user name"));
        assert!(refused("ftp://host").contains("`ftp`"));
        assert!(refused("ssh://").contains("ssh://"));
        assert!(refused("").contains("no scheme"));
    }

    #[test]
    fn an_ssh_url_never_puts_an_option_on_a_command_line() {
        assert!(refused("ssh://-oProxyCommand=id@host").contains("can not be a user"));
        assert!(refused("ssh://-oProxyCommand=id").contains("can not be a host"));
        assert!(refused("ssh://us%20er@host").contains("can not be a user"));
        assert!(refused("ssh://host?x=1").contains('?'));
    }

    #[test]
    fn a_password_is_refused_and_not_shown() {
        let message = refused("ssh://root:hunter2@host");
        assert!(message.contains("password"));
        assert!(!message.contains("hunter2"));
    }
}
