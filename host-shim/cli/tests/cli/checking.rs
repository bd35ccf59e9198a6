//! `check`: each rule broken on a real engine, and each caught; by nothing else than a person could do.

use std::process::{Command, Stdio};

use mngr_docker_tests::{Fault, FaultProxy};
use serde_json::{Value, json};

use crate::person::{IMAGE, Person};

/// The subjects of the rules that are broken, by rule.
fn broken(verdicts: &Value) -> Vec<(String, Vec<String>)> {
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    let all = verdicts.as_array().expect("a list").iter();
    all.filter_map(|verdict| {
        let violations = verdict["violations"].as_array().expect("a list");
        let subjects: Vec<_> = violations.iter().map(|violation| text(&violation["subject"])).collect();
        (!subjects.is_empty()).then(|| (text(&verdict["rule"]), subjects))
    })
    .collect()
}

/// Checks, and returns the rules that are broken. The exit status says the same.
fn check(person: &Person, arguments: &[&str]) -> Vec<(String, Vec<String>)> {
    let ran = person.run(&[&["--json", "check"], arguments].concat());
    let verdicts = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}{}", ran.stdout, ran.stderr));
    let broken = broken(&verdicts);
    assert_eq!(ran.status, i32::from(!broken.is_empty()), "{}", ran.stdout);
    broken
}

fn rules(broken: &[(String, Vec<String>)]) -> Vec<&str> {
    broken.iter().map(|(rule, _)| rule.as_str()).collect()
}

fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().expect("the Docker CLI");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A person whose acknowledgements are written down, with an agent and a snapshot of it that holds a file.
fn with_ledger() -> Person {
    let person = Person::new();
    person.configure(&format!(
        "[providers.{}]\nbackend = \"docker\"\ndefault_image = \"{IMAGE}\"\nledger = \"~/ledger\"\n",
        person.provider
    ));
    person.json(&["create", "a1"]);
    assert_eq!(
        person
            .run(&["exec", "a1", "--", "sh", "-c", "echo kept > /root/file"])
            .status,
        0
    );
    person.json(&["snapshot", "create", "a1", "--name", "one"]);
    person
}

#[test]
fn all_rules_hold_of_a_provider_that_nobody_has_harmed() {
    let person = with_ledger();
    person.run(&["check", "--save-baseline", "before"]);
    person.json(&["pause", "a1"]);
    person.json(&["create", "a2"]);
    person.json(&["destroy", "a2", "-y"]);
    assert_eq!(check(&person, &["--boot"]), []);
    let verdicts = person.json(&["check", "--boot"]);
    let unseen = |verdict: &&Value| verdict["looked_at"].is_null();
    let unseen: Vec<_> = verdicts
        .as_array()
        .expect("a list")
        .iter()
        .filter(unseen)
        .map(|verdict| &verdict["rule"])
        .collect();
    assert_eq!(unseen, ["foreign"]);
}

#[test]
fn a_container_without_all_its_labels_and_a_second_one_of_an_agent_are_found() {
    let person = Person::new();
    let id = person.json(&["create", "a1"])["id"].as_str().expect("an id").to_owned();
    let provider = format!("com.imbue.mngr.provider={}", person.provider);
    let agent = format!("com.imbue.mngr.agent-id={id}");
    let second = docker(&["create", "--label", &provider, "--label", &agent, IMAGE, "true"]);
    assert_eq!(rules(&check(&person, &[])), ["labels", "one-container"]);
    docker(&["rm", &second]);
    assert_eq!(check(&person, &[]), []);
}

#[test]
fn an_agent_and_a_snapshot_that_went_past_us_are_found_lost() {
    let person = with_ledger();
    let snapshot = person.json(&["snapshot", "list"])[0]["image"]
        .as_str()
        .expect("an image")
        .to_owned();
    let agent = person.containers().remove(0);
    docker(&["rm", "-f", &agent]);
    docker(&["rmi", &snapshot]);
    let broken = check(&person, &[]);
    assert_eq!(rules(&broken), ["acknowledged"]);
    assert_eq!(broken[0].1.len(), 2, "{broken:?}");
}

#[test]
fn a_snapshot_that_is_another_image_by_now_is_found() {
    let person = with_ledger();
    let taken = person.json(&["snapshot", "list"])[0].clone();
    let image = taken["image"].as_str().expect("an image");
    let container = docker(&["create", image, "true"]);
    let changed = docker(&["commit", "-c", "ENV changed=1", &container]);
    // It has the labels of the agent that the image was made of.
    docker(&["rm", &container]);
    docker(&["tag", &changed, image]);
    let broken = check(&person, &[]);
    assert_eq!(rules(&broken), ["acknowledged"], "{broken:?}");
}

