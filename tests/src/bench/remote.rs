//! The same provider with SSH in between, beside itself without: at once on loopback, and at a distance.

use std::time::Duration;

use anyhow::{Result, anyhow};
use futures::future::try_join_all;
use mngr_docker_tests::open_behind;
use mngr_docker_tests::sshd::{Sshd, clients};
use mngr_docker_tests::wire::Wire;
use mngr_host_shim::provider::Provider;

use crate::measure::{Contender, Part, Row, timed};
use crate::ours;
use crate::side::{Side, Step, in_turn};

/// Round-trip times, in milliseconds.
const DISTANCES: [u64; 3] = [0, 20, 100];
/// Calls that are made at once.
const AT_ONCE: usize = 50;

/// Measures each distance. `local` has `size` agents to list.
pub async fn measure(local: &Provider, size: usize, image: &str, rounds: usize) -> Result<Part> {
    let mut part = Part::new("Over SSH");
    for distance in DISTANCES {
        let sshd = Sshd::start(&[]);
        let wire = Wire::to(sshd.port(), Duration::from_millis(distance) / 2).await;
        sshd.know_as(wire.port(), "", "host");
        let remote = open_behind(sshd.provider_through(wire.port(), local.name()), image).await?;
        ours::list(&remote, size).await?;
        let sides = [
            Side::Ours(Contender::Wasm, remote.clone()),
            Side::Ours(Contender::Local, local.clone()),
        ];
        part.rows.extend(rows(sides, distance, size, rounds).await?);
        // Its ssh ends with the last of its owners.
        let processes = clients(wire.port()).len();
        drop(remote);
        part.notes.push(format!(
            "SSH, {distance} ms there and back: ssh processes {processes}, handshakes {}.",
            sshd.log().matches("Accepted publickey").count()
        ));
    }
    Ok(part)
}

async fn rows(mut sides: [Side; 2], distance: u64, size: usize, rounds: usize) -> Result<Vec<Row>> {
    let named = |what: &str| Row::new(format!("{what}, {distance} ms"));
    let mut list = named("list").of_size(size);
    let mut many = named(&format!("{AT_ONCE} calls at once"));
    let steps = [Step::Create, Step::Start, Step::Exec, Step::Snapshot, Step::Destroy];
    let mut life: Vec<_> = steps.iter().map(|step| named(step.name())).collect();
    for round in 0..rounds {
        in_turn(&mut sides, round, &mut list, async |side| side.list(size).await).await?;
        let name = |side: &Side| format!("{}-{distance}-{round}", side.contender().key());
        for (step, row) in steps.into_iter().zip(&mut life) {
            if step == Step::Destroy {
                in_turn(&mut sides, round, &mut many, async |side| {
                    let name = name(side);
                    let Side::Ours(_, provider) = side else {
                        anyhow::bail!("both are providers");
                    };
                    timed(at_once(provider, &name)).await
                })
                .await?;
            }
            in_turn(&mut sides, round, row, async |side| {
                let name = name(side);
                side.step(step, &name).await
            })
            .await?;
        }
    }
    life.insert(0, list);
    life.push(many);
    Ok(life)
}

async fn at_once(provider: &Provider, name: &str) -> Result<()> {
    let calls = (0..AT_ONCE).map(|_| async { provider.get(name).await.map_err(|error| anyhow!(error.message())) });
    try_join_all(calls).await.map(drop)
}
