//! `list --all-providers`: several engines at once, some of which do not answer.

use std::os::unix::net::UnixListener;

use serde_json::Value;

use crate::person::{IMAGE, Person};
use crate::running::Running;

/// Two providers on a real engine, one whose engine is absent, one whose engine hangs, and one that is switched off.
fn several(person: &Person, hung: &str) -> String {
    let second = format!("{}-b", person.provider);
    let first = &person.provider;
    person.configure(&format!(
        r#"
[providers.{first}]
backend = "docker"
default_image = "{IMAGE}"
[providers.{second}]
backend = "docker"
default_image = "{IMAGE}"
[providers.absent]
backend = "docker"
host = "unix:///nowhere/docker.sock"
[providers.hung]
backend = "docker"
host = "unix://{hung}"
engine_timeout_seconds = 1
[providers.off]
backend = "docker"
host = "unix:///nowhere/off.sock"
is_enabled = false
"#
    ));
    second
}

#[test]
fn all_providers_that_answer_are_listed_and_those_that_do_not_are_named() {
    let person = Person::new();
    let socket = person.home().join("hung.sock");
    let _listener = UnixListener::bind(&socket).expect("a socket");
    let second = several(&person, &socket.display().to_string());
    person.json(&["create", "a", "--provider", &person.provider]);
    person.json(&["create", "b", "--provider", &second]);

    let people = person.run(&["list", "--all-providers"]);
    assert_eq!(people.status, 10, "{}", people.stderr);
    let lines: Vec<_> = people.stdout.lines().collect();
    assert!(lines[0].starts_with("PROVIDER"), "{}", people.stdout);
    assert!(lines[1].starts_with(&person.provider) && lines[2].starts_with(&second));
    for named in ["provider absent: ", "/nowhere/docker.sock", "provider hung: "] {
        assert!(people.stderr.contains(named), "{named}: {}", people.stderr);
    }
    assert_eq!(people.stderr.matches("help:").count(), 2, "{}", people.stderr);
    assert!(!people.stderr.contains("off"), "{}", people.stderr);

    let programs = person.run(&["list", "-a", "--json"]);
    assert_eq!(programs.status, 10);
    let list: Value = serde_json::from_str(&programs.stdout).expect("one JSON value");
    let agents: Vec<_> = list.as_array().expect("an array").iter().collect();
    assert_eq!(agents.len(), 2);
    assert!(agents[0]["name"] == "a" && agents[0]["provider"] == person.provider.as_str());
    assert!(agents[1]["name"] == "b" && agents[1]["provider"] == second.as_str());
    let errors: Vec<Value> = programs
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).expect("one JSON value a line"))
        .collect();
    let of = |at: usize| (&errors[at]["error"]["provider"], &errors[at]["error"]["kind"]);
    assert_eq!(of(0), (&"absent".into(), &"unavailable".into()));
    assert_eq!(of(1), (&"hung".into(), &"timeout".into()));

    person.json(&["destroy", "b", "--provider", &second]);
}

#[test]
fn where_none_answers_there_is_no_list_at_all() {
    let person = Person::new();
    person.configure(
        "[providers.one]\nhost = \"unix:///nowhere/1.sock\"\n[providers.two]\nhost = \"unix:///nowhere/2.sock\"\n",
    );
    let people = person.run(&["list", "--all-providers"]);
    assert_eq!((people.status, people.stdout.as_str()), (6, ""));
    let programs = person.run(&["list", "--all-providers", "--json"]);
    let value: Value = serde_json::from_str(&programs.stdout).expect("one JSON value");
    assert_eq!((programs.status, &value["error"]["kind"]), (6, &"unavailable".into()));
    assert_eq!(programs.stderr.lines().count(), 2, "{}", programs.stderr);
}

#[test]
fn no_agents_at_all_is_a_success_and_a_provider_beside_all_is_wrong_usage() {
    let person = Person::new();
    assert_eq!(person.json(&["list", "--all-providers"]), Value::Array(Vec::new()));
    let both = person.run(&["list", "--all-providers", "--provider", "x"]);
    assert_eq!(both.status, 2, "{}", both.stderr);
}

#[test]
fn watching_all_providers_shows_each_change_of_any() {
    let person = Person::new();
    let second = several(&person, "/nowhere/hung.sock");
    person.json(&["create", "a", "--provider", &person.provider]);
    let mut watch = Running::new(&mut person.command(&["list", "-a", "--watch", "--json"]));
    let has = |list: &Value, name: &str| {
        list.as_array()
            .is_some_and(|all| all.iter().any(|each| each["name"] == name))
    };
    watch.until(|list| has(list, "a"));
    person.json(&["create", "b", "--provider", &second]);
    watch.until(|list| has(list, "a") && has(list, "b"));
    person.json(&["destroy", "b", "--provider", &second]);
    watch.until(|list| has(list, "a") && !has(list, "b"));
    let (status, stderr) = watch.interrupt();
    assert_eq!(status, Some(130));
    assert!(stderr.contains("trying again"), "{stderr}");
}
