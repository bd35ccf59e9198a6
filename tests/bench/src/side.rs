//! The contenders, and the steps that all of them take.

use std::time::Duration;

use anyhow::Result;
use bollard::Docker;
use mngr_host_shim::provider::Provider;

use crate::cli::Cli;
use crate::measure::{Contender, Row, timed};
use crate::worker::Worker;
use crate::{bare, ours};

/// One step of an agent's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A container is made and not started.
    Create,
    /// It is started.
    Start,
    /// `true` is run in it.
    Exec,
    /// It is committed, paused meanwhile.
    Snapshot,
    /// It is stopped.
    Stop,
    /// It is put aside, made anew from the snapshot, and removed.
    Restore,
    /// It is removed.
    Destroy,
}

impl Step {
    /// In the order in which they are taken.
    pub const ALL: [Self; 7] = [
        Self::Create,
        Self::Start,
        Self::Exec,
        Self::Snapshot,
        Self::Stop,
        Self::Restore,
        Self::Destroy,
    ];

    /// As it is called in tables, and by the worker.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Start => "start",
            Self::Exec => "exec",
            Self::Snapshot => "snapshot",
            Self::Stop => "stop",
            Self::Restore => "restore",
            Self::Destroy => "destroy",
        }
    }
}

/// Where the steps are taken, and on what.
#[derive(Debug, Clone)]
pub struct Scene {
    /// The engine's address.
    pub host: String,
    /// What agents are made from.
    pub image: String,
    /// The provider instance that everything belongs to.
    pub provider: String,
}

/// A contender.
pub enum Side {
    /// This provider.
    Ours(Contender, Provider),
    /// bollard.
    Bare(Docker, Scene),
    /// The Docker CLI.
    Cli(Cli),
    /// docker-py, or what stands on it, in a process of its own.
    Worker(Contender, Worker),
}

impl Side {
    /// Who it is.
    pub fn contender(&self) -> Contender {
        match self {
            Self::Ours(contender, _) | Self::Worker(contender, _) => *contender,
            Self::Bare(..) => Contender::Bollard,
            Self::Cli(_) => Contender::Cli,
        }
    }

    /// A name that no other contender gives.
    pub fn named(&self, scene: &Scene, name: &str) -> String {
        match self {
            // It puts the provider in front by itself.
            Self::Ours(..) => format!("{}-{name}", self.contender().key()),
            _ => format!("{}-{}-{name}", scene.provider, self.contender().key()),
        }
    }

    /// Takes a step, and says how long that took.
    pub async fn step(&mut self, step: Step, name: &str) -> Result<Duration> {
        match self {
            Self::Ours(_, provider) => timed(ours::step(provider, step, name)).await,
            Self::Bare(docker, scene) => timed(bare::step(docker, scene, step, name)).await,
            Self::Cli(cli) => timed(cli.step(step, name)).await,
            Self::Worker(_, worker) => worker.step(step, name),
        }
    }

    /// Lists all agents of the provider, of which there are `size`.
    pub async fn list(&mut self, size: usize) -> Result<Duration> {
        match self {
            Self::Ours(_, provider) => timed(ours::list(provider, size)).await,
            Self::Bare(docker, scene) => timed(bare::list(docker, &scene.provider, size)).await,
            Self::Cli(cli) => timed(cli.list(size)).await,
            Self::Worker(_, worker) => worker.list(size),
        }
    }

    /// Makes containers, all at once.
    pub async fn create_at_once(&mut self, names: &[String]) -> Result<Duration> {
        match self {
            Self::Ours(_, provider) => {
                let all = names.iter().map(|name| ours::step(provider, Step::Create, name));
                timed(async { futures::future::try_join_all(all).await.map(drop) }).await
            }
            Self::Bare(docker, scene) => {
                let all = names.iter().map(|name| bare::step(docker, scene, Step::Create, name));
                timed(async { futures::future::try_join_all(all).await.map(drop) }).await
            }
            Self::Cli(cli) => {
                let all = names.iter().map(|name| cli.step(Step::Create, name));
                timed(async { futures::future::try_join_all(all).await.map(drop) }).await
            }
            Self::Worker(_, worker) => worker.create_at_once(names),
        }
    }
}

/// Has each do the same once, in an order that changes with the round.
pub async fn in_turn(
    sides: &mut [Side],
    round: usize,
    row: &mut Row,
    mut work: impl AsyncFnMut(&mut Side) -> Result<Duration>,
) -> Result<()> {
    let count = sides.len();
    for at in 0..count {
        let side = &mut sides[(at + round) % count];
        let time = work(side).await?;
        row.took(side.contender(), time);
    }
    Ok(())
}
