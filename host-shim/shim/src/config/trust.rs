//! Which settings a directory's file may make without having been trusted.
//!
//! Whoever enters the directory of somebody else's repository has not read its `.mngr/settings.toml`. So a setting takes effect
//! from there only where its row says that it does no harm, whatever it says; all others wait until the user trusts the file.
//! A setting that nobody has thought about has no row, and waits.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mngr_contract::ProviderError;
use mngr_contract::environment::Environment;
use mngr_guard::policy::Preset;
use mngr_registry::PluginChoice;

use super::check::{backend, is_other_backend, providers};
use super::error::ConfigError;
use super::find::{self, Found};
use super::node::{Data, KeyValue, Node, Origin, Source};
use super::table::Key;
use super::{ProviderConfig, parse};
use crate::trust::TrustStore;

/// Whether a setting of a directory's file waits until the file is trusted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Trust {
    /// It takes effect, whatever its value.
    Needless,
    /// It waits; what it does in the hands of a stranger.
    Needed(&'static str),
    /// The same, but for the values that this is true of.
    NeededUnless(fn(&Data) -> bool, &'static str),
}

impl Trust {
    /// Why this value waits; none where it does not.
    fn reason(self, value: &Data) -> Option<&'static str> {
        match self {
            Self::Needless => None,
            Self::Needed(reason) => Some(reason),
            Self::NeededUnless(is_harmless, reason) => (!is_harmless(value)).then_some(reason),
        }
    }
}

/// Why a setting waits that has no row.
const UNKNOWN: &str = "nobody knows what it does";

/// The settings that are the plugin's. Of those that say `Needless` each is a number, a size, a word or a place inside a container:
/// at worst a new agent is slow, refused, or other than its user expected, and all that it runs stays within the policy.
static OF_PLUGIN: &[(&str, Trust)] = &[
    // An image runs in a container, within the policy. Credentials for a registry are sent to that registry only.
    ("default_image", Trust::Needless),
    ("default_agent_type", Trust::Needless),
    // A name that is taken is refused by the engine; agents are found by their labels.
    ("container_prefix", Trust::Needless),
    ("default_cpus", Trust::Needless),
    ("default_memory", Trust::Needless),
    ("stop_timeout_seconds", Trust::Needless),
    ("build_timeout_seconds", Trust::Needless),
    // Which of the user's own agents gets a GPU.
    ("gpu_when_stopped", Trust::Needless),
    (
        "default_start_args",
        Trust::Needed("mounts directories of the engine's machine and hands over its devices"),
    ),
    ("docker_runtime", Trust::Needed("picks the walls of new agents")),
    (
        "ssh_bind_address",
        Trust::Needed("opens a port of the engine's machine to others"),
    ),
    (
        "gpu",
        Trust::Needed("hands devices of the engine's machine to new agents"),
    ),
    (
        "snapshot_pause",
        Trust::NeededUnless(is_true, "a snapshot may hold files that are half written"),
    ),
    (
        "snapshot_findings",
        Trust::NeededUnless(blocks_only, "a snapshot may lose data and not say so"),
    ),
    ("secret_env", Trust::Needed("says which secrets may leave the engine")),
    // What mngr reads itself. Nothing here looks at them.
    ("default_idle_timeout", Trust::Needless),
    ("default_idle_mode", Trust::Needless),
    ("default_activity_sources", Trust::Needless),
    ("host_dir", Trust::Needless),
    ("volume_mount_path", Trust::Needless),
    ("builder", Trust::Needless),
    ("is_host_volume_created", Trust::Needless),
    ("isolate_host_volumes", Trust::Needless),
    ("host_log_dir", Trust::Needless),
    ("discovery_poll_interval_seconds", Trust::Needless),
    ("host_discovery_poll_interval_seconds", Trust::Needless),
    ("discovery_warn_seconds", Trust::Needless),
    ("discovery_error_timeout_seconds", Trust::Needless),
    ("host_discovery_timeout_seconds", Trust::Needless),
    ("agent_discovery_timeout_seconds", Trust::Needless),
    // mngr's own collection of garbage goes by these, of all hosts of the provider.
    (
        "destroyed_host_persisted_seconds",
        Trust::Needed("mngr deletes records and snapshots of destroyed hosts sooner"),
    ),
    (
        "min_online_host_age_seconds",
        Trust::Needed("mngr destroys idle hosts sooner"),
    ),
];

pub(super) fn is_true(value: &Data) -> bool {
    *value == Data::Bool(true)
}

pub(super) fn is_false(value: &Data) -> bool {
    *value == Data::Bool(false)
}

/// A policy that can not be wider than any other.
pub(super) fn is_strict(value: &Data) -> bool {
    matches!(value, Data::Text(name) if name == Preset::Strict.name())
}

/// The plugin that there is without the setting.
pub(super) fn is_built_in(value: &Data) -> bool {
    matches!(value, Data::Text(name) if matches!(PluginChoice::parse(name), Ok(None)))
}

