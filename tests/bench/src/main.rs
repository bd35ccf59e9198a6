//! `cargo xtask bench`: the provider beside others that do the same on the same engine, in turn in one run. Ratios first.

mod bare;
mod chart;
mod cli;
mod fill;
mod measure;
mod opened;
mod ours;
mod plugin;
mod process;
mod readme;
mod remote;
mod report;
mod side;
mod worker;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bollard::Docker;
use clap::{Parser, ValueEnum};
use mngr_docker_tests::remove_all;
use mngr_host_shim::provider::Provider;

use measure::{Contender, Part, Row};
use report::Circumstances;
use side::{Scene, Side, Step, in_turn};
use worker::Worker;

/// Measures the provider beside others.
#[derive(Parser)]
struct Bench {
    /// The engine.
    #[arg(long, default_value = "unix:///var/run/docker.sock")]
    host: String,
    /// What agents are made from.
    #[arg(long, default_value = "mngr-test:busybox")]
    image: String,
    /// What is measured.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "life,at-once,list,cold,load,remote"
    )]
    parts: Vec<Section>,
    /// How many agents are listed.
    #[arg(long, value_delimiter = ',', default_value = "10,100,500,2000")]
    sizes: Vec<usize>,
    /// How often each thing is measured, at most.
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// The plugin as a dynamic library, as `cargo xtask native` leaves it.
    #[arg(long, value_name = "FILE")]
    native: Option<PathBuf>,
    /// An interpreter that has docker-py.
    #[arg(long, value_name = "FILE")]
    python: Option<PathBuf>,
    /// Times of whole commands of mngr, as `python/bench/bench_mngr.py` leaves them, to be shown with the others.
    #[arg(long, value_name = "FILE")]
    mngr: Option<PathBuf>,
    /// Where the table, the figures and the chart are left.
    #[arg(long, value_name = "DIRECTORY", default_value = "target/bench")]
    out: PathBuf,
    /// Put the table and the chart into README.md as well.
    #[arg(long)]
    readme: bool,
    /// Print the most memory that a command holds, and nothing else.
    #[arg(long, hide = true, num_args = 1.., allow_hyphen_values = true)]
    peak_of: Vec<String>,
}

/// What can be measured by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Section {
    /// One agent's life, step by step.
    Life,
    /// Fifty agents made at once.
    AtOnce,
    /// Lists of more and more agents.
    List,
    /// Whole processes, their time and their memory.
    Cold,
    /// What plugins cost: to load, to make an instance of, to call, to exchange.
    Load,
    /// Everything over SSH.
    Remote,
}

/// How many agents are made at once.
const AT_ONCE: usize = 50;
/// How often what takes long is measured, at most.
const FEW: usize = 7;
/// How long one contender may take for one row; it has three turns at least.
const ENOUGH: Duration = Duration::from_secs(20);

