//! Agents from one provider to another.

use mngr_host_shim::contract::instance::{DepartureRequest, SnapshotFilter};
use mngr_host_shim::contract::types::{Agent, AgentState};
use mngr_host_shim::engine::Operation;
use mngr_host_shim::migrate::{Migrated, Migration, migrate};
use mngr_host_shim::provider::Provider;

use crate::fixture::Fixture;
use crate::rule::{Comes, Stop, ensure, ensure_same, rules};

async fn furnished(fixture: &Fixture) -> Result<Agent, Stop> {
    let agent = fixture.agent("a").await?;
    fixture.keep("a", "kept").await?;
    Ok(agent)
}

async fn to(fixture: &Fixture, there: &Provider, migration: Migration) -> Result<Migrated, Stop> {
    migrate(&fixture.provider, there, "a", &migration)
        .await
        .succeeds("to migrate an agent")
}

fn moving() -> Migration {
    Migration {
        destroy_original: true,
        ..Migration::default()
    }
}

rules! {
    "migrate-in.copy-is-another-agent" of "instance.arrival-request", ["create", "exec", "get", "discover", "migrate-out", "migrate-in", "snapshot-save", "snapshot-load", "snapshot-delete"], "A copy is a new agent with the original as its parent, so that no id is there twice", |fixture| {
        let original = furnished(fixture).await?;
        let there = fixture.another().await?;
        let done = to(fixture, &there, Migration::default()).await?;
        ensure!(done.agent.id != original.id, "one id is there twice");
        ensure_same!(done.agent.parent_id, Some(original.id), "the copy's parent");
    }

    "migrate-in.moved-is-the-same-agent" of "instance.arrival-request", ["create", "exec", "get", "discover", "destroy", "migrate-out", "migrate-in", "snapshot-save", "snapshot-load", "snapshot-delete"], "An agent that moves keeps its id, parent and date, and is nowhere else", |fixture| {
        let original = furnished(fixture).await?;
        let there = fixture.another().await?;
        let done = to(fixture, &there, moving()).await?;
        ensure_same!((done.agent.id, done.agent.parent_id, done.agent.created_at), (original.id, original.parent_id, original.created_at), "id, parent and date");
        ensure_same!(fixture.containers().await?.len(), 0, "how many containers the first provider has");
    }

    "migrate-in.files-go-along" of "instance.migrate-in", ["create", "exec", "get", "discover", "migrate-out", "migrate-in", "snapshot-save", "snapshot-load", "snapshot-delete"], "An agent has its files where it arrives, and runs where it ran before", |fixture| {
        furnished(fixture).await?;
        let there = fixture.another().await?;
        let done = to(fixture, &there, Migration::default()).await?;
        ensure_same!(done.agent.state, AgentState::Running, "its state");
        ensure_same!(fixture.kept(&done.agent.container_id).await?, "kept", "its file");
    }

    "migrate-in.stopped-arrives-unstarted" of "instance.migrate-in", ["create", "exec", "stop", "get", "discover", "migrate-out", "migrate-in", "snapshot-save", "snapshot-load", "snapshot-delete"], "An agent that did not run is made and not started", |fixture| {
        furnished(fixture).await?;
        fixture.stop("a").await?;
        let there = fixture.another().await?;
        let done = to(fixture, &there, Migration::default()).await?;
        ensure!(done.agent.state != AgentState::Running, "it runs");
    }

    "migrate-out.leaves-the-agent-as-it-is" of "instance.migrate-out", ["create", "exec", "get", "snapshot-list", "migrate-out"], "An agent that is made ready to go stays as it is, and its snapshot is there", |fixture| {
        let original = furnished(fixture).await?;
        let departure = fixture.provider.migrate_out("a", DepartureRequest::default()).await.succeeds("to make an agent ready to go")?;
        let now = fixture.get("a").await?;
        ensure_same!((now.container_id, now.state), (original.container_id, AgentState::Running), "the agent");
        let listed = fixture.provider.snapshot_list(SnapshotFilter::default()).await.succeeds("to list snapshots")?;
        ensure_same!(listed.into_iter().map(|snapshot| snapshot.id).collect::<Vec<_>>(), [departure.snapshot.id], "the snapshots");
    }

    "migrate-out.environment-needs-consent" of "instance.migrate-out", ["create", "snapshot-list", "migrate-out", "--env"], "What would give an environment away is `snapshot-blocked` before anything is done", |fixture| {
        fixture.agent_with("a", &["--env=GREETING=hello"]).await?;
        fixture.observed.forget();
        fixture.provider.migrate_out("a", DepartureRequest::default()).await.fails_as("snapshot_blocked", "to let an environment go unasked")?;
        let mut given_away = fixture.observed.asked();
        given_away.retain(|operation| operation.changes() || *operation == Operation::ImageSave);
        ensure!(given_away.is_empty(), "the engine was asked for {given_away:?}");
    }
}
