//! Finding agents by their labels.

use mngr_docker_tests::{Testbed, behaviours};
use mngr_host_shim::contract::instance::DiscoverRequest;
use mngr_host_shim::contract::types::{Agent, AgentState};
use mngr_host_shim::provider::{NewAgent, Provider};

async fn names(provider: &Provider, request: DiscoverRequest) -> Vec<String> {
    let agents = provider.discover(request).await.expect("a list");
    agents.into_iter().map(|agent| agent.name).collect()
}

async fn find(bed: &Testbed, id: &str) -> Agent {
    let agents = bed.provider.discover(DiscoverRequest::default()).await.expect("a list");
    agents
        .into_iter()
        .find(|agent| agent.container_id == id)
        .expect("it is listed")
}

behaviours! {
    async fn an_engine_without_agents_has_an_empty_list(bed) {
        assert!(names(&bed.provider, DiscoverRequest::default()).await.is_empty());
    }

    async fn every_agent_is_listed_by_name(bed) {
        for name in ["c", "a", "b"] {
            bed.provider.create(NewAgent { no_start: true, ..NewAgent::named(name) }).await.expect(name);
        }
        assert_eq!(names(&bed.provider, DiscoverRequest::default()).await, ["a", "b", "c"]);
    }

    async fn what_is_listed_is_what_get_says(bed) {
        let created = bed.agent("a").await;
        let listed = find(bed, &created.container_id).await;
        let got = bed.provider.get("a").await.expect("it");
        assert_eq!((&listed.id, &listed.name, &listed.agent_type), (&got.id, &got.name, &got.agent_type));
        assert_eq!((listed.state, &listed.tags, &listed.created_at), (got.state, &got.tags, &got.created_at));
        assert_eq!((&listed.image_id, &listed.provider), (&got.image_id, &got.provider));
    }

    async fn tags_and_states_narrow_the_list(bed) {
        for (name, color) in [("a", "red"), ("b", "blue"), ("c", "red")] {
            let tags = vec![("color".to_owned(), color.to_owned()), ("all".to_owned(), "1".to_owned())];
            bed.provider.create(NewAgent { tags, no_start: name == "c", ..NewAgent::named(name) }).await.expect(name);
        }
        let red = vec![("color".to_owned(), "red".to_owned())];
        assert_eq!(names(&bed.provider, DiscoverRequest { tags: red.clone(), states: Vec::new() }).await, ["a", "c"]);
        let both = DiscoverRequest { tags: red, states: vec![AgentState::Running] };
        assert_eq!(names(&bed.provider, both).await, ["a"]);
    }

    async fn two_provider_instances_never_see_each_others_agents(bed) {
        let other = bed.another_provider("b").await;
        let mine = bed.agent("same").await;
        let theirs = other.create(NewAgent::named("same")).await.expect("the same name");
        assert_ne!(mine.id, theirs.id);
        assert_eq!(names(&bed.provider, DiscoverRequest::default()).await, ["same"]);
        assert_eq!(bed.provider.get("same").await.expect("mine").id, mine.id);
        assert!(bed.provider.get(&theirs.id).await.is_err());
        assert!(bed.provider.stop(&theirs.container_id, Default::default()).await.is_err());
        bed.remove_all_of(&other).await;
    }

    async fn containers_without_our_label_and_with_near_misses_are_not_agents(bed) {
        bed.plant("none", &[]).await;
        bed.plant("near", &[("com.imbue.mngr.agent-idx", "agent-1"), ("com.imbue.mngr.agent", "agent-1")]).await;
        bed.plant("prefix", &[("xcom.imbue.mngr.agent-id", "agent-1")]).await;
        assert!(names(&bed.provider, DiscoverRequest::default()).await.is_empty());
    }

    async fn labels_that_do_not_decode_show_as_unknown_with_the_reason(bed) {
        let good = [
            ("com.imbue.mngr.agent-id", "agent-0123456789abcdef0123456789abcdef"),
            ("com.imbue.mngr.agent-name", "broken"),
            ("com.imbue.mngr.agent-type", "command"),
            ("com.imbue.mngr.tags", "{}"),
            ("com.imbue.mngr.parent-id", ""),
            ("com.imbue.mngr.created-at", "2026-01-31T09:30:00Z"),
        ];
        for (label, value) in [
            ("com.imbue.mngr.tags", "[1,2]"),
            ("com.imbue.mngr.tags", "not json"),
            ("com.imbue.mngr.tags", "{\"a\":1}"),
            ("com.imbue.mngr.created-at", "yesterday"),
        ] {
            let labels: Vec<_> = good.iter().map(|(key, fine)| (*key, if *key == label { value } else { fine })).collect();
            let id = bed.plant("broken", &labels).await;
            let agent = find(bed, &id).await;
            assert_eq!(agent.state, AgentState::Unknown, "{label}={value}");
            let reason = agent.state_reason.expect("a reason");
            assert!(reason.contains(label), "{reason}");
            bed.engine.container_remove(&id, true, true).await.expect("removed");
        }
    }

    async fn an_agent_with_broken_labels_can_be_destroyed(bed) {
        let id = "agent-0123456789abcdef0123456789abcdef";
        let container = bed.plant("broken", &[("com.imbue.mngr.agent-id", id), ("com.imbue.mngr.tags", "[")]).await;
        assert_eq!(find(bed, &container).await.id, id);
        let destroyed = bed.provider.destroy(id, Default::default()).await.expect("destroyed");
        assert_eq!(destroyed.agent_id.as_deref(), Some(id));
        assert!(names(&bed.provider, DiscoverRequest::default()).await.is_empty());
    }
}
