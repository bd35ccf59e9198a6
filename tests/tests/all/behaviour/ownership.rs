//! What is an agent of the provider, and what only looks like one.

use mngr_docker_tests::{Testbed, behaviours, error_kind};
use mngr_host_shim::check::Checker;
use mngr_host_shim::contract::docker::ContainerSpec;
use mngr_host_shim::contract::instance::{ForkRequest, SnapshotRequest, StartRequest};
use mngr_host_shim::provider::NewAgent;

/// The agents that there are, by name.
async fn names(bed: &Testbed) -> Vec<String> {
    let agents = bed.provider.discover(Default::default()).await.expect("a list");
    agents.into_iter().map(|agent| agent.name).collect()
}

/// A container that somebody runs by hand from an image, and that is called like this.
async fn by_hand(bed: &Testbed, image: &str, name: &str) -> String {
    let spec = ContainerSpec {
        name: format!("by-hand-{}-{name}", bed.provider.name()),
        image: image.to_owned(),
        ..ContainerSpec::default()
    };
    let id = bed.engine.container_create(spec).await.expect("made by hand").id;
    bed.engine.container_start(&id).await.expect("started");
    id
}

/// Gives an agent's container a name that is none of the provider's.
async fn renamed_by_hand(bed: &Testbed, agent: &str) -> String {
    let container = bed.provider.get(agent).await.expect("the agent").container_id;
    let name = format!("renamed-{}", bed.provider.name());
    bed.engine.container_rename(&container, &name).await.expect("renamed");
    name
}

