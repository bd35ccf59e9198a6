//! What the shim keeps for itself of each provider, checked; all else is left for the plugin to check.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mngr_engine::endpoint::shown;
use mngr_engine::ssh::check_option;
use mngr_registry::PluginChoice;
use serde_json::{Map, Value};

use super::error::ConfigError;
use super::find::expanded;
use super::limits::plugin_limits;
use super::node::{Data, KeyValue, Node, Origin};
use super::spelling::nearest;
use super::{BACKEND, ProviderConfig, address, policy, unwritten};

/// The keys that the shim keeps for itself.
pub(super) const KEYS: [&str; 17] = [
    "allow_native",
    "audit_log",
    "backend",
    "docker_context",
    "engine_timeout_seconds",
    "host",
    "identity_file",
    "is_enabled",
    "known_hosts_file",
    "ledger",
    "permissions",
    "plugin",
    "plugin_limits",
    "policy",
    "ssh_config_file",
    "ssh_options",
    "tls_directory",
];
/// mngr takes a provider's name for its backend where it names none. These are the names that are other backends' then.
const OTHER_BACKENDS: [&str; 10] = [
    "aws",
    "azure",
    "gcp",
    "imbue_cloud",
    "lima",
    "local",
    "modal",
    "ovh",
    "ssh",
    "vultr",
];
/// How mngr marks a key that adds to the value of another of its files, or replaces it. One file is read here.
const OPERATORS: [&str; 2] = ["__extend", "__assign"];
/// The longest deadline of an engine call.
const ENGINE_TIMEOUT_LIMIT: Duration = Duration::from_secs(3600);

/// The providers' tables of a whole document, with keys as mngr normalises them.
pub(super) fn providers(root: Node) -> Result<Vec<KeyValue>, ConfigError> {
    let entries = match root.data {
        Data::Null => return Ok(Vec::new()),
        Data::Table(entries) => entries,
        other => {
            return Err(ConfigError::new(
                "config",
                format!("the file holds {} and not a table", other.kind()),
                "begin with `providers:` in YAML or [providers.docker] in TOML",
            )
            .at(&root.origin, "a table is expected"));
        }
    };
    if !entries.iter().any(|entry| entry.key == "providers") {
        let near = entries
            .iter()
            .find(|entry| nearest(&entry.key, ["providers"]).is_some());
        return near.map_or(Ok(Vec::new()), |near| {
            Err(ConfigError::new(
                &near.key,
                "is not a key of the configuration",
                "did you mean `providers`?",
            )
            .at(&near.origin, "unknown key"))
        });
    }
    let Some(providers) = entries.into_iter().find(|entry| entry.key == "providers") else {
        return Ok(Vec::new());
    };
    let mut providers = match providers.node.data {
        Data::Table(providers) => providers,
        Data::Null => return Ok(Vec::new()),
        _ => {
            return Err(wrong_type(
                "providers",
                &providers.node,
                "a table of providers by name",
                "write each below its name: `docker:` in YAML, [providers.docker] in TOML",
            ));
        }
    };
    distinct(&providers, "providers")?;
    providers.iter_mut().try_for_each(normalise)?;
    Ok(providers)
}

/// The table of one provider that stands in no text, with keys as mngr normalises them.
pub(super) fn table(name: &str, table: Map<String, Value>) -> Result<KeyValue, ConfigError> {
    let mut provider = unwritten(name, Value::Object(table));
    normalise(&mut provider)?;
    Ok(provider)
}

fn normalise(provider: &mut KeyValue) -> Result<(), ConfigError> {
    if let Data::Table(entries) = &mut provider.node.data {
        for entry in entries.iter_mut() {
            entry.key = normal(&entry.key);
        }
        distinct(entries, &format!("providers.{}", provider.key))?;
    }
    Ok(())
}

/// The key with `_` for `-`, less mngr's operators.
fn normal(key: &str) -> String {
    let key = key.replace('-', "_");
    let bare = OPERATORS.iter().find_map(|operator| key.strip_suffix(operator));
    bare.unwrap_or(&key).to_owned()
}

/// Refuses two keys that one and the same environment variable would mean.
fn distinct(entries: &[KeyValue], table: &str) -> Result<(), ConfigError> {
    let mut seen: HashMap<String, &Origin> = HashMap::with_capacity(entries.len());
    for entry in entries {
        if let Some(first) = seen.insert(normal(&entry.key).to_lowercase(), &entry.origin) {
            return Err(ConfigError::twice(
                &format!("{table}.{}", entry.key),
                &entry.origin,
                first.span.clone(),
            ));
        }
    }
    Ok(())
}

