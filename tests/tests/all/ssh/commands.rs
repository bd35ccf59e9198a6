//! Commands on the machine, and servers that allow less than usual.

use futures::future::join_all;
use mngr_docker_tests::sshd::{Sshd, clients};
use mngr_host_shim::engine::Engine;

use super::{behind, command, list};

#[tokio::test]
async fn a_command_runs_on_the_machine_and_its_words_are_not_a_shells() {
    let sshd = Sshd::start(&[]);
    let engine = behind(&sshd);
    let output = engine
        .machine_run(command(&["echo", "$HOME;id", "it's"]))
        .await
        .expect("output");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "$HOME;id it's\n");
    let mut fed = command(&["sh", "-c", "cat; echo error >&2; exit 3"]);
    fed.stdin = b"fed".to_vec();
    let output = engine.machine_run(fed).await.expect("output");
    assert_eq!(
        (output.exit_status, &output.stdout[..], &output.stderr[..]),
        (3, &b"fed"[..], &b"error\n"[..])
    );
    assert_eq!(sshd.log().matches("Accepted publickey").count(), 1, "{}", sshd.log());
}

#[tokio::test]
async fn a_command_has_a_deadline_a_limit_and_a_name() {
    let sshd = Sshd::start(&[]);
    let engine = behind(&sshd);
    let mut long = command(&["seq", "100000"]);
    long.max_output_bytes = 10;
    let output = engine.machine_run(long).await.expect("output");
    assert!(output.truncated && output.stdout.len() == 10);
    let mut endless = command(&["cat", "/dev/zero"]);
    endless.timeout_ms = 300;
    assert_eq!(engine.machine_run(endless).await.expect_err("late").kind(), "timeout");
    let error = engine
        .machine_run(command(&["no-such-program"]))
        .await
        .expect_err("missing");
    assert!(error.kind() == "not_found" && error.message().contains("no-such-program"));
    let error = engine.machine_run(command(&["-x"])).await.expect_err("no program");
    assert_eq!(error.kind(), "invalid_argument");
}

#[tokio::test]
async fn where_sockets_are_not_forwarded_the_engines_own_command_takes_their_place() {
    let sshd = Sshd::start(&["AllowStreamLocalForwarding no"]);
    let engine = behind(&sshd);
    let answers = join_all((0..50).map(|_| list(&engine))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let output = engine.machine_run(command(&["echo", "here"])).await.expect("output");
    assert_eq!(output.stdout, b"here\n");
    assert_eq!(clients(sshd.port()).len(), 1);
    assert_eq!(sshd.log().matches("Accepted publickey").count(), 1, "{}", sshd.log());
}

#[tokio::test]
async fn a_server_that_allows_few_sessions_is_not_asked_for_more() {
    let sshd = Sshd::start(&["AllowStreamLocalForwarding no", "MaxSessions 3"]);
    let engine = behind(&sshd);
    let answers = join_all((0..20).map(|_| list(&engine))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

#[tokio::test]
async fn a_server_that_allows_one_session_gives_streams_and_commands_all_the_same() {
    let sshd = Sshd::start(&["MaxSessions 1"]);
    let engine = behind(&sshd);
    let answers = join_all((0..20).map(|_| list(&engine))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let output = engine.machine_run(command(&["echo", "here"])).await.expect("output");
    assert_eq!(output.stdout, b"here\n");
}

#[tokio::test]
async fn a_server_that_allows_neither_sockets_nor_sessions_is_out_of_reach_and_says_why() {
    let sshd = Sshd::start(&["AllowStreamLocalForwarding no", "MaxSessions 1"]);
    let error = super::refusal(&behind(&sshd)).await;
    assert_eq!(error.kind(), "unavailable");
    assert!(error.remedy().contains("MaxSessions"), "{}", error.remedy());
}
