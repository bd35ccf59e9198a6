//! How names and sizes may be spelt.

use mngr_docker_grammar::{size, words};

/// The candidate that someone who wrote this is likely to have meant.
pub(super) fn nearest<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    words::nearest(given, candidates).into_iter().next()
}

/// A size in bytes, as Docker spells it: `4096`, `512m`, `1.5g`.
pub(super) fn size(text: &str) -> Option<u64> {
    size::parse(text.trim())
        .ok()
        .and_then(|bytes| u64::try_from(bytes).ok())
}