fn main() -> Result<()> {
    let bench = Bench::parse();
    if !bench.peak_of.is_empty() {
        return process::print_peak(&bench.peak_of);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(run(&bench))
}

async fn run(bench: &Bench) -> Result<()> {
    if bench.parts == [Section::Load] {
        // No engine is needed.
        println!("{}", plugin::measure(bench.rounds, bench.native.as_deref()).await?);
        return Ok(());
    }
    let mut circumstances = Circumstances::of_this_machine();
    let scene = Scene {
        host: bench.host.clone(),
        image: bench.image.clone(),
        provider: format!("bench-{}", &uuid::Uuid::new_v4().simple().to_string()[..8]),
    };
    let provider = opened::built_in(&scene).await?;
    let docker = Docker::connect_with_host(&scene.host)?.with_timeout(Duration::from_secs(600));
    let engine = docker.version().await?;
    circumstances.add("engine", engine.version.unwrap_or_default());
    let outcome = measure(bench, &scene, &provider, &docker, &mut circumstances).await;
    eprintln!("removing what was made");
    let left = remove_all(&**provider.engine(), &scene.provider).await;
    let mut parts = outcome?;
    parts.extend(bench.mngr.as_deref().map(of_mngr).transpose()?);
    let mut text = report::markdown(&circumstances, &parts);
    if bench.parts.contains(&Section::Load) {
        text += &format!("\n{}\n", plugin::measure(bench.rounds, bench.native.as_deref()).await?);
    }
    std::fs::create_dir_all(&bench.out).with_context(|| format!("cannot make {}", bench.out.display()))?;
    std::fs::write(bench.out.join("bench.md"), &text)?;
    let figures = serde_json::to_string_pretty(&report::json(&circumstances, &parts))?;
    std::fs::write(bench.out.join("bench.json"), figures + "\n")?;
    let part = |name: &str| parts.iter().find(|part| part.name == name);
    let chart = bench.out.join("bench.svg");
    chart::draw(&chart, part(LISTS), part(LIFE))?;
    println!("{text}");
    eprintln!("the table, the figures and the chart are in {}", bench.out.display());
    if bench.readme {
        readme::show(&text, &chart)?;
    }
    anyhow::ensure!(left.is_empty(), "left behind: {left:?}");
    Ok(())
}

const LIFE: &str = "One agent's life";
const LISTS: &str = "Lists";

async fn measure(
    bench: &Bench,
    scene: &Scene,
    provider: &Provider,
    docker: &Docker,
    circumstances: &mut Circumstances,
) -> Result<Vec<Part>> {
    let mut sides = vec![
        Side::Ours(Contender::Wasm, provider.clone()),
        Side::Bare(docker.clone(), scene.clone()),
    ];
    if let Some(library) = &bench.native {
        let native = opened::with_library(scene, library).await?;
        sides.push(Side::Ours(Contender::Native, native));
    }
    sides.extend(cli::Cli::find(scene).map(Side::Cli));
    if let Some(python) = &bench.python {
        let worker = Worker::start(python, Contender::Python.key(), scene)?;
        circumstances.add("Python", worker.version.clone());
        sides.push(Side::Worker(Contender::Python, worker));
    }
    let wants = |section| bench.parts.contains(&section);
    let mut parts = Vec::new();
    if wants(Section::Life) {
        parts.push(life(bench, scene, &mut sides).await?);
    }
    if wants(Section::AtOnce) {
        parts.push(at_once(bench, scene, &mut sides).await?);
    }
    let mut listed = 0;
    if wants(Section::List) {
        let (part, most) = lists(bench, scene, docker, &mut sides).await?;
        parts.push(part);
        listed = most;
    }
    if wants(Section::Cold) || wants(Section::Remote) {
        let least = bench.sizes.iter().copied().min().unwrap_or(10);
        listed = fill::up_to(provider, docker, scene, listed, least).await?;
    }
    if wants(Section::Cold) {
        let python = bench.python.as_deref();
        parts.push(process::measure(scene, listed, bench.rounds, python)?);
    }
    if wants(Section::Remote) {
        parts.push(remote::measure(provider, listed, &scene.image, bench.rounds.min(FEW)).await?);
    }
    Ok(parts)
}

/// One agent's life, step by step, on all sides.
async fn life(bench: &Bench, scene: &Scene, sides: &mut [Side]) -> Result<Part> {
    let mut part = Part::new(LIFE);
    part.rows = Step::ALL.map(|step| Row::new(step.name())).to_vec();
    for round in 0..bench.rounds {
        eprintln!("life {} of {}", round + 1, bench.rounds);
        for (step, row) in Step::ALL.into_iter().zip(&mut part.rows) {
            in_turn(sides, round, row, async |side| {
                let name = side.named(scene, &format!("life-{round}"));
                side.step(step, &name).await
            })
            .await?;
        }
    }
    Ok(part)
}

/// Agents that are all made at once.
async fn at_once(bench: &Bench, scene: &Scene, sides: &mut [Side]) -> Result<Part> {
    let mut row = Row::new(format!("{AT_ONCE} creates at once"));
    for round in 0..bench.rounds.min(3) {
        eprintln!("{AT_ONCE} at once, {} of {}", round + 1, bench.rounds.min(3));
        in_turn(sides, round, &mut row, async |side| {
            let names: Vec<_> = (0..AT_ONCE)
                .map(|at| side.named(scene, &format!("at-once-{round}-{at}")))
                .collect();
            let time = side.create_at_once(&names).await?;
            for name in names {
                side.step(Step::Destroy, &name).await?;
            }
            Ok(time)
        })
        .await?;
    }
    let mut part = Part::new("At once");
    part.rows.push(row);
    Ok(part)
}

/// Lists of more and more agents, and how many there were in the end.
async fn lists(bench: &Bench, scene: &Scene, docker: &Docker, sides: &mut [Side]) -> Result<(Part, usize)> {
    let [Side::Ours(_, provider), ..] = sides else {
        anyhow::bail!("the first side is ours");
    };
    let provider = provider.clone();
    let mut part = Part::new(LISTS);
    let mut sizes = bench.sizes.clone();
    sizes.sort_unstable();
    let mut made = 0;
    for size in sizes {
        made = fill::up_to(&provider, docker, scene, made, size).await?;
        eprintln!("listing {size}");
        let mut row = Row::new(format!("list of {size}")).of_size(size);
        let began = Instant::now();
        for round in 0..bench.rounds {
            in_turn(sides, round, &mut row, async |side| side.list(size).await).await?;
            if round >= 2 && began.elapsed() > ENOUGH {
                break;
            }
        }
        part.rows.push(row);
    }
    Ok((part, made))
}

/// What another run has measured of whole commands of mngr.
fn of_mngr(path: &Path) -> Result<Part> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let times: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text)?;
    let mut part = Part::new("Whole commands of mngr");
    part.rows = times
        .iter()
        .map(|(what, samples)| Row::of_seconds(what, samples))
        .collect();
    Ok(part)
}
