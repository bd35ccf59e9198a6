//! Snapshots: taken, listed, compared, deleted.

use mngr_host_shim::contract::docker::ContainerStatus;
use mngr_host_shim::contract::instance::{SnapshotFilter, SnapshotRequest};
use mngr_host_shim::contract::types::{AgentState, Snapshot};
use mngr_host_shim::provider::{AgentSource, NewAgent};
use mngr_sandbox::Operation;

use crate::fixture::Fixture;
use crate::rule::{Comes, Stop, ensure, ensure_same, rules};

fn named(name: &str) -> SnapshotRequest {
    SnapshotRequest {
        name: name.to_owned(),
        ..SnapshotRequest::default()
    }
}

fn frozen(pause: bool) -> SnapshotRequest {
    SnapshotRequest {
        pause: Some(pause),
        ..SnapshotRequest::default()
    }
}

async fn list(fixture: &Fixture, agent: Option<&str>) -> Result<Vec<String>, Stop> {
    let agent = agent.map(str::to_owned);
    let listed = fixture.provider.snapshot_list(SnapshotFilter { agent }).await;
    Ok(listed
        .succeeds("to list snapshots")?
        .into_iter()
        .map(|snapshot| snapshot.id)
        .collect())
}

async fn made_from(fixture: &Fixture, name: &str, snapshot: &Snapshot) -> Result<(), Stop> {
    let from = AgentSource::Snapshot(snapshot.id.clone());
    let made = fixture
        .provider
        .create(NewAgent {
            from,
            ..NewAgent::named(name)
        })
        .await;
    made.succeeds("to create an agent from a snapshot")?;
    Ok(())
}

/// Two snapshots, between which one file was added and one was removed.
async fn two(fixture: &Fixture) -> Result<(), Stop> {
    fixture.agent("a").await?;
    fixture.shell("a", "echo old > /tmp/old").await?;
    fixture
        .provider
        .snapshot_create("a", named("one"))
        .await
        .succeeds("to take a snapshot")?;
    fixture.shell("a", "rm /tmp/old; echo new > /tmp/new").await?;
    fixture
        .provider
        .snapshot_create("a", named("two"))
        .await
        .succeeds("to take a snapshot")?;
    Ok(())
}

