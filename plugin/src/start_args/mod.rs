//! The flags of `docker run` that a user may pass, parsed into the contract's container spec.
//!
//! The grammar is the Docker CLI's own: `--memory=4g`, `--memory 4g`, `-m4g`, `-m=4g`, `-m 4g`, grouped short switches,
//! `--init=false`. A single value is that of its last flag, lists append. Which flags there are is a table
//! (`flags.rs`); what a value means is in `values.rs`, `fields.rs`, `mounts.rs`, `network.rs` and `gpus.rs`; what is refused,
//! and why, in `refused.rs`.

mod draft;
mod fields;
mod flags;
mod gpus;
mod mounts;
mod network;
mod refused;
pub mod remount;
mod values;

pub use draft::{Draft, Given, Pull};

use crate::contract::backend::Argument;
use crate::contract::types::ProviderError;
use crate::error::invalid;
use flags::{FLAGS, Flag};
use mngr_docker_grammar::words::{did_you_mean, nearest, shown};

/// Why a flag or its value is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bad {
    reason: String,
    remedy: String,
}

impl Bad {
    fn new(reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            remedy: remedy.into(),
        }
    }
}

/// What is wrong with a list of arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Position in the list.
    pub element: usize,
    /// What was written, less what may be secret.
    pub shown: String,
    /// What is wrong with it.
    pub reason: String,
    /// What would be right.
    pub remedy: String,
}

impl Fault {
    /// As the error of the call that was given the arguments.
    pub fn into_error(self) -> ProviderError {
        let field = format!("start-args[{}]", self.element);
        invalid(field, &self.shown, self.reason, self.remedy)
    }
}

/// The flags a user may pass, for help.
pub fn describe() -> Vec<Argument> {
    FLAGS
        .iter()
        .map(|flag| Argument {
            flag: format!("--{}", flag.long),
            short: flag.short,
            value: flag.value.map(str::to_owned),
            help: match flag.short {
                Some(short) => format!("{} (also -{short})", flag.help),
                None => flag.help.to_owned(),
            },
        })
        .collect()
}

/// Reads the arguments into flags and their values. Values are not looked at yet.
///
/// # Errors
/// The first argument at fault.
pub fn parse(args: &[String]) -> Result<Vec<Given>, Fault> {
    let mut given = Vec::new();
    let mut rest = args.iter().enumerate();
    while let Some((element, arg)) = rest.next() {
        let fault = |shown: &str, bad: Bad| Fault {
            element,
            shown: shown.to_owned(),
            reason: bad.reason,
            remedy: bad.remedy,
        };
        let mut next = |flag: &Flag| {
            let missing = || {
                let kind = flag.value.unwrap_or_default();
                fault(
                    &format!("--{}", flag.long),
                    Bad::new("its value is missing", format!("write --{}={kind}", flag.long)),
                )
            };
            rest.next().map(|(_, value)| value.clone()).ok_or_else(missing)
        };
        if let Some(long) = arg.strip_prefix("--") {
            let (name, value) = split_value(long);
            let flag = long_flag(name).map_err(|bad| {
                // What stands behind a space may be a value, and a secret.
                let word = name.split(char::is_whitespace).next().unwrap_or_default();
                fault(&format!("--{word}"), bad)
            })?;
            let value = match value {
                Some(value) => value.to_owned(),
                None if flag.value.is_none() => "true".to_owned(),
                None => next(flag)?,
            };
            given.push(Given { flag, value, element });
        } else if let Some(group) = arg.strip_prefix('-').filter(|group| !group.is_empty()) {
            let mut letters = group.chars();
            while let Some(letter) = letters.next() {
                let flag = short_flag(letter).map_err(|bad| fault(&format!("-{letter}"), bad))?;
                let tail = letters.as_str();
                let value = match (flag.value, tail.strip_prefix('=')) {
                    (None, None) => {
                        given.push(Given {
                            flag,
                            value: "true".to_owned(),
                            element,
                        });
                        continue;
                    }
                    (_, Some(value)) => value.to_owned(),
                    (Some(_), None) if !tail.is_empty() => tail.to_owned(),
                    (Some(_), None) => next(flag)?,
                };
                given.push(Given { flag, value, element });
                break;
            }
        } else {
            return Err(fault(&before_value(arg), not_a_flag()));
        }
    }
    Ok(given)
}

fn split_value(long: &str) -> (&str, Option<&str>) {
    match long.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (long, None),
    }
}

/// A stray word may be the value of an environment variable, so only its name is shown.
fn before_value(arg: &str) -> String {
    match arg.split_once('=') {
        Some((name, _)) => format!("{name}=…"),
        None => arg.to_owned(),
    }
}

fn not_a_flag() -> Bad {
    Bad::new(
        "it is not a flag",
        "pass flags of `docker run` only, each value after its flag; the image and the command are given apart",
    )
}

fn long_flag(name: &str) -> Result<&'static Flag, Bad> {
    if let Some(flag) = FLAGS.iter().find(|flag| flag.long == name) {
        return Ok(flag);
    }
    if let Some(refusal) = refused::by_long(name) {
        return Err(refusal);
    }
    if let Some((flag, _)) = name.split_once(char::is_whitespace) {
        let remedy = format!(
            "pass the flag and its value as two arguments, or write --{}=VALUE",
            shown(flag)
        );
        return Err(Bad::new("a flag and its value are in one argument", remedy));
    }
    if name.is_empty() {
        return Err(not_a_flag());
    }
    let near: Vec<String> = nearest(name, FLAGS.iter().map(|flag| flag.long))
        .into_iter()
        .map(|long| format!("--{long}"))
        .collect();
    let near: Vec<&str> = near.iter().map(String::as_str).collect();
    Err(Bad::new(
        "there is no such flag",
        format!("{}the flags are those of `docker run`", did_you_mean(&near)),
    ))
}

fn short_flag(letter: char) -> Result<&'static Flag, Bad> {
    let known = FLAGS.iter().find(|flag| flag.short == Some(letter));
    known.ok_or_else(|| {
        refused::by_short(letter).unwrap_or_else(|| {
            Bad::new(
                "there is no such flag",
                "write the flag's long form, for example --memory=4g",
            )
        })
    })
}

#[cfg(test)]
mod tests;
