//! Limits are read back from the engine.

use mngr_docker_tests::Testbed;
use mngr_docker_tests::{behaviours, error_kind};
use mngr_host_shim::contract::docker::ContainerStatus;
use mngr_host_shim::contract::instance::{SnapshotRequest, StartRequest};
use mngr_host_shim::contract::types::Limits;
use mngr_host_shim::provider::NewAgent;
use serde_json::json;

async fn limited(bed: &Testbed, name: &str, start_args: &[&str]) {
    let start_args = start_args.iter().map(|arg| (*arg).to_owned()).collect();
    bed.provider
        .create(NewAgent {
            start_args,
            ..NewAgent::named(name)
        })
        .await
        .expect("an agent");
}

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

    async fn limits_change_while_the_agent_runs_and_are_read_back(bed) {
        limited(bed, "a", &["--memory=64m", "--memory-swap=64m", "--cpus=1"]).await;
        let change = Limits { cpus: Some(0.5), memory_bytes: Some(128 << 20), pids: Some(50), cpuset_cpus: Some("0".to_owned()), ..Limits::default() };
        let updated = bed.provider.update_limits("a", change).await.expect("changed");
        let read = bed.provider.resources("a").await.expect("limits");
        assert_eq!((updated.limits.cpus, updated.limits.memory_bytes), (Some(0.5), Some(128 << 20)));
        assert_eq!((read.pids, read.cpuset_cpus.as_deref()), (Some(50), Some("0")));
        assert_eq!(read.memory_swap_bytes, Some(128 << 20));
        assert!(updated.warnings.iter().any(|warning| warning.contains("swap")), "{:?}", updated.warnings);
        assert_eq!(bed.shell("a", "true").await.0, 0);
    }

    async fn a_stopped_agents_limits_change_as_well_and_hold_over_a_start(bed) {
        bed.agent("a").await;
        bed.provider.stop("a", Default::default()).await.expect("stopped");
        let change = Limits { memory_bytes: Some(64 << 20), ..Limits::default() };
        bed.provider.update_limits("a", change).await.expect("changed");
        bed.provider.start("a", Default::default()).await.expect("started");
        assert_eq!(bed.provider.resources("a").await.expect("limits").memory_bytes, Some(64 << 20));
    }

    async fn changed_limits_outlive_a_restore(bed) {
        limited(bed, "a", &["--memory=64m", "--ulimit=nofile=100:200"]).await;
        let change = Limits { memory_bytes: Some(96 << 20), cpus: Some(0.5), ..Limits::default() };
        let changed = bed.provider.update_limits("a", change).await.expect("changed").limits;
        let snapshot = bed.provider.snapshot_create("a", SnapshotRequest::default()).await.expect("a snapshot");
        bed.provider.stop("a", Default::default()).await.expect("stopped");
        bed.provider.start("a", StartRequest { snapshot: Some(snapshot.id) }).await.expect("restored");
        let restored = bed.provider.resources("a").await.expect("limits");
        assert_eq!(format!("{restored:?}"), format!("{changed:?}"));
    }

    async fn a_limit_above_the_machine_is_refused_by_name_at_create_and_later(bed) {
        let machine = bed.engine.info().await.expect("a machine");
        let (cpus, memory) = (f64::from(machine.cpus) + 1.0, i64::try_from(machine.memory_bytes).expect("a size") + 1);
        bed.agent("a").await;
        for (field, change, flag) in [
            ("cpus", Limits { cpus: Some(cpus), ..Limits::default() }, format!("--cpus={cpus}")),
            ("memory", Limits { memory_bytes: Some(memory), ..Limits::default() }, format!("--memory={memory}")),
            ("memory", Limits { memory_bytes: Some(1 << 20), ..Limits::default() }, "--memory=1m".to_owned()),
            ("cpuset-cpus", Limits { cpuset_cpus: Some(machine.cpus.to_string()), ..Limits::default() }, format!("--cpuset-cpus={}", machine.cpus)),
        ] {
            let error = bed.provider.update_limits("a", change).await.expect_err("refused");
            assert_eq!((error.kind(), error.field()), ("invalid_argument", Some(field)));
            let error = bed.provider.create(NewAgent { start_args: vec![flag], ..NewAgent::named("b") }).await.expect_err("refused");
            assert_eq!((error.kind(), error.field()), ("invalid_argument", Some(field)));
            assert!(!error.remedy().is_empty());
        }
        let settings = bed.with_settings(json!({ "default_memory": memory.to_string() })).await;
        assert_eq!(settings.create(NewAgent::named("b")).await.expect_err("refused").field(), Some("memory"));
        assert_eq!(bed.provider.discover(Default::default()).await.expect("a list").len(), 1);
    }

    async fn what_is_fixed_at_create_is_named_with_the_way_out(bed) {
        bed.agent("a").await;
        let change = Limits { shm_bytes: Some(1 << 20), storage_bytes: Some(1 << 30), cpus: Some(0.5), ..Limits::default() };
        let error = bed.provider.update_limits("a", change).await.expect_err("fixed");
        assert_eq!(error.kind(), "unsupported");
        assert!(error.message().contains("shm-size") && error.message().contains("storage-opt"), "{}", error.message());
        assert!(error.remedy().contains("snapshot"));
        assert_eq!(bed.provider.resources("a").await.expect("limits").cpus, None);
    }

    async fn an_agent_that_was_never_started_can_be_limited(bed) {
        bed.provider.create(NewAgent { no_start: true, ..NewAgent::named("a") }).await.expect("an agent");
        let change = Limits { cpus: Some(0.5), ..Limits::default() };
        assert_eq!(bed.provider.update_limits("a", change).await.expect("changed").limits.cpus, Some(0.5));
        let id = bed.provider.get("a").await.expect("an agent").container_id;
        let state = bed.engine.container_inspect(&id, false).await.expect("a container").state;
        assert_eq!(state.status, ContainerStatus::Created);
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
