//! Settings: one JSON object, checked once and passed back with each call.

use serde_json::{Map, Value};

use crate::contract::exports::mngr::provider::backend::{ConfigReport, Setting, SettingProblem, SettingType};

const DEFAULT_IMAGE: &str = "default_image";
const FALLBACK: &str = "debian:bookworm-slim";

/// Every setting, for help.
pub fn describe() -> Vec<Setting> {
    vec![Setting {
        key: DEFAULT_IMAGE.to_owned(),
        kind: SettingType::Text,
        default: Some(Value::from(FALLBACK).to_string()),
        help: "image of an agent that names none".to_owned(),
    }]
}

/// Checks one provider's settings and fills the defaults in.
pub fn check(settings: &str) -> ConfigReport {
    let given: Map<String, Value> = serde_json::from_str(settings).unwrap_or_default();
    let (mut errors, mut image) = (Vec::new(), Value::from(FALLBACK));
    for (key, value) in given {
        let (reason, remedy) = match (key.as_str(), &value) {
            (DEFAULT_IMAGE, Value::String(_)) => {
                image = value;
                continue;
            }
            (DEFAULT_IMAGE, _) => ("it must be a text", format!("write for example {key} = \"{FALLBACK}\"")),
            _ => (
                "there is no such setting",
                format!("did you mean `{DEFAULT_IMAGE}`? remove `{key}` otherwise"),
            ),
        };
        let reason = reason.to_owned();
        errors.push(SettingProblem {
            key,
            element: None,
            reason,
            remedy,
        });
    }
    let effective = Map::from_iter([(DEFAULT_IMAGE.to_owned(), image)]);
    ConfigReport {
        effective: Value::Object(effective).to_string(),
        warnings: Vec::new(),
        errors,
    }
}

/// The image of an agent that names none, out of the settings that a call comes with.
pub fn default_image(effective: &str) -> String {
    let settings: Map<String, Value> = serde_json::from_str(effective).unwrap_or_default();
    settings
        .get(DEFAULT_IMAGE)
        .and_then(Value::as_str)
        .unwrap_or(FALLBACK)
        .to_owned()
}
