//! A process or an engine that dies in the middle: the next call finishes or rolls back what it left.
//!
//! A call whose future is dropped is as dead as one whose process was killed: nothing of it runs any more, and its entry in
//! the journal is not locked.

use std::sync::Arc;

use mngr_docker_tests::{Kind, Testbed, behaviours};
use mngr_host_shim::contract::ProviderError;
use mngr_host_shim::contract::docker::ContainerStatus;
use mngr_host_shim::contract::instance::{
    DestroyRequest, DiscoverRequest, SnapshotFilter, SnapshotRequest, StartRequest, StopRequest,
};
use mngr_host_shim::contract::types::{AgentState, Timeout};
use mngr_host_shim::error::internal;
use mngr_host_shim::provider::{AgentSource, NewAgent, Provider};
use mngr_host_shim::sandbox::{Fault, Operation};
use tokio::sync::Notify;

/// The same provider, which says when a step begins whose name begins with `step`.
fn watched(provider: Provider, step: &'static str) -> (Provider, Arc<Notify>) {
    let begun = Arc::new(Notify::new());
    let teller = begun.clone();
    let provider = provider.on_progress(Arc::new(move |progress| {
        if progress.step.starts_with(step) {
            teller.notify_one();
        }
    }));
    (provider, begun)
}

fn lost() -> ProviderError {
    ProviderError::Timeout(Timeout {
        subject: "the engine".to_owned(),
        after_ms: 1,
        may_have_happened: true,
        remedy: "wait".to_owned(),
    })
}

/// Dies, perhaps before it has met the fault that was to hold it.
fn die(bed: &Testbed, dying: Provider) {
    drop(dying);
    if let Some(sandbox) = &bed.sandbox {
        sandbox.forget_faults();
    }
}

fn volumes(name: &str) -> NewAgent {
    NewAgent {
        start_args: vec!["--volume=/data".to_owned()],
        ..NewAgent::named(name)
    }
}

fn along() -> SnapshotRequest {
    SnapshotRequest {
        pause: Some(true),
        include_volumes: true,
        ..SnapshotRequest::default()
    }
}

/// How many images there are of this provider.
async fn images(bed: &Testbed) -> usize {
    let own = format!("{}={}", mngr_host_shim::policy::PROVIDER_LABEL, bed.provider.name());
    bed.engine.image_list(vec![own]).await.expect("images").len()
}

async fn snapshots(bed: &Testbed) -> usize {
    let all = bed.provider.snapshot_list(SnapshotFilter { agent: None }).await;
    all.expect("a list").len()
}

behaviours! {
    async fn a_create_that_died_while_it_started_leaves_no_agent(bed) {
        let (dying, begun) = watched(bed.again().await, "starting");
        if let Some(sandbox) = &bed.sandbox {
            sandbox.fail_next(Operation::ContainerStart, Fault::Hang);
        }
        tokio::select! {
            _ = dying.create(NewAgent::named("a")) => panic!("it was to die"),
            () = begun.notified() => {}
        }
        die(bed, dying);
        let next = bed.again().await;
        assert!(next.discover(DiscoverRequest::default()).await.expect("a list").is_empty());
        assert!(next.reconcile().await.expect("nothing left").is_empty());
        next.create(NewAgent::named("a")).await.expect("the name is free");
    }

    async fn a_create_from_a_snapshot_that_died_leaves_no_volume(bed) {
        bed.provider.create(volumes("a")).await.expect("an agent");
        let snapshot = bed.provider.snapshot_create("a", along()).await.expect("a snapshot");
        let (dying, begun) = watched(bed.again().await, "starting");
        if let Some(sandbox) = &bed.sandbox {
            sandbox.fail_next(Operation::ContainerStart, Fault::Hang);
        }
        let agent = NewAgent { from: AgentSource::Snapshot(snapshot.id.clone()), ..NewAgent::named("b") };
        tokio::select! {
            _ = dying.create(agent) => panic!("it was to die"),
            () = begun.notified() => {}
        }
        die(bed, dying);
        let next = bed.again().await;
        assert_eq!(next.discover(DiscoverRequest::default()).await.expect("a list").len(), 1);
        assert_eq!(next.volumes().await.expect("volumes").len(), 0);
    }

    async fn nothing_is_left_to_reconcile_after_calls_that_ended(bed) {
        bed.agent("a").await;
        bed.provider.snapshot_create("a", SnapshotRequest::default()).await.expect("a snapshot");
        assert!(bed.provider.create(NewAgent::named("a")).await.is_err());
        assert!(bed.again().await.reconcile().await.expect("reconciled").is_empty());
        assert_eq!(bed.provider.get("a").await.expect("it").name, "a");
    }

    async fn snapshots_of_one_agent_at_once_queue_and_none_leaves_it_frozen(bed) {
        bed.agent("a").await;
        let request = || SnapshotRequest { pause: Some(true), ..SnapshotRequest::default() };
        let other = bed.again().await;
        let taken = futures::future::join_all((0..6).map(|at| {
            let provider = if at % 2 == 0 { &bed.provider } else { &other };
            provider.snapshot_create("a", request())
        })).await;
        for snapshot in taken {
            snapshot.expect("a snapshot");
        }
        let agent = bed.provider.get("a").await.expect("it");
        assert_eq!(bed.engine.container_inspect(&agent.container_id, false).await.expect("it").state.status, ContainerStatus::Running);
        assert_eq!(snapshots(bed).await, 6);
    }

    async fn a_snapshot_does_not_outlive_a_destroy_that_takes_snapshots_along(bed) {
        for _ in 0..4 {
            bed.agent("a").await;
            let destroy = bed.provider.destroy("a", DestroyRequest { snapshots: true });
            let (_, destroyed) = tokio::join!(bed.provider.snapshot_create("a", SnapshotRequest::default()), destroy);
            destroyed.expect("destroyed");
            assert_eq!(snapshots(bed).await, 0, "one came back from the dead");
        }
    }
}

