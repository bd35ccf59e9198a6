//! Snapshots to registries and from them, and as archives.

use mngr_host_shim::contract::instance::{PushRequest, SnapshotFilter, SnapshotRequest};
use mngr_host_shim::contract::types::Snapshot;
use mngr_host_shim::provider::{AgentSource, NewAgent, Provider};

use crate::fixture::Fixture;
use crate::rule::{Comes, Stop, ensure, ensure_same, rules};

async fn furnished(fixture: &Fixture) -> Result<Snapshot, Stop> {
    fixture.agent("a").await?;
    fixture.keep("a", "kept").await?;
    fixture.snapshot("a").await
}

/// A request to send it to the registry, to a name of its own there.
fn push(fixture: &Fixture, snapshot: &Snapshot) -> Result<PushRequest, Stop> {
    Ok(PushRequest {
        snapshot: snapshot.id.clone(),
        reference: format!("{}/{}:1", fixture.registry()?, fixture.provider.name()),
        include_env: false,
    })
}

/// Whether an agent of this snapshot has the file.
async fn has_the_file(fixture: &Fixture, provider: &Provider, snapshot: &Snapshot) -> Result<(), Stop> {
    let from = AgentSource::Snapshot(snapshot.id.clone());
    let made = provider
        .create(NewAgent {
            from,
            ..NewAgent::named("b")
        })
        .await;
    let made = made.succeeds("to create an agent from what came")?;
    ensure_same!(fixture.kept(&made.container_id).await?, "kept", "the file");
    Ok(())
}

async fn ids(provider: &Provider) -> Result<Vec<String>, Stop> {
    let listed = provider
        .snapshot_list(SnapshotFilter::default())
        .await
        .succeeds("to list snapshots")?;
    Ok(listed.into_iter().map(|snapshot| snapshot.id).collect())
}

