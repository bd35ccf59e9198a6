//! Volumes that were made for agents.

use mngr_host_shim::contract::labels::{AGENT_LABEL, PROVIDER_LABEL};

use crate::bench::Bench;
use crate::rule::{Comes, Stop, ensure, ensure_same, rules};

/// Makes a volume past the provider, of this agent or of nobody's.
async fn volume(bench: &Bench, suffix: &str, agent_id: Option<&str>) -> Result<String, Stop> {
    let name = format!("{}-{suffix}", bench.provider.name());
    let owner = |id: &str| {
        vec![
            (AGENT_LABEL.to_owned(), id.to_owned()),
            (PROVIDER_LABEL.to_owned(), bench.provider.name().to_owned()),
        ]
    };
    let labels = agent_id.map(owner).unwrap_or_default();
    let made = bench.engine.volume_create(&name, "local", Vec::new(), labels).await;
    Ok(made.succeeds("the engine to make a volume")?.name)
}

async fn names(bench: &Bench) -> Result<Vec<String>, Stop> {
    let listed = bench.provider.volumes().await.succeeds("to list volumes")?;
    Ok(listed.into_iter().map(|volume| volume.name).collect())
}

async fn remove(bench: &Bench, name: &str) -> Result<(), Stop> {
    bench
        .engine
        .volume_remove(name, true)
        .await
        .succeeds("the engine to remove a volume")
}

rules! {
    "volumes.tell-their-agent" of "instance.volumes", ["create", "volumes"], "Volumes of this provider are listed, each with its agent", |bench| {
        let agent = bench.agent("a").await?;
        let name = volume(bench, "own", Some(&agent.id)).await?;
        let listed = bench.provider.volumes().await.succeeds("to list volumes")?;
        let told: Vec<_> = listed.into_iter().map(|volume| (volume.name, volume.agent_id)).collect();
        ensure_same!(told, [(name, Some(agent.id))], "the volumes");
    }

    "volumes.foreign-ones-are-not-listed" of "instance.volumes", ["volumes"], "Volumes of nobody, or of somebody else, are not listed", |bench| {
        let name = volume(bench, "foreign", None).await?;
        let listed = names(bench).await;
        remove(bench, &name).await?;
        ensure!(!listed?.contains(&name), "a foreign volume is listed");
    }

    "volume-delete.removes-it" of "instance.volume-delete", ["volumes", "volume-delete"], "A volume of this provider is removed", |bench| {
        let name = volume(bench, "own", Some("agent-gone")).await?;
        bench.provider.volume_delete(&name).await.succeeds("to delete a volume")?;
        ensure!(bench.engine.volume_inspect(&name).await.is_err(), "it is there");
    }

    "volume-delete.of-gone-succeeds" of "instance.volume-delete", ["volume-delete"], "To delete a volume that is gone is a success", |bench| {
        let name = format!("{}-gone", bench.provider.name());
        bench.provider.volume_delete(&name).await.succeeds("to delete a volume that is gone")?;
    }

    "volume-delete.in-use-is-conflict" of "instance.volume-delete", ["create", "volume-delete", "--volume"], "A volume that a container uses is a `conflict`, and stays", |bench| {
        let name = volume(bench, "used", Some("agent-gone")).await?;
        bench.agent_with("a", &[&format!("--volume={name}:/data")]).await?;
        bench.provider.volume_delete(&name).await.fails_as("conflict", "to delete a volume that an agent uses")?;
        bench.engine.volume_inspect(&name).await.succeeds("the engine to have the volume")?;
    }

    "volume-delete.foreign-is-refused" of "instance.volume-delete", ["volume-delete"], "A volume that is not this provider's is refused, and stays", |bench| {
        let name = volume(bench, "foreign", None).await?;
        let deleted = bench.provider.volume_delete(&name).await;
        let there = bench.engine.volume_inspect(&name).await;
        if there.is_ok() {
            remove(bench, &name).await?;
        }
        ensure!(deleted.is_err() && there.is_ok(), "a foreign volume was deleted, or it is told so");
    }
}