/// The backend of one provider.
pub(super) fn backend(provider: &KeyValue) -> Result<String, ConfigError> {
    let given = match &provider.node.data {
        Data::Table(entries) => entries.iter().find(|entry| entry.key == "backend"),
        _ => None,
    };
    match given.map(|entry| &entry.node) {
        None | Some(Node { data: Data::Null, .. }) => {
            let other = OTHER_BACKENDS.iter().find(|other| **other == provider.key);
            Ok(other.unwrap_or(&BACKEND).to_string())
        }
        Some(node) => {
            let field = format!("providers.{}.backend", provider.key);
            let backend = text(&field, node, "write backend = \"docker\", or leave it out")?;
            let known = backend == BACKEND || OTHER_BACKENDS.contains(&backend);
            if !known && nearest(backend, [BACKEND]).is_some() {
                return Err(ConfigError::new(field, "is no backend", "did you mean `docker`?")
                    .value(backend)
                    .at(&node.origin, "unknown backend"));
            }
            Ok(backend.to_owned())
        }
    }
}

/// Where relative and `~` paths start.
pub(super) struct Base<'a> {
    pub directory: &'a Path,
    pub working: &'a Path,
    pub home: Option<&'a Path>,
}

/// One provider of this backend.
pub(super) fn provider(provider: &KeyValue, base: &Base<'_>) -> Result<ProviderConfig, ConfigError> {
    let mut config = ProviderConfig::named(&provider.key);
    let entries = match &provider.node.data {
        Data::Table(entries) => entries.as_slice(),
        Data::Null => &[],
        _ => {
            return Err(wrong_type(
                &format!("providers.{}", provider.key),
                &provider.node,
                "a table of settings",
                "write its settings below it; an address is its `host`",
            ));
        }
    };
    let mut settings = Map::new();
    for KeyValue { key, node, .. } in entries {
        if node.data == Data::Null {
            continue;
        }
        let field = format!("providers.{}.{key}", provider.key);
        match key.as_str() {
            "backend" => {}
            "host" => config.host = Some(host(&field, node)?),
            "docker_context" => config.docker_context = Some(context(&field, node)?),
            "identity_file" => config.ssh.identity_file = Some(path(&field, node, base, "a private key")?),
            "known_hosts_file" => config.ssh.known_hosts_file = Some(path(&field, node, base, "a known_hosts file")?),
            "ssh_config_file" => config.ssh.config_file = Some(path(&field, node, base, "an ssh_config")?),
            "ssh_options" => config.ssh.options = ssh_options(&field, node)?,
            "tls_directory" => config.tls_directory = Some(path(&field, node, base, "a directory of certificates")?),
            "ledger" => config.ledger = Some(path(&field, node, base, "a file that is written")?),
            "plugin" => config.plugin = plugin(&field, node, base)?,
            "allow_native" => config.allow_native = boolean(&field, node)?,
            "allow" => return Err(policy::no_longer(&field, node)),
            "policy" => config.policy = Some(policy::preset(&field, node)?),
            "permissions" => config.permissions = policy::permissions(&field, node)?,
            "audit_log" => config.audit_log = policy::audit_log(&field, node, base)?,
            "plugin_limits" => config.plugin_limits = plugin_limits(&field, node)?,
            "engine_timeout_seconds" => config.engine_timeout = engine_timeout(&field, node)?,
            "is_enabled" => config.is_enabled = boolean(&field, node)?,
            _ => {
                let value = node.to_json().map_err(|unfit| {
                    ConfigError::new(
                        &field,
                        "is a number beyond what can be passed on",
                        "use a smaller, finite number",
                    )
                    .value(unfit.shown())
                    .at(&unfit.origin, "this number")
                })?;
                settings.insert(key.clone(), value);
            }
        }
    }
    config.settings = settings;
    if let (Some(_), Some(context)) = (&config.host, &config.docker_context) {
        let given = entries.iter().find(|entry| entry.key == "docker_context");
        let error = ConfigError::new(
            format!("providers.{}.docker_context", provider.key),
            "names an engine, and `host` names another",
            "leave one of them out",
        )
        .value(context);
        return Err(match given {
            Some(entry) => error.at(&entry.node.origin, "a second engine"),
            None => error,
        });
    }
    Ok(config)
}

pub(super) fn wrong_type(field: &str, node: &Node, expected: &str, remedy: &str) -> ConfigError {
    let remedy = match &node.origin.source.variable {
        Some(_) if expected.starts_with("a list") => format!("{remedy}; in a variable a list is written as JSON"),
        _ => remedy.to_owned(),
    };
    ConfigError::new(field, format!("is {} and not {expected}", node.data.kind()), remedy)
        .value(node.shown())
        .at(&node.origin, format!("{expected} is expected"))
}

pub(super) fn text<'a>(field: &str, node: &'a Node, remedy: &str) -> Result<&'a str, ConfigError> {
    match &node.data {
        Data::Text(text) => Ok(text),
        _ => Err(wrong_type(field, node, "a string", remedy)),
    }
}

fn boolean(field: &str, node: &Node) -> Result<bool, ConfigError> {
    match node.data {
        Data::Bool(value) => Ok(value),
        _ => Err(wrong_type(
            field,
            node,
            "a boolean",
            "write true or false, without quotes",
        )),
    }
}

