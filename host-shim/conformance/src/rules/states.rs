//! What an agent's end reads as.

use mngr_host_shim::contract::types::AgentState;
use mngr_host_shim::provider::NewAgent;

use crate::rule::{Comes, ensure, ensure_same, rules};

rules! {
    "states.end-without-error-is-stopped" of "types.agent-state", ["create", "get", "discover"], "An agent whose main command ends with 0 is `stopped`", |fixture| {
        fixture.running("a", "exit 0").await?;
        let agent = fixture.ended("a").await?;
        ensure_same!((agent.state, agent.exit_code), (AgentState::Stopped, Some(0)), "state and exit status");
        ensure_same!(fixture.listed_as("a").await?.state, AgentState::Stopped, "the state in a list");
    }

    "states.end-with-error-is-crashed" of "types.agent-state", ["create", "get", "discover"], "An agent whose main command ends with an error is `crashed`, with its exit status and the reason", |fixture| {
        fixture.running("a", "exit 3").await?;
        let agent = fixture.ended("a").await?;
        ensure_same!((agent.state, agent.exit_code), (AgentState::Crashed, Some(3)), "state and exit status");
        ensure!(agent.state_reason.is_some_and(|reason| !reason.is_empty()), "there is no reason");
        let listed = fixture.listed_as("a").await?;
        ensure_same!((listed.state, listed.exit_code), (AgentState::Crashed, Some(3)), "state and exit status in a list");
    }

    "states.end-by-signal-is-stopped" of "types.agent-state", ["create", "get", "exec"], "An agent that ends its own PID 1 by a signal that stops is `stopped`", |fixture| {
        fixture.agent("a").await?;
        fixture.shell("a", "kill 1").await?;
        let agent = fixture.ended("a").await?;
        ensure_same!(agent.state, AgentState::Stopped, "the state after exit status {:?}", agent.exit_code);
    }

    "states.missing-program-has-a-reason" of "types.agent-state", ["create", "get"], "An agent whose main command is not there is `crashed` or `failed`, and the reason says so", |fixture| {
        let agent = NewAgent { command: vec!["/no/such/program".to_owned()], ..fixture.new_agent("a", &[]) };
        if fixture.provider.create(agent).await.is_ok() {
            let agent = fixture.ended("a").await?;
            ensure!(matches!(agent.state, AgentState::Crashed | AgentState::Failed), "the state is {:?}", agent.state);
            ensure!(agent.state_reason.is_some_and(|reason| !reason.is_empty()), "there is no reason");
        } else {
            ensure_same!(fixture.containers().await?.len(), 0, "how many containers an agent has left that could not be created");
        }
    }

    "states.created-by-the-engine-alone-is-starting" of "types.agent-state", ["create", "discover", "get"], "An agent whose container was never started is `starting`", |fixture| {
        let agent = NewAgent { no_start: true, ..fixture.new_agent("a", &[]) };
        fixture.provider.create(agent).await.succeeds("to create an agent without starting it")?;
        ensure_same!(fixture.get("a").await?.state, AgentState::Starting, "its state");
        ensure_same!(fixture.listed_as("a").await?.state, AgentState::Starting, "its state in a list");
    }

    "states.are-the-engines" of "types.agent-state", ["create", "get", "discover"], "What happens to a container past the provider shows at once", |fixture| {
        let agent = fixture.agent("a").await?;
        fixture.engine.container_pause(&agent.container_id).await.succeeds("the engine to pause its container")?;
        ensure_same!(fixture.get("a").await?.state, AgentState::Paused, "its state once it was paused");
        fixture.engine.container_unpause(&agent.container_id).await.succeeds("the engine to resume its container")?;
        fixture.engine.container_remove(&agent.container_id, true, true).await.succeeds("the engine to remove its container")?;
        fixture.provider.get("a").await.fails_as("not_found", "to get an agent whose container was removed")?;
        ensure_same!(fixture.listed().await?.len(), 0, "how many agents are listed");
    }
}