/// Only in memory: no real engine can be made to lose just this answer.
#[test]
fn a_commit_whose_answer_is_lost_is_thawed_unless_it_was_frozen_by_hand() {
    mngr_docker_tests::run(Kind::Sandbox, async |bed| {
        let sandbox = bed.sandbox.as_ref().expect("the sandbox");
        let agent = bed.agent("a").await;
        let request = || SnapshotRequest {
            pause: Some(true),
            ..SnapshotRequest::default()
        };
        let status = async || {
            bed.engine
                .container_inspect(&agent.container_id, false)
                .await
                .expect("it")
                .state
                .status
        };

        // The engine dies in the middle and comes back: the container stays frozen, and there is no image.
        sandbox.fail_next(Operation::ContainerCommit, Fault::Error(lost()));
        assert!(bed.provider.snapshot_create("a", request()).await.is_err());
        bed.engine.container_pause(&agent.container_id).await.expect("frozen");
        sandbox.forget_events();
        let actions = bed.again().await.reconcile().await.expect("reconciled");
        assert_eq!(
            actions.iter().map(|action| action.verb.as_str()).collect::<Vec<_>>(),
            ["unpause"]
        );
        assert_eq!(status().await, ContainerStatus::Running);

        bed.provider.pause("a").await.expect("frozen by hand");
        sandbox.fail_next(Operation::ContainerCommit, Fault::Error(lost()));
        assert!(bed.provider.snapshot_create("a", request()).await.is_err());
        sandbox.forget_events();
        assert!(bed.again().await.reconcile().await.expect("reconciled").is_empty());
        assert_eq!(status().await, ContainerStatus::Paused);
    });
}

/// Only in memory: no real engine can be made to lose just this answer.
#[test]
fn a_commit_that_lost_its_answer_and_made_its_image_is_a_snapshot() {
    mngr_docker_tests::run(Kind::Sandbox, async |bed| {
        let sandbox = bed.sandbox.as_ref().expect("the sandbox");
        bed.agent("a").await;
        sandbox.fail_next(Operation::ContainerCommit, Fault::AfterEffect(lost()));
        bed.provider
            .snapshot_create("a", SnapshotRequest::default())
            .await
            .expect("found by its tag");
        assert_eq!(snapshots(bed).await, 1);
        assert!(bed.again().await.reconcile().await.expect("reconciled").is_empty());
    });
}

