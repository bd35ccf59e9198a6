//! Snapshots: images of an agent's filesystem, and agents made from them.

use mngr_docker_tests::{Testbed, behaviours, error_kind, tar_of};
use mngr_host_shim::contract::docker::Image;
use mngr_host_shim::contract::instance::{DestroyRequest, SnapshotFilter, SnapshotRequest, StartRequest, StopRequest};
use mngr_host_shim::contract::types::{AgentState, Snapshot};
use mngr_host_shim::provider::{AgentSource, NewAgent};

fn plain() -> SnapshotRequest {
    SnapshotRequest::default()
}

fn named(name: &str) -> SnapshotRequest {
    SnapshotRequest {
        name: name.to_owned(),
        ..plain()
    }
}

fn from(name: &str, snapshot: &str) -> NewAgent {
    NewAgent {
        from: AgentSource::Snapshot(snapshot.to_owned()),
        ..NewAgent::named(name)
    }
}

async fn list(bed: &Testbed, agent: Option<&str>) -> Vec<Snapshot> {
    let filter = SnapshotFilter {
        agent: agent.map(str::to_owned),
    };
    bed.provider.snapshot_list(filter).await.expect("a list")
}

fn label<'a>(image: &'a Image, name: &str) -> Option<&'a str> {
    let key = format!("com.imbue.mngr.{name}");
    image
        .labels
        .iter()
        .find(|(known, _)| *known == key)
        .map(|(_, value)| value.as_str())
}

