//! The settings that say what a plugin may ask for: `policy` and `permissions`.

use mngr_guard::policy::{Grant, PERMISSIONS, Permission, Permissions, Preset, Rule};
use serde_json::Value;

use super::error::ConfigError;
use super::node::{Data, KeyValue, Node};
use super::spelling::nearest;
use super::values::Given;

/// What the names of the key `allow` are called now.
const FORMER: [(&str, &str); 9] = [
    ("capabilities", "docker.capabilities: any"),
    ("cgroup-parent", "docker.cgroup-parent: any"),
    ("devices", "docker.devices: any"),
    ("engine-socket", "docker.engine-socket: true"),
    ("host-namespaces", "docker.namespaces: any"),
    ("privileged", "docker.privileged: true"),
    ("sysctls", "docker.sysctls: any"),
    ("system-binds", "docker.binds: any"),
    ("unconfined", "docker.security-options: any"),
];

/// The fault of the key that these have taken the place of, with what to write.
pub(super) fn no_longer(field: &str, node: &Node) -> ConfigError {
    let names: Vec<_> = match &node.data {
        Data::List(items) => items.iter().map(Node::shown).collect(),
        _ => vec![node.shown()],
    };
    let former = |name: &String| FORMER.iter().find(|(former, _)| former == name).map(|(_, now)| *now);
    let lines: Vec<_> = names.iter().filter_map(former).collect();
    let line = if lines.is_empty() {
        "docker.privileged: true".to_owned()
    } else {
        lines.join(", ")
    };
    let remedy = format!("write permissions: {{ {line} }} instead; `mngr-docker plugin permissions` lists all");
    ConfigError::new(
        field,
        "is no longer a setting: permissions have names and values now",
        remedy,
    )
    .at(&node.origin, "the former form")
}

/// One of the three presets.
pub(super) fn preset(given: &Given<'_>, name: &str) -> Result<Preset, ConfigError> {
    Preset::named(name).ok_or_else(|| {
        let all = given.remedy;
        let remedy = match nearest(name, Preset::ALL.map(Preset::name)) {
            Some(near) => format!("did you mean `{near}`? {all}"),
            None => all.to_owned(),
        };
        given.fault("is not a policy", remedy, "unknown policy")
    })
}

/// A table of names to values. TOML and variables may write the parts of a name as tables in each other.
pub(super) fn permissions(field: &str, entries: &[KeyValue]) -> Result<Permissions, ConfigError> {
    let mut named: Vec<(Rule, &KeyValue)> = Vec::new();
    let mut permissions = Permissions::default();
    flat(field, "", entries, &mut |field, name, entry| {
        let Some(permission) = Permission::named(name) else {
            return Err(unknown(field, name, entry));
        };
        if entry.node.data == Data::Null {
            return Ok(());
        }
        // Of two in one text it is not known which is meant; a variable comes after the file.
        if let Some((_, first)) = named.iter().find(|(rule, _)| *rule == permission.rule)
            && first.origin.source == entry.origin.source
        {
            return Err(ConfigError::twice(field, &entry.origin, first.origin.span.clone()));
        }
        named.push((permission.rule, entry));
        permissions.set(permission.rule, grant(field, permission, &entry.node)?);
        Ok(())
    })?;
    Ok(permissions)
}

/// Calls `each` with the field, the whole name and the entry of every value.
fn flat<'a>(
    field: &str,
    before: &str,
    entries: &'a [KeyValue],
    each: &mut impl FnMut(&str, &str, &'a KeyValue) -> Result<(), ConfigError>,
) -> Result<(), ConfigError> {
    for entry in entries {
        let field = format!("{field}.{}", entry.key);
        let name = format!("{before}{}", entry.key);
        let prefix = format!("{}.", name.replace('_', "-"));
        let is_part = PERMISSIONS
            .iter()
            .any(|permission| permission.name.starts_with(&prefix));
        match &entry.node.data {
            Data::Table(entries) if is_part => flat(&field, &format!("{name}."), entries, each)?,
            _ => each(&field, &name, entry)?,
        }
    }
    Ok(())
}

fn unknown(field: &str, name: &str, entry: &KeyValue) -> ConfigError {
    let names = PERMISSIONS.iter().map(|permission| permission.name);
    // Who leaves `docker.` out means it.
    let whole = format!("docker.{name}");
    let near = nearest(name, names.clone()).or_else(|| nearest(&whole, names));
    let list = "`mngr-docker plugin permissions` lists all";
    let remedy = match near {
        Some(near) => format!("did you mean `{near}`? {list}"),
        None => list.to_owned(),
    };
    ConfigError::new(field, "is not a permission", remedy).at(&entry.origin, "unknown permission")
}

fn grant(field: &str, permission: &Permission, node: &Node) -> Result<Grant, ConfigError> {
    let expected = permission.kind.expected();
    let value = node.to_json().unwrap_or(Value::Null);
    Grant::read(permission.kind, &value).map_err(|wrong| {
        let item = match (&node.data, wrong.element) {
            (Data::List(items), Some(element)) => items.get(element).map(|item| (element, item)),
            _ => None,
        };
        let (field, at) = match item {
            Some((element, item)) => (format!("{field}[{element}]"), item),
            None => (field.to_owned(), node),
        };
        let remedy = match node.origin.source.variable {
            Some(_) => format!("{}; in a variable a list is written as JSON", wrong.remedy),
            None => wrong.remedy,
        };
        ConfigError::new(field, wrong.reason, remedy)
            .value(at.shown())
            .at(&at.origin, format!("{expected} is expected"))
    })
}