/// Only in memory: no real engine can be made to lose just this answer.
#[test]
fn an_agent_whose_old_container_may_be_gone_keeps_the_new_one() {
    for (fault, settled) in [
        (Fault::AfterEffect(lost()), vec![]),
        (Fault::Error(lost()), vec!["remove"]),
    ] {
        mngr_docker_tests::run(Kind::Sandbox, async |bed| {
            let sandbox = bed.sandbox.as_ref().expect("the sandbox");
            bed.agent("a").await;
            let taken = bed.provider.snapshot_create("a", SnapshotRequest::default()).await;
            let snapshot = taken.expect("a snapshot").id;
            bed.provider.stop("a", StopRequest::default()).await.expect("stopped");
            let old = bed.provider.get("a").await.expect("it").container_id;
            sandbox.fail_next(Operation::ContainerRemove, fault);
            let request = StartRequest {
                snapshot: Some(snapshot),
            };
            let anew = bed.provider.start("a", request).await.expect("it runs anew");
            assert_ne!(anew.container_id, old);
            let actions = bed.again().await.reconcile().await.expect("reconciled");
            let verbs: Vec<_> = actions.iter().map(|action| action.verb.as_str()).collect();
            assert_eq!(verbs, settled, "{actions:?}");
            let there = bed.provider.discover(DiscoverRequest::default()).await.expect("a list");
            let there: Vec<_> = there.iter().map(|agent| agent.container_id.as_str()).collect();
            assert_eq!(there, [anew.container_id.as_str()]);
        });
    }
}

/// Only in memory: a real engine fails to thaw where its disk is full, and not every time.
#[test]
fn an_agent_that_the_engine_could_not_thaw_is_thawed_by_the_next_call() {
    mngr_docker_tests::run(Kind::Sandbox, async |bed| {
        let sandbox = bed.sandbox.as_ref().expect("the sandbox");
        bed.provider.create(volumes("a")).await.expect("an agent");
        let full = || internal("a container", "the engine could not thaw it", "make room");
        sandbox.fail_next(Operation::ContainerUnpause, Fault::Error(full()));
        bed.provider.snapshot_create("a", along()).await.expect("a snapshot");
        let actions = bed.again().await.reconcile().await.expect("reconciled");
        let verbs: Vec<_> = actions.iter().map(|action| action.verb.as_str()).collect();
        assert_eq!(verbs, ["finish", "unpause"], "{actions:?}");
        assert_eq!(bed.provider.get("a").await.expect("it").state, AgentState::Running);
        assert_eq!(snapshots(bed).await, 1, "it was taken all the same");
    });
}

/// Only in memory: no real engine can be made to fail just there.
#[test]
fn a_snapshot_that_fails_half_way_takes_back_what_it_had_of_the_volumes() {
    mngr_docker_tests::run(Kind::Sandbox, async |bed| {
        let sandbox = bed.sandbox.as_ref().expect("the sandbox");
        let two = NewAgent {
            start_args: vec!["--volume=/data".to_owned(), "--volume=/more".to_owned()],
            ..NewAgent::named("a")
        };
        bed.provider.create(two).await.expect("an agent");
        for (operation, fault) in [
            (Operation::VolumeImport, Fault::AfterEffect(lost())),
            (Operation::VolumeImport, Fault::Error(lost())),
            (Operation::ContainerPause, Fault::AfterEffect(lost())),
            (Operation::ContainerCommit, Fault::Error(lost())),
        ] {
            sandbox.fail_next(operation, fault);
            assert!(
                bed.provider.snapshot_create("a", along()).await.is_err(),
                "{operation:?}"
            );
            assert_eq!(images(bed).await, 0, "{operation:?}");
            // It settles what it can, and waits for nothing.
            let next = bed.again().await;
            assert_eq!(
                next.get("a").await.expect("it").state,
                AgentState::Running,
                "{operation:?}"
            );
        }
    });
}

/// In memory an archive takes no time to die in.
#[test]
fn a_snapshot_that_died_over_a_volume_leaves_nothing_and_nobody_frozen() {
    mngr_docker_tests::run(Kind::Real, async |bed| {
        bed.provider.create(volumes("a")).await.expect("an agent");
        bed.shell("a", "seq 1 1000 > /data/file").await;
        let (dying, begun) = watched(bed.again().await, "archiving");
        tokio::select! {
            _ = dying.snapshot_create("a", along()) => panic!("it was to die"),
            () = begun.notified() => {}
        }
        die(bed, dying);
        let next = bed.again().await;
        // What it had under way when it was dropped comes to its end first, as it does not where a process dies.
        while next.get("a").await.expect("it").state == AgentState::Paused {
            next.reconcile().await.expect("reconciled");
        }
        assert_eq!(images(bed).await, 0);
        next.snapshot_create("a", along()).await.expect("a snapshot");
        assert_eq!(images(bed).await, 2);
    });
}
