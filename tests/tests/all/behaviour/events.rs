//! What happens to agents is told in order, and nothing is lost between two calls.

use mngr_docker_tests::Testbed;
use mngr_docker_tests::behaviours;
use mngr_host_shim::contract::instance::{AgentEvent, SnapshotRequest, StartRequest};
use mngr_host_shim::contract::types::AgentState;
use mngr_host_shim::provider::NewAgent;

/// Events after the cursor up to and with the one that is waited for.
async fn until(bed: &Testbed, cursor: &mut u64, what: &str, agent: &str) -> Vec<AgentEvent> {
    let mut seen = Vec::new();
    loop {
        let next = bed.provider.watch(*cursor, 10_000).await.expect("events");
        assert!(next.cursor >= *cursor);
        *cursor = next.cursor;
        assert!(
            !next.events.is_empty(),
            "no {what} of {agent} within the wait, only {seen:?}"
        );
        seen.extend(next.events);
        if seen.iter().any(|event| event.what == what && event.agent_name == agent) {
            return seen;
        }
    }
}

fn briefly(events: &[AgentEvent]) -> Vec<(&str, &str)> {
    events
        .iter()
        .map(|event| (event.what.as_str(), event.agent_name.as_str()))
        .collect()
}

behaviours! {
    #[everywhere]
    async fn an_agents_life_is_told_from_its_create_to_its_end(bed) {
        let mut cursor = bed.provider.watch(0, 0).await.expect("a cursor").cursor;
        let agent = bed.agent("a").await;
        bed.shell("a", "true").await;
        bed.provider.pause("a").await.expect("paused");
        bed.provider.resume("a").await.expect("resumed");
        bed.provider.rename("a", "b").await.expect("renamed");
        bed.provider.stop("b", Default::default()).await.expect("stopped");
        bed.provider.destroy("b", Default::default()).await.expect("destroyed");
        let events = until(bed, &mut cursor, "destroyed", "b").await;
        assert_eq!(
            briefly(&events),
            [
                ("created", "a"), ("started", "a"), ("paused", "a"), ("resumed", "a"),
                ("renamed", "b"), ("stopped", "b"), ("destroyed", "b"),
            ]
        );
        assert!(events.iter().all(|event| event.agent_id == agent.id));
        assert_eq!(events[5].exit_code, Some(143));
        assert!(events.is_sorted_by(|a, b| a.at <= b.at), "{events:?}");
    }

    async fn an_end_with_an_error_is_a_crash(bed) {
        let mut cursor = bed.provider.watch(0, 0).await.expect("a cursor").cursor;
        let command = ["sh", "-c", "exit 3"].map(str::to_owned).to_vec();
        bed.provider.create(NewAgent { command, ..NewAgent::named("a") }).await.expect("an agent");
        let events = until(bed, &mut cursor, "crashed", "a").await;
        assert_eq!(events.last().expect("an event").exit_code, Some(3));
    }

    async fn what_happened_between_two_calls_is_in_the_next(bed) {
        let mut cursor = bed.provider.watch(0, 0).await.expect("a cursor").cursor;
        bed.agent("a").await;
        until(bed, &mut cursor, "started", "a").await;
        let quiet = bed.provider.watch(cursor, 0).await.expect("nothing");
        assert_eq!((quiet.events.len(), quiet.cursor), (0, cursor));
        bed.provider.pause("a").await.expect("paused");
        assert_eq!(briefly(&until(bed, &mut cursor, "paused", "a").await), [("paused", "a")]);
    }

    async fn a_restore_is_a_start_of_the_same_agent_and_no_end(bed) {
        bed.agent("a").await;
        let snapshot = bed.provider.snapshot_create("a", SnapshotRequest::default()).await.expect("a snapshot");
        bed.provider.stop("a", Default::default()).await.expect("stopped");
        let mut cursor = bed.provider.watch(0, 0).await.expect("a cursor").cursor;
        bed.provider.start("a", StartRequest { snapshot: Some(snapshot.id) }).await.expect("restored");
        bed.provider.pause("a").await.expect("paused");
        let events = until(bed, &mut cursor, "paused", "a").await;
        assert_eq!(briefly(&events), [("created", "a"), ("started", "a"), ("paused", "a")]);
    }

    async fn another_providers_agents_are_not_told_of(bed) {
        let other = bed.another_provider("other").await;
        let mut cursor = bed.provider.watch(0, 0).await.expect("a cursor").cursor;
        other.create(NewAgent::named("theirs")).await.expect("an agent");
        bed.agent("ours").await;
        let events = until(bed, &mut cursor, "started", "ours").await;
        bed.remove_all_of(&other).await;
        assert_eq!(briefly(&events), [("created", "ours"), ("started", "ours")]);
    }

    async fn a_list_after_an_end_shows_the_end(bed) {
        bed.agent("a").await;
        for _ in 0..5 {
            let mut cursor = bed.provider.watch(0, 0).await.expect("a cursor").cursor;
            let stopping = bed.again().await;
            let told = async {
                until(bed, &mut cursor, "stopped", "a").await;
                bed.provider.discover(Default::default()).await.expect("a list")[0].state
            };
            let (_, state) = futures::join!(stopping.stop("a", Default::default()), told);
            assert_eq!(state, AgentState::Stopped);
            bed.provider.start("a", StartRequest::default()).await.expect("started");
        }
    }
}
