//! The table of settings, and what is made of it.

use mngr_contract::environment::Environment;
use mngr_guard::policy::Preset;
use serde_json::{Map, Value, json};

use crate::config::{Config, ConfigError, KEYS, Key, ProviderConfig, Unset};

fn given(key: &Key, value: Value) -> Result<ProviderConfig, ConfigError> {
    let table = Map::from_iter([(key.name.to_owned(), value)]);
    let config = Config::of_table("docker", table, &Environment::new([("X", "")], "/srv"))?;
    Ok(config.providers["docker"].clone())
}

#[test]
fn what_is_said_to_hold_without_a_setting_does() {
    for key in KEYS {
        if let Unset::Value(json) = key.unset {
            let value = serde_json::from_str(json).expect(key.name);
            assert_eq!(
                given(key, value).expect(key.name),
                ProviderConfig::named("docker"),
                "{}",
                key.name
            );
        }
    }
}

#[test]
fn a_value_of_another_type_is_answered_with_what_to_write() {
    for key in KEYS {
        let error = given(key, json!([1])).expect_err(key.name);
        assert_eq!(error.field(), format!("providers.docker.{}", key.name));
        assert_eq!(error.remedy(), key.remedy);
    }
}

#[test]
fn each_setting_has_a_place_of_its_own() {
    let other = |key: &Key| match key.name {
        "host" => json!("tcp://a:1"),
        "docker_context" => json!("a"),
        "plugin" => json!("a.wasm"),
        "policy" => json!("open"),
        "permissions" => json!({ "gpu": 2 }),
        "plugin_limits" => json!({ "handles": 20 }),
        "ssh_options" => json!({ "ConnectTimeout": "5" }),
        "docker_proxies" | "is_enabled" => json!(false),
        _ => match key.kind() {
            "path" | "path_or_boolean" => json!("/srv/a"),
            "boolean" => json!(true),
            "number" => json!(7),
            kind => panic!("{}: {kind}", key.name),
        },
    };
    // What the backend is decides whether a table is read at all.
    let keys: Vec<_> = KEYS.iter().filter(|key| key.name != "backend").collect();
    let mut all = vec![ProviderConfig::named("docker")];
    for key in keys {
        let config = given(key, other(key)).expect(key.name);
        assert!(!all.contains(&config), "{}", key.name);
        assert!(config.settings.is_empty(), "{}", key.name);
        all.push(config);
    }
}

#[test]
fn the_policies_that_are_named_are_all_there_are() {
    let policy = KEYS.iter().find(|key| key.name == "policy").expect("a setting");
    let names = Preset::ALL.map(Preset::name);
    assert_eq!(policy.remedy, format!("use one of: {}", names.join(", ")));
    let listed = names.map(|name| format!("`{name}`")).join(", ");
    assert!(policy.help.ends_with(&listed), "{}", policy.help);
}

/// Where the README says more of a setting.
const SECTIONS: [(&str, &str); 4] = [
    ("plugin", "Plugins"),
    ("allow_native", "Native plugins"),
    ("policy", "Policy"),
    ("plugin_limits", "Limits of a plugin"),
];

fn row(key: &Key) -> String {
    let unset = match key.unset {
        Unset::Value(_) => format!("`{}`", key.unset),
        Unset::Words(words) => words.to_owned(),
    };
    let section = SECTIONS.iter().find(|(name, _)| *name == key.name);
    let more = section.map_or(String::new(), |(_, heading)| {
        format!(", see [{heading}](#{})", heading.to_lowercase().replace(' ', "-"))
    });
    format!("| `{}` | {unset} | {}{more} |\n", key.name, key.help)
}

/// `UPDATE_README=1 cargo test -p mngr-host-shim the_readme_has_this_table` writes it anew.
#[test]
fn the_readme_has_this_table() {
    const BEGIN: &str = "<!-- settings: begin -->\n";
    const END: &str = "<!-- settings: end -->\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
    let readme = std::fs::read_to_string(path).expect("a README");
    let (before, rest) = readme.split_once(BEGIN).expect("the mark before the table");
    let (written, after) = rest.split_once(END).expect("the mark after it");
    let rows: String = KEYS.iter().map(row).collect();
    let table = format!("\n| key | default | meaning |\n|---|---|---|\n{rows}\n");
    if std::env::var_os("UPDATE_README").is_some() {
        std::fs::write(path, format!("{before}{BEGIN}{table}{END}{after}")).expect("written");
    } else {
        assert_eq!(
            written, table,
            "UPDATE_README=1 cargo test -p mngr-host-shim the_readme_has_this_table"
        );
    }
    for (name, heading) in SECTIONS {
        assert!(KEYS.iter().any(|key| key.name == name), "{name}");
        let heading = format!("# {heading}\n");
        assert!(readme.contains(&heading), "{heading}");
    }
}
