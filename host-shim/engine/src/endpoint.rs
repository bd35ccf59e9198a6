//! Where an engine is: the URLs that the Docker CLI understands, checked before anything is connected to.

use std::fmt;
use std::net::Ipv6Addr;
use std::path::PathBuf;

use mngr_contract::Result;
use mngr_contract::error::invalid;

use super::tls::Files;

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
        /// What stands before the path of each request, such as `/proxied`; empty for nothing.
        path: String,
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
        // What has no scheme is a machine for the Docker CLI.
        let (scheme, rest) = value.split_once("://").unwrap_or(("tcp", value));
        if rest == value && (value.is_empty() || value.contains('@') || value.starts_with('/') || is_scheme(value)) {
            return Err(at_fault(
                "there is no scheme, and it is no HOST:PORT".into(),
                "write unix:///path/to/docker.sock, tcp://host:port or ssh://user@host",
            ));
        }
        match scheme {
            "unix" if rest.is_empty() => Ok(Self::Unix(LOCAL_SOCKET.into())),
            "unix" if !rest.starts_with('/') => Err(at_fault(
                "the path of the socket is not absolute".into(),
                "write three slashes, as in unix:///var/run/docker.sock",
            )),
            "unix" => Ok(Self::Unix(rest.into())),
            "tcp" => tcp(rest).map_err(|reason| at_fault(reason, "write tcp://host:port, as in tcp://10.0.0.5:2375")),
            "ssh" => ssh(rest).map_err(|reason| at_fault(reason, "write ssh://user@host, as in ssh://root@build1:22")),
            other => Err(at_fault(
                format!("`{other}` is not a way to reach an engine"),
                "use unix://, tcp:// or ssh://",
            )),
        }
    }
}

/// A scheme that lost its slashes. The Docker CLI takes it for a machine of that name.
fn is_scheme(value: &str) -> bool {
    let name = value.split(['/', ':']).next().unwrap_or_default();
    matches!(name, "unix" | "tcp" | "ssh") && value[name.len()..].trim_start_matches([':', '/']).is_empty()
}

/// The value without a password.
pub fn shown(value: &str) -> String {
    let Some((scheme, rest)) = value.split_once("://") else {
        return value.to_owned();
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match authority
        .rsplit_once('@')
        .and_then(|(login, machine)| Some((login.split_once(':')?.0, machine)))
    {
        Some((user, machine)) => format!("{scheme}://{user}:***@{machine}{path}"),
        None => value.to_owned(),
    }
}

/// `[host][:port][/path]`
fn tcp(rest: &str) -> std::result::Result<Address, String> {
    // The Docker CLI lets both parts be left out.
    let (host, port) = ("localhost", 2375);
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let url = match authority {
        "" => url::Url::parse(&format!("tcp://{host}{path}")),
        port if port.starts_with(':') && port.parse::<Ipv6Addr>().is_err() => {
            url::Url::parse(&format!("tcp://{host}{port}{path}"))
        }
        address if address.parse::<Ipv6Addr>().is_ok() => url::Url::parse(&format!("tcp://[{address}]{path}")),
        _ => url::Url::parse(&format!("tcp://{rest}")),
    }
    .map_err(|error| error.to_string())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a user name means nothing here".into());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("no query and no fragment may follow".into());
    }
    let path: Vec<_> = url.path().split('/').filter(|part| !part.is_empty()).collect();
    let host = url
        .host_str()
        .filter(|host| !host.is_empty())
        .ok_or("there is no host")?;
    Ok(Address::Tcp {
        host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
        port: url.port().unwrap_or(port),
        path: path.iter().map(|part| format!("/{part}")).collect(),
    })
}

/// Most characters of a host name (RFC 1035, section 2.3.4), and of a user's.
const LONGEST_HOST: usize = 255;
const LONGEST_USER: usize = 64;
/// Most bytes of a socket's path, without the zero at its end (`sockaddr_un` of Linux).
const LONGEST_SOCKET: usize = 107;

