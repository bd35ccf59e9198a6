//! Agents that are made from agents.

use std::collections::BTreeSet;

use mngr_host_shim::contract::instance::{ForkRequest, SnapshotFilter};
use mngr_host_shim::contract::types::{Agent, AgentState};
use mngr_host_shim::error::exhausted;
use mngr_host_shim::provider::NewAgent;
use mngr_sandbox::{Fault, Operation};

use crate::fixture::Fixture;
use crate::rule::{Comes, Stop, ensure, ensure_same, rules};

fn into(names: &[&str]) -> ForkRequest {
    ForkRequest {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        ..ForkRequest::default()
    }
}

/// An agent with a file and tags.
async fn parent(fixture: &Fixture) -> Result<Agent, Stop> {
    let tags = [("team", "red"), ("kept", "yes")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    let agent = NewAgent {
        tags: tags.to_vec(),
        ..fixture.new_agent("a", &[])
    };
    let agent = fixture.provider.create(agent).await.succeeds("to create an agent")?;
    fixture.keep("a", "kept").await?;
    Ok(agent)
}

async fn snapshots(fixture: &Fixture) -> Result<Vec<String>, Stop> {
    let listed = fixture.provider.snapshot_list(SnapshotFilter::default()).await;
    Ok(listed
        .succeeds("to list snapshots")?
        .into_iter()
        .map(|snapshot| snapshot.id)
        .collect())
}

rules! {
    "fork.makes-agents-of-their-own" of "instance.fork", ["create", "exec", "fork", "discover"], "Each fork runs, has the name that it was to get and an id of its own", |fixture| {
        parent(fixture).await?;
        let forks = fixture.provider.fork("a", into(&["b", "c"])).await.succeeds("to fork an agent")?;
        let names: Vec<_> = forks.iter().map(|fork| fork.name.as_str()).collect();
        ensure_same!(names, ["b", "c"], "the names");
        ensure!(forks.iter().all(|fork| fork.state == AgentState::Running), "not all of them run");
        let ids: BTreeSet<_> = fixture.listed().await?.into_iter().map(|agent| agent.id).collect();
        ensure_same!(ids.len(), 3, "how many ids three agents have");
    }

    "fork.the-agent-is-the-parent" of "instance.fork", ["create", "exec", "fork", "get"], "The agent is the parent of each fork, and runs on as it is", |fixture| {
        let parent = parent(fixture).await?;
        let forks = fixture.provider.fork("a", into(&["b"])).await.succeeds("to fork an agent")?;
        ensure_same!(forks.iter().map(|fork| fork.parent_id.clone()).collect::<Vec<_>>(), [Some(parent.id)], "the parents");
        let now = fixture.get("a").await?;
        ensure_same!((now.container_id, now.state), (parent.container_id, AgentState::Running), "the agent");
    }

    "fork.has-the-agents-files" of "instance.fork", ["create", "exec", "fork"], "Each fork has the agent's files as they are", |fixture| {
        parent(fixture).await?;
        for fork in fixture.provider.fork("a", into(&["b", "c"])).await.succeeds("to fork an agent")? {
            ensure_same!(fixture.kept(&fork.container_id).await?, "kept", "the file of {}", fork.name);
        }
    }

    "fork.given-tags-are-over-the-agents" of "instance.fork-request", ["create", "exec", "fork"], "A fork has the agent's tags, and those that are given over them", |fixture| {
        parent(fixture).await?;
        let request = ForkRequest { tags: vec![("team".to_owned(), "blue".to_owned())], ..into(&["b"]) };
        let forks = fixture.provider.fork("a", request).await.succeeds("to fork an agent with a tag")?;
        let tags = [("kept", "yes"), ("team", "blue")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        ensure_same!(forks.iter().map(|fork| fork.tags.as_slice()).collect::<Vec<_>>(), [tags.as_slice()], "the tags");
    }

    "fork.snapshot-stays" of "instance.fork", ["create", "exec", "fork", "snapshot-list"], "The snapshot that is taken for a fork stays, and the forks tell it", |fixture| {
        parent(fixture).await?;
        let forks = fixture.provider.fork("a", into(&["b", "c"])).await.succeeds("to fork an agent")?;
        let told: BTreeSet<_> = forks.into_iter().filter_map(|fork| fork.snapshot_id).collect();
        ensure_same!(snapshots(fixture).await?, told.into_iter().collect::<Vec<_>>(), "the snapshots");
    }

    "fork.of-a-snapshot-has-the-files-of-then" of "instance.fork-request", ["create", "exec", "fork", "snapshot-create", "snapshot-list"], "A fork of a snapshot has the files of then, and none is taken for it", |fixture| {
        parent(fixture).await?;
        let snapshot = fixture.snapshot("a").await?;
        fixture.keep("a", "now").await?;
        let request = ForkRequest { snapshot: Some(snapshot.id.clone()), ..into(&["b"]) };
        for fork in fixture.provider.fork("a", request).await.succeeds("to fork a snapshot")? {
            ensure_same!(fixture.kept(&fork.container_id).await?, "kept", "the file");
        }
        ensure_same!(snapshots(fixture).await?, [snapshot.id], "the snapshots");
    }

    "fork.taken-name-makes-none" of "instance.fork", ["create", "exec", "fork", "snapshot-list"], "Where one of the names is taken no fork is made", |fixture| {
        parent(fixture).await?;
        fixture.agent("taken").await?;
        fixture.provider.fork("a", into(&["b", "taken"])).await.fails_as("already_exists", "to fork to a name that is taken")?;
        ensure_same!(fixture.containers().await?.len(), 2, "how many containers there are");
        ensure_same!(snapshots(fixture).await?, Vec::<String>::new(), "the snapshots");
    }

    "fork.all-or-nothing" of "instance.fork", ["create", "exec", "fork", "snapshot-list"], "Where one of them can not be made none is left, and no snapshot that was taken for them", |fixture| {
        parent(fixture).await?;
        let full = exhausted("the engine", "it is full", "make room");
        fixture.observed.fail(Operation::ContainerStart, 1, Fault::Error(full));
        ensure!(fixture.provider.fork("a", into(&["b", "c"])).await.is_err(), "a fork that could not be started is a success");
        let left: Vec<_> = fixture.containers().await?.into_iter().map(|container| container.name).collect();
        ensure_same!(left.len(), 1, "how many containers there are, {left:?}");
        ensure_same!(snapshots(fixture).await?, Vec::<String>::new(), "the snapshots");
    }

    "fork.without-names-is-invalid-argument" of "types.invalid-argument", ["create", "exec", "fork"], "A fork without names is `invalid-argument`", |fixture| {
        parent(fixture).await?;
        fixture.provider.fork("a", into(&[])).await.fails_as("invalid_argument", "to fork to no name")?;
    }
}
