//! `MNGR__PROVIDERS__<NAME>__<KEY>`: the environment's settings, laid over the file's as mngr lays them.
//!
//! Names are upper case; in them `-` is `_`. A value is JSON, or else a plain string. `__EXTEND` at the end adds to a list
//! or a table instead of replacing it. An empty variable counts as one that is not set.

use std::sync::Arc;

use mngr_contract::environment::Environment;
use serde_json::Value;

use super::error::ConfigError;
use super::node::{Data, KeyValue, Node, Origin, Source};

const PREFIX: &str = "MNGR__PROVIDERS__";
const EXTEND: &str = "extend";

/// One variable, read.
struct Override {
    /// Name of the provider, key, and keys below it.
    path: Vec<String>,
    extends: bool,
    value: Node,
    /// Where the variable's name stands.
    origin: Origin,
}

/// Lays the environment's settings over these providers.
pub(super) fn apply(providers: &mut Vec<KeyValue>, environment: &Environment) -> Result<(), ConfigError> {
    for (name, value) in environment.starting_with(PREFIX) {
        if let Some(change) = read(name, value)? {
            set(providers, &change.path, &change)?;
        }
    }
    Ok(())
}

/// One variable; none where it is empty or, as mngr has it, spelt in a way that is not an override's.
fn read(name: &str, value: &str) -> Result<Option<Override>, ConfigError> {
    let spelt = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let mut path: Vec<_> = name[PREFIX.len()..].split("__").map(str::to_ascii_lowercase).collect();
    if value.is_empty() || !name.chars().all(spelt) || path.iter().any(String::is_empty) {
        return Ok(None);
    }
    let source = Arc::new(Source {
        name: "environment".to_owned(),
        text: format!("{name}={value}"),
        variable: Some(name.to_owned()),
    });
    let origin = Origin::new(&source, 0..name.len());
    let written = Origin::new(&source, name.len() + 1..source.text.len());
    let parsed = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    let value = Node::from_json(parsed, &written);
    let extends = path.len() > 1 && path.last().is_some_and(|last| last == EXTEND);
    if extends {
        path.pop();
    }
    if path.len() < 2 && !matches!(value.data, Data::Table(_) | Data::Null) {
        return Err(ConfigError::new(
            format!("providers.{}", path.join(".")),
            format!("a provider is a table and not {}", value.data.kind()),
            format!("name the key too, for example {PREFIX}{}__HOST", path[0].to_uppercase()),
        )
        .value(value.shown())
        .at(&written, "a table is expected"));
    }
    Ok(Some(Override {
        path,
        extends,
        value,
        origin,
    }))
}

/// Whether a name of a file is meant by a variable's segment.
fn alike(name: &str, segment: &str) -> bool {
    name.to_lowercase().replace('-', "_") == segment
}

fn set(entries: &mut Vec<KeyValue>, path: &[String], change: &Override) -> Result<(), ConfigError> {
    let Some((segment, below)) = path.split_first() else {
        return Ok(());
    };
    let position = match entries.iter().position(|entry| alike(&entry.key, segment)) {
        Some(position) => position,
        None => {
            entries.push(KeyValue {
                key: segment.clone(),
                origin: change.origin.clone(),
                node: Node {
                    data: Data::Null,
                    origin: change.value.origin.clone(),
                },
            });
            entries.len() - 1
        }
    };
    let entry = &mut entries[position];
    if below.is_empty() {
        // A whole provider is laid over key by key, as mngr's layers are.
        let merges = change.extends || change.path.len() == 1;
        let value = change.value.clone();
        return if merges {
            extend(&mut entry.node, value, change)
        } else {
            entry.origin = change.origin.clone();
            entry.node = value;
            Ok(())
        };
    }
    match &mut entry.node.data {
        Data::Table(entries) => set(entries, below, change),
        data @ Data::Null => {
            let mut entries = Vec::new();
            set(&mut entries, below, change)?;
            *data = Data::Table(entries);
            Ok(())
        }
        data => Err(ConfigError::new(
            format!("providers.{}", change.path.join(".")),
            format!("`{}` is {}, which has no keys", entry.key, data.kind()),
            "leave the variable out, or make that a table",
        )
        .at(&change.origin, "this name")),
    }
}

fn extend(node: &mut Node, value: Node, change: &Override) -> Result<(), ConfigError> {
    match (&mut node.data, value.data) {
        (_, Data::Null) => {}
        (data @ Data::Null, given) => {
            *data = given;
            node.origin = value.origin;
        }
        (Data::List(list), Data::List(more)) => list.extend(more),
        (Data::Table(entries), Data::Table(more)) => {
            for entry in more {
                match entries
                    .iter_mut()
                    .find(|known| known.key.replace('-', "_") == entry.key.replace('-', "_"))
                {
                    Some(known) => *known = entry,
                    None => entries.push(entry),
                }
            }
        }
        (there, given) => {
            return Err(ConfigError::new(
                format!("providers.{}", change.path.join(".")),
                format!("{} can not be extended by {}", there.kind(), given.kind()),
                "give a list for a list and a table for a table as JSON, or leave __EXTEND out to replace the value",
            )
            .at(&value.origin, "this value"));
        }
    }
    Ok(())
}
