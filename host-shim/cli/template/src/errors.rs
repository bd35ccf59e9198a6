//! Errors: each says what failed, on what, and what to do.

use crate::contract::mngr::provider::types::{Conflict, InvalidArgument, Problem, ProviderError};

fn problem(subject: &str, reason: &str, remedy: String) -> Problem {
    Problem {
        subject: shown(subject),
        reason: reason.to_owned(),
        remedy,
    }
}

/// A value as it may be shown: short, and without control characters.
pub fn shown(value: &str) -> String {
    let short: String = value.chars().take(60).collect();
    short.escape_debug().to_string()
}

pub fn unsupported(feature: &str) -> ProviderError {
    ProviderError::Unsupported(problem(
        feature,
        "this provider can not do that yet",
        "use another provider".to_owned(),
    ))
}

pub fn invalid(field: &str, value: &str, reason: &str, remedy: &str) -> ProviderError {
    ProviderError::InvalidArgument(InvalidArgument {
        field: field.to_owned(),
        value: shown(value),
        reason: reason.to_owned(),
        remedy: remedy.to_owned(),
    })
}

pub fn not_found(subject: &str, remedy: String) -> ProviderError {
    ProviderError::NotFound(problem(subject, "the provider has none of that name or id", remedy))
}

pub fn already_exists(subject: &str) -> ProviderError {
    ProviderError::AlreadyExists(problem(subject, "the name is taken", "use another name".to_owned()))
}

pub fn conflict(subject: &str, state: &str, remedy: &str) -> ProviderError {
    ProviderError::Conflict(Conflict {
        subject: shown(subject),
        state: state.to_owned(),
        reason: "that can not be done in this state".to_owned(),
        remedy: remedy.to_owned(),
    })
}
