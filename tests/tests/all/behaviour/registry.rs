//! Snapshots to a registry and back.

use std::net::TcpListener;
use std::sync::Arc;

use mngr_docker_tests::{Kind, Registry, Testbed, behaviours, error_kind, run, until_asked};
use mngr_host_shim::contract::ProviderError;
use mngr_host_shim::contract::docker::DeriveOptions;
use mngr_host_shim::contract::instance::{PushRequest, SnapshotFilter, SnapshotRequest};
use mngr_host_shim::contract::types::{FindingKind, Snapshot};
use mngr_host_shim::provider::{AgentSource, NewAgent, Provider};
use mngr_host_shim::sandbox::{Fault, Operation};
use serde_json::json;
use tokio_util::sync::CancellationToken;

const IMAGE: &str = "mngr-test:busybox";

fn push(snapshot: &Snapshot, reference: String) -> PushRequest {
    PushRequest {
        snapshot: snapshot.id.clone(),
        reference,
        include_env: false,
    }
}

async fn snapshot(provider: &Provider, agent: &str) -> Snapshot {
    let request = SnapshotRequest {
        name: "kept".to_owned(),
        ..SnapshotRequest::default()
    };
    provider.snapshot_create(agent, request).await.expect("a snapshot")
}

async fn ids(provider: &Provider) -> Vec<String> {
    let listed = provider.snapshot_list(SnapshotFilter::default()).await.expect("a list");
    listed.into_iter().map(|snapshot| snapshot.id).collect()
}

/// Names of images on the engine that begin like this.
async fn named(bed: &Testbed, beginning: &str) -> Vec<String> {
    let images = bed.engine.image_list(Vec::new()).await.expect("a list");
    let tags = images.into_iter().flat_map(|image| image.tags);
    tags.filter(|tag| tag.starts_with(beginning)).collect()
}

