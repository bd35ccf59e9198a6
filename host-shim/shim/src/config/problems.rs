//! Puts what the plugin finds fault with in its place in the file.

use mngr_contract::backend::{Setting, SettingProblem};
use mngr_contract::types::InvalidArgument;

use super::node::{Data, KeyValue};
use super::spelling::nearest;
use super::table::KEYS;
use super::{Config, ConfigError, ProviderConfig};

impl Config {
    /// A plugin's findings on the settings of one provider (`errors` or `warnings` of its report), each with its place: the
    /// key where the plugin does not have it among its `settings`, else the value or its element. For an unknown key the
    /// nearest one that the plugin or the shim knows is suggested.
    pub fn problems(&self, provider: &str, findings: &[SettingProblem], settings: &[Setting]) -> Vec<ConfigError> {
        let table = self.written.iter().find(|entry| entry.key == provider);
        findings
            .iter()
            .map(|finding| problem(provider, table, finding, settings))
            .collect()
    }

    /// That a provider's plugin is a native library and `allow_native` does not say that it may be: at the value that names the
    /// plugin.
    pub fn native_refused(&self, chosen: &ProviderConfig, error: &InvalidArgument) -> ConfigError {
        let name = &chosen.name;
        let fault = ConfigError::new(format!("providers.{name}.allow_native"), &error.reason, &error.remedy);
        let here = self
            .providers
            .get(name)
            .is_some_and(|written| written.plugin == chosen.plugin);
        let table = self.written.iter().find(|entry| here && entry.key == *name);
        let Some(Data::Table(entries)) = table.map(|table| &table.node.data) else {
            return fault;
        };
        match entries.iter().find(|entry| entry.key == "plugin") {
            Some(plugin) => fault.at(&plugin.node.origin, "this plugin"),
            None => fault,
        }
    }
}

fn problem(name: &str, table: Option<&KeyValue>, finding: &SettingProblem, settings: &[Setting]) -> ConfigError {
    let own = || KEYS.iter().map(|key| key.name);
    let known = || settings.iter().map(|setting| setting.key.as_str()).chain(own());
    let is_known = known().any(|key| key == finding.key);
    let near = if is_known { None } else { nearest(&finding.key, known()) };
    let remedy = match near {
        Some(near) if !finding.remedy.contains(&format!("`{near}`")) => {
            format!("did you mean `{near}`? {}", finding.remedy)
        }
        _ => finding.remedy.clone(),
    };
    let field = match finding.element {
        Some(element) => format!("providers.{name}.{}[{element}]", finding.key),
        None => format!("providers.{name}.{}", finding.key),
    };
    let fault = ConfigError::new(field, &finding.reason, remedy.trim_end());
    let Some(table) = table else {
        return fault;
    };
    let entry = match &table.node.data {
        Data::Table(entries) => entries.iter().find(|entry| entry.key == finding.key),
        _ => None,
    };
    match entry {
        Some(entry) if is_known => {
            let node = element(entry, finding.element).unwrap_or(&entry.node);
            fault.value(node.shown()).at(&node.origin, "this value")
        }
        Some(entry) => fault.at(&entry.origin, "unknown key"),
        None if table.origin.source.text.is_empty() => fault,
        None => fault.at(&table.origin, format!("`{}` of this provider", finding.key)),
    }
}

fn element(entry: &KeyValue, position: Option<u32>) -> Option<&super::node::Node> {
    match &entry.node.data {
        Data::List(items) => items.get(usize::try_from(position?).ok()?),
        _ => None,
    }
}
