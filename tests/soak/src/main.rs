//! `cargo xtask soak`: every harm there is in turn, for as long as it is told to, and a report of what was lost.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use mngr_docker_soak::crowd::listed_and_watched;
use mngr_docker_soak::engines::{Harm, harmed};
use mngr_docker_soak::load::{Clients, creates_at_once};
use mngr_docker_soak::{Report, USER_COMMANDS, World, deaths, open_with_ledger, replies};
use mngr_docker_tests::{FaultProxy, PrivateEngine, Setup, remove_all};

/// One that gives back what a load has taken: glibc's keeps it for each thread, and what is held does not show.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Harms mngr-docker and its engine in every way there is, and checks after each that nothing is lost.
#[derive(Parser)]
struct Soak {
    /// How long.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// What a run that found something has printed, to find it again.
    #[arg(long)]
    seed: Option<u64>,
    /// Where it begins, to come at once to the turn in which that run found something.
    #[arg(long, default_value_t = 0)]
    turn: usize,
    /// The engine. Engines that are harmed are its own.
    #[arg(long, default_value = "unix:///var/run/docker.sock")]
    host: String,
    /// Where the report goes.
    #[arg(long, default_value = "target/soak")]
    report: PathBuf,
    /// What is done.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "deaths,replies,engines,load"
    )]
    parts: Vec<Section>,
    /// Kills at any moment, in one turn.
    #[arg(long, default_value_t = 10)]
    moments: u32,
    /// Deaths of an engine, in one turn.
    #[arg(long, default_value_t = 4)]
    engine_deaths: u32,
    /// Seconds of load in one turn, at most.
    #[arg(long, default_value_t = 60)]
    load: u64,
    /// What clients do in one turn, at most: with as much as fits into the time, one provider works all along.
    #[arg(long, default_value_t = 1000)]
    operations: u32,
}

/// What can be done by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Section {
    /// The program is killed.
    Deaths,
    /// What the engine answers is spoilt.
    Replies,
    /// The engine is killed, restarted, hung and starved.
    Engines,
    /// Much is asked for at once.
    Load,
}

/// Agents that are listed and watched, once in a run.
const CROWD: usize = 2000;
/// MiB of an engine's disk that runs out.
const DISK: u32 = 512;

fn main() -> Result<()> {
    let soak = Soak::parse();
    let seed = soak.seed.unwrap_or_else(|| fastrand::u64(..));
    println!("seed {seed}");
    let program = std::env::current_exe()?.with_file_name("mngr-docker");
    anyhow::ensure!(
        program.is_file(),
        "{} is not there: run `cargo xtask soak`",
        program.display()
    );
    std::fs::create_dir_all(&soak.report)?;
    let until = Instant::now() + Duration::from_secs(soak.minutes * 60);
    let mut report = Report::new(seed);
    for turn in soak.turn.. {
        if Instant::now() >= until {
            break;
        }
        one_turn(
            &soak,
            &program,
            seed.wrapping_add(u64::try_from(turn)?),
            turn,
            until,
            &mut report,
        )?;
        save(&soak, &report)?;
    }
    println!("{}", report.markdown());
    anyhow::ensure!(
        report.is_clean(),
        "something was lost; again with --seed {seed} --turn TURN"
    );
    Ok(())
}

