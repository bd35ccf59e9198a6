//! The same provider with SSH in between, beside itself without: at once on loopback, and at a distance.

use std::time::Duration;

use anyhow::{Result, anyhow};
use futures::future::try_join_all;
use mngr_docker_tests::open_behind;
use mngr_docker_tests::sshd::{Sshd, clients};
use mngr_docker_tests::wire::Wire;
use mngr_host_shim::provider::Provider;

use crate::measure::{Pair, Table};
use crate::ours;

/// Round-trip times, in milliseconds.
const DISTANCES: [u64; 3] = [0, 20, 100];
/// Calls that are made at once.
const AT_ONCE: usize = 50;

/// Measures each distance. `local` has agents to list.
pub async fn measure(local: &Provider, image: &str, rounds: usize, table: &mut Table) -> Result<()> {
    for distance in DISTANCES {
        let sshd = Sshd::start(&[]);
        let wire = Wire::to(sshd.port(), Duration::from_millis(distance) / 2).await;
        sshd.know_as(wire.port(), "", "host");
        let remote = open_behind(sshd.provider_through(wire.port(), local.name()), image).await?;
        ours::list(&remote).await?;
        table.push(pairs(&remote, local, distance, rounds).await?);
        table.note(format!(
            "SSH, {distance} ms there and back: {} process, {} handshake",
            clients(wire.port()).len(),
            sshd.log().matches("Accepted publickey").count()
        ));
    }
    Ok(())
}

async fn pairs(remote: &Provider, local: &Provider, distance: u64, rounds: usize) -> Result<Vec<Pair>> {
    let named = |what: &str| Pair::new(format!("{what}, SSH at {distance} ms / local"));
    let (mut list, mut create, mut exec) = (named("list"), named("create"), named("exec"));
    let (mut commit, mut many) = (named("commit"), named(&format!("{AT_ONCE} calls at once")));
    for round in 0..rounds {
        let (far, near) = (format!("far-{distance}-{round}"), format!("near-{distance}-{round}"));
        list.alternate(ours::list(remote), ours::list(local)).await?;
        create
            .alternate(ours::create(remote, &far), ours::create(local, &near))
            .await?;
        for (provider, name) in [(remote, &far), (local, &near)] {
            ours::start(provider, name).await?;
        }
        exec.alternate(ours::exec(remote, &far), ours::exec(local, &near))
            .await?;
        commit
            .alternate(ours::commit(remote, &far), ours::commit(local, &near))
            .await?;
        many.alternate(at_once(remote, &far), at_once(local, &near)).await?;
        for (provider, name) in [(remote, &far), (local, &near)] {
            ours::destroy(provider, name).await?;
        }
    }
    Ok(vec![list, create, exec, commit, many])
}

async fn at_once(provider: &Provider, name: &str) -> Result<()> {
    let calls = (0..AT_ONCE).map(|_| async { provider.get(name).await.map_err(|error| anyhow!(error.message())) });
    try_join_all(calls).await.map(drop)
}
