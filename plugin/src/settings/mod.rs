//! The provider's settings: what may stand in its table, what is wrong with what does, and what follows from it.

mod conditions;
mod table;

pub use conditions::flag as gpu_flag;

use core::net::IpAddr;
use std::collections::BTreeMap;

use mngr_docker_grammar::words::{did_you_mean, nearest, shown};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::Result;
use crate::contract::backend::{ConfigReport, Setting, SettingProblem, SettingType};
use crate::error::invalid;
use table::{HOST_KEYS, KEYS, Key};

/// The settings this provider reads itself, as every call gets them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Image of an agent that names none.
    pub default_image: String,
    /// Type of an agent that names none.
    pub default_agent_type: String,
    /// Flags of `docker run` for every new agent.
    pub default_start_args: Vec<String>,
    /// What the names of agents' containers begin with.
    pub container_prefix: String,
    /// CPUs of a new agent.
    pub default_cpus: Option<f64>,
    /// Memory of a new agent, as Docker spells it.
    pub default_memory: Option<String>,
    /// Runtime of a new agent.
    pub docker_runtime: Option<String>,
    /// Address of the engine's machine on which port 22 of a new agent is published, where that is asked for.
    pub ssh_bind_address: Option<IpAddr>,
    /// Seconds between the stop signal and SIGKILL.
    pub stop_timeout_seconds: u32,
    /// Most seconds an image may take to be built.
    pub build_timeout_seconds: u32,
    /// Freeze an agent while a snapshot of it is taken.
    pub snapshot_pause: bool,
    /// Kind of finding, to what it does to a snapshot; see [`crate::constraints`].
    pub snapshot_findings: BTreeMap<String, String>,
    /// Conditions of GPUs, `count`, `memory-min`, `model` and `exclusive`, of an agent that names none; see [`crate::gpu`].
    pub gpu: BTreeMap<String, Value>,
    /// `keep`, or `release` where others may get the GPUs of a stopped agent.
    pub gpu_when_stopped: String,
    /// Patterns of environment variables that never leave the engine with an image; see [`crate::leaving`].
    pub secret_env: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            default_image: "debian:bookworm-slim".to_owned(),
            default_agent_type: "command".to_owned(),
            default_start_args: Vec::new(),
            container_prefix: "mngr-".to_owned(),
            default_cpus: None,
            default_memory: None,
            docker_runtime: None,
            ssh_bind_address: None,
            stop_timeout_seconds: 10,
            build_timeout_seconds: 600,
            snapshot_pause: true,
            snapshot_findings: BTreeMap::new(),
            gpu: BTreeMap::new(),
            gpu_when_stopped: "keep".to_owned(),
            secret_env: Vec::new(),
        }
    }
}

impl Settings {
    /// The settings that a call is made with.
    ///
    /// # Errors
    /// `invalid-argument` for the field `settings`, where they are not what [`check`] returned.
    pub fn read(effective: &str) -> Result<Self> {
        if effective.is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_str(effective).map_err(|error| {
            let remedy = "pass the settings as `check-config` returned them";
            invalid("settings", "", format!("they do not decode: {error}"), remedy)
        })
    }
}

/// What is wrong with a value.
#[derive(Debug)]
struct Wrong {
    /// Position in a list.
    element: Option<u32>,
    reason: String,
    /// Absent for the key's own example.
    remedy: Option<String>,
}

impl Wrong {
    fn new(reason: impl Into<String>) -> Self {
        Self {
            element: None,
            reason: reason.into(),
            remedy: None,
        }
    }
}

/// Every setting, for help.
pub fn describe() -> Vec<Setting> {
    KEYS.iter()
        .map(|key| Setting {
            key: key.name.to_owned(),
            kind: key.kind,
            default: key.default.map(str::to_owned),
            help: key.help.to_owned(),
        })
        .collect()
}

/// Checks one provider's table and fills the defaults in.
pub fn check(name: &str, settings: &str) -> ConfigReport {
    let mut errors = Vec::new();
    if let Err(wrong) = table::check_name(name) {
        errors.push(problem("name", wrong, "docker"));
    }
    let given: Map<String, Value> = serde_json::from_str(settings).unwrap_or_else(|error| {
        let wrong = Wrong::new(format!("the settings are not a JSON object: {error}"));
        errors.push(problem("settings", wrong, "{}"));
        Map::new()
    });
    let mut effective = Map::new();
    for key in KEYS {
        let default = || key.default.and_then(|default| serde_json::from_str(default).ok());
        let value = match given.get(key.name) {
            None | Some(Value::Null) => default(),
            Some(value) => match check_value(key, value) {
                Ok(()) => Some(value.clone()),
                Err(wrong) => {
                    errors.push(problem(key.name, wrong, key.example));
                    default()
                }
            },
        };
        if let Some(value) = value {
            effective.insert(key.name.to_owned(), value);
        }
    }
    for key in given.keys().filter(|key| !known().any(|known| known == key.as_str())) {
        let near = did_you_mean(&nearest(key, known()));
        errors.push(SettingProblem {
            key: key.clone(),
            element: None,
            reason: "there is no such setting".to_owned(),
            remedy: format!(
                "{near}remove `{}`, or write it as the list of settings does",
                shown(key)
            ),
        });
    }
    ConfigReport {
        effective: Value::Object(effective).to_string(),
        warnings: Vec::new(),
        errors,
    }
}

