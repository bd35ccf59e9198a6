//! An agent from one provider to another: whole, or not at all.

use std::sync::Arc;

use mngr_docker_tests::{PrivateEngine, Setup, Testbed, argv, behaviours, error_kind, output_of, remove_all};
use mngr_host_shim::config::ProviderConfig;
use mngr_host_shim::contract::ProviderError;
use mngr_host_shim::contract::instance::{DiscoverRequest, SnapshotFilter};
use mngr_host_shim::contract::types::{Agent, AgentState};
use mngr_host_shim::engine::Engine;
use mngr_host_shim::engine::connect::connect;
use mngr_host_shim::engine::ssh::Tunnels;
use mngr_host_shim::environment::Environment;
use mngr_host_shim::migrate::{Migration, migrate};
use mngr_host_shim::policy::Permissions;
use mngr_host_shim::provider::{NewAgent, Provider};
use mngr_host_shim::sandbox::{Fault, Operation, SandboxEngine};
use serde_json::json;
use tokio_util::sync::CancellationToken;

async fn agents(provider: &Provider) -> Vec<Agent> {
    provider.discover(DiscoverRequest::default()).await.expect("a list")
}

async fn snapshots(provider: &Provider) -> usize {
    provider
        .snapshot_list(SnapshotFilter::default())
        .await
        .expect("a list")
        .len()
}

async fn shell(provider: &Provider, agent: &str, script: &str) -> String {
    let session = provider
        .exec(agent, argv(&["sh", "-c", script]))
        .await
        .expect("an exec");
    output_of(session).await.1
}

/// An agent with something of everything.
async fn furnished(bed: &Testbed) -> Agent {
    let agent = NewAgent {
        agent_type: "worker".to_owned(),
        tags: vec![("team".to_owned(), "red".to_owned())],
        start_args: vec!["--memory=64m".to_owned(), "--hostname=here".to_owned()],
        ..NewAgent::named("a")
    };
    let agent = bed.provider.create(agent).await.expect("an agent");
    bed.shell("a", "echo kept > /root/file").await;
    bed.provider.get(&agent.id).await.expect("the agent")
}

/// The original is there as it was, and nothing else anywhere.
async fn assert_untouched(bed: &Testbed, to: &Provider, original: &Agent) {
    let now = bed.provider.get("a").await.expect("the original");
    assert_eq!(
        (&now.id, now.state, &now.container_id),
        (&original.id, original.state, &original.container_id)
    );
    assert_eq!(
        (
            agents(to).await.len(),
            snapshots(to).await,
            snapshots(&bed.provider).await
        ),
        (0, 0, 0)
    );
}

