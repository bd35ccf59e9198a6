//! The contract's one error type, made by the shim: short constructors, and what a person reads.

use std::time::Duration;

use crate::types::{
    Conflict, Denied, Finding, FindingKind, InvalidArgument, Problem, ProviderError, Severity, Timeout,
};

impl ProviderError {
    /// The case's name as `--json` shows it, for example `not_found`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::InvalidArgument(_) => "invalid_argument",
            Self::NotFound(_) => "not_found",
            Self::AlreadyExists(_) => "already_exists",
            Self::Ambiguous(_) => "ambiguous",
            Self::Conflict(_) => "conflict",
            Self::Unsupported(_) => "unsupported",
            Self::Denied(_) => "denied",
            Self::Unavailable(_) => "unavailable",
            Self::Timeout(_) => "timeout",
            Self::ResourceExhausted(_) => "resource_exhausted",
            Self::SnapshotBlocked(_) => "snapshot_blocked",
            Self::Internal(_) => "internal",
        }
    }

    /// What failed, on what, in one sentence.
    pub fn message(&self) -> String {
        match self {
            Self::InvalidArgument(e) if e.value.is_empty() => format!("{}: {}", e.field, e.reason),
            Self::InvalidArgument(e) => format!("{} `{}`: {}", e.field, e.value, e.reason),
            Self::Ambiguous(e) => format!("`{}` fits more than one: {}", e.given, e.candidates.join(", ")),
            Self::Conflict(e) => format!("{} is {}: {}", e.subject, e.state, e.reason),
            Self::Denied(e) => format!("refused by the rule {}: {}", e.rule, e.reason),
            Self::Timeout(e) => format!(
                "{}: no answer within {:?}{}",
                e.subject,
                Duration::from_millis(e.after_ms),
                if e.may_have_happened {
                    "; it may have happened all the same"
                } else {
                    ""
                }
            ),
            Self::SnapshotBlocked(findings) => {
                let blocks = findings.iter().filter(|finding| finding.severity == Severity::Block);
                let places: Vec<_> = blocks
                    .filter_map(|f| f.path.as_deref().or(f.source.as_deref()))
                    .collect();
                let what = match gives_away(findings) {
                    true => "the environment would be given away",
                    false => "a snapshot would lose data",
                };
                match places.is_empty() {
                    true => what.to_owned(),
                    false => format!("{what}: {}", places.join(", ")),
                }
            }
            Self::NotFound(e)
            | Self::AlreadyExists(e)
            | Self::Unsupported(e)
            | Self::Unavailable(e)
            | Self::ResourceExhausted(e)
            | Self::Internal(e) => format!("{}: {}", e.subject, e.reason),
        }
    }

    /// What to do about it. Empty where nothing can be done.
    pub fn remedy(&self) -> &str {
        match self {
            Self::InvalidArgument(e) => &e.remedy,
            Self::Ambiguous(e) => &e.remedy,
            Self::Conflict(e) => &e.remedy,
            Self::Denied(e) => &e.remedy,
            Self::Timeout(e) => &e.remedy,
            Self::SnapshotBlocked(findings) if gives_away(findings) => {
                "name what is secret in the setting `secret_env`, and pass --include-env to let the others go along"
            }
            Self::SnapshotBlocked(_) => {
                "follow each finding's remedy, or pass --force to take the snapshot without them"
            }
            Self::NotFound(e)
            | Self::AlreadyExists(e)
            | Self::Unsupported(e)
            | Self::Unavailable(e)
            | Self::ResourceExhausted(e)
            | Self::Internal(e) => &e.remedy,
        }
    }

    /// The field at fault, or what the error is about.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::InvalidArgument(e) => Some(&e.field),
            _ => None,
        }
    }
}

/// Whether what blocks is not what a snapshot lacks but what it holds.
fn gives_away(findings: &[Finding]) -> bool {
    let mut blocks = findings.iter().filter(|finding| finding.severity == Severity::Block);
    blocks.all(|finding| finding.kind == FindingKind::Environment) && !findings.is_empty()
}

fn problem(subject: impl Into<String>, reason: impl Into<String>, remedy: impl Into<String>) -> Problem {
    Problem {
        subject: subject.into(),
        reason: reason.into(),
        remedy: remedy.into(),
    }
}

/// Input that can not be meant.
pub fn invalid(
    field: impl Into<String>,
    value: impl Into<String>,
    reason: impl Into<String>,
    remedy: impl Into<String>,
) -> ProviderError {
    ProviderError::InvalidArgument(InvalidArgument {
        field: field.into(),
        value: value.into(),
        reason: reason.into(),
        remedy: remedy.into(),
    })
}

/// There is no such thing.
pub fn not_found(subject: impl Into<String>, reason: impl Into<String>, remedy: impl Into<String>) -> ProviderError {
    ProviderError::NotFound(problem(subject, reason, remedy))
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

/// The engine or its machine can not be reached.
pub fn unavailable(subject: impl Into<String>, reason: impl Into<String>, remedy: impl Into<String>) -> ProviderError {
    ProviderError::Unavailable(problem(subject, reason, remedy))
}

/// The feature is not there.
pub fn unsupported(subject: impl Into<String>, reason: impl Into<String>, remedy: impl Into<String>) -> ProviderError {
    ProviderError::Unsupported(problem(subject, reason, remedy))
}

/// Disk, memory or another supply has run out.
pub fn exhausted(subject: impl Into<String>, reason: impl Into<String>, remedy: impl Into<String>) -> ProviderError {
    ProviderError::ResourceExhausted(problem(subject, reason, remedy))
}

/// The policy does not allow it.
pub fn denied(rule: impl Into<String>, reason: impl Into<String>, remedy: impl Into<String>) -> ProviderError {
    ProviderError::Denied(Denied {
        rule: rule.into(),
        reason: reason.into(),
        remedy: remedy.into(),
    })
}

/// The plugin or the shim is at fault.
pub fn internal(subject: impl Into<String>, reason: impl Into<String>, remedy: impl Into<String>) -> ProviderError {
    ProviderError::Internal(problem(subject, reason, remedy))
}

/// A deadline passed.
pub fn timeout(
    subject: impl Into<String>,
    after: Duration,
    may_have_happened: bool,
    remedy: impl Into<String>,
) -> ProviderError {
    ProviderError::Timeout(Timeout {
        subject: subject.into(),
        after_ms: u64::try_from(after.as_millis()).unwrap_or(u64::MAX),
        may_have_happened,
        remedy: remedy.into(),
    })
}
