//! Single values of settings: what their type alone does not say.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mngr_engine::endpoint::shown;
use mngr_engine::ssh::check_option;
use mngr_registry::PluginChoice;

use super::address;
use super::error::ConfigError;
use super::find::expanded;
use super::node::{Data, KeyValue, Node};

/// The longest deadline of an engine call.
const DEADLINE_LIMIT: Duration = Duration::from_secs(3600);

/// Where relative and `~` paths start.
pub(super) struct Base<'a> {
    pub directory: &'a Path,
    pub working: &'a Path,
    pub home: Option<&'a Path>,
}

/// What was given for a setting.
pub(super) struct Given<'a> {
    /// The setting, for example `providers.docker.host`.
    pub field: &'a str,
    pub node: &'a Node,
    pub base: &'a Base<'a>,
    /// What to write in its place, where it is wrong.
    pub remedy: &'a str,
}

impl Given<'_> {
    /// A fault of the value, underlined with the label.
    pub fn fault(&self, reason: &str, remedy: impl AsRef<str>, label: &str) -> ConfigError {
        ConfigError::new(self.field, reason, remedy)
            .value(self.node.shown())
            .at(&self.node.origin, label)
    }

    /// The text as a path: of a file beside the configuration where it is relative, of the working directory in a variable.
    pub fn path(&self, text: &str) -> Result<PathBuf, ConfigError> {
        if text.is_empty() || text.contains(|c: char| c.is_control() || matches!(c, '"' | '$')) {
            return Err(self.fault("is not a path", self.remedy, "a path is expected"));
        }
        let directory = match self.node.origin.source.variable {
            Some(_) => self.base.working,
            None => self.base.directory,
        };
        Ok(directory.join(expanded(text, self.base.home)))
    }

    /// The number as seconds.
    pub fn deadline(&self) -> Result<Duration, ConfigError> {
        let seconds = match &self.node.data {
            Data::Number(number) => number.as_f64(),
            _ => None,
        };
        seconds
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .filter(|given| !given.is_zero() && *given <= DEADLINE_LIMIT)
            .ok_or_else(|| self.fault("is no deadline", self.remedy, "out of range"))
    }
}

/// The fault of a value that is of another type.
pub(super) fn wrong_type(field: &str, node: &Node, expected: &str, remedy: &str) -> ConfigError {
    ConfigError::new(field, format!("is {} and not {expected}", node.data.kind()), remedy)
        .value(node.shown())
        .at(&node.origin, format!("{expected} is expected"))
}

/// `host`: an engine's address.
pub(super) fn host(given: &Given<'_>, address: &str) -> Result<String, ConfigError> {
    match address::fault(address) {
        None => Ok(address.to_owned()),
        Some((reason, remedy)) => {
            let without_password = shown(address);
            let error = ConfigError::new(given.field, reason, remedy).value(&without_password);
            // The line is not shown where it holds a password.
            Err(match without_password == address {
                true => error.at(&given.node.origin, "not an engine's address"),
                false => error,
            })
        }
    }
}

/// `docker_context`: the name of one.
pub(super) fn context(given: &Given<'_>, name: &str) -> Result<String, ConfigError> {
    // https://docs.docker.com/reference/cli/docker/context/create/: the CLI's own rule for names.
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '+' | '-');
    match name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(plain) {
        true => Ok(name.to_owned()),
        false => Err(given.fault(
            "is not the name of a Docker context",
            given.remedy,
            "a name is expected",
        )),
    }
}

/// `plugin`: a file, or the name of a plugin that is installed; none for the one that is built in.
pub(super) fn plugin(given: &Given<'_>, text: &str) -> Result<Option<PluginChoice>, ConfigError> {
    match PluginChoice::parse(text) {
        Ok(Some(PluginChoice::File(_))) => given.path(text).map(|path| Some(PluginChoice::File(path))),
        Ok(choice) => Ok(choice),
        Err(error) => Err(given.fault(
            "is not followed by a range of versions",
            error.remedy(),
            "a range is expected after the @",
        )),
    }
}

/// `ssh_options`: options of ssh_config(5), by name.
pub(super) fn ssh_options(given: &Given<'_>, entries: &[KeyValue]) -> Result<BTreeMap<String, String>, ConfigError> {
    let option = |KeyValue { key, node, origin }: &KeyValue| {
        let field = format!("{}.{key}", given.field);
        let value = match &node.data {
            Data::Text(value) => value.clone(),
            Data::Number(number) => number.to_string(),
            Data::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
            _ => return Err(wrong_type(&field, node, "a string", given.remedy)),
        };
        match check_option(key, &value) {
            None => Ok((key.clone(), value)),
            Some((reason, remedy)) => Err(ConfigError::new(&field, reason, remedy)
                .value(&value)
                .at(origin, "this option")),
        }
    };
    entries.iter().map(option).collect()
}
