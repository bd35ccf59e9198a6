//! Plugins that are dynamic libraries: never taken unasked, and told apart.

use mngr_docker_tests::library;
use serde_json::Value;

use crate::person::Person;

fn with_library() -> Person {
    let person = Person::new();
    person.write("plugin.so", std::fs::read(library()).expect("a library"));
    person
}

#[test]
fn a_library_that_is_not_allowed_is_refused_at_the_line_that_names_it_and_taken_once_it_is() {
    let person = with_library();
    let path = person.home().join("plugin.so");
    // Of a name of its own: another test may have agents of `docker` on the same engine.
    let name = &person.provider;
    let configuration = format!(
        "[providers.{name}]\nbackend = \"docker\"\nplugin = \"{}\"\n",
        path.display()
    );
    person.configure(&configuration);
    let refused = person.run(&["list"]);
    assert_eq!((refused.status, refused.stdout.as_str()), (2, ""));
    for expected in ["settings.toml:3:", "allow_native", "outside the sandbox", "this plugin"] {
        assert!(refused.stderr.contains(expected), "{expected}: {}", refused.stderr);
    }
    let ran = person.run(&["--json", "list"]);
    let error: Value = serde_json::from_str(&ran.stdout).expect("one JSON value");
    assert_eq!(error["error"]["field"], format!("providers.{name}.allow_native"));

    person.configure(&format!("{configuration}allow_native = true\npolicy = \"standard\"\n"));
    let taken = person.run(&["--json", "list"]);
    assert_eq!((taken.status, taken.stdout.trim()), (0, "[]"), "{}", taken.stderr);
}

#[test]
fn the_conformance_suite_takes_a_library_where_the_flag_says_so() {
    let person = with_library();
    let rules = [
        "--rule",
        "create.*",
        "--rule",
        "discover.*",
        "--rule",
        "copy.*",
        "--rule",
        "cancel.*",
    ];
    let test = |flags: &[&str]| person.run(&[&["plugin", "test", "plugin.so"], &rules[..], flags].concat());
    let refused = test(&[]);
    assert_eq!(refused.status, 2);
    assert!(refused.stderr.contains("--allow-native"), "{}", refused.stderr);
    let tested = test(&["--allow-native"]);
    assert_eq!(tested.status, 0, "{}{}", tested.stdout, tested.stderr);
    assert!(
        tested.stdout.contains(" passed") && !tested.stdout.contains("failed"),
        "{}",
        tested.stdout
    );
}

#[test]
fn an_installed_library_is_listed_with_its_form() {
    let person = with_library();
    let install = ["plugin", "install", "mine", "--from", "plugin.so"];
    let refused = person.run(&install);
    assert_eq!(refused.status, 5, "{}", refused.stderr);
    assert!(refused.stderr.contains("plugin.native"), "{}", refused.stderr);
    let installed = person.run(&[&install[..], &["--allow-native"]].concat());
    assert_eq!(installed.status, 0, "{}", installed.stderr);
    assert!(
        installed.stdout.contains("native, outside the sandbox"),
        "{}",
        installed.stdout
    );
    let listed = person.run(&["plugin", "list"]).stdout;
    assert!(listed.contains("FORM") && listed.contains("native"), "{listed}");
    let listed = person.json(&["plugin", "list"]);
    assert_eq!(listed[0]["form"], "native");
    assert!(
        listed[0]["target"]
            .as_str()
            .is_some_and(|target| target.contains("linux")),
        "{listed}"
    );
    let verified = person.run(&["plugin", "verify", "--allow-native"]);
    assert_eq!(verified.status, 0, "{}", verified.stderr);
}
