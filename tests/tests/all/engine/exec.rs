use futures::StreamExt;
use mngr_host_shim::contract::ProviderError;
use mngr_host_shim::contract::docker::{ExecOptions, TerminalSize};
use mngr_host_shim::engine::Engine;
use tokio::io::AsyncWriteExt;

use super::fixture::{Own, collected, engine, plain, spec, unique};

#[tokio::test]
async fn a_command_gives_its_output_and_its_exit_status() {
    let own = Own::started("exec").await;
    let ran = own.ran(&["sh", "-c", "echo out; echo err >&2; exit 42"]).await;
    assert_eq!(ran, (42, "out\n".into(), "err\n".into()));
    assert_eq!(own.ran(&["true"]).await.0, 0);
}

#[tokio::test]
async fn stdin_reaches_the_command_and_ends_when_it_is_dropped() {
    let own = Own::started("stdin").await;
    let mut session = own
        .exec(ExecOptions {
            stdin: true,
            ..plain(&["cat"])
        })
        .await;
    let sent = "all of it\n".repeat(200_000);
    let mut stdin = session.stdin.take().expect("stdin was asked for");
    let writing = {
        let sent = sent.clone();
        tokio::spawn(async move { stdin.write_all(sent.as_bytes()).await })
    };
    let (out, _) = collected(session.output).await;
    writing.await.expect("no panic").expect("written");
    assert!(out == sent, "{} of {} bytes came back", out.len(), sent.len());
    assert_eq!(session.control.wait().await.expect("a status"), 0);
}

#[tokio::test]
async fn without_stdin_asked_for_there_is_none() {
    let own = Own::started("no-stdin").await;
    let session = own.exec(plain(&["cat"])).await;
    assert!(session.stdin.is_none());
    assert_eq!(collected(session.output).await.0, "");
    assert_eq!(session.control.wait().await.expect("a status"), 0);
}

#[tokio::test]
async fn a_terminal_has_the_size_it_was_given_and_takes_a_new_one() {
    let own = Own::started("tty").await;
    let mut session = own
        .exec(ExecOptions {
            stdin: true,
            terminal: Some(TerminalSize { columns: 101, rows: 33 }),
            ..plain(&["sh", "-c", "while read line; do stty size; done"])
        })
        .await;
    let mut stdin = session.stdin.take().expect("stdin was asked for");
    let mut seen = String::new();
    // The size is told after the command has begun, so it is asked for until it has arrived.
    let mut expect = async |size: &str, seen: &mut String| {
        while !seen.contains(size) {
            stdin.write_all(b"\n").await.expect("written");
            let piece = session.output.next().await.expect("more").expect("output");
            seen.push_str(std::str::from_utf8(&piece.bytes).expect("UTF-8"));
        }
    };
    expect("33 101", &mut seen).await;
    session.control.resize(80, 24).await.expect("resized");
    expect("24 80", &mut seen).await;
    // End of file, as a terminal has it.
    stdin.write_all(b"\x04").await.expect("written");
    while session.output.next().await.is_some() {}
    assert_eq!(session.control.wait().await.expect("a status"), 0);
}

#[tokio::test]
async fn output_of_a_terminal_comes_byte_for_byte() {
    let own = Own::started("tty-bytes").await;
    let session = own
        .exec(ExecOptions {
            terminal: Some(TerminalSize { columns: 80, rows: 24 }),
            ..plain(&["printf", r"\001\000\000\000\000\000\000\001x\002"])
        })
        .await;
    assert_eq!(collected(session.output).await.0, "\u{1}\0\0\0\0\0\0\u{1}x\u{2}");
}

#[tokio::test]
async fn the_environment_user_and_directory_are_those_asked_for() {
    let own = Own::started("exec-env").await;
    let session = own
        .exec(ExecOptions {
            env: vec!["WORD=hello".into()],
            user: Some("12345".into()),
            working_dir: Some("/tmp".into()),
            ..plain(&["sh", "-c", "echo $WORD $(id -u) $(pwd)"])
        })
        .await;
    assert_eq!(collected(session.output).await.0, "hello 12345 /tmp\n");
}

#[tokio::test]
async fn a_command_that_is_not_there_ends_with_126_or_127() {
    let own = Own::started("exec-missing").await;
    let (status, _, _) = own.ran(&["/no/such/program"]).await;
    assert!(matches!(status, 126 | 127), "{status}");
}

#[tokio::test]
async fn a_command_that_closes_its_output_early_is_waited_for() {
    let own = Own::started("exec-closed").await;
    let session = own
        .exec(plain(&["sh", "-c", "exec >/dev/null 2>&1; sleep 0.3; exit 7"]))
        .await;
    collected(session.output).await;
    assert_eq!(session.control.wait().await.expect("a status"), 7);
}

#[tokio::test]
async fn a_container_that_does_not_run_takes_no_command() {
    let own = Own::created(spec(&unique("exec-stopped"))).await;
    let error = own
        .engine
        .exec(&own.id, plain(&["true"]))
        .await
        .expect_err("it does not run");
    let ProviderError::Conflict(conflict) = error else {
        panic!("{error:?}")
    };
    assert_eq!(conflict.state, "not running");
    let missing = engine()
        .exec("mngr-test-none", plain(&["true"]))
        .await
        .expect_err("none");
    assert_eq!(missing.kind(), "not_found");
}

#[tokio::test]
async fn how_a_command_ended_is_unknown_once_its_container_is_gone() {
    let own = Own::started("exec-gone").await;
    let session = own.exec(plain(&["sleep", "1000"])).await;
    own.engine.container_remove(&own.id, true, true).await.expect("it goes");
    collected(session.output).await;
    let error = session.control.wait().await.expect_err("nobody knows");
    assert_eq!(error.kind(), "unavailable");
    assert!(error.message().contains("unknown"));
}
