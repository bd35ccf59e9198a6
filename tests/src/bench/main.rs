//! `cargo xtask bench`: the provider beside the same engine calls by bare bollard, alternating in one run. Ratios first.

mod bare;
mod measure;
mod ours;
mod plugin;
mod remote;

use std::process::Command;

use anyhow::Result;
use bollard::Docker;
use clap::Parser;
use futures::StreamExt;
use mngr_docker_tests::{open_for_bench, remove_all};
use mngr_host_shim::provider::{NewAgent, Provider};

use measure::{Pair, Table};

/// Measures the provider beside bare bollard.
#[derive(Parser)]
struct Bench {
    /// The engine.
    #[arg(long, default_value = "unix:///var/run/docker.sock")]
    host: String,
    /// What agents are made from.
    #[arg(long, default_value = "mngr-test:busybox")]
    image: String,
    /// How many agents are listed.
    #[arg(long, default_value_t = 500)]
    containers: usize,
    /// How often each thing is measured.
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Measure what plugins cost, and nothing else; no engine is needed.
    #[arg(long)]
    plugin: bool,
}

/// How often each thing is measured at each distance, at most.
const REMOTE_ROUNDS: usize = 7;

fn main() -> Result<()> {
    let bench = Bench::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(run(&bench))
}

async fn run(bench: &Bench) -> Result<()> {
    if bench.plugin {
        println!("{}", plugin::measure(bench.rounds).await?);
        return Ok(());
    }
    let name = format!("bench-{}", &uuid::Uuid::new_v4().simple().to_string()[..8]);
    let provider = open_for_bench(&bench.host, &bench.image, &name).await?;
    let docker = Docker::connect_with_host(&bench.host)?;
    let outcome = measure(bench, &provider, &docker).await;
    let left = remove_all(&**provider.engine(), provider.name()).await;
    let table = outcome?;
    println!("{table}");
    anyhow::ensure!(left.is_empty(), "left behind: {left:?}");
    Ok(())
}

async fn measure(bench: &Bench, provider: &Provider, docker: &Docker) -> Result<Table> {
    let mut table = Table::default();
    table.push(life(bench, provider, docker).await?);
    fill(bench, provider).await?;
    let mut list = Pair::new(format!("list of {}", bench.containers));
    for _ in 0..bench.rounds {
        list.alternate(ours::list(provider), bare::list(docker, provider.name()))
            .await?;
    }
    table.push(vec![list]);
    remote::measure(provider, &bench.image, bench.rounds.min(REMOTE_ROUNDS), &mut table).await?;
    if let Some(process) = process(bench, provider)? {
        table.push(vec![process]);
    }
    table.note(plugin::measure(bench.rounds).await?);
    Ok(table)
}

/// One agent's life, step by step, on both sides.
async fn life(bench: &Bench, provider: &Provider, docker: &Docker) -> Result<Vec<Pair>> {
    let steps = ["create", "start", "exec", "commit (paused)", "stop", "destroy"];
    let mut pairs: Vec<Pair> = steps.into_iter().map(Pair::new).collect();
    for round in 0..bench.rounds {
        let our_name = format!("ours-{round}");
        let bare_name = format!("{}-bare-{round}", provider.name());
        let labels = bare::labels(provider.name());
        let [create, start, exec, commit, stop, destroy] = &mut pairs[..] else {
            unreachable!("six steps");
        };
        create
            .alternate(
                ours::create(provider, &our_name),
                bare::create(docker, &bare_name, &bench.image, labels),
            )
            .await?;
        start
            .alternate(ours::start(provider, &our_name), bare::start(docker, &bare_name))
            .await?;
        exec.alternate(ours::exec(provider, &our_name), bare::exec(docker, &bare_name))
            .await?;
        commit
            .alternate(
                ours::commit(provider, &our_name),
                bare::commit(docker, &bare_name, provider.name()),
            )
            .await?;
        stop.alternate(ours::stop(provider, &our_name), bare::stop(docker, &bare_name))
            .await?;
        destroy
            .alternate(ours::destroy(provider, &our_name), bare::destroy(docker, &bare_name))
            .await?;
    }
    Ok(pairs)
}

/// Makes the agents that are listed.
async fn fill(bench: &Bench, provider: &Provider) -> Result<()> {
    eprintln!("making {} agents", bench.containers);
    let mut made = futures::stream::iter(0..bench.containers)
        .map(|number| async move {
            let agent = NewAgent {
                no_start: true,
                ..NewAgent::named(format!("listed-{number}"))
            };
            provider.create(agent).await
        })
        .buffer_unordered(8);
    while let Some(agent) = made.next().await {
        agent.map_err(|error| anyhow::anyhow!(error.message()))?;
    }
    Ok(())
}

/// The whole process, cold, beside the Docker CLI's.
fn process(bench: &Bench, provider: &Provider) -> Result<Option<Pair>> {
    let ours = std::env::current_exe()?.with_file_name("mngr-docker");
    if !ours.is_file() || Command::new("docker").arg("--version").output().is_err() {
        return Ok(None);
    }
    let config = std::env::temp_dir().join(format!("{}.toml", provider.name()));
    let text = format!(
        "[providers.{}]\nbackend = \"docker\"\nhost = \"{}\"\n",
        provider.name(),
        bench.host
    );
    std::fs::write(&config, text)?;
    let mut pair = Pair::new("`mngr-docker list --json` / `docker ps`, whole process");
    for _ in 0..bench.rounds {
        let mut list = Command::new(&ours);
        list.arg("--config")
            .arg(&config)
            .args(["--provider", provider.name(), "list", "--json"]);
        // Every field of a list by default; `{{json .}}` would ask for sizes as well, which takes the engine half a minute.
        let mut ps = Command::new("docker");
        ps.args([
            "--host",
            &bench.host,
            "ps",
            "--all",
            "--no-trunc",
            "--format",
            "{{.ID}} {{.Names}} {{.Image}} {{.Status}} {{.Labels}}",
            "--filter",
        ]);
        ps.arg(format!("label=com.imbue.mngr.provider={}", provider.name()));
        pair.alternate_now(|| succeed(&mut list), || succeed(&mut ps))?;
    }
    std::fs::remove_file(config)?;
    Ok(Some(pair))
}

fn succeed(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
