//! The value of a permission: read from a configuration, shown, and widened by what was refused.

use std::collections::BTreeMap;
use std::fmt;

use mngr_contract::Result;
use mngr_contract::error::invalid;
use serde_json::{Value, json};
use wildmatch::WildMatch;

use super::permissions::{Kind, PERMISSIONS, Permission, Rule};

/// What a permission grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// Whether it is granted at all.
    Flag(bool),
    /// How many; none for no limit.
    Count(Option<u32>),
    /// Which of them.
    Among(Which),
}

/// Which of many things are granted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Which {
    /// All of them (`any`).
    pub any: bool,
    /// The word for a part of them that stands in `named`: `own` or `safe`.
    part: Option<&'static str>,
    /// Those of the part that has a word of its own.
    pub has_part: bool,
    /// The others, as they are written.
    pub named: Vec<String>,
}

/// None of them.
pub(super) static NONE: Which = Which {
    any: false,
    part: None,
    has_part: false,
    named: Vec::new(),
};

impl Which {
    /// Whether one of these is named; `*` in a name stands for any part.
    pub fn names<'a>(&self, candidates: impl IntoIterator<Item = &'a str>) -> bool {
        let fits = |candidate: &str| self.named.iter().any(|name| WildMatch::new(name).matches(candidate));
        self.any || candidates.into_iter().any(fits)
    }

    /// Whether nothing is granted.
    pub fn is_none(&self) -> bool {
        !self.any && !self.has_part && self.named.is_empty()
    }

    fn words(&self) -> Vec<&str> {
        let part = self.part.filter(|_| self.has_part);
        part.into_iter().chain(self.named.iter().map(String::as_str)).collect()
    }
}

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Which element of a list, where it is one of those.
    pub element: Option<usize>,
    /// What it is.
    pub reason: String,
    /// What to write.
    pub remedy: String,
}

/// What would have been needed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Need<'a> {
    /// The flag.
    Yes,
    /// So many.
    Count(u32),
    /// That word.
    Word(&'a str),
    /// Everything.
    Any,
}

impl Grant {
    /// What a cell of the table says.
    pub(super) fn of_table(kind: Kind, cell: &str) -> Self {
        let value = match cell.strip_prefix('[').and_then(|list| list.strip_suffix(']')) {
            Some(list) => json!(list.split(", ").collect::<Vec<_>>()),
            None => serde_json::from_str(cell).unwrap_or_else(|_| json!(cell)),
        };
        Self::read(kind, &value).unwrap_or(Self::nothing(kind))
    }

    fn nothing(kind: Kind) -> Self {
        match kind {
            Kind::Flag => Self::Flag(false),
            Kind::Count => Self::Count(Some(0)),
            Kind::Things | Kind::Words | Kind::Directories => Self::Among(Which {
                part: kind.part(),
                ..Which::default()
            }),
        }
    }

