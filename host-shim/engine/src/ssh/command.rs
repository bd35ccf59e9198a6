//! A command as a line of the other side's shell, and its end.
//!
//! sshd hands a command to the user's shell, so each word is quoted for that.

use mngr_contract::Result;
use mngr_contract::error::{invalid, unavailable};
use mngr_contract::ssh::{Command, CommandOutput};

use super::destination::Destination;
use crate::machine;

/// What `ssh` exits with where it is `ssh` that failed.
const SSH_FAILED: i32 = 255;
/// What `env` exits with where there is no such program.
const NO_PROGRAM: i32 = 127;

/// The line that runs a command, with messages in plain English.
///
/// # Errors
/// `invalid-argument` for no program, for one whose name is no name, and for words that no shell can be given.
pub(super) fn words(command: &Command) -> Result<String> {
    let program = command.argv.first().map(String::as_str).unwrap_or_default();
    if program.is_empty() || program.starts_with('-') || program.contains('=') {
        return Err(invalid("argv", program, "it names no program", "name a program"));
    }
    let words = ["env", "LC_ALL=C"]
        .into_iter()
        .chain(command.argv.iter().map(String::as_str));
    shlex::try_join(words).map_err(|error| {
        invalid(
            "argv",
            command.argv.join(" ").escape_debug().to_string(),
            error.to_string(),
            "leave the zero byte out",
        )
    })
}

/// A command's output, or the error that its exit status stands for.
pub(super) fn ended(to: &Destination, command: &Command, output: CommandOutput) -> Result<CommandOutput> {
    let program = command.argv.first().map(String::as_str).unwrap_or_default();
    let said = String::from_utf8_lossy(&output.stderr);
    match output.exit_status {
        NO_PROGRAM if said.starts_with("env: ") => Err(machine::no_program(program)),
        SSH_FAILED if output.stdout.is_empty() && said.is_empty() => Err(unavailable(
            format!("the machine {to}"),
            format!("the connection ended while it was to run `{program}`"),
            format!("see whether it can be reached: {}", to.by_hand(&[])),
        )),
        _ => Ok(output),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(argv: &[&str]) -> Command {
        Command {
            argv: argv.iter().map(|word| (*word).to_owned()).collect(),
            stdin: Vec::new(),
            timeout_ms: 1,
            max_output_bytes: 1,
        }
    }

    #[test]
    fn every_word_stays_a_word() {
        let line = words(&command(&["stat", "a b", "$(id)", "it's", "", "a\nb"])).expect("a line");
        let back = shlex::split(&line).expect("words");
        assert_eq!(back, ["env", "LC_ALL=C", "stat", "a b", "$(id)", "it's", "", "a\nb"]);
    }

    #[test]
    fn what_is_no_program_is_refused() {
        for argv in [&[][..], &[""], &["-x"], &["A=b"], &["stat", "a\0b"]] {
            assert_eq!(words(&command(argv)).expect_err("refused").kind(), "invalid_argument");
        }
    }
}