#[test]
fn a_pause_that_nobody_asked_for_is_found_and_one_that_was_is_not() {
    let person = with_ledger();
    person.json(&["create", "a2"]);
    person.json(&["pause", "a2"]);
    assert_eq!(check(&person, &[]), []);
    let first = docker(&["ps", "-q", "--filter", &format!("name=mngr-{}.a1", person.provider)]);
    docker(&["pause", &first]);
    assert_eq!(rules(&check(&person, &[])), ["paused"]);
}

#[test]
fn a_snapshot_that_does_not_start_or_holds_something_else_is_found() {
    let person = with_ledger();
    let taken = person.json(&["snapshot", "list"])[0].clone();
    let id = taken["id"].as_str().expect("an id");
    let content = |path: &str, sha256: &str| {
        let entry =
            json!({ "provider": person.provider, "what": "content", "snapshot": id, "path": path, "sha256": sha256 });
        let path = person.home().join("ledger");
        let ledger = std::fs::read_to_string(&path).expect("a ledger");
        std::fs::write(path, format!("{ledger}{entry}\n")).expect("written");
    };
    // SHA-256 of `kept` and a line's end.
    let kept = "78051faade059d70866df6a3fb83ef348721fd74a87e93ef95c493f87d0d236b";
    content("/root/file", kept);
    assert_eq!(check(&person, &["--boot"]), []);
    content("/root/file", &kept.replace('7', "8"));
    let broken = check(&person, &["--boot"]);
    assert_eq!(rules(&broken), ["snapshots"]);
}

#[test]
fn what_others_have_is_compared_with_how_it_was() {
    let person = Person::new();
    let names: Vec<_> = ["one", "two"]
        .iter()
        .map(|name| format!("{}-{name}", person.provider))
        .collect();
    for name in &names {
        docker(&["create", "--name", name, IMAGE, "true"]);
    }
    let save = person.run(&["check", "--save-baseline", "before"]);
    assert_eq!(save.status, 0, "{}", save.stderr);
    // Others work on this engine too: only these two are compared.
    let path = person.home().join("before");
    let mut baseline: Value = serde_json::from_slice(&std::fs::read(&path).expect("there")).expect("JSON");
    let things = baseline["things"].as_object_mut().expect("a table");
    things.retain(|_, thing| {
        thing["name"]
            .as_str()
            .is_some_and(|name| name.contains(&person.provider))
    });
    assert_eq!(things.len(), 2);
    std::fs::write(&path, baseline.to_string()).expect("written");
    assert_eq!(check(&person, &["--baseline", "before"]), []);
    docker(&["rm", &names[0]]);
    docker(&["rename", &names[1], &format!("{}-three", person.provider)]);
    let broken = check(&person, &["--baseline", "before"]);
    assert_eq!(rules(&broken), ["foreign"]);
    assert_eq!(broken[0].1.len(), 2, "{broken:?}");
    docker(&["rm", &format!("{}-three", person.provider)]);
}

#[test]
fn what_another_provider_makes_on_the_way_is_not_taken_for_this_ones() {
    let person = Person::new();
    let name = format!("mngr-scratch.agent-{}.source", person.provider);
    let label = "com.imbue.mngr.agent-id=agent-of-another";
    docker(&["create", "--name", &name, "--label", label, IMAGE, "true"]);
    let broken = check(&person, &[]);
    docker(&["rm", &name]);
    assert_eq!(broken, []);
}

#[test]
fn a_call_that_was_killed_is_found_until_it_is_settled() {
    let person = Person::new();
    let proxy = FaultProxy::before_the_engine(person.home().join("engine.sock"));
    person.use_engine(proxy.socket());
    let told = proxy.once("POST /containers/create", Fault::Tell);
    let mut child = person
        .command(&["create", "a1"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    told.blocking_recv().expect("the request");
    child.kill().expect("killed");
    child.wait().expect("it is dead");
    assert!(rules(&check(&person, &[])).contains(&"journal"));
    person.json(&["reconcile"]);
    assert_eq!(check(&person, &[]), []);
}

#[test]
fn a_scratch_container_and_image_that_no_call_needs_are_found() {
    let person = Person::new();
    let agent = person.json(&["create", "a1"])["id"].as_str().expect("an id").to_owned();
    let name = format!("mngr-scratch.{agent}-left");
    let image = format!("mngr-scratch:{agent}-left");
    docker(&["create", "--name", &name, IMAGE, "true"]);
    docker(&["tag", IMAGE, &image]);
    let broken = check(&person, &[]);
    assert_eq!(rules(&broken), ["leftovers"]);
    assert_eq!(broken[0].1.len(), 2, "{broken:?}");
    docker(&["rm", &name]);
    docker(&["rmi", &image]);
    assert_eq!(check(&person, &[]), []);
}
