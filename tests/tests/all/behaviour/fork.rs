//! Many agents of one, all or none.

use mngr_docker_tests::{behaviours, error_kind};
use mngr_host_shim::contract::instance::{DiscoverRequest, ForkRequest, SnapshotFilter, SnapshotRequest};
use mngr_host_shim::contract::types::AgentState;
use mngr_host_shim::provider::NewAgent;

fn into(names: &[&str]) -> ForkRequest {
    ForkRequest {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        ..ForkRequest::default()
    }
}

behaviours! {
    async fn forks_have_the_agents_files_and_arguments_and_identities_of_their_own(bed) {
        let parent = bed.provider.create(NewAgent {
            tags: vec![("team".to_owned(), "red".to_owned())],
            start_args: vec!["--memory=64m".to_owned(), "--env=A=1".to_owned()],
            ..NewAgent::named("a")
        }).await.expect("an agent");
        bed.shell("a", "echo kept > /root/file").await;
        let forks = bed.provider.fork("a", into(&["b", "c"])).await.expect("forks");
        assert_eq!(forks.iter().map(|fork| fork.name.as_str()).collect::<Vec<_>>(), ["b", "c"]);
        for fork in &forks {
            assert_eq!(fork.state, AgentState::Running);
            assert_ne!(fork.id, parent.id);
            assert_eq!(fork.parent_id.as_deref(), Some(parent.id.as_str()));
            assert_eq!(fork.tags, parent.tags);
            assert_eq!(bed.shell(&fork.name, "cat /root/file; echo $A").await, (0, "kept\n1\n".to_owned()));
            assert_eq!(bed.provider.resources(&fork.name).await.expect("limits").memory_bytes, Some(64 << 20));
        }
        bed.shell("b", "echo other > /root/file").await;
        assert_eq!(bed.shell("a", "cat /root/file").await.1, "kept\n");
        assert_eq!(bed.shell("c", "cat /root/file").await.1, "kept\n");
        let snapshots = bed.provider.snapshot_list(SnapshotFilter::default()).await.expect("a list");
        assert_eq!(snapshots.len(), 1);
        assert_eq!(forks[0].snapshot_id.as_deref(), Some(snapshots[0].id.as_str()));
        assert_eq!(bed.provider.get("a").await.expect("the agent").state, AgentState::Running);
    }

    async fn a_fork_of_a_snapshot_has_the_files_of_then(bed) {
        bed.agent("a").await;
        bed.shell("a", "echo then > /root/file").await;
        let snapshot = bed.provider.snapshot_create("a", SnapshotRequest::default()).await.expect("a snapshot");
        bed.shell("a", "echo now > /root/file").await;
        let request = ForkRequest { snapshot: Some(snapshot.id.clone()), ..into(&["b"]) };
        bed.provider.fork("a", request).await.expect("a fork");
        assert_eq!(bed.shell("b", "cat /root/file").await.1, "then\n");
        assert_eq!(bed.provider.snapshot_list(SnapshotFilter::default()).await.expect("a list").len(), 1);
        bed.agent("other").await;
        let foreign = ForkRequest { snapshot: Some(snapshot.id), ..into(&["d"]) };
        assert_eq!(error_kind(bed.provider.fork("other", foreign).await), "invalid_argument");
    }

    async fn a_fork_that_can_not_be_made_whole_leaves_nothing(bed) {
        bed.agent("a").await;
        bed.agent("taken").await;
        assert_eq!(error_kind(bed.provider.fork("a", into(&["b", "taken"])).await), "already_exists");
        assert_eq!(error_kind(bed.provider.fork("a", into(&["b", "b"])).await), "already_exists");
        assert_eq!(error_kind(bed.provider.fork("a", into(&[])).await), "invalid_argument");
        assert_eq!(error_kind(bed.provider.fork("none", into(&["b"])).await), "not_found");
        let unstartable = ForkRequest { start_args: vec!["--entrypoint=/no/such/program".to_owned(), "--init=false".to_owned()], ..into(&["b", "c"]) };
        assert!(bed.provider.fork("a", unstartable).await.is_err());
        assert_eq!(bed.provider.discover(DiscoverRequest::default()).await.expect("a list").len(), 2);
        assert_eq!(bed.provider.snapshot_list(SnapshotFilter::default()).await.expect("a list").len(), 0);
    }

    async fn changes_are_those_since_the_image(bed) {
        bed.agent("a").await;
        bed.shell("a", "echo new > /added").await;
        let changes = bed.provider.changes("a").await.expect("changes");
        assert!(changes.added.iter().any(|path| path == "/added"), "{changes:?}");
        let snapshot = bed.provider.snapshot_create("a", SnapshotRequest::default()).await.expect("a snapshot");
        let request = ForkRequest { snapshot: Some(snapshot.id), ..into(&["b"]) };
        bed.provider.fork("a", request).await.expect("a fork");
        let changes = bed.provider.changes("b").await.expect("changes");
        assert!(!changes.added.iter().any(|path| path == "/added"), "{changes:?}");
    }
}
