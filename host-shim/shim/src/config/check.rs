//! What the shim keeps for itself of each provider, checked; all else is left for the plugin to check.

use std::collections::{BTreeMap, HashMap};

use mngr_docker_grammar::words::is_misspelt;
use serde_json::{Map, Value};

use super::error::ConfigError;
use super::node::{Data, KeyValue, Node, Origin};
use super::table::{BACKEND_REMEDY, Key};
use super::values::{Base, wrong_type};
use super::{BACKEND, ProviderConfig, policy, unwritten};

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
        let near = entries.iter().find(|entry| is_misspelt(&entry.key, "providers"));
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
            let Data::Text(backend) = &node.data else {
                return Err(wrong_type(&field, node, "a string", BACKEND_REMEDY));
            };
            let known = backend == BACKEND || OTHER_BACKENDS.contains(&backend.as_str());
            if !known && is_misspelt(backend, BACKEND) {
                return Err(ConfigError::new(field, "is no backend", "did you mean `docker`?")
                    .value(backend)
                    .at(&node.origin, "unknown backend"));
            }
            Ok(backend.to_owned())
        }
    }
}

/// Whether mngr has a backend of that name that is not this one.
pub(super) fn is_other_backend(name: &str) -> bool {
    OTHER_BACKENDS.contains(&name)
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
        if let Some(known) = Key::named(key) {
            known.read(&mut config, &field, node, base)?;
        } else if key == "allow" {
            return Err(policy::no_longer(&field, node));
        } else {
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
