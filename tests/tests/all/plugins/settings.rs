//! What shim and plugin know of each other's settings: the plugin offers the shim's where one is misspelt, and the shim knows which
//! of the plugin's a directory's file may set unasked.

use std::sync::Arc;

use mngr_docker_tests::component;
use mngr_host_shim::config::{KEYS, SettingsFile};
use mngr_host_shim::environment::Environment;
use serde_json::json;

use super::shelf::Shelf;

#[tokio::test]
async fn a_misspelt_setting_of_the_shim_is_offered_by_the_plugin() {
    let loader: Arc<_> = Shelf::new().loader();
    let plugin = loader.load("built-in", &component()).expect("a plugin");
    for key in KEYS {
        let misspelt = format!("{}x", key.name);
        let report = plugin
            .check_config("docker", &json!({ misspelt.clone(): "x" }).to_string())
            .await
            .expect("a report");
        let problem = report.errors.first().expect("it is no setting");
        assert_eq!(problem.key, misspelt);
        assert!(problem.remedy.contains(key.name), "{misspelt}: {}", problem.remedy);
    }
}

#[tokio::test]
async fn each_setting_of_the_plugin_is_known_as_harmless_or_as_one_that_needs_trust() {
    let loader: Arc<_> = Shelf::new().loader();
    let plugin = loader.load("built-in", &component()).expect("a plugin");
    let room = tempfile::tempdir().expect("a directory");
    let file = room.path().join("settings.toml");
    let read = |key: &str| {
        std::fs::write(&file, format!("[providers.docker]\n{key} = 1\n")).expect("written");
        let read = SettingsFile::read(&file, &Environment::default()).expect("a file");
        read.needs_trust.first().map(|need| need.reason)
    };
    let unknown = read("no_such_setting").expect("it needs trust");
    for setting in plugin.describe().await.expect("a description").settings {
        assert_ne!(read(&setting.key), Some(unknown), "{}", setting.key);
    }
}
