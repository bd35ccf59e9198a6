//! Plugins that are installed: what a person sees of them, and that they are what runs.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Stdio;

use mngr_docker_tests::{component, component_of_version, with_note};
use mngr_host_shim::contract;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::person::{Person, Ran};

/// A directory to install from in the person's home, with these versions of `mngr-docker`.
fn publish(person: &Person, versions: &[&str]) {
    std::fs::create_dir_all(person.home().join("plugins/mngr-docker")).expect("a folder");
    for version in versions {
        publish_bytes(person, version, &component_of_version(version));
    }
}

fn publish_bytes(person: &Person, version: &str, bytes: &[u8]) {
    let digest = hex::encode(Sha256::digest(bytes));
    let file = format!("plugins/mngr-docker/{version}.wasm");
    person.write(&file, bytes);
    person.write(&format!("{file}.sha256"), format!("{digest}  {version}.wasm\n"));
}

/// What was printed, with what differs from run to run left out.
fn shown(person: &Person, arguments: &[&str]) -> String {
    let ran = person.run(arguments);
    let mut text = format!("$ mngr-docker {}\n{}{}", arguments.join(" "), ran.stdout, ran.stderr);
    if ran.status != 0 {
        text += &format!("[{}]\n", ran.status);
    }
    text = text.replace(&person.home().display().to_string(), "~");
    let own = format!("built in: {}", env!("CARGO_PKG_VERSION"));
    text = text.replace(&own, "built in: VERSION");
    // Columns are as wide as what is left out.
    while text.contains("    ") {
        text = text.replace("    ", "   ");
    }
    for before in ["contract ", "component   "] {
        text = text.replace(&format!("{before}{}", contract::VERSION), &format!("{before}CONTRACT"));
    }
    let words = text.split_inclusive([' ', '\n', '"', ',']);
    let hidden = words.map(|word| {
        let bare = word.trim_start_matches('(').trim_end_matches([' ', '\n', '"', ',']);
        let hexadecimal = bare.len() >= 12 && bare.bytes().all(|byte| byte.is_ascii_hexdigit());
        let size = bare.ends_with("MB");
        match hexadecimal || size {
            true => word.replace(bare, if size { "SIZE" } else { "DIGEST" }),
            false => word.to_owned(),
        }
    });
    hidden.collect()
}

fn story(person: &Person, lines: &[&[&str]]) -> String {
    lines.iter().map(|line| shown(person, line)).collect()
}

#[test]
fn a_plugins_whole_life_is_told_in_plain_lines() {
    let person = Person::new();
    publish(&person, &["0.1.0"]);
    let install = ["plugin", "install", "mngr-docker@^0.1", "--from", "plugins"];
    let mut told = story(&person, &[&["plugin", "list"], &install, &install]);
    publish(&person, &["0.1.1", "0.1.2"]);
    person.write("plugins/mngr-docker/0.1.2.yanked", "loses snapshots\n");
    told += &story(
        &person,
        &[
            &["plugin", "update"],
            &["plugin", "list"],
            &["plugin", "install", "mngr-docker@=0.1.2"],
            &["plugin", "rollback", "mngr-docker"],
            &["plugin", "rollback", "mngr-docker"],
            &["plugin", "pin", "mngr-docker@=0.1.1"],
            &["plugin", "pin", "mngr-docker@=0.1.0"],
            &["plugin", "pin", "mngr-docker@=0.1.0", "--allow-downgrade"],
            &["plugin", "verify"],
            &["plugin", "remove", "mngr-docker@0.1.0"],
            &["plugin", "remove", "mngr-docker@0.1.1"],
            &["plugin", "remove", "mngr-docker"],
            &["plugin", "remove", "mngr-docker"],
        ],
    );
    insta::assert_snapshot!(told);
}

#[test]
fn what_goes_wrong_is_told_with_what_to_do() {
    let person = Person::new();
    publish(&person, &["0.1.0"]);
    publish_bytes(&person, "0.3.0", &component_of_version("0.1.0"));
    person.write("notes.txt", "no component\n");
    let told = story(
        &person,
        &[
            &["plugin", "install", "mngr-docker"],
            &["plugin", "install", "mngr-docker", "--from", "nowhere"],
            &["plugin", "install", "mngr-docker@^99", "--from", "plugins"],
            &["plugin", "install", "mngr-docker@^0.3", "--from", "plugins"],
            &["plugin", "install", "other", "--from", "plugins"],
            &["plugin", "install", "mine", "--from", "notes.txt"],
            &["plugin", "install", "docker", "--from", "plugins"],
            &["plugin", "install", "mngr-docker", "--from", "ftp://somewhere"],
            &["plugin", "rollback", "mngr-docker"],
            &["--plugin", "mngr-docker@^99", "list"],
            &["--plugin", "other", "list"],
            &["plugin", "list"],
        ],
    );
    insta::assert_snapshot!(told);
}

