//! Commands on the engine's machine, where that is this one.
//!
//! A program and its arguments, never a shell. It ends with its deadline, and what it prints beyond the limit is read and
//! dropped, so that it is not held up by a full pipe.

use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use mngr_contract::error::{internal, invalid, not_found, timeout, unsupported};
use mngr_contract::limits::COMMAND;
use mngr_contract::ssh::{Command, CommandOutput};
use mngr_contract::{ProviderError, Result};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::process::Command as Child;

/// Longest that a command may take, whatever it asks for.
const LONGEST: Duration = Duration::from_secs(600);

/// The error for an engine whose machine can not be reached otherwise than through the engine.
pub fn no_way(endpoint: &str) -> ProviderError {
    unsupported(
        "ssh.run",
        format!("there is no way to run a command on the machine of the engine at {endpoint}"),
        "reach the engine through its unix socket, or through ssh://",
    )
}

/// The error for a program that is not on the engine's machine.
pub fn no_program(program: &str) -> ProviderError {
    not_found(
        format!("program `{program}`"),
        "it is not on the engine's machine",
        "install it there",
    )
}

/// Runs a command on this machine.
///
/// # Errors
/// `invalid-argument` for no program, `not-found` for one that is not there, `timeout` where the deadline passed and it was
/// killed, `internal` where its output can not be read.
pub async fn run_here(command: Command) -> Result<CommandOutput> {
    let Some((program, arguments)) = command.argv.split_first() else {
        return Err(invalid("argv", "", "there is no program", "name a program"));
    };
    let mut child = Child::new(program);
    child.args(arguments).env("LC_ALL", "C");
    run_child(child, &command).await
}

/// Runs a child for a command, with the command's input, deadline and limit.
///
/// # Errors
/// As [`run_here`].
pub async fn run_child(mut child: Child, command: &Command) -> Result<CommandOutput> {
    let program = command.argv.first().map(String::as_str).unwrap_or_default();
    let mut child = child
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| match error.kind() {
            ErrorKind::NotFound => no_program(program),
            _ => failed(program, &error),
        })?;
    let streams = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(stdin), Some(stdout), Some(stderr)) = streams else {
        return Err(internal(
            format!("program `{program}`"),
            "it has no streams",
            "report this",
        ));
    };
    let (status, output) = drive(command, stdin, stdout, stderr, child.wait()).await?;
    Ok(CommandOutput {
        exit_status: exit_status(status),
        ..output
    })
}

/// Feeds a command, reads what it prints and waits for its end; the exit status in what is returned is the caller's to set.
///
/// # Errors
/// `timeout` where the deadline passed, `internal` where its output can not be read.
pub async fn drive<S>(
    command: &Command,
    mut stdin: impl AsyncWrite + Unpin,
    stdout: impl AsyncRead + Unpin,
    stderr: impl AsyncRead + Unpin,
    status: impl Future<Output = std::io::Result<S>>,
) -> Result<(S, CommandOutput)> {
    let program = command.argv.first().map(String::as_str).unwrap_or_default();
    let deadline = Duration::from_millis(command.timeout_ms).min(LONGEST);
    let limit = usize::try_from(command.max_output_bytes.min(COMMAND)).unwrap_or(usize::MAX);
    let feed = async {
        // A program that does not read its input is none the worse for it.
        let _ = stdin.write_all(&command.stdin).await;
        drop(stdin);
    };
    let ended = async {
        let ((), stdout, stderr) = tokio::join!(feed, read(stdout, limit), read(stderr, limit));
        Ok::<_, std::io::Error>((status.await?, stdout?, stderr?))
    };
    let (status, stdout, stderr) = tokio::time::timeout(deadline, ended)
        .await
        .map_err(|_| timeout(format!("`{program}`"), deadline, false, "give it more time"))?
        .map_err(|error| failed(program, &error))?;
    let output = CommandOutput {
        exit_status: 0,
        truncated: stdout.1 || stderr.1,
        stdout: stdout.0,
        stderr: stderr.0,
    };
    Ok((status, output))
}

fn failed(program: &str, error: &std::io::Error) -> ProviderError {
    internal(
        format!("program `{program}`"),
        error.to_string(),
        "run it yourself on the engine's machine to see what is wrong",
    )
}

fn exit_status(status: ExitStatus) -> i32 {
    let by_signal = || status.signal().map(|signal| 128 + signal);
    status.code().or_else(by_signal).unwrap_or(-1)
}

/// Everything that can be read, of which the first bytes are kept, and whether that is not all.
async fn read(mut stream: impl AsyncRead + Unpin, limit: usize) -> std::io::Result<(Vec<u8>, bool)> {
    let (mut kept, mut truncated) = (Vec::new(), false);
    let mut piece = [0; 8192];
    loop {
        let length = stream.read(&mut piece).await?;
        if length == 0 {
            return Ok((kept, truncated));
        }
        let room = limit.saturating_sub(kept.len()).min(length);
        kept.extend_from_slice(&piece[..room]);
        truncated |= room < length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(argv: &[&str]) -> Command {
        Command {
            argv: argv.iter().map(|word| (*word).to_owned()).collect(),
            stdin: Vec::new(),
            timeout_ms: 60_000,
            max_output_bytes: 1 << 20,
        }
    }

    #[tokio::test]
    async fn a_command_gets_its_input_and_its_words_are_not_a_shells() {
        let fed = Command {
            stdin: b"fed".to_vec(),
            ..command(&["cat"])
        };
        assert_eq!(run_here(fed).await.expect("output").stdout, b"fed");
        let output = run_here(command(&["echo", "$HOME;ls"])).await.expect("output");
        assert_eq!(output.stdout, b"$HOME;ls\n");
    }

    #[tokio::test]
    async fn output_beyond_the_limit_is_dropped_and_said_so() {
        let long = Command {
            max_output_bytes: 10,
            ..command(&["seq", "100000"])
        };
        let output = run_here(long).await.expect("output");
        assert!(output.truncated && output.stdout.len() == 10 && output.exit_status == 0);
    }

    #[tokio::test]
    async fn no_command_may_fill_the_memory_whatever_limit_it_asks_for() {
        let greedy = Command {
            max_output_bytes: u64::MAX,
            ..command(&["head", "-c", "20000000", "/dev/zero"])
        };
        let output = run_here(greedy).await.expect("output");
        assert!(output.truncated && output.stdout.len() as u64 == COMMAND);
    }

    #[tokio::test]
    async fn a_signal_is_told_from_an_exit_status() {
        let exit = run_here(command(&["sh", "-c", "exit 3"])).await.expect("output");
        assert_eq!(exit.exit_status, 3);
        let signal = run_here(command(&["sh", "-c", "kill -9 $$"])).await.expect("output");
        assert_eq!(signal.exit_status, 137);
    }

    #[tokio::test]
    async fn a_command_without_an_end_is_cut_off_and_a_missing_program_is_named() {
        let endless = Command {
            timeout_ms: 1,
            ..command(&["sleep", "1000"])
        };
        assert_eq!(run_here(endless).await.expect_err("cut off").kind(), "timeout");
        let error = run_here(command(&["no-such-program"])).await.expect_err("missing");
        assert!(error.kind() == "not_found" && error.message().contains("no-such-program"));
    }
}
