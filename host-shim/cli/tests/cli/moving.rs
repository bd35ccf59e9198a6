//! `snapshot push`, `snapshot pull` and `migrate` by the command line, on a real engine and a real registry.

use std::os::unix::fs::PermissionsExt;

use mngr_docker_tests::Registry;
use serde_json::Value;

use crate::person::{IMAGE, Person};

fn two_providers(person: &Person) -> String {
    let (first, second) = (&person.provider, format!("{}-b", person.provider));
    person.configure(&format!(
        "[providers.{first}]\nbackend = \"docker\"\ndefault_image = \"{IMAGE}\"\nsecret_env = [\"*_TOKEN\"]\n\
         [providers.{second}]\nbackend = \"docker\"\ndefault_image = \"{IMAGE}\"\n"
    ));
    second
}

/// What the second provider made goes too.
fn clean(person: &Person, provider: &str) {
    for agent in person
        .json(&["list", "--provider", provider])
        .as_array()
        .expect("a list")
    {
        person.json(&[
            "destroy",
            agent["id"].as_str().expect("an id"),
            "--snapshots",
            "--provider",
            provider,
        ]);
    }
    person.json(&["gc", "--snapshots", "-y", "--provider", provider]);
}

#[test]
fn a_snapshot_is_pushed_with_a_login_and_pulled_by_what_the_push_printed() {
    let person = Person::new();
    let registry = Registry::with_users();
    person.json(&["create", "a", "-s", "--env=GREETING=hello"]);
    person.json(&["snapshot", "create", "a", "--name", "kept"]);
    let reference = format!("{}/agents", registry.address());

    let blocked = person.run(&["snapshot", "push", "kept", &reference]);
    assert_eq!(blocked.status, 9);
    assert!(
        blocked.stderr.contains("GREETING") && blocked.stderr.contains("--include-env"),
        "{}",
        blocked.stderr
    );
    let refused = person.run(&["snapshot", "push", "kept", &reference, "--include-env"]);
    assert_eq!(refused.status, 5);
    assert!(
        refused.stderr.contains(&format!("docker login {}", registry.address())),
        "{}",
        refused.stderr
    );

    std::fs::create_dir_all(person.home().join(".docker")).expect("a folder");
    let config = serde_json::json!({ "auths": { registry.address(): { "auth": Registry::AUTH } } });
    person.write(".docker/config.json", config.to_string());
    let pushed = person.run(&["snapshot", "push", "kept", &reference, "--include-env"]);
    assert_eq!(pushed.status, 0, "{}", pushed.stderr);
    let printed = pushed.stdout.trim().rsplit(' ').next().expect("a reference").to_owned();
    assert!(
        printed.starts_with(&reference) && printed.contains("@sha256:"),
        "{printed}"
    );
    person.json(&["snapshot", "delete", "kept"]);
    let pulled = person.json(&["snapshot", "pull", &printed]);
    assert_eq!(pulled["name"], "kept");
    let again = person.json(&["snapshot", "push", "kept", &reference, "--include-env"]);
    assert!(
        again["digest"]
            .as_str()
            .is_some_and(|digest| digest.starts_with("sha256:"))
    );
}

#[test]
fn a_credential_helper_is_asked_for_its_registry() {
    let person = Person::new();
    let registry = Registry::with_users();
    person.json(&["create", "a"]);
    person.json(&["snapshot", "create", "a", "--name", "kept"]);
    std::fs::create_dir_all(person.home().join(".docker")).expect("a folder");
    let config = serde_json::json!({ "credHelpers": { registry.address(): "of-this-test" } });
    person.write(".docker/config.json", config.to_string());
    let helper = format!(
        "#!/bin/sh\n[ \"$1 $(cat)\" = \"get {}\" ] && echo '{{\"Username\":\"me\",\"Secret\":\"{}\"}}'\n",
        registry.address(),
        Registry::PASSWORD
    );
    let path = person.home().join("docker-credential-of-this-test");
    person.write("docker-credential-of-this-test", helper);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).expect("an executable");
    let search = format!("{}:{}", person.home().display(), std::env::var("PATH").expect("a PATH"));
    let reference = format!("{}/agents:1", registry.address());
    let mut push = person.command(&["snapshot", "push", "kept", &reference]);
    let without = push.output().expect("it runs");
    assert_eq!(
        without.status.code(),
        Some(5),
        "a helper that is not there is no credential"
    );
    let with = push.env("PATH", search).output().expect("it runs");
    assert_eq!(with.status.code(), Some(0), "{}", String::from_utf8_lossy(&with.stderr));
    assert!(!String::from_utf8_lossy(&without.stderr).contains(Registry::PASSWORD));
}

#[test]
fn an_agent_is_copied_and_moved_to_another_provider() {
    let person = Person::new();
    let second = two_providers(&person);
    let first = person.provider.clone();
    let on = |provider: &str, words: &[&str]| person.json(&[words, &["--provider", provider]].concat());
    let original = on(&first, &["create", "a", "-s", "--env=API_TOKEN=hunter2"]);

    let copied = person.run(&["migrate", "a", "--to", &second, "--name", "copy", "--provider", &first]);
    assert_eq!(copied.status, 0, "{}", copied.stderr);
    assert!(
        copied
            .stdout
            .starts_with(&format!("copy is running on {second} (agent-")),
        "{}",
        copied.stdout
    );
    assert!(
        copied.stderr.contains("API_TOKEN") && !copied.stderr.contains("hunter2"),
        "{}",
        copied.stderr
    );
    assert_eq!(on(&second, &["show", "copy"])["parent_id"], original["id"]);

    let moved = on(&first, &["migrate", "a", "--to", &second, "--destroy-original"]);
    assert_eq!(
        (&moved["agent"]["id"], &moved["original_destroyed"]),
        (&original["id"], &Value::Bool(true))
    );
    assert_eq!(on(&first, &["list"]), Value::Array(Vec::new()));
    let both = person.json(&["list", "--all-providers"]);
    let names: Vec<_> = both
        .as_array()
        .expect("a list")
        .iter()
        .map(|agent| agent["name"].clone())
        .collect();
    assert_eq!(names, ["a", "copy"]);

    let unknown = person.run(&["migrate", "a", "--to", "nowhere", "--provider", &second]);
    assert_eq!(unknown.status, 3, "{}", unknown.stderr);
    clean(&person, &second);
}
