//! A conversation with one repository of a registry: questions, what it wants to be shown before it answers, and answers that
//! are no longer than they may be.
//!
//! The client of the crate `oci-client` reads a manifest, a token and a refusal to their end, wherever that is, and lets nobody
//! else read them. So its types are used here, and not its client.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md>,
//! <https://distribution.github.io/distribution/spec/auth/token/>

use std::time::Duration;

use mngr_contract::limits::{Exceeded, Limit, REGISTRY_ANSWER, REGISTRY_HEAD};
use oci_client::errors::{OciEnvelope, OciErrorCode};
use oci_client::{Reference, errors::OciError};
use reqwest::header::{ACCEPT, HeaderMap, WWW_AUTHENTICATE};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use tokio::sync::Mutex;

const CONNECT: Duration = Duration::from_secs(10);
const READ: Duration = Duration::from_secs(60);

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// There is no such thing.
    Absent,
    /// It wants other credentials, or none will do.
    NotLetIn,
    /// It said more than is taken.
    Exceeded(Exceeded),
    /// It is not reached, does not speak as a registry does, or fails.
    Broken(String),
}

/// One repository, and how it is spoken to.
pub(super) struct Conversation {
    http: Client,
    /// `https://REGISTRY/v2/REPOSITORY`
    base: String,
    repository: String,
    /// Name and password of whoever asks.
    login: Option<(String, String)>,
    /// What is shown with each question, once the registry has said what it wants.
    shown: Mutex<Option<Shown>>,
}

#[derive(Clone)]
enum Shown {
    Login,
    Token(String),
}

/// What a registry answers where it hands out tokens.
#[derive(Deserialize)]
#[serde(untagged)]
enum Token {
    Token { token: String },
    AccessToken { access_token: String },
}

