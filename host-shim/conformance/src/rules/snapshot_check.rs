//! What a snapshot would not hold, said before it is taken.

use mngr_host_shim::contract::ProviderError;
use mngr_host_shim::contract::instance::{SnapshotFilter, SnapshotRequest};
use mngr_host_shim::contract::types::{Finding, FindingKind, Severity};

use crate::fixture::Fixture;
use crate::rule::{Comes, Stop, ensure, ensure_same, rules};

async fn check(fixture: &Fixture, include_volumes: bool) -> Result<Vec<Finding>, Stop> {
    let found = fixture.provider.snapshot_check("a", include_volumes).await;
    found.succeeds("to check what a snapshot would not hold")
}

/// An agent whose own files lie in memory, where the provider lets that block a snapshot.
async fn blocked(fixture: &Fixture) -> Result<Vec<Finding>, Stop> {
    fixture.agent_with("a", &["--tmpfs=/srv", "--workdir=/srv"]).await?;
    let findings = check(fixture, false).await?;
    match findings.iter().any(|finding| finding.severity == Severity::Block) {
        true => Ok(findings),
        false => Err(Stop::Skipped(
            "with these settings nothing blocks a snapshot".to_owned(),
        )),
    }
}

fn forced() -> SnapshotRequest {
    SnapshotRequest {
        force: true,
        ..SnapshotRequest::default()
    }
}

rules! {
    "snapshot-check.finds-nothing-where-nothing-is" of "instance.snapshot-check", ["create", "snapshot-check"], "An agent with nothing but its own files has no findings", |fixture| {
        fixture.agent("a").await?;
        let findings = check(fixture, false).await?;
        ensure!(findings.is_empty(), "{findings:?}");
    }

    "snapshot-check.finds-memory" of "types.finding-kind", ["create", "snapshot-check", "--tmpfs"], "A tmpfs is found, with its path, a reason and a remedy", |fixture| {
        fixture.agent_with("a", &["--tmpfs=/fast"]).await?;
        let findings = check(fixture, false).await?;
        let Some(finding) = findings.iter().find(|finding| finding.path.as_deref() == Some("/fast")) else {
            return Err(Stop::Failed(format!("nothing is found at /fast: {findings:?}")));
        };
        ensure_same!(finding.kind, FindingKind::Tmpfs, "its kind");
        ensure!(!finding.reason.is_empty() && !finding.remedy.is_empty(), "{finding:?}");
    }

    "snapshot-check.finds-volumes-with-their-source" of "types.finding", ["create", "snapshot-check", "--volume"], "A bind and a volume are found, with path, source and access", |fixture| {
        fixture.agent_with("a", &["--volume=/usr/share:/bind:ro", "--volume=/anonymous"]).await?;
        let findings = check(fixture, false).await?;
        let at = |path: &str| findings.iter().find(|finding| finding.path.as_deref() == Some(path));
        let bind = at("/bind").map(|bind| (bind.source.as_deref(), bind.read_only));
        ensure_same!(bind, Some((Some("/usr/share"), true)), "source and access of the bind");
        ensure_same!(at("/anonymous").map(|volume| volume.kind), Some(FindingKind::AnonymousVolume), "the kind of the volume");
    }

    "snapshot-check.tells-environment-by-name" of "types.finding-kind", ["create", "snapshot-check", "--env"], "Environment variables are found by name, and never by value", |fixture| {
        fixture.agent_with("a", &["--env=API_TOKEN=hunter2-hunter2"]).await?;
        let findings = check(fixture, false).await?;
        let told = format!("{findings:?}");
        ensure!(told.contains("API_TOKEN"), "the variable is not found: {told}");
        ensure!(!told.contains("hunter2-hunter2"), "its value is told");
    }

    "snapshot-check.tells-what-is-taken-along" of "instance.snapshot-check", ["create", "snapshot-check", "--tmpfs"], "With `include-volumes` what would be taken along is `covered`, and does not block", |fixture| {
        fixture.agent_with("a", &["--tmpfs=/fast"]).await?;
        let findings = check(fixture, true).await?;
        let covered = findings.iter().find(|finding| finding.path.as_deref() == Some("/fast")).map(|finding| (finding.covered, finding.severity));
        ensure_same!(covered, Some((true, Severity::Ignore)), "what is said of /fast");
    }

    "snapshot-check.is-read-only" of "instance.snapshot-check", ["create", "snapshot-check"], "To look changes nothing", |fixture| {
        fixture.agent("a").await?;
        fixture.observed.forget();
        for include_volumes in [false, true] {
            check(fixture, include_volumes).await?;
        }
        let changes = fixture.observed.changes();
        ensure!(changes.is_empty(), "the engine was asked for {changes:?}");
    }

    "snapshot-create.blocked-by-findings" of "instance.snapshot-create", ["create", "snapshot-check", "snapshot-create", "--tmpfs", "--workdir"], "Where a finding blocks, the snapshot is `snapshot-blocked` with the findings, and not taken", |fixture| {
        blocked(fixture).await?;
        let error = fixture.provider.snapshot_create("a", SnapshotRequest::default()).await.fails_as("snapshot_blocked", "a snapshot that would lose the agent's files")?;
        let ProviderError::SnapshotBlocked(findings) = error else { return Ok(()) };
        ensure!(findings.iter().any(|finding| finding.severity == Severity::Block), "none of the findings blocks: {findings:?}");
        ensure_same!(fixture.observed.commits().len(), 0, "how many images were made");
    }

    "snapshot-create.force-keeps-the-findings" of "instance.snapshot-request", ["create", "snapshot-check", "snapshot-create", "snapshot-list", "--tmpfs", "--workdir"], "With `force` it is taken, and the findings are kept with the snapshot", |fixture| {
        let findings = blocked(fixture).await?;
        let taken = fixture.provider.snapshot_create("a", forced()).await.succeeds("to force a snapshot")?;
        ensure_same!(taken.findings.len(), findings.len(), "how many findings it has");
        let listed = fixture.provider.snapshot_list(SnapshotFilter::default()).await.succeeds("to list snapshots")?;
        let kept = listed.iter().map(|snapshot| format!("{:?}", snapshot.findings)).collect::<String>();
        ensure_same!(kept, format!("{:?}", taken.findings), "the findings in the list");
    }
}
