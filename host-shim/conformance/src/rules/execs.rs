//! Commands in agents.

use mngr_host_shim::contract::docker::{ExecOptions, TerminalSize};
use tokio::io::AsyncWriteExt;

use crate::fixture::{argv, output_of};
use crate::rule::{Comes, Stop, ensure, ensure_same, rules};

rules! {
    "exec.streams-are-apart" of "instance.exec", ["create", "exec"], "What a command writes to stdout and to stderr arrives apart", |fixture| {
        fixture.agent("a").await?;
        let session = fixture.provider.exec("a", argv(&["sh", "-c", "echo out; echo err >&2"])).await;
        let (_, stdout, stderr) = output_of(session.succeeds("to run a command")?).await?;
        ensure_same!((stdout.as_str(), stderr.as_str()), ("out\n", "err\n"), "stdout and stderr");
    }

    "exec.status-is-the-commands" of "instance.exec", ["create", "exec"], "The exit status is the command's own", |fixture| {
        fixture.agent("a").await?;
        for status in [0, 3, 255] {
            ensure_same!(fixture.shell("a", &format!("exit {status}")).await?.0, status, "the exit status");
        }
    }

    "exec.stdin-arrives-and-ends" of "docker.exec-options", ["create", "exec"], "With `stdin` what is written arrives, and so does its end", |fixture| {
        fixture.agent("a").await?;
        let options = ExecOptions { stdin: true, ..argv(&["wc", "-c"]) };
        let mut session = fixture.provider.exec("a", options).await.succeeds("to run a command with stdin")?;
        let Some(mut stdin) = session.stdin.take() else {
            return Err(Stop::Failed("the command has no stdin".to_owned()));
        };
        let written = async {
            stdin.write_all(&[b'x'; 100_000]).await?;
            stdin.shutdown().await
        };
        written.await.map_err(|error| Stop::Failed(format!("stdin can not be written: {error}")))?;
        drop(stdin);
        let (status, stdout, _) = output_of(session).await?;
        ensure_same!((status, stdout.trim()), (0, "100000"), "what arrived");
    }

    "exec.environment-is-as-asked" of "docker.exec-options", ["create", "exec"], "A command has the environment that was asked for", |fixture| {
        fixture.agent("a").await?;
        let options = ExecOptions { env: vec!["WORD=with space".to_owned()], ..argv(&["sh", "-c", "echo $WORD"]) };
        let session = fixture.provider.exec("a", options).await.succeeds("to run a command with an environment")?;
        ensure_same!(output_of(session).await?.1, "with space\n", "the variable");
    }

    "exec.directory-is-as-asked" of "docker.exec-options", ["create", "exec"], "A command runs in the directory that was asked for", |fixture| {
        fixture.agent("a").await?;
        let options = ExecOptions { working_dir: Some("/tmp".to_owned()), ..argv(&["pwd"]) };
        let session = fixture.provider.exec("a", options).await.succeeds("to run a command in a directory")?;
        ensure_same!(output_of(session).await?.1, "/tmp\n", "the directory");
    }

    "exec.terminal-makes-one-stream" of "docker.exec-options", ["create", "exec"], "With a terminal stdout and stderr are one", |fixture| {
        fixture.agent("a").await?;
        let terminal = Some(TerminalSize { columns: 80, rows: 24 });
        let options = ExecOptions { terminal, ..argv(&["sh", "-c", "echo out; echo err >&2"]) };
        let session = fixture.provider.exec("a", options).await.succeeds("to run a command on a terminal")?;
        let (_, stdout, stderr) = output_of(session).await?;
        ensure!(stdout.contains("out\r\n") && stdout.contains("err\r\n") && stderr.is_empty(), "stdout {stdout:?}, stderr {stderr:?}");
    }

    "exec.arguments-are-no-shell-words" of "docker.exec-options", ["create", "exec"], "Arguments reach the command as they are, and no shell sees them", |fixture| {
        fixture.agent("a").await?;
        let session = fixture.provider.exec("a", argv(&["echo", "$HOME", "; exit 9", "a  b", "*"])).await;
        let (status, stdout, _) = output_of(session.succeeds("to run a command")?).await?;
        ensure_same!((status, stdout.as_str()), (0, "$HOME ; exit 9 a  b *\n"), "status and output");
    }

    "exec.nothing-to-run-is-invalid-argument" of "types.invalid-argument", ["create", "exec"], "A command without words is `invalid-argument`", |fixture| {
        fixture.agent("a").await?;
        fixture.provider.exec("a", argv(&[])).await.fails_as("invalid_argument", "a command without words")?;
    }

    "exec.in-stopped-is-conflict" of "instance.exec", ["create", "stop", "exec"], "Nothing is run in a stopped agent: it is a `conflict`", |fixture| {
        fixture.agent("a").await?;
        fixture.stop("a").await?;
        fixture.provider.exec("a", argv(&["true"])).await.fails_as("conflict", "to run a command in a stopped agent")?;
    }
}
