//! `plugin permissions`: what a provider's plugin may ask of the engine.

use mngr_host_shim::config::ProviderConfig;
use mngr_host_shim::policy::{AuditLog, PERMISSIONS, Permission, Policy, Preset, meaning_of_safe};
use serde::Serialize;
use serde_json::Value;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Outcome;
use crate::output::{Shown, Table, cells, shown};

#[derive(Serialize)]
struct PolicyJson<'a> {
    provider: &'a str,
    policy: &'static str,
    /// Whether the configuration says so, and not the kind of plugin.
    is_set: bool,
    plugin: Option<String>,
    audit_log: Option<String>,
    permissions: Vec<PermissionJson>,
    /// What the word `safe` stands for.
    safe: SafeJson,
}

#[derive(Serialize)]
struct SafeJson {
    writable: Vec<PlaceJson>,
    read_only: Vec<PlaceJson>,
    never: Vec<PlaceJson>,
}

#[derive(Serialize)]
struct PlaceJson {
    place: &'static str,
    meaning: &'static str,
}

fn places(places: &[(&'static str, &'static str)]) -> Vec<PlaceJson> {
    let place = |(place, meaning): &(&'static str, &'static str)| PlaceJson { place, meaning };
    places.iter().map(place).collect()
}

#[derive(Serialize)]
struct PermissionJson {
    name: &'static str,
    value: Value,
    /// Whether the configuration names it.
    is_set: bool,
    strict: Value,
    standard: Value,
    open: Value,
    takes: &'static str,
    meaning: &'static str,
}

/// Prints all of them, in the order of the table that they are enforced by.
pub fn show(context: &Context) -> Outcome {
    let config = context.config()?;
    let chosen = context.provider_config(&config)?;
    let policy = Policy::new(&chosen.name, chosen.preset(), &chosen.permissions);
    let log = AuditLog::chosen(&chosen.audit_log, &context.environment);
    let log = log.map(|log| log.path().display().to_string());
    let safe = meaning_of_safe();
    if context.output.json {
        let value = |permission: &Permission, preset| permission.preset(preset).to_json();
        context.output.value(&PolicyJson {
            provider: &chosen.name,
            policy: policy.preset().name(),
            is_set: chosen.policy.is_some(),
            plugin: chosen.plugin.as_ref().map(ToString::to_string),
            audit_log: log,
            permissions: PERMISSIONS
                .iter()
                .map(|permission| PermissionJson {
                    name: permission.name,
                    value: policy.grant(permission.rule).to_json(),
                    is_set: policy.is_named(permission.rule),
                    strict: value(permission, Preset::Strict),
                    standard: value(permission, Preset::Standard),
                    open: value(permission, Preset::Open),
                    takes: permission.kind.expected(),
                    meaning: permission.meaning,
                })
                .collect(),
            safe: SafeJson {
                writable: places(safe.writable),
                read_only: places(safe.read_only),
                never: places(safe.never),
            },
        })?;
        return Ok(Exit::OK);
    }
    context.output.line(headline(&chosen))?;
    let mut table = Table::with_header(&["PERMISSION", "VALUE", "FROM", "MEANING"]);
    for permission in PERMISSIONS {
        let from = match policy.is_named(permission.rule) {
            true => "permissions",
            false => policy.preset().name(),
        };
        let value = policy.grant(permission.rule).to_string();
        table.row(&cells![permission.name, value, from, permission.meaning]);
    }
    context.output.table(table)?;
    let mut table = Table::with_header(&["SAFE", "PLACE", "MEANING"]);
    for (word, places) in [
        ("to write", safe.writable),
        ("to read", safe.read_only),
        ("never", safe.never),
    ] {
        for (place, meaning) in places {
            table.row(&cells![word, *place, *meaning]);
        }
    }
    context.output.line("")?;
    context.output.table(table)?;
    context.output.line("")?;
    let log = log.unwrap_or_else(|| "nowhere".to_owned());
    context.output.line(shown!("Audit log: {}", log))?;
    Ok(Exit::OK)
}

fn headline(chosen: &ProviderConfig) -> Shown {
    let plugin = chosen.plugin.as_ref().map(ToString::to_string);
    let why = match (chosen.policy, &chosen.plugin) {
        (Some(_), _) => "as the configuration says",
        (None, None) => "the default for the plugin that is built in",
        (None, Some(_)) => "the default for a plugin that is not built in",
    };
    shown!(
        "Provider {}, plugin {}: policy {}, {}.",
        &chosen.name,
        plugin.as_deref().unwrap_or("built-in"),
        chosen.preset().name(),
        why
    )
}
