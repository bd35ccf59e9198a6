//! Start, stop, pause, resume, rename, destroy, and agents that end by themselves.

use mngr_docker_tests::{Testbed, behaviours, error_kind, until_asked};
use mngr_host_shim::contract::instance::{DiscoverRequest, StopRequest};
use mngr_host_shim::contract::types::{Agent, AgentState};
use mngr_host_shim::provider::NewAgent;

/// Asks until the agent has ended.
async fn ended(bed: &Testbed, name: &str) -> Agent {
    let goes_on = [AgentState::Running, AgentState::Stopping, AgentState::Starting];
    let mut agent = bed.provider.get(name).await.expect("the agent");
    until_asked("the agent has ended", async || {
        agent = bed.provider.get(name).await.expect("the agent");
        !goes_on.contains(&agent.state)
    })
    .await;
    agent
}

async fn listed(bed: &Testbed, name: &str) -> Agent {
    let agents = bed.provider.discover(DiscoverRequest::default()).await.expect("a list");
    agents
        .into_iter()
        .find(|agent| agent.name == name)
        .expect("it is listed")
}

async fn with_command(bed: &Testbed, name: &str, script: &str) -> Agent {
    let command = ["sh", "-c", script].map(str::to_owned).to_vec();
    bed.provider
        .create(NewAgent {
            command,
            ..NewAgent::named(name)
        })
        .await
        .expect("an agent")
}