fn blocks_only(value: &Data) -> bool {
    let blocks = |entry: &KeyValue| matches!(&entry.node.data, Data::Text(severity) if severity == "block");
    matches!(value, Data::Table(entries) if entries.iter().all(blocks))
}

fn reason(key: &str, value: &Data) -> Option<&'static str> {
    if *value == Data::Null {
        return None;
    }
    let of_plugin = || OF_PLUGIN.iter().find(|(name, _)| *name == key).map(|(_, trust)| *trust);
    let trust = Key::named(key).map(|key| key.trust).or_else(of_plugin);
    trust.unwrap_or(Trust::Needed(UNKNOWN)).reason(value)
}

/// A setting that takes effect only once its file is trusted.
#[derive(Debug, Clone)]
pub struct NeedsTrust {
    /// The setting, for example `providers.docker.plugin`.
    pub field: String,
    /// Its whole value: what matters may stand at its end.
    pub value: String,
    /// What it does in the hands of a stranger.
    pub reason: &'static str,
    provider: String,
    key: String,
    origin: Origin,
}

impl NeedsTrust {
    fn of(provider: &KeyValue, entry: &KeyValue, reason: &'static str) -> Self {
        Self {
            field: format!("providers.{}.{}", provider.key, entry.key),
            value: entry.node.shown(),
            reason,
            provider: provider.key.clone(),
            key: entry.key.clone(),
            origin: entry.origin.clone(),
        }
    }
}

/// What of this provider's table waits. `of` is the text that counts, where others were laid over it.
fn needs_of<'a>(provider: &'a KeyValue, of: Option<&'a Arc<Source>>) -> impl Iterator<Item = NeedsTrust> + 'a {
    let entries = match &provider.node.data {
        Data::Table(entries) => entries.as_slice(),
        _ => &[],
    };
    entries
        .iter()
        .filter(move |entry| of.is_none_or(|source| is_of(&entry.node, source)))
        .filter_map(|entry| {
            let reason = reason(&entry.key, &entry.node.data)?;
            Some(NeedsTrust::of(provider, entry, reason))
        })
}

/// Whether any part of the value was written in that text.
fn is_of(node: &Node, source: &Arc<Source>) -> bool {
    Arc::ptr_eq(&node.origin.source, source)
        || match &node.data {
            Data::List(items) => items.iter().any(|item| is_of(item, source)),
            Data::Table(entries) => entries.iter().any(|entry| is_of(&entry.node, source)),
            _ => false,
        }
}

/// Settings of the user's own file that may narrow what is allowed and need no trust themselves: a directory's file that takes its
/// place would take them away.
const NARROWING: [&str; 5] = [
    "policy",
    "permissions",
    "plugin_limits",
    "secret_env",
    "snapshot_findings",
];
/// What becomes of them.
const HIDDEN: &str = "is in your home's file, and no longer holds in this directory";

/// What narrows rights in the file of the home directory, which another takes the place of.
fn hidden(environment: &Environment) -> Result<Vec<NeedsTrust>, ConfigError> {
    let Some(found) = find::of_home(environment)? else {
        return Ok(Vec::new());
    };
    let mut all = Vec::new();
    for table in providers(parse(&found.source())?)? {
        let Data::Table(entries) = &table.node.data else {
            continue;
        };
        if is_other_backend(&backend(&table)?) {
            continue;
        }
        let narrows = |entry: &&KeyValue| {
            let is_open =
                entry.key == "policy" && matches!(&entry.node.data, Data::Text(name) if name == Preset::Open.name());
            let narrows = NARROWING.contains(&entry.key.as_str()) && entry.node.data != Data::Null && !is_open;
            // What needs trust itself says where agents run, and as what.
            narrows || (entry.key != "policy" && reason(&entry.key, &entry.node.data).is_some())
        };
        all.extend(
            entries
                .iter()
                .filter(narrows)
                .map(|entry| NeedsTrust::of(&table, entry, HIDDEN)),
        );
    }
    Ok(all)
}

/// How a configuration came to hold what its file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileTrust {
    /// Its user named the file, or it is their own, or there is none.
    OfUser,
    /// It is a directory's, and nothing in it needs trust.
    Harmless,
    /// It is a directory's, and its user trusts it.
    Trusted,
}

/// Whether what was read from a directory's file may take effect. Of a file that is not trusted, what only repeats the default is
/// taken for the default.
pub(super) fn examine(
    found: &Directory<'_>,
    written: &[KeyValue],
    own: &mut BTreeMap<String, ProviderConfig>,
    environment: &Environment,
) -> Result<FileTrust, ConfigError> {
    let ours = written.iter().filter(|entry| own.contains_key(&entry.key));
    let needs: Vec<_> = ours.flat_map(|entry| needs_of(entry, Some(found.source))).collect();
    let hidden = hidden(environment)?;
    if needs.is_empty() && hidden.is_empty() {
        return Ok(FileTrust::Harmless);
    }
    let trusted = trusts(found.real, found.sha256, environment);
    if matches!(trusted, Ok(true)) {
        return Ok(FileTrust::Trusted);
    }
    let here = environment.directory().display();
    let remedy = format!("look at the file, then run mngr-docker trust in {here}; or name the file with --config");
    if let Some(need) = hidden.first() {
        return Err(untrusted(need, trusted, &remedy));
    }
    for need in needs {
        match own.get_mut(&need.provider) {
            // It is what holds without it. A plugin that is chosen later does not get it from here.
            Some(provider)
                if need.key == "policy" && provider.policy == Some(Preset::Standard) && provider.plugin.is_none() =>
            {
                provider.policy = None;
            }
            _ => {
                return Err(untrusted(&need, trusted, &remedy));
            }
        }
    }
    Ok(FileTrust::Harmless)
}

