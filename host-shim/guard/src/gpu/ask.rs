//! Asking the engine's machine: a program, or the kernel's files, with a deadline.

use std::time::Duration;

use mngr_contract::ProviderError;
use mngr_contract::ssh::{Command, CommandOutput};
use mngr_engine::Engine;

/// Longest that a vendor's tool may take. On a large machine that nobody uses it wakes every device first.
pub const TOOL: Duration = Duration::from_secs(10);
/// Longest that reading files may take.
pub const FILES: Duration = Duration::from_secs(5);
/// What a machine gets to notice its own deadline before it is given up.
const GRACE: Duration = Duration::from_secs(1);
/// Most that is read. A specification of many partitions takes a few hundred kilobytes.
const MOST: u64 = 4 << 20;

/// What came of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// There is no such program or file.
    Absent,
    /// It was not asked, because another of its kind has failed.
    Skipped,
    /// There is no way to the machine.
    NoWay,
    /// It is there and does not answer as it should.
    Failed(String),
    /// It says that something is wrong, and has printed what there is all the same.
    Faulty {
        /// What it printed.
        text: String,
        /// What it ended with.
        fault: String,
    },
    /// What it printed.
    Text(String),
}

/// Runs a program on the engine's machine.
pub async fn ask(engine: &dyn Engine, argv: &[&str], deadline: Duration) -> Answer {
    match run(engine, argv, deadline).await {
        Ok(output) if output.exit_status == 0 => text(&output),
        // What stands for a program that is not there, where a shell is on the way.
        Ok(output) if output.exit_status == 127 => Answer::Absent,
        Ok(output) => {
            let texts = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
            let mut lines = texts.iter().flat_map(|text| text.lines()).map(str::trim);
            let said = lines.find(|line| !line.is_empty()).unwrap_or("it printed nothing");
            let said: String = said.chars().take(300).collect();
            let fault = format!("exit status {}: {said}", output.exit_status);
            match text(&output) {
                Answer::Text(text) if !text.trim().is_empty() => Answer::Faulty { text, fault },
                _ => Answer::Failed(fault),
            }
        }
        Err(answer) => answer,
    }
}

/// Reads files. `grep` and `find` end with a status of 1 or 2 where some are not there or may not be read, and what they
/// printed counts all the same.
pub async fn read(engine: &dyn Engine, argv: &[&str]) -> Answer {
    match run(engine, argv, FILES).await {
        Ok(output) if output.stdout.is_empty() => Answer::Absent,
        Ok(output) => text(&output),
        Err(Answer::Absent) => Answer::Failed(format!("`{}` is not on the machine", argv[0])),
        Err(answer) => answer,
    }
}

fn text(output: &CommandOutput) -> Answer {
    match output.truncated {
        true => Answer::Failed(format!("it printed more than {MOST} bytes")),
        false => Answer::Text(String::from_utf8_lossy(&output.stdout).into_owned()),
    }
}

async fn run(engine: &dyn Engine, argv: &[&str], deadline: Duration) -> Result<CommandOutput, Answer> {
    let command = Command {
        argv: argv.iter().map(|word| (*word).to_owned()).collect(),
        stdin: Vec::new(),
        timeout_ms: u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX),
        max_output_bytes: MOST,
    };
    let no_answer = || {
        let seconds = deadline.as_secs();
        Answer::Failed(format!("it did not answer within {seconds} seconds and was given up"))
    };
    match tokio::time::timeout(deadline + GRACE, engine.machine_run(command)).await {
        Err(_) | Ok(Err(ProviderError::Timeout(_))) => Err(no_answer()),
        Ok(Ok(output)) => Ok(output),
        Ok(Err(ProviderError::NotFound(_))) => Err(Answer::Absent),
        Ok(Err(ProviderError::Unsupported(_))) => Err(Answer::NoWay),
        Ok(Err(error)) => Err(Answer::Failed(error.message())),
    }
}
