//! The seed's six labels, byte for byte.

use mngr_docker_tests::behaviours;
use mngr_host_shim::provider::NewAgent;

fn label<'a>(labels: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let key = format!("com.imbue.mngr.{name}");
    labels
        .iter()
        .find(|(known, _)| *known == key)
        .map(|(_, value)| value.as_str())
}

behaviours! {
    async fn an_agents_container_carries_the_six_labels_and_two_of_ours(bed) {
        let agent = bed.provider.create(NewAgent {
            tags: vec![("b".to_owned(), "2".to_owned()), ("a".to_owned(), "1 \"x\" ü".to_owned())],
            parent_id: Some("agent-ffffffffffffffffffffffffffffffff".to_owned()),
            start_args: vec!["--env=TOKEN=very-secret".to_owned()],
            ..NewAgent::named("worker")
        }).await.expect("an agent");
        let labels = bed.engine.container_inspect(&agent.container_id, false).await.expect("inspected").labels;
        assert_eq!(label(&labels, "agent-id"), Some(agent.id.as_str()));
        assert_eq!(label(&labels, "agent-name"), Some("worker"));
        assert_eq!(label(&labels, "agent-type"), Some("command"));
        assert_eq!(label(&labels, "tags"), Some("{\"a\":\"1 \\\"x\\\" ü\",\"b\":\"2\"}"));
        assert_eq!(label(&labels, "parent-id"), Some("agent-ffffffffffffffffffffffffffffffff"));
        assert_eq!(label(&labels, "created-at"), agent.created_at.as_deref());
        assert_eq!(label(&labels, "provider"), Some(bed.provider.name()));
        let spec = label(&labels, "spec").expect("the spec");
        assert!(spec.starts_with('{'), "{spec}");
        assert!(labels.iter().all(|(_, value)| !value.contains("very-secret")), "environment values stay out of labels");
    }

    async fn labels_stay_over_stop_and_start(bed) {
        let agent = bed.agent("a").await;
        let before = bed.engine.container_inspect(&agent.container_id, false).await.expect("inspected").labels;
        bed.provider.stop("a", Default::default()).await.expect("stopped");
        bed.provider.start("a", Default::default()).await.expect("started");
        let after = bed.engine.container_inspect(&agent.container_id, false).await.expect("inspected").labels;
        let sorted = |mut labels: Vec<(String, String)>| {
            labels.sort();
            labels
        };
        assert_eq!(sorted(before), sorted(after));
    }
}
