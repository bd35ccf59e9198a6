//! One agent's life by the command line, on a real engine.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use mngr_docker_tests::{Fault, FaultProxy};
use serde_json::{Value, json};

use crate::person::{IMAGE, Person};

#[test]
fn an_agent_lives_from_create_to_destroy() {
    let person = Person::new();
    assert_eq!(person.json(&["list"]), json!([]));
    let created = person.json(&["create", "a1", "--tag", "team=blue", "--memory", "64m"]);
    assert_eq!(
        (created["name"].as_str(), created["state"].as_str()),
        (Some("a1"), Some("running"))
    );
    assert_eq!(
        (&created["tags"], created["image"].as_str()),
        (&json!({"team": "blue"}), Some(IMAGE))
    );

    let ran = person.run(&["exec", "a1", "--", "sh", "-c", "echo out; echo err >&2; exit 7"]);
    assert_eq!(
        (ran.status, ran.stdout.as_str(), ran.stderr.as_str()),
        (7, "out\n", "err\n")
    );
    assert_eq!(person.json(&["limits", "a1"])["memory_bytes"], json!(64 << 20));

    let snapshot = person.json(&["snapshot", "create", "a1", "--name", "first"]);
    assert_eq!(snapshot["agent_id"], created["id"]);
    assert_eq!(person.json(&["snapshot", "list", "a1"])[0]["id"], snapshot["id"]);

    assert_eq!(person.run(&["stop", "a1"]).stdout, "a1 is stopped\n");
    let stopped = person.json(&["show", "a1"]);
    assert_eq!(
        (stopped["state"].as_str(), stopped["exit_code"].as_i64()),
        (Some("stopped"), Some(143))
    );
    assert_eq!(person.run(&["start", "a1", "--snapshot", "first"]).status, 0);
    assert_eq!(person.run(&["rename", "a1", "b1"]).status, 0);
    assert_eq!(person.run(&["show", "a1"]).status, 3);
    assert_eq!(person.run(&["destroy", "b1", "--snapshots"]).status, 0);
    assert!(person.containers().is_empty());
    assert_eq!(person.json(&["snapshot", "list"]), json!([]));
}

#[test]
fn files_are_copied_in_and_out_as_docker_cp_does() {
    let person = Person::new();
    person.json(&["create", "a1"]);
    std::fs::create_dir(person.home().join("project")).expect("a folder");
    person.write("project/file", "content");
    assert_eq!(person.run(&["cp", "project", "a1:/root"]).status, 0);
    assert_eq!(person.run(&["cp", "a1:/root/project/file", "copy"]).status, 0);
    assert_eq!(
        std::fs::read_to_string(person.home().join("copy")).expect("the copy"),
        "content"
    );
    assert_eq!(person.run(&["cp", "a1:/root/project/.", "out"]).status, 0);
    assert_eq!(
        std::fs::read_to_string(person.home().join("out/file")).expect("the copy"),
        "content"
    );
    let missing = person.run(&["cp", "a1:/no/such", "."]);
    assert_eq!(missing.status, 3);
    assert!(missing.stderr.contains("/no/such"), "{}", missing.stderr);
    let missing = person.run(&["cp", "nothing-here", "a1:/root"]);
    assert!(
        missing.status != 0 && missing.stderr.contains("nothing-here"),
        "{}",
        missing.stderr
    );
}

#[test]
fn stdin_reaches_the_command_and_ends_there() {
    let person = Person::new();
    person.json(&["create", "a1"]);
    let mut child = person
        .command(&["exec", "-i", "a1", "--", "wc", "-c"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    child
        .stdin
        .take()
        .expect("stdin")
        .write_all(&vec![b'x'; 200_000])
        .expect("written");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "200000");
}

#[test]
fn errors_are_text_for_people_and_json_for_programs() {
    let person = Person::new();
    person.json(&["create", "builder"]);
    let ran = person.run(&["show", "bilder"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (3, ""));
    assert!(
        ran.stderr.starts_with("error: ") && ran.stderr.contains("builder"),
        "{}",
        ran.stderr
    );
    let ran = person.run(&["create", "builder", "--json"]);
    assert_eq!(ran.status, 4);
    let value: Value = serde_json::from_str(&ran.stdout).expect("one JSON value");
    assert_eq!(value["error"]["kind"], "already_exists");
    assert_eq!(ran.stderr, "");
    let ran = person.run(&["create", "a/b", "--json"]);
    let value: Value = serde_json::from_str(&ran.stdout).expect("one JSON value");
    assert_eq!((ran.status, value["error"]["field"].as_str()), (2, Some("name")));
    assert_eq!(person.run(&["create", "x", "-s", "--privileged"]).status, 5);
    assert_eq!(person.run(&["no-such-command"]).status, 2);
}

#[test]
fn ctrl_c_in_the_middle_of_a_create_leaves_no_agent() {
    for request in ["POST /containers/create", "POST /containers/*/start"] {
        let person = Person::new();
        let proxy = FaultProxy::before_the_engine(person.home().join("engine.sock"));
        let asked = proxy.once(request, Fault::Tell);
        let host = format!("unix://{}", proxy.socket().display());
        let child = person
            .command(&["create", "a1"])
            .env(
                format!(
                    "MNGR__PROVIDERS__{}__HOST",
                    person.provider.to_uppercase().replace('-', "_")
                ),
                host,
            )
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        asked.blocking_recv().expect("the request");
        let killed = Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status()
            .expect("kill");
        assert!(killed.success());
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(
            output.status.code(),
            Some(130),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(person.containers().is_empty(), "interrupted at {request}");
    }
}

#[test]
fn many_agents_are_stopped_at_once_and_each_is_told() {
    let person = Person::new();
    for name in ["a1", "a2"] {
        person.json(&["create", name]);
    }
    let ran = person.run(&["stop", "a1", "missing", "a2"]);
    assert_eq!(ran.status, 3);
    assert!(
        ran.stdout.contains("a1 is stopped") && ran.stdout.contains("a2 is stopped"),
        "{}",
        ran.stdout
    );
    assert!(ran.stderr.contains("missing"), "{}", ran.stderr);
}

#[test]
fn output_that_nobody_reads_is_no_error() {
    let person = Person::new();
    person.json(&["create", "a1"]);
    let mut child = person
        .command(&["exec", "a1", "--", "sh", "-c", "seq 1 100000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut first = String::new();
    BufReader::new(child.stdout.take().expect("stdout"))
        .read_line(&mut first)
        .expect("a line");
    assert_eq!(first, "1\n");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
