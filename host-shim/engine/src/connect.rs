//! Which engine: `docker_context` or `host`, else `DOCKER_HOST`, else the active Docker context, else the local socket. The
//! Docker CLI's order.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::docker::DockerEngine;
pub use super::endpoint::{Address, Endpoint, LOCAL_SOCKET, Source};
use super::ssh::{Settings, Tunnels};
use super::tls::Files;
use mngr_contract::Result;
use mngr_contract::environment::Environment;
use mngr_contract::error::{invalid, not_found};

/// What a provider's settings say of its engine.
#[derive(Debug, Clone, Copy)]
pub struct EngineChoice<'a> {
    /// Its URL. Absent for what the Docker CLI would choose.
    pub host: Option<&'a str>,
    /// A Docker context, in place of `host`.
    pub docker_context: Option<&'a str>,
    /// Where the certificates are with which TLS is spoken.
    pub tls_directory: Option<&'a Path>,
    /// How `ssh` gets to an engine behind it.
    pub ssh: &'a Settings,
    /// How long a call may take.
    pub timeout: Duration,
}

/// Opens the engine of a provider. Nothing is sent yet: the connection is made by the first call. Engines on one machine
/// behind SSH share the one connection in `tunnels`.
///
/// # Errors
/// As [`endpoint`]; `invalid-argument` for certificates that can not be used.
pub fn connect<'a>(
    choice: impl Into<EngineChoice<'a>>,
    environment: &Environment,
    tunnels: &Tunnels,
) -> Result<DockerEngine> {
    let choice = choice.into();
    DockerEngine::new(endpoint(choice, environment)?, choice.ssh, choice.timeout, tunnels)
}

/// Where the engine is that a provider's configuration or, without a word of it there, the environment names.
///
/// # Errors
/// `invalid-argument` for a bad URL or a Docker configuration that can not be read, `not-found` for a context that does not
/// exist.
pub fn endpoint<'a>(choice: impl Into<EngineChoice<'a>>, environment: &Environment) -> Result<Endpoint> {
    let choice = choice.into();
    let found = chosen(choice, environment)?;
    Ok(match choice.tls_directory {
        Some(directory) => Endpoint {
            tls: Some(Files::of_directory(directory)),
            ..found
        },
        None => found,
    })
}

fn chosen(choice: EngineChoice<'_>, environment: &Environment) -> Result<Endpoint> {
    if let Some(name) = choice.docker_context {
        return match name {
            "default" => Ok(local(environment)),
            _ => of_context(name.to_owned(), environment),
        };
    }
    if let Some(host) = choice.host {
        return Ok(Endpoint {
            address: Address::parse("host", host.trim())?,
            source: Source::Config,
            tls: tls(environment),
        });
    }
    if let Some(host) = environment.var("DOCKER_HOST") {
        return Ok(Endpoint {
            address: Address::parse("DOCKER_HOST", host.trim())?,
            source: Source::DockerHost,
            tls: tls(environment),
        });
    }
    match active_context(environment)? {
        Some(name) => of_context(name, environment),
        None => Ok(local(environment)),
    }
}

fn local(environment: &Environment) -> Endpoint {
    Endpoint {
        address: Address::Unix(LOCAL_SOCKET.into()),
        source: Source::Default,
        tls: tls(environment),
    }
}

/// As for the CLI, either variable with any value asks for TLS. Unlike there, the engine's certificate is always checked.
fn tls(environment: &Environment) -> Option<Files> {
    environment.var("DOCKER_TLS_VERIFY").or(environment.var("DOCKER_TLS"))?;
    let directory = match environment.var("DOCKER_CERT_PATH") {
        Some(path) => environment.directory().join(path),
        None => docker_directory(environment).unwrap_or_default(),
    };
    Some(Files::of_directory(&directory))
}

/// Where the Docker CLI keeps its configuration.
fn docker_directory(environment: &Environment) -> Option<PathBuf> {
    match environment.var("DOCKER_CONFIG") {
        Some(directory) => Some(environment.directory().join(directory)),
        None => environment.home().map(|home| home.join(".docker")),
    }
}

#[derive(Deserialize)]
struct CliConfig {
    #[serde(default, rename = "currentContext")]
    current_context: String,
}

#[derive(Deserialize)]
struct ContextMeta {
    #[serde(default, rename = "Endpoints")]
    endpoints: HashMap<String, ContextEndpoint>,
}

#[derive(Deserialize)]
struct ContextEndpoint {
    #[serde(default, rename = "Host")]
    host: String,
}

/// Name of the context in use; none for the built-in `default`, which is the local socket.
fn active_context(environment: &Environment) -> Result<Option<String>> {
    let name = match (environment.var("DOCKER_CONTEXT"), docker_directory(environment)) {
        (Some(name), _) => name.to_owned(),
        (None, None) => String::new(),
        (None, Some(directory)) => read_json::<CliConfig>(&directory.join("config.json"))?
            .map(|config| config.current_context)
            .unwrap_or_default(),
    };
    Ok(Some(name).filter(|name| !matches!(name.as_str(), "" | "default")))
}