fn known() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|key| key.name).chain(HOST_KEYS)
}

fn problem(key: &str, wrong: Wrong, example: &str) -> SettingProblem {
    SettingProblem {
        key: key.to_owned(),
        element: wrong.element,
        reason: wrong.reason,
        remedy: wrong
            .remedy
            .unwrap_or_else(|| format!("write for example {key} = {example}")),
    }
}

fn check_value(key: &Key, value: &Value) -> std::result::Result<(), Wrong> {
    let (fits, wanted) = match key.kind {
        SettingType::Text => (value.is_string(), "a text"),
        SettingType::Integer => (value.is_i64() || value.is_u64(), "a whole number"),
        SettingType::Number => (value.is_number(), "a number"),
        SettingType::Boolean => (value.is_boolean(), "true or false"),
        SettingType::TextList => (value.is_array(), "a list of texts"),
        SettingType::TextTable => (value.is_object(), "a table of texts"),
    };
    let mistake = |found: &Value| Wrong::new(format!("it must be {wanted} and is {}", kind_of(found)));
    if !fits {
        return Err(mistake(value));
    }
    if let Some((element, found)) = value
        .as_array()
        .and_then(|list| list.iter().enumerate().find(|(_, element)| !element.is_string()))
    {
        return Err(Wrong {
            element: u32::try_from(element).ok(),
            ..mistake(found)
        });
    }
    (key.check)(value)
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}

fn strings(value: &Value) -> Vec<String> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(settings: &str) -> Vec<SettingProblem> {
        check("docker", settings).errors
    }

    #[test]
    fn an_empty_table_gets_the_defaults_that_the_calls_read() {
        let report = check("docker", "{}");
        assert!(report.errors.is_empty());
        assert_eq!(
            Settings::read(&report.effective).expect("settings"),
            Settings::default()
        );
        let effective: Value = serde_json::from_str(&report.effective).expect("JSON");
        assert_eq!(effective["default_idle_timeout"], 800);
    }

    #[test]
    fn what_is_given_wins_over_the_defaults() {
        let report = check(
            "docker",
            r#"{"default_cpus": 1.5, "default_memory": "8g", "snapshot_pause": false}"#,
        );
        assert!(report.errors.is_empty());
        let settings = Settings::read(&report.effective).expect("settings");
        assert_eq!(settings.default_cpus, Some(1.5));
        assert!(!settings.snapshot_pause);
    }

    #[test]
    fn an_unknown_key_is_answered_with_the_nearest_one_also_where_it_is_the_host_s() {
        let wrong = errors(r#"{"default_imge": "x", "permisions": {}}"#);
        assert!(
            wrong
                .iter()
                .any(|p| p.key == "default_imge" && p.remedy.contains("`default_image`"))
        );
        assert!(
            wrong
                .iter()
                .any(|p| p.key == "permisions" && p.remedy.contains("`permissions`"))
        );
    }

    #[test]
    fn a_wrong_type_is_told_with_what_it_is_and_an_example() {
        let wrong = &errors(r#"{"default_idle_timeout": "800"}"#)[0];
        assert!(
            wrong.reason.contains("whole number") && wrong.reason.contains("a text"),
            "{}",
            wrong.reason
        );
        assert!(wrong.remedy.contains("default_idle_timeout = 800"), "{}", wrong.remedy);
        assert_eq!(errors(r#"{"default_start_args": ["--init", 3]}"#)[0].element, Some(1));
    }

    #[test]
    fn start_arguments_are_judged_when_the_configuration_is() {
        let wrong = &errors(r#"{"default_start_args": ["--tmpfs", "/run", "--memori=4g"]}"#)[0];
        assert_eq!(wrong.element, Some(2));
        assert!(wrong.remedy.contains("--memory"), "{}", wrong.remedy);
    }

    #[test]
    fn values_that_can_not_be_meant_are_refused() {
        for bad in [
            r#"{"default_memory": "lots"}"#,
            r#"{"default_cpus": 0}"#,
            r#"{"default_image": ""}"#,
            r#"{"stop_timeout_seconds": -1}"#,
            r#"{"ssh_bind_address": "localhost"}"#,
            r#"{"default_idle_mode": "sometimes"}"#,
            r#"{"default_activity_sources": ["SSH", "MOON"]}"#,
            r#"{"snapshot_findings": {"bind_mont": "warn"}}"#,
            r#"{"snapshot_findings": {"tmpfs": "stop"}}"#,
            r#"{"snapshot_findings": {"tmpfs": 3}}"#,
            r#"{"gpu": {"memory-min": "lots"}}"#,
            r#"{"gpu": {"colour": "red"}}"#,
            r#"{"gpu": {"count": [1]}}"#,
            r#"{"gpu_when_stopped": "perhaps"}"#,
            r#"{"secret_env": ["A=1"]}"#,
            r#"{"secret_env": [""]}"#,
            "[]",
            "nonsense",
        ] {
            let wrong = errors(bad);
            assert!(wrong.len() == 1 && !wrong[0].remedy.is_empty(), "{bad}");
        }
        assert_eq!(check("a.b", "{}").errors.len(), 1);
    }

    #[test]
    fn each_default_passes_its_own_check() {
        for key in KEYS {
            if let Some(default) = key.default {
                check_value(key, &serde_json::from_str(default).expect("JSON")).expect(key.name);
            }
        }
    }
}
