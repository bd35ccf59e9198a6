//! `plugin_limits`: how much one call of the provider's plugin may use.

use mngr_loader::{CallLimits, LIMIT_NAMES, Unit};

use super::error::ConfigError;
use super::node::{Data, KeyValue, Node};
use super::spelling::{nearest, size};
use super::values::wrong_type;

/// The limits in a table of them; those that it does not name are at their defaults.
pub(super) fn plugin_limits(field: &str, entries: &[KeyValue]) -> Result<CallLimits, ConfigError> {
    let mut limits = CallLimits::default();
    for KeyValue { key, node, origin } in entries {
        let field = format!("{field}.{key}");
        let name = key.replace('-', "_");
        let Some(known) = LIMIT_NAMES.iter().find(|(known, ..)| *known == name) else {
            let names = LIMIT_NAMES.map(|(known, ..)| known);
            let all = format!("use any of: {}", names.join(", "));
            let remedy = match nearest(key, names) {
                Some(near) => format!("did you mean `{near}`? {all}"),
                None => all,
            };
            return Err(ConfigError::new(field, "is not a limit", remedy).at(origin, "unknown limit"));
        };
        if node.data != Data::Null {
            limits.set(&name, limit(&field, node, known)?);
        }
    }
    Ok(limits)
}

fn limit(field: &str, node: &Node, known: &(&str, Unit, u64, u64)) -> Result<u64, ConfigError> {
    let (_, unit, least, most) = *known;
    let (expected, remedy) = match unit {
        Unit::Bytes => (
            "a size",
            format!(
                "give a size from {} to {}, such as \"512m\"",
                written(least),
                written(most)
            ),
        ),
        Unit::Number => ("a number", format!("give a whole number from {least} to {most}")),
        Unit::Seconds => ("a number", format!("give whole seconds from {least} to {most}")),
    };
    let given = match &node.data {
        Data::Number(number) => number.as_u64(),
        Data::Text(text) if unit == Unit::Bytes => size(text),
        Data::Unfit(_) => None,
        _ => return Err(wrong_type(field, node, expected, &remedy)),
    };
    match given.filter(|given| (least..=most).contains(given)) {
        Some(given) => Ok(given),
        None => Err(ConfigError::new(field, "is no limit", remedy)
            .value(node.shown())
            .at(&node.origin, "out of range")),
    }
}

fn written(bytes: u64) -> String {
    match bytes.trailing_zeros() {
        30.. => format!("{}g", bytes >> 30),
        20.. => format!("{}m", bytes >> 20),
        _ => format!("{}k", bytes >> 10),
    }
}
