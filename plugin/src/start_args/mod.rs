//! The flags of `docker run` that a user may pass, parsed into the contract's container spec.
//!
//! The grammar is the Docker CLI's own: see [`mngr_docker_grammar::flags`]. A single value is that of its last flag, and lists
//! append. Which flags there are is a table (`flags.rs`). What a value means is in `values.rs`, `fields.rs`, `mounts.rs`,
//! `network.rs` and `gpus.rs`. What cannot stand together is in `conflicts.rs`. What is refused, and why, is in `refused.rs`.

mod conflicts;
mod draft;
mod fields;
mod flags;
mod gpus;
mod mounts;
mod namespaces;
mod network;
mod publish;
mod refused;
pub mod remount;
mod security;
mod values;
mod volume_options;

pub use draft::{Draft, Given, Pull};
pub use gpus::Conditions;

use crate::contract::backend::Argument;
use crate::contract::types::ProviderError;
use crate::error::{invalid, unsupported_because};
use flags::{FLAGS, Flag};
use mngr_docker_grammar::flags::{self as grammar, Known, Name, Reason};
use mngr_docker_grammar::words::{did_you_mean, nearest, shown};

/// Why a flag or its value is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bad {
    reason: String,
    remedy: String,
    /// It can be meant, and cannot be had.
    is_unsupported: bool,
}

impl Bad {
    fn new(reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            remedy: remedy.into(),
            is_unsupported: false,
        }
    }

    fn unsupported(reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            is_unsupported: true,
            ..Self::new(reason, remedy)
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
    /// It can be meant, and cannot be had.
    pub is_unsupported: bool,
}

impl Fault {
    /// As the error of the call that was given the arguments.
    pub fn into_error(self) -> ProviderError {
        let field = format!("start-args[{}]", self.element);
        match self.is_unsupported {
            true => unsupported_because(format!("{field} `{}`", shown(&self.shown)), self.reason, self.remedy),
            false => invalid(field, &self.shown, self.reason, self.remedy),
        }
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
    let all = grammar::read(args, |name| {
        let flag = FLAGS.iter().find(|flag| name.is_of(flag.long, flag.short))?;
        Some(Known {
            flag,
            takes_value: flag.value.is_some(),
        })
    });
    all.map(|given| match given {
        Ok(given) => Ok(Given {
            flag: given.flag,
            value: given.value.unwrap_or("true").to_owned(),
            element: given.element,
        }),
        Err(fault) => Err(unread(fault)),
    })
    .collect()
}

fn unread(fault: grammar::Fault<'_, &'static Flag>) -> Fault {
    let (shown, bad) = match fault.reason {
        Reason::NoFlag(word) => (before_value(word), not_a_flag()),
        Reason::Unknown(Name::Long(name)) => {
            // What stands behind a space may be a value, and a secret.
            let word = name.split(char::is_whitespace).next().unwrap_or_default();
            (format!("--{word}"), unknown_long(name))
        }
        Reason::Unknown(Name::Short(letter)) => (format!("-{letter}"), unknown_short(letter)),
        Reason::NoValue(flag) => {
            let remedy = format!("write --{}={}", flag.long, flag.value.unwrap_or_default());
            (format!("--{}", flag.long), Bad::new("its value is missing", remedy))
        }
    };
    Fault {
        element: fault.element,
        shown,
        reason: bad.reason,
        remedy: bad.remedy,
        is_unsupported: bad.is_unsupported,
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

fn unknown_long(name: &str) -> Bad {
    if let Some(refusal) = refused::by_long(name) {
        return refusal;
    }
    if let Some((flag, _)) = name.split_once(char::is_whitespace) {
        let remedy = format!(
            "pass the flag and its value as two arguments, or write --{}=VALUE",
            shown(flag)
        );
        return Bad::new("a flag and its value are in one argument", remedy);
    }
    if name.is_empty() {
        return not_a_flag();
    }
    let near: Vec<String> = nearest(name, FLAGS.iter().map(|flag| flag.long))
        .into_iter()
        .map(|long| format!("--{long}"))
        .collect();
    let near: Vec<&str> = near.iter().map(String::as_str).collect();
    Bad::new(
        "there is no such flag",
        format!("{}the flags are those of `docker run`", did_you_mean(&near)),
    )
}

fn unknown_short(letter: char) -> Bad {
    refused::by_short(letter).unwrap_or_else(|| {
        Bad::new(
            "there is no such flag",
            "write the flag's long form, for example --memory=4g",
        )
    })
}

#[cfg(test)]
mod tests;
