//! Reads YAML, as the provider's document writes it.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Error, Location, Spanned};

use super::depth::{DEPTH, too_deep};
use super::error::ConfigError;
use super::node::{Data, KeyValue, Node, Origin, Source};

/// What the parser says of 256 brackets in one another.
const PARSERS_LIMIT: &str = "recursion limit exceeded";

/// The whole document.
pub(super) fn parse(source: &Arc<Source>) -> Result<Node, ConfigError> {
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        // As YAML 1.2 reads them: `no` is a word, `0644` and `1_000` are no numbers.
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
        budget: serde_saphyr::budget! { max_depth: DEPTH },
    };
    let root: Option<Spanned<Raw>> =
        serde_saphyr::from_str_with_options(&source.text, options).map_err(|error| syntax(source, &error))?;
    match root {
        Some(root) => node(root, source),
        None => Ok(Node {
            data: Data::Null,
            origin: Origin::new(source, 0..0),
        }),
    }
}

/// A value as the parser hands it over, which does not know its text yet.
enum Raw {
    Scalar(Data),
    List(Vec<Spanned<Raw>>),
    Table(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Scalar(Data::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Scalar(Data::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Scalar(Data::Number(value.into())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Scalar(Data::Number(value.into())))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Raw, E> {
        Ok(Raw::Scalar(Data::Unfit(value.to_string())))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Raw, E> {
        Ok(Raw::Scalar(Data::Unfit(value.to_string())))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Scalar(match Number::from_f64(value) {
            Some(number) => Data::Number(number),
            None => Data::Unfit(value.to_string()),
        }))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Scalar(Data::Text(value.to_owned())))
    }

    fn visit_string<E>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::Scalar(Data::Text(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut table = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            table.push(entry);
        }
        Ok(Raw::Table(table))
    }
}

fn node(raw: Spanned<Raw>, source: &Arc<Source>) -> Result<Node, ConfigError> {
    let origin = place(&raw.referenced, source);
    let data = match raw.value {
        Raw::Scalar(data) => data,
        Raw::List(items) => Data::List(
            items
                .into_iter()
                .map(|item| node(item, source))
                .collect::<Result<_, _>>()?,
        ),
        Raw::Table(raw) => {
            let mut entries = Vec::with_capacity(raw.len());
            let mut seen = HashMap::with_capacity(raw.len());
            for (key, value) in raw {
                let here = place(&key.referenced, source);
                if let Some(first) = seen.insert(key.value.clone(), here.span.clone()) {
                    return Err(ConfigError::twice(&key.value, &here, first));
                }
                entries.push(KeyValue {
                    key: key.value,
                    origin: here,
                    node: node(value, source)?,
                });
            }
            Data::Table(entries)
        }
    };
    Ok(Node { data, origin })
}

/// The place in the text. Where the parser counted no bytes it still knows the line and the column.
fn place(location: &Location, source: &Arc<Source>) -> Origin {
    let text = source.text.as_str();
    let span = location.span();
    let bytes = |count: Option<u64>| count.and_then(|count| usize::try_from(count).ok());
    let start = bytes(span.byte_offset()).unwrap_or_else(|| offset(text, location.line(), location.column()));
    let start = text.floor_char_boundary(start);
    let end = text.floor_char_boundary(start.saturating_add(bytes(span.byte_len()).unwrap_or(0)));
    let trimmed = text[start..end].trim_end().len();
    Origin::new(source, start..start + trimmed)
}

/// The byte of a line and a column, both counted from 1; the text's end for a line it does not have.
fn offset(text: &str, line: u64, column: u64) -> usize {
    let index = |count: u64| usize::try_from(count.saturating_sub(1)).unwrap_or(usize::MAX);
    let mut start = 0;
    for (position, content) in text.split_inclusive('\n').enumerate() {
        if position == index(line) {
            let within = content
                .char_indices()
                .nth(index(column))
                .map_or(content.len(), |(at, _)| at);
            return start + within;
        }
        start += content.len();
    }
    text.len()
}

fn syntax(source: &Arc<Source>, error: &Error) -> ConfigError {
    let error = error.without_snippet();
    let described = error.to_string();
    let too_deep_at = match error {
        Error::Budget {
            breach: BudgetBreach::Depth { .. },
            location,
        } => Some(location),
        // The parser reads ahead of what is counted, and has a limit of its own.
        Error::ExternalMessage { msg, location, .. } if msg.contains(PARSERS_LIMIT) => Some(location),
        _ => None,
    };
    if let Some(location) = too_deep_at {
        return too_deep(&place(location, source));
    }
    let (reason, remedy) = match error {
        Error::MultipleDocuments { .. } => (
            "the file holds more than one YAML document".to_owned(),
            "keep one document and remove the `---` and all that follows it",
        ),
        _ => (
            format!("is not valid YAML: {}", described.lines().next().unwrap_or_default()),
            "correct the place shown; nesting is by spaces, never by tabs, and a key is followed by a colon and a space",
        ),
    };
    let fault = ConfigError::new("config", reason, remedy);
    match error.location() {
        Some(location) => fault.at(&place(&location, source), "here"),
        None => fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Arc<Source> {
        Arc::new(Source {
            name: "config.yaml".to_owned(),
            text: text.to_owned(),
            variable: None,
        })
    }

    fn json(text: &str) -> serde_json::Value {
        let node = parse(&source(text)).expect("YAML");
        node.to_json().expect("fit for JSON")
    }

    #[test]
    fn every_type_of_yaml_has_its_json() {
        assert_eq!(
            json("a: x\nb: 16\nc: 1.5\nd: true\ne: [1, {f: 2}]\ng:\n  h: '3'\n  i: ~\n  7: yes\n  j: 0644\n"),
            serde_json::json!({"a": "x", "b": 16, "c": 1.5, "d": true, "e": [1, {"f": 2}],
                "g": {"h": "3", "i": null, "7": "yes", "j": "0644"}})
        );
    }

    #[test]
    fn an_empty_document_is_nothing() {
        assert_eq!(json(""), serde_json::Value::Null);
        assert_eq!(json("# only a comment\n"), serde_json::Value::Null);
    }

    #[test]
    fn anchors_and_merges_are_followed_and_a_merged_key_may_be_overridden() {
        assert_eq!(
            json("base: &b {x: 1, y: 2}\nown:\n  <<: *b\n  y: 3\nsame: *b\n"),
            serde_json::json!({"base": {"x": 1, "y": 2}, "own": {"x": 1, "y": 3}, "same": {"x": 1, "y": 2}})
        );
    }

    #[test]
    fn places_are_bytes_also_behind_letters_of_several_bytes() {
        let source = source("a: ä\nkey: value\n");
        let Data::Table(entries) = parse(&source).expect("YAML").data else {
            panic!("a table");
        };
        assert_eq!(&source.text[entries[1].origin.span.clone()], "key");
        assert_eq!(&source.text[entries[1].node.origin.span.clone()], "value");
    }

    #[test]
    fn aliases_that_multiply_without_end_are_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let list = vec![format!("*a{}", level - 1); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{list}]\n"));
        }
        assert!(parse(&source(&text)).is_err());
    }
}
