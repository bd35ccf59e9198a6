//! Configurations at fault are shown with the place and the nearest key.

use serde_json::Value;

use crate::person::Person;

#[test]
fn an_unknown_key_is_underlined_and_the_nearest_is_named() {
    let person = Person::new();
    person.configure("[providers.docker]\nhots = \"unix:///var/run/docker.sock\"\n");
    let ran = person.run(&["list"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (2, ""));
    assert!(ran.stderr.contains("settings.toml:2:1"), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("hots = ") && ran.stderr.contains("──┬─"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("`host`"), "{}", ran.stderr);
}

#[test]
fn a_setting_that_the_plugin_refuses_is_underlined_in_the_file_too() {
    let person = Person::new();
    person.configure("[providers.docker]\ndefault_start_args = [\"--init\", \"--memroy=1g\"]\n");
    let ran = person.run(&["list"]);
    assert_eq!(ran.status, 2);
    assert!(
        ran.stderr.contains("--memroy=1g") && ran.stderr.contains("settings.toml:2:"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("--memory"), "{}", ran.stderr);
}

#[test]
fn the_seeds_yaml_is_read_as_it_stands() {
    let person = Person::new();
    person.write(
        "config.yaml",
        "providers:\n  docker:\n    host: ssh://user@remote-host\n",
    );
    let ran = person.run(&["--config", "config.yaml", "--json", "list"]);
    // It is read and understood: what is missing is a machine of that name.
    let error: Value = serde_json::from_str(&ran.stdout).expect("one JSON value");
    assert_eq!((ran.status, error["error"]["kind"].as_str()), (6, Some("unavailable")));
    assert!(
        error["error"]["message"]
            .as_str()
            .is_some_and(|message| message.contains("user@remote-host")),
        "{error}"
    );
}

#[test]
fn a_file_with_a_byte_order_mark_duplicate_keys_or_a_huge_value_is_handled() {
    let person = Person::new();
    person.write("bom.toml", "\u{feff}[providers.docker]\nis_enabled = false\n");
    let ran = person.run(&["--config", "bom.toml", "list"]);
    assert!(ran.stderr.contains("is_enabled"), "{}", ran.stderr);
    person.write(
        "twice.toml",
        "[providers.docker]\nhost = \"unix:///a\"\nhost = \"unix:///b\"\n",
    );
    let ran = person.run(&["--config", "twice.toml", "list"]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("host"), "{}", ran.stderr);
    person.write(
        "huge.toml",
        format!("[providers.docker]\nhost = \"{}\"\n", "x".repeat(1 << 20)),
    );
    let ran = person.run(&["--config", "huge.toml", "list"]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.len() < 10_000, "{} bytes are printed", ran.stderr.len());
}

#[test]
fn a_variable_wins_over_the_file_and_is_named_where_it_is_wrong() {
    let person = Person::new();
    let key = person.provider.to_uppercase().replace('-', "_");
    let name = format!("MNGR__PROVIDERS__{key}__HOST");
    let run = |value: &str| person.command(&["list"]).env(&name, value).output().expect("it runs");
    let absent = run("unix:///nowhere.sock");
    assert_eq!(absent.status.code(), Some(6));
    let wrong = run("carrier-pigeon://x");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains(&name));
}

#[test]
fn a_config_that_is_not_there_is_an_error_and_no_default() {
    let ran = Person::new().run(&["--config", "missing.toml", "list"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (2, ""));
    assert!(ran.stderr.contains("missing.toml"), "{}", ran.stderr);
}
