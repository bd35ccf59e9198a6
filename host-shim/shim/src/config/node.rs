//! A configuration as YAML, TOML and the environment have in common: values that know where they were written.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde_json::{Number, Value};

/// A text that values were read from.
#[derive(Clone, PartialEq)]
pub(super) struct Source {
    /// The file's path as it was found, or what else it is.
    pub name: String,
    /// All of it. Of an environment variable: its name, `=` and its value.
    pub text: String,
    /// Name of the environment variable, where it is one.
    pub variable: Option<String>,
}

impl fmt::Debug for Source {
    /// Without the text: every value refers to it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Where something was written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Origin {
    /// The text it stands in.
    pub source: Arc<Source>,
    /// Its bytes there.
    pub span: Range<usize>,
}

impl Origin {
    /// A place in that text.
    pub fn new(source: &Arc<Source>, span: Range<usize>) -> Self {
        let end = span.end.min(source.text.len());
        Self {
            source: Arc::clone(source),
            span: span.start.min(end)..end,
        }
    }
}

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub data: Data,
    pub origin: Origin,
}

/// What a value can be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Data {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Table(Vec<KeyValue>),
    /// A number that JSON has no place for, as it was written.
    Unfit(String),
}

impl Data {
    /// The value's type as messages name it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Number(_) | Self::Unfit(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// One key of a table, and its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct KeyValue {
    pub key: String,
    /// Where the key was written.
    pub origin: Origin,
    pub node: Node,
}

impl Node {
    /// The value as JSON. Keys without a value are left out of tables.
    ///
    /// # Errors
    /// The node that JSON has no place for.
    pub fn to_json(&self) -> Result<Value, &Self> {
        Ok(match &self.data {
            Data::Null => Value::Null,
            Data::Bool(value) => Value::Bool(*value),
            Data::Number(value) => Value::Number(value.clone()),
            Data::Text(value) => Value::String(value.clone()),
            Data::List(items) => Value::Array(items.iter().map(Self::to_json).collect::<Result<_, _>>()?),
            Data::Table(entries) => {
                let entries = entries
                    .iter()
                    .map(|entry| Ok((entry.key.clone(), entry.node.to_json()?)));
                Value::Object(entries.collect::<Result<_, _>>()?)
            }
            Data::Unfit(_) => return Err(self),
        })
    }

    /// A JSON value, all of it written in one place.
    pub fn from_json(value: Value, origin: &Origin) -> Self {
        let data = match value {
            Value::Null => Data::Null,
            Value::Bool(value) => Data::Bool(value),
            Value::Number(value) => Data::Number(value),
            Value::String(value) => Data::Text(value),
            Value::Array(items) => Data::List(items.into_iter().map(|item| Self::from_json(item, origin)).collect()),
            Value::Object(entries) => Data::Table(
                entries
                    .into_iter()
                    .map(|(key, value)| KeyValue {
                        key,
                        origin: origin.clone(),
                        node: Self::from_json(value, origin),
                    })
                    .collect(),
            ),
        };
        Self {
            data,
            origin: origin.clone(),
        }
    }

    /// The value as a message shows it: text as it is, anything else as JSON.
    pub fn shown(&self) -> String {
        match &self.data {
            Data::Text(text) | Data::Unfit(text) => text.clone(),
            _ => self.to_json().map(|value| value.to_string()).unwrap_or_default(),
        }
    }
}
