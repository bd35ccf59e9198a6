//! Credentials for registries, from where the Docker CLI keeps them: `$DOCKER_CONFIG/config.json`, else
//! `~/.docker/config.json`, with its `auths`, `credHelpers` and `credsStore`.
//!
//! They go from there to the engine and nowhere else: no plugin sees them, and nothing logs them.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use docker_credential::{CredentialRetrievalError, DockerCredential};
use mngr_contract::environment::Environment;

/// What the Docker CLI calls Docker Hub in its configuration.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";
/// How long a credential helper may take; some ask a person.
const HELPER: Duration = Duration::from_secs(60);
/// What a helper says where it has nothing for a registry.
const NOTHING: &str = "credentials not found";

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
        let directory = environment
            .var("DOCKER_CONFIG")
            .map(PathBuf::from)
            .or_else(|| environment.home().map(|home| home.join(".docker")));
        Self {
            config: directory.map(|directory| directory.join("config.json")),
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
        // A helper is another program, and it is waited for.
        let asked = server.clone();
        let lookup = tokio::task::spawn_blocking(move || {
            let file = std::fs::File::open(config).map_err(|_| CredentialRetrievalError::ConfigNotFound)?;
            docker_credential::get_credential_from_reader(std::io::BufReader::new(file), &asked)
        });
        let reason = match tokio::time::timeout(HELPER, lookup).await {
            Ok(Ok(Ok(credential))) => return Some(Credentials::new(&server, credential)),
            Ok(Ok(Err(error))) if has_nothing(&error) => return None,
            Ok(Ok(Err(error))) => why(&error),
            Ok(Err(_)) => "the lookup broke off".to_owned(),
            Err(_) => format!("the credential helper did not answer within {HELPER:?}"),
        };
        tracing::warn!(
            registry,
            reason,
            "no credentials are sent; see the Docker CLI's config.json"
        );
        None
    }
}

/// The registry in an image's reference, as the engine reads it.
pub fn registry_of(reference: &str) -> &str {
    match reference.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => "docker.io",
    }
}

fn has_nothing(error: &CredentialRetrievalError) -> bool {
    match error {
        CredentialRetrievalError::ConfigNotFound | CredentialRetrievalError::NoCredentialConfigured => true,
        CredentialRetrievalError::HelperFailure { stdout, stderr, .. } => {
            stdout.contains(NOTHING) || stderr.contains(NOTHING)
        }
        _ => false,
    }
}

/// Why there are none, without a word of what a helper printed: that may be a secret.
fn why(error: &CredentialRetrievalError) -> String {
    match error {
        CredentialRetrievalError::HelperFailure { helper, .. } => format!("{helper} failed"),
        CredentialRetrievalError::HelperCommunicationError => "the credential helper can not be run".to_owned(),
        CredentialRetrievalError::MalformedHelperResponse => "the credential helper's answer is no JSON".to_owned(),
        CredentialRetrievalError::ConfigReadError => "the configuration can not be read".to_owned(),
        _ => "what the configuration has for it does not decode".to_owned(),
    }
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn nothing_of_a_secret_is_in_the_debug_output() {
        let credential = DockerCredential::UsernamePassword("me".to_owned(), "hunter2".to_owned());
        let shown = format!("{:?}", Credentials::new("r", credential));
        assert_eq!(shown, "Credentials(…)");
    }
}
