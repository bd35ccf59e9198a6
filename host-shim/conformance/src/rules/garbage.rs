//! What nobody needs any more, and what a crash left.

use mngr_host_shim::contract::instance::{Action, GcRequest, SnapshotRequest};
use mngr_host_shim::contract::labels::{AGENT_LABEL, PROVIDER_LABEL};
use mngr_host_shim::contract::types::{AgentState, Snapshot};
use mngr_sandbox::{Fault, Operation};

use crate::fixture::Fixture;
use crate::rule::{Comes, Stop, ensure, ensure_same, rules};

/// A snapshot whose agent is gone.
async fn orphan(fixture: &Fixture) -> Result<Snapshot, Stop> {
    fixture.agent("a").await?;
    let snapshot = fixture.snapshot("a").await?;
    fixture.destroy("a").await?;
    Ok(snapshot)
}

async fn gc(fixture: &Fixture, dry_run: bool, snapshots: bool) -> Result<Vec<Action>, Stop> {
    fixture
        .provider
        .gc(GcRequest { dry_run, snapshots })
        .await
        .succeeds("to remove what nobody needs")
}

fn verbs<'a>(actions: &'a [Action], subject: &str) -> Vec<&'a str> {
    let about = actions.iter().filter(|action| action.subject.contains(subject));
    about.map(|action| action.verb.as_str()).collect()
}

/// A create that dies while it starts its container, as a process does.
async fn die_in_create(fixture: &Fixture) -> Result<(), Stop> {
    let dying = fixture.again().await?;
    fixture.observed.forget();
    fixture.observed.fail(Operation::ContainerStart, 0, Fault::Hang);
    tokio::select! {
        made = dying.create(fixture.new_agent("a", &[])) => {
            let ended = made.map(|agent| agent.name);
            return Err(Stop::Failed(format!("a create ends before its container was started: {ended:?}")));
        }
        () = fixture.observed.until(Operation::ContainerStart) => {}
    }
    drop(dying);
    Ok(())
}

