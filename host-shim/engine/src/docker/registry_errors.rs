//! What an engine reports in the midst of its work, mostly a registry's words. It has no status, only a text.

use mngr_contract::ProviderError;
use mngr_contract::error::{denied, internal, not_found, unavailable};

use super::errors::{OperationContext, full, is_full};
use crate::credentials::registry_of;

/// The rule that a registry's refusal goes by.
const RULE: &str = "registry.login";

pub(super) fn reported(operation: &OperationContext<'_>, reason: &str) -> ProviderError {
    let subject = operation.subject();
    let has = |words: &[&str]| words.iter().any(|word| reason.contains(word));
    if is_full(reason) {
        return full(subject, reason.to_owned());
    }
    if has(&["HTTP response to HTTPS client", "x509: ", "tls: "]) {
        return unavailable(
            subject,
            reason,
            "the engine and the registry do not agree on TLS: see `insecure-registries` and /etc/docker/certs.d of the engine",
        );
    }
    // Docker Hub says of what is not there that it may be private.
    if has(&["not found", "manifest unknown", "name unknown", "does not exist"]) {
        return not_found(
            subject,
            reason,
            "see how the image is spelt, and whether the registry lets you have it",
        );
    }
    if has(&[
        "unauthorized",
        "no basic auth credentials",
        "authentication required",
        "incorrect username or password",
        "denied",
        "403 Forbidden",
    ]) {
        let registry = registry_of(operation.name);
        return denied(
            RULE,
            format!(
                "the registry {registry} does not let you {} {subject}: {reason}",
                operation.verb
            ),
            format!("log in there with an account that may: docker login {registry}"),
        );
    }
    if has(&[
        "dial tcp",
        "connection refused",
        "no such host",
        "timeout",
        "TLS handshake",
        "EOF",
    ]) {
        return unavailable(
            subject,
            reason,
            "see whether the engine's machine can reach the registry",
        );
    }
    internal(subject, reason, "see the engine's log (`journalctl -u docker`)")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_a_registry_says_is_told_apart() {
        let operation = OperationContext {
            verb: "push",
            kind: "image",
            name: "r.example:5000/a:1",
            changes: true,
            deadline: Duration::from_secs(30),
        };
        let kind = |reason| reported(&operation, reason).kind();
        let unreachable = "Get \"https://r.example/v2/\": dial tcp: lookup r.example: no such host";
        assert_eq!(kind(unreachable), "unavailable");
        assert_eq!(kind("http: server gave HTTP response to HTTPS client"), "unavailable");
        assert_eq!(kind("manifest for a:b not found: manifest unknown"), "not_found");
        assert_eq!(
            kind("pull access denied for a, repository does not exist or may require"),
            "not_found"
        );
        assert_eq!(kind("write /x: no space left on device"), "resource_exhausted");
        assert_eq!(kind("something else"), "internal");
        for refusal in [
            "no basic auth credentials",
            "unauthorized: authentication required",
            "denied: no",
        ] {
            let error = reported(&operation, refusal);
            assert_eq!(error.kind(), "denied");
            assert!(
                error.message().contains("r.example:5000") && error.remedy().contains("docker login r.example:5000")
            );
        }
    }
}
