//! Tags as a user gives them.

use std::collections::BTreeMap;

use crate::Result;
use crate::error::invalid;
use crate::labels::{self, Pair};

/// Most bytes of all tags together, as JSON.
const MAX_BYTES: usize = 64 * 1024;
/// Most characters of a tag's name.
const MAX_KEY: usize = 128;

/// Checks tags as a user gave them, and sorts them by name.
///
/// # Errors
/// `invalid-argument` for a name that is empty, too long, repeated or holds control characters, and for too many bytes.
pub fn check(given: &[Pair]) -> Result<BTreeMap<String, String>> {
    let mut tags = BTreeMap::new();
    for (key, value) in given {
        let length = key.chars().count();
        if !(1..=MAX_KEY).contains(&length) {
            let reason = format!("a tag's name has {length} characters");
            return Err(invalid("tags", key, reason, format!("use 1 to {MAX_KEY} characters")));
        }
        if key.chars().any(char::is_control) {
            let remedy = "use printable characters in a tag's name";
            return Err(invalid("tags", key, "a tag's name holds a control character", remedy));
        }
        if tags.insert(key.clone(), value.clone()).is_some() {
            return Err(invalid("tags", key, "the tag is given twice", "give each tag once"));
        }
    }
    let bytes = labels::encode_tags(&tags).len();
    if bytes > MAX_BYTES {
        let reason = format!("all tags together take {bytes} bytes as JSON");
        let remedy = format!("keep them below {MAX_BYTES} bytes: put large data in a file of the agent");
        return Err(invalid("tags", "", reason, remedy));
    }
    Ok(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_tags_are_refused_with_the_tag_and_a_remedy() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert!(check(&[pair("", "x")]).is_err());
        assert!(check(&[pair("a\n", "x")]).is_err());
        assert!(check(&[pair("a", "x"), pair("a", "y")]).is_err());
        assert!(check(&[pair(&"k".repeat(129), "x")]).is_err());
        assert!(check(&[pair("k", &"v".repeat(100_000))]).is_err());
        assert!(check(&[pair("ключ", "v\n")]).is_ok());
    }
}
