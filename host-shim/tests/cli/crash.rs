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
