//! `kill -9` in the middle, on a real engine: the next command settles what was left.

use std::process::Stdio;

use serde_json::json;

use crate::life::watched_engine;
use crate::person::Person;

/// Runs a command against a watched engine and kills it as soon as a request begins with `marker`.
fn killed_at(person: &Person, marker: &'static str, arguments: &[&str]) {
    let socket = person.home().join("engine.sock");
    let seen = watched_engine(&socket, marker);
    // Journals are kept by the engine's address, so later commands must use the same one.
    person.use_engine(&socket);
    let mut child = person
        .command(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    seen.recv().expect("the request");
    child.kill().expect("killed");
    child.wait().expect("it is dead");
}

#[test]
fn a_create_that_is_killed_is_rolled_back_by_reconcile() {
    let person = Person::new();
    killed_at(&person, "POST /containers/", &["create", "a1"]);
    let actions = person.json(&["reconcile"]);
    assert!(actions.as_array().expect("a list").len() <= 1, "{actions}");
    assert!(person.containers().is_empty());
    assert_eq!(person.json(&["reconcile"]), json!([]));
}

#[test]
fn a_snapshot_that_is_killed_leaves_the_agent_running() {
    let person = Person::new();
    person.json(&["create", "a1"]);
    killed_at(&person, "POST /commit", &["snapshot", "create", "a1"]);
    // The engine goes on with the commit; once it is done, nothing is left.
    while person.json(&["show", "a1"])["state"] == "paused" {
        person.json(&["reconcile"]);
    }
    assert_eq!(person.json(&["show", "a1"])["state"], "running");
    assert_eq!(person.json(&["reconcile"]), json!([]));
}

#[test]
fn a_snapshot_that_is_killed_over_a_volume_leaves_no_image_and_the_agent_running() {
    let person = Person::new();
    person.json(&["create", "a1", "-s", "--volume=/data"]);
    let arguments = ["snapshot", "create", "a1", "--pause", "--include-volumes"];
    killed_at(&person, "POST /images/create", &arguments);
    // The engine may be done with the image before it sees that nobody waits for it.
    while person.json(&["show", "a1"])["state"] == "paused" {
        person.json(&["reconcile"]);
    }
    assert_eq!(person.json(&["show", "a1"])["state"], "running");
    assert_eq!(person.json(&["snapshot", "list"]), json!([]));
    let taken = person.json(&["snapshot", "create", "a1", "--pause", "--include-volumes"]);
    assert_eq!(taken["volumes"][0]["path"], "/data");
}

#[test]
fn a_create_that_is_killed_while_its_volume_is_filled_leaves_neither() {
    let person = Person::new();
    person.json(&["create", "a1", "-s", "--volume=/data"]);
    person.json(&["snapshot", "create", "a1", "--include-volumes", "--name", "first"]);
    let arguments = ["create", "a2", "--snapshot", "first"];
    killed_at(&person, "POST /containers/create?name=mngr-scratch", &arguments);
    person.json(&["reconcile"]);
    assert_eq!(person.json(&["reconcile"]), json!([]));
    assert_eq!(person.containers().len(), 1);
    assert_eq!(person.volumes(), [""; 0]);
    assert_eq!(person.json(&arguments)["name"], "a2");
    assert_eq!(person.volumes().len(), 1);
}
