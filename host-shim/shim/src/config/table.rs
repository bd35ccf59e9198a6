//! The table of settings that the shim keeps for itself: what each is called, what it takes, what holds without it, and
//! where in a [`ProviderConfig`] it goes. Parsing, help, the README's reference and the list that the Python package is
//! compared with come from these rows. The plugin has a table of its own.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use mngr_guard::policy::AuditChoice;

use super::error::ConfigError;
use super::limits::plugin_limits;
use super::node::{Data, KeyValue, Node};
use super::trust::{Trust, is_built_in, is_false, is_strict, is_true};
use super::values::{Base, Given, context, host, plugin, ssh_options, wrong_type};
use super::{ProviderConfig, policy};

/// One setting.
#[derive(Debug)]
pub struct Key {
    /// As configurations spell it.
    pub name: &'static str,
    /// What holds where it is left out.
    pub unset: Unset,
    /// What it is for, in one line.
    pub help: &'static str,
    takes: Takes,
    /// What to write in place of a value that is wrong.
    pub(super) remedy: &'static str,
    /// Whether it waits, in a directory's file, until the file is trusted.
    pub(super) trust: Trust,
}

/// What holds where a setting is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unset {
    /// This value, as JSON.
    Value(&'static str),
    /// What else decides, in words.
    Words(&'static str),
}

impl fmt::Display for Unset {
    /// The value as YAML writes it, or the words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(json) => f.write_str(json.trim_matches('"')),
            Self::Words(words) => f.write_str(words),
        }
    }
}

