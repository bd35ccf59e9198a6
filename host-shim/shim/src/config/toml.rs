//! Reads TOML, as mngr writes it.

use std::ops::Range;
use std::sync::Arc;

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue, Error};
use serde_json::Number;

use super::depth;
use super::error::ConfigError;
use super::node::{Data, KeyValue, Node, Origin, Source};

/// A key that no file has: it is put in the place of a repeated one to find out which table that one belongs to.
const MARKER: &str = "__repeated_key_of_this_table__";

/// The whole document as a table, once it is known to be nested no deeper than settings are.
pub(super) fn parse(source: &Arc<Source>) -> Result<Node, ConfigError> {
    depth::check_toml(source)?;
    match DeTable::parse(&source.text) {
        Ok(table) => {
            let all = 0..source.text.len();
            Ok(Node {
                data: entries(table.get_ref(), source),
                origin: Origin::new(source, all),
            })
        }
        Err(error) => Err(syntax(source, &error)),
    }
}

fn entries(table: &DeTable<'_>, source: &Arc<Source>) -> Data {
    let mut entries: Vec<_> = table
        .iter()
        .map(|(key, value)| KeyValue {
            key: key.get_ref().to_string(),
            origin: Origin::new(source, key.span()),
            node: node(value, source),
        })
        .collect();
    entries.sort_by_key(|entry| entry.origin.span.start);
    Data::Table(entries)
}

fn node(value: &Spanned<DeValue<'_>>, source: &Arc<Source>) -> Node {
    let data = match value.get_ref() {
        DeValue::String(text) => Data::Text(text.to_string()),
        DeValue::Boolean(value) => Data::Bool(*value),
        DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(value) => Data::Number(value.into()),
            Err(_) => Data::Unfit(integer.to_string()),
        },
        DeValue::Float(float) => match float.as_str().parse().ok().and_then(Number::from_f64) {
            Some(value) => Data::Number(value),
            None => Data::Unfit(float.to_string()),
        },
        DeValue::Datetime(moment) => Data::Text(moment.to_string()),
        DeValue::Array(items) => Data::List(items.iter().map(|item| node(item, source)).collect()),
        DeValue::Table(table) => entries(table, source),
    };
    Node {
        data,
        origin: Origin::new(source, value.span()),
    }
}

fn syntax(source: &Arc<Source>, error: &Error) -> ConfigError {
    let span = error.span().unwrap_or_default();
    let here = Origin::new(source, span.clone());
    let first = (error.message() == "duplicate key")
        .then(|| first_of(&source.text, &span))
        .flatten();
    if let Some(first) = first {
        let key = source.text[here.span.clone()].to_owned();
        return ConfigError::twice(&key, &here, first);
    }
    ConfigError::new(
        "config",
        format!("is not valid TOML: {}", error.message()),
        "correct the place shown; strings stand in quotes, tables begin with a line like [providers.docker]",
    )
    .at(&here, error.message())
}

/// Where the key that is repeated at `again` stands first.
fn first_of(text: &str, again: &Range<usize>) -> Option<Range<usize>> {
    let key = text.get(again.clone())?.trim_matches(['"', '\'']);
    let marked = format!("{}{MARKER}{}", &text[..again.start], &text[again.end..]);
    let (table, _) = DeTable::parse_recoverable(&marked);
    first_beside_marker(table.get_ref(), key)
}

fn first_beside_marker(table: &DeTable<'_>, key: &str) -> Option<Range<usize>> {
    if table.contains_key(MARKER) {
        return table.get_key_value(key).map(|(key, _)| key.span());
    }
    table.values().find_map(|value| match value.get_ref() {
        DeValue::Table(table) => first_beside_marker(table, key),
        DeValue::Array(items) => items
            .iter()
            .find_map(|item| first_beside_marker(item.get_ref().as_table()?, key)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Arc<Source> {
        Arc::new(Source {
            name: "settings.toml".to_owned(),
            text: text.to_owned(),
            variable: None,
        })
    }

    fn json(text: &str) -> serde_json::Value {
        let node = parse(&source(text)).expect("TOML");
        node.to_json().expect("fit for JSON")
    }

    #[test]
    fn every_type_of_toml_has_its_json() {
        assert_eq!(
            json("a = 'x'\nb = 0x10\nc = 1.5\nd = true\ne = [1, {f = 2}]\n[g]\nh = 2026-01-02\n"),
            serde_json::json!({"a": "x", "b": 16, "c": 1.5, "d": true, "e": [1, {"f": 2}], "g": {"h": "2026-01-02"}})
        );
    }

    #[test]
    fn numbers_that_json_does_not_have_are_kept_as_they_were_written() {
        let node = parse(&source("a = nan")).expect("TOML");
        let unfit = node.to_json().expect_err("no JSON for it");
        assert_eq!(unfit.data, Data::Unfit("nan".to_owned()));
    }

    #[test]
    fn a_repeated_key_is_found_in_its_own_table() {
        let text = "[a]\nhost = 1\n[b]\nhost = 2\nx = {host = 3}\nhost = 4\n";
        let again = text.rfind("host").expect("the last");
        let first = text.match_indices("host").nth(1).expect("the second").0;
        assert_eq!(first_of(text, &(again..again + 4)), Some(first..first + 4));
    }
}