behaviours! {
    async fn an_agent_that_is_gone_comes_back_from_its_snapshot_as_the_same_agent(bed) {
        let agent = bed.provider.create(NewAgent {
            tags: vec![("team".to_owned(), "red".to_owned())],
            start_args: vec!["--memory=64m".to_owned()],
            ..NewAgent::named("a")
        }).await.expect("an agent");
        assert_eq!(bed.shell("a", "echo kept > /kept").await.0, 0);
        let snapshot = bed.provider.snapshot_create("a", plain()).await.expect("a snapshot");
        bed.provider.destroy("a", Default::default()).await.expect("destroyed");
        assert_eq!(error_kind(bed.provider.start("a", Default::default()).await), "not_found");
        let start = StartRequest { snapshot: Some(snapshot.id.clone()) };
        assert_eq!(error_kind(bed.provider.start("b", start.clone()).await), "not_found");
        let back = bed.provider.start(agent.id.as_str(), start).await.expect("it is back");
        assert_eq!((&back.id, &back.name, &back.tags, &back.created_at), (&agent.id, &agent.name, &agent.tags, &agent.created_at));
        assert_eq!((back.state, back.snapshot_id.as_deref()), (AgentState::Running, Some(snapshot.id.as_str())));
        assert_eq!(bed.shell("a", "cat /kept").await.1.trim(), "kept");
        assert_eq!(bed.provider.resources("a").await.expect("limits").memory_bytes, Some(64 << 20));
    }

    async fn a_snapshot_has_the_seeds_tag_and_the_agents_labels(bed) {
        let agent = bed.agent("a").await;
        let large = "x".repeat(100_000);
        bed.provider.copy_in("a", "/root", tar_of("p", &[("large", &large)]), false).await.expect("copied");
        let snapshot = bed.provider.snapshot_create("a", named("before the change")).await.expect("a snapshot");
        assert_eq!(snapshot.image, format!("mngr-snapshot:{}-{}", agent.id, snapshot.id));
        assert_eq!((&snapshot.agent_id, &snapshot.agent_name), (&agent.id, &agent.name));
        assert_eq!(snapshot.name.as_deref(), Some("before the change"));
        let below = bed.engine.image_inspect(&agent.image).await.expect("the image below it");
        assert!(snapshot.size_bytes >= below.size_bytes + 100_000, "{} over {}", snapshot.size_bytes, below.size_bytes);
        let image = bed.engine.image_inspect(&snapshot.image).await.expect("the image");
        for (name, value) in [("agent-id", agent.id.as_str()), ("agent-name", "a"), ("agent-type", "command"), ("tags", "{}")] {
            assert_eq!(label(&image, name), Some(value), "{name}");
        }
        assert_eq!(label(&image, "created-at"), agent.created_at.as_deref());
        assert_eq!(label(&image, "snapshot.id"), Some(snapshot.id.as_str()));
        assert_eq!(bed.provider.get("a").await.expect("the agent").state, AgentState::Running);
    }

    async fn running_paused_and_stopped_agents_can_be_snapshotted(bed) {
        bed.agent("a").await;
        let unfrozen = SnapshotRequest { pause: Some(false), ..plain() };
        bed.provider.snapshot_create("a", unfrozen).await.expect("of a running agent, not frozen");
        let frozen = SnapshotRequest { pause: Some(true), ..plain() };
        bed.provider.snapshot_create("a", frozen).await.expect("of a running agent, frozen");
        assert_eq!(bed.provider.get("a").await.expect("it").state, AgentState::Running);
        bed.provider.pause("a").await.expect("paused");
        bed.provider.snapshot_create("a", plain()).await.expect("of a paused agent");
        assert_eq!(bed.provider.get("a").await.expect("it").state, AgentState::Paused);
        bed.provider.resume("a").await.expect("resumed");
        bed.provider.stop("a", Default::default()).await.expect("stopped");
        bed.provider.snapshot_create("a", plain()).await.expect("of a stopped agent");
        assert_eq!(list(bed, Some("a")).await.len(), 4);
    }

    async fn an_agent_made_from_a_snapshot_has_its_files_and_an_identity_of_its_own(bed) {
        let old = bed.provider.create(NewAgent {
            tags: vec![("of".to_owned(), "old".to_owned())],
            ..NewAgent::named("old")
        }).await.expect("an agent");
        bed.shell("old", "echo kept > /root/file").await;
        let snapshot = bed.provider.snapshot_create("old", plain()).await.expect("a snapshot");
        let new = bed.provider.create(from("new", &snapshot.id)).await.expect("a new agent");
        assert_ne!(new.id, old.id);
        assert_eq!((new.name.as_str(), new.parent_id.as_deref()), ("new", Some(old.id.as_str())));
        assert_eq!(new.snapshot_id.as_deref(), Some(snapshot.id.as_str()));
        assert!(new.tags.is_empty(), "{:?}", new.tags);
        assert_eq!(bed.shell("new", "cat /root/file").await, (0, "kept\n".to_owned()));
        assert_eq!(bed.provider.get(&old.id).await.expect("the old one").name, "old");
    }

    #[everywhere]
    async fn an_agent_is_restored_in_place_with_its_identity(bed) {
        let before = bed.provider.create(NewAgent {
            tags: vec![("kept".to_owned(), "yes".to_owned())],
            start_args: vec!["--memory=64m".to_owned(), "--env=WORD=hello".to_owned()],
            ..NewAgent::named("a")
        }).await.expect("an agent");
        bed.shell("a", "echo one > /root/file").await;
        let snapshot = bed.provider.snapshot_create("a", plain()).await.expect("a snapshot");
        bed.shell("a", "echo two > /root/file").await;
        bed.provider.stop("a", Default::default()).await.expect("stopped");
        let request = StartRequest { snapshot: Some(snapshot.id.clone()) };
        let after = bed.provider.start("a", request).await.expect("restored");
        assert_eq!((&after.id, &after.name, &after.tags), (&before.id, &before.name, &before.tags));
        assert_eq!(after.created_at, before.created_at);
        assert_eq!(after.state, AgentState::Running);
        assert_ne!(after.container_id, before.container_id);
        assert_eq!(bed.shell("a", "cat /root/file; echo $WORD").await, (0, "one\nhello\n".to_owned()));
        assert_eq!(bed.provider.resources("a").await.expect("limits").memory_bytes, Some(64 << 20));
        assert!(bed.engine.container_inspect(&before.container_id, false).await.is_err(), "the old container is gone");
    }

    async fn a_running_agent_is_not_restored_over(bed) {
        bed.agent("a").await;
        let snapshot = bed.provider.snapshot_create("a", plain()).await.expect("a snapshot");
        let refused = bed.provider.start("a", StartRequest { snapshot: Some(snapshot.id) }).await;
        assert_eq!(error_kind(refused), "conflict");
    }

    async fn another_agents_snapshot_is_refused(bed) {
        bed.agent("a").await;
        bed.agent("b").await;
        let snapshot = bed.provider.snapshot_create("a", plain()).await.expect("a snapshot");
        bed.provider.stop("b", Default::default()).await.expect("stopped");
        let start = bed.provider.start("b", StartRequest { snapshot: Some(snapshot.id.clone()) }).await;
        assert_eq!(error_kind(start), "invalid_argument");
        let delete = bed.provider.snapshot_delete(Some("b".to_owned()), &snapshot.id).await;
        assert_eq!(error_kind(delete), "invalid_argument");
        assert_eq!(list(bed, None).await.len(), 1);
    }

    async fn the_list_is_newest_first_with_parents(bed) {
        bed.agent("a").await;
        let first = bed.provider.snapshot_create("a", named("first")).await.expect("a snapshot");
        bed.provider.stop("a", Default::default()).await.expect("stopped");
        bed.provider.start("a", StartRequest { snapshot: Some("first".to_owned()) }).await.expect("restored by name");
        let second = bed.provider.snapshot_create("a", plain()).await.expect("a snapshot");
        let all = list(bed, Some("a")).await;
        assert_eq!(all.iter().map(|snapshot| &snapshot.id).collect::<Vec<_>>(), [&second.id, &first.id]);
        assert_eq!(all[0].parent.as_deref(), Some(first.id.as_str()));
        assert_eq!((&all[0].name, all[1].name.as_deref()), (&None, Some("first")));
    }

    async fn a_snapshot_in_use_is_not_deleted_and_the_user_is_named(bed) {
        bed.agent("a").await;
        let snapshot = bed.provider.snapshot_create("a", plain()).await.expect("a snapshot");
        bed.provider.create(from("user-of-it", &snapshot.id)).await.expect("an agent");
        let error = bed.provider.snapshot_delete(None, &snapshot.id).await.expect_err("it is in use");
        assert_eq!(error.kind(), "conflict");
        assert!(error.message().contains("user-of-it"), "{}", error.message());
        bed.provider.destroy("user-of-it", Default::default()).await.expect("destroyed");
        let deleted = bed.provider.snapshot_delete(None, &snapshot.id).await.expect("deleted");
        assert_eq!(deleted.id, snapshot.id);
        assert!(list(bed, None).await.is_empty());
    }

    async fn snapshots_outlive_their_agent_unless_asked_otherwise(bed) {
        let agent = bed.agent("a").await;
        let snapshot = bed.provider.snapshot_create("a", plain()).await.expect("a snapshot");
        let destroyed = bed.provider.destroy("a", Default::default()).await.expect("destroyed");
        assert_eq!(destroyed.kept_snapshots, std::slice::from_ref(&snapshot.id));
        assert_eq!(list(bed, Some(&agent.id)).await.len(), 1);
        let revived = bed.provider.create(from("b", &snapshot.id)).await.expect("from it");
        assert_eq!(revived.parent_id, Some(agent.id));
        bed.provider.snapshot_create("b", plain()).await.expect("a snapshot");
        let destroyed = bed.provider.destroy("b", DestroyRequest { snapshots: true }).await.expect("destroyed");
        assert_eq!(destroyed.deleted_snapshots.len(), 1);
        assert_eq!(list(bed, None).await.len(), 1, "only its own snapshots go with it");
    }

    async fn stop_takes_a_snapshot_first_where_asked_to(bed) {
        bed.agent("a").await;
        let request = StopRequest { timeout_seconds: None, snapshot: Some(named("at the end")) };
        let stopped = bed.provider.stop("a", request).await.expect("stopped");
        assert_eq!(stopped.agent.state, AgentState::Stopped);
        assert_eq!(stopped.snapshot.expect("a snapshot").name.as_deref(), Some("at the end"));
    }

    async fn a_snapshot_that_is_not_there_is_named(bed) {
        bed.agent("a").await;
        for result in [
            bed.provider.create(from("b", "snap-nothing")).await.map(drop),
            bed.provider.snapshot_delete(None, "snap-nothing").await.map(drop),
        ] {
            let error = result.expect_err("no such snapshot");
            assert_eq!(error.kind(), "not_found");
            assert!(error.message().contains("snap-nothing"), "{}", error.message());
        }
    }

    async fn another_providers_snapshots_are_not_seen(bed) {
        let other = bed.another_provider("b").await;
        other.create(NewAgent::named("a")).await.expect("an agent");
        let snapshot = other.snapshot_create("a", plain()).await.expect("a snapshot");
        assert!(list(bed, None).await.is_empty());
        assert_eq!(error_kind(bed.provider.create(from("b", &snapshot.id)).await), "not_found");
        assert_eq!(error_kind(bed.provider.snapshot_delete(None, &snapshot.id).await), "not_found");
        bed.remove_all_of(&other).await;
    }
}