behaviours! {
    async fn a_container_that_somebody_runs_from_a_snapshots_image_is_no_agent(bed) {
        let agent = bed.agent("a").await;
        let snapshot = bed.provider.snapshot_create("a", SnapshotRequest::default()).await.expect("a snapshot");
        let foreign = by_hand(bed, &snapshot.image, "x").await;
        assert_eq!(names(bed).await, ["a"]);
        for reference in ["a", &agent.id, &agent.id[..14]] {
            assert_eq!(bed.provider.get(reference).await.expect(reference).container_id, agent.container_id);
        }
        bed.provider.destroy(&agent.id, Default::default()).await.expect("destroyed");
        for reference in ["a", &agent.id] {
            let again = bed.provider.destroy(reference, Default::default()).await.expect("nothing is left to do");
            assert_eq!(again.agent_id, None, "{reference}");
        }
        let left = bed.engine.container_inspect(&foreign, false).await.expect("it is left alone");
        assert!(left.state.pid > 0, "and runs");
        // The agent comes back beside it.
        let request = StartRequest { snapshot: Some(snapshot.id) };
        let back = bed.provider.start("a", request).await.expect("revived");
        assert_eq!((names(bed).await, back.id), (vec!["a".to_owned()], agent.id));
    }

    async fn not_even_by_the_agents_own_name_does_it_become_the_agent(bed) {
        let agent = bed.agent("a").await;
        let snapshot = bed.provider.snapshot_create("a", SnapshotRequest::default()).await.expect("a snapshot");
        renamed_by_hand(bed, "a").await;
        let spec = ContainerSpec {
            name: agent.container_name.clone(),
            image: snapshot.image,
            ..ContainerSpec::default()
        };
        let foreign = bed.engine.container_create(spec).await.expect("made by hand").id;
        bed.engine.container_start(&foreign).await.expect("started");
        assert_eq!(names(bed).await, ["a"]);
        assert_eq!(bed.provider.get("a").await.expect("the agent").container_id, agent.container_id);
        assert_eq!(error_kind(bed.provider.rename("a", "a").await), "already_exists");
        bed.provider.destroy("a", Default::default()).await.expect("destroyed");
        assert!(names(bed).await.is_empty());
        let left = bed.engine.container_inspect(&foreign, false).await.expect("it is left alone");
        assert!(left.state.pid > 0, "and runs");
    }

    async fn an_image_that_somebody_commits_hands_nothing_down_either(bed) {
        let agent = bed.agent("a").await;
        let first = bed.provider.snapshot_create("a", SnapshotRequest::default()).await.expect("a snapshot");
        // One that descends from the snapshot: its labels say what it was made of, as an image's of its own would.
        let fork = ForkRequest { names: vec!["b".to_owned()], snapshot: Some(first.id), ..ForkRequest::default() };
        bed.provider.fork("a", fork).await.expect("a fork");
        let second = bed.provider.snapshot_create("b", SnapshotRequest::default()).await.expect("a snapshot");
        by_hand(bed, &second.image, "y").await;
        assert_eq!(names(bed).await, ["a", "b"]);
        assert_eq!(bed.provider.get(&agent.id).await.expect("one").name, "a");
    }

    async fn what_happens_to_such_a_container_is_not_told_as_the_agents(bed) {
        bed.agent("a").await;
        let snapshot = bed.provider.snapshot_create("a", SnapshotRequest::default()).await.expect("a snapshot");
        let cursor = bed.provider.watch(0, 0).await.expect("a cursor").cursor;
        let foreign = by_hand(bed, &snapshot.image, "z").await;
        bed.engine.container_remove(&foreign, true, true).await.expect("removed");
        bed.provider.pause("a").await.expect("paused");
        let mut cursor = cursor;
        let mut told = Vec::new();
        while !told.iter().any(|what| what == "paused") {
            let next = bed.provider.watch(cursor, 10_000).await.expect("events");
            cursor = next.cursor;
            assert!(!next.events.is_empty(), "the pause is told, beside {told:?}");
            told.extend(next.events.into_iter().map(|event| event.what));
        }
        assert_eq!(told, ["paused"]);
    }

    async fn a_check_takes_such_a_container_for_what_it_is(bed) {
        bed.agent("a").await;
        let snapshot = bed.provider.snapshot_create("a", SnapshotRequest::default()).await.expect("a snapshot");
        by_hand(bed, &snapshot.image, "x").await;
        for verdict in Checker::new(&bed.provider).run().await.expect("a check") {
            assert!(verdict.violations.is_empty(), "{}: {:?}", verdict.rule.name, verdict.violations);
        }
    }

    async fn an_agent_that_somebody_renamed_is_one_agent_and_keeps_its_name(bed) {
        let agent = bed.agent("a").await;
        bed.agent("b").await;
        let renamed = renamed_by_hand(bed, "a").await;
        assert_eq!(names(bed).await, ["a", "b"]);
        let error = bed.provider.create(NewAgent::named("a")).await.expect_err("the name is taken");
        assert_eq!(error.kind(), "already_exists");
        assert!(error.remedy().contains(&renamed), "{}", error.remedy());
        assert_eq!(error_kind(bed.provider.rename("b", "a").await), "already_exists");
        let fork = ForkRequest { names: vec!["a".to_owned()], ..ForkRequest::default() };
        assert_eq!(error_kind(bed.provider.fork("b", fork).await), "already_exists");
        assert_eq!(names(bed).await, ["a", "b"]);

        for reference in ["a", &agent.id] {
            assert_eq!(bed.provider.get(reference).await.expect(reference).id, agent.id);
        }
        assert_eq!(bed.shell("a", "echo here").await, (0, "here\n".to_owned()));
        // A rename to the name that it has gives its container the provider's name back.
        let back = bed.provider.rename("a", "a").await.expect("renamed");
        assert_eq!(back.container_name, agent.container_name);
        bed.provider.destroy("a", Default::default()).await.expect("destroyed");
        assert_eq!(names(bed).await, ["b"]);
    }

    async fn an_agent_that_was_renamed_twice_is_still_known(bed) {
        let agent = bed.agent("a").await;
        bed.provider.rename("a", "b").await.expect("renamed");
        renamed_by_hand(bed, "b").await;
        // Its container says no other name than the one that it was made with.
        assert_eq!(names(bed).await, ["a"]);
        assert_eq!(bed.provider.get(&agent.id).await.expect("it is there").name, "a");
        bed.provider.destroy(&agent.id, Default::default()).await.expect("destroyed");
        assert!(names(bed).await.is_empty());
    }
}