behaviours! {
    async fn a_copy_has_everything_but_the_identity_and_the_original_stays(bed) {
        let original = furnished(bed).await;
        let to = bed.another_provider("b").await;
        let done = migrate(&bed.provider, &to, "a", &Migration::default()).await.expect("migrated");
        let copy = to.get("a").await.expect("the copy");
        assert_eq!(done.agent.id, copy.id);
        assert_ne!(copy.id, original.id, "no id is there twice");
        assert_eq!(copy.parent_id.as_ref(), Some(&original.id));
        assert_eq!((&copy.agent_type, &copy.tags, copy.state), (&original.agent_type, &original.tags, AgentState::Running));
        assert_eq!(shell(&to, "a", "cat /root/file; hostname").await, "kept\nhere\n");
        assert_eq!(to.resources("a").await.expect("limits").memory_bytes, Some(64 << 20));
        let now = bed.provider.get("a").await.expect("the original");
        assert_eq!((&now.container_id, now.state), (&original.container_id, AgentState::Running));
        assert_eq!((snapshots(&bed.provider).await, snapshots(&to).await), (0, 1));
        bed.remove_all_of(&to).await;
    }

    #[everywhere]
    async fn an_agent_that_is_moved_keeps_its_id_and_is_nowhere_else(bed) {
        let original = furnished(bed).await;
        let to = bed.another_provider("b").await;
        let migration = Migration { destroy_original: true, name: Some("moved".to_owned()), ..Migration::default() };
        migrate(&bed.provider, &to, "a", &migration).await.expect("migrated");
        let moved = to.get("moved").await.expect("the agent");
        assert_eq!((&moved.id, &moved.created_at, &moved.parent_id), (&original.id, &original.created_at, &original.parent_id));
        assert_eq!(shell(&to, "moved", "cat /root/file").await, "kept\n");
        assert_eq!((agents(&bed.provider).await.len(), snapshots(&bed.provider).await), (0, 0));
        let back = Migration { destroy_original: true, ..Migration::default() };
        migrate(&to, &bed.provider, "moved", &back).await.expect("and back");
        assert_eq!(bed.provider.get("moved").await.expect("the agent").id, original.id);
        bed.remove_all_of(&to).await;
    }

    async fn a_stopped_agent_arrives_stopped_and_can_be_started(bed) {
        furnished(bed).await;
        bed.provider.stop("a", Default::default()).await.expect("stopped");
        let to = bed.another_provider("b").await;
        let done = migrate(&bed.provider, &to, "a", &Migration::default()).await.expect("migrated");
        assert_eq!(done.agent.state, AgentState::Starting, "made and not started");
        to.start("a", Default::default()).await.expect("started");
        assert_eq!(shell(&to, "a", "cat /root/file").await, "kept\n");
        bed.remove_all_of(&to).await;
    }

    async fn an_agent_can_go_by_way_of_a_registry(bed) {
        furnished(bed).await;
        let (registry, to) = (bed.registry(), bed.another_provider("b").await);
        let migration = Migration { via: Some(format!("{}/agents", registry.address())), ..Migration::default() };
        let done = migrate(&bed.provider, &to, "a", &migration).await.expect("migrated");
        let reference = done.registry_reference.expect("a reference");
        assert!(reference.starts_with(&format!("{}/agents@sha256:", registry.address())), "{reference}");
        assert_eq!(shell(&to, "a", "cat /root/file").await, "kept\n");
        assert_eq!(snapshots(&bed.provider).await, 0);
        let third = bed.another_provider("c").await;
        third.snapshot_pull(&reference).await.expect("it is there still");
        bed.remove_all_of(&third).await;
        bed.remove_all_of(&to).await;
    }

    async fn what_is_secret_of_its_environment_stays_and_the_rest_goes_where_agreed(bed) {
        let from = bed.with_settings(json!({ "secret_env": ["*_TOKEN"] })).await;
        let agent = NewAgent {
            start_args: vec!["--env=API_TOKEN=hunter2".to_owned(), "--env=GREETING=hello".to_owned()],
            ..NewAgent::named("a")
        };
        let original = from.create(agent).await.expect("an agent");
        let to = bed.another_provider("b").await;
        let refused = migrate(&from, &to, "a", &Migration::default()).await.expect_err("nobody has agreed");
        assert!(refused.message().contains("GREETING") && !refused.message().contains("hunter2"), "{}", refused.message());
        assert_untouched(bed, &to, &original).await;
        let migration = Migration { include_env: true, ..Migration::default() };
        let done = migrate(&from, &to, "a", &migration).await.expect("agreed");
        assert_eq!(done.left_out_env, ["API_TOKEN"]);
        assert_eq!(shell(&to, "a", "echo [$API_TOKEN] $GREETING").await, "[] hello\n");
        bed.remove_all_of(&to).await;
    }

    async fn a_migration_that_can_not_be_is_refused_before_anything_is_done(bed) {
        let original = furnished(bed).await;
        let to = bed.another_provider("b").await;
        let none = Migration::default();
        assert_eq!(error_kind(migrate(&bed.provider, &bed.again().await, "a", &none).await), "invalid_argument");
        assert_eq!(error_kind(migrate(&bed.provider, &to, "none", &none).await), "not_found");
        to.create(NewAgent::named("a")).await.expect("an agent of that name");
        assert_eq!(error_kind(migrate(&bed.provider, &to, "a", &none).await), "already_exists");
        to.destroy("a", Default::default()).await.expect("destroyed");
        assert_untouched(bed, &to, &original).await;

        let lossy = NewAgent { start_args: vec!["--tmpfs=/root".to_owned()], ..NewAgent::named("lossy") };
        bed.provider.create(lossy).await.expect("an agent");
        let blocked = migrate(&bed.provider, &to, "lossy", &none).await;
        assert!(matches!(blocked, Err(ProviderError::SnapshotBlocked(_))), "{blocked:?}");
        assert_untouched(bed, &to, &original).await;
        migrate(&bed.provider, &to, "lossy", &Migration { force: true, ..none }).await.expect("forced");
        bed.remove_all_of(&to).await;
    }

    async fn a_migration_that_the_other_provider_refuses_leaves_everything_as_it_was(bed) {
        let generous = bed.provider_on(bed.engine.clone(), bed.provider.name(), |config| {
            config.permissions = Permissions::of(&json!({"docker.sysctls": ["net.ipv4.ip_forward"]})).expect("a permission");
        }).await;
        let agent = NewAgent { start_args: vec!["--sysctl=net.ipv4.ip_forward=1".to_owned()], ..NewAgent::named("a") };
        let original = generous.create(agent).await.expect("an agent");
        let to = bed.another_provider("b").await;
        let migration = Migration { destroy_original: true, ..Migration::default() };
        assert_eq!(error_kind(migrate(&generous, &to, "a", &migration).await), "denied");
        assert_untouched(bed, &to, &original).await;
    }

    async fn a_migration_that_is_cancelled_at_any_step_leaves_everything_as_it_was(bed) {
        let original = furnished(bed).await;
        let there = bed.another_provider("b").await;
        for step in 0..12 {
            let cancel = CancellationToken::new();
            let (token, reports) = (cancel.clone(), std::sync::atomic::AtomicUsize::new(0));
            let sink: mngr_host_shim::engine::ProgressSink = Arc::new(move |_| {
                if reports.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == step {
                    token.cancel();
                }
            });
            let from = bed.provider.clone().cancelled_by(cancel.clone()).on_progress(sink.clone());
            let to = there.clone().cancelled_by(cancel).on_progress(sink);
            match migrate(&from, &to, "a", &Migration::default()).await {
                Err(error) => assert_eq!(error.kind(), "unavailable", "step {step}: {}", error.message()),
                Ok(done) => {
                    there.destroy(&done.agent.id, mngr_host_shim::contract::instance::DestroyRequest { snapshots: true }).await.expect("destroyed");
                    there.snapshot_delete(None, &done.snapshot.id).await.expect("deleted");
                }
            }
            assert_untouched(bed, &there, &original).await;
        }
        bed.remove_all_of(&there).await;
    }
}

