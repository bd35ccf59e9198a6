//! One provider of a program that has read its settings itself.

use std::path::Path;
use std::time::Duration;

use mngr_contract::backend::SettingProblem;
use mngr_contract::environment::Environment;
use mngr_registry::PluginChoice;
use serde_json::{Value, json};

use crate::config::{Config, ConfigError};

fn of(name: &str, table: &Value) -> Result<Config, ConfigError> {
    let environment = Environment::new(
        [
            ("HOME", "/home/me"),
            ("MNGR__PROVIDERS__MINE__HOST", "tcp://elsewhere:2375"),
        ],
        "/srv",
    );
    Config::of_table(name, table.as_object().expect("a table").clone(), &environment)
}

#[test]
fn a_table_is_read_as_a_file_would_be_and_the_environment_is_left_out() {
    let table = json!({
        "backend": "docker",
        "host": "unix:///run/docker.sock",
        "plugin": "plugins/mine.wasm",
        "identity-file": "~/.ssh/key",
        "engine_timeout_seconds": 2.5,
        "default_image": "debian:bookworm-slim",
        "default_memory": null,
    });
    let config = of("mine", &table).expect("a configuration");
    let provider = config.provider(Some("mine")).expect("the provider");
    assert_eq!(provider.host.as_deref(), Some("unix:///run/docker.sock"));
    assert_eq!(
        provider.plugin,
        Some(PluginChoice::File("/srv/plugins/mine.wasm".into()))
    );
    assert_eq!(
        provider.ssh.identity_file.as_deref(),
        Some(Path::new("/home/me/.ssh/key"))
    );
    assert_eq!(provider.engine_timeout, Duration::from_millis(2500));
    assert_eq!(
        json!(provider.settings),
        json!({ "default_image": "debian:bookworm-slim" })
    );
}

#[test]
fn faults_name_the_key_of_the_provider() {
    for (table, field) in [
        (json!({ "host": 7 }), "providers.mine.host"),
        (json!({ "backend": "modal" }), "providers.mine.backend"),
        (json!({ "is_enabled": true, "is-enabled": true }), "config"),
    ] {
        assert_eq!(of("mine", &table).expect_err("a fault").field(), field, "{table}");
    }
    let other = of("modal", &json!({})).expect_err("another backend");
    assert_eq!(other.field(), "providers.modal.backend");
}

#[test]
fn what_the_plugin_finds_is_told_with_the_nearest_key() {
    let config = of("mine", &json!({ "hots": "unix:///run/docker.sock" })).expect("a configuration");
    let finding = SettingProblem {
        key: "hots".to_owned(),
        element: None,
        reason: "there is no such setting".to_owned(),
        remedy: "remove it".to_owned(),
    };
    let faults = config.problems("mine", &[finding], &[]);
    assert_eq!(faults[0].field(), "providers.mine.hots");
    assert!(
        faults[0].remedy().starts_with("did you mean `host`?"),
        "{}",
        faults[0].remedy()
    );
}
