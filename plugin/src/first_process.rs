//! What the first process of a container is handed, and what its kernel takes. An engine makes and starts a container with more, and
//! all it has to say afterwards is that the container has ended.

use crate::Result;
use crate::contract::docker::ContainerSpec;
use crate::contract::types::Limits;
use crate::error::invalid;

/// One string with the NUL at its end: `MAX_ARG_STRLEN` of Linux with pages of 4 KiB (execve(2)).
const ONE: usize = 128 << 10;
/// The stack where no limit is named, in bytes. A quarter of it is for the strings and the pointers to them…
const STACK: u64 = 8 << 20;
/// …but never more than this.
const MOST: u64 = 6 << 20;
/// A pointer to a string.
const POINTER: usize = 8;
/// What a name of the environment is cut to in messages.
const SHOWN: usize = 80;

/// Checks that a container's first process can be handed its command and its environment. What the image adds to them is not
/// counted.
///
/// # Errors
/// `invalid-argument` that names the variable or the argument and never its value.
pub fn check(spec: &ContainerSpec) -> Result<()> {
    let command = spec.entrypoint.iter().chain(&spec.command).flatten();
    strings(&spec.env, command, &spec.limits)
}

/// As [`check`], before there is all of a container.
///
/// # Errors
/// As [`check`].
pub fn strings<'a>(env: &[String], command: impl Iterator<Item = &'a String>, limits: &Limits) -> Result<()> {
    let mut all = 0;
    for variable in env {
        let name: String = variable
            .split('=')
            .next()
            .unwrap_or_default()
            .chars()
            .take(SHOWN)
            .collect();
        all += one("env", &name, variable)?;
    }
    for (position, word) in command.enumerate() {
        all += one("command", &format!("argument {position}"), word)?;
    }
    let stack = limits.ulimits.iter().find(|limit| limit.name == "stack");
    let stack = stack.map_or(STACK, |limit| u64::try_from(limit.soft).unwrap_or(u64::MAX));
    let most = (stack / 4).min(MOST);
    if all as u64 > most {
        let reason = format!("the command and the environment have {all} bytes, and Linux takes {most} at a start");
        let remedy = "hand the data over in files (`mngr-docker cp`, or a volume), or raise --ulimit stack=BYTES, a quarter of \
                      which is for them, up to 6 MiB";
        return Err(invalid("env", "", reason, remedy));
    }
    Ok(())
}

fn one(field: &str, name: &str, text: &str) -> Result<usize> {
    let length = text.len() + 1;
    if length > ONE {
        let reason = format!("it has {} bytes, and Linux takes {} in one string", text.len(), ONE - 1);
        let remedy = "hand the data over in a file (`mngr-docker cp`, or a volume), and its path in place of it";
        return Err(invalid(field, name, reason, remedy));
    }
    Ok(length + POINTER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::types::{ProviderError, Ulimit};

    fn refused(env: &[String], command: &[String], limits: &Limits) -> Option<(String, String)> {
        match strings(env, command.iter(), limits) {
            Ok(()) => None,
            Err(ProviderError::InvalidArgument(wrong)) => {
                assert!(!wrong.reason.contains("xxxx") && !wrong.remedy.is_empty());
                Some((wrong.field, wrong.value))
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    fn of(length: usize) -> String {
        format!("A={}", "x".repeat(length - 2))
    }

    #[test]
    fn a_string_may_be_as_long_as_the_kernel_takes_it_and_no_longer() {
        let limits = crate::limit_check::none();
        assert_eq!(refused(&[of(ONE - 1)], &[of(ONE - 1)], &limits), None);
        assert_eq!(refused(&[of(ONE)], &[], &limits), Some(("env".into(), "A".into())));
        let command = ["sh".to_owned(), of(ONE)];
        assert_eq!(
            refused(&[], &command, &limits),
            Some(("command".into(), "argument 1".into()))
        );
    }

    #[test]
    fn all_of_them_fit_into_a_quarter_of_the_stack() {
        let env = |count: usize| vec![of(100_000); count];
        let mut limits = crate::limit_check::none();
        assert_eq!(refused(&env(20), &[], &limits), None);
        assert_eq!(refused(&env(22), &[], &limits), Some(("env".into(), String::new())));
        let bytes = 32 << 20;
        limits.ulimits.push(Ulimit {
            name: "stack".into(),
            soft: bytes,
            hard: bytes,
        });
        assert_eq!(refused(&env(22), &[], &limits), None);
        limits.ulimits[0].soft = -1;
        assert_eq!(refused(&env(60), &[], &limits), None);
        assert!(refused(&env(64), &[], &limits).is_some());
    }
}
