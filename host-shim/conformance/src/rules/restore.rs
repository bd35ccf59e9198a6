//! Agents that are made from snapshots.

use mngr_host_shim::contract::instance::StartRequest;
use mngr_host_shim::contract::types::{Agent, AgentState, Snapshot};
use mngr_host_shim::provider::{AgentSource, NewAgent};

use crate::fixture::Fixture;
use crate::rule::{Comes, Stop, ensure, ensure_same, rules};

/// An agent with a file and a tag, and its snapshot; the file was changed since.
async fn snapshotted(fixture: &Fixture) -> Result<(Agent, Snapshot), Stop> {
    let tags = vec![("team".to_owned(), "red".to_owned())];
    let agent = NewAgent {
        tags,
        ..fixture.new_agent("a", &[])
    };
    let agent = fixture.provider.create(agent).await.succeeds("to create an agent")?;
    fixture.keep("a", "then").await?;
    let snapshot = fixture.snapshot("a").await?;
    fixture.keep("a", "now").await?;
    Ok((agent, snapshot))
}

async fn restore(fixture: &Fixture, agent: &str, snapshot: &Snapshot) -> Result<Agent, Stop> {
    let snapshot = Some(snapshot.id.clone());
    fixture
        .provider
        .start(agent, StartRequest { snapshot })
        .await
        .succeeds("to start an agent from a snapshot")
}

rules! {
    "create.from-a-snapshot-has-its-files" of "instance.source", ["create", "exec", "snapshot-create"], "An agent that is made from a snapshot has the files of then", |fixture| {
        let (_, snapshot) = snapshotted(fixture).await?;
        let from = AgentSource::Snapshot(snapshot.id.clone());
        let made = fixture.provider.create(NewAgent { from, ..NewAgent::named("b") }).await.succeeds("to create an agent from a snapshot")?;
        ensure_same!(fixture.kept(&made.container_id).await?, "then", "the file");
    }

    "create.from-a-snapshot-is-another-agent" of "types.agent", ["create", "exec", "snapshot-create", "get"], "An agent that is made from a snapshot has an identity of its own, tells the snapshot, and descends from its agent", |fixture| {
        let (agent, snapshot) = snapshotted(fixture).await?;
        let from = AgentSource::Snapshot(snapshot.id.clone());
        fixture.provider.create(NewAgent { from, ..NewAgent::named("b") }).await.succeeds("to create an agent from a snapshot")?;
        let made = fixture.get("b").await?;
        ensure!(made.id != agent.id, "two agents have one id");
        ensure_same!((made.snapshot_id, made.parent_id), (Some(snapshot.id), Some(agent.id)), "snapshot and parent");
    }

    "start.restores-the-files" of "instance.start-request", ["create", "exec", "snapshot-create", "stop", "start", "get"], "An agent that is started from a snapshot has the files of then, and what was written since is gone", |fixture| {
        let (_, snapshot) = snapshotted(fixture).await?;
        fixture.stop("a").await?;
        restore(fixture, "a", &snapshot).await?;
        ensure_same!(fixture.kept(&fixture.get("a").await?.container_id).await?, "then", "the file");
    }

    "start.restores-the-same-agent" of "instance.start-request", ["create", "exec", "snapshot-create", "stop", "start", "get"], "An agent that is started from a snapshot is the same: id, name, tags and date", |fixture| {
        let (before, snapshot) = snapshotted(fixture).await?;
        fixture.stop("a").await?;
        restore(fixture, "a", &snapshot).await?;
        let after = fixture.get("a").await?;
        ensure_same!((&after.id, &after.name, &after.tags), (&before.id, &before.name, &before.tags), "id, name and tags");
        ensure_same!((after.created_at, after.state), (before.created_at, AgentState::Running), "date and state");
        ensure_same!(fixture.containers().await?.len(), 1, "how many containers there are");
    }

    "start.brings-back-a-destroyed-agent" of "instance.start-request", ["create", "exec", "snapshot-create", "destroy", "start"], "An agent that is gone comes back from its snapshot, by its id", |fixture| {
        let (before, snapshot) = snapshotted(fixture).await?;
        fixture.destroy("a").await?;
        let after = restore(fixture, &before.id, &snapshot).await?;
        ensure_same!((after.id, after.name), (before.id, before.name), "id and name");
    }

    "start.does-not-restore-over-a-running-agent" of "instance.start-request", ["create", "exec", "snapshot-create", "start", "get"], "An agent that runs is not replaced: it is a `conflict`", |fixture| {
        let (before, snapshot) = snapshotted(fixture).await?;
        let request = StartRequest { snapshot: Some(snapshot.id) };
        fixture.provider.start("a", request).await.fails_as("conflict", "to start an agent that runs from a snapshot")?;
        ensure_same!(fixture.get("a").await?.container_id, before.container_id, "its container");
    }

    "start.another-agents-snapshot-is-refused" of "instance.start-request", ["create", "exec", "snapshot-create", "stop", "start", "get"], "An agent is not started from another one's snapshot, and stays as it is", |fixture| {
        let (_, snapshot) = snapshotted(fixture).await?;
        let before = fixture.agent("b").await?;
        fixture.stop("b").await?;
        let started = fixture.provider.start("b", StartRequest { snapshot: Some(snapshot.id) }).await;
        ensure!(started.is_err(), "an agent was started from another one's snapshot");
        let after = fixture.get("b").await?;
        ensure_same!((after.container_id, after.state), (before.container_id, AgentState::Stopped), "the agent");
    }
}
