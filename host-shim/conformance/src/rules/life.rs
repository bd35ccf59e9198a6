//! Start, stop, pause, resume, rename, destroy.

use mngr_host_shim::contract::docker::ContainerStatus;
use mngr_host_shim::contract::instance::{DestroyRequest, SnapshotRequest, StopRequest};
use mngr_host_shim::contract::types::AgentState;
use mngr_host_shim::error::exhausted;
use mngr_sandbox::{Fault, Operation};

use crate::bench::argv;
use crate::rule::{Comes, ensure, ensure_same, rules};

rules! {
    "start.of-running-succeeds" of "instance.start", ["create", "start"], "To start an agent that runs is a success", |bench| {
        let before = bench.agent("a").await?;
        let after = bench.provider.start("a", Default::default()).await.succeeds("to start an agent that runs")?;
        ensure_same!((after.state, after.container_id), (AgentState::Running, before.container_id), "the agent");
    }

    "start.of-stopped-starts" of "instance.start", ["create", "stop", "start"], "An agent that was stopped runs again, and is the same", |bench| {
        let before = bench.agent("a").await?;
        bench.stop("a").await?;
        let after = bench.provider.start("a", Default::default()).await.succeeds("to start an agent that was stopped")?;
        ensure_same!((after.state, &after.id, &after.container_id), (AgentState::Running, &before.id, &before.container_id), "the agent");
        let container = bench.engine.container_inspect(&before.container_id, false).await;
        ensure!(container.succeeds("the engine to have its container")?.state.pid > 0, "the container does not run");
    }

    "stop.of-stopped-succeeds" of "instance.stop", ["create", "stop"], "To stop an agent that is stopped is a success", |bench| {
        bench.agent("a").await?;
        bench.stop("a").await?;
        let again = bench.provider.stop("a", Default::default()).await.succeeds("to stop an agent that is stopped")?;
        ensure_same!(again.agent.state, AgentState::Stopped, "its state");
    }

    "stop.ends-the-main-command" of "instance.stop", ["create", "stop"], "A stopped agent does not run, and tells its exit status", |bench| {
        let agent = bench.agent("a").await?;
        let stopped = bench.stop("a").await?;
        ensure_same!(stopped.state, AgentState::Stopped, "its state");
        ensure!(matches!(stopped.exit_code, Some(0 | 137 | 143)), "its exit status is {:?}", stopped.exit_code);
        let container = bench.engine.container_inspect(&agent.container_id, false).await;
        ensure_same!(container.succeeds("the engine to have its container")?.state.pid, 0, "the container's PID");
    }

    "stop.writes-survive" of "instance.stop", ["create", "stop", "start", "exec"], "What an agent has written is there after a stop and a start", |bench| {
        let agent = bench.agent("a").await?;
        bench.keep("a", "kept").await?;
        bench.stop("a").await?;
        bench.provider.start("a", Default::default()).await.succeeds("to start the agent again")?;
        ensure_same!(bench.kept(&bench.get("a").await?.container_id).await?, "kept", "the file in container {}", agent.container_id);
    }

    "stop.takes-the-snapshot-first" of "instance.stop-request", ["create", "stop", "snapshot-create", "snapshot-list"], "A stop that asks for a snapshot takes it, and returns it", |bench| {
        bench.agent("a").await?;
        let request = StopRequest { snapshot: Some(SnapshotRequest { name: "last".to_owned(), ..Default::default() }), ..Default::default() };
        let stopped = bench.provider.stop("a", request).await.succeeds("to stop an agent after a snapshot")?;
        ensure_same!(stopped.agent.state, AgentState::Stopped, "the agent's state");
        let snapshot = stopped.snapshot.and_then(|snapshot| snapshot.name);
        ensure_same!(snapshot.as_deref(), Some("last"), "the snapshot's name");
        let listed = bench.provider.snapshot_list(Default::default()).await.succeeds("to list snapshots")?;
        ensure_same!(listed.len(), 1, "how many snapshots there are");
    }

    "stop.without-its-snapshot-stops-nothing" of "instance.stop-request", ["create", "stop", "snapshot-create", "get"], "Where the snapshot fails that was to be taken first, the agent runs on", |bench| {
        bench.agent("a").await?;
        let full = exhausted("the engine", "its disk is full", "make room");
        bench.observed.fail(Operation::ContainerCommit, 0, Fault::Error(full));
        let request = StopRequest { snapshot: Some(SnapshotRequest::default()), ..Default::default() };
        ensure!(bench.provider.stop("a", request).await.is_err(), "a stop without the snapshot that it was to take is a success");
        ensure_same!(bench.get("a").await?.state, AgentState::Running, "the agent's state");
    }

    "pause.freezes" of "instance.pause", ["create", "pause", "discover"], "A paused agent is frozen, and shows as paused", |bench| {
        let agent = bench.agent("a").await?;
        let paused = bench.provider.pause("a").await.succeeds("to pause an agent")?;
        ensure_same!(paused.state, AgentState::Paused, "its state");
        ensure_same!(bench.listed_as("a").await?.state, AgentState::Paused, "its state in a list");
        let container = bench.engine.container_inspect(&agent.container_id, false).await.succeeds("the engine to have its container")?;
        ensure_same!(container.state.status, ContainerStatus::Paused, "its container's state");
    }

    "pause.of-paused-succeeds" of "instance.pause", ["create", "pause"], "To pause an agent that is paused is a success", |bench| {
        bench.agent("a").await?;
        bench.provider.pause("a").await.succeeds("to pause an agent")?;
        let again = bench.provider.pause("a").await.succeeds("to pause an agent that is paused")?;
        ensure_same!(again.state, AgentState::Paused, "its state");
    }

    "pause.of-stopped-is-conflict" of "instance.pause", ["create", "stop", "pause"], "To pause an agent that is stopped is a `conflict`", |bench| {
        bench.agent("a").await?;
        bench.stop("a").await?;
        bench.provider.pause("a").await.fails_as("conflict", "to pause an agent that is stopped")?;
    }

    "resume.thaws" of "instance.resume", ["create", "pause", "resume", "exec"], "A resumed agent runs on", |bench| {
        bench.agent("a").await?;
        bench.provider.pause("a").await.succeeds("to pause an agent")?;
        let resumed = bench.provider.resume("a").await.succeeds("to resume an agent")?;
        ensure_same!(resumed.state, AgentState::Running, "its state");
        ensure_same!(bench.shell("a", "echo on").await?, (0, "on\n".to_owned()), "a command in it");
    }

    "resume.of-running-succeeds" of "instance.resume", ["create", "resume"], "To resume an agent that runs is a success", |bench| {
        bench.agent("a").await?;
        let resumed = bench.provider.resume("a").await.succeeds("to resume an agent that runs")?;
        ensure_same!(resumed.state, AgentState::Running, "its state");
    }

    "resume.of-stopped-is-conflict" of "instance.resume", ["create", "stop", "resume"], "To resume an agent that is stopped is a `conflict`", |bench| {
        bench.agent("a").await?;
        bench.stop("a").await?;
        bench.provider.resume("a").await.fails_as("conflict", "to resume an agent that is stopped")?;
    }

    "destroy.removes-the-container" of "instance.destroy", ["create", "destroy"], "A destroyed agent has no container any more, whether it ran or not", |bench| {
        let agent = bench.agent("a").await?;
        let destroyed = bench.provider.destroy("a", DestroyRequest::default()).await.succeeds("to destroy an agent")?;
        ensure_same!(destroyed.agent_id, Some(agent.id), "the id of what was destroyed");
        ensure_same!(bench.containers().await?.len(), 0, "how many containers are left");
    }

    "destroy.of-gone-succeeds" of "instance.destroy", ["create", "destroy"], "To destroy an agent that is gone is a success, and it is told that there was none", |bench| {
        bench.agent("a").await?;
        bench.destroy("a").await?;
        let again = bench.provider.destroy("a", DestroyRequest::default()).await.succeeds("to destroy an agent that is gone")?;
        ensure_same!(again.agent_id, None, "the id of what was destroyed");
    }

    "destroy.keeps-snapshots" of "instance.destroy-request", ["create", "destroy", "snapshot-create", "snapshot-list"], "An agent's snapshots outlive it unless asked otherwise, and are told", |bench| {
        bench.agent("a").await?;
        let snapshot = bench.snapshot("a").await?;
        let destroyed = bench.provider.destroy("a", DestroyRequest { snapshots: false }).await.succeeds("to destroy an agent")?;
        ensure_same!(destroyed.kept_snapshots, [snapshot.id], "the snapshots that are kept");
        let listed = bench.provider.snapshot_list(Default::default()).await.succeeds("to list snapshots")?;
        ensure_same!(listed.len(), 1, "how many snapshots there are");
    }

    "destroy.takes-snapshots-where-asked" of "instance.destroy-request", ["create", "destroy", "snapshot-create", "snapshot-list"], "With `snapshots` an agent's snapshots go with it, and are told", |bench| {
        bench.agent("a").await?;
        let snapshot = bench.snapshot("a").await?;
        let destroyed = bench.provider.destroy("a", DestroyRequest { snapshots: true }).await.succeeds("to destroy an agent with its snapshots")?;
        ensure_same!(destroyed.deleted_snapshots, [snapshot.id], "the snapshots that were deleted");
        let listed = bench.provider.snapshot_list(Default::default()).await.succeeds("to list snapshots")?;
        ensure_same!(listed.len(), 0, "how many snapshots there are");
    }

    "rename.id-stays" of "instance.rename", ["create", "rename"], "A renamed agent keeps its id", |bench| {
        let before = bench.agent("before").await?;
        let renamed = bench.provider.rename("before", "after").await.succeeds("to rename an agent")?;
        ensure_same!((renamed.name.as_str(), renamed.id), ("after", before.id), "name and id");
    }

    "rename.is-seen-everywhere" of "types.agent", ["create", "rename", "discover", "get"], "A renamed agent is listed and found by its new name alone", |bench| {
        let before = bench.agent("before").await?;
        bench.provider.rename("before", "after").await.succeeds("to rename an agent")?;
        let listed: Vec<_> = bench.listed().await?.into_iter().map(|agent| (agent.name, agent.id)).collect();
        ensure_same!(listed, [("after".to_owned(), before.id)], "the agents");
        bench.provider.get("before").await.fails_as("not_found", "to get an agent by the name that it had")?;
    }

    "rename.taken-is-already-exists" of "instance.rename", ["create", "rename"], "A name that is taken is `already-exists`, and nobody is renamed", |bench| {
        let (a, b) = (bench.agent("a").await?, bench.agent("b").await?);
        bench.provider.rename("a", "b").await.fails_as("already_exists", "to rename an agent to a name that is taken")?;
        for agent in [a, b] {
            ensure_same!(bench.get(&agent.id).await?.name, agent.name, "the name");
        }
    }

    "rename.impossible-name-is-invalid-argument" of "types.invalid-argument", ["create", "rename"], "A name that can not be meant is `invalid-argument`, and the agent keeps its own", |bench| {
        let agent = bench.agent("a").await?;
        for name in ["", "a/b", "-dash"] {
            bench.provider.rename("a", name).await.fails_as("invalid_argument", &format!("the name {name:?}"))?;
        }
        ensure_same!(bench.get(&agent.id).await?.name, "a", "the name");
    }

    "exec.in-paused-is-conflict" of "instance.exec", ["create", "pause", "exec"], "Nothing is run in a paused agent: it is a `conflict`", |bench| {
        bench.agent("a").await?;
        bench.provider.pause("a").await.succeeds("to pause an agent")?;
        bench.provider.exec("a", argv(&["true"])).await.fails_as("conflict", "to run a command in a paused agent")?;
    }
}