    /// Reads a value as a configuration has it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(kind: Kind, value: &Value) -> std::result::Result<Self, Wrong> {
        let wrong = || Wrong {
            element: None,
            reason: format!("is not {}", kind.expected()),
            remedy: format!("write {}", kind.expected()),
        };
        match (kind, value) {
            (Kind::Flag, Value::Bool(flag)) => Ok(Self::Flag(*flag)),
            (Kind::Count, Value::String(word)) if word == "all" => Ok(Self::Count(None)),
            (Kind::Count, Value::Number(number)) => {
                let count = number.as_u64().and_then(|number| u32::try_from(number).ok());
                count.map(|count| Self::Count(Some(count))).ok_or_else(wrong)
            }
            (Kind::Flag | Kind::Count, _) => Err(wrong()),
            (_, Value::String(word)) => {
                let Self::Among(mut which) = Self::nothing(kind) else {
                    return Err(wrong());
                };
                match word.as_str() {
                    "none" => {}
                    "any" => which.any = true,
                    word if which.part == Some(word) => which.has_part = true,
                    _ => return Err(wrong()),
                }
                Ok(Self::Among(which))
            }
            (_, Value::Array(items)) => Self::list(kind, items),
            _ => Err(wrong()),
        }
    }

    fn list(kind: Kind, items: &[Value]) -> std::result::Result<Self, Wrong> {
        let mut which = Which {
            part: kind.part(),
            ..Which::default()
        };
        for (element, item) in items.iter().enumerate() {
            let wrong = |reason: &str, remedy: &str| Wrong {
                element: Some(element),
                reason: reason.to_owned(),
                remedy: remedy.to_owned(),
            };
            match item.as_str() {
                None => return Err(wrong("is not a string", "write each as a string")),
                Some("" | "none") => return Err(wrong("is no name", "leave it out; for nothing write [] or none")),
                Some("any") => return Err(wrong("is no name", "for everything write any without a list")),
                Some(word) if which.part == Some(word) => which.has_part = true,
                Some(path) if kind == Kind::Directories && !path.starts_with('/') => {
                    return Err(wrong(
                        "is not an absolute path",
                        "write the whole path on the engine's machine, for example /srv/agents",
                    ));
                }
                Some(path) if kind == Kind::Directories && path.ends_with(":rw") => {
                    return Err(wrong(
                        "ends in `:rw`, which every directory is",
                        "leave it out; `:ro` is for one that may only be read",
                    ));
                }
                Some(path) if kind == Kind::Directories && path.contains('*') => {
                    return Err(wrong(
                        "is not a directory's path",
                        "write the directory itself: all that lies below it is meant",
                    ));
                }
                Some(word) => which.named.push(word.to_owned()),
            }
        }
        Ok(Self::Among(which))
    }

    /// The same with what was needed as well.
    pub(super) fn with(&self, need: Need<'_>) -> Self {
        match (self, need) {
            (Self::Count(_), Need::Count(count)) => Self::Count(Some(count)),
            (Self::Count(_), _) => Self::Count(None),
            (Self::Flag(_), _) => Self::Flag(true),
            (Self::Among(which), Need::Word(word)) if which.part == Some(word) => Self::Among(Which {
                has_part: true,
                ..which.clone()
            }),
            (Self::Among(which), Need::Word(word)) => {
                let mut which = which.clone();
                which.named.push(word.to_owned());
                Self::Among(which)
            }
            (Self::Among(which), _) => Self::Among(Which {
                any: true,
                ..which.clone()
            }),
        }
    }

    /// As YAML and TOML have it both.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Flag(flag) => json!(flag),
            Self::Count(Some(count)) => json!(count),
            Self::Count(None) => json!("all"),
            Self::Among(which) if which.any => json!("any"),
            Self::Among(which) if which.is_none() => json!("none"),
            Self::Among(which) => match which.words()[..] {
                [word] if which.has_part => json!(word),
                ref words => json!(words),
            },
        }
    }

    /// Whether nothing is granted.
    pub fn is_nothing(&self) -> bool {
        match self {
            Self::Flag(flag) => !flag,
            Self::Count(count) => *count == Some(0),
            Self::Among(which) => which.is_none(),
        }
    }

    /// Whether everything is granted.
    pub fn is_everything(&self) -> bool {
        match self {
            Self::Flag(flag) => *flag,
            Self::Count(count) => count.is_none(),
            Self::Among(which) => which.any,
        }
    }
}

impl fmt::Display for Grant {
    /// For people: `true`, `2`, `own`, `[df, du]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_json() {
            Value::String(word) => f.write_str(&word),
            Value::Array(words) => {
                let words: Vec<_> = words.iter().filter_map(Value::as_str).collect();
                write!(f, "[{}]", words.join(", "))
            }
            other => write!(f, "{other}"),
        }
    }
}

/// The permissions that a provider's configuration names (`permissions`). They go before what its preset says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions(BTreeMap<Rule, Grant>);

impl Permissions {
    /// Those of a JSON object, names to values.
    ///
    /// # Errors
    /// `invalid-argument` for a name that is no permission and a value that its permission does not take.
    pub fn of(table: &Value) -> Result<Self> {
        let mut permissions = Self::default();
        for (name, value) in table.as_object().into_iter().flatten() {
            let field = format!("permissions.{name}");
            let Some(permission) = Permission::named(name) else {
                let known: Vec<_> = PERMISSIONS.iter().map(|permission| permission.name).collect();
                let remedy = format!("use one of: {}", known.join(", "));
                return Err(invalid(field, "", "is not a permission", remedy));
            };
            let grant = Grant::read(permission.kind, value);
            let grant = grant.map_err(|wrong| invalid(field, value.to_string(), wrong.reason, wrong.remedy))?;
            permissions.set(permission.rule, grant);
        }
        Ok(permissions)
    }

