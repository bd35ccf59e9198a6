//! The contract's one error type: short constructors, and how a value from outside is shown in one.

use crate::contract::types::{Ambiguous, Conflict, InvalidArgument, Problem, ProviderError};

/// Most characters of a value that an error repeats.
const SHOWN: usize = 64;

/// A value as an error repeats it: control characters escaped, and cut where it is long.
pub fn shown(value: &str) -> String {
    let mut text = String::new();
    for (position, character) in value.chars().enumerate() {
        if position == SHOWN {
            text.push_str(&format!("… ({} characters)", value.chars().count()));
            break;
        }
        if character.is_control() {
            text.extend(character.escape_default());
        } else {
            text.push(character);
        }
    }
    text
}

/// Those of `known` that look like `given`, the nearest first; at most three.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut likely: Vec<(f64, &str)> = known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(given, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= 0.75)
        .collect();
    likely.sort_by(|(a, x), (b, y)| b.total_cmp(a).then_with(|| x.cmp(y)));
    likely.into_iter().take(3).map(|(_, candidate)| candidate).collect()
}

/// `did you mean …? ` for a remedy, or nothing where nothing is near.
pub fn did_you_mean(nearest: &[&str]) -> String {
    if nearest.is_empty() {
        return String::new();
    }
    let quoted: Vec<_> = nearest.iter().map(|name| format!("`{name}`")).collect();
    format!("did you mean {}? ", quoted.join(" or "))
}

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

/// An error in one line, for the log.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_is_cut_and_control_characters_are_escaped() {
        assert_eq!(shown("a\nb\u{1b}"), "a\\nb\\u{1b}");
        let long = shown(&"ä".repeat(300));
        assert!(long.ends_with("… (300 characters)"), "{long}");
        assert!(long.starts_with(&"ä".repeat(SHOWN)));
    }

    #[test]
    fn the_nearest_names_come_first() {
        assert_eq!(
            nearest("worker1", ["zebra", "worker", "worker2"]),
            ["worker", "worker2"]
        );
        assert!(nearest("x", ["zebra"]).is_empty());
    }
}
