//! Refusals, in the words and of the kinds that the real engine's answers become.

use mngr_contract::error::{conflict, internal, invalid, not_found};
use mngr_contract::{ProviderError, Result};

pub fn no_container(id: &str) -> ProviderError {
    not_found(
        format!("container `{id}`"),
        format!("No such container: {id}"),
        "see which containers there are",
    )
}

pub fn no_image(reference: &str) -> ProviderError {
    not_found(
        format!("image `{reference}`"),
        format!("No such image: {reference}"),
        "see which images there are; the sandbox engine has no registry to pull from",
    )
}

/// 400.
pub fn bad(kind: &str, name: &str, reason: impl Into<String>) -> ProviderError {
    invalid(kind, name, reason, "correct what the engine complains about")
}

/// A name or id that could be none, which the shim does not let get as far as an engine.
pub fn check_plain(kind: &str, name: &str) -> Result<()> {
    if is_plain(name) {
        return Ok(());
    }
    let remedy = "use letters, digits, `_`, `.` and `-`, and begin with a letter or a digit";
    Err(invalid(kind, name, "this can not be a name or an id", remedy))
}

/// Whether a text is of the characters that the engine allows in a name.
pub fn is_plain(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(allowed)
}

/// 409.
pub fn in_the_way(kind: &str, name: &str, state: &str, reason: impl Into<String>) -> ProviderError {
    conflict(
        format!("{kind} `{name}`"),
        state,
        reason,
        "bring it into a state that allows this, then try again",
    )
}

/// 500.
pub fn failed(kind: &str, name: &str, reason: impl Into<String>) -> ProviderError {
    internal(
        format!("{kind} `{name}`"),
        reason,
        "see what the engine complains about",
    )
}
