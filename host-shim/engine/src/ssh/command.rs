//! A command as a line of the other side's shell, and its end.
//!
//! sshd hands a command to the user's shell, so each word is quoted for that. What that shell prints before, a greeting for one, is
//! not the command's: it begins behind a mark, on either stream. Behind the command there is no shell any more that could print.

use mngr_contract::Result;
use mngr_contract::error::{invalid, unavailable};
use mngr_contract::ssh::{Command, CommandOutput};

use super::destination::Destination;
use super::failure;
use crate::machine;

/// Stands before everything that a command prints. Nothing else prints it.
const MARK: &str = "mngr-docker-begins";
/// The most that may stand before it.
const GREETING: u64 = 256 << 10;
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
    let program = format!("echo {MARK}; echo {MARK} >&2; exec env \"$@\"");
    let shell = ["env", "LC_ALL=C", "sh", "-c", &program, "sh"];
    let words = shell.into_iter().chain(command.argv.iter().map(String::as_str));
    shlex::try_join(words)
        .map(|line| format!("exec {line}"))
        .map_err(|error| {
            invalid(
                "argv",
                command.argv.join(" ").escape_debug().to_string(),
                error.to_string(),
                "leave the zero byte out",
            )
        })
}

/// A command with room for what may stand before what it prints.
pub(super) fn with_greeting(command: &Command) -> Command {
    Command {
        max_output_bytes: command.max_output_bytes.saturating_add(GREETING),
        ..command.clone()
    }
}

/// What was printed behind the mark; none where there is no mark.
fn after_mark(printed: &[u8]) -> Option<&[u8]> {
    let line = [MARK.as_bytes(), b"\n"].concat();
    let at = printed.windows(line.len()).position(|window| window == line)?;
    Some(&printed[at + line.len()..])
}

/// A command's output, or the error that its exit status stands for.
pub(super) fn ended(to: &Destination, command: &Command, mut output: CommandOutput) -> Result<CommandOutput> {
    let most = usize::try_from(command.max_output_bytes).unwrap_or(usize::MAX);
    let mut is_marked = true;
    for printed in [&mut output.stdout, &mut output.stderr] {
        match after_mark(printed).map(<[u8]>::to_vec) {
            Some(own) => *printed = own,
            None => is_marked = false,
        }
        output.truncated |= printed.len() > most;
        printed.truncate(most);
    }
    let program = command.argv.first().map(String::as_str).unwrap_or_default();
    let said = String::from_utf8_lossy(&output.stderr);
    match output.exit_status {
        NO_PROGRAM if said.starts_with("env: ") => Err(machine::no_program(program)),
        SSH_FAILED if !is_marked => Err(unavailable(
            format!("the machine {to}"),
            format!("the connection ended while it was to run `{program}`"),
            format!("see whether it can be reached: {}", to.by_hand(&[])),
        )),
        _ if !is_marked => {
            let lines: Vec<_> = said.lines().map(str::to_owned).collect();
            Err(failure::no_shell(to, &lines))
        }
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

    fn destination() -> Destination {
        Destination {
            user: None,
            host: "h".to_owned(),
            port: None,
            settings: super::super::Settings::default(),
        }
    }

    #[test]
    fn every_word_stays_a_word() {
        let line = words(&command(&["stat", "a b", "$(id)", "it's", "", "a\nb"])).expect("a line");
        let back = shlex::split(&line).expect("words");
        assert_eq!(back[back.len() - 6..], ["stat", "a b", "$(id)", "it's", "", "a\nb"]);
    }

    #[test]
    fn what_a_shell_prints_around_a_command_is_not_the_commands() {
        let line = words(&command(&["sh", "-c", "echo out; echo err >&2; exit 3"])).expect("a line");
        let noisy = format!("trap 'echo goodbye' EXIT; printf 'welcome> '; echo to the box >&2; {line}");
        let output = std::process::Command::new("sh")
            .args(["-c", &noisy])
            .output()
            .expect("sh");
        let output = CommandOutput {
            exit_status: output.status.code().expect("a status"),
            stdout: output.stdout,
            stderr: output.stderr,
            truncated: false,
        };
        let wide = Command {
            max_output_bytes: 100,
            ..command(&["sh"])
        };
        let own = ended(&destination(), &wide, output).expect("output");
        assert_eq!(
            (own.exit_status, &own.stdout[..], &own.stderr[..]),
            (3, &b"out\n"[..], &b"err\n"[..])
        );
    }

    #[test]
    fn a_command_that_never_began_is_an_error_and_not_what_a_shell_has_printed() {
        let printed = |exit_status, stdout: &str| CommandOutput {
            exit_status,
            stdout: stdout.into(),
            stderr: Vec::new(),
            truncated: false,
        };
        for (status, stdout) in [(0, "This account is not available.\n"), (1, ""), (255, "")] {
            let error = ended(&destination(), &command(&["df"]), printed(status, stdout)).expect_err("no output");
            assert_eq!(error.kind(), "unavailable", "{status} {stdout}");
        }
    }

    #[test]
    fn a_limit_is_that_of_the_command_alone() {
        let limited = Command {
            max_output_bytes: 3,
            ..command(&["df"])
        };
        let printed = format!("{}{MARK}\nlonger", "greeting ".repeat(1000));
        assert!(printed.len() as u64 <= with_greeting(&limited).max_output_bytes);
        let output = CommandOutput {
            exit_status: 0,
            stdout: printed.into(),
            stderr: format!("{MARK}\n").into(),
            truncated: false,
        };
        let own = ended(&destination(), &limited, output).expect("output");
        assert!(own.stdout == b"lon" && own.truncated);
    }

    #[test]
    fn what_is_no_program_is_refused() {
        for argv in [&[][..], &[""], &["-x"], &["A=b"], &["stat", "a\0b"]] {
            assert_eq!(words(&command(argv)).expect_err("refused").kind(), "invalid_argument");
        }
    }
}
