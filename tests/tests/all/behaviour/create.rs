//! Create is all or nothing.

use futures::future::join_all;
use mngr_docker_tests::{Testbed, behaviours, error_kind};
use mngr_host_shim::contract::docker::ContainerFilter;
use mngr_host_shim::contract::instance::DiscoverRequest;
use mngr_host_shim::contract::types::AgentState;
use mngr_host_shim::policy::PROVIDER_LABEL;
use mngr_host_shim::provider::NewAgent;

async fn containers(bed: &Testbed) -> usize {
    let filter = ContainerFilter {
        all: true,
        labels: vec![format!("{PROVIDER_LABEL}={}", bed.provider.name())],
    };
    bed.engine.container_list(filter).await.expect("a list").len()
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

behaviours! {
    async fn an_agent_needs_no_more_than_a_name(bed) {
        let agent = bed.provider.create(NewAgent::named("worker")).await.expect("an agent");
        assert_eq!(agent.name, "worker");
        assert_eq!(agent.state, AgentState::Running);
        assert!(agent.id.starts_with("agent-"), "{}", agent.id);
        assert_eq!(agent.image, "mngr-test:busybox");
        assert_eq!(agent.provider, bed.provider.name());
        assert_eq!(agent.container_id.len(), 64);
        assert!(agent.parent_id.is_none() && agent.snapshot_id.is_none());
        assert!(agent.created_at.is_some_and(|time| time.ends_with('Z')));
    }

    async fn type_tags_and_parent_are_kept(bed) {
        let parent = bed.agent("parent").await;
        let agent = bed.provider.create(NewAgent {
            agent_type: "claude".to_owned(),
            tags: vec![("team".to_owned(), "a=b, \"c\"".to_owned()), ("empty".to_owned(), String::new())],
            parent_id: Some(parent.id.clone()),
            ..NewAgent::named("child")
        }).await.expect("an agent");
        let found = bed.provider.get("child").await.expect("the agent");
        assert_eq!(found.agent_type, "claude");
        assert_eq!(found.tags, [("empty".to_owned(), String::new()), ("team".to_owned(), "a=b, \"c\"".to_owned())]);
        assert_eq!(found.parent_id, Some(parent.id));
        assert_eq!(found.id, agent.id);
    }

    async fn the_main_command_can_be_given(bed) {
        let command = strings(&["sh", "-c", "echo hello; sleep 600"]);
        bed.provider.create(NewAgent { command, ..NewAgent::named("a") }).await.expect("an agent");
        let inspected = bed.engine.container_inspect(&bed.provider.get("a").await.expect("it").container_id, false).await;
        assert_eq!(inspected.expect("inspected").command, ["sh", "-c", "echo hello; sleep 600"]);
    }

    async fn an_agent_can_be_left_created(bed) {
        let agent = bed.provider.create(NewAgent { no_start: true, ..NewAgent::named("a") }).await.expect("an agent");
        assert_eq!(agent.state, AgentState::Starting);
        let started = bed.provider.start("a", Default::default()).await.expect("started");
        assert_eq!(started.state, AgentState::Running);
    }

    async fn a_name_that_is_taken_is_refused_and_the_first_agent_stays(bed) {
        let first = bed.agent("a").await;
        assert_eq!(error_kind(bed.provider.create(NewAgent::named("a")).await), "already_exists");
        assert_eq!(bed.provider.get("a").await.expect("the first").id, first.id);
        assert_eq!(containers(bed).await, 1);
    }

    #[everywhere]
    async fn of_many_that_create_one_name_at_once_just_one_wins(bed) {
        let outcomes = join_all((0..8).map(|_| bed.provider.create(NewAgent::named("contested")))).await;
        let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), 1);
        for loser in lost {
            assert_eq!(error_kind(loser), "already_exists");
        }
        assert_eq!(containers(bed).await, 1);
    }

    async fn an_image_that_is_nowhere_leaves_nothing(bed) {
        let missing = "mngr-test-no-such-image:none";
        let error = bed.provider.create(NewAgent::named("a").image(missing)).await.expect_err("no such image");
        assert_eq!(error.kind(), "not_found");
        assert!(error.message().contains(missing), "{}", error.message());
        assert_eq!(containers(bed).await, 0);
    }

    async fn start_arguments_reach_the_engine(bed) {
        let start_args = strings(&["-m64m", "--cpus", "0.5", "--env=GREETING=hello", "-w", "/tmp"]);
        let agent = bed.provider.create(NewAgent { start_args, ..NewAgent::named("a") }).await.expect("an agent");
        let container = bed.engine.container_inspect(&agent.container_id, false).await.expect("a container");
        assert_eq!(container.limits.memory_bytes, Some(64 << 20));
        assert_eq!(container.limits.cpus, Some(0.5));
        assert!(container.env_names.contains(&"GREETING".to_owned()));
        assert_eq!(container.working_dir, "/tmp");
        assert_eq!(bed.shell("a", "echo $GREETING from $(pwd)").await, (0, "hello from /tmp\n".to_owned()));
    }

    async fn an_unknown_start_argument_is_named_with_the_nearest(bed) {
        let start_args = strings(&["--memroy=1g"]);
        let error = bed.provider.create(NewAgent { start_args, ..NewAgent::named("a") }).await.expect_err("a typing error");
        assert_eq!(error.kind(), "invalid_argument");
        assert!(error.message().contains("--memroy"), "{}", error.message());
        assert!(error.remedy().contains("--memory"), "{}", error.remedy());
        assert_eq!(containers(bed).await, 0);
    }

    async fn what_would_give_power_over_the_machine_is_refused(bed) {
        for flag in ["--privileged", "--pid=host", "--network=host", "-v/:/machine", "-v=/var/run/docker.sock:/s", "--cap-add=ALL"] {
            let start_args = strings(&[flag]);
            let refused = bed.provider.create(NewAgent { start_args, ..NewAgent::named("a") }).await;
            assert_eq!(error_kind(refused), "denied", "{flag}");
        }
        assert_eq!(containers(bed).await, 0);
    }

    async fn labels_of_ours_can_not_be_given_by_a_user(bed) {
        let start_args = strings(&["--label", "com.imbue.mngr.agent-id=agent-1"]);
        let refused = bed.provider.create(NewAgent { start_args, ..NewAgent::named("a") }).await;
        assert_eq!(error_kind(refused), "invalid_argument");
    }

    #[everywhere]
    async fn fifty_at_once_are_fifty_agents(bed) {
        let count = if bed.sandbox.is_some() { 50 } else { 12 };
        let names: Vec<_> = (0..count).map(|number| format!("many-{number:02}")).collect();
        let created = join_all(names.iter().map(|name| bed.provider.create(NewAgent {
            no_start: true,
            ..NewAgent::named(name)
        }))).await;
        assert!(created.iter().all(Result::is_ok), "{created:?}");
        let found = bed.provider.discover(DiscoverRequest::default()).await.expect("a list");
        assert_eq!(found.into_iter().map(|agent| agent.name).collect::<Vec<_>>(), names);
    }
}
