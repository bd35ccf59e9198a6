//! What a configuration means.

mod faults;
mod limits;
mod reference;
mod table;
mod trust;

use std::path::Path;
use std::time::Duration;

use miette::{GraphicalReportHandler, GraphicalTheme};
use mngr_contract::ProviderError;
use mngr_contract::environment::Environment;
use mngr_guard::policy::{AuditChoice, Permissions, Preset};
use mngr_registry::PluginChoice;
use serde_json::json;

use super::{Config, ConfigError, ProviderConfig};

/// Loads a file of that name and text under these variables; paths in errors begin with `ROOM`.
fn load(name: &str, text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    load_raw(name, text.as_bytes(), variables).map_err(|(error, room)| shown(&error).replace(&room, "ROOM"))
}

fn load_raw(name: &str, bytes: &[u8], variables: &[(&str, &str)]) -> Result<Config, (ConfigError, String)> {
    let room = tempfile::tempdir().expect("a directory");
    let path = room.path().join(name);
    std::fs::write(&path, bytes).expect("a file");
    let environment = Environment::new(variables.iter().copied(), "/srv");
    Config::load(Some(&path), &environment).map_err(|error| (error, room.path().display().to_string()))
}

fn shown(error: &ConfigError) -> String {
    let mut text = String::new();
    GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
        .with_width(120)
        .render_report(&mut text, error)
        .expect("a report");
    text
}

fn toml(text: &str) -> Config {
    of_no_file(load("settings.toml", text, &[]).expect("a configuration"))
}

fn yaml(text: &str) -> Config {
    of_no_file(load("config.yaml", text, &[]).expect("a configuration"))
}

/// The same settings without the file that they came from, to be compared with those of another.
fn of_no_file(mut config: Config) -> Config {
    for provider in config.providers.values_mut() {
        let files = std::mem::take(&mut provider.settings_files);
        assert_eq!(files.first(), config.path.as_ref());
    }
    config
}

fn fault(name: &str, text: &str) -> String {
    load(name, text, &[]).expect_err("a fault")
}

fn names(config: &Config) -> Vec<&str> {
    config.providers.keys().map(String::as_str).collect()
}

#[test]
fn the_documents_own_yaml_is_read() {
    let config = yaml("providers:\n  docker:\n    host: ssh://user@remote-host\n");
    let expected = ProviderConfig {
        host: Some("ssh://user@remote-host".to_owned()),
        ..ProviderConfig::named("docker")
    };
    assert_eq!(config.providers["docker"], expected);
}

#[test]
fn mngrs_own_toml_is_read_and_the_rest_is_left_to_the_plugin() {
    let config = toml(
        r#"
        default_destroyed_host_persisted_seconds = nan
        [agent_types.claude]
        cli_args = "--x"
        [providers.docker]
        backend = "docker"
        plugin = "docker"
        host = "unix:///var/run/docker.sock"
        policy = "open"
        permissions = { docker.engine-socket = false, "docker.devices" = ["/dev/fuse"] }
        audit_log = false
        engine_timeout_seconds = 2.5
        is_enabled = true
        default_image = "debian:bookworm-slim"
        default-start-args = ["--memory", "4g"]
        default_idle_timeout = 800
        "#,
    );
    let docker = &config.providers["docker"];
    assert_eq!(docker.host.as_deref(), Some("unix:///var/run/docker.sock"));
    assert_eq!(docker.plugin, None);
    assert_eq!(
        (docker.policy, &docker.audit_log),
        (Some(Preset::Open), &AuditChoice::Off)
    );
    let named = json!({"docker.engine-socket": false, "docker.devices": ["/dev/fuse"]});
    assert_eq!(docker.permissions, Permissions::of(&named).expect("permissions"));
    assert_eq!(docker.engine_timeout, Duration::from_millis(2500));
    assert_eq!(
        serde_json::Value::Object(docker.settings.clone()),
        json!({"default_image": "debian:bookworm-slim", "default_start_args": ["--memory", "4g"], "default_idle_timeout": 800})
    );
}

#[test]
fn yaml_and_toml_of_the_same_keys_are_the_same() {
    let one = toml("[providers.a]\nhost = 'tcp://a:1'\nx = {y = [1, 2.5, true]}\n[providers.b]\nis_enabled = false\n");
    let two = yaml("providers:\n  a:\n    host: tcp://a:1\n    x: {y: [1, 2.5, true]}\n  b:\n    is_enabled: false\n");
    assert_eq!(one.providers, two.providers);
}

#[test]
fn providers_of_other_backends_are_left_alone() {
    let config = toml(
        "[providers.cloud]\nbackend = 'modal'\nhost = 7\n[providers.local]\nis_enabled = false\n[providers.box]\n[providers.ssh]\nbackend = 'docker'\n",
    );
    assert_eq!(names(&config), ["box", "ssh"]);
    let error = config.provider(Some("cloud")).expect_err("another backend");
    assert!(error.message().contains("modal"), "{}", error.message());
}

