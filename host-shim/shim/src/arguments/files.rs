//! Files of this machine that flags name.

use std::fs;
use std::path::Path;

use crate::contract::Result;
use crate::error::invalid;

/// Docker's form of such files: a line is `NAME=VALUE` and nothing in it is quoted or cut but the space before the name; a
/// name alone takes its value from `lookup`; a line that begins with `#` is no line.
///
/// # Errors
/// `invalid-argument` for a file that cannot be read, and for a line without a name.
pub fn pairs<'a>(flag: &str, path: &Path, lookup: impl Fn(&str) -> Option<&'a str>) -> Result<Vec<String>> {
    let unusable = |reason: String| {
        let remedy = "name a file with one NAME=VALUE on each line";
        invalid(flag, path.display().to_string(), reason, remedy)
    };
    let bytes = fs::read(path).map_err(|error| unusable(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| unusable("it is not UTF-8".to_owned()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut pairs = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = match line.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (line, None),
        };
        if name.is_empty() || name.contains(char::is_whitespace) {
            let number = number + 1;
            return Err(unusable(format!(
                "line {number} has no name, or one with a space in it"
            )));
        }
        pairs.extend(value.or_else(|| lookup(name)).map(|value| format!("{name}={value}")));
    }
    Ok(pairs)
}

/// A `--security-opt` with the profile in place of its file's name.
///
/// # Errors
/// `invalid-argument` for a file that cannot be read or holds no JSON.
pub fn profile(value: &str, directory: &Path) -> Result<Option<Vec<String>>> {
    let Some(file) = value
        .strip_prefix("seccomp=")
        .or_else(|| value.strip_prefix("seccomp:"))
    else {
        return Ok(None);
    };
    if matches!(file, "" | "unconfined" | "builtin") || file.starts_with('{') {
        return Ok(None);
    }
    let path = directory.join(file);
    let unusable = |reason: String| {
        let remedy = "name a file with a profile in JSON, or write seccomp=unconfined";
        invalid("security-opt", path.display().to_string(), reason, remedy)
    };
    let text = fs::read_to_string(&path).map_err(|error| unusable(error.to_string()))?;
    let profile: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| unusable(format!("it is not JSON: {error}")))?;
    Ok(Some(vec![format!("--security-opt=seccomp={profile}")]))
}
