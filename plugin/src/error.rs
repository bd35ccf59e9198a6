//! The contract's one error type: short constructors. A value from outside is shown shortened.

use mngr_docker_grammar::words::shown;

use crate::contract::types::{Ambiguous, Conflict, InvalidArgument, Problem, ProviderError};

fn problem(subject: impl Into<String>, reason: impl Into<String>, remedy: impl Into<String>) -> Problem {
    Problem {
        subject: subject.into(),
        reason: reason.into(),
        remedy: remedy.into(),
    }
}

/// Input that can not be meant. The value is shown shortened.
pub fn invalid(
    field: impl Into<String>,
    value: &str,
    reason: impl Into<String>,
    remedy: impl Into<String>,
) -> ProviderError {
    ProviderError::InvalidArgument(InvalidArgument {
        field: field.into(),
        value: shown(value),
        reason: reason.into(),
        remedy: remedy.into(),
    })
}

/// There is no such thing.
pub fn not_found(subject: impl Into<String>, reason: impl Into<String>, remedy: impl Into<String>) -> ProviderError {
    ProviderError::NotFound(problem(subject, reason, remedy))
}

/// There is such a thing already.
pub fn already_exists(
    subject: impl Into<String>,
    reason: impl Into<String>,
    remedy: impl Into<String>,
) -> ProviderError {
    ProviderError::AlreadyExists(problem(subject, reason, remedy))
}

/// A reference that fits more than one thing.
pub fn ambiguous(given: &str, mut candidates: Vec<String>, remedy: impl Into<String>) -> ProviderError {
    candidates.sort();
    ProviderError::Ambiguous(Ambiguous {
        given: shown(given),
        candidates,
        remedy: remedy.into(),
    })
}

/// The thing is in a state that does not allow this.
pub fn conflict(
    subject: impl Into<String>,
    state: impl Into<String>,
    reason: impl Into<String>,
    remedy: impl Into<String>,
) -> ProviderError {
    ProviderError::Conflict(Conflict {
        subject: subject.into(),
        state: state.into(),
        reason: reason.into(),
        remedy: remedy.into(),
    })
}

/// The thing itself, as it is, does not allow this.
pub fn unsupported_because(
    subject: impl Into<String>,
    reason: impl Into<String>,
    remedy: impl Into<String>,
) -> ProviderError {
    ProviderError::Unsupported(problem(subject, reason, remedy))
}

/// There is not enough of something.
pub fn exhausted(subject: impl Into<String>, reason: impl Into<String>, remedy: impl Into<String>) -> ProviderError {
    ProviderError::ResourceExhausted(problem(subject, reason, remedy))
}

/// The plugin or the shim is at fault.
pub fn internal(subject: impl Into<String>, reason: impl Into<String>, remedy: impl Into<String>) -> ProviderError {
    ProviderError::Internal(problem(subject, reason, remedy))
}

/// Whether the effect of a request that failed may be there all the same.
pub fn may_have_happened(error: &ProviderError) -> bool {
    match error {
        ProviderError::Timeout(timeout) => timeout.may_have_happened,
        ProviderError::Unavailable(_) => true,
        _ => false,
    }
}

/// The case's name, for the log. The rest of an error may hold what a log must not.
pub fn kind(error: &ProviderError) -> &'static str {
    match error {
        ProviderError::InvalidArgument(_) => "invalid_argument",
        ProviderError::NotFound(_) => "not_found",
        ProviderError::AlreadyExists(_) => "already_exists",
        ProviderError::Ambiguous(_) => "ambiguous",
        ProviderError::Conflict(_) => "conflict",
        ProviderError::Unsupported(_) => "unsupported",
        ProviderError::Denied(_) => "denied",
        ProviderError::Unavailable(_) => "unavailable",
        ProviderError::Timeout(_) => "timeout",
        ProviderError::ResourceExhausted(_) => "resource_exhausted",
        ProviderError::SnapshotBlocked(_) => "snapshot_blocked",
        ProviderError::Internal(_) => "internal",
    }
}

/// An error in one line, for what is answered.
pub fn summary(error: &ProviderError) -> String {
    match error {
        ProviderError::InvalidArgument(e) => format!("{} `{}`: {}", e.field, e.value, e.reason),
        ProviderError::Ambiguous(e) => format!("`{}` fits more than one", e.given),
        ProviderError::Conflict(e) => format!("{} is {}: {}", e.subject, e.state, e.reason),
        ProviderError::Denied(e) => format!("refused by the rule {}: {}", e.rule, e.reason),
        ProviderError::Timeout(e) => format!("{}: no answer within {} ms", e.subject, e.after_ms),
        ProviderError::SnapshotBlocked(findings) => format!("{} findings block the snapshot", findings.len()),
        ProviderError::NotFound(e)
        | ProviderError::AlreadyExists(e)
        | ProviderError::Unsupported(e)
        | ProviderError::Unavailable(e)
        | ProviderError::ResourceExhausted(e)
        | ProviderError::Internal(e) => format!("{}: {}", e.subject, e.reason),
    }
}
