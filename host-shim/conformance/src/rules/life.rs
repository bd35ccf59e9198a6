//! Start, stop, pause, resume, rename, destroy.

use mngr_host_shim::contract::docker::ContainerStatus;
use mngr_host_shim::contract::instance::{DestroyRequest, SnapshotRequest, StopRequest};
use mngr_host_shim::contract::types::AgentState;
use mngr_host_shim::error::exhausted;
use mngr_sandbox::{Fault, Operation};

use crate::fixture::argv;
use crate::rule::{Comes, ensure, ensure_same, rules};

rules! {
    "start.of-running-succeeds" of "instance.start", ["create", "start"], "To start an agent that runs is a success", |fixture| {
        let before = fixture.agent("a").await?;
        let after = fixture.provider.start("a", Default::default()).await.succeeds("to start an agent that runs")?;
        ensure_same!((after.state, after.container_id), (AgentState::Running, before.container_id), "the agent");
    }

    "start.of-stopped-starts" of "instance.start", ["create", "stop", "start"], "An agent that was stopped runs again, and is the same", |fixture| {
        let before = fixture.agent("a").await?;
        fixture.stop("a").await?;
        let after = fixture.provider.start("a", Default::default()).await.succeeds("to start an agent that was stopped")?;
        ensure_same!((after.state, &after.id, &after.container_id), (AgentState::Running, &before.id, &before.container_id), "the agent");
        let container = fixture.engine.container_inspect(&before.container_id, false).await;
        ensure!(container.succeeds("the engine to have its container")?.state.pid > 0, "the container does not run");
    }

    "stop.of-stopped-succeeds" of "instance.stop", ["create", "stop"], "To stop an agent that is stopped is a success", |fixture| {
        fixture.agent("a").await?;
        fixture.stop("a").await?;
        let again = fixture.provider.stop("a", Default::default()).await.succeeds("to stop an agent that is stopped")?;
        ensure_same!(again.agent.state, AgentState::Stopped, "its state");
    }

    "stop.ends-the-main-command" of "instance.stop", ["create", "stop"], "A stopped agent does not run, and tells its exit status", |fixture| {
        let agent = fixture.agent("a").await?;
        let stopped = fixture.stop("a").await?;
        ensure_same!(stopped.state, AgentState::Stopped, "its state");
        ensure!(matches!(stopped.exit_code, Some(0 | 137 | 143)), "its exit status is {:?}", stopped.exit_code);
        let container = fixture.engine.container_inspect(&agent.container_id, false).await;
        ensure_same!(container.succeeds("the engine to have its container")?.state.pid, 0, "the container's PID");
    }

    "stop.writes-survive" of "instance.stop", ["create", "stop", "start", "exec"], "What an agent has written is there after a stop and a start", |fixture| {
        let agent = fixture.agent("a").await?;
        fixture.keep("a", "kept").await?;
        fixture.stop("a").await?;
        fixture.provider.start("a", Default::default()).await.succeeds("to start the agent again")?;
        ensure_same!(fixture.kept(&fixture.get("a").await?.container_id).await?, "kept", "the file in container {}", agent.container_id);
    }

    "stop.takes-the-snapshot-first" of "instance.stop-request", ["create", "stop", "snapshot-create", "snapshot-list"], "A stop that asks for a snapshot takes it, and returns it", |fixture| {
        fixture.agent("a").await?;
        let request = StopRequest { snapshot: Some(SnapshotRequest { name: "last".to_owned(), ..Default::default() }), ..Default::default() };
        let stopped = fixture.provider.stop("a", request).await.succeeds("to stop an agent after a snapshot")?;
        ensure_same!(stopped.agent.state, AgentState::Stopped, "the agent's state");
        let snapshot = stopped.snapshot.and_then(|snapshot| snapshot.name);
        ensure_same!(snapshot.as_deref(), Some("last"), "the snapshot's name");
        let listed = fixture.provider.snapshot_list(Default::default()).await.succeeds("to list snapshots")?;
        ensure_same!(listed.len(), 1, "how many snapshots there are");
    }

    "stop.without-its-snapshot-stops-nothing" of "instance.stop-request", ["create", "stop", "snapshot-create", "get"], "Where the snapshot fails that was to be taken first, the agent runs on", |fixture| {
        fixture.agent("a").await?;
        let full = exhausted("the engine", "its disk is full", "make room");
        fixture.observed.fail(Operation::ContainerCommit, 0, Fault::Error(full));
        let request = StopRequest { snapshot: Some(SnapshotRequest::default()), ..Default::default() };
        ensure!(fixture.provider.stop("a", request).await.is_err(), "a stop without the snapshot that it was to take is a success");
        ensure_same!(fixture.get("a").await?.state, AgentState::Running, "the agent's state");
    }

    "pause.freezes" of "instance.pause", ["create", "pause", "discover"], "A paused agent is frozen, and shows as paused", |fixture| {
        let agent = fixture.agent("a").await?;
        let paused = fixture.provider.pause("a").await.succeeds("to pause an agent")?;
        ensure_same!(paused.state, AgentState::Paused, "its state");
        ensure_same!(fixture.listed_as("a").await?.state, AgentState::Paused, "its state in a list");
        let container = fixture.engine.container_inspect(&agent.container_id, false).await.succeeds("the engine to have its container")?;
        ensure_same!(container.state.status, ContainerStatus::Paused, "its container's state");
    }

    "pause.of-paused-succeeds" of "instance.pause", ["create", "pause"], "To pause an agent that is paused is a success", |fixture| {
        fixture.agent("a").await?;
        fixture.provider.pause("a").await.succeeds("to pause an agent")?;
        let again = fixture.provider.pause("a").await.succeeds("to pause an agent that is paused")?;
        ensure_same!(again.state, AgentState::Paused, "its state");
    }

    "pause.of-stopped-is-conflict" of "instance.pause", ["create", "stop", "pause"], "To pause an agent that is stopped is a `conflict`", |fixture| {
        fixture.agent("a").await?;
        fixture.stop("a").await?;
        fixture.provider.pause("a").await.fails_as("conflict", "to pause an agent that is stopped")?;
    }

    "resume.thaws" of "instance.resume", ["create", "pause", "resume", "exec"], "A resumed agent runs on", |fixture| {
        fixture.agent("a").await?;
        fixture.provider.pause("a").await.succeeds("to pause an agent")?;
        let resumed = fixture.provider.resume("a").await.succeeds("to resume an agent")?;
        ensure_same!(resumed.state, AgentState::Running, "its state");
        ensure_same!(fixture.shell("a", "echo on").await?, (0, "on\n".to_owned()), "a command in it");
    }

    "resume.of-running-succeeds" of "instance.resume", ["create", "resume"], "To resume an agent that runs is a success", |fixture| {
        fixture.agent("a").await?;
        let resumed = fixture.provider.resume("a").await.succeeds("to resume an agent that runs")?;
        ensure_same!(resumed.state, AgentState::Running, "its state");
    }

    "resume.of-stopped-is-conflict" of "instance.resume", ["create", "stop", "resume"], "To resume an agent that is stopped is a `conflict`", |fixture| {
        fixture.agent("a").await?;
        fixture.stop("a").await?;
        fixture.provider.resume("a").await.fails_as("conflict", "to resume an agent that is stopped")?;
    }

    "destroy.removes-the-container" of "instance.destroy", ["create", "destroy"], "A destroyed agent has no container any more, whether it ran or not", |fixture| {
        let agent = fixture.agent("a").await?;
        let destroyed = fixture.provider.destroy("a", DestroyRequest::default()).await.succeeds("to destroy an agent")?;
        ensure_same!(destroyed.agent_id, Some(agent.id), "the id of what was destroyed");
        ensure_same!(fixture.containers().await?.len(), 0, "how many containers are left");
    }

    "destroy.of-gone-succeeds" of "instance.destroy", ["create", "destroy"], "To destroy an agent that is gone is a success, and it is told that there was none", |fixture| {
        fixture.agent("a").await?;
        fixture.destroy("a").await?;
        let again = fixture.provider.destroy("a", DestroyRequest::default()).await.succeeds("to destroy an agent that is gone")?;
        ensure_same!(again.agent_id, None, "the id of what was destroyed");
    }

    "destroy.keeps-snapshots" of "instance.destroy-request", ["create", "destroy", "snapshot-create", "snapshot-list"], "An agent's snapshots outlive it unless asked otherwise, and are told", |fixture| {
        fixture.agent("a").await?;
        let snapshot = fixture.snapshot("a").await?;
        let destroyed = fixture.provider.destroy("a", DestroyRequest { snapshots: false }).await.succeeds("to destroy an agent")?;
        ensure_same!(destroyed.kept_snapshots, [snapshot.id], "the snapshots that are kept");
        let listed = fixture.provider.snapshot_list(Default::default()).await.succeeds("to list snapshots")?;
        ensure_same!(listed.len(), 1, "how many snapshots there are");
    }

    "destroy.takes-snapshots-where-asked" of "instance.destroy-request", ["create", "destroy", "snapshot-create", "snapshot-list"], "With `snapshots` an agent's snapshots go with it, and are told", |fixture| {
        fixture.agent("a").await?;
        let snapshot = fixture.snapshot("a").await?;
        let destroyed = fixture.provider.destroy("a", DestroyRequest { snapshots: true }).await.succeeds("to destroy an agent with its snapshots")?;
        ensure_same!(destroyed.deleted_snapshots, [snapshot.id], "the snapshots that were deleted");
        let listed = fixture.provider.snapshot_list(Default::default()).await.succeeds("to list snapshots")?;
        ensure_same!(listed.len(), 0, "how many snapshots there are");
    }

    "rename.id-stays" of "instance.rename", ["create", "rename"], "A renamed agent keeps its id", |fixture| {
        let before = fixture.agent("before").await?;
        let renamed = fixture.provider.rename("before", "after").await.succeeds("to rename an agent")?;
        ensure_same!((renamed.name.as_str(), renamed.id), ("after", before.id), "name and id");
    }

    "rename.is-seen-everywhere" of "types.agent", ["create", "rename", "discover", "get"], "A renamed agent is listed and found by its new name alone", |fixture| {
        let before = fixture.agent("before").await?;
        fixture.provider.rename("before", "after").await.succeeds("to rename an agent")?;
        let listed: Vec<_> = fixture.listed().await?.into_iter().map(|agent| (agent.name, agent.id)).collect();
        ensure_same!(listed, [("after".to_owned(), before.id)], "the agents");
        fixture.provider.get("before").await.fails_as("not_found", "to get an agent by the name that it had")?;
    }

    "rename.taken-is-already-exists" of "instance.rename", ["create", "rename"], "A name that is taken is `already-exists`, and nobody is renamed", |fixture| {
        let (a, b) = (fixture.agent("a").await?, fixture.agent("b").await?);
        fixture.provider.rename("a", "b").await.fails_as("already_exists", "to rename an agent to a name that is taken")?;
        for agent in [a, b] {
            ensure_same!(fixture.get(&agent.id).await?.name, agent.name, "the name");
        }
    }

    "rename.impossible-name-is-invalid-argument" of "types.invalid-argument", ["create", "rename"], "A name that can not be meant is `invalid-argument`, and the agent keeps its own", |fixture| {
        let agent = fixture.agent("a").await?;
        for name in ["", "a/b", "-dash"] {
            fixture.provider.rename("a", name).await.fails_as("invalid_argument", &format!("the name {name:?}"))?;
        }
        ensure_same!(fixture.get(&agent.id).await?.name, "a", "the name");
    }

    "exec.in-paused-is-conflict" of "instance.exec", ["create", "pause", "exec"], "Nothing is run in a paused agent: it is a `conflict`", |fixture| {
        fixture.agent("a").await?;
        fixture.provider.pause("a").await.succeeds("to pause an agent")?;
        fixture.provider.exec("a", argv(&["true"])).await.fails_as("conflict", "to run a command in a paused agent")?;
    }
}
