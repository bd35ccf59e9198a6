//! What is kept in labels, and whose agents are whose.

use mngr_host_shim::contract::types::{Agent, AgentState};
use mngr_host_shim::provider::NewAgent;

use crate::fixture::Fixture;
use crate::rule::{Comes, Stop, ensure, ensure_same, rules};

const TAGS: &str = "com.imbue.mngr.tags";

async fn container_labels(fixture: &Fixture, agent: &Agent) -> Result<Vec<(String, String)>, Stop> {
    let container = fixture.engine.container_inspect(&agent.container_id, false).await;
    Ok(container.succeeds("the engine to have the agent's container")?.labels)
}

/// An agent whose label for tags does not decode, beside one that is whole.
async fn broken(fixture: &Fixture) -> Result<Agent, Stop> {
    let whole = fixture.agent("a").await?;
    let id = format!("agent-{}", "0".repeat(32));
    let container = fixture
        .twin(&whole, &[("com.imbue.mngr.agent-id", id.as_str()), (TAGS, "[")])
        .await?;
    let found = fixture
        .listed()
        .await?
        .into_iter()
        .find(|agent| agent.container_id == container);
    found.ok_or_else(|| Stop::Failed("an agent whose labels do not decode is not listed".to_owned()))
}

rules! {
    "labels.tell-the-agent" of "types.agent", ["create"], "The container's labels tell the agent's id, type, parent and date, byte for byte", |fixture| {
        let parent_id = format!("agent-{}", "f".repeat(32));
        let agent = NewAgent { parent_id: Some(parent_id.clone()), agent_type: "claude".to_owned(), ..fixture.new_agent("a", &[]) };
        let agent = fixture.provider.create(agent).await.succeeds("to create an agent")?;
        let labels = container_labels(fixture, &agent).await?;
        let created = agent.created_at.clone().unwrap_or_default();
        for (name, value) in [("agent-id", agent.id.as_str()), ("agent-type", "claude"), ("parent-id", parent_id.as_str()), ("created-at", created.as_str())] {
            let name = format!("com.imbue.mngr.{name}");
            let found = labels.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
            ensure_same!(found, Some(value), "the label `{name}`");
        }
    }

    "labels.tags-are-a-json-object" of "types.agent", ["create"], "The container's label for tags is a JSON object of strings", |fixture| {
        let tags = vec![("team".to_owned(), "a \"b\" ü".to_owned())];
        let agent = NewAgent { tags, ..fixture.new_agent("a", &[]) };
        let agent = fixture.provider.create(agent).await.succeeds("to create an agent with tags")?;
        let labels = container_labels(fixture, &agent).await?;
        let found = labels.iter().find(|(known, _)| known == TAGS).map(|(_, value)| value.as_str()).unwrap_or_default();
        let decoded: serde_json::Value = serde_json::from_str(found).unwrap_or_default();
        ensure_same!(decoded, serde_json::json!({ "team": "a \"b\" ü" }), "the label `{TAGS}` `{found}`");
    }

    "labels.have-no-environment-values" of "docker.container", ["create", "--env"], "Of the environment only names are told: no label has a value of it", |fixture| {
        let agent = fixture.agent_with("a", &["--env=API_TOKEN=hunter2-hunter2"]).await?;
        let labels = container_labels(fixture, &agent).await?;
        let told = labels.iter().find(|(_, value)| value.contains("hunter2-hunter2"));
        ensure!(told.is_none(), "a value is in the label `{}`", told.map(|(name, _)| name.as_str()).unwrap_or_default());
    }

    "labels.providers-do-not-see-each-other" of "types.provider", ["create", "discover", "get"], "Two providers on one engine never see each other's agents", |fixture| {
        let other = fixture.another().await?;
        let theirs = other.create(fixture.new_agent("a", &[])).await.succeeds("another provider to use any name")?;
        ensure!(fixture.listed().await?.is_empty(), "another provider's agent is listed");
        fixture.provider.get(&theirs.id).await.fails_as("not_found", "to get another provider's agent by its id")?;
        fixture.provider.get("a").await.fails_as("not_found", "to get another provider's agent by its name")?;
    }

    "labels.providers-do-not-touch-each-other" of "types.provider", ["create", "get", "destroy"], "What is another provider's stays as it is", |fixture| {
        let other = fixture.another().await?;
        let theirs = other.create(fixture.new_agent("a", &[])).await.succeeds("another provider to create an agent")?;
        for reference in ["a", theirs.id.as_str(), theirs.container_id.as_str()] {
            let gone = fixture.provider.destroy(reference, Default::default()).await;
            ensure!(!gone.is_ok_and(|gone| gone.agent_id.is_some()), "another provider's agent was destroyed");
        }
        ensure_same!(other.get("a").await.succeeds("it to be there")?.id, theirs.id, "the other provider's agent");
    }

    "labels.undecodable-shows-as-unknown" of "types.agent-state", ["create", "discover"], "An agent whose labels do not decode is listed as `unknown`, and the reason names the label", |fixture| {
        let broken = broken(fixture).await?;
        ensure_same!(broken.state, AgentState::Unknown, "its state");
        let reason = broken.state_reason.unwrap_or_default();
        ensure!(reason.contains(TAGS), "the reason does not name `{TAGS}`: {reason}");
    }

    "labels.undecodable-can-be-destroyed" of "instance.destroy", ["create", "discover", "destroy"], "An agent whose labels do not decode can be destroyed", |fixture| {
        let broken = broken(fixture).await?;
        fixture.destroy(&broken.id).await?;
        ensure_same!(fixture.listed().await?.len(), 1, "how many agents are left of two");
    }
}