/// `[user@]host[:port][/path]`. Whatever `ssh`, a shell on the other side or a configuration of ssh could read as more than a
/// name is refused here, before any of them sees it.
fn ssh(rest: &str) -> std::result::Result<Address, String> {
    if rest.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("it holds a space or a control character".into());
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (user, machine) = match authority.rsplit_once('@') {
        Some((user, _)) if user.contains(':') => {
            return Err("a password does not belong in a URL: use a key or an agent".into());
        }
        Some(("", machine)) => (None, machine),
        Some((user, machine)) => (Some(word("user", &decoded(user), LONGEST_USER, "._-+@")?), machine),
        None => (None, authority),
    };
    let (host, port) = match machine.strip_prefix('[') {
        Some(bracketed) => {
            let (host, after) = bracketed.split_once(']').ok_or("a bracket is not closed")?;
            if host.parse::<Ipv6Addr>().is_err() {
                return Err(format!("`{host}` is not an IPv6 address"));
            }
            (host.to_owned(), after)
        }
        None => {
            let (host, port) = machine.split_at(machine.find(':').unwrap_or(machine.len()));
            if host.is_empty() {
                return Err("there is no host".into());
            }
            (word("host", host, LONGEST_HOST, "._-")?, port)
        }
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        None => return Err(format!("`{port}` after the host is no port")),
        Some("") => None,
        Some(port) if port.contains(':') => return Err("an IPv6 address is written in brackets: [::1]".into()),
        Some(port) => match port.parse::<u16>() {
            Ok(number) if number > 0 && !port.starts_with('+') => Some(number),
            _ => return Err(format!("`{port}` is no port, which is a number from 1 to 65535")),
        },
    };
    let socket = Some(path.trim_end_matches('/')).filter(|path| !path.is_empty());
    Ok(Address::Ssh {
        user,
        host,
        port,
        socket: socket.map(socket_path).transpose()?,
    })
}

/// A user's name with `%40` for the `@` in it, as URLs have it. What else is encoded stays, and is refused as it stands.
fn decoded(user: &str) -> String {
    user.replace("%40", "@")
}