/// What type of value a setting takes, and what is done with one.
#[derive(Debug)]
enum Takes {
    Text(fn(&mut ProviderConfig, &Given<'_>, &str) -> Result<(), ConfigError>),
    /// A path of this machine. It starts at the file that names it, or at the working directory where a variable does.
    Path(fn(&mut ProviderConfig, PathBuf)),
    Boolean(fn(&mut ProviderConfig, bool)),
    /// Seconds, which may have a fraction.
    Deadline(fn(&mut ProviderConfig, Duration)),
    /// A file to write to, or whether there is to be one at all.
    Log(fn(&mut ProviderConfig, AuditChoice)),
    /// A table of what the text says.
    Table(
        &'static str,
        fn(&mut ProviderConfig, &Given<'_>, &[KeyValue]) -> Result<(), ConfigError>,
    ),
}

/// Rows of `name (unset) type(what is done with it), [remedy] help, trust;`.
macro_rules! keys {
    ($($name:literal ($unset:ident $shown:literal) $takes:expr, [$remedy:expr] $help:literal, $trust:expr;)*) => {
        [$(Key {
            name: $name,
            unset: Unset::$unset($shown),
            help: $help,
            takes: $takes,
            remedy: $remedy,
            trust: $trust,
        }),*]
    };
}

/// What to write as `backend`, which is read before all others.
pub(super) const BACKEND_REMEDY: &str = r#"write backend = "docker", or leave it out"#;
const YES_OR_NO: &str = "write true or false, without quotes";

/// Every setting, in the order in which they are shown.
pub static KEYS: &[Key] = &keys! {
    "backend" (Value r#""docker""#)
        Takes::Text(|_, _, _| Ok(())),
        [BACKEND_REMEDY]
        "which backend a table is for",
        // Which of the tables is ours: each of its other keys is judged by itself.
        Trust::Needless;
    "host" (Words "as the Docker CLI")
        Takes::Text(|config, given, text| host(given, text).map(|host| config.host = Some(host))),
        [r#"write an address, for example "ssh://user@remote-host""#]
        "the engine: `unix://PATH`, `tcp://HOST:PORT`, `ssh://[USER@]HOST[:PORT][/SOCKET]`; else `DOCKER_HOST`, else the active Docker context, else the local socket",
        Trust::Needed("sends files, build secrets and credentials for registries to another machine");
    "docker_context" (Words "none")
        Takes::Text(|config, given, text| context(given, text).map(|context| config.docker_context = Some(context))),
        ["name one of `docker context ls`"]
        "the engine of that context of the Docker CLI, in place of `host`",
        Trust::Needed("sends files, build secrets and credentials for registries to another machine");
    "tls_directory" (Words "as the Docker CLI")
        Takes::Path(|config, path| config.tls_directory = Some(path)),
        ["name a directory of certificates"]
        "`ca.pem`, `cert.pem` and `key.pem` for a `tcp://` engine; else `DOCKER_CERT_PATH` where `DOCKER_TLS_VERIFY` is set, else those of the context. The engine's certificate is always checked",
        Trust::Needed("picks the certificates that an engine is believed by, and the key it is shown");
    "identity_file" (Words "as `ssh`")
        Takes::Path(|config, path| config.ssh.identity_file = Some(path)),
        ["name a private key"]
        "the key to log in with, for `ssh://`",
        Trust::Needed("picks the key to log in with");
    "known_hosts_file" (Words "as `ssh`")
        Takes::Path(|config, path| config.ssh.known_hosts_file = Some(path)),
        ["name a known_hosts file"]
        "the hosts that are known, for `ssh://`",
        Trust::Needed("says which machines are believed");
    "ssh_config_file" (Words "as `ssh`")
        Takes::Path(|config, path| config.ssh.config_file = Some(path)),
        ["name an ssh_config"]
        "another ssh_config, for `ssh://`",
        Trust::Needed("runs programs, such as a ProxyCommand");
    "ssh_options" (Value "{}")
        Takes::Table("options", |config, given, entries| {
            ssh_options(given, entries).map(|options| config.ssh.options = options)
        }),
        [r#"write a table of ssh_config(5) options: { ConnectTimeout = "5" }"#]
        r#"options of ssh_config(5), such as `{ ProxyJump = "me@gate" }`; none that runs a program or trusts a stranger"#,
        Trust::Needed("picks the machines that are gone through, and what they are believed by");
    "plugin" (Words "built in")
        Takes::Text(|config, given, text| plugin(given, text).map(|plugin| config.plugin = plugin)),
        ["name a component's file or an installed plugin (NAME or NAME@RANGE), or leave `plugin` out for the one that is built in"]
        "what to use instead: the path of a component, or `NAME` or `NAME@RANGE` of a plugin that is installed",
        Trust::NeededUnless(is_built_in, "runs its code, which decides what the engine is asked for");
    "allow_native" (Value "false")
        Takes::Boolean(|config, allowed| config.allow_native = allowed),
        [YES_OR_NO]
        "`true` lets that plugin be a native library, which no sandbox holds",
        Trust::NeededUnless(is_false, "lets code run with all your rights");
    "policy" (Words "by the plugin")
        Takes::Text(|config, given, text| policy::preset(given, text).map(|preset| config.policy = Some(preset))),
        ["use one of: strict, standard, open"]
        "what the plugin may ask of the engine: `strict`, `standard`, `open`",
        Trust::NeededUnless(is_strict, "widens what the plugin may ask of the engine");
    "permissions" (Value "{}")
        Takes::Table("permissions", |config, given, entries| {
            policy::permissions(given.field, entries).map(|permissions| config.permissions = permissions)
        }),
        ["write names and values, for example { docker.network: [bridge], gpu: 2 }"]
        "single permissions that go before the policy's",
        Trust::Needed("widens what the plugin may ask of the engine");
    "audit_log" (Value "true")
        Takes::Log(|config, log| config.audit_log = log),
        ["name a file, or write false for no log"]
        "the file in which is written down what the plugin changes and is refused; `false` for none",
        Trust::NeededUnless(is_true, "writes a file of its choice, or nothing down at all");
    "ledger" (Words "none")
        Takes::Path(|config, path| config.ledger = Some(path)),
        ["name a file that is written"]
        "a file in which every acknowledgement is written down, for `mngr-docker check` to compare with",
        Trust::Needed("writes a file of its choice");
    "plugin_limits" (Value "{}")
        Takes::Table("limits", |config, given, entries| {
            plugin_limits(given.field, entries).map(|limits| config.plugin_limits = limits)
        }),
        [r#"write a table of limits: { memory = "512m", idle_seconds = 60 }"#]
        r#"what one call of the plugin may use: `{ memory = "512m", idle_seconds = 60 }`"#,
        Trust::Needed("lets a plugin use up this machine, or nothing of it");
    "engine_timeout_seconds" (Value "30")
        Takes::Deadline(|config, deadline| config.engine_timeout = deadline),
        ["give seconds, more than 0 and at most 3600"]
        "deadline of one engine call; pulls and commits have longer ones of their own",
        // At worst a call fails early, or an hour late.
        Trust::Needless;
    "docker_proxies" (Value "true")
        Takes::Boolean(|config, proxies| config.docker_proxies = proxies),
        [YES_OR_NO]
        "new agents and builds get the `proxies` of the Docker CLI's config.json as variables, as `docker run` and `docker build` hand them on; `false` for none",
        Trust::NeededUnless(is_false, "hands your proxies, which may hold passwords, to agents and builds");
    "is_enabled" (Value "true")
        Takes::Boolean(|config, enabled| config.is_enabled = enabled),
        [YES_OR_NO]
        "`false` takes the provider out of use",
        // At worst a provider is out of use.
        Trust::Needless;
};

impl Key {
    /// The setting of that name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// What type of value it takes: `text`, `path`, `boolean`, `number`, `table` or `path_or_boolean`.
    pub fn kind(&self) -> &'static str {
        match self.takes {
            Takes::Text(_) => "text",
            Takes::Path(_) => "path",
            Takes::Boolean(_) => "boolean",
            Takes::Deadline(_) => "number",
            Takes::Log(_) => "path_or_boolean",
            Takes::Table(..) => "table",
        }
    }

    /// Reads what was given for it into its place.
    pub(super) fn read(
        &self,
        config: &mut ProviderConfig,
        field: &str,
        node: &Node,
        base: &Base<'_>,
    ) -> Result<(), ConfigError> {
        let remedy = self.remedy;
        let given = Given {
            field,
            node,
            base,
            remedy,
        };
        match (&self.takes, &node.data) {
            (Takes::Text(set), Data::Text(text)) => set(config, &given, text)?,
            (Takes::Path(set), Data::Text(text)) => set(config, given.path(text)?),
            (Takes::Boolean(set), Data::Bool(value)) => set(config, *value),
            (Takes::Deadline(set), Data::Number(_) | Data::Unfit(_)) => set(config, given.deadline()?),
            (Takes::Log(set), Data::Text(text)) => set(config, AuditChoice::File(given.path(text)?)),
            (Takes::Log(set), Data::Bool(true)) => set(config, AuditChoice::OfUser),
            (Takes::Log(set), Data::Bool(false)) => set(config, AuditChoice::Off),
            (Takes::Table(_, set), Data::Table(entries)) => set(config, &given, entries)?,
            (takes, _) => return Err(wrong_type(field, node, &takes.expected(), remedy)),
        }
        Ok(())
    }
}

impl Takes {
    /// The type as messages name it.
    fn expected(&self) -> String {
        match self {
            Self::Text(_) | Self::Path(_) => "a string".to_owned(),
            Self::Boolean(_) => "a boolean".to_owned(),
            Self::Deadline(_) => "a number".to_owned(),
            Self::Log(_) => "a path or a boolean".to_owned(),
            Self::Table(of, _) => format!("a table of {of}"),
        }
    }
}
