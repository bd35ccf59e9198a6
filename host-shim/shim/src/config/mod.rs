//! Which providers there are and what they are told: `providers.<name>` in YAML or TOML, with overrides from the
//! environment.
//!
//! The file may be mngr's own: tables other than `providers`, and providers of another `backend`, are not ours and are left
//! alone. What the shim keeps for itself of a provider is checked here; the rest is checked by the plugin, whose findings
//! [`Config::problems`] puts in their place in the file.

mod address;
mod check;
mod choose;
mod depth;
mod error;
mod find;
mod limits;
mod node;
mod overrides;
mod own;
mod policy;
mod problems;
mod shorten;
mod spelling;
mod table;
#[cfg(test)]
mod tests;
mod toml;
mod trust;
mod values;
mod yaml;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

pub use error::ConfigError;
use mngr_contract::environment::Environment;
use mngr_engine::connect::EngineChoice;
use mngr_engine::ssh::Settings;
use mngr_guard::policy::{AuditChoice, Permissions, Preset};
use mngr_loader::CallLimits;
use mngr_registry::PluginChoice;
use node::{KeyValue, Node, Origin, Source};
pub use table::{KEYS, Key, Unset};
pub use trust::{FileTrust, NeedsTrust, SettingsFile, check_trust};

/// The backend that this provider is, as configurations spell it.
const BACKEND: &str = "docker";

/// Every configured provider, by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The file it was read from; none where there was no file.
    pub path: Option<PathBuf>,
    /// Why what it says takes effect.
    pub trust: FileTrust,
    /// The providers of the backend `docker`, by name.
    pub providers: BTreeMap<String, ProviderConfig>,
    /// The backends of the other providers, by the providers' names.
    others: BTreeMap<String, String>,
    /// All of it as it was written, to find the place of what the plugin finds fault with.
    written: Vec<KeyValue>,
}

/// One provider: what the shim keeps for itself, and what the plugin is told.
#[derive(Debug, Clone, PartialEq)]
pub struct ProviderConfig {
    /// Instance name.
    pub name: String,
    /// Files that its settings come from, and those that other providers' in the same file name. No agent is given them.
    pub settings_files: Vec<PathBuf>,
    /// Sockets of the engines of those other providers.
    pub sockets: Vec<String>,
    /// Which engine (`host`): absent for what the Docker CLI would choose.
    pub host: Option<String>,
    /// Which Docker context (`docker_context`), in place of `host`.
    pub docker_context: Option<String>,
    /// How `ssh` gets to an engine behind it (`ssh_config_file`, `identity_file`, `known_hosts_file`, `ssh_options`).
    pub ssh: Settings,
    /// Where the certificates are with which TLS is spoken (`tls_directory`).
    pub tls_directory: Option<PathBuf>,
    /// Which plugin (`plugin`): the path of a component, or `NAME[@RANGE]` of one that is installed; absent for the one that
    /// is built in.
    pub plugin: Option<PluginChoice>,
    /// Whether that may be a native library, which no sandbox holds (`allow_native`).
    pub allow_native: bool,
    /// What its plugin may ask for (`policy`): absent for what suits the plugin, see [`ProviderConfig::preset`].
    pub policy: Option<Preset>,
    /// What goes before that (`permissions`).
    pub permissions: Permissions,
    /// Where is written down what its plugin asks for (`audit_log`).
    pub audit_log: AuditChoice,
    /// Where callers' acknowledgements are written down (`ledger`), for `mngr-docker check` to compare with.
    pub ledger: Option<PathBuf>,
    /// How much one call of it may use (`plugin_limits`).
    pub plugin_limits: CallLimits,
    /// Deadline of one engine call (`engine_timeout_seconds`).
    pub engine_timeout: Duration,
    /// Whether new agents and builds get the proxies of the Docker CLI's configuration (`docker_proxies`).
    pub docker_proxies: bool,
    /// Whether it is to be used at all (`is_enabled`).
    pub is_enabled: bool,
    /// Everything else, for the plugin to check.
    pub settings: Map<String, Value>,
}

/// Deadline of one engine call where the configuration names none. Commits, builds and pulls have longer ones of their own.
pub const DEFAULT_ENGINE_TIMEOUT: Duration = Duration::from_secs(30);

impl<'a> From<&'a ProviderConfig> for EngineChoice<'a> {
    fn from(config: &'a ProviderConfig) -> Self {
        Self {
            host: config.host.as_deref(),
            docker_context: config.docker_context.as_deref(),
            tls_directory: config.tls_directory.as_deref(),
            ssh: &config.ssh,
            timeout: config.engine_timeout,
        }
    }
}

impl ProviderConfig {
    /// A provider of that name with every setting at its default.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            settings_files: Vec::new(),
            sockets: Vec::new(),
            host: None,
            docker_context: None,
            ssh: Settings::default(),
            tls_directory: None,
            plugin: None,
            allow_native: false,
            policy: None,
            permissions: Permissions::default(),
            audit_log: AuditChoice::default(),
            ledger: None,
            plugin_limits: CallLimits::default(),
            engine_timeout: DEFAULT_ENGINE_TIMEOUT,
            docker_proxies: true,
            is_enabled: true,
            settings: Map::new(),
        }
    }

    /// The preset that holds: where none is set, `standard` for the plugin that is built in and `strict` for any that is named.
    pub fn preset(&self) -> Preset {
        self.policy.unwrap_or(match self.plugin {
            None => Preset::Standard,
            Some(_) => Preset::Strict,
        })
    }
}