#[test]
fn a_file_without_a_docker_provider_leaves_the_default_one() {
    for text in ["", "[providers]\n", "prefix = 'x'\n", "[providers.modal]\n"] {
        assert_eq!(toml(text).providers, Config::default().providers, "{text:?}");
    }
    for text in ["", "providers:\n", "providers: {docker: }\n", "---\n"] {
        assert_eq!(yaml(text).providers, Config::default().providers, "{text:?}");
    }
    let none = tempfile::tempdir().expect("a directory");
    let config = Config::load(None, &Environment::new([("X", "")], none.path())).expect("no file");
    assert_eq!((config.path, names(&Config::default())), (None, vec!["docker"]));
}

#[test]
fn a_file_whose_name_tells_no_format_is_read_in_the_one_that_fits() {
    for text in [
        "[providers.a]\nhost = 'tcp://a:1'\n",
        "providers:\n  a:\n    host: tcp://a:1\n",
        r#"{"providers": {"a": {"host": "tcp://a:1"}}}"#,
    ] {
        let config = load("config", text, &[]).expect("a configuration");
        assert_eq!(config.providers["a"].host.as_deref(), Some("tcp://a:1"), "{text}");
    }
    assert!(fault("config", "[providers.a]\nhost = \n").contains("TOML"));
    assert!(fault("config", "providers:\n\ta: 1\n").contains("YAML"));
}

#[test]
fn a_byte_order_mark_moves_no_span() {
    let text = "\u{feff}providers:\n  docker:\n    host: ftp://x\n";
    assert_eq!(fault("config.yaml", text), fault("config.yaml", &text[3..]));
    assert_eq!(names(&yaml("\u{feff}providers: {a: {}}")), ["a"]);
}

#[test]
fn plugin_paths_start_where_they_are_written() {
    let text = "[providers.a]\nplugin = 'p.wasm'\n[providers.b]\nplugin = '~/p.wasm'\n[providers.c]\nplugin = '/p.wasm'\n[providers.d]\nplugin = 'docker'\n";
    let variables = [("HOME", "/home/me"), ("MNGR__PROVIDERS__E__PLUGIN", "p.wasm")];
    let config = load("settings.toml", text, &variables).expect("a configuration");
    let directory = config.path.as_deref().and_then(Path::parent).expect("a directory");
    let plugin = |name: &str| config.providers[name].plugin.clone();
    let file = |path: &str| Some(PluginChoice::File(path.into()));
    assert_eq!(plugin("a"), Some(directory.join("p.wasm").into()));
    assert_eq!(plugin("b"), file("/home/me/p.wasm"));
    assert_eq!(plugin("c"), file("/p.wasm"));
    assert_eq!(plugin("d"), None);
    assert_eq!(plugin("e"), file("/srv/p.wasm"));
}

#[test]
fn a_plugin_may_be_pinned_and_a_range_that_is_none_is_underlined() {
    let text = "[providers.a]\nplugin = 'mngr-docker@^0.1'\n[providers.b]\nplugin = 'mngr-docker'\n";
    let config = load("settings.toml", text, &[]).expect("a configuration");
    let pin = |name: &str| match &config.providers[name].plugin {
        Some(PluginChoice::Installed(pin)) => pin.to_string(),
        other => panic!("no pin: {other:?}"),
    };
    assert_eq!(
        (pin("a").as_str(), pin("b").as_str()),
        ("mngr-docker@^0.1", "mngr-docker")
    );
    let (error, _) = load_raw("settings.toml", b"[providers.a]\nplugin = 'x@newest'\n", &[]).expect_err("no range");
    assert_eq!((error.field(), error.value_shown()), ("providers.a.plugin", "x@newest"));
    assert!(error.remedy().contains("^0.1"), "{}", error.remedy());
}

