//! What an agent asks for.

use mngr_docker_grammar::words::shown;
use serde_json::Value;

use crate::contract::types::DeviceRequest;
use crate::grant::{self, Held};
use crate::labels::Pair;
use crate::start_args::{self, Draft};

/// The conditions that stand beside a request, as flags and as keys of the setting `gpu`.
pub const CONDITIONS: [&str; 4] = ["count", "memory-min", "model", "exclusive"];

/// What must be true of the devices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    /// How many, where no request says it.
    pub count: Option<i64>,
    /// Least memory of each, in bytes.
    pub memory_min: Option<u64>,
    /// A part of the model's name, whatever the case.
    pub model: Option<String>,
    /// Nobody else gets them.
    pub exclusive: bool,
}

/// What an agent asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wish {
    /// As `docker run --gpus` and `--device` make them.
    pub requests: Vec<DeviceRequest>,
    /// What must be true of them.
    pub conditions: Conditions,
    /// What devices of equal make are to be found for. They then take the place of the requests.
    pub like: Vec<Held>,
}

impl Wish {
    /// What start arguments ask for.
    pub fn of(draft: &Draft) -> Self {
        let mut requests = draft.spec.limits.gpus.clone();
        if requests.is_empty()
            && let Some(count) = draft.gpu.count.filter(|count| *count != 0)
        {
            requests.push(DeviceRequest {
                driver: String::new(),
                count: Some(count),
                device_ids: Vec::new(),
                capabilities: vec![vec!["gpu".to_owned()]],
                options: Vec::new(),
            });
        }
        Self {
            requests,
            conditions: draft.gpu.clone(),
            like: Vec::new(),
        }
    }

    /// The same, for devices equal to those that another agent holds.
    #[must_use]
    pub fn like(self, held: Vec<Held>) -> Self {
        Self { like: held, ..self }
    }

    /// Whether anything is asked for.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }
}

/// What a container made in another's place asks for: devices equal to those that the other has, and not those of the same
/// numbers.
pub(crate) fn again(draft: &Draft, labels: &[Pair]) -> Wish {
    Wish::of(draft).like(grant::of_labels(labels).map(|grant| grant.devices).unwrap_or_default())
}

/// Whether a key and its value may stand in the setting `gpu`; else why not and what would be right.
pub fn check_setting(key: &str, value: &Value) -> Option<(String, String)> {
    if !CONDITIONS.contains(&key) {
        return Some((
            format!("`{}` is no condition of GPUs", shown(key)),
            format!("use one of: {}", CONDITIONS.join(", ")),
        ));
    }
    let flag = flag(key, value).ok_or_else(|| start_args::Fault {
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
