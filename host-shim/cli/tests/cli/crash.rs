//! `kill -9` in the middle, on a real engine: the next command settles what was left.

use std::process::Stdio;

use mngr_docker_tests::{Fault, FaultProxy};
use serde_json::json;

use crate::person::Person;

/// Asks the engine through a proxy from now on; journals are kept by the engine's address.
fn proxy(person: &Person) -> FaultProxy {
    let proxy = FaultProxy::before_the_engine(person.home().join("engine.sock"));
    person.use_engine(proxy.socket());
    proxy
}

/// Runs a command and kills it as soon as the proxy tells of the request.
fn killed_at(person: &Person, proxy: &FaultProxy, request: &str, fault: Fault, arguments: &[&str]) {
    let told = proxy.once(request, fault);
    let mut child = person
        .command(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    told.blocking_recv().expect("the request");
    child.kill().expect("killed");
    child.wait().expect("it is dead");
}

#[test]
fn a_create_that_is_killed_is_rolled_back_by_reconcile() {
    let person = Person::new();
    let proxy = proxy(&person);
    killed_at(
        &person,
        &proxy,
        "POST /containers/create",
        Fault::Tell,
        &["create", "a1"],
    );
    let actions = person.json(&["reconcile"]);
    assert!(actions.as_array().expect("a list").len() <= 1, "{actions}");
    assert!(person.containers().is_empty());
    assert_eq!(person.json(&["reconcile"]), json!([]));
}

#[test]
fn a_snapshot_that_is_killed_leaves_the_agent_running() {
    let person = Person::new();
    let proxy = proxy(&person);
    person.json(&["create", "a1"]);
    killed_at(
        &person,
        &proxy,
        "POST /commit",
        Fault::Tell,
        &["snapshot", "create", "a1"],
    );
    // The engine goes on with the commit, and this waits for its end.
    person.json(&["reconcile"]);
    assert_eq!(person.json(&["show", "a1"])["state"], "running");
    assert_eq!(person.json(&["reconcile"]), json!([]));
}

/// What `start --snapshot` asks of the engine, in order: the old container is put aside, a new one made and started, and the
/// old one removed.
const RESTORE: [&str; 4] = [
    "POST /containers/*/rename",
    "POST /containers/create",
    "POST /containers/*/start",
    "DELETE /containers/*",
];

fn a_killed_restore_leaves_one_whole_container(fault: Fault) {
    for request in RESTORE {
        let person = Person::new();
        let proxy = proxy(&person);
        let id = person.json(&["create", "a1"])["id"].clone();
        let write = |word: &str| {
            let script = format!("echo {word} > /root/file");
            assert_eq!(person.run(&["exec", "a1", "--", "sh", "-c", &script]).status, 0);
        };
        write("new");
        person.json(&["snapshot", "create", "a1", "--name", "one"]);
        write("old");
        person.json(&["stop", "a1"]);
        killed_at(&person, &proxy, request, fault, &["start", "a1", "--snapshot", "one"]);

        let listed = person.json(&["list"]);
        assert_eq!(listed.as_array().map(Vec::len), Some(1), "{request}: {listed}");
        assert_eq!((&listed[0]["id"], &listed[0]["name"]), (&id, &json!("a1")), "{request}");
        let name = format!("mngr-{}.a1", person.provider);
        assert_eq!(listed[0]["container_name"], json!(name), "{request}");
        assert_eq!(person.containers().len(), 1, "{request}");
        assert_eq!(person.json(&["reconcile"]), json!([]), "{request}");
        assert_eq!(person.run(&["start", "a1"]).status, 0, "{request}");
        let content = person.run(&["exec", "a1", "--", "cat", "/root/file"]).stdout;
        // The new one is kept from the moment on that it runs.
        let runs = request == RESTORE[3] || (request == RESTORE[2] && fault == Fault::HoldReply);
        assert_eq!(content, if runs { "new\n" } else { "old\n" }, "{request}");
    }
}

#[test]
fn a_restore_that_is_killed_before_the_engine_was_asked_leaves_one_whole_container() {
    a_killed_restore_leaves_one_whole_container(Fault::HoldRequest);
}

#[test]
fn a_restore_that_is_killed_before_the_engine_answered_leaves_one_whole_container() {
    a_killed_restore_leaves_one_whole_container(Fault::HoldReply);
}

#[test]
fn a_comparison_that_is_killed_leaves_no_container() {
    let person = Person::new();
    let proxy = proxy(&person);
    person.json(&["create", "a1"]);
    for name in ["one", "two"] {
        person.json(&["snapshot", "create", "a1", "--name", name]);
    }
    let diff = ["snapshot", "diff", "one", "two"];
    for request in ["POST /containers/create", "GET /containers/*/export"] {
        killed_at(&person, &proxy, request, Fault::HoldReply, &diff);
        assert!(person.containers_of_snapshots() > 0, "{request}");
        assert_eq!(person.json(&["list"]).as_array().map(Vec::len), Some(1));
        assert_eq!(person.containers_of_snapshots(), 0, "{request}");
    }
    assert_eq!(person.run(&diff).status, 0);
}

#[test]
fn a_snapshot_that_is_killed_over_a_volume_leaves_no_image_and_the_agent_running() {
    let person = Person::new();
    let proxy = proxy(&person);
    person.json(&["create", "a1", "-s", "--volume=/data"]);
    let arguments = ["snapshot", "create", "a1", "--pause", "--include-volumes"];
    killed_at(&person, &proxy, "POST /images/create", Fault::Tell, &arguments);
    // The engine may be done with the image before it sees that nobody waits for it.
    person.json(&["reconcile"]);
    assert_eq!(person.json(&["show", "a1"])["state"], "running");
    assert_eq!(person.json(&["snapshot", "list"]), json!([]));
    let taken = person.json(&["snapshot", "create", "a1", "--pause", "--include-volumes"]);
    assert_eq!(taken["volumes"][0]["path"], "/data");
}

#[test]
fn a_create_that_is_killed_while_its_volume_is_filled_leaves_neither() {
    let person = Person::new();
    let proxy = proxy(&person);
    person.json(&["create", "a1", "-s", "--volume=/data"]);
    person.json(&["snapshot", "create", "a1", "--include-volumes", "--name", "first"]);
    let arguments = ["create", "a2", "--snapshot", "first"];
    killed_at(&person, &proxy, "POST /containers/create", Fault::Tell, &arguments);
    person.json(&["reconcile"]);
    assert_eq!(person.json(&["reconcile"]), json!([]));
    assert_eq!(person.containers().len(), 1);
    assert_eq!(person.volumes(), [""; 0]);
    assert_eq!(person.json(&arguments)["name"], "a2");
    assert_eq!(person.volumes().len(), 1);
}
