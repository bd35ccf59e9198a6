//! Volumes that were made for agents.

use mngr_host_shim::contract::labels::{AGENT_LABEL, PROVIDER_LABEL};

use crate::fixture::Fixture;
use crate::rule::{Comes, Stop, ensure, ensure_same, rules};

/// Makes a volume past the provider, of this agent or of nobody's.
async fn volume(fixture: &Fixture, suffix: &str, agent_id: Option<&str>) -> Result<String, Stop> {
    let name = format!("{}-{suffix}", fixture.provider.name());
    let owner = |id: &str| {
        vec![
            (AGENT_LABEL.to_owned(), id.to_owned()),
            (PROVIDER_LABEL.to_owned(), fixture.provider.name().to_owned()),
        ]
    };
    let labels = agent_id.map(owner).unwrap_or_default();
    let made = fixture.engine.volume_create(&name, "local", Vec::new(), labels).await;
    Ok(made.succeeds("the engine to make a volume")?.name)
}

async fn names(fixture: &Fixture) -> Result<Vec<String>, Stop> {
    let listed = fixture.provider.volumes().await.succeeds("to list volumes")?;
    Ok(listed.into_iter().map(|volume| volume.name).collect())
}

async fn remove(fixture: &Fixture, name: &str) -> Result<(), Stop> {
    fixture
        .engine
        .volume_remove(name, true)
        .await
        .succeeds("the engine to remove a volume")
}

rules! {
    "volumes.tell-their-agent" of "instance.volumes", ["create", "volumes"], "Volumes of this provider are listed, each with its agent", |fixture| {
        let agent = fixture.agent("a").await?;
        let name = volume(fixture, "own", Some(&agent.id)).await?;
        let listed = fixture.provider.volumes().await.succeeds("to list volumes")?;
        let told: Vec<_> = listed.into_iter().map(|volume| (volume.name, volume.agent_id)).collect();
        ensure_same!(told, [(name, Some(agent.id))], "the volumes");
    }

    "volumes.foreign-ones-are-not-listed" of "instance.volumes", ["volumes"], "Volumes of nobody, or of somebody else, are not listed", |fixture| {
        let name = volume(fixture, "foreign", None).await?;
        let listed = names(fixture).await;
        remove(fixture, &name).await?;
        ensure!(!listed?.contains(&name), "a foreign volume is listed");
    }

    "volume-delete.removes-it" of "instance.volume-delete", ["volumes", "volume-delete"], "A volume of this provider is removed", |fixture| {
        let name = volume(fixture, "own", Some("agent-gone")).await?;
        fixture.provider.volume_delete(&name).await.succeeds("to delete a volume")?;
        ensure!(fixture.engine.volume_inspect(&name).await.is_err(), "it is there");
    }

    "volume-delete.of-gone-succeeds" of "instance.volume-delete", ["volume-delete"], "To delete a volume that is gone is a success", |fixture| {
        let name = format!("{}-gone", fixture.provider.name());
        fixture.provider.volume_delete(&name).await.succeeds("to delete a volume that is gone")?;
    }

    "volume-delete.in-use-is-conflict" of "instance.volume-delete", ["create", "volume-delete", "--volume"], "A volume that a container uses is a `conflict`, and stays", |fixture| {
        let name = volume(fixture, "used", Some("agent-gone")).await?;
        fixture.agent_with("a", &[&format!("--volume={name}:/data")]).await?;
        fixture.provider.volume_delete(&name).await.fails_as("conflict", "to delete a volume that an agent uses")?;
        fixture.engine.volume_inspect(&name).await.succeeds("the engine to have the volume")?;
    }

    "volume-delete.foreign-is-refused" of "instance.volume-delete", ["volume-delete"], "A volume that is not this provider's is refused, and stays", |fixture| {
        let name = volume(fixture, "foreign", None).await?;
        let deleted = fixture.provider.volume_delete(&name).await;
        let there = fixture.engine.volume_inspect(&name).await;
        if there.is_ok() {
            remove(fixture, &name).await?;
        }
        ensure!(deleted.is_err() && there.is_ok(), "a foreign volume was deleted, or it is told so");
    }
}
