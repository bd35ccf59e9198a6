//! Limits are read back from the engine.

use mngr_docker_tests::{behaviours, error_kind};
use mngr_host_shim::provider::NewAgent;
use serde_json::json;

behaviours! {
    async fn resources_are_what_the_engine_has_and_not_what_was_asked_for(bed) {
        let start_args = ["--cpus=1.5", "--memory=128m", "--pids-limit=77", "--ulimit=nofile=100:200"].map(str::to_owned).to_vec();
        bed.provider.create(NewAgent { start_args, ..NewAgent::named("a") }).await.expect("an agent");
        let limits = bed.provider.resources("a").await.expect("limits");
        assert_eq!(limits.cpus, Some(1.5));
        assert_eq!(limits.memory_bytes, Some(128 << 20));
        assert_eq!(limits.pids, Some(77));
        let ulimits: Vec<_> = limits.ulimits.iter().map(|limit| (limit.name.as_str(), limit.soft, limit.hard)).collect();
        assert_eq!(ulimits, [("nofile", 100, 200)]);
    }

    async fn an_agent_without_limits_has_none(bed) {
        bed.agent("a").await;
        let limits = bed.provider.resources("a").await.expect("limits");
        assert_eq!((limits.cpus, limits.memory_bytes, limits.cpuset_cpus), (None, None, None));
        assert!(limits.gpus.is_empty());
    }

    async fn defaults_of_the_configuration_hold_and_an_argument_wins_over_them(bed) {
        let provider = bed.with_settings(json!({ "default_memory": "64m", "default_start_args": ["--cpus=0.5"] })).await;
        provider.create(NewAgent::named("a")).await.expect("an agent");
        let start_args = vec!["--memory=32m".to_owned(), "--cpus".to_owned(), "1".to_owned()];
        provider.create(NewAgent { start_args, ..NewAgent::named("b") }).await.expect("an agent");
        let limits = provider.resources("a").await.expect("limits");
        assert_eq!((limits.memory_bytes, limits.cpus), (Some(64 << 20), Some(0.5)));
        let limits = provider.resources("b").await.expect("limits");
        assert_eq!((limits.memory_bytes, limits.cpus), (Some(32 << 20), Some(1.0)));
    }

    async fn settings_that_can_not_be_meant_are_refused_by_key(bed) {
        for (settings, key) in [
            (json!({ "default_imgae": "x" }), "default_imgae"),
            (json!({ "default_image": 7 }), "default_image"),
            (json!({ "default_memory": "lots" }), "default_memory"),
            (json!({ "default_start_args": ["--no-such-flag"] }), "default_start_args"),
            (json!({ "default_start_args": "--init" }), "default_start_args"),
        ] {
            let error = bed.try_settings(settings.clone()).await.err().unwrap_or_else(|| panic!("{settings} was taken"));
            assert!(error.field().is_some_and(|field| field.starts_with(key)), "{settings}: {}", error.message());
            assert!(!error.remedy().is_empty());
        }
        let misspelt = bed.try_settings(json!({ "default_imgae": "x" })).await;
        assert_eq!(error_kind(misspelt), "invalid_argument");
    }
}
