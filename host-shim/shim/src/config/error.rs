//! What is wrong with a configuration, and where: one error that a terminal shows with the place underlined, that `--json`
//! shows in fields, and that an embedding program gets as the contract's `invalid-argument`.

use std::fmt;
use std::ops::Range;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};
use mngr_contract::ProviderError;
use mngr_contract::error::invalid;

use super::node::Origin;
use super::shorten::{TEXT_LIMIT, excerpt, shorten};

/// One fault of a configuration.
#[derive(Debug, Clone)]
pub struct ConfigError(Box<Fault>);

#[derive(Debug, Clone)]
struct Fault {
    field: String,
    value: String,
    reason: String,
    remedy: String,
    source: Option<NamedSource<String>>,
    labels: Vec<LabeledSpan>,
}

impl ConfigError {
    /// A fault of that field, in no place yet.
    pub(super) fn new(field: impl AsRef<str>, reason: impl AsRef<str>, remedy: impl AsRef<str>) -> Self {
        Self(Box::new(Fault {
            field: shorten(field.as_ref()),
            value: String::new(),
            reason: limited(reason.as_ref()),
            remedy: limited(remedy.as_ref()),
            source: None,
            labels: Vec::new(),
        }))
    }

    /// A key that a table has twice.
    pub(super) fn twice(key: &str, again: &Origin, first: Range<usize>) -> Self {
        Self::new("config", "this key is there twice", "remove one of the two")
            .value(key)
            .at_both(again, "and again here", Some((first, "first here")))
    }

    /// With the value at fault, shortened.
    pub(super) fn value(mut self, value: impl AsRef<str>) -> Self {
        self.0.value = shorten(value.as_ref());
        self
    }

    /// With the place at fault underlined.
    pub(super) fn at(self, origin: &Origin, label: impl Into<String>) -> Self {
        self.at_both(origin, label, None)
    }

    /// With the place at fault underlined, and a second one of the same source that it is at odds with.
    fn at_both(mut self, origin: &Origin, label: impl Into<String>, other: Option<(Range<usize>, &str)>) -> Self {
        let mut spans = vec![origin.span.clone()];
        let mut labels = vec![label.into()];
        if let Some((span, label)) = other {
            spans.insert(0, span);
            labels.insert(0, label.to_owned());
        }
        if let Some(variable) = &origin.source.variable {
            self.0.reason = format!("{} (set by {variable})", self.0.reason);
        }
        let (text, spans) = excerpt(&origin.source.text, &spans);
        self.0.source = Some(NamedSource::new(&origin.source.name, text));
        let main = spans.len() - 1;
        self.0.labels = spans
            .into_iter()
            .zip(labels)
            .enumerate()
            .map(|(position, (span, label))| {
                if position == main {
                    LabeledSpan::new_primary_with_span(Some(label), span)
                } else {
                    LabeledSpan::new_with_span(Some(label), span)
                }
            })
            .collect();
        self
    }

    /// The case's name as `--json` shows it.
    pub fn kind(&self) -> &'static str {
        "invalid_argument"
    }

    /// The key at fault, for example `providers.docker.host`; `config` where it is the file as a whole.
    pub fn field(&self) -> &str {
        &self.0.field
    }

    /// The value at fault, shortened; empty where there is none.
    pub fn value_shown(&self) -> &str {
        &self.0.value
    }

    /// What failed, on what, in one sentence.
    pub fn message(&self) -> String {
        self.to_string()
    }

    /// What to do about it.
    pub fn remedy(&self) -> &str {
        &self.0.remedy
    }
}

fn limited(text: &str) -> String {
    if text.len() <= TEXT_LIMIT {
        return text.to_owned();
    }
    text.chars().take(TEXT_LIMIT).chain("…".chars()).collect()
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault {
            field, value, reason, ..
        } = &*self.0;
        if value.is_empty() {
            write!(f, "{field}: {reason}")
        } else {
            write!(f, "{field} `{value}`: {reason}")
        }
    }
}

impl std::error::Error for ConfigError {}

impl Diagnostic for ConfigError {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        (!self.0.remedy.is_empty()).then(|| Box::new(&self.0.remedy) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.0.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.0.labels.iter().cloned()))
    }
}

impl From<ConfigError> for ProviderError {
    fn from(error: ConfigError) -> Self {
        let Fault {
            field,
            value,
            reason,
            remedy,
            ..
        } = *error.0;
        invalid(field, value, reason, remedy)
    }
}
