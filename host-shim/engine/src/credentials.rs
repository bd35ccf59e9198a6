//! Credentials for registries, from where the Docker CLI keeps them: `$DOCKER_CONFIG/config.json`, else
//! `~/.docker/config.json`, with its `auths`, `credHelpers` and `credsStore`.
//!
//! They go from there to the engine and nowhere else: no plugin sees them, and nothing logs them.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use docker_credential::{CredentialRetrievalError, DockerCredential};
use mngr_contract::ProviderError;
use mngr_contract::environment::Environment;
use mngr_contract::limits::{CREDENTIALS, Exceeded};
use mngr_contract::log;
use mngr_contract::ssh::Command;
use mngr_contract::trace::{Loggable, Name};
use serde::Deserialize;

use crate::machine;

/// What the Docker CLI calls Docker Hub in its configuration.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";
/// How long a credential helper may take; some ask a person.
const HELPER: Duration = Duration::from_secs(60);
/// What a helper says where it has nothing for a registry.
const NOTHING: &str = "credentials not found";
/// The name that stands for none where the secret is a token.
const TOKEN: &str = "<token>";

/// What a registry is to be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// As the engine's API takes it: JSON in URL-safe base64.
    header: String,
}

impl Credentials {
    /// The value of the header `X-Registry-Auth`.
    pub fn header(&self) -> &str {
        &self.header
    }

    /// Name and password, where they are such.
    pub fn basic(&self) -> Option<(String, String)> {
        let json: serde_json::Value = serde_json::from_slice(&URL_SAFE.decode(&self.header).ok()?).ok()?;
        let text = |key: &str| json.get(key)?.as_str().map(str::to_owned);
        Some((text("username")?, text("password")?))
    }

    /// No credentials. Engines before 23.0 refuse a push that brings none at all.
    pub fn none() -> Self {
        Self {
            header: URL_SAFE.encode("{}"),
        }
    }