/// Another engine with another provider of the same name, as on another machine.
async fn elsewhere(bed: &Testbed) -> (SandboxEngine, Provider) {
    let engine = SandboxEngine::new();
    let provider = bed
        .provider_on(Arc::new(engine.clone()), bed.provider.name(), |_| {})
        .await;
    (engine, provider)
}

#[test]
fn between_two_real_engines_an_agent_takes_all_its_files_along() {
    // The first of them is behind SSH.
    mngr_docker_tests::run(mngr_docker_tests::Kind::Remote, async |bed| {
        let second = PrivateEngine::start(Setup::default()).await;
        let config = ProviderConfig {
            host: Some(second.host()),
            ..ProviderConfig::named("second")
        };
        let engine = connect(&config, &Environment::of_process(), &Tunnels::default());
        let engine: Arc<dyn Engine> = Arc::new(engine.expect("its address"));
        let to = bed.provider_on(engine.clone(), bed.provider.name(), |_| {}).await;
        let original = furnished(bed).await;
        let make = "dd if=/dev/urandom of=/root/big bs=1M count=24 2>/dev/null; sha256sum /root/big";
        let sum = bed.shell("a", make).await.1;
        let transferred = Arc::new(std::sync::atomic::AtomicU64::new(0));
        let seen = transferred.clone();
        let telling = to.clone().on_progress(Arc::new(move |progress| {
            if progress.step == "transferring" {
                seen.store(progress.done.unwrap_or_default(), std::sync::atomic::Ordering::Relaxed);
            }
        }));
        let migration = Migration {
            destroy_original: true,
            ..Migration::default()
        };
        let done = migrate(&bed.provider, &telling, "a", &migration)
            .await
            .expect("migrated");
        assert_eq!(done.agent.id, original.id);
        assert!(transferred.load(std::sync::atomic::Ordering::Relaxed) > 24 << 20);
        assert_eq!(shell(&to, "a", "sha256sum /root/big").await, sum);
        assert_eq!(to.resources("a").await.expect("limits").memory_bytes, Some(64 << 20));
        assert!(agents(&bed.provider).await.is_empty());
        let images = engine.image_list(Vec::new()).await.expect("a list");
        let mut names: Vec<_> = images.iter().flat_map(|image| &image.tags).collect();
        names.retain(|name| *name != "mngr-test:busybox");
        assert_eq!(names, [&done.snapshot.image]);
        assert_eq!(remove_all(&*engine, to.name()).await, Vec::<String>::new());
    });
}