/// A directory's file.
pub(super) struct Directory<'a> {
    pub real: &'a Path,
    pub sha256: &'a str,
    pub source: &'a Arc<Source>,
}

fn trusts(real: &Path, sha256: &str, environment: &Environment) -> Result<bool, ProviderError> {
    TrustStore::of_user(environment)?.trusts(real, sha256)
}

fn untrusted(need: &NeedsTrust, trusted: Result<bool, ProviderError>, remedy: &str) -> ConfigError {
    let reason = match need.reason {
        HIDDEN => "does not hold in this directory, whose own file takes its place only once it is trusted",
        _ => "takes effect only once this directory is trusted",
    };
    let error = match trusted {
        Ok(_) => ConfigError::new(&need.field, reason, remedy),
        Err(error) => ConfigError::new(
            &need.field,
            format!("{reason}, and what is trusted is not known: {}", error.message()),
            format!("{}; then {remedy}", error.remedy()),
        ),
    };
    error.at(&need.origin, need.reason)
}

/// The settings file of a directory as it was read, for whoever decides whether to trust it.
#[derive(Debug, Clone)]
pub struct SettingsFile {
    /// Its real path.
    pub path: PathBuf,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// The settings in it that take effect only once it is trusted, and those of the home's file that it takes away.
    pub needs_trust: Vec<NeedsTrust>,
}

impl SettingsFile {
    /// The file that is read in a directory where no other is named.
    pub const IN_DIRECTORY: &'static str = find::SETTINGS;

    /// Reads one. A relative path starts at the working directory.
    ///
    /// # Errors
    /// A file that is not there or can not be read, or whose syntax is at fault.
    pub fn read(path: &Path, environment: &Environment) -> Result<Self, ConfigError> {
        let path = environment.directory().join(path);
        let (found, real, written) = read(&path)?.ok_or_else(|| {
            ConfigError::new(
                "file",
                "there is no such file",
                "name the settings file, or go to its directory",
            )
            .value(path.to_string_lossy())
        })?;
        // Other programs may know this backend by a name of their own.
        let may_be_ours = |entry: &&KeyValue| !backend(entry).is_ok_and(|name| is_other_backend(&name));
        let ours = written.iter().filter(may_be_ours);
        let mut needs_trust: Vec<_> = ours.flat_map(|entry| needs_of(entry, None)).collect();
        if real.ends_with(find::SETTINGS) && !find::is_of_home(&real, environment) {
            needs_trust.extend(hidden(environment)?);
        }
        Ok(Self {
            path: real,
            sha256: found.sha256,
            needs_trust,
        })
    }

    /// What a path is known by in a [`TrustStore`]: its real path, also where the file is gone.
    pub fn real_path(path: &Path, environment: &Environment) -> PathBuf {
        let path = environment.directory().join(path);
        let above = || Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?));
        path.canonicalize().ok().or_else(above).unwrap_or(path)
    }
}

/// Whether a program that reads a directory's settings file itself may do what it says of one provider. It may where there is no
/// such file, where it is the user's own in their home directory, where nothing in that table needs trust, and where the file is
/// trusted. `remedy` says what to do where none of that holds.
///
/// Such a program may lay one file over another, so that what only repeats a default needs trust too.
///
/// # Errors
/// The first setting that needs trust; a file that can not be read, or whose syntax is at fault.
pub fn check_trust(path: &Path, provider: &str, remedy: &str, environment: &Environment) -> Result<(), ConfigError> {
    let path = environment.directory().join(path);
    if find::is_of_home(&path, environment) {
        return Ok(());
    }
    let Some((found, real, written)) = read(&path)? else {
        return Ok(());
    };
    let spelt = |name: &str| name.replace('-', "_").to_lowercase();
    let table = written.iter().filter(|entry| spelt(&entry.key) == spelt(provider));
    let Some(need) = table.flat_map(|entry| needs_of(entry, None)).next() else {
        return Ok(());
    };
    match trusts(&real, &found.sha256, environment) {
        Ok(true) => Ok(()),
        trusted => Err(untrusted(&need, trusted, remedy)),
    }
}

fn read(path: &Path) -> Result<Option<(Found, PathBuf, Vec<KeyValue>)>, ConfigError> {
    let Some((found, real)) = find::read_of_directory(path)? else {
        return Ok(None);
    };
    let written = providers(parse(&found.source())?)?;
    Ok(Some((found, real, written)))
}