#[test]
fn variables_win_over_the_file() {
    let text = "[providers.My-Box]\nhost = 'tcp://a:1'\ndefault_image = 'x'\npermissions = {'docker.ports' = ['127.0.0.1:*'], gpu = 1}\nlabels = {a = '1'}\n";
    let variables = [
        ("MNGR__PROVIDERS__MY_BOX__HOST", "tcp://b:2"),
        ("MNGR__PROVIDERS__MY_BOX__ENGINE_TIMEOUT_SECONDS", "5"),
        (
            "MNGR__PROVIDERS__MY_BOX__PERMISSIONS__DOCKER__BASE_IMAGES",
            r#"["debian:*"]"#,
        ),
        ("MNGR__PROVIDERS__MY_BOX__PERMISSIONS__GPU", "2"),
        ("MNGR__PROVIDERS__MY_BOX__POLICY", "strict"),
        ("MNGR__PROVIDERS__MY_BOX__AUDIT_LOG", "audit.jsonl"),
        ("MNGR__PROVIDERS__MY_BOX__LABELS__B", "2x"),
        ("MNGR__PROVIDERS__MY_BOX__DEFAULT_IMAGE", "null"),
        ("MNGR__PROVIDERS__FRESH", r#"{"host": "tcp://c:3"}"#),
        ("MNGR__PROVIDERS__MODAL__TOKEN", "not ours"),
        ("MNGR__PROVIDERS__MY_BOX__PLUGIN", ""),
        ("MNGR__PROVIDERS__my_box__HOST", "ignored"),
        ("MNGR__PROVIDERS__MY_BOX____HOST", "ignored"),
    ];
    let config = load("settings.toml", text, &variables).expect("a configuration");
    assert_eq!(names(&config), ["My-Box", "fresh"]);
    let own = &config.providers["My-Box"];
    assert_eq!(own.host.as_deref(), Some("tcp://b:2"));
    assert_eq!(own.engine_timeout, Duration::from_secs(5));
    let named = json!({"docker.ports": ["127.0.0.1:*"], "docker.base-images": ["debian:*"], "gpu": 2});
    assert_eq!(own.permissions, Permissions::of(&named).expect("permissions"));
    assert_eq!(own.policy, Some(Preset::Strict));
    assert_eq!(own.audit_log, AuditChoice::File("/srv/audit.jsonl".into()));
    assert_eq!(
        serde_json::Value::Object(own.settings.clone()),
        json!({"labels": {"a": "1", "b": "2x"}})
    );
    assert_eq!(config.providers["fresh"].host.as_deref(), Some("tcp://c:3"));
}

#[test]
fn permissions_may_be_written_whole_or_as_tables_in_each_other_and_in_yaml_too() {
    let expected = json!({"docker.containers": "own", "docker.binds": ["/srv/agents"], "docker.network": ["bridge", "agents-*"], "gpu": 2, "ssh.exec": ["stat"]});
    let expected = Permissions::of(&expected).expect("permissions");
    let config = toml(
        "[providers.a]\n[providers.a.permissions]\ngpu = 2\n'docker.containers' = 'own'\ndocker.binds = ['/srv/agents']\n\
         docker.network = ['bridge', 'agents-*']\nssh.exec = ['stat']\n[providers.b.permissions.docker]\ncontainers = 'own'\n\
         binds = ['/srv/agents']\nnetwork = ['bridge', 'agents-*']\n[providers.b.permissions]\ngpu = 2\nssh.exec = ['stat']\n",
    );
    assert_eq!(config.providers["a"].permissions, expected);
    assert_eq!(config.providers["b"].permissions, expected);
    let config = yaml(
        "providers:\n  a:\n    permissions:\n      docker.containers: own\n      docker.binds: [/srv/agents]\n      \
         docker.network: [bridge, agents-*]\n      gpu: 2\n      ssh.exec: [stat]\n",
    );
    assert_eq!(config.providers["a"].permissions, expected);
}

#[test]
fn the_plugin_that_is_built_in_has_standard_and_any_other_strict_unless_something_is_set() {
    let text = "[providers.a]\n[providers.b]\nplugin = 'p.wasm'\n[providers.c]\nplugin = 'mngr-docker'\n[providers.d]\nplugin = 'docker'\n\
                [providers.e]\nplugin = 'p.wasm'\npolicy = 'standard'\n";
    let config = toml(text);
    let presets: Vec<_> = config
        .providers
        .values()
        .map(|provider| provider.preset().name())
        .collect();
    assert_eq!(presets, ["standard", "strict", "strict", "standard", "standard"]);
}

#[test]
fn a_variable_for_another_provider_does_not_take_the_default_one_away() {
    let none = tempfile::tempdir().expect("a directory");
    let environment = Environment::new([("MNGR__PROVIDERS__REMOTE__HOST", "ssh://r")], none.path());
    let config = Config::load(None, &environment).expect("a configuration");
    assert_eq!(names(&config), ["docker", "remote"]);
    assert_eq!(config.provider(None).expect("the default").name, "docker");
}

#[test]
fn the_provider_is_chosen_by_name_or_where_there_is_no_doubt() {
    let config = toml("[providers.a]\nis_enabled = false\n[providers.b]\n");
    assert_eq!(config.provider(None).expect("the only enabled one").name, "b");
    assert_eq!(config.provider(Some("b")).expect("by name").name, "b");
    let disabled = config.provider(Some("a")).expect_err("disabled");
    assert_eq!(disabled.kind(), "conflict");
    assert!(disabled.message().contains("is_enabled"), "{}", disabled.message());

    let config = toml("[providers.alpha]\n[providers.beta]\n");
    let ProviderError::Ambiguous(error) = config.provider(None).expect_err("two") else {
        panic!("ambiguous");
    };
    assert_eq!(error.candidates, ["alpha", "beta"]);
    let unknown = config.provider(Some("alhpa")).expect_err("no such");
    assert_eq!(unknown.kind(), "not_found");
    assert!(unknown.remedy().contains("`alpha`"), "{}", unknown.remedy());

    let config = toml("[providers.alpha]\n[providers.docker]\n");
    assert_eq!(config.provider(None).expect("the one called docker").name, "docker");
    let config = toml("[providers.alpha]\nis_enabled = false\n");
    assert_eq!(config.provider(None).expect_err("all disabled").kind(), "conflict");
}