    /// Names one more.
    pub fn set(&mut self, rule: Rule, grant: Grant) {
        self.0.insert(rule, grant);
    }

    /// What is named for a rule.
    pub fn get(&self, rule: Rule) -> Option<&Grant> {
        self.0.get(&rule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: Kind, value: Value) -> String {
        Grant::read(kind, &value).expect("a grant").to_string()
    }

    #[test]
    fn values_are_shown_as_they_are_written() {
        assert_eq!(read(Kind::Flag, json!(true)), "true");
        assert_eq!(read(Kind::Count, json!(2)), "2");
        assert_eq!(read(Kind::Count, json!("all")), "all");
        assert_eq!(read(Kind::Things, json!("own")), "own");
        assert_eq!(read(Kind::Things, json!(["own", "db-*"])), "[own, db-*]");
        assert_eq!(read(Kind::Words, json!([])), "none");
        assert_eq!(read(Kind::Directories, json!(["/srv", "safe"])), "[safe, /srv]");
    }

    #[test]
    fn a_value_of_another_kind_is_told_with_what_would_do_and_a_bad_element_with_its_place() {
        for (kind, value) in [
            (Kind::Flag, json!("yes")),
            (Kind::Flag, json!(1)),
            (Kind::Count, json!(-1)),
            (Kind::Count, json!(1.5)),
            (Kind::Count, json!(true)),
            (Kind::Things, json!("safe")),
            (Kind::Words, json!("own")),
            (Kind::Words, json!({})),
            (Kind::Directories, json!(true)),
        ] {
            let wrong = Grant::read(kind, &value).expect_err("wrong");
            assert!(
                wrong.element.is_none() && wrong.remedy.contains(kind.expected()),
                "{value}"
            );
        }
        for (kind, value) in [
            (Kind::Words, json!(["a", 1])),
            (Kind::Words, json!(["a", "any"])),
            (Kind::Words, json!(["a", ""])),
            (Kind::Directories, json!(["/srv", "srv"])),
            (Kind::Directories, json!(["/srv", "/srv/*"])),
        ] {
            assert_eq!(
                Grant::read(kind, &value).expect_err("wrong").element,
                Some(1),
                "{value}"
            );
        }
    }

    #[test]
    fn a_star_stands_for_any_part_of_a_name() {
        let Grant::Among(which) = Grant::read(Kind::Words, &json!(["bridge", "agents-*"])).expect("words") else {
            panic!("words");
        };
        assert!(which.names(["agents-1"]) && which.names(["x", "bridge"]));
        assert!(!which.names(["agents"]) && !which.names(["xagents-1"]) && !which.names([]));
    }

    #[test]
    fn what_was_needed_is_added_to_what_is_granted() {
        let paths = Grant::read(Kind::Directories, &json!("safe")).expect("directories");
        assert_eq!(
            paths.with(Need::Word("/etc/ssl")).to_json(),
            json!(["safe", "/etc/ssl"])
        );
        assert_eq!(paths.with(Need::Any).to_json(), json!("any"));
        let none = Grant::read(Kind::Things, &json!("none")).expect("things");
        assert_eq!(none.with(Need::Word("own")).to_json(), json!("own"));
        assert_eq!(Grant::Flag(false).with(Need::Yes).to_json(), json!(true));
        assert_eq!(Grant::Count(Some(1)).with(Need::Count(4)).to_json(), json!(4));
    }

    #[test]
    fn an_unknown_permission_is_named_with_the_known_ones() {
        let error = Permissions::of(&json!({"docker.privilege": true})).expect_err("no such permission");
        assert!(error.message().contains("docker.privilege"));
        assert!(error.remedy().contains("docker.privileged"));
    }
}
