//! What agents print.

use mngr_host_shim::contract::docker::LogOptions;

use crate::fixture::{Fixture, logged};
use crate::rule::{Stop, ensure, ensure_same, rules};

/// An agent that has printed three lines and ended.
async fn spoken(fixture: &Fixture) -> Result<(), Stop> {
    fixture.running("a", "echo one; echo two >&2; echo three").await?;
    fixture.ended("a").await?;
    Ok(())
}

rules! {
    "logs.have-both-outputs" of "instance.logs", ["create", "get", "logs"], "A log has what the main command has printed on both outputs, apart, also of an agent that has ended", |fixture| {
        spoken(fixture).await?;
        let (stdout, stderr) = logged(fixture, LogOptions::default()).await?;
        ensure_same!((stdout.as_str(), stderr.as_str()), ("one\nthree\n", "two\n"), "stdout and stderr");
    }

    "logs.only-the-outputs-asked-for" of "docker.log-options", ["create", "get", "logs"], "Only the outputs that are asked for are told", |fixture| {
        spoken(fixture).await?;
        let (stdout, stderr) = logged(fixture, LogOptions { stdout: false, ..LogOptions::default() }).await?;
        ensure_same!((stdout.as_str(), stderr.as_str()), ("", "two\n"), "stdout, which was not asked for, and stderr");
    }

    "logs.tail-is-the-last-lines" of "docker.log-options", ["create", "get", "logs"], "Only the last lines are told where that is asked for", |fixture| {
        // On one output: the engine promises no order between two.
        fixture.running("a", "echo one; echo two; echo three").await?;
        fixture.ended("a").await?;
        let (stdout, _) = logged(fixture, LogOptions { stderr: false, tail: Some(1), ..LogOptions::default() }).await?;
        ensure_same!(stdout, "three\n", "the last line");
    }

    "logs.timestamps-begin-each-line" of "docker.log-options", ["create", "get", "logs"], "With `timestamps` each line begins with its time", |fixture| {
        spoken(fixture).await?;
        let (stdout, _) = logged(fixture, LogOptions { timestamps: true, ..LogOptions::default() }).await?;
        for line in stdout.lines() {
            let time = line.split(' ').next().unwrap_or_default();
            ensure!(time.parse::<jiff::Timestamp>().is_ok(), "the line begins with no time: {line}");
        }
        ensure_same!(stdout.lines().count(), 2, "how many lines there are");
    }

    "logs.follow-goes-on-to-the-end" of "docker.log-options", ["create", "exec", "logs"], "With `follow` a log goes on with what is printed later, and ends when the agent does", |fixture| {
        fixture.running("a", "until [ -e /tmp/go ]; do sleep 0.1; done; echo late").await?;
        let follow = LogOptions { follow: true, ..LogOptions::default() };
        // The log is read before the agent is told to go on.
        let (log, went) = tokio::join!(logged(fixture, follow), fixture.shell("a", "echo go > /tmp/go"));
        went?;
        ensure_same!(log?.0, "late\n", "what was printed later");
    }
}