#[test]
fn programs_get_one_value_with_the_same_names_everywhere() {
    let person = Person::new();
    publish(&person, &["0.1.0", "0.1.1"]);
    let source = person.home().join("plugins").display().to_string();
    let install = |pin: &str| person.json(&["plugin", "install", pin, "--from", &source]);
    let first = install("mngr-docker@=0.1.0");
    assert_eq!(
        (&first["name"], &first["version"]),
        (&"mngr-docker".into(), &"0.1.0".into())
    );
    assert_eq!(first["previous_version"], Value::Null);
    let second = install("mngr-docker@^0.1");
    assert_eq!(
        (&second["version"], &second["previous_version"]),
        (&"0.1.1".into(), &"0.1.0".into())
    );
    let list = person.json(&["plugin", "list"]);
    let listed = list.as_array().expect("a list");
    let active: Vec<_> = listed
        .iter()
        .map(|version| (&version["version"], &version["active"]))
        .collect();
    assert_eq!(
        active,
        [(&"0.1.1".into(), &true.into()), (&"0.1.0".into(), &false.into())]
    );
    for key in [
        "sha256",
        "size_bytes",
        "contract",
        "source",
        "interfaces",
        "installed_at",
    ] {
        assert_eq!(listed[0][key], second[key], "{key}");
        assert!(!second[key].is_null(), "{key}");
    }
    assert_eq!(listed[0]["wanted"], "^0.1");
    let verified = person.json(&["plugin", "verify"]);
    assert!(
        verified
            .as_array()
            .is_some_and(|all| all.iter().all(|version| version["whole"] == true))
    );
    publish_bytes(&person, "0.1.1", &with_note(component_of_version("0.1.1"), "changed"));
    let refused = person.run(&["--json", "plugin", "install", "mngr-docker"]);
    let error: Value = serde_json::from_str(&refused.stdout).expect("one JSON value");
    assert_eq!((refused.status, &error["error"]["kind"]), (5, &"denied".into()));
    let updated = person.run(&["--json", "plugin", "update"]);
    let outcomes: Value = serde_json::from_str(&updated.stdout).expect("one JSON value");
    assert_eq!((updated.status, &outcomes[0]["name"]), (5, &"mngr-docker".into()));
    assert_eq!(outcomes[0]["error"]["kind"], "denied");
}

#[test]
fn a_pin_in_the_settings_chooses_the_component_that_runs() {
    let person = Person::new();
    publish(&person, &["0.1.0", "0.1.1", "0.2.0"]);
    for pin in ["mngr-docker@=0.1.0", "mngr-docker@^0.1", "mngr-docker@^0.2"] {
        person.json(&["plugin", "install", pin, "--from", "plugins"]);
    }
    let plugin = |line: &str| {
        person.configure(&format!(
            "[providers.{}]\nbackend = \"docker\"\ndefault_image = \"{}\"\npolicy = \"standard\"\n{line}\n",
            person.provider,
            crate::person::IMAGE
        ));
        let report = person.json(&["doctor"]);
        let checks = report["checks"]
            .as_array()
            .or(report.as_array())
            .expect("checks")
            .clone();
        let check = checks
            .iter()
            .find(|check| check["name"] == "plugin")
            .expect("a check of the plugin");
        check["detail"].as_str().expect("a detail").to_owned()
    };
    let built_in = concat!("docker ", env!("CARGO_PKG_VERSION"), " (built-in)");
    assert!(plugin("").contains(built_in));
    for (line, expected) in [
        ("plugin = \"mngr-docker@^0.1\"", "docker 0.1.1 (mngr-docker 0.1.1)"),
        ("plugin = \"mngr-docker@=0.1.0\"", "docker 0.1.0 (mngr-docker 0.1.0)"),
        ("plugin = \"mngr-docker\"", "docker 0.2.0 (mngr-docker 0.2.0)"),
        ("plugin = \"docker\"", built_in),
    ] {
        let detail = plugin(line);
        assert!(detail.contains(expected), "{line}: {detail}");
    }
    assert_eq!(
        person.json(&["list"]),
        Value::Array(Vec::new()),
        "and it works on a real engine"
    );
}

