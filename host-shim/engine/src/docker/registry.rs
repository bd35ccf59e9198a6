//! Images to and from registries. The requests are made here and not by bollard, which writes credentials in an alphabet that
//! the engine does not read, and keeps the digest of what was pushed to itself.

use http::Method;
use http::header::{HeaderName, HeaderValue};
use mngr_contract::Result;
use mngr_contract::error::internal;

use super::messages::{Message, Report, SILENCE, follow, lines};
use super::requests::empty;
use super::{DockerEngine, references};
use crate::ProgressSink;
use crate::credentials::Credentials;

const X_REGISTRY_AUTH: HeaderName = HeaderName::from_static("x-registry-auth");

pub(super) async fn image_pull(
    engine: &DockerEngine,
    reference: &str,
    platform: Option<&str>,
    credentials: Option<&Credentials>,
    progress: ProgressSink,
) -> Result<()> {
    let reference = references::image(reference)?;
    let (repository, tag) = references::parts(reference);
    let query = [
        ("fromImage", repository),
        ("tag", tag),
        ("platform", platform.unwrap_or_default()),
    ];
    let operation = engine.changes("pull", "image", reference);
    let operation = operation.within(operation.deadline.max(SILENCE));
    let request = engine.with_credentials("/images/create", &query, credentials);
    let answer = engine.run(operation, request).await?;
    let report = Report::new("pulling", reference, progress);
    follow(engine, operation, lines(answer), report, drop).await
}

/// Returns the digest of the manifest.
pub(super) async fn image_push(
    engine: &DockerEngine,
    reference: &str,
    credentials: Option<&Credentials>,
    progress: ProgressSink,
) -> Result<String> {
    let reference = references::image(reference)?;
    let (repository, tag) = references::parts(reference);
    let operation = engine.changes("push", "image", reference);
    let operation = operation.within(operation.deadline.max(SILENCE));
    let (path, query) = (format!("/images/{repository}/push"), [("tag", tag)]);
    let nobody = Credentials::none();
    let request = engine.with_credentials(&path, &query, credentials.or(Some(&nobody)));
    let answer = engine.run(operation, request).await?;
    let mut digest = None;
    let report = Report::new("pushing", reference, progress);
    follow(engine, operation, lines(answer), report, |message| {
        digest = pushed(&message).or(digest.take());
    })
    .await?;
    digest.ok_or_else(|| {
        internal(
            format!("image `{reference}`"),
            "the engine ended the push without a word of its digest",
            "see in the registry whether it is there",
        )
    })
}

/// The digest of the manifest, where this is the line that tells it. An engine whose images are in containerd's store tells it in
/// words alone.
fn pushed(message: &Message) -> Option<String> {
    let aux = message.aux.as_ref().and_then(|aux| aux.digest.clone());
    aux.or_else(|| {
        let (_, told) = message.status.split_once("digest: ")?;
        let digest = told.split_whitespace().next()?;
        let digits = digest.strip_prefix("sha256:")?;
        let is_one = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_one.then(|| digest.to_owned())
    })
}

impl DockerEngine {
    async fn with_credentials(
        &self,
        path: &str,
        query: &[(&str, &str)],
        credentials: Option<&Credentials>,
    ) -> std::result::Result<hyper::body::Incoming, bollard::errors::Error> {
        let mut request = self.request(Method::POST, path, query, empty())?;
        if let Some(header) = credentials.and_then(|found| HeaderValue::from_str(found.header()).ok()) {
            let mut header = header;
            header.set_sensitive(true);
            request.headers_mut().insert(X_REGISTRY_AUTH, header);
        }
        Ok(self.stream(request).await?.into_body())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(line: &str) -> Option<String> {
        pushed(&serde_json::from_str(line).expect("a line"))
    }

    #[test]
    fn the_digest_is_read_as_each_image_store_tells_it() {
        let told = format!("sha256:{}", "0a".repeat(32));
        let aux = format!(r#"{{"progressDetail":{{}},"aux":{{"Tag":"1","Digest":"{told}","Size":527}}}}"#);
        let words = format!(r#"{{"status":"1: digest: {told} size: 527"}}"#);
        assert_eq!(digest(&aux), Some(told.clone()));
        assert_eq!(digest(&words), Some(told));
    }

    #[test]
    fn what_is_no_digest_is_not_taken_for_one() {
        for line in [
            r#"{"status":"The push refers to repository [r/a]"}"#,
            r#"{"status":"1: digest: sha256:12 size: 3"}"#,
            r#"{"status":"Pushed","id":"0a0a"}"#,
            r#"{"status":"1: digest: "}"#,
        ] {
            assert_eq!(digest(line), None, "{line}");
        }
    }
}
