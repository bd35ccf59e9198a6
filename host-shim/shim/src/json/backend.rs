//! What a plugin says of itself, and of settings.

use mngr_contract::backend::{Argument, Description, Setting, SettingProblem, SettingType};
use serde::Serialize;
use serde_json::Value;

/// What a plugin says of itself.
#[derive(Serialize)]
pub struct DescriptionJson<'a> {
    name: &'a str,
    version: &'a str,
    summary: &'a str,
    capabilities: &'a [String],
    settings: Vec<SettingJson<'a>>,
    start_arguments: Vec<ArgumentJson<'a>>,
    build_arguments: Vec<ArgumentJson<'a>>,
}

impl<'a> From<&'a Description> for DescriptionJson<'a> {
    fn from(description: &'a Description) -> Self {
        let arguments = |given: &'a [Argument]| given.iter().map(ArgumentJson::from).collect();
        Self {
            name: &description.name,
            version: &description.version,
            summary: &description.summary,
            capabilities: &description.capabilities,
            settings: description.settings.iter().map(SettingJson::from).collect(),
            start_arguments: arguments(&description.start_arguments),
            build_arguments: arguments(&description.build_arguments),
        }
    }
}

#[derive(Serialize)]
struct SettingJson<'a> {
    key: &'a str,
    kind: &'static str,
    /// Null where there is none.
    default: Value,
    help: &'a str,
}

impl<'a> From<&'a Setting> for SettingJson<'a> {
    fn from(setting: &'a Setting) -> Self {
        let default = setting.default.as_deref();
        Self {
            key: &setting.key,
            kind: match setting.kind {
                SettingType::Text => "text",
                SettingType::Integer => "integer",
                SettingType::Number => "number",
                SettingType::Boolean => "boolean",
                SettingType::TextList => "text_list",
                SettingType::TextTable => "text_table",
            },
            default: default
                .and_then(|text| serde_json::from_str(text).ok())
                .unwrap_or_default(),
            help: &setting.help,
        }
    }
}

#[derive(Serialize)]
struct ArgumentJson<'a> {
    flag: &'a str,
    short: Option<char>,
    value: Option<&'a str>,
    help: &'a str,
}

impl<'a> From<&'a Argument> for ArgumentJson<'a> {
    fn from(argument: &'a Argument) -> Self {
        Self {
            flag: &argument.flag,
            short: argument.short,
            value: argument.value.as_deref(),
            help: &argument.help,
        }
    }
}

/// What is wrong with one setting, or odd.
#[derive(Serialize)]
pub struct ProblemJson<'a> {
    key: &'a str,
    element: Option<u32>,
    reason: &'a str,
    remedy: &'a str,
}

impl<'a> From<&'a SettingProblem> for ProblemJson<'a> {
    fn from(problem: &'a SettingProblem) -> Self {
        Self {
            key: &problem.key,
            element: problem.element,
            reason: &problem.reason,
            remedy: &problem.remedy,
        }
    }
}