    fn new(registry: &str, credential: DockerCredential) -> Self {
        let json = match credential {
            DockerCredential::IdentityToken(token) => {
                serde_json::json!({ "identitytoken": token, "serveraddress": registry })
            }
            DockerCredential::UsernamePassword(username, password) => {
                serde_json::json!({ "username": username, "password": password, "serveraddress": registry })
            }
        };
        Self {
            header: URL_SAFE.encode(json.to_string()),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// Where the user's credentials are looked up, anew for each pull and push.
#[derive(Debug, Clone, Default)]
pub struct CredentialStore {
    /// None where the user has no home.
    config: Option<PathBuf>,
}

impl CredentialStore {
    /// The user's own.
    pub fn of_user(environment: &Environment) -> Self {
        Self {
            config: config_of_user(environment),
        }
    }

    /// What to show the registry that an image's reference names. Where nothing is found, or what should have it fails,
    /// the registry is asked without, as the Docker CLI does; a failure is logged.
    pub async fn find(&self, reference: &str) -> Option<Credentials> {
        let config = self.config.clone()?;
        let registry = registry_of(reference);
        let server = match registry {
            "docker.io" => DOCKER_HUB,
            other => other,
        }
        .to_owned();
        let reason = match look_up(&config, &server).await {
            Ok(Some(credential)) => return Some(Credentials::new(&server, credential)),
            Ok(None) => return None,
            Err(reason) => reason,
        };
        log!(
            WARN,
            "no credentials are sent; see the Docker CLI's config.json",
            registry = Name(registry),
            reason = reason,
        );
        None
    }
}

/// Where the Docker CLI's configuration is; none where the user has no home.
pub(crate) fn config_of_user(environment: &Environment) -> Option<PathBuf> {
    let directory = environment.var("DOCKER_CONFIG").map(PathBuf::from);
    let directory = directory.or_else(|| environment.home().map(|home| home.join(".docker")));
    directory.map(|directory| directory.join("config.json"))
}

/// The registry in an image's reference, as the engine reads it.
pub fn registry_of(reference: &str) -> &str {
    match reference.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => "docker.io",
    }
}

/// Why there are no credentials, in words of this program. A helper's own words may be a secret.
#[derive(Debug, PartialEq)]
struct Reason(String);

impl Loggable for Reason {
    fn log(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which programs of the Docker CLI's configuration keep credentials.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Helpers {
    creds_store: String,
    cred_helpers: HashMap<String, String>,
}

/// What the configuration has for a server: of the helper for it, else what is written there, else of the store. An error is the
/// reason why there is none.
async fn look_up(config: &Path, server: &str) -> std::result::Result<Option<DockerCredential>, Reason> {
    let Ok(text) = std::fs::read(config) else {
        return Ok(None);
    };
    let unreadable = |_| Reason("the configuration can not be read".to_owned());
    let mut config: serde_json::Map<_, _> = serde_json::from_slice(&text).map_err(unreadable)?;
    let helpers: Helpers = serde_json::from_slice(&text).map_err(unreadable)?;
    if let Some(helper) = helpers.cred_helpers.get(server).filter(|helper| !helper.is_empty()) {
        return ask(helper, server).await;
    }
    // The crate waits for a helper and reads what it prints for as long as that goes on.
    config.retain(|key, _| key == "auths");
    let written = serde_json::Value::from(config).to_string();
    match docker_credential::get_credential_from_reader(written.as_bytes(), server) {
        Ok(credential) => Ok(Some(credential)),
        Err(CredentialRetrievalError::NoCredentialConfigured) if helpers.creds_store.is_empty() => Ok(None),
        Err(CredentialRetrievalError::NoCredentialConfigured) => ask(&helpers.creds_store, server).await,
        Err(_) => Err(Reason("what the configuration has for it does not decode".to_owned())),
    }
}

/// What a credential helper says where it has something.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Kept {
    username: String,
    secret: String,
}

/// Asks a credential helper, as <https://github.com/docker/docker-credential-helpers> has it: the server on its standard input,
/// JSON on its standard output.
async fn ask(helper: &str, server: &str) -> std::result::Result<Option<DockerCredential>, Reason> {
    ask_program(&format!("docker-credential-{helper}"), server).await
}

async fn ask_program(program: &str, server: &str) -> std::result::Result<Option<DockerCredential>, Reason> {
    let question = Command {
        argv: vec![program.to_owned(), "get".to_owned()],
        stdin: server.as_bytes().to_vec(),
        timeout_ms: u64::try_from(HELPER.as_millis()).unwrap_or(u64::MAX),
        max_output_bytes: CREDENTIALS.most,
    };
    let mut child = tokio::process::Command::new(program);
    child.arg("get");
    let output = match machine::run_child(child, &question).await {
        Ok(output) if output.truncated => return Err(Reason(Exceeded(CREDENTIALS).to_string())),
        Ok(output) => output,
        Err(ProviderError::Timeout(_)) => return Err(Reason(format!("{program} did not answer within {HELPER:?}"))),
        Err(_) => return Err(Reason(format!("{program} can not be run"))),
    };
    let says_nothing = |text: &[u8]| String::from_utf8_lossy(text).contains(NOTHING);
    match serde_json::from_slice::<Kept>(&output.stdout) {
        _ if output.exit_status != 0 && (says_nothing(&output.stdout) || says_nothing(&output.stderr)) => Ok(None),
        _ if output.exit_status != 0 => Err(Reason(format!("{program} failed"))),
        Err(_) => Err(Reason(format!(
            "the answer of {program} is not what a credential helper answers"
        ))),
        Ok(kept) if kept.username == TOKEN => Ok(Some(DockerCredential::IdentityToken(kept.secret))),
        Ok(kept) => Ok(Some(DockerCredential::UsernamePassword(kept.username, kept.secret))),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    async fn found(config: &str, reference: &str) -> Option<serde_json::Value> {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("config.json"), config).expect("written");
        let path = directory.path().display().to_string();
        let store = CredentialStore::of_user(&Environment::new([("DOCKER_CONFIG", path)], "/"));
        let header = store.find(reference).await?.header;
        Some(serde_json::from_slice(&URL_SAFE.decode(header).expect("base64")).expect("JSON"))
    }

    #[test]
    fn the_registry_is_the_part_before_the_slash_where_that_can_be_a_host() {
        for (reference, registry) in [
            ("r.example:5000/a/b:1", "r.example:5000"),
            ("localhost/a", "localhost"),
            ("127.0.0.1:5000/a@sha256:f0", "127.0.0.1:5000"),
            ("team/image", "docker.io"),
            ("busybox:1.36", "docker.io"),
        ] {
            assert_eq!(registry_of(reference), registry);
        }
    }

    #[tokio::test]
    async fn a_login_is_found_by_its_registry_and_sent_in_the_url_safe_alphabet() {
        // In the plain alphabet `?>~` encodes to characters that the engine does not take.
        let config = r#"{"auths": {"r.example:5000": {"auth": "bWU6Pz5+Pz5+"}}}"#;
        let json = found(config, "r.example:5000/a:1").await.expect("credentials");
        assert_eq!((&json["username"], &json["password"]), (&"me".into(), &"?>~?>~".into()));
        assert!(found(config, "other.example/a").await.is_none());
        assert!(found("{}", "busybox").await.is_none());
        assert!(found("nonsense", "busybox").await.is_none());
    }

    #[tokio::test]
    async fn an_identity_token_and_docker_hub_are_known() {
        let config = r#"{"auths": {"https://index.docker.io/v1/": {"auth": "bWU6", "identitytoken": "t"}}}"#;
        let json = found(config, "busybox").await.expect("credentials");
        assert_eq!(json["identitytoken"], "t");
    }

    #[tokio::test]
    async fn a_helper_that_is_not_there_is_no_failure_and_no_credentials() {
        assert!(found(r#"{"credsStore": "no-such-helper"}"#, "busybox").await.is_none());
    }

    /// What a helper that is this script answers.
    async fn asked(script: &str) -> std::result::Result<Option<DockerCredential>, Reason> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("docker-credential-own");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("set");
        ask_program(&path.display().to_string(), "r.example").await
    }

    #[tokio::test]
    async fn a_helper_gets_the_server_and_gives_a_name_and_a_secret_or_a_token() {
        let echo = r#"printf '{"Username":"me","Secret":"%s"}' "$(cat)""#;
        let named = DockerCredential::UsernamePassword("me".into(), "r.example".into());
        assert_eq!(asked(echo).await, Ok(Some(named)));
        let token = r#"echo '{"Username":"<token>","Secret":"t"}'"#;
        assert_eq!(
            asked(token).await,
            Ok(Some(DockerCredential::IdentityToken("t".into())))
        );
        assert_eq!(
            asked("echo credentials not found in native keychain; exit 1").await,
            Ok(None)
        );
        for (script, reason) in [
            ("exit 1", "failed"),
            ("echo hunter2", "not what a credential helper answers"),
        ] {
            let error = asked(script).await.expect_err("no credentials");
            assert!(error.0.contains(reason) && !error.0.contains("hunter2"), "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_helper_that_prints_without_end_is_no_credentials_and_the_reason_names_the_limit() {
        let error = asked("exec head -c 300000000 /dev/zero").await.expect_err("too much");
        assert_eq!(
            error.0,
            "the answer of a credential helper is longer than 64 KiB, the limit"
        );
    }

    #[test]
    fn nothing_of_a_secret_is_in_the_debug_output() {
        let credential = DockerCredential::UsernamePassword("me".to_owned(), "hunter2".to_owned());
        let shown = format!("{:?}", Credentials::new("r", credential));
        assert_eq!(shown, "Credentials(…)");
    }
}
