//! Agents that are made from snapshots.

use mngr_host_shim::contract::instance::StartRequest;
use mngr_host_shim::contract::types::{Agent, AgentState, Snapshot};
use mngr_host_shim::provider::{AgentSource, NewAgent};

use crate::bench::Bench;
use crate::rule::{Comes, Stop, ensure, ensure_same, rules};

/// An agent with a file and a tag, and its snapshot; the file was changed since.
async fn snapshotted(bench: &Bench) -> Result<(Agent, Snapshot), Stop> {
    let tags = vec![("team".to_owned(), "red".to_owned())];
    let agent = NewAgent {
        tags,
        ..bench.new_agent("a", &[])
    };
    let agent = bench.provider.create(agent).await.succeeds("to create an agent")?;
    bench.keep("a", "then").await?;
    let snapshot = bench.snapshot("a").await?;
    bench.keep("a", "now").await?;
    Ok((agent, snapshot))
}

async fn restore(bench: &Bench, agent: &str, snapshot: &Snapshot) -> Result<Agent, Stop> {
    let snapshot = Some(snapshot.id.clone());
    bench
        .provider
        .start(agent, StartRequest { snapshot })
        .await
        .succeeds("to start an agent from a snapshot")
}

rules! {
    "create.from-a-snapshot-has-its-files" of "instance.source", ["create", "exec", "snapshot-create"], "An agent that is made from a snapshot has the files of then", |bench| {
        let (_, snapshot) = snapshotted(bench).await?;
        let from = AgentSource::Snapshot(snapshot.id.clone());
        let made = bench.provider.create(NewAgent { from, ..NewAgent::named("b") }).await.succeeds("to create an agent from a snapshot")?;
        ensure_same!(bench.kept(&made.container_id).await?, "then", "the file");
    }

    "create.from-a-snapshot-is-another-agent" of "types.agent", ["create", "exec", "snapshot-create", "get"], "An agent that is made from a snapshot has an identity of its own, tells the snapshot, and descends from its agent", |bench| {
        let (agent, snapshot) = snapshotted(bench).await?;
        let from = AgentSource::Snapshot(snapshot.id.clone());
        bench.provider.create(NewAgent { from, ..NewAgent::named("b") }).await.succeeds("to create an agent from a snapshot")?;
        let made = bench.get("b").await?;
        ensure!(made.id != agent.id, "two agents have one id");
        ensure_same!((made.snapshot_id, made.parent_id), (Some(snapshot.id), Some(agent.id)), "snapshot and parent");
    }

    "start.restores-the-files" of "instance.start-request", ["create", "exec", "snapshot-create", "stop", "start", "get"], "An agent that is started from a snapshot has the files of then, and what was written since is gone", |bench| {
        let (_, snapshot) = snapshotted(bench).await?;
        bench.stop("a").await?;
        restore(bench, "a", &snapshot).await?;
        ensure_same!(bench.kept(&bench.get("a").await?.container_id).await?, "then", "the file");
    }

    "start.restores-the-same-agent" of "instance.start-request", ["create", "exec", "snapshot-create", "stop", "start", "get"], "An agent that is started from a snapshot is the same: id, name, tags and date", |bench| {
        let (before, snapshot) = snapshotted(bench).await?;
        bench.stop("a").await?;
        restore(bench, "a", &snapshot).await?;
        let after = bench.get("a").await?;
        ensure_same!((&after.id, &after.name, &after.tags), (&before.id, &before.name, &before.tags), "id, name and tags");
        ensure_same!((after.created_at, after.state), (before.created_at, AgentState::Running), "date and state");
        ensure_same!(bench.containers().await?.len(), 1, "how many containers there are");
    }

    "start.brings-back-a-destroyed-agent" of "instance.start-request", ["create", "exec", "snapshot-create", "destroy", "start"], "An agent that is gone comes back from its snapshot, by its id", |bench| {
        let (before, snapshot) = snapshotted(bench).await?;
        bench.destroy("a").await?;
        let after = restore(bench, &before.id, &snapshot).await?;
        ensure_same!((after.id, after.name), (before.id, before.name), "id and name");
    }

    "start.does-not-restore-over-a-running-agent" of "instance.start-request", ["create", "exec", "snapshot-create", "start", "get"], "An agent that runs is not replaced: it is a `conflict`", |bench| {
        let (before, snapshot) = snapshotted(bench).await?;
        let request = StartRequest { snapshot: Some(snapshot.id) };
        bench.provider.start("a", request).await.fails_as("conflict", "to start an agent that runs from a snapshot")?;
        ensure_same!(bench.get("a").await?.container_id, before.container_id, "its container");
    }

    "start.another-agents-snapshot-is-refused" of "instance.start-request", ["create", "exec", "snapshot-create", "stop", "start", "get"], "An agent is not started from another one's snapshot, and stays as it is", |bench| {
        let (_, snapshot) = snapshotted(bench).await?;
        let before = bench.agent("b").await?;
        bench.stop("b").await?;
        let started = bench.provider.start("b", StartRequest { snapshot: Some(snapshot.id) }).await;
        ensure!(started.is_err(), "an agent was started from another one's snapshot");
        let after = bench.get("b").await?;
        ensure_same!((after.container_id, after.state), (before.container_id, AgentState::Stopped), "the agent");
    }
}