/// A registry that takes a connection and never answers: its address, and what keeps it.
fn hung(bed: &Testbed) -> (String, Option<TcpListener>) {
    if let Some(sandbox) = &bed.sandbox {
        sandbox.fail_next(Operation::ImagePush, Fault::Hang);
        return ("registry.test:5000".to_owned(), None);
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    (listener.local_addr().expect("an address").to_string(), Some(listener))
}

/// A snapshot with a secret in its environment, and how to push it.
async fn secretive(bed: &Testbed, address: &str) -> (Provider, PushRequest) {
    let provider = bed.with_settings(json!({ "secret_env": ["*_TOKEN"] })).await;
    let agent = NewAgent {
        start_args: vec!["--env=API_TOKEN=hunter2".to_owned()],
        ..NewAgent::named("a")
    };
    provider.create(agent).await.expect("an agent");
    let taken = snapshot(&provider, "a").await;
    (provider, push(&taken, format!("{address}/agents:1")))
}

/// Ends once the snapshot has its name for the push.
async fn lent(bed: &Testbed, address: &str) {
    until_asked("it has its name", async || !named(bed, address).await.is_empty()).await;
}

async fn assert_nothing_is_left(bed: &Testbed, address: &str, snapshot: &str) {
    assert_eq!(named(bed, address).await, Vec::<String>::new());
    let made = named(bed, "mngr-push:").await;
    assert!(!made.iter().any(|tag| tag.contains(snapshot)), "{made:?}");
    assert_eq!(ids(&bed.provider).await, [snapshot]);
}

async fn from_snapshot(provider: &Provider, name: &str, snapshot: &Snapshot) {
    let agent = NewAgent {
        from: AgentSource::Snapshot(snapshot.id.clone()),
        ..NewAgent::named(name)
    };
    provider.create(agent).await.expect("an agent of the snapshot");
}

behaviours! {
    #[everywhere]
    async fn a_snapshot_that_went_to_a_registry_comes_back_by_its_digest(bed) {
        let registry = bed.registry();
        bed.agent("a").await;
        bed.shell("a", "echo kept > /root/file").await;
        let taken = snapshot(&bed.provider, "a").await;
        let pushed = bed.provider.snapshot_push(push(&taken, format!("{}/team/agents", registry.address()))).await.expect("pushed");
        assert_eq!(pushed.reference, format!("{}/team/agents:{}", registry.address(), taken.id));
        assert!(pushed.digest.starts_with("sha256:"), "{}", pushed.digest);
        assert_eq!(named(bed, registry.address()).await, Vec::<String>::new(), "the name was only lent");
        bed.provider.snapshot_delete(None, &taken.id).await.expect("deleted");
        bed.provider.destroy("a", Default::default()).await.expect("destroyed");

        let reference = format!("{}/team/agents@{}", registry.address(), pushed.digest);
        let pulled = bed.provider.snapshot_pull(&reference).await.expect("pulled");
        assert_eq!((&pulled.id, &pulled.agent_id, &pulled.name), (&taken.id, &taken.agent_id, &taken.name));
        assert_eq!(ids(&bed.provider).await, [taken.id.as_str()]);
        assert_eq!(named(bed, registry.address()).await, Vec::<String>::new());
        from_snapshot(&bed.provider, "b", &pulled).await;
        assert_eq!(bed.shell("b", "cat /root/file").await.1, "kept\n");
        let again = bed.provider.snapshot_pull(&pushed.reference).await.expect("the same is a success");
        assert_eq!((again.id, again.image_id), (pulled.id, pulled.image_id));
    }

    async fn an_environment_leaves_only_where_that_is_agreed_to_and_what_is_secret_never(bed) {
        let registry = bed.registry();
        let provider = bed.with_settings(json!({ "secret_env": ["*_token"] })).await;
        let agent = NewAgent {
            start_args: vec!["--env=API_TOKEN=hunter2".to_owned(), "--env=GREETING=hello".to_owned()],
            ..NewAgent::named("a")
        };
        provider.create(agent).await.expect("an agent");
        bed.shell("a", "echo kept > /root/file").await;
        let taken = snapshot(&provider, "a").await;
        let reference = format!("{}/agents:1", registry.address());
        let Err(ProviderError::SnapshotBlocked(findings)) = provider.snapshot_push(push(&taken, reference.clone())).await else {
            panic!("nobody has agreed")
        };
        assert_eq!((findings.len(), findings[0].kind), (1, FindingKind::Environment));
        assert_eq!(findings[0].source.as_deref(), Some("GREETING"));
        assert_eq!(error_kind(provider.snapshot_pull(&reference).await), "not_found");

        let request = PushRequest { include_env: true, ..push(&taken, reference.clone()) };
        let pushed = provider.snapshot_push(request).await.expect("agreed");
        assert_eq!(pushed.left_out_env, ["API_TOKEN"]);
        assert_eq!(named(bed, "mngr-push:").await.iter().filter(|tag| tag.contains(&taken.id)).count(), 0);
        if bed.sandbox.is_none() {
            assert!(registry.holds("GREETING=hello") && !registry.holds("hunter2"), "neither configuration nor history");
        }
        let other = bed.another_provider("b").await;
        let pulled = other.snapshot_pull(&reference).await.expect("pulled");
        assert_eq!(pulled.findings.len(), 1);
        assert_eq!(pulled.findings[0].source.as_deref(), Some("GREETING"), "what it still holds");
        from_snapshot(&other, "b", &pulled).await;
        let session = other.exec("b", mngr_docker_tests::argv(&["sh", "-c", "echo [$API_TOKEN] $GREETING; cat /root/file"])).await;
        let (_, printed, _) = mngr_docker_tests::output_of(session.expect("an exec")).await;
        assert_eq!(printed, "[] hello\nkept\n");
        assert_eq!(bed.shell("a", "echo $API_TOKEN").await.1, "hunter2\n", "the original has it still");
        bed.remove_all_of(&other).await;
    }

    async fn two_providers_on_one_engine_never_share_a_pulled_snapshot(bed) {
        let registry = bed.registry();
        bed.agent("a").await;
        let taken = snapshot(&bed.provider, "a").await;
        let pushed = bed.provider.snapshot_push(push(&taken, format!("{}/agents", registry.address()))).await.expect("pushed");
        let other = bed.another_provider("b").await;
        let pulled = other.snapshot_pull(&pushed.reference).await.expect("pulled");
        assert_ne!(pulled.id, taken.id);
        assert_eq!(pulled.parent.as_deref(), Some(taken.id.as_str()));
        assert_eq!((ids(&bed.provider).await, ids(&other).await), (vec![taken.id.clone()], vec![pulled.id.clone()]));
        other.snapshot_delete(None, &pulled.id).await.expect("deleted");
        assert_eq!(ids(&bed.provider).await, [taken.id]);
        bed.remove_all_of(&other).await;
    }

    async fn what_is_no_snapshot_of_ours_is_not_taken_in(bed) {
        let registry = bed.registry();
        let repository = format!("{}/other", registry.address());
        bed.engine.image_tag(IMAGE, &repository, "1").await.expect("tagged");
        let quiet = || -> mngr_host_shim::engine::ProgressSink { Arc::new(|_| {}) };
        bed.engine.image_push(&format!("{repository}:1"), None, quiet()).await.expect("pushed");
        let error = bed.provider.snapshot_pull(&format!("{repository}:1")).await.expect_err("a plain image");
        assert_eq!(error.field(), Some("reference"));
        assert!(error.message().contains("linux/") && error.remedy().contains("create NAME --image"), "{}", error.message());

        bed.agent("a").await;
        let taken = snapshot(&bed.provider, "a").await;
        for (label, forged) in [
            ("com.imbue.mngr.snapshot.id", "snap-../../x"),
            ("com.imbue.mngr.agent-id", "agent-1"),
            ("com.imbue.mngr.agent-name", "a\u{1b}[2J"),
        ] {
            let options = DeriveOptions {
                repository: repository.clone(),
                tag: "2".to_owned(),
                labels: vec![(label.to_owned(), forged.to_owned())],
                without_env: Vec::new(),
            };
            bed.engine.image_derive(&taken.image, options).await.expect("forged");
            bed.engine.image_push(&format!("{repository}:2"), None, quiet()).await.expect("pushed");
            let error = bed.provider.snapshot_pull(&format!("{repository}:2")).await.expect_err(label);
            assert!(error.message().contains(label) && !error.message().contains('\u{1b}'), "{}", error.message());
            bed.engine.image_remove(&format!("{repository}:2"), true).await.expect("removed");
        }
        assert_eq!(ids(&bed.provider).await, [taken.id]);
        bed.engine.image_remove(&format!("{repository}:1"), true).await.expect("removed");
    }

    async fn a_name_that_an_image_had_before_is_its_own_again_after_a_push(bed) {
        let registry = bed.registry();
        let repository = format!("{}/agents", registry.address());
        bed.engine.image_tag(IMAGE, &repository, "1").await.expect("tagged");
        let before = bed.engine.image_inspect(&format!("{repository}:1")).await.expect("there").id;
        bed.agent("a").await;
        let taken = snapshot(&bed.provider, "a").await;
        bed.provider.snapshot_push(push(&taken, format!("{repository}:1"))).await.expect("pushed");
        assert_eq!(bed.engine.image_inspect(&format!("{repository}:1")).await.expect("there").id, before);
        let ours = bed.engine.image_inspect(&taken.image).await.expect("there");
        assert_eq!(ours.digests, Vec::<String>::new(), "nothing of the name is left on the snapshot");
        bed.engine.image_remove(&format!("{repository}:1"), true).await.expect("removed");
    }

    async fn a_push_that_is_cancelled_takes_the_name_and_the_image_made_for_it_back(bed) {
        let (address, _registry) = hung(bed);
        let (provider, request) = secretive(bed, &address).await;
        let (cancel, id) = (CancellationToken::new(), request.snapshot.clone());
        let provider = provider.cancelled_by(cancel.clone());
        let (pushed, ()) = tokio::join!(provider.snapshot_push(request), async {
            lent(bed, &address).await;
            cancel.cancel();
        });
        assert_eq!(error_kind(pushed), "unavailable");
        assert_nothing_is_left(bed, &address, &id).await;
    }

    async fn a_push_that_died_leaves_nothing_once_it_is_reconciled(bed) {
        let (address, _registry) = hung(bed);
        let (provider, request) = secretive(bed, &address).await;
        let id = request.snapshot.clone();
        tokio::select! {
            _ = provider.snapshot_push(request) => panic!("it was to die"),
            () = lent(bed, &address) => {}
        }
        drop(provider);
        // What it had under way when it was dropped comes to its end first, as it does not where a process dies.
        let actions = loop {
            let actions = bed.again().await.reconcile().await.expect("reconciled");
            if !actions.is_empty() {
                break actions;
            }
        };
        assert!(actions.iter().any(|action| action.subject.starts_with("image mngr-push:")), "{actions:?}");
        assert_nothing_is_left(bed, &address, &id).await;
    }

    async fn references_that_can_not_be_are_refused_before_the_engine_is_asked(bed) {
        bed.agent("a").await;
        let taken = snapshot(&bed.provider, "a").await;
        for bad in ["", "-x/y", "r.example/a@sha256:f00d", "a b"] {
            let error = bed.provider.snapshot_push(push(&taken, bad.to_owned())).await.expect_err(bad);
            assert_eq!(error.field(), Some("reference"), "{bad}");
        }
        let none = PushRequest { snapshot: "none".to_owned(), ..push(&taken, "r.example/a".to_owned()) };
        assert_eq!(error_kind(bed.provider.snapshot_push(none).await), "not_found");
    }
}

#[test]
fn a_registry_that_does_not_answer_is_unavailable_and_what_is_not_in_one_is_not_found() {
    run(Kind::Real, async |bed| {
        bed.agent("a").await;
        let taken = snapshot(&bed.provider, "a").await;
        let nowhere = "127.0.0.1:1/agents".to_owned();
        assert_eq!(
            error_kind(bed.provider.snapshot_push(push(&taken, nowhere.clone())).await),
            "unavailable"
        );
        assert_eq!(error_kind(bed.provider.snapshot_pull(&nowhere).await), "unavailable");
        let registry = bed.registry();
        let missing = format!("{}/agents:none", registry.address());
        assert_eq!(error_kind(bed.provider.snapshot_pull(&missing).await), "not_found");
    });
}

#[test]
fn a_registry_that_wants_credentials_gets_those_of_the_docker_cli_and_says_where_to_log_in() {
    run(Kind::Real, async |bed| {
        let registry = Registry::with_users();
        bed.agent("a").await;
        let taken = snapshot(&bed.provider, "a").await;
        let reference = format!("{}/private/agents:1", registry.address());
        for refused in [
            bed.provider
                .snapshot_push(push(&taken, reference.clone()))
                .await
                .map(drop),
            bed.provider.snapshot_pull(&reference).await.map(drop),
        ] {
            let error = refused.expect_err("nobody is logged in");
            assert_eq!(error.kind(), "denied", "{error:?}");
            assert!(
                error.remedy().contains(&format!("docker login {}", registry.address())),
                "{error:?}"
            );
        }
        bed.log_in(&registry, Registry::AUTH);
        bed.provider
            .snapshot_push(push(&taken, reference.clone()))
            .await
            .expect("pushed");
        let other = bed.another_provider("b").await;
        other.snapshot_pull(&reference).await.expect("pulled");
        // The same credentials serve the image of a new agent.
        bed.provider
            .create(NewAgent::named("c").image(&reference))
            .await
            .expect("an agent of a private image");
        bed.provider.destroy("c", Default::default()).await.expect("destroyed");
        bed.engine
            .image_remove(&reference, true)
            .await
            .expect("the image that was pulled for it");
        bed.remove_all_of(&other).await;
    });
}