impl Default for Config {
    /// No file: one provider called `docker`.
    fn default() -> Self {
        let docker = ProviderConfig::named(BACKEND);
        Self {
            path: None,
            trust: FileTrust::OfUser,
            providers: BTreeMap::from([(docker.name.clone(), docker)]),
            others: BTreeMap::new(),
            written: Vec::new(),
        }
    }
}

impl Config {
    /// Reads the configuration: of the file `explicit` (`--config`), else of the one that `MNGR_CONFIG` names, else of
    /// `./.mngr/settings.toml`, else of `~/.mngr/settings.toml`. The first of them is read alone. The environment's
    /// `MNGR__PROVIDERS__<NAME>__<KEY>` win over it.
    ///
    /// A setting of `./.mngr/settings.toml` that could do harm (run code, write a file, pick a key or a machine, widen rights) takes
    /// effect only once the user trusts that file with its present content (`mngr-docker trust`, or a
    /// [`TrustStore`](crate::trust::TrustStore)). It may be somebody else's repository. The other files and the variables are
    /// the user's own word; so is `./.mngr/settings.toml` where it is the one of the home directory. A program that knows better
    /// names the file as `explicit`.
    ///
    /// Where that names no provider of this backend there is one called `docker`, with every setting at its default.
    ///
    /// # Errors
    /// What is wrong and where: a file that is named and not there or can not be read, a syntax error, a key that is there
    /// twice, a value that can not be meant, or a setting that takes effect only once its file is trusted.
    pub fn load(explicit: Option<&Path>, environment: &Environment) -> Result<Self, ConfigError> {
        let found = find::find(explicit, environment)?;
        let source = found.as_ref().map(find::Found::source);
        let mut written = match &source {
            Some(source) => check::providers(parse(source)?)?,
            None => Vec::new(),
        };
        let mut ours = false;
        for entry in &written {
            ours |= check::backend(entry)? == BACKEND;
        }
        if !ours && !written.iter().any(|entry| entry.key == BACKEND) {
            written.push(default_provider());
        }
        overrides::apply(&mut written, environment)?;
        let base = values::Base {
            directory: found
                .as_ref()
                .and_then(find::Found::base)
                .unwrap_or(environment.directory()),
            working: environment.directory(),
            home: environment.home(),
        };
        let (mut providers, others) = check::sorted(&written, &base)?;
        let named: Vec<_> = providers
            .values()
            .map(|provider| {
                (
                    provider.name.clone(),
                    provider.named_files(environment),
                    provider.socket(),
                )
            })
            .collect();
        for provider in providers.values_mut() {
            provider
                .settings_files
                .extend(found.as_ref().map(|found| found.path.clone()));
            for (_, files, socket) in named.iter().filter(|(other, ..)| *other != provider.name) {
                provider.settings_files.extend(files.iter().cloned());
                provider.sockets.extend(socket.clone());
            }
        }
        let mut trust = FileTrust::OfUser;
        if let (Some(found), Some(source)) = (&found, &source)
            && let Some(real) = &found.of_directory
        {
            let sha256 = &found.sha256;
            let directory = trust::Directory { real, sha256, source };
            trust = trust::examine(&directory, &written, &mut providers, environment)?;
        }
        Ok(Self {
            path: found.map(|found| found.path),
            trust,
            providers,
            others,
            written,
        })
    }

    /// One provider of a program that has read its settings itself: the table that a file would have under
    /// `providers.<name>`. No file is read, and of the environment only the home directory and the working directory, where
    /// `~` and relative paths start.
    ///
    /// # Errors
    /// A value that can not be meant, with its key; another backend than `docker`.
    pub fn of_table(name: &str, table: Map<String, Value>, environment: &Environment) -> Result<Self, ConfigError> {
        let entry = check::table(name, table)?;
        let written = vec![entry];
        let base = values::Base {
            directory: environment.directory(),
            working: environment.directory(),
            home: environment.home(),
        };
        let (providers, others) = check::sorted(&written, &base)?;
        if let Some(backend) = others.get(name) {
            let field = format!("providers.{name}.backend");
            let remedy = "write backend = \"docker\", or leave it out and give the provider a name of its own";
            return Err(ConfigError::new(field, "is another backend than `docker`", remedy).value(backend));
        }
        Ok(Self {
            path: None,
            trust: FileTrust::OfUser,
            providers,
            others,
            written,
        })
    }
}

/// The provider that is there where none is configured.
fn default_provider() -> KeyValue {
    unwritten(BACKEND, Value::Object(Map::new()))
}

/// A provider that stands in no text.
fn unwritten(name: &str, table: Value) -> KeyValue {
    let nowhere = Arc::new(Source {
        name: "settings".to_owned(),
        text: String::new(),
        variable: None,
    });
    let origin = Origin::new(&nowhere, 0..0);
    KeyValue {
        key: name.to_owned(),
        origin: origin.clone(),
        node: Node::from_json(table, &origin),
    }
}

/// Reads a file in the format that its name tells, else in the one that it can be read in.
fn parse(source: &Arc<Source>) -> Result<Node, ConfigError> {
    match Path::new(&source.name)
        .extension()
        .and_then(OsStr::to_str)
        .map(str::to_ascii_lowercase)
        .as_deref()
    {
        Some("toml") => toml::parse(source),
        Some("yaml" | "yml") => yaml::parse(source),
        _ => toml::parse(source).or_else(|not_toml| {
            yaml::parse(source).map_err(|not_yaml| {
                if looks_like_toml(&source.text) {
                    not_toml
                } else {
                    not_yaml
                }
            })
        }),
    }
}

/// Whether the first line that says something has the form of TOML.
fn looks_like_toml(text: &str) -> bool {
    let said = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('#'));
    said.is_some_and(|line| line.starts_with('[') || line.find('=').is_some_and(|at| !line[..at].contains(':')))
}
