//! Writing a plugin and testing it.

use std::path::Path;

use mngr_docker_tests::component_of;
use mngr_host_shim::contract;
use serde_json::Value;

use crate::person::Person;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn with_plugin(package: &str) -> Person {
    let person = Person::new();
    person.write("plugin.wasm", component_of(package));
    person
}

/// What was printed, without what differs from build to build and from version to version.
fn shown(text: &str) -> String {
    let text = text
        .replace(&format!("contract {},", contract::VERSION), "contract CONTRACT,")
        .replace(concat!(" ", env!("CARGO_PKG_VERSION"), ","), " VERSION,");
    let words = text.split_inclusive([' ', ',', '\n']);
    let hidden = words.map(|word| {
        let bare = word.trim_end_matches([' ', ',', '\n']);
        let is_digest = bare.len() == 12 && bare.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_digest {
            word.replace(bare, "DIGEST")
        } else {
            word.to_owned()
        }
    });
    hidden.collect()
}

#[test]
fn a_report_is_told_group_by_group_with_what_was_skipped_and_why() {
    let person = with_plugin("mngr-null-provider");
    let ran = person.run(&[
        "plugin",
        "test",
        "plugin.wasm",
        "--rule",
        "get.by-*",
        "--rule",
        "errors.*",
        "--rule",
        "describe.v*",
    ]);
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    insta::assert_snapshot!(shown(&ran.stdout), @r"
    null VERSION, contract CONTRACT, sha256 DIGEST, on sandbox

    describe  1 passed
      ✓ describe.version-is-semver

    get  2 skipped
      - get.by-name-and-by-id: the provider has no capability `instance.create`
      - get.by-unique-prefix: the provider has no capability `instance.create`

    errors  3 passed
      ✓ errors.not-found-everywhere
      ✓ errors.name-their-subject
      ✓ errors.have-a-remedy

    6 rules: 4 passed, 2 skipped
    ");
}

#[test]
fn a_rule_that_is_broken_is_told_with_the_reason_and_its_place_and_is_the_status() {
    let person = with_plugin("mngr-wrong-plugin");
    let arguments = [
        "plugin",
        "test",
        "plugin.wasm",
        "--set",
        "fault=pause.of-stopped-is-conflict",
        "--rule",
        "pause.*",
    ];
    let ran = person.run(&arguments);
    assert_eq!(ran.status, 1);
    insta::assert_snapshot!(shown(&ran.stdout), @r"
    docker VERSION, contract CONTRACT, sha256 DIGEST, on sandbox

    pause  2 passed, 1 failed
      ✓ pause.freezes
      ✓ pause.of-paused-succeeds
      ✗ pause.of-stopped-is-conflict
          To pause an agent that is stopped is a `conflict`
          to pause an agent that is stopped is to be `conflict`, and succeeds
          wit/instance.wit, instance.pause

    3 rules: 2 passed, 1 failed
    ");
}

#[test]
fn programs_get_one_json_value_and_tools_for_integration_get_xml_in_a_file() {
    let person = with_plugin("mngr-wrong-plugin");
    let test = [
        "plugin",
        "test",
        "plugin.wasm",
        "--set",
        "fault=pause.freezes",
        "--rule",
        "pause.*",
        "--rule",
        "get.*",
    ];
    let ran = person.run(&[&test[..], &["--json"]].concat());
    assert_eq!(ran.status, 1);
    let value: Value = serde_json::from_str(&ran.stdout).expect("one JSON value");
    assert_eq!(
        (&value["plugin"]["name"], &value["failed"]),
        (&Value::from("docker"), &Value::from(1))
    );
    let rules = value["rules"].as_array().expect("rules");
    let broken = rules.iter().find(|rule| rule["verdict"] == "failed").expect("one");
    assert_eq!(
        (&broken["id"], &broken["source"]),
        (&Value::from("pause.freezes"), &Value::from("instance.pause"))
    );
    assert!(
        broken["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("Paused")),
        "{broken}"
    );

    let ran = person.run(&[&test[..], &["--format", "junit", "--output", "report.xml"]].concat());
    assert_eq!((ran.status, ran.stdout.as_str()), (1, ""));
    let xml = std::fs::read_to_string(person.home().join("report.xml")).expect("a report");
    let document = roxmltree::Document::parse(&xml).expect("XML");
    let suites = document.root_element();
    let attribute = |name: &str| suites.attribute(name);
    assert_eq!(
        (attribute("tests"), attribute("failures")),
        (Some(rules.len().to_string().as_str()), Some("1"))
    );
    let failure = suites
        .descendants()
        .find(|node| node.has_tag_name("failure"))
        .expect("a failure");
    assert_eq!(
        failure.parent().and_then(|case| case.attribute("name")),
        Some("pause.freezes")
    );
}

#[test]
fn what_can_not_be_tested_is_told_with_the_way_out() {
    let person = with_plugin("mngr-null-provider");
    person.write("text.wasm", "hello");
    let none = person.run(&["plugin", "test", "text.wasm"]);
    assert_eq!(none.status, 2, "{}", none.stderr);
    let rule = person.run(&["plugin", "test", "plugin.wasm", "--rule", "create.all-or-noting"]);
    assert_eq!(rule.status, 2);
    assert!(
        rule.stderr.contains("did you mean `create.all-or-nothing`?"),
        "{}",
        rule.stderr
    );
    let nothing = person.run(&["plugin", "test"]);
    assert_eq!(nothing.status, 2);
    let list = person.run(&["plugin", "test", "--list", "--json"]);
    let rules: Value = serde_json::from_str(&list.stdout).expect("one JSON value");
    assert!(rules.as_array().is_some_and(|rules| rules.len() > 200));
}

#[test]
fn a_new_package_is_the_template_with_the_contract_and_its_own_name() {
    let person = Person::new();
    let ran = person.run(&["plugin", "new", "my-provider"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    // As it was built and tested.
    let built = Path::new(ROOT).join("target/template/my-provider");
    let mut files = 0;
    let mut folders = vec![built.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("run `cargo xtask component` first") {
            let path = entry.expect("an entry").path();
            let relative = path.strip_prefix(&built).expect("below it").to_owned();
            match path.is_dir() {
                true => folders.push(path),
                false if relative == Path::new("Cargo.lock") => {}
                false => {
                    let written = std::fs::read(person.home().join("my-provider").join(&relative));
                    assert_eq!(written.ok(), std::fs::read(&path).ok(), "{}", relative.display());
                    files += 1;
                }
            }
        }
    }
    assert!(files > 15, "{files} files");
    let again = person.run(&["plugin", "new", "my-provider"]);
    assert_eq!(again.status, 2);
    assert!(again.stderr.contains("--path DIR"), "{}", again.stderr);
    let other = person.run(&["plugin", "new", "other", "--path", "there"]);
    assert_eq!(other.status, 0, "{}", other.stderr);
    let manifest = std::fs::read_to_string(person.home().join("there/Cargo.toml")).expect("a manifest");
    assert!(
        manifest.contains("name = \"other\"") && !manifest.contains("my-provider"),
        "{manifest}"
    );
    assert_eq!(person.run(&["plugin", "new", "7up"]).status, 2);
}

#[test]
fn what_cargo_has_made_of_a_package_becomes_a_component() {
    let person = Person::new();
    let module = Path::new(ROOT).join("target/wasm32-unknown-unknown/component/my_provider.wasm");
    person.write(
        "module.wasm",
        std::fs::read(module).expect("run `cargo xtask component` first"),
    );
    let ran = person.run(&["plugin", "component", "module.wasm", "--output", "plugin.wasm"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let component = std::fs::read(person.home().join("plugin.wasm")).expect("a component");
    assert!(component == component_of("my-provider"), "it is not what was tested");
    person.write("text.wasm", "hello");
    let none = person.run(&["plugin", "component", "text.wasm", "-o", "out.wasm"]);
    assert_eq!(none.status, 2);
    assert!(none.stderr.contains("wasm32-unknown-unknown"), "{}", none.stderr);
}
