//! What a provider makes of its settings.

use mngr_host_shim::contract::backend::{ConfigReport, SettingType};
use serde_json::{Map, Value, json};

use super::describe::fits;
use crate::fixture::Fixture;
use crate::rule::{Comes, Stop, ensure, ensure_same, rules};

/// Checks these settings, over those that the provider is tested with.
async fn check(fixture: &Fixture, given: Value) -> Result<ConfigReport, Stop> {
    let mut settings = fixture.given.clone();
    settings.extend(given.as_object().cloned().unwrap_or_default());
    let settings = Value::Object(settings).to_string();
    let report = fixture.plugin.check_config(fixture.provider.name(), &settings).await;
    report.succeeds("to check settings")
}

fn effective(report: &ConfigReport) -> Result<Map<String, Value>, Stop> {
    serde_json::from_str(&report.effective)
        .map_err(|error| Stop::Failed(format!("the effective settings are no JSON object: {error}")))
}

/// Something of another type.
fn wrong(kind: SettingType) -> Value {
    match kind {
        SettingType::Text => json!(["a"]),
        SettingType::Integer | SettingType::Number | SettingType::Boolean => json!("several"),
        SettingType::TextList | SettingType::TextTable => json!(7),
    }
}

rules! {
    "check-config.nothing-given-is-fine" of "backend.check-config", [], "A provider can be used without settings but those that it is tested with", |fixture| {
        let report = check(fixture, json!({})).await?;
        ensure!(report.errors.is_empty(), "{:?}", report.errors);
    }

    "check-config.defaults-are-filled-in" of "backend.config-report", [], "The effective settings hold the default of every setting that is not given", |fixture| {
        let effective = effective(&check(fixture, json!({})).await?)?;
        for setting in &fixture.description.settings {
            let Some(default) = setting.default.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok()) else { continue };
            if fixture.given.contains_key(&setting.key) {
                continue;
            }
            let found = effective.get(&setting.key).unwrap_or(&Value::Null);
            ensure_same!(*found, default, "the effective `{}`", setting.key);
        }
    }

    "check-config.what-is-given-wins" of "backend.config-report", [], "The effective settings hold what was given", |fixture| {
        for setting in &fixture.description.settings {
            let Some(default) = setting.default.as_deref().and_then(|text| serde_json::from_str::<bool>(text).ok()) else { continue };
            let given = json!({ setting.key.as_str(): !default });
            let report = check(fixture, given.clone()).await?;
            ensure!(report.errors.is_empty(), "{given}: {:?}", report.errors);
            ensure_same!(effective(&report)?.get(&setting.key), Some(&json!(!default)), "the effective `{}`", setting.key);
        }
    }

    "check-config.effective-settings-are-settings" of "types.provider", [], "The effective settings are accepted with each call, as they were returned", |fixture| {
        let first = check(fixture, json!({})).await?;
        let again = check(fixture, Value::Object(effective(&first)?)).await?;
        ensure!(again.errors.is_empty(), "{:?}", again.errors);
        ensure_same!(effective(&again)?, effective(&first)?, "the effective settings of the effective settings");
    }

    "check-config.unknown-key-is-an-error" of "backend.setting-problem", [], "A key that is no setting is an error that names it, with a reason and a remedy", |fixture| {
        let report = check(fixture, json!({ "no_such_setting_of_anyone": 1 })).await?;
        let Some(problem) = report.errors.iter().find(|problem| problem.key == "no_such_setting_of_anyone") else {
            return Err(Stop::Failed(format!("the key is not named: {:?}", report.errors)));
        };
        ensure!(!problem.reason.is_empty() && !problem.remedy.is_empty(), "{problem:?}");
    }

    "check-config.unknown-key-names-the-nearest" of "backend.setting-problem", [], "The remedy for a misspelt key names the setting that was meant", |fixture| {
        let Some(setting) = fixture.description.settings.iter().find(|setting| setting.key.len() > 5) else {
            return Err(Stop::Skipped("the provider has no setting whose name is long enough to be misspelt".to_owned()));
        };
        let misspelt = format!("{}x", &setting.key[..setting.key.len() - 1]);
        let report = check(fixture, json!({ misspelt.as_str(): 1 })).await?;
        let problem = report.errors.iter().find(|problem| problem.key == misspelt);
        ensure!(problem.is_some_and(|problem| problem.remedy.contains(&setting.key)), "`{misspelt}` is not led to `{}`: {problem:?}", setting.key);
    }

    "check-config.wrong-type-is-an-error" of "backend.setting-problem", [], "A value of another type is an error that names the key, with a reason and a remedy", |fixture| {
        for setting in &fixture.description.settings {
            let value = wrong(setting.kind);
            ensure!(!fits(setting.kind, &value), "the rule itself is wrong");
            let report = check(fixture, json!({ setting.key.as_str(): value })).await?;
            let problem = report.errors.iter().find(|problem| problem.key == setting.key);
            ensure!(problem.is_some_and(|problem| !problem.reason.is_empty() && !problem.remedy.is_empty()), "`{}` was given {value}: {:?}", setting.key, report.errors);
        }
    }

    "check-config.element-is-named" of "backend.setting-problem", [], "Where one element of a list is at fault its position is told", |fixture| {
        let lists = fixture.description.settings.iter().filter(|setting| matches!(setting.kind, SettingType::TextList));
        for setting in lists {
            let report = check(fixture, json!({ setting.key.as_str(): [7] })).await?;
            let problem = report.errors.iter().find(|problem| problem.key == setting.key);
            ensure!(problem.is_some_and(|problem| problem.element == Some(0)), "`{}` was given [7]: {problem:?}", setting.key);
        }
    }

    "check-config.all-errors-are-told" of "backend.config-report", [], "Every fault is told, and not the first alone", |fixture| {
        let report = check(fixture, json!({ "no_such_setting_1": 1, "no_such_setting_2": 2 })).await?;
        ensure_same!(report.errors.len(), 2, "the faults of two keys");
    }
}