fn save(soak: &Soak, report: &Report) -> Result<()> {
    let write = |name: &str, text: String| {
        let path = soak.report.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    write("report.md", report.markdown())?;
    write("load.svg", report.svg())
}

fn one_turn(
    soak: &Soak,
    program: &std::path::Path,
    seed: u64,
    turn: usize,
    until: Instant,
    report: &mut Report,
) -> Result<()> {
    let does = |part: Section| soak.parts.contains(&part) && Instant::now() < until;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    if does(Section::Deaths) {
        let command = &USER_COMMANDS[turn % USER_COMMANDS.len()];
        let mut world = World::new(program, &soak.host, seed);
        println!("turn {turn}: {} killed at every place", command.name);
        report.add(deaths::at_every_place(&mut world, command, |_, _| {
            does(Section::Deaths)
        }));
        println!("turn {turn}: killed at any moment");
        report.add(deaths::at_any_moment(&mut world, USER_COMMANDS, soak.moments));
    }
    if does(Section::Replies) {
        let fault = replies::FAULTS[turn % replies::FAULTS.len()];
        println!("turn {turn}: {}", fault.1);
        let mut world = World::new(program, &soak.host, seed.wrapping_add(1));
        let engine = soak
            .host
            .strip_prefix("unix://")
            .context("an engine at a socket of this machine")?;
        let proxy = FaultProxy::new(world.home().join("proxy.sock"), engine);
        world.use_engine(&format!("unix://{}", proxy.socket().display()), 5);
        // Every command meets every fault in so many turns.
        let per_fault = USER_COMMANDS.len().div_ceil(replies::FAULTS.len());
        for step in 0..per_fault {
            let command = &USER_COMMANDS[(turn / replies::FAULTS.len() * per_fault + step) % USER_COMMANDS.len()];
            report.add(replies::spoilt(&mut world, &proxy, command, fault, u32::MAX));
        }
    }
    if does(Section::Engines) {
        println!("turn {turn}: an engine is harmed");
        an_engine(soak, &runtime, program, (seed.wrapping_add(2), turn), report);
    }
    if does(Section::Load) {
        println!("turn {turn}: load");
        runtime.block_on(load(soak, seed, until, report))?;
    }
    if does(Section::Load) && turn == soak.turn {
        println!("turn {turn}: {CROWD} agents");
        runtime.block_on(crowd(soak, seed, report))?;
    }
    Ok(())
}

/// One with and one without live-restore, in turn.
fn an_engine(
    soak: &Soak,
    runtime: &tokio::runtime::Runtime,
    program: &std::path::Path,
    (seed, turn): (u64, usize),
    report: &mut Report,
) {
    let (live_restore, word) = match turn.is_multiple_of(2) {
        true => (true, "with"),
        false => (false, "without"),
    };
    let setup = Setup {
        live_restore,
        disk: Some(DISK),
        ..Setup::default()
    };
    let mut engine = runtime.block_on(PrivateEngine::start(setup));
    let mut world = World::new(program, &engine.host(), seed);
    world.use_engine(&engine.host(), 2);
    let hang = Duration::from_secs(if turn == soak.turn { 30 } else { 3 });
    for (harm, name, times) in [
        (
            Harm::Kill,
            format!("engine killed, {word} live-restore"),
            soak.engine_deaths,
        ),
        (Harm::Restart, "engine restarted".to_owned(), 1),
        (Harm::Hang(hang), "engine hung by SIGSTOP".to_owned(), 1),
        (Harm::FullDisk, "disk full".to_owned(), 1),
    ] {
        report.add(harmed(&mut world, &mut engine, harm, &name, times));
    }
}

async fn crowd(soak: &Soak, seed: u64, report: &mut Report) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let name = format!("soak-{:08x}", fastrand::Rng::with_seed(seed.wrapping_add(4)).u32(..));
    let (provider, _) = open_with_ledger(&soak.host, &name, directory.path()).await?;
    report.add(listed_and_watched(&provider, CROWD).await);
    let left = remove_all(&**provider.engine(), &name).await;
    anyhow::ensure!(left.is_empty(), "left behind: {left:?}");
    Ok(())
}

async fn load(soak: &Soak, seed: u64, until: Instant, report: &mut Report) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let name = format!("soak-{:08x}", fastrand::Rng::with_seed(seed.wrapping_add(3)).u32(..));
    let (provider, ledger) = open_with_ledger(&soak.host, &name, directory.path()).await?;
    report.add(creates_at_once(&provider, 100).await);
    remove_all(&**provider.engine(), &name).await;
    std::fs::remove_file(ledger.path())?;
    let clients = Clients {
        clients: 20,
        agents: 200,
        operations: soak.operations,
        until: until.min(Instant::now() + Duration::from_secs(soak.load)),
        seed,
    };
    let (row, samples) = clients.work(&provider, &ledger).await;
    report.add(row);
    let offset = report.samples.last().map(|last| last.at).unwrap_or_default();
    report.samples.extend(samples.into_iter().map(|mut sample| {
        sample.at += offset;
        sample
    }));
    let left = remove_all(&**provider.engine(), &name).await;
    anyhow::ensure!(left.is_empty(), "left behind: {left:?}");
    Ok(())
}