#[test]
fn between_two_engines_a_snapshot_keeps_its_id_and_nothing_of_a_failure_stays() {
    mngr_docker_tests::run(mngr_docker_tests::Kind::Sandbox, async |bed| {
        let original = furnished(bed).await;
        let (engine, to) = elsewhere(bed).await;
        for (at, operation) in [
            Operation::ImageLoad,
            Operation::ImageDerive,
            Operation::ContainerCreate,
            Operation::ContainerStart,
        ]
        .into_iter()
        .enumerate()
        {
            let full = mngr_host_shim::error::exhausted("disk", "it is full", "make room");
            engine.fail_next(operation, Fault::Error(full));
            let failed = migrate(&bed.provider, &to, "a", &Migration::default()).await;
            assert_eq!(error_kind(failed), "resource_exhausted", "{at}");
            assert_untouched(bed, &to, &original).await;
            let images = engine.image_list(Vec::new()).await.expect("a list");
            assert!(images.is_empty(), "{operation:?}: {images:?}");
        }
        let migration = Migration {
            destroy_original: true,
            ..Migration::default()
        };
        let done = migrate(&bed.provider, &to, "a", &migration).await.expect("migrated");
        assert_eq!(done.agent.id, original.id);
        assert_eq!(shell(&to, "a", "cat /root/file").await, "kept\n");
        assert!(agents(&bed.provider).await.is_empty());
    });
}

#[test]
fn an_original_that_can_not_be_destroyed_is_told_with_how_to_do_it() {
    mngr_docker_tests::run(mngr_docker_tests::Kind::Sandbox, async |bed| {
        furnished(bed).await;
        let (_, to) = elsewhere(bed).await;
        let down = mngr_host_shim::error::unavailable("the engine", "it is down", "start it");
        let sandbox = bed.sandbox.as_ref().expect("the sandbox engine");
        sandbox.fail_next(Operation::ContainerRemove, Fault::Error(down));
        let migration = Migration {
            destroy_original: true,
            ..Migration::default()
        };
        let error = migrate(&bed.provider, &to, "a", &migration)
            .await
            .expect_err("it is there twice");
        assert!(error.message().contains("on both with one id"), "{}", error.message());
        assert!(
            error.remedy().contains("mngr-docker destroy a --provider"),
            "{}",
            error.remedy()
        );
        assert_eq!(agents(&to).await.len(), 1);
    });
}
