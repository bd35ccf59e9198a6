//! The setting `gpu`: conditions of GPUs, each of which says what a start argument says.

use mngr_docker_grammar::words::shown;
use serde_json::Value;

use crate::start_args::{Draft, Fault};

/// The conditions that stand beside a request, as flags and as keys of the setting `gpu`.
const NAMES: [&str; 4] = ["count", "memory-min", "model", "exclusive"];

/// Whether a key and its value may stand in the setting `gpu`; else why not and what would be right.
pub fn check(key: &str, value: &Value) -> Option<(String, String)> {
    if !NAMES.contains(&key) {
        return Some((
            format!("`{}` is no condition of GPUs", shown(key)),
            format!("use one of: {}", NAMES.join(", ")),
        ));
    }
    let flag = flag(key, value).ok_or_else(|| Fault {
        is_unsupported: false,
        element: 0,
        shown: String::new(),
        reason: "it is neither a text, nor a number, nor true or false".to_owned(),
        remedy: "write for example gpu = { count = 1, memory-min = \"40g\" }".to_owned(),
    });
    let taken = flag.and_then(|flag| Draft::new().take(&[flag]));
    taken
        .err()
        .map(|fault| (format!("{key}: {}", fault.reason), fault.remedy))
}

/// A key of the setting as the flag that says the same.
pub fn flag(key: &str, value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(yes) => yes.to_string(),
        _ => return None,
    };
    Some(format!("--gpu.{key}={text}"))
}
