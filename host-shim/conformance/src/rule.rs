//! What a rule is, and the words in which rules are written.

use futures::future::BoxFuture;
use mngr_host_shim::contract::backend::Description;
use mngr_host_shim::contract::{ProviderError, Result};

use super::fixture::Fixture;

/// One behaviour that the contract promises.
pub struct Rule {
    /// Its name: `create.all-or-nothing`. What comes before the dot is its group.
    pub id: &'static str,
    /// The behaviour in one sentence.
    pub statement: &'static str,
    /// Where the contract says so: a function or a type of `wit/`, as `instance.create`.
    pub source: &'static str,
    /// What a provider must have said of itself, else the rule is skipped: a function of `instance` as `create`, a flag among
    /// its start arguments as `--memory`, or a setting as `setting default_image`.
    pub needs: &'static [&'static str],
    pub(super) check: for<'a> fn(&'a Fixture) -> BoxFuture<'a, std::result::Result<(), Stop>>,
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rule").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Rule {
    /// The file of the contract that holds its source, below `wit/`.
    pub fn file(&self) -> String {
        format!("{}.wit", self.source.split('.').next().unwrap_or_default())
    }

    /// What comes before the dot.
    pub fn group(&self) -> &'static str {
        self.id.split('.').next().unwrap_or_default()
    }

    /// What of its needs a provider does not say that it has.
    pub(super) fn lacks(&self, said: &Description) -> Option<String> {
        self.needs.iter().find_map(|need| {
            let (has, what) = if let Some(setting) = need.strip_prefix("setting ") {
                let has = said.settings.iter().any(|known| known.key == setting);
                (has, format!("setting `{setting}`"))
            } else if need.starts_with("--") {
                let has = said.start_arguments.iter().any(|known| known.flag == *need);
                (has, format!("start argument `{need}`"))
            } else {
                let has = said
                    .capabilities
                    .iter()
                    .any(|known| known.strip_prefix("instance.") == Some(*need));
                (has, format!("capability `instance.{need}`"))
            };
            (!has).then(|| format!("the provider has no {what}"))
        })
    }
}

/// Why a rule did not come to its end.
#[derive(Debug)]
pub enum Stop {
    /// The provider does something else than the contract says.
    Failed(String),
    /// It can not be seen here what the provider does.
    Skipped(String),
}

/// Rules, each with what shows whether it holds: `"ID" of SOURCE, NEEDS, "statement", |fixture| { … }`.
macro_rules! rules {
    ($($id:literal of $source:literal, [$($need:literal),*], $statement:literal, |$fixture:ident| $body:block)*) => {
        pub(crate) const RULES: &[$crate::Rule] = &[$($crate::Rule {
            id: $id,
            source: $source,
            needs: &[$($need),*],
            statement: $statement,
            check: |$fixture| Box::pin(async move {
                $body
                Ok(())
            }),
        }),*];
    };
}

/// Ends the rule unless this holds.
macro_rules! ensure {
    ($holds:expr, $($reason:tt)+) => {
        if !$holds {
            return Err($crate::rule::Stop::Failed(format!($($reason)+)));
        }
    };
}

/// Ends the rule unless the two are the same.
macro_rules! ensure_same {
    ($found:expr, $promised:expr, $($what:tt)+) => {
        match (&$found, &$promised) {
            (found, promised) => $crate::rule::ensure!(
                *found == *promised,
                "{}: {found:?} where {promised:?} is promised",
                format_args!($($what)+)
            ),
        }
    };
}

pub(super) use {ensure, ensure_same, rules};

/// What a call of a provider is to come to.
pub(super) trait Comes<T> {
    /// It is a success.
    fn succeeds(self, what: &str) -> std::result::Result<T, Stop>;
    /// It is an error of that kind, which says what failed and what to do.
    fn fails_as(self, kind: &str, what: &str) -> std::result::Result<ProviderError, Stop>;
}

impl<T> Comes<T> for Result<T> {
    fn succeeds(self, what: &str) -> std::result::Result<T, Stop> {
        self.map_err(|error| Stop::Failed(format!("{what} is to succeed, and fails: {}", in_one_line(&error))))
    }

    fn fails_as(self, kind: &str, what: &str) -> std::result::Result<ProviderError, Stop> {
        match self {
            Err(error) if error.kind() == kind => Ok(error),
            Err(error) => Err(Stop::Failed(format!(
                "{what} is to be `{kind}`: {}",
                in_one_line(&error)
            ))),
            Ok(_) => Err(Stop::Failed(format!("{what} is to be `{kind}`, and succeeds"))),
        }
    }
}

/// An error with its kind, in one line.
fn in_one_line(error: &ProviderError) -> String {
    format!("`{}`, {}", error.kind(), error.message())
}