behaviours! {
    async fn an_agent_is_stopped_and_started_again_with_its_files(bed) {
        bed.agent("a").await;
        assert_eq!(bed.shell("a", "echo kept > /root/file").await.0, 0);
        let stopped = bed.provider.stop("a", Default::default()).await.expect("stopped");
        assert_eq!(stopped.agent.state, AgentState::Stopped);
        assert!(stopped.snapshot.is_none());
        assert!(stopped.agent.exit_code.is_some() && stopped.agent.finished_at.is_some());
        let started = bed.provider.start("a", Default::default()).await.expect("started");
        assert_eq!(started.state, AgentState::Running);
        assert_eq!(bed.shell("a", "cat /root/file").await, (0, "kept\n".to_owned()));
    }

    async fn what_is_there_already_is_a_success(bed) {
        bed.agent("a").await;
        assert_eq!(bed.provider.start("a", Default::default()).await.expect("runs").state, AgentState::Running);
        assert_eq!(bed.provider.resume("a").await.expect("runs").state, AgentState::Running);
        for _ in 0..2 {
            assert_eq!(bed.provider.pause("a").await.expect("paused").state, AgentState::Paused);
        }
        bed.provider.resume("a").await.expect("resumed");
        for _ in 0..2 {
            let stopped = bed.provider.stop("a", Default::default()).await.expect("stopped");
            assert_eq!(stopped.agent.state, AgentState::Stopped);
        }
        assert!(bed.provider.destroy("a", Default::default()).await.expect("destroyed").agent_id.is_some());
        assert!(bed.provider.destroy("a", Default::default()).await.expect("gone").agent_id.is_none());
    }

    async fn an_agent_stops_itself_by_killing_pid_1(bed) {
        bed.agent("a").await;
        bed.shell("a", "echo kept > /root/file; kill 1").await;
        let agent = ended(bed, "a").await;
        assert_eq!((agent.state, agent.exit_code), (AgentState::Stopped, Some(143)));
        let listed = listed(bed, "a").await;
        assert_eq!((listed.state, listed.exit_code), (AgentState::Stopped, Some(143)));
        assert!(listed.status.contains("Exited (143)"), "{}", listed.status);
        bed.provider.start("a", Default::default()).await.expect("started");
        assert_eq!(bed.shell("a", "cat /root/file").await, (0, "kept\n".to_owned()));
    }

    async fn a_main_command_that_ends_well_reads_as_stopped(bed) {
        with_command(bed, "a", "exit 0").await;
        let agent = ended(bed, "a").await;
        assert_eq!((agent.state, agent.exit_code), (AgentState::Stopped, Some(0)));
    }

    async fn a_main_command_that_fails_reads_as_crashed_with_its_exit_code(bed) {
        with_command(bed, "a", "exit 3").await;
        let agent = ended(bed, "a").await;
        assert_eq!((agent.state, agent.exit_code), (AgentState::Crashed, Some(3)));
        assert!(agent.state_reason.expect("a reason").contains('3'));
        let listed = listed(bed, "a").await;
        assert_eq!((listed.state, listed.exit_code), (AgentState::Crashed, Some(3)));
    }

    async fn a_main_command_that_is_not_there_reads_as_crashed_with_the_reason(bed) {
        let command = vec!["/no/such/program".to_owned()];
        bed.provider.create(NewAgent { command, ..NewAgent::named("a") }).await.expect("an agent");
        let agent = ended(bed, "a").await;
        assert_eq!((agent.state, agent.exit_code), (AgentState::Crashed, Some(127)));
        assert!(agent.state_reason.expect("a reason").contains("not there"));
    }

    async fn a_paused_agent_runs_nothing_until_it_is_resumed(bed) {
        bed.agent("a").await;
        bed.provider.pause("a").await.expect("paused");
        assert_eq!(listed(bed, "a").await.state, AgentState::Paused);
        let exec = bed.provider.exec("a", mngr_docker_tests::argv(&["true"])).await;
        assert_eq!(error_kind(exec), "conflict");
        assert_eq!(error_kind(bed.provider.start("a", Default::default()).await), "conflict");
        bed.provider.resume("a").await.expect("resumed");
        assert_eq!(bed.shell("a", "true").await.0, 0);
    }

    async fn a_paused_agent_can_be_stopped_and_destroyed(bed) {
        for name in ["a", "b"] {
            bed.agent(name).await;
            bed.provider.pause(name).await.expect("paused");
        }
        let stopped = bed.provider.stop("a", Default::default()).await.expect("stopped");
        assert_eq!(stopped.agent.state, AgentState::Stopped);
        bed.provider.destroy("b", Default::default()).await.expect("destroyed");
    }

    async fn only_a_running_agent_can_be_paused(bed) {
        bed.agent("a").await;
        bed.provider.stop("a", Default::default()).await.expect("stopped");
        assert_eq!(error_kind(bed.provider.pause("a").await), "conflict");
        assert_eq!(error_kind(bed.provider.resume("a").await), "conflict");
    }

    async fn an_agent_that_does_not_listen_is_killed_after_the_timeout(bed) {
        let command = ["sh", "-c", "trap '' TERM; touch /deaf; while true; do sleep 1; done"].map(str::to_owned).to_vec();
        bed.provider.create(NewAgent { command, ..NewAgent::named("a") }).await.expect("an agent");
        let deaf = bed.shell("a", "until [ -e /deaf ]; do sleep 0.1; done").await;
        assert_eq!(deaf.0, 0);
        let request = StopRequest { timeout_seconds: Some(1), snapshot: None };
        let stopped = bed.provider.stop("a", request).await.expect("stopped");
        assert_eq!((stopped.agent.state, stopped.agent.exit_code), (AgentState::Stopped, Some(137)));
    }

    async fn a_rename_is_seen_everywhere_and_the_id_stays(bed) {
        let before = bed.agent("before").await;
        let renamed = bed.provider.rename("before", "after").await.expect("renamed");
        assert_eq!((&renamed.name, &renamed.id), (&"after".to_owned(), &before.id));
        assert_eq!(listed(bed, "after").await.id, before.id);
        assert_eq!(error_kind(bed.provider.get("before").await), "not_found");
        let again = bed.provider.rename("after", "after").await.expect("its own name");
        assert_eq!(again.name, "after");
    }

    async fn a_rename_to_a_taken_name_changes_nothing(bed) {
        bed.agent("a").await;
        bed.agent("b").await;
        assert_eq!(error_kind(bed.provider.rename("a", "b").await), "already_exists");
        assert_eq!(listed(bed, "a").await.name, "a");
        assert_eq!(listed(bed, "b").await.name, "b");
    }

    async fn destroy_removes_a_running_agent(bed) {
        let agent = bed.agent("a").await;
        let destroyed = bed.provider.destroy("a", Default::default()).await.expect("destroyed");
        assert_eq!(destroyed.agent_id, Some(agent.id));
        assert_eq!(error_kind(bed.provider.get("a").await), "not_found");
        assert!(bed.engine.container_inspect(&agent.container_id, false).await.is_err());
    }
}
