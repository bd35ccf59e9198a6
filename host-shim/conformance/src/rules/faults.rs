//! Engines that fail, and callers that give up.

use std::convert::Infallible;
use std::time::Duration;

use mngr_host_shim::contract::ProviderError;
use mngr_host_shim::contract::instance::{SnapshotFilter, SnapshotRequest};
use mngr_host_shim::error::{exhausted, timeout};
use mngr_sandbox::{Fault, Operation};
use tokio_util::sync::CancellationToken;

use crate::observed::down;
use crate::rule::{Comes, ensure, ensure_same, rules};

/// What a caller is told whose answer did not come.
fn lost() -> ProviderError {
    timeout("the engine", Duration::from_millis(1), true, "wait")
}

rules! {
    "faults.lost-create-is-adopted" of "instance.create", ["create"], "A create whose answer was lost on the way is found, and finished", |fixture| {
        fixture.observed.fail(Operation::ContainerCreate, 0, Fault::AfterEffect(lost()));
        fixture.agent("a").await?;
        ensure_same!(fixture.containers().await?.len(), 1, "how many containers there are");
    }

    "faults.lost-snapshot-is-found" of "docker.container-commit", ["create", "snapshot-create", "snapshot-list"], "A snapshot whose answer was lost on the way is found by its tag", |fixture| {
        fixture.agent("a").await?;
        fixture.observed.fail(Operation::ContainerCommit, 0, Fault::AfterEffect(lost()));
        let taken = fixture.snapshot("a").await?;
        let listed = fixture.provider.snapshot_list(SnapshotFilter::default()).await.succeeds("to list snapshots")?;
        ensure_same!(listed.into_iter().map(|snapshot| snapshot.id).collect::<Vec<_>>(), [taken.id], "the snapshots");
    }

    "faults.engine-down-is-unavailable" of "types.provider-error", ["create", "get"], "An engine that can not be reached is `unavailable`", |fixture| {
        fixture.observed.set_down(true);
        fixture.provider.get("a").await.fails_as("unavailable", "to get an agent from an engine that is down")?;
        fixture.provider.create(fixture.new_agent("a", &[])).await.fails_as("unavailable", "to create an agent on an engine that is down")?;
    }

    "faults.engine-back-is-as-before" of "world.provider-plugin", ["create", "discover"], "Once an engine is back, calls succeed again: a plugin keeps no state", |fixture| {
        fixture.agent("a").await?;
        fixture.observed.set_down(true);
        ensure!(fixture.provider.discover(Default::default()).await.is_err(), "an engine that is down has a list");
        fixture.observed.set_down(false);
        ensure_same!(fixture.listed().await?.len(), 1, "how many agents there are");
    }

    "faults.full-disk-is-resource-exhausted" of "types.provider-error", ["create"], "A full disk is `resource-exhausted`", |fixture| {
        let full = exhausted("the engine", "no space left on device", "make room");
        fixture.observed.fail(Operation::ContainerCreate, 0, Fault::Error(full));
        fixture.provider.create(fixture.new_agent("a", &[])).await.fails_as("resource_exhausted", "to create an agent on a full disk")?;
    }

    "faults.timeout-is-told" of "types.timeout", ["create", "snapshot-create", "snapshot-list"], "A deadline that passed is `timeout` or `unavailable`, and there is no half of a snapshot", |fixture| {
        fixture.agent("a").await?;
        fixture.observed.fail(Operation::ContainerCommit, 0, Fault::Error(down()));
        let taken = fixture.provider.snapshot_create("a", SnapshotRequest::default()).await;
        let kind = taken.err().map(|error| error.kind());
        ensure!(matches!(kind, Some("unavailable" | "timeout")), "a snapshot of an engine that went away is {kind:?}");
        let listed = fixture.provider.snapshot_list(SnapshotFilter::default()).await.succeeds("to list snapshots")?;
        ensure_same!(listed.len(), 0, "how many snapshots there are");
    }

    "cancel.leaves-nothing" of "instance.create", ["create"], "A create that is cancelled while the container starts leaves nothing", |fixture| {
        let cancel = CancellationToken::new();
        let provider = fixture.provider.clone().cancelled_by(cancel.clone());
        fixture.observed.fail(Operation::ContainerStart, 0, Fault::Hang);
        let cancelling = async {
            fixture.observed.until(Operation::ContainerStart).await;
            cancel.cancel();
            std::future::pending::<Infallible>().await
        };
        let made = tokio::select! {
            made = provider.create(fixture.new_agent("a", &[])) => made,
            never = cancelling => match never {},
        };
        ensure!(made.is_err(), "an agent is there before its container was started");
        ensure_same!(fixture.containers().await?.len(), 0, "how many containers are left");
    }
}