/// A word that is a name and nothing else: no option, no token of ssh's configuration, nothing that a shell expands.
fn word(what: &str, word: &str, longest: usize, marks: &str) -> std::result::Result<String, String> {
    if word.len() > longest {
        return Err(format!("the {what} has {} characters, more than {longest}", word.len()));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || marks.contains(c);
    if word.is_empty() || word.starts_with('-') || !word.chars().all(plain) {
        return Err(format!("`{word}` can not be a {what}"));
    }
    Ok(word.to_owned())
}

fn socket_path(path: &str) -> std::result::Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@:,=".contains(c);
    if path.len() > LONGEST_SOCKET {
        return Err(format!("the socket's path is longer than {LONGEST_SOCKET} bytes"));
    }
    if path.split('/').any(|part| part == "..") {
        return Err(format!("the socket's path `{path}` goes up with `..`"));
    }
    if let Some(odd) = path.chars().find(|c| !plain(*c)) {
        return Err(format!("the socket's path `{path}` holds `{odd}`"));
    }
    Ok(path.to_owned())
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { host, port, path } => write!(f, "tcp://{}:{port}{path}", bracketed(host)),
            Self::Ssh {
                user,
                host,
                port,
                socket,
            } => {
                let user = user.as_ref().map(|user| format!("{}@", user.replace('@', "%40")));
                let user = user.unwrap_or_default();
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
    /// The certificates with which it is spoken to over TLS. Means something for [`Address::Tcp`] only.
    pub tls: Option<Files>,
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
        assert_eq!(parsed("tcp://h:1/a//b/"), "tcp://h:1/a/b");
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
        assert!(refused("tcp://host:2375/path?x=1").contains("query"));
        assert!(refused("tcp://host:2375/#x").contains("fragment"));
        assert!(refused("tcp://user@host:2375").contains("user name"));
        assert!(refused("ftp://host").contains("`ftp`"));
        assert!(refused("ssh://").contains("ssh://"));
        assert!(refused("").contains("no scheme"));
    }

    // What Docker CLI 28.2.2 connects to for each value of DOCKER_HOST.
    #[test]
    fn every_spelling_of_docker_host_means_what_the_docker_cli_makes_of_it() {
        for (value, address) in [
            ("localhost:2375", "tcp://localhost:2375"),
            ("localhost", "tcp://localhost:2375"),
            (":4000", "tcp://localhost:4000"),
            ("127.0.0.1:1", "tcp://127.0.0.1:1"),
            ("127.0.0.1:", "tcp://127.0.0.1:2375"),
            ("127.0.0.1:1/p", "tcp://127.0.0.1:1/p"),
            ("127.0.0.1:1//", "tcp://127.0.0.1:1"),
            ("tcp://h:1/p", "tcp://h:1/p"),
            ("tcp://127.0.0.1:1/p/", "tcp://127.0.0.1:1/p"),
            ("tcp://127.0.0.1", "tcp://127.0.0.1:2375"),
            ("tcp://[::1]:1", "tcp://[::1]:1"),
            ("tcp://::1", "tcp://[::1]:2375"),
            ("::1", "tcp://[::1]:2375"),
            ("[::1]:1", "tcp://[::1]:1"),
            ("unix:///nonexist.sock", "unix:///nonexist.sock"),
            ("unix://", "unix:///var/run/docker.sock"),
            ("ssh://u%40dom@127.0.0.1:1", "ssh://u%40dom@127.0.0.1:1"),
            ("ssh://@127.0.0.1:1", "ssh://127.0.0.1:1"),
            ("ssh://127.0.0.1:", "ssh://127.0.0.1"),
            ("ssh://[::1]:1", "ssh://[::1]:1"),
        ] {
            assert_eq!(parsed(value), address, "{value}");
        }
        let Ok(Address::Ssh { user, .. }) = Address::parse("host", "ssh://u%40dom@h") else {
            panic!("an address")
        };
        assert_eq!(user.as_deref(), Some("u@dom"));
        for value in [
            "TCP://127.0.0.1:1",
            "http://127.0.0.1:1",
            "ftp://h",
            "tcp://127.0.0.1:x",
            "tcp://127.0.0.1:99999",
            "fd://",
            "npipe:////./pipe/x",
            "ssh://",
            "ssh://u:p@h",
            "ssh://127.0.0.1?x=1",
            "ssh://127.0.0.1#f",
        ] {
            assert!(!refused(value).is_empty(), "{value}");
        }
    }

    // The Docker CLI goes to a machine called `unix`, drops the user, fails at the socket's slash.
    #[test]
    fn what_the_docker_cli_takes_for_something_else_is_refused_or_meant_as_it_is_written() {
        for value in [
            "unix:",
            "tcp:",
            "/var/run/docker.sock",
            "me@host",
            "tcp://u@127.0.0.1:1",
        ] {
            assert!(!refused(value).is_empty(), "{value}");
        }
        assert_eq!(parsed("tcp://[::1]"), "tcp://[::1]:2375");
        assert_eq!(parsed("ssh://h//"), "ssh://h");
        assert_eq!(parsed("ssh://h/run/d.sock/"), "ssh://h/run/d.sock");
    }

    #[test]
    fn an_ssh_url_has_a_user_an_ipv6_address_or_an_alias() {
        for url in [
            "ssh://build-1.example",
            "ssh://u@[::1]:2222/run/d.sock",
            "ssh://first.last+x@alias_1",
            "ssh://user%40dom@h:2222",
        ] {
            assert_eq!(parsed(url), url);
        }
        assert_eq!(parsed("ssh://h/"), "ssh://h");
    }

    #[test]
    fn an_ssh_url_that_is_more_than_names_is_refused() {
        let long = format!("ssh://{}", "h".repeat(300));
        let deep = format!("ssh://h/{}", "d".repeat(120));
        for url in [
            "ssh://-oProxyCommand=x@h",
            "ssh://-oProxyCommand=x",
            "ssh://h;rm",
            "ssh://us er@h",
            "ssh://us%20er@h",
            "ssh://u\nProxyCommand=x@h",
            "ssh://h\n",
            "ssh://h\r",
            "ssh://h\tx",
            "ssh://h%h",
            "ssh://$HOME",
            "ssh://u$(id)@h",
            "ssh://`id`@h",
            "ssh://h`id`",
            "ssh://h|x",
            "ssh://h&x",
            "ssh://h\\x",
            "ssh://h'x",
            "ssh://h\"x",
            "ssh://h?x=1",
            "ssh://h#x",
            "ssh://h:0",
            "ssh://h:70000",
            "ssh://h:+22",
            "ssh://h:22:22",
            "ssh://::1",
            "ssh://[::1",
            "ssh://[::1]x",
            "ssh://[h]",
            "ssh://[fe80::1%25eth0]",
            "ssh://u%2540dom@h",
            "ssh://%2doProxyCommand=x@h",
            "ssh://u@",
            "ssh://höst",
            "ssh://h/run/../etc/d.sock",
            "ssh://h/run/..",
            "ssh://h/$HOME/d.sock",
            "ssh://h/a b",
            "ssh://h/d.sock;id",
            &long,
            &deep,
        ] {
            let reason = refused(url);
            assert!(!reason.is_empty(), "{url}");
        }
    }

    #[test]
    fn a_password_is_refused_and_not_shown() {
        let message = refused("ssh://root:hunter2@host");
        assert!(message.contains("password"));
        for url in [
            "ssh://root:hunter2@host",
            "ssh://root:hunter2@h;rm",
            "tcp://root:hunter2@h:1/x",
        ] {
            assert!(!refused(url).contains("hunter2"), "{url}");
        }
    }
}
