//! Settings, among which is the fault.

use mngr_docker_plugin::DockerProviderBackend;
use mngr_docker_plugin::contract::backend::{ConfigReport, SettingProblem};
use serde_json::{Map, Value};

const FAULT: &str = "fault";
const UNKNOWN: &str = "there is no such setting";

fn object(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_default()
}

/// The fault, and the settings without it and with what the fault has left out of them.
pub fn split(name: &str, settings: &str) -> (String, String) {
    let mut settings = object(settings);
    let fault = settings.remove(FAULT);
    let whole = DockerProviderBackend.check_config(name, &Value::Object(settings).to_string());
    (
        fault
            .and_then(|fault| Some(fault.as_str()?.to_owned()))
            .unwrap_or_default(),
        whole.effective,
    )
}

pub fn check_config(name: &str, settings: &str) -> ConfigReport {
    let mut given = object(settings);
    let fault = given.remove(FAULT).unwrap_or_default();
    let mut report = DockerProviderBackend.check_config(name, &Value::Object(given.clone()).to_string());
    let mut effective = object(&report.effective);
    let problem = || SettingProblem {
        key: "default_image".to_owned(),
        element: None,
        reason: "it is wrong".to_owned(),
        remedy: "write it right".to_owned(),
    };
    match fault.as_str().unwrap_or_default() {
        "check-config.nothing-given-is-fine" if given.is_empty() => report.errors.push(problem()),
        "check-config.defaults-are-filled-in" => drop(effective.remove("default_agent_type")),
        "check-config.what-is-given-wins" => {
            let defaults = object(&DockerProviderBackend.check_config(name, "{}").effective);
            effective.extend(defaults.into_iter().filter(|(_, value)| value.is_boolean()));
        }
        "check-config.effective-settings-are-settings" if given.len() > 10 => report.errors.push(problem()),
        "check-config.unknown-key-is-an-error" => report.errors.retain(|problem| problem.reason != UNKNOWN),
        "check-config.unknown-key-names-the-nearest" => {
            let unknown = report.errors.iter_mut().filter(|problem| problem.reason == UNKNOWN);
            unknown.for_each(|problem| problem.remedy = "remove it".to_owned());
        }
        "check-config.wrong-type-is-an-error" => report
            .errors
            .retain(|problem| !problem.reason.starts_with("it must be")),
        "check-config.element-is-named" => report.errors.iter_mut().for_each(|problem| problem.element = None),
        "check-config.all-errors-are-told" => report.errors.truncate(1),
        _ => {}
    }
    effective.insert(FAULT.to_owned(), fault);
    ConfigReport {
        effective: Value::Object(effective).to_string(),
        ..report
    }
}