#[test]
fn processes_that_install_at_the_same_time_all_succeed_and_leave_a_whole_registry() {
    let person = Person::new();
    let versions = ["0.1.0", "0.1.1", "0.1.2", "0.1.3"];
    publish(&person, &versions);
    person.json(&["plugin", "install", "mngr-docker@=0.1.0", "--from", "plugins"]);
    let install = |pin: &str| {
        person
            .command(&["plugin", "install", pin, "--from", "plugins", "--allow-downgrade"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts")
    };
    let running: Vec<_> = versions
        .iter()
        .chain(&versions)
        .map(|version| install(&format!("mngr-docker@={version}")))
        .collect();
    for process in running {
        let ran = Ran::from(process.wait_with_output().expect("it ends"));
        assert_eq!(ran.status, 0, "{}", ran.stderr);
    }
    let list = person.json(&["plugin", "list"]);
    let listed = list.as_array().expect("a list");
    assert_eq!(listed.len(), versions.len(), "none was lost");
    assert_eq!(listed.iter().filter(|version| version["active"] == true).count(), 1);
    person.json(&["plugin", "verify"]);
    let left: Vec<_> = std::fs::read_dir(person.home().join(".config/mngr-docker"))
        .expect("a list")
        .map(|file| file.expect("a file").file_name())
        .collect();
    assert_eq!(left.len(), 2, "nothing half-written is left: {left:?}");
}

/// The files that an installation writes to.
fn registry_files(person: &Person) -> BTreeSet<PathBuf> {
    let directories = [".config/mngr-docker", ".local/share/mngr-docker/plugins/sha256"];
    let files = directories
        .iter()
        .flat_map(|directory| std::fs::read_dir(person.home().join(directory)));
    files.flatten().flatten().map(|file| file.path()).collect()
}

#[test]
fn a_process_that_is_killed_while_it_installs_leaves_what_was_there() {
    let person = Person::new();
    publish(&person, &["0.1.0", "0.1.1"]);
    person.json(&["plugin", "install", "mngr-docker@=0.1.0", "--from", "plugins"]);
    let mut died = 0;
    for _ in 0..10 {
        let before = registry_files(&person);
        let mut process = person
            .command(&["plugin", "install", "mngr-docker@^0.1", "--from", "plugins"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        // As soon as the first file of it is seen.
        while registry_files(&person) == before && process.try_wait().expect("asked").is_none() {
            std::thread::yield_now();
        }
        let _ = process.kill();
        died += usize::from(!process.wait().expect("it ends").success());
        person.json(&["plugin", "verify"]);
        let list = person.json(&["plugin", "list"]);
        let listed = list.as_array().expect("a list");
        assert!(listed.iter().any(|version| version["version"] == "0.1.0"), "{list}");
        if listed.len() > 1 {
            person.json(&["plugin", "rollback", "mngr-docker"]);
            person.json(&["plugin", "remove", "mngr-docker@0.1.1"]);
        } else {
            // What was kept for nothing goes with the next change.
            person.json(&["plugin", "install", "mngr-docker@^0.1", "--from", "plugins"]);
            person.json(&["plugin", "rollback", "mngr-docker"]);
            person.json(&["plugin", "remove", "mngr-docker@0.1.1"]);
        }
        assert_eq!(registry_files(&person).len(), 3, "{:?}", registry_files(&person));
    }
    assert!(died > 0, "none was killed in time");
}

#[test]
fn a_plugin_of_ones_own_is_installed_from_its_file_and_what_is_wanted_can_be_written_by_hand() {
    let person = Person::new();
    person.write("mine.wasm", component());
    let installed = person.json(&["plugin", "install", "mine", "--from", "./mine.wasm"]);
    assert_eq!(
        installed["source"],
        person.home().join("mine.wasm").display().to_string()
    );
    let wanted = person.home().join(".config/mngr-docker/plugins.toml");
    let text = std::fs::read_to_string(&wanted).expect("it is written down");
    std::fs::write(
        &wanted,
        format!("# kept\n{text}\n[plugins.yours]\nsource = \"~/mine.wasm\"\n"),
    )
    .expect("written");
    let outcomes = person.json(&["plugin", "install"]);
    assert_eq!(
        (&outcomes[0]["name"], outcomes.as_array().map(Vec::len)),
        (&"yours".into(), Some(1))
    );
    let listed = |person: &Person| person.run(&["--plugin", "yours", "list"]);
    let refused = listed(&person);
    assert_eq!(refused.status, 5);
    assert!(
        refused.stderr.contains("docker.containers: \"own\""),
        "{}",
        refused.stderr
    );
    person.configure(&format!("[providers.{}]\npolicy = \"standard\"\n", person.provider));
    assert_eq!(person.json(&["--plugin", "yours", "list"]), Value::Array(Vec::new()));
    assert!(std::fs::read_to_string(&wanted).expect("there").starts_with("# kept\n"));
    std::fs::write(&wanted, "[plugins.yours]\nsorce = \"x\"\n").expect("written");
    let ran = person.run(&["plugin", "update"]);
    assert_eq!(ran.status, 2);
    assert!(
        ran.stderr.contains("plugins.toml") && ran.stderr.contains("line 2"),
        "{}",
        ran.stderr
    );
}
