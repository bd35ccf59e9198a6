//! The arguments of `docker build` in parts, as the plugin will read them.

use mngr_docker_grammar::arguments::{self as grammar, Given};
use mngr_docker_grammar::flags::{self, Known, Name, Reason};
use mngr_host_shim::contract::backend::Argument;

/// A flag as it is spelled, without its value, and the value. A word that the plugin will refuse is one without a value.
pub type Flag = (String, Option<String>);

/// The words that are no flags, and the flags. `known` are those that the plugin knows.
pub fn read(arguments: Vec<String>, known: &[Argument]) -> (Vec<String>, Vec<Flag>) {
    let known = |name: Name<'_>| {
        let is_it = |argument: &&Argument| {
            let long = argument.flag.strip_prefix("--");
            long.is_some_and(|long| name.is_of(long, argument.short))
        };
        let argument = known.iter().find(is_it)?;
        let flag = match name {
            Name::Long(long) => format!("--{long}"),
            Name::Short(letter) => format!("-{letter}"),
        };
        Some(Known {
            flag,
            takes_value: argument.value.is_some(),
        })
    };
    let given: Vec<_> = arguments.into_iter().map(Given::Text).collect();
    // Texts alone are read without fail.
    let arguments = grammar::words(&given, known).map(|read| read.words).unwrap_or_default();
    let (mut words, mut read) = (Vec::new(), Vec::new());
    for given in flags::read(&arguments, known) {
        match given {
            Ok(given) => read.push((given.flag, given.value.map(str::to_owned))),
            Err(fault) => match fault.reason {
                Reason::NoFlag(word) => words.push(word.to_owned()),
                Reason::Unknown(_) | Reason::NoValue(_) => read.push((arguments[fault.element].clone(), None)),
            },
        }
    }
    (words, read)
}
