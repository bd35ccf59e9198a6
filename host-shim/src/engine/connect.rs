//! Which engine: `host`, else `DOCKER_HOST`, else the active Docker context, else the local socket. The Docker CLI's order.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::docker::DockerEngine;
pub use super::endpoint::{Address, Endpoint, LOCAL_SOCKET, Source};
use crate::contract::{ProviderError, Result};
use crate::environment::Environment;
use crate::error::{invalid, not_found, unsupported};

/// Opens an engine. Nothing is sent yet: the connection is made by the first call.
///
/// # Errors
/// As [`endpoint`]; `unsupported` for an engine behind SSH or TLS.
pub fn connect(host: Option<&str>, timeout: Duration, environment: &Environment) -> Result<DockerEngine> {
    DockerEngine::new(endpoint(host, environment)?, timeout)
}

/// Where the engine is that `host` or, without one, the environment names.
///
/// # Errors
/// `invalid-argument` for a bad URL or a Docker configuration that can not be read, `not-found` for a context that does not
/// exist.
pub fn endpoint(host: Option<&str>, environment: &Environment) -> Result<Endpoint> {
    // As for the CLI, either variable with any value asks for TLS.
    let tls = environment
        .var("DOCKER_TLS_VERIFY")
        .or(environment.var("DOCKER_TLS"))
        .is_some();
    if let Some(host) = host {
        let address = Address::parse("host", host.trim())?;
        let source = Source::Config;
        return Ok(Endpoint { address, source, tls });
    }
    if let Some(host) = environment.var("DOCKER_HOST") {
        let address = Address::parse("DOCKER_HOST", host.trim())?;
        let source = Source::DockerHost;
        return Ok(Endpoint { address, source, tls });
    }
    match active_context(environment)? {
        Some(name) => of_context(name, environment),
        None => Ok(Endpoint {
            address: Address::Unix(LOCAL_SOCKET.into()),
            source: Source::Default,
            tls,
        }),
    }
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
    let id: String = Sha256::digest(&name).iter().map(|byte| format!("{byte:02x}")).collect();
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
        tls: contexts.join("tls").join(&id).join("docker").is_dir(),
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

/// The error of an address that this version can not reach: `unsupported`, naming `ssh` or `tls`.
pub(super) fn out_of_reach(Endpoint { address, source, .. }: &Endpoint) -> ProviderError {
    match address {
        Address::Ssh { .. } => unsupported(
            "ssh",
            format!("{address} ({source}) is behind SSH, which this version can not use"),
            "forward the engine's socket yourself, `ssh -N -L /tmp/engine.sock:/var/run/docker.sock HOST`, and name \
             unix:///tmp/engine.sock",
        ),
        Address::Tcp { .. } | Address::Unix(_) => unsupported(
            "tls",
            format!("{address} ({source}) is to be reached over TLS, which this version can not do"),
            "use the engine's unix socket, or an address without TLS on a network you trust",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Docker CLI configuration in a directory of its own.
    struct Cli(tempfile::TempDir);

    impl Cli {
        fn new(config: &str) -> Self {
            let directory = tempfile::tempdir().expect("a temporary directory");
            std::fs::write(directory.path().join("config.json"), config).expect("written");
            Self(directory)
        }

        fn context(self, name: &str, meta: &str) -> Self {
            let id: String = Sha256::digest(name).iter().map(|byte| format!("{byte:02x}")).collect();
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
        let endpoint = endpoint(Some("unix:///x.sock"), &environment).expect("an endpoint");
        assert_eq!(endpoint.address, Address::Unix("/x.sock".into()));
        assert_eq!(endpoint.source, Source::Config);
    }

    #[test]
    fn docker_host_wins_over_a_context() {
        let environment = Environment::new([("DOCKER_HOST", "tcp://a:1"), ("DOCKER_CONTEXT", "b")], "/");
        let endpoint = endpoint(None, &environment).expect("an endpoint");
        assert_eq!(endpoint.address.to_string(), "tcp://a:1");
        assert_eq!(endpoint.source.to_string(), "from DOCKER_HOST");
    }

    #[test]
    fn docker_context_wins_over_the_current_context() {
        let cli = Cli::new(r#"{"currentContext":"other"}"#).context("remote", REMOTE);
        let endpoint = endpoint(None, &cli.environment(&[("DOCKER_CONTEXT", "remote")])).expect("an endpoint");
        assert_eq!(endpoint.address.to_string(), "tcp://10.0.0.5:2375");
        assert_eq!(endpoint.source, Source::Context("remote".into()));
        assert!(!endpoint.tls);
    }

    #[test]
    fn the_current_context_is_read_from_the_docker_cli() {
        let cli = Cli::new(r#"{"auths":{},"currentContext":"remote"}"#).context("remote", REMOTE);
        let endpoint = endpoint(None, &cli.environment(&[])).expect("an endpoint");
        assert_eq!(endpoint.source, Source::Context("remote".into()));
    }

    #[test]
    fn without_any_of_them_it_is_the_local_socket() {
        for config in ["", "{}", r#"{"currentContext":"default"}"#] {
            let cli = Cli::new(config);
            let endpoint = endpoint(None, &cli.environment(&[("DOCKER_HOST", "")])).expect("an endpoint");
            assert_eq!(endpoint.address, Address::Unix(LOCAL_SOCKET.into()));
            assert_eq!(endpoint.source, Source::Default);
        }
        let bare = endpoint(None, &Environment::default()).expect("an endpoint");
        assert_eq!(bare.source, Source::Default);
    }

    #[test]
    fn a_context_that_does_not_exist_is_an_error_and_not_the_local_socket() {
        let cli = Cli::new("{}");
        let error = endpoint(None, &cli.environment(&[("DOCKER_CONTEXT", "gone")])).expect_err("no such context");
        assert_eq!(error.kind(), "not_found");
        assert!(error.message().contains("`gone`"));
        assert!(error.remedy().contains("docker context ls"));
    }

    #[test]
    fn a_bad_url_is_blamed_on_where_it_was_written() {
        let environment = Environment::new([("DOCKER_HOST", "nonsense")], "/");
        assert_eq!(
            endpoint(None, &environment).expect_err("bad").field(),
            Some("DOCKER_HOST")
        );
        assert_eq!(
            endpoint(Some("x"), &environment).expect_err("bad").field(),
            Some("host")
        );
        let cli = Cli::new("{}").context("bad", r#"{"Endpoints":{"docker":{"Host":"tcp://h:x"}}}"#);
        let error = endpoint(None, &cli.environment(&[("DOCKER_CONTEXT", "bad")])).expect_err("bad");
        assert!(error.field().is_some_and(|field| field.ends_with("meta.json")));
    }

    #[test]
    fn a_docker_configuration_that_is_not_json_is_an_error() {
        let cli = Cli::new("{currentContext");
        let error = endpoint(None, &cli.environment(&[])).expect_err("bad");
        assert!(error.field().is_some_and(|field| field.ends_with("config.json")));
    }

    #[test]
    fn what_can_not_be_reached_yet_says_so_when_it_is_opened() {
        let environment = Environment::new([("DOCKER_TLS_VERIFY", "1")], "/");
        let open = |host| connect(Some(host), Duration::from_secs(1), &environment);
        for (host, feature) in [("ssh://root@host", "ssh"), ("tcp://host:2376", "tls")] {
            let error = open(host).expect_err("unsupported");
            assert_eq!(error.kind(), "unsupported");
            assert!(error.message().starts_with(feature), "{}", error.message());
        }
        assert!(open("unix:///nowhere.sock").is_ok());
    }
}
