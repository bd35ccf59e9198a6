use mngr_host_shim::contract::docker::{ExecOptions, TerminalSize};
use mngr_host_shim::engine::Engine;
use tokio::io::AsyncWriteExt;

use super::fixture::{engine, exec, exec_options, finish, kind, run, sh, sleeper, words};

#[tokio::test]
async fn scripts_run_as_a_shell_runs_them() {
    let engine = engine();
    let id = run(&engine, sleeper("a1")).await;
    let cases = [
        ("echo hello world", "hello world\n"),
        ("echo 'a  b' \"c $HOME\" d\\ e", "a  b c /root d e\n"),
        ("x=1; y=$x$x; echo ${y}2 ${z:-none} \"$x\"", "112 none 1\n"),
        ("echo $(echo in; echo ner) `echo back`", "in ner back\n"),
        ("false || echo or; true && echo and; false && echo no", "or\nand\n"),
        ("false; echo $?; ! false; echo $?", "1\n0\n"),
        ("printf '%s-%03d\\n' a 7 b 8", "a-007\nb-008\n"),
        ("printf 'b\\na\\nc\\n' | sort | head -n 2", "a\nb\n"),
        ("printf abc | wc -c; printf 'x\\ny\\n' | wc -l", "3\n2\n"),
        (
            "mkdir -p /w/x && cd /w && pwd && touch a.txt b.txt && echo *.txt && ls",
            "/w\na.txt b.txt\na.txt\nb.txt\nx\n",
        ),
        ("echo one > /f; echo two >> /f; cat < /f; wc -c /f", "one\ntwo\n8 /f\n"),
        (
            "if [ -d /tmp ] && [ ! -e /no ]; then echo yes; else echo no; fi",
            "yes\n",
        ),
        (
            "for i in 1 2 3; do if [ $i = 2 ]; then continue; fi; echo $i; done",
            "1\n3\n",
        ),
        ("seq 2 | while read n; do echo n=$n; done", "n=1\nn=2\n"),
        ("(cd /tmp; pwd; exit 4); echo $? $PWD; pwd", "/tmp\n4\n/\n"),
        ("{ echo a; echo b; } | cat", "a\nb\n"),
        ("B=2 printenv B; echo \"[$B]\"", "2\n[]\n"),
        ("export C=3; sh -c 'echo $C $0 $1' name arg", "3 name arg\n"),
        ("echo err >&2; echo all 2>&1 1>/dev/null", ""),
        ("whoami; id -u; uname", "root\n0\nLinux\n"),
        ("sleep 0 & wait; echo done # comment", "done\n"),
        ("set -e; false || true; echo on; false; echo off", "on\n"),
        (
            "printf '#!/bin/sh\\necho script $1\\n' > /s; chmod +x /s; /s x",
            "script x\n",
        ),
    ];
    for (script, expected) in cases {
        let finished = sh(&engine, &id, script).await;
        assert_eq!(finished.stdout, expected, "{script}: {}", finished.stderr);
    }
}

#[tokio::test]
async fn stdout_stderr_and_status_come_apart() {
    let engine = engine();
    let id = run(&engine, sleeper("a1")).await;
    let finished = sh(&engine, &id, "echo out; echo err >&2; exit 7").await;
    assert_eq!(
        (finished.stdout.as_str(), finished.stderr.as_str(), finished.code),
        ("out\n", "err\n", 7)
    );
    let finished = sh(&engine, &id, "cat /nope").await;
    assert_eq!(finished.stderr, "cat: can't open '/nope': No such file or directory\n");
    assert_eq!(finished.code, 1);
}

#[tokio::test]
async fn a_missing_command_is_127_and_one_that_can_not_run_126() {
    let engine = engine();
    let id = run(&engine, sleeper("a1")).await;
    let finished = exec(&engine, &id, &["nosuch"]).await;
    assert_eq!(finished.code, 127);
    assert!(
        finished
            .stdout
            .contains("\"nosuch\": executable file not found in $PATH: unknown")
    );
    assert_eq!(exec(&engine, &id, &["/etc/passwd"]).await.code, 126);
    let finished = sh(&engine, &id, "nosuch").await;
    assert_eq!(
        (finished.code, finished.stderr.as_str()),
        (127, "sh: nosuch: not found\n")
    );
    assert_eq!(kind(engine.exec(&id, exec_options(&[])).await), "invalid_argument");
}

#[tokio::test]
async fn stdin_goes_through_to_its_end() {
    let engine = engine();
    let id = run(&engine, sleeper("a1")).await;
    let mut session = engine
        .exec(
            &id,
            ExecOptions {
                stdin: true,
                ..exec_options(&["cat"])
            },
        )
        .await
        .unwrap();
    let mut stdin = session.stdin.take().expect("stdin was asked for");
    let writer = tokio::spawn(async move {
        for _ in 0..100 {
            stdin.write_all(&[b'x'; 4096]).await.unwrap();
        }
    });
    let finished = finish(session).await;
    writer.await.unwrap();
    assert_eq!((finished.stdout.len(), finished.code), (409_600, 0));
}

#[tokio::test]
async fn a_terminal_has_one_output_and_a_size() {
    let engine = engine();
    let id = run(&engine, sleeper("a1")).await;
    let terminal = Some(TerminalSize { columns: 80, rows: 24 });
    let options = ExecOptions {
        terminal,
        ..exec_options(&["sh", "-c", "echo a; echo b >&2; stty size"])
    };
    let finished = finish(engine.exec(&id, options).await.unwrap()).await;
    assert_eq!(finished.stdout, "a\r\nb\r\n24 80\r\n");
    assert!(finished.stderr.is_empty());
}

#[tokio::test]
async fn environment_directory_and_user_are_as_asked() {
    let engine = engine();
    let mut with_env = sleeper("a1");
    with_env.env = words(&["A=container", "B=container"]);
    with_env.working_dir = Some("/srv".to_owned());
    let id = run(&engine, with_env).await;
    let options = ExecOptions {
        env: words(&["B=exec"]),
        user: Some("1000".to_owned()),
        ..exec_options(&["sh", "-c", "echo $A $B $PWD; pwd; id -u; hostname"])
    };
    let finished = finish(engine.exec(&id, options).await.unwrap()).await;
    assert_eq!(finished.stdout, format!("container exec\n/srv\n1000\n{}\n", &id[..12]));
    let nowhere = ExecOptions {
        working_dir: Some("/nowhere".to_owned()),
        ..exec_options(&["pwd"])
    };
    assert_eq!(finish(engine.exec(&id, nowhere).await.unwrap()).await.code, 126);
}

#[tokio::test]
async fn an_exec_ends_with_its_container() {
    let engine = engine();
    let id = run(&engine, sleeper("a1")).await;
    let session = engine.exec(&id, exec_options(&["sleep", "infinity"])).await.unwrap();
    engine.container_stop(&id, None).await.unwrap();
    assert_eq!(finish(session).await.code, 137);
}
