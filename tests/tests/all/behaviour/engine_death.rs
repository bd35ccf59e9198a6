//! The engine itself dies in the middle, and comes back: an engine of the test's own, killed for real.

use mngr_docker_tests::{Fault, PrivateEngine, Testbed, run_private};
use mngr_host_shim::contract::docker::ContainerStatus;
use mngr_host_shim::contract::instance::{SnapshotFilter, SnapshotRequest};
use mngr_host_shim::contract::types::{Agent, AgentState};

/// So much that the engine is still at it when it is killed.
const FILL: &str = "dd if=/dev/zero of=/root/big bs=1M count=256";

async fn status(bed: &Testbed, agent: &Agent) -> ContainerStatus {
    let container = bed.engine.container_inspect(&agent.container_id, false).await;
    container.expect("the container").state.status
}

async fn snapshots(bed: &Testbed) -> usize {
    let all = bed.provider.snapshot_list(SnapshotFilter { agent: None }).await;
    all.expect("a list").len()
}

/// Kills the engine while it commits the agent, which is frozen by then, and starts it again.
async fn killed_in_a_commit(bed: &Testbed, private: &mut PrivateEngine, agent: &Agent) {
    let asked = private.proxy().once("POST /commit", Fault::Tell);
    let provider = bed.again().await;
    let name = agent.name.clone();
    let snapshot = tokio::spawn(async move {
        let request = SnapshotRequest {
            pause: Some(true),
            ..SnapshotRequest::default()
        };
        provider.snapshot_create(&name, request).await
    });
    asked.await.expect("the commit is asked for");
    while status(bed, agent).await != ContainerStatus::Paused {}
    private.kill();
    private.restart();
    let outcome = snapshot.await.expect("it ends");
    assert!(
        outcome.is_err(),
        "the engine finished before it was killed: {outcome:?}"
    );
}

#[test]
fn an_agent_that_a_dead_engines_commit_froze_is_thawed_and_there_is_no_snapshot() {
    run_private(async |bed, private| {
        let agent = bed.agent("a1").await;
        assert_eq!(bed.shell("a1", FILL).await.0, 0);
        killed_in_a_commit(bed, private, &agent).await;
        assert_eq!(status(bed, &agent).await, ContainerStatus::Paused);

        let actions = bed.again().await.reconcile().await.expect("reconciled");
        let verbs: Vec<_> = actions.iter().map(|action| action.verb.as_str()).collect();
        assert_eq!(verbs, ["unpause"], "{actions:?}");
        assert_eq!(status(bed, &agent).await, ContainerStatus::Running);
        assert_eq!(snapshots(bed).await, 0);
        assert_eq!(bed.shell("a1", "rm /root/big").await.0, 0);
        let request = SnapshotRequest::default();
        bed.provider.snapshot_create("a1", request).await.expect("a snapshot");
        assert_eq!(snapshots(bed).await, 1);
    });
}

#[test]
fn the_next_call_of_any_kind_thaws_what_a_dead_engine_left_frozen() {
    run_private(async |bed, private| {
        let agent = bed.agent("a1").await;
        assert_eq!(bed.shell("a1", FILL).await.0, 0);
        killed_in_a_commit(bed, private, &agent).await;
        assert_eq!(
            bed.again().await.get("a1").await.expect("the agent").state,
            AgentState::Running
        );
        assert!(bed.again().await.reconcile().await.expect("nothing is left").is_empty());
    });
}

#[test]
fn an_agent_that_its_user_paused_stays_paused_when_the_engine_dies_in_a_commit() {
    run_private(async |bed, private| {
        let agent = bed.agent("a1").await;
        assert_eq!(bed.shell("a1", FILL).await.0, 0);
        bed.provider.pause("a1").await.expect("paused by hand");
        killed_in_a_commit(bed, private, &agent).await;
        assert!(bed.again().await.reconcile().await.expect("reconciled").is_empty());
        assert_eq!(status(bed, &agent).await, ContainerStatus::Paused);
        assert_eq!(snapshots(bed).await, 0);
        bed.provider.resume("a1").await.expect("resumed");
        assert_eq!(bed.shell("a1", "ls /root/big").await, (0, "/root/big\n".to_owned()));
    });
}
