//! Commands on the machine, and servers that allow less than usual.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use futures::future::join_all;
use mngr_docker_tests::sshd::{GREETING, Sshd, clients};
use mngr_docker_tests::{Kind, run};
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

#[tokio::test]
async fn a_greeting_of_the_shell_there_is_nothing_that_a_command_or_an_engine_has_said() {
    for more in [&[][..], &["AllowStreamLocalForwarding no"], &["MaxSessions 1"]] {
        let sshd = Sshd::start(&[&[GREETING], more].concat());
        let engine = behind(&sshd);
        assert!(list(&engine).await.is_ok(), "{more:?}: {}", sshd.log());
        let output = engine.machine_run(command(&["sh", "-c", "echo out; echo err >&2; exit 3"]));
        let output = output.await.expect("output");
        let printed = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        // What comes after a command cannot be told from what the command says, but for that the shell is gone by then.
        assert_eq!((output.exit_status, &printed[1][..]), (3, "err\n"), "{more:?}");
        assert_eq!(printed[0].lines().next(), Some("out"), "{more:?}");
        let error = engine
            .machine_run(command(&["no-such-program"]))
            .await
            .expect_err("missing");
        assert_eq!(error.kind(), "not_found", "{more:?}");
    }
}

#[test]
fn behind_a_greeting_the_graphics_processors_are_those_that_there_are() {
    run(Kind::Real, async |bed| {
        let tools = tempfile::tempdir().expect("a directory");
        let list = "GPU 0: Tesla T4 (UUID: GPU-0aba6e4a-b5ca-9bf9-1ba7-8d4ed5fbd6c1)";
        let warning = "WARNING: infoROM is corrupted at gpu 0000:65:00.0";
        let script = format!("#!/bin/sh\n[ \"$1\" = -L ] && echo '{list}' && echo '{warning}'\nexit 14\n");
        let program = tools.path().join("nvidia-smi");
        fs::write(&program, script).expect("written");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("set");
        let path = format!("SetEnv PATH={}:/usr/sbin:/usr/bin:/sbin:/bin", tools.path().display());
        let sshd = Sshd::start(&[GREETING, &path]);
        let name = format!("{}-greeted", bed.provider.name());
        let provider = bed.provider_on(Arc::new(behind(&sshd)), &name, |_| {}).await;
        let report = provider.gpus().await.expect("a report");
        let said = format!("{:?}", report.sources);
        assert!(!said.contains("welcome") && !said.contains("login"), "{said}");
        let has = |word: &str| report.notes.iter().any(|note| note.message.contains(word));
        assert!(
            has("exit status 14") && has("infoROM") && !has("welcome"),
            "{:?}",
            report.notes
        );
        let found: Vec<_> = report.gpus.iter().map(|held| &held.device).collect();
        let whole = found
            .iter()
            .find(|gpu| gpu.uuid.as_deref() == Some("GPU-0aba6e4a-b5ca-9bf9-1ba7-8d4ed5fbd6c1"));
        let reason = whole
            .expect("the device")
            .unusable_reason
            .as_deref()
            .unwrap_or_default();
        assert!(!reason.contains("driver"), "{reason}");
        let bad = found
            .iter()
            .find(|gpu| gpu.pci_bus_id.as_deref() == Some("0000:65:00.0"));
        let reason = bad.expect("the bad one").unusable_reason.as_deref().unwrap_or_default();
        assert!(reason.contains("infoROM"), "{reason}");
    });
}

#[tokio::test]
async fn what_a_configuration_says_of_sessions_does_not_break_the_link() {
    let sshd = Sshd::start(&[]);
    for line in [
        "SessionType none",
        "StdinNull yes",
        "ForkAfterAuthentication yes",
        "RequestTTY force",
    ] {
        let file = sshd.file("ssh_config");
        fs::write(&file, format!("Host *\n    {line}\n")).expect("written");
        let mut config = sshd.provider("test");
        config.ssh.config_file = Some(file);
        let engine = super::engine(&config);
        assert!(list(&engine).await.is_ok(), "{line}");
        let output = engine.machine_run(command(&["cat"])).await.expect(line);
        assert_eq!((output.exit_status, output.stdout.len()), (0, 0), "{line}");
    }
}
