//! Settings that the shim keeps for itself: the plugin that is built in knows their names, to offer them where one is misspelt.

use std::sync::Arc;

use mngr_docker_tests::component;
use mngr_host_shim::config::KEYS;
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