rules! {
    "snapshot-push.tells-name-and-digest" of "instance.snapshot-push", ["create", "exec", "snapshot-create", "snapshot-push"], "A snapshot that was sent to a registry has a name and a digest there", |fixture| {
        let snapshot = furnished(fixture).await?;
        let request = push(fixture, &snapshot)?;
        let reference = request.reference.clone();
        let pushed = fixture.provider.snapshot_push(request).await.succeeds("to push a snapshot")?;
        ensure_same!((pushed.reference, pushed.snapshot.id), (reference, snapshot.id), "name and id");
        ensure!(pushed.digest.strip_prefix("sha256:").is_some_and(|digits| digits.len() == 64), "the digest is `{}`", pushed.digest);
    }

    "snapshot-pull.is-this-providers-then" of "instance.snapshot-pull", ["create", "exec", "snapshot-create", "snapshot-list", "snapshot-push", "snapshot-pull"], "A snapshot that comes from a registry is this provider's, with its files", |fixture| {
        let snapshot = furnished(fixture).await?;
        let pushed = fixture.provider.snapshot_push(push(fixture, &snapshot)?).await.succeeds("to push a snapshot")?;
        let other = fixture.another().await?;
        let pulled = other.snapshot_pull(&pushed.reference).await.succeeds("another provider to pull it")?;
        ensure_same!(ids(&other).await?, std::slice::from_ref(&pulled.id), "the other provider's snapshots");
        has_the_file(fixture, &other, &pulled).await?;
    }

    "snapshot-pull.again-succeeds" of "instance.snapshot-pull", ["create", "exec", "snapshot-create", "snapshot-list", "snapshot-push", "snapshot-pull"], "To pull a snapshot that is there already is a success, and it is there once", |fixture| {
        let snapshot = furnished(fixture).await?;
        let pushed = fixture.provider.snapshot_push(push(fixture, &snapshot)?).await.succeeds("to push a snapshot")?;
        let other = fixture.another().await?;
        let first = other.snapshot_pull(&pushed.reference).await.succeeds("another provider to pull it")?;
        let again = other.snapshot_pull(&pushed.reference).await.succeeds("to pull what is there")?;
        ensure_same!(again.id, first.id, "its id");
        ensure_same!(ids(&other).await?.len(), 1, "how many snapshots there are");
    }

    "snapshot-pull.plain-image-is-invalid-argument" of "instance.snapshot-pull", ["create", "exec", "snapshot-create", "snapshot-list", "snapshot-pull"], "An image that is no snapshot is `invalid-argument`, and not taken in", |fixture| {
        let repository = format!("{}/{}", fixture.registry()?, fixture.provider.name());
        let name = format!("{repository}:plain");
        fixture.engine.image_tag(&fixture.image, &repository, "plain").await.succeeds("the engine to tag an image")?;
        let sent = fixture.engine.image_push(&name, None, std::sync::Arc::new(|_| {})).await;
        fixture.engine.image_remove(&name, true).await.succeeds("the engine to remove a tag")?;
        sent.succeeds("the engine to push an image")?;
        let pulled = fixture.provider.snapshot_pull(&name).await;
        // It may stay on the engine under that name, which is nobody's.
        let _ = fixture.engine.image_remove(&name, true).await;
        pulled.fails_as("invalid_argument", "to pull an image that is no snapshot")?;
        ensure_same!(ids(&fixture.provider).await?, Vec::<String>::new(), "the snapshots");
    }

    "snapshot-push.environment-needs-consent" of "instance.push-request", ["create", "snapshot-create", "snapshot-push", "--env"], "What would give an environment away is `snapshot-blocked` unless it is agreed to, and is not sent", |fixture| {
        fixture.agent_with("a", &["--env=GREETING=hello"]).await?;
        let snapshot = fixture.snapshot("a").await?;
        let request = push(fixture, &snapshot)?;
        fixture.observed.forget();
        fixture.provider.snapshot_push(request.clone()).await.fails_as("snapshot_blocked", "to push an environment unasked")?;
        ensure!(!fixture.observed.asked().contains(&mngr_sandbox::Operation::ImagePush), "it was sent");
        let agreed = PushRequest { include_env: true, ..request };
        fixture.provider.snapshot_push(agreed).await.succeeds("to push an environment that was agreed to")?;
    }

    "snapshot-push.impossible-reference-is-invalid-argument" of "instance.push-request", ["create", "exec", "snapshot-create", "snapshot-push"], "A reference that can not be one is `invalid-argument` for the field `reference`", |fixture| {
        let snapshot = furnished(fixture).await?;
        for reference in ["", "-x/y", "a b"] {
            let request = PushRequest { snapshot: snapshot.id.clone(), reference: reference.to_owned(), include_env: false };
            let error = fixture.provider.snapshot_push(request).await.fails_as("invalid_argument", &format!("the reference `{reference}`"))?;
            ensure_same!(error.field(), Some("reference"), "the field");
        }
    }

    "snapshot-load.is-what-was-saved" of "instance.snapshot-load", ["create", "exec", "snapshot-create", "snapshot-list", "snapshot-save", "snapshot-load"], "A snapshot that another provider has saved can be loaded, and is this provider's then", |fixture| {
        let snapshot = furnished(fixture).await?;
        let other = fixture.another().await?;
        let archive = fixture.provider.snapshot_save(&snapshot.id).await.succeeds("to save a snapshot")?;
        let loaded = other.snapshot_load(archive).await.succeeds("another provider to load it")?;
        ensure_same!(ids(&other).await?, std::slice::from_ref(&loaded.id), "the other provider's snapshots");
        has_the_file(fixture, &other, &loaded).await?;
    }

    "snapshot-save.missing-is-not-found" of "instance.snapshot-save", ["create", "snapshot-create", "snapshot-save"], "A snapshot that is not there is `not-found`", |fixture| {
        fixture.agent("a").await?;
        fixture.provider.snapshot_create("a", SnapshotRequest::default()).await.succeeds("to take a snapshot")?;
        fixture.provider.snapshot_save("snap-of-nobody").await.fails_as("not_found", "to save a snapshot that is not there")?;
    }
}