fn host(field: &str, node: &Node) -> Result<String, ConfigError> {
    let address = text(field, node, "write an address, for example \"ssh://user@remote-host\"")?;
    match address::fault(address) {
        None => Ok(address.to_owned()),
        Some((reason, remedy)) => {
            let without_password = shown(address);
            let error = ConfigError::new(field, reason, remedy).value(&without_password);
            // The line is not shown where it holds a password.
            Err(match without_password == address {
                true => error.at(&node.origin, "not an engine's address"),
                false => error,
            })
        }
    }
}

fn plugin(field: &str, node: &Node, base: &Base<'_>) -> Result<Option<PluginChoice>, ConfigError> {
    let what = "a component's file or an installed plugin (NAME or NAME@RANGE), or leave `plugin` out for the one that is built in";
    let file = || path(field, node, base, what);
    let Data::Text(text) = &node.data else {
        return file().map(|path| Some(PluginChoice::File(path)));
    };
    match PluginChoice::parse(text) {
        Ok(Some(PluginChoice::File(_))) => file().map(|path| Some(PluginChoice::File(path))),
        Ok(choice) => Ok(choice),
        Err(error) => Err(
            ConfigError::new(field, "is not followed by a range of versions", error.remedy())
                .value(text)
                .at(&node.origin, "a range is expected after the @"),
        ),
    }
}

/// A path: of a file beside the configuration where it is relative, of the working directory in a variable.
pub(super) fn path(field: &str, node: &Node, base: &Base<'_>, what: &str) -> Result<PathBuf, ConfigError> {
    let remedy = format!("name {what}");
    let path = text(field, node, &remedy)?;
    if path.is_empty() || path.contains(|c: char| c.is_control() || matches!(c, '"' | '$')) {
        return Err(ConfigError::new(field, "is not a path", remedy)
            .value(path)
            .at(&node.origin, "a path is expected"));
    }
    let directory = match node.origin.source.variable {
        Some(_) => base.working,
        None => base.directory,
    };
    Ok(directory.join(expanded(path, base.home)))
}

fn context(field: &str, node: &Node) -> Result<String, ConfigError> {
    let remedy = "name one of `docker context ls`";
    let name = text(field, node, remedy)?;
    // https://docs.docker.com/reference/cli/docker/context/create/: the CLI's own rule for names.
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '+' | '-');
    match name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(plain) {
        true => Ok(name.to_owned()),
        false => Err(ConfigError::new(field, "is not the name of a Docker context", remedy)
            .value(name)
            .at(&node.origin, "a name is expected")),
    }
}

fn ssh_options(field: &str, node: &Node) -> Result<BTreeMap<String, String>, ConfigError> {
    let remedy = "write a table of ssh_config(5) options: { ConnectTimeout = \"5\" }";
    let Data::Table(entries) = &node.data else {
        return Err(wrong_type(field, node, "a table of options", remedy));
    };
    let option = |KeyValue { key, node, origin }: &KeyValue| {
        let field = format!("{field}.{key}");
        let value = match &node.data {
            Data::Text(value) => value.clone(),
            Data::Number(number) => number.to_string(),
            Data::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
            _ => return Err(wrong_type(&field, node, "a string", remedy)),
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

fn engine_timeout(field: &str, node: &Node) -> Result<Duration, ConfigError> {
    let remedy = format!(
        "give seconds, more than 0 and at most {}",
        ENGINE_TIMEOUT_LIMIT.as_secs()
    );
    let seconds = match &node.data {
        Data::Number(number) => number.as_f64().unwrap_or(f64::NAN),
        Data::Unfit(_) => f64::NAN,
        _ => return Err(wrong_type(field, node, "a number", &remedy)),
    };
    let given = Duration::try_from_secs_f64(seconds).ok();
    if let Some(deadline) = given.filter(|given| !given.is_zero() && *given <= ENGINE_TIMEOUT_LIMIT) {
        return Ok(deadline);
    }
    Err(ConfigError::new(field, "is no deadline", remedy)
        .value(node.shown())
        .at(&node.origin, "out of range"))
}

/// Providers of this backend by name, and the backends of the others by name.
pub(super) type Sorted = (BTreeMap<String, ProviderConfig>, BTreeMap<String, String>);

/// Sorts providers by backend and checks those of this one.
pub(super) fn sorted(providers: &[KeyValue], base: &Base<'_>) -> Result<Sorted, ConfigError> {
    let (mut own, mut others) = (BTreeMap::new(), BTreeMap::new());
    for entry in providers {
        match backend(entry)? {
            name if name == BACKEND => {
                own.insert(entry.key.clone(), provider(entry, base)?);
            }
            other => {
                others.insert(entry.key.clone(), other);
            }
        }
    }
    Ok((own, others))
}
