//! The same provider with SSH in between, beside itself without: at once on loopback, and at a distance.
//!
//! What it may take is half as long again as without, and one round trip for each call of the engine.

use std::time::Duration;

use anyhow::{Result, anyhow};
use futures::future::try_join_all;
use mngr_docker_tests::FaultProxy;
use mngr_docker_tests::sshd::{Sshd, clients};
use mngr_docker_tests::wire::Wire;
use mngr_host_shim::config::ProviderConfig;
use mngr_host_shim::provider::Provider;

use crate::measure::{Contender, Part, Row, timed};
use crate::side::{Side, Step, in_turn};
use crate::{opened, ours};

/// Round-trip times, in milliseconds.
const DISTANCES: [u64; 3] = [0, 20, 100];
/// Calls that are made at once.
const AT_ONCE: usize = 50;

/// What the work itself may take, by what it takes without SSH.
const SLOWER: f64 = 1.5;
/// The steps, in their order.
const STEPS: [Step; 5] = [Step::Create, Step::Start, Step::Exec, Step::Snapshot, Step::Destroy];

/// How many calls of the engine each thing makes, one after the other or not.
struct Calls {
    list: usize,
    steps: [usize; STEPS.len()],
}

impl Calls {
    /// Counts them, past a proxy.
    async fn of(local: &Provider, size: usize, image: &str) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let proxy = FaultProxy::before_the_engine(directory.path().join("engine.sock"));
        let mut config = ProviderConfig::named(local.name());
        config.host = Some(format!("unix://{}", proxy.socket().display()));
        let counted = opened::configured(config, image).await?;
        let since = |before: usize| proxy.requests().len() - before;
        let mut calls = Self {
            list: 0,
            steps: [0; STEPS.len()],
        };
        // The first time it gets to know the engine as well.
        for name in ["counted-0", "counted-1"] {
            let before = since(0);
            ours::list(&counted, size).await?;
            calls.list = since(before);
            for (step, calls) in STEPS.into_iter().zip(&mut calls.steps) {
                let before = since(0);
                ours::step(&counted, step, name).await?;
                *calls = since(before);
            }
        }
        Ok(calls)
    }
}

/// Adds what the row may take at that distance, with so many calls.
fn limit(row: &mut Row, calls: usize, distance: u64) {
    if let Some((local, _)) = row.median(Contender::Local) {
        row.add(Contender::Limit, SLOWER * local + calls as f64 * distance as f64);
    }
}

/// Measures each distance. `local` has `size` agents to list.
pub async fn measure(local: &Provider, size: usize, image: &str, rounds: usize) -> Result<Part> {
    let mut part = Part::new("Over SSH");
    let calls = Calls::of(local, size, image).await?;
    let counted = STEPS
        .iter()
        .zip(calls.steps)
        .map(|(step, calls)| format!("{} {calls}", step.name()));
    part.notes.push(format!(
        "The limit is {SLOWER} × the time without SSH and one round trip for each call of the engine: list {}, {}.",
        calls.list,
        counted.collect::<Vec<_>>().join(", ")
    ));
    for distance in DISTANCES {
        let sshd = Sshd::start(&[]);
        let wire = Wire::to(sshd.port(), Duration::from_millis(distance) / 2).await;
        sshd.know_as(wire.port(), "", "host");
        let remote = opened::configured(sshd.provider_through(wire.port(), local.name()), image).await?;
        ours::list(&remote, size).await?;
        let sides = [
            Side::Ours(Contender::Wasm, remote.clone()),
            Side::Ours(Contender::Local, local.clone()),
        ];
        part.rows.extend(rows(sides, distance, size, rounds, &calls).await?);
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

async fn rows(mut sides: [Side; 2], distance: u64, size: usize, rounds: usize, calls: &Calls) -> Result<Vec<Row>> {
    let named = |what: &str| Row::new(format!("{what}, {distance} ms"));
    let mut list = named("list").of_size(size);
    let mut many = named(&format!("{AT_ONCE} calls at once"));
    let mut life: Vec<_> = STEPS.iter().map(|step| named(step.name())).collect();
    for round in 0..rounds {
        in_turn(&mut sides, round, &mut list, async |side| side.list(size).await).await?;
        let name = |side: &Side| format!("{}-{distance}-{round}", side.contender().key());
        for (step, row) in STEPS.into_iter().zip(&mut life) {
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
    limit(&mut list, calls.list, distance);
    for (row, calls) in life.iter_mut().zip(calls.steps) {
        limit(row, calls, distance);
    }
    life.insert(0, list);
    life.push(many);
    Ok(life)
}

async fn at_once(provider: &Provider, name: &str) -> Result<()> {
    let calls = (0..AT_ONCE).map(|_| async { provider.get(name).await.map_err(|error| anyhow!(error.message())) });
    try_join_all(calls).await.map(drop)
}
