//! The audit log of a provider as its plugin works: what it changed, what it was refused, and nothing that is secret.

use std::sync::Arc;

use mngr_docker_tests::{IMAGE, Kind, error_kind, run};
use mngr_host_shim::config::ProviderConfig;
use mngr_host_shim::policy::AuditChoice;
use mngr_host_shim::provider::NewAgent;
use serde_json::{Value, json};

fn lines(path: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

#[test]
fn what_a_plugin_changes_and_is_refused_is_written_down_with_who_asked() {
    run(Kind::Real, async |bed| {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("audit.jsonl");
        let provider = bed
            .provider_on(
                bed.engine.clone(),
                bed.provider.name(),
                |config: &mut ProviderConfig| {
                    config.audit_log = AuditChoice::File(file.clone());
                },
            )
            .await;
        let start_args = ["--env=TOKEN=hunter2", "--privileged"].map(str::to_owned);
        let asked = |start_args: &[String]| NewAgent {
            start_args: start_args.to_vec(),
            command: vec!["echo".to_owned(), "hunter2".to_owned()],
            ..NewAgent::named("a")
        };
        assert_eq!(error_kind(provider.create(asked(&start_args)).await), "denied");
        let refused = lines(&file);
        assert_eq!(refused.len(), 1, "{refused:?}");
        let container = format!("mngr-{}.a", provider.name());
        for (key, value) in [
            ("call", json!("container-create")),
            ("object", json!(container)),
            ("verdict", json!("denied")),
            ("rule", json!("docker.privileged")),
            ("plugin", json!("docker")),
            ("version", json!(env!("CARGO_PKG_VERSION"))),
            ("digest", json!(provider.plugin().digest())),
            ("provider", json!(provider.name())),
        ] {
            assert_eq!(refused[0][key], value, "{key}");
        }
        provider.create(asked(&start_args[..1])).await.expect("an agent");
        provider.destroy("a", Default::default()).await.expect("destroyed");
        let allowed: Vec<_> = lines(&file)[1..]
            .iter()
            .map(|line| (line["call"].clone(), line["verdict"].clone()))
            .collect();
        for call in ["container-create", "container-start", "container-remove"] {
            assert!(
                allowed.contains(&(json!(call), json!("allowed"))),
                "{call}: {allowed:?}"
            );
        }
        let text = std::fs::read_to_string(&file).expect("a log");
        assert!(!text.contains("hunter2"), "{text}");
    });
}

#[test]
fn a_log_that_can_not_be_written_keeps_no_agent_from_being_made_and_none_is_kept_where_it_is_off() {
    run(Kind::Sandbox, async |bed| {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("file"), "").expect("written");
        for (name, choice) in [
            ("a", AuditChoice::File(folder.path().join("file/audit.jsonl"))),
            ("b", AuditChoice::Off),
        ] {
            let provider = bed
                .provider_on(Arc::clone(&bed.engine), bed.provider.name(), |config| {
                    config.audit_log = choice
                })
                .await;
            provider
                .create(NewAgent::named(name).image(IMAGE))
                .await
                .expect("an agent");
        }
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1);
    });
}