fn of_context(name: String, environment: &Environment) -> Result<Endpoint> {
    let id = hex::encode(Sha256::digest(&name));
    let contexts = docker_directory(environment).unwrap_or_default().join("contexts");
    let path = contexts.join("meta").join(&id).join("meta.json");
    let Some(meta) = read_json::<ContextMeta>(&path)? else {
        return Err(not_found(
            format!("the Docker context `{name}`"),
            format!("there is no {}", path.display()),
            "see `docker context ls` for the contexts there are, and choose one with `docker context use` or DOCKER_CONTEXT",
        ));
    };
    let field = path.display().to_string();
    let endpoint = meta.endpoints.get("docker").ok_or_else(|| {
        invalid(
            &field,
            &name,
            "the context has no endpoint `docker`",
            "see `docker context inspect`, or choose another context with `docker context use`",
        )
    })?;
    let address = if endpoint.host.is_empty() {
        Address::Unix(LOCAL_SOCKET.into())
    } else {
        Address::parse(&field, &endpoint.host)?
    };
    Ok(Endpoint {
        address,
        tls: Some(contexts.join("tls").join(&id).join("docker"))
            .filter(|directory| directory.is_dir())
            .map(|directory| Files::of_directory(&directory)),
        source: Source::Context(name),
    })
}