impl Conversation {
    pub(super) fn new(reference: &Reference, login: Option<(String, String)>) -> Result<Self, Failure> {
        // Whoever was first decides; both know the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder()
            .connect_timeout(CONNECT)
            .read_timeout(READ)
            .user_agent(concat!("mngr-docker/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| failure(&error))?;
        let registry = reference.resolve_registry();
        let scheme = match is_loopback(registry) {
            true => "http",
            false => "https",
        };
        Ok(Self {
            http,
            base: format!("{scheme}://{registry}/v2/{}", reference.repository()),
            repository: reference.repository().to_owned(),
            login,
            shown: Mutex::new(None),
        })
    }

    /// What the registry has at a path of the repository, no longer than that.
    pub(super) async fn get(
        &self,
        path: &str,
        query: &[(&str, &str)],
        accept: &str,
        limit: Limit,
    ) -> Result<Vec<u8>, Failure> {
        let url = format!("{}/{path}", self.base);
        let question = || self.http.get(&url).query(query).header(ACCEPT, accept);
        let shown = self.shown.lock().await.clone();
        let mut answer = sent(self.showing(question(), shown.as_ref())).await?;
        if answer.status() == StatusCode::UNAUTHORIZED && shown.is_none() {
            let wanted = self.wanted(answer.headers()).await?;
            answer = sent(self.showing(question(), Some(&wanted))).await?;
            *self.shown.lock().await = Some(wanted);
        }
        match answer.status().is_success() {
            true => all(answer, limit).await,
            false => Err(refused(answer).await),
        }
    }

    fn showing(&self, question: RequestBuilder, shown: Option<&Shown>) -> RequestBuilder {
        match (shown, &self.login) {
            (Some(Shown::Token(token)), _) => question.bearer_auth(token),
            (Some(Shown::Login), Some((user, password))) => question.basic_auth(user, Some(password)),
            _ => question,
        }
    }

    /// What a registry wants that answers with these headers: name and password, or a token that is had elsewhere.
    async fn wanted(&self, headers: &HeaderMap) -> Result<Shown, Failure> {
        let said = headers.get(WWW_AUTHENTICATE).and_then(|header| header.to_str().ok());
        let challenges = http_auth::parse_challenges(said.unwrap_or_default()).map_err(|_| Failure::NotLetIn)?;
        let of = |scheme: &str| {
            challenges
                .iter()
                .find(|found| found.scheme.eq_ignore_ascii_case(scheme))
        };
        let Some(bearer) = of("Bearer") else {
            return match (of("Basic"), &self.login) {
                (Some(_), Some(_)) => Ok(Shown::Login),
                _ => Err(Failure::NotLetIn),
            };
        };
        let parameter = |name: &str| {
            let found = bearer.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.to_unescaped())
        };
        let realm = parameter("realm").ok_or(Failure::NotLetIn)?;
        let mut query = vec![("scope", format!("repository:{}:pull", self.repository))];
        query.extend(parameter("service").map(|service| ("service", service)));
        let question = self.http.get(realm).query(&query);
        let login = self.login.as_ref().map(|_| Shown::Login);
        let answer = sent(self.showing(question, login.as_ref())).await?;
        match answer.status() {
            StatusCode::OK => {}
            status if status.is_client_error() => return Err(Failure::NotLetIn),
            _ => return Err(refused(answer).await),
        }
        match serde_json::from_slice(&all(answer, REGISTRY_ANSWER).await?) {
            Ok(Token::Token { token } | Token::AccessToken { access_token: token }) => Ok(Shown::Token(token)),
            Err(_) => Err(Failure::Broken(
                "its answer where it hands out tokens holds none".to_owned(),
            )),
        }
    }
}

/// Registries on this very machine are spoken to without TLS, as Docker does.
fn is_loopback(registry: &str) -> bool {
    let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

async fn sent(question: RequestBuilder) -> Result<Response, Failure> {
    question.send().await.map_err(|error| failure(&error))
}

/// All of an answer, which is no longer than that.
async fn all(mut answer: Response, limit: Limit) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(|error| failure(&error))? {
        limit.check(bytes.len() + piece.len()).map_err(Failure::Exceeded)?;
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// What an answer means that is no success.
async fn refused(answer: Response) -> Failure {
    let status = answer.status();
    let body = match all(answer, REGISTRY_ANSWER).await {
        Ok(body) => body,
        Err(failure) => return failure,
    };
    let errors = match serde_json::from_slice::<OciEnvelope>(&body) {
        Ok(envelope) if status.is_client_error() => envelope.errors,
        _ => Vec::new(),
    };
    let has = |codes: &[OciErrorCode]| errors.iter().any(|error| codes.contains(&error.code));
    let unknown = [
        OciErrorCode::ManifestUnknown,
        OciErrorCode::NameUnknown,
        OciErrorCode::BlobUnknown,
    ];
    if has(&unknown) {
        return Failure::Absent;
    }
    if has(&[OciErrorCode::Unauthorized, OciErrorCode::Denied]) {
        return Failure::NotLetIn;
    }
    match status {
        StatusCode::NOT_FOUND => Failure::Absent,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Failure::NotLetIn,
        _ if errors.is_empty() => Failure::Broken(format!("it answered with HTTP status {status}")),
        _ => Failure::Broken(errors.iter().map(OciError::to_string).collect::<Vec<_>>().join("; ")),
    }
}

/// An error of the connection, with all its causes.
fn failure(error: &(dyn std::error::Error + 'static)) -> Failure {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.downcast_ref().is_some_and(hyper::Error::is_parse_too_large) {
            return Failure::Exceeded(Exceeded(REGISTRY_HEAD));
        }
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    Failure::Broken(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_spoken_to_without_tls() {
        for registry in ["127.0.0.1:5000", "localhost", "[::1]:5000", "127.8.8.8:1"] {
            assert!(is_loopback(registry), "{registry}");
        }
        for registry in [
            "r.example:5000",
            "10.0.0.1",
            "localhost.example",
            "127.0.0.1.example:80",
        ] {
            assert!(!is_loopback(registry), "{registry}");
        }
    }
}