rules! {
    "gc.dry-run-changes-nothing" of "instance.gc-request", ["create", "destroy", "snapshot-create", "gc"], "A dry run says what would be removed, and removes nothing", |fixture| {
        let snapshot = orphan(fixture).await?;
        fixture.observed.forget();
        let actions = gc(fixture, true, true).await?;
        ensure_same!(verbs(&actions, &snapshot.id), ["remove"], "what is said of the snapshot");
        let changes = fixture.observed.changes();
        ensure!(changes.is_empty(), "the engine was asked for {changes:?}");
    }

    "gc.keeps-snapshots-unless-asked" of "instance.gc-request", ["create", "destroy", "snapshot-create", "gc"], "Snapshots whose agent is gone are kept unless asked for", |fixture| {
        let snapshot = orphan(fixture).await?;
        gc(fixture, false, false).await?;
        fixture.engine.image_inspect(&snapshot.image).await.succeeds("the engine to have the snapshot's image")?;
    }

    "gc.tells-what-is-kept" of "instance.gc", ["create", "destroy", "snapshot-create", "gc"], "What is kept though its agent is gone has the verb `keep`", |fixture| {
        let snapshot = orphan(fixture).await?;
        ensure_same!(verbs(&gc(fixture, true, false).await?, &snapshot.id), ["keep"], "what is said of the snapshot");
    }

    "gc.removes-snapshots-where-asked" of "instance.gc-request", ["create", "destroy", "snapshot-create", "gc"], "Snapshots whose agent is gone are removed where that is asked for", |fixture| {
        let snapshot = orphan(fixture).await?;
        ensure_same!(verbs(&gc(fixture, false, true).await?, &snapshot.id), ["remove"], "what is said of the snapshot");
        ensure!(fixture.engine.image_inspect(&snapshot.image).await.is_err(), "its image is there");
    }

    "gc.removes-volumes-of-the-gone" of "instance.gc", ["gc", "volumes"], "Volumes whose agent is gone are removed", |fixture| {
        let name = format!("{}-orphan", fixture.provider.name());
        let labels = vec![(AGENT_LABEL.to_owned(), "agent-gone".to_owned()), (PROVIDER_LABEL.to_owned(), fixture.provider.name().to_owned())];
        fixture.engine.volume_create(&name, "local", Vec::new(), labels).await.succeeds("the engine to make a volume")?;
        ensure_same!(verbs(&gc(fixture, false, false).await?, &name), ["remove"], "what is said of the volume");
        ensure!(fixture.engine.volume_inspect(&name).await.is_err(), "it is there");
    }

    "gc.spares-the-living" of "instance.gc", ["create", "stop", "snapshot-create", "gc", "get"], "Agents and their snapshots stay, whether they run or not", |fixture| {
        let (running, stopped) = (fixture.agent("a").await?, fixture.agent("b").await?);
        let snapshot = fixture.snapshot("b").await?;
        fixture.stop("b").await?;
        gc(fixture, false, true).await?;
        ensure_same!(fixture.get("a").await?.container_id, running.container_id, "the agent that runs");
        ensure_same!(fixture.get("b").await?.container_id, stopped.container_id, "the agent that is stopped");
        fixture.engine.image_inspect(&snapshot.image).await.succeeds("the engine to have the snapshot's image")?;
    }

    "gc.spares-foreign" of "instance.gc", ["create", "snapshot-create", "gc"], "What does not bear this provider's labels stays", |fixture| {
        let other = fixture.another().await?;
        other.create(fixture.new_agent("a", &[])).await.succeeds("another provider to create an agent")?;
        let theirs = other.snapshot_create("a", SnapshotRequest::default()).await.succeeds("another provider to take a snapshot")?;
        other.destroy("a", Default::default()).await.succeeds("another provider to destroy its agent")?;
        let name = format!("{}-foreign", fixture.provider.name());
        fixture.engine.volume_create(&name, "local", Vec::new(), Vec::new()).await.succeeds("the engine to make a volume")?;
        let done = fixture.provider.gc(GcRequest { dry_run: false, snapshots: true }).await;
        let volume = fixture.engine.volume_inspect(&name).await;
        drop(fixture.engine.volume_remove(&name, true).await);
        let told = done.succeeds("to remove what nobody needs")?;
        ensure!(told.is_empty(), "it is told: {told:?}");
        volume.succeeds("the engine to have the foreign volume")?;
        fixture.engine.image_inspect(&theirs.image).await.succeeds("the engine to have the other provider's snapshot")?;
    }

    "reconcile.rolls-back-a-create" of "instance.reconcile", ["create", "discover", "reconcile"], "What a create had made that died half-way is removed by the next call", |fixture| {
        die_in_create(fixture).await?;
        let next = fixture.again().await?;
        let listed = next.discover(Default::default()).await.succeeds("to list agents after a crash")?;
        ensure_same!(listed.len(), 0, "how many agents there are");
        ensure_same!(fixture.containers().await?.len(), 0, "how many containers there are");
        next.create(fixture.new_agent("a", &[])).await.succeeds("to create an agent of the name that is free again")?;
    }

    "reconcile.settles-once" of "instance.reconciliation", ["create", "discover", "reconcile"], "A call that is settled is told so, and not handed in again", |fixture| {
        die_in_create(fixture).await?;
        let next = fixture.again().await?;
        let actions = next.reconcile().await.succeeds("to settle what a crash left")?;
        ensure_same!(actions.len(), 1, "what was done, {actions:?}");
        let again = fixture.again().await?;
        let actions = again.reconcile().await.succeeds("to settle what a crash left")?;
        ensure!(actions.is_empty(), "it is done again: {actions:?}");
        let left = fixture.unsettled();
        ensure!(left.is_empty(), "calls are left in the journal: {left:?}");
    }

    "reconcile.spares-the-others" of "instance.reconcile", ["create", "discover", "reconcile", "get"], "Agents that no dead call has made stay", |fixture| {
        let whole = fixture.agent("b").await?;
        die_in_create(fixture).await?;
        fixture.again().await?.reconcile().await.succeeds("to settle what a crash left")?;
        let now = fixture.get("b").await?;
        ensure_same!((now.container_id, now.state), (whole.container_id, AgentState::Running), "the other agent");
    }
}