rules! {
    "snapshot-create.makes-a-tagged-image" of "types.snapshot", ["create", "snapshot-create"], "A snapshot is an image with the tag `mngr-snapshot:<agent-id>-<snapshot-id>`", |fixture| {
        let agent = fixture.agent("a").await?;
        let snapshot = fixture.snapshot("a").await?;
        ensure_same!(snapshot.image, format!("mngr-snapshot:{}-{}", agent.id, snapshot.id), "the tag");
        let image = fixture.engine.image_inspect(&snapshot.image).await.succeeds("the engine to have the image")?;
        ensure_same!(snapshot.image_id, image.id, "the image's id");
    }

    "snapshot-create.is-of-the-agent" of "types.snapshot", ["create", "snapshot-create"], "A snapshot tells whose it is, and the name that it was given", |fixture| {
        let agent = fixture.agent("a").await?;
        let snapshot = fixture.provider.snapshot_create("a", named("before the change")).await.succeeds("to take a snapshot with a name")?;
        ensure_same!((snapshot.agent_id, snapshot.agent_name), (agent.id, agent.name), "id and name of its agent");
        ensure_same!(snapshot.name.as_deref(), Some("before the change"), "its name");
    }

    "snapshot-create.the-agent-runs-on" of "instance.snapshot-request", ["create", "snapshot-create"], "An agent that ran runs on after a snapshot, whether it was frozen for it or not", |fixture| {
        let agent = fixture.agent("a").await?;
        for pause in [true, false] {
            fixture.provider.snapshot_create("a", frozen(pause)).await.succeeds("to take a snapshot")?;
            let container = fixture.engine.container_inspect(&agent.container_id, false).await.succeeds("the engine to have its container")?;
            ensure_same!(container.state.status, ContainerStatus::Running, "its container's state, pause: {pause}");
        }
    }

    "snapshot-create.pause-is-the-callers" of "instance.snapshot-request", ["create", "snapshot-create"], "The agent is frozen where the caller says so, and not where it says no", |fixture| {
        fixture.agent("a").await?;
        for pause in [true, false] {
            fixture.observed.forget();
            fixture.provider.snapshot_create("a", frozen(pause)).await.succeeds("to take a snapshot")?;
            let by_engine = fixture.observed.commits().iter().any(|options| options.pause);
            let by_itself = fixture.observed.asked().contains(&Operation::ContainerPause);
            ensure_same!(by_engine || by_itself, pause, "whether the agent was frozen");
        }
    }

    "snapshot-create.of-paused-leaves-it-paused" of "instance.snapshot-create", ["create", "pause", "get", "snapshot-create"], "A paused agent can be snapshotted, and stays paused", |fixture| {
        fixture.agent("a").await?;
        fixture.provider.pause("a").await.succeeds("to pause an agent")?;
        fixture.snapshot("a").await?;
        ensure_same!(fixture.get("a").await?.state, AgentState::Paused, "the agent's state");
    }

    "snapshot-create.of-stopped" of "instance.snapshot-create", ["create", "stop", "get", "snapshot-create"], "A stopped agent can be snapshotted, and stays stopped", |fixture| {
        fixture.agent("a").await?;
        fixture.stop("a").await?;
        fixture.snapshot("a").await?;
        ensure_same!(fixture.get("a").await?.state, AgentState::Stopped, "the agent's state");
    }

    "snapshot-create.parent-is-told" of "types.snapshot", ["create", "snapshot-create"], "A snapshot of an agent that was made from a snapshot has that as its parent", |fixture| {
        fixture.agent("a").await?;
        let first = fixture.snapshot("a").await?;
        ensure_same!(first.parent, None, "the parent of the first");
        made_from(fixture, "b", &first).await?;
        ensure_same!(fixture.snapshot("b").await?.parent, Some(first.id), "the parent of the second");
    }

    "snapshot-list.is-newest-first" of "instance.snapshot-list", ["create", "snapshot-create", "snapshot-list"], "Snapshots are listed newest first", |fixture| {
        fixture.agent("a").await?;
        let mut taken = Vec::new();
        for _ in 0..3 {
            taken.insert(0, fixture.snapshot("a").await?.id);
        }
        ensure_same!(list(fixture, None).await?, taken, "the snapshots");
    }

    "snapshot-list.of-one-agent" of "instance.snapshot-filter", ["create", "snapshot-create", "snapshot-list"], "Only the snapshots of one agent are listed where that is asked for", |fixture| {
        fixture.agent("a").await?;
        fixture.agent("b").await?;
        let (of_a, _) = (fixture.snapshot("a").await?, fixture.snapshot("b").await?);
        ensure_same!(list(fixture, Some("a")).await?, [of_a.id], "the snapshots of one");
    }

    "snapshot-list.of-an-agent-that-is-gone" of "instance.snapshot-filter", ["create", "destroy", "snapshot-create", "snapshot-list"], "The snapshots of an agent that is gone are listed by its id", |fixture| {
        let agent = fixture.agent("a").await?;
        let snapshot = fixture.snapshot("a").await?;
        fixture.destroy("a").await?;
        ensure_same!(list(fixture, Some(&agent.id)).await?, [snapshot.id], "its snapshots");
    }

    "snapshot-list.providers-do-not-share" of "types.provider", ["create", "snapshot-create", "snapshot-list", "snapshot-delete"], "Another provider's snapshots are not listed and not found", |fixture| {
        let other = fixture.another().await?;
        other.create(fixture.new_agent("a", &[])).await.succeeds("another provider to create an agent")?;
        let theirs = other.snapshot_create("a", SnapshotRequest::default()).await.succeeds("another provider to take a snapshot")?;
        ensure_same!(list(fixture, None).await?, Vec::<String>::new(), "the snapshots of a provider that has none");
        fixture.provider.snapshot_delete(None, &theirs.id).await.fails_as("not_found", "to delete another provider's snapshot")?;
    }

    "snapshot-delete.removes-the-image" of "instance.snapshot-delete", ["create", "snapshot-create", "snapshot-list", "snapshot-delete"], "A deleted snapshot is not listed, and the engine has no image of it", |fixture| {
        fixture.agent("a").await?;
        let snapshot = fixture.snapshot("a").await?;
        let deleted = fixture.provider.snapshot_delete(None, &snapshot.id).await.succeeds("to delete a snapshot")?;
        ensure_same!(deleted.id, snapshot.id, "the id of what was deleted");
        ensure_same!(list(fixture, None).await?, Vec::<String>::new(), "the snapshots");
        ensure!(fixture.engine.image_inspect(&snapshot.image).await.is_err(), "the image is there");
    }

    "snapshot-delete.in-use-is-conflict" of "instance.snapshot-delete", ["create", "snapshot-create", "snapshot-list", "snapshot-delete"], "A snapshot that an agent uses is a `conflict` that names the agent, and stays", |fixture| {
        fixture.agent("a").await?;
        let snapshot = fixture.snapshot("a").await?;
        made_from(fixture, "user-of-it", &snapshot).await?;
        let error = fixture.provider.snapshot_delete(None, &snapshot.id).await.fails_as("conflict", "to delete a snapshot that an agent uses")?;
        ensure!(error.message().contains("user-of-it"), "the agent is not named: {}", error.message());
        ensure_same!(list(fixture, None).await?, [snapshot.id], "the snapshots");
    }

    "snapshot-delete.of-another-agent-is-refused" of "instance.snapshot-delete", ["create", "snapshot-create", "snapshot-list", "snapshot-delete"], "Where an agent is named the snapshot must be that agent's", |fixture| {
        fixture.agent("a").await?;
        fixture.agent("b").await?;
        let snapshot = fixture.snapshot("a").await?;
        let deleted = fixture.provider.snapshot_delete(Some("b".to_owned()), &snapshot.id).await;
        ensure!(deleted.is_err(), "a snapshot was deleted as that of another agent");
        ensure_same!(list(fixture, None).await?, [snapshot.id], "the snapshots");
    }

    "snapshot-delete.missing-is-not-found" of "instance.snapshot-delete", ["create", "snapshot-create", "snapshot-delete"], "A snapshot that is not there is `not-found`, and named", |fixture| {
        let error = fixture.provider.snapshot_delete(None, "snap-of-nobody").await.fails_as("not_found", "to delete a snapshot that is not there")?;
        ensure!(error.message().contains("snap-of-nobody"), "the snapshot is not named: {}", error.message());
    }

    "changes.are-since-the-image" of "instance.changes", ["create", "exec", "changes"], "What an agent has changed of its image is told", |fixture| {
        fixture.agent("a").await?;
        fixture.shell("a", "echo new > /tmp/added").await?;
        let changes = fixture.provider.changes("a").await.succeeds("to tell what an agent has changed")?;
        ensure!(changes.added.iter().any(|path| path == "/tmp/added"), "/tmp/added is not told: {changes:?}");
    }

    "snapshot-diff.is-from-older-to-newer" of "instance.snapshot-diff", ["create", "exec", "snapshot-create", "snapshot-diff"], "What the newer has added and deleted relative to the older is told", |fixture| {
        two(fixture).await?;
        let changes = fixture.provider.snapshot_diff("one", "two").await.succeeds("to compare snapshots")?;
        ensure_same!(changes.added, ["/tmp/new"], "what was added");
        ensure_same!(changes.deleted, ["/tmp/old"], "what was deleted");
    }

    "snapshot-diff.takes-agents" of "instance.snapshot-diff", ["create", "exec", "snapshot-create", "snapshot-diff"], "A snapshot is compared with an agent as it is", |fixture| {
        two(fixture).await?;
        fixture.shell("a", "echo newer > /tmp/newer").await?;
        let changes = fixture.provider.snapshot_diff("two", "a").await.succeeds("to compare a snapshot with an agent")?;
        ensure!(changes.added.iter().any(|path| path == "/tmp/newer"), "/tmp/newer is not told: {changes:?}");
    }

    "snapshot-diff.either-kind-is-ambiguous" of "instance.snapshot-diff", ["create", "snapshot-create", "snapshot-diff"], "A reference that is an agent and a snapshot is `ambiguous`", |fixture| {
        fixture.agent("a").await?;
        fixture.provider.snapshot_create("a", named("a")).await.succeeds("to take a snapshot with a name")?;
        fixture.provider.snapshot_diff("a", "a").await.fails_as("ambiguous", "to compare what may be an agent or a snapshot")?;
    }
}