/// What a file holds; none where it is not there or empty.
fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let at_fault = |reason: String| {
        invalid(
            path.display().to_string(),
            "",
            reason,
            "mend the file, or name the engine with `host` or DOCKER_HOST",
        )
    };
    match std::fs::read(path) {
        Ok(bytes) if bytes.is_empty() => Ok(None),
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| at_fault(error.to_string())),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(at_fault(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    static SSH: LazyLock<Settings> = LazyLock::new(Settings::default);

    fn unnamed() -> EngineChoice<'static> {
        EngineChoice {
            host: None,
            docker_context: None,
            tls_directory: None,
            ssh: &SSH,
            timeout: Duration::from_secs(30),
        }
    }

    fn at(host: &str) -> EngineChoice<'_> {
        EngineChoice {
            host: Some(host),
            ..unnamed()
        }
    }

    /// A Docker CLI configuration in a directory of its own.
    struct Cli(tempfile::TempDir);

    impl Cli {
        fn new(config: &str) -> Self {
            let directory = tempfile::tempdir().expect("a temporary directory");
            std::fs::write(directory.path().join("config.json"), config).expect("written");
            Self(directory)
        }

        fn context(self, name: &str, meta: &str) -> Self {
            let id = hex::encode(Sha256::digest(name));
            let directory = self.0.path().join("contexts/meta").join(id);
            std::fs::create_dir_all(&directory).expect("made");
            std::fs::write(directory.join("meta.json"), meta).expect("written");
            self
        }

        fn environment(&self, more: &[(&str, &str)]) -> Environment {
            let own = [("DOCKER_CONFIG", self.0.path().to_str().expect("UTF-8"))];
            Environment::new(own.iter().chain(more).copied(), "/")
        }
    }

    const REMOTE: &str = r#"{"Name":"remote","Endpoints":{"docker":{"Host":"tcp://10.0.0.5:2375"}}}"#;

    #[test]
    fn the_configured_host_wins_over_everything() {
        let environment = Environment::new([("DOCKER_HOST", "tcp://a:1"), ("DOCKER_CONTEXT", "b")], "/");
        let endpoint = endpoint(at("unix:///x.sock"), &environment).expect("an endpoint");
        assert_eq!(endpoint.address, Address::Unix("/x.sock".into()));
        assert_eq!(endpoint.source, Source::Config);
    }

    #[test]
    fn docker_host_wins_over_a_context() {
        let environment = Environment::new([("DOCKER_HOST", "tcp://a:1"), ("DOCKER_CONTEXT", "b")], "/");
        let endpoint = endpoint(unnamed(), &environment).expect("an endpoint");
        assert_eq!(endpoint.address.to_string(), "tcp://a:1");
        assert_eq!(endpoint.source.to_string(), "from DOCKER_HOST");
        let environment = Environment::new([("DOCKER_HOST", " localhost:2375 ")], "/");
        let endpoint = super::endpoint(unnamed(), &environment).expect("an endpoint");
        assert_eq!(endpoint.address.to_string(), "tcp://localhost:2375");
    }

    #[test]
    fn docker_context_wins_over_the_current_context() {
        let cli = Cli::new(r#"{"currentContext":"other"}"#).context("remote", REMOTE);
        let endpoint = endpoint(unnamed(), &cli.environment(&[("DOCKER_CONTEXT", "remote")])).expect("an endpoint");
        assert_eq!(endpoint.address.to_string(), "tcp://10.0.0.5:2375");
        assert_eq!(endpoint.source, Source::Context("remote".into()));
        assert_eq!(endpoint.tls, None);
    }

    #[test]
    fn the_current_context_is_read_from_the_docker_cli() {
        let cli = Cli::new(r#"{"auths":{},"currentContext":"remote"}"#).context("remote", REMOTE);
        let endpoint = endpoint(unnamed(), &cli.environment(&[])).expect("an endpoint");
        assert_eq!(endpoint.source, Source::Context("remote".into()));
    }

    #[test]
    fn without_any_of_them_it_is_the_local_socket() {
        for config in ["", "{}", r#"{"currentContext":"default"}"#] {
            let cli = Cli::new(config);
            let endpoint = endpoint(unnamed(), &cli.environment(&[("DOCKER_HOST", "")])).expect("an endpoint");
            assert_eq!(endpoint.address, Address::Unix(LOCAL_SOCKET.into()));
            assert_eq!(endpoint.source, Source::Default);
        }
        let bare = endpoint(unnamed(), &Environment::default()).expect("an endpoint");
        assert_eq!(bare.source, Source::Default);
    }

    #[test]
    fn a_context_that_does_not_exist_is_an_error_and_not_the_local_socket() {
        let cli = Cli::new("{}");
        let error = endpoint(unnamed(), &cli.environment(&[("DOCKER_CONTEXT", "gone")])).expect_err("no such context");
        assert_eq!(error.kind(), "not_found");
        assert!(error.message().contains("`gone`"));
        assert!(error.remedy().contains("docker context ls"));
    }

    #[test]
    fn a_bad_url_is_blamed_on_where_it_was_written() {
        let environment = Environment::new([("DOCKER_HOST", "ftp://nonsense")], "/");
        assert_eq!(
            endpoint(unnamed(), &environment).expect_err("bad").field(),
            Some("DOCKER_HOST")
        );
        assert_eq!(
            endpoint(at("unix:"), &environment).expect_err("bad").field(),
            Some("host")
        );
        let cli = Cli::new("{}").context("bad", r#"{"Endpoints":{"docker":{"Host":"tcp://h:x"}}}"#);
        let error = endpoint(unnamed(), &cli.environment(&[("DOCKER_CONTEXT", "bad")])).expect_err("bad");
        assert!(error.field().is_some_and(|field| field.ends_with("meta.json")));
    }

    #[test]
    fn a_docker_configuration_that_is_not_json_is_an_error() {
        let cli = Cli::new("{currentContext");
        let error = endpoint(unnamed(), &cli.environment(&[])).expect_err("bad");
        assert!(error.field().is_some_and(|field| field.ends_with("config.json")));
    }

    #[test]
    fn a_configured_context_wins_over_the_environment_and_its_certificates_are_found() {
        let cli = Cli::new("{}").context("remote", REMOTE);
        let id = hex::encode(Sha256::digest("remote"));
        let certificates = cli.0.path().join("contexts/tls").join(id).join("docker");
        std::fs::create_dir_all(&certificates).expect("made");
        let choice = EngineChoice {
            docker_context: Some("remote"),
            ..unnamed()
        };
        let endpoint = endpoint(choice, &cli.environment(&[("DOCKER_HOST", "tcp://a:1")])).expect("an endpoint");
        assert_eq!(endpoint.address.to_string(), "tcp://10.0.0.5:2375");
        assert_eq!(endpoint.tls.expect("TLS").ca, certificates.join("ca.pem"));
    }

    #[test]
    fn the_default_context_is_the_local_socket_whatever_docker_host_says() {
        let choice = EngineChoice {
            docker_context: Some("default"),
            ..unnamed()
        };
        let environment = Environment::new([("DOCKER_HOST", "tcp://a:1")], "/");
        let endpoint = endpoint(choice, &environment).expect("an endpoint");
        assert_eq!(endpoint.address, Address::Unix(LOCAL_SOCKET.into()));
    }

    #[test]
    fn tls_is_spoken_with_the_certificates_that_the_environment_or_the_configuration_names() {
        let environment = Environment::new([("DOCKER_TLS_VERIFY", "1"), ("DOCKER_CERT_PATH", "certs")], "/home/me");
        let found = endpoint(at("tcp://host:2376"), &environment).expect("an endpoint");
        assert_eq!(found.tls.expect("TLS").ca, Path::new("/home/me/certs/ca.pem"));
        let choice = EngineChoice {
            tls_directory: Some(Path::new("/own")),
            ..at("tcp://host:2376")
        };
        let found = endpoint(choice, &environment).expect("an endpoint");
        assert_eq!(found.tls.expect("TLS").ca, Path::new("/own/ca.pem"));
    }

    #[test]
    fn certificates_that_are_not_there_are_named() {
        let choice = EngineChoice {
            tls_directory: Some(Path::new("/nowhere")),
            ..at("tcp://host:2376")
        };
        let error = connect(choice, &Environment::default(), &Tunnels::default()).expect_err("no certificates");
        assert_eq!(error.field(), Some("/nowhere/ca.pem"));
    }
}
