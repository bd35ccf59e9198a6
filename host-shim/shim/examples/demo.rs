//! One agent's whole life, shown step by step with its timings: what `cargo xtask demo` runs.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;
use futures::StreamExt;
use mngr_host_shim::config::ProviderConfig;
use mngr_host_shim::contract::docker::ExecOptions;
use mngr_host_shim::contract::instance::{DestroyRequest, DiscoverRequest, SnapshotRequest, StartRequest, StopRequest};
use mngr_host_shim::contract::types::{Agent, AgentState};
use mngr_host_shim::host::Host;
use mngr_host_shim::provider::{NewAgent, Provider};
use mngr_host_shim::sandbox::SandboxEngine;

type Outcome<T> = Result<T, Box<dyn Error>>;

const NAME: &str = "worker";

/// Shows one agent's whole life.
#[derive(Parser)]
struct Demo {
    /// The engine.
    #[arg(long)]
    host: Option<String>,
    /// What the agent is made from.
    #[arg(long, default_value = "mngr-test:busybox")]
    image: String,
    /// Run on the embedded sandbox engine, for this reason.
    #[arg(long, value_name = "REASON", conflicts_with = "host")]
    sandbox: Option<String>,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let demo = Demo::parse();
    let mut config = ProviderConfig::named(format!("demo-{}", std::process::id()));
    config.host.clone_from(&demo.host);
    config
        .settings
        .insert("default_image".to_owned(), demo.image.clone().into());
    let host = Host::new()?;
    let provider = match &demo.sandbox {
        Some(reason) => {
            println!("Running on the embedded sandbox engine, in memory: {reason}");
            let sandbox = SandboxEngine::new();
            sandbox.add_image(&demo.image);
            host.open_on(&config, Arc::new(sandbox)).await?
        }
        None => host.open(&config).await?,
    };
    let version = provider.engine().version().await?;
    let description = provider.plugin().describe().await?;
    println!(
        "Engine {} (API {}) at {}\nPlugin {} {}, {}, every decision taken inside WebAssembly\n",
        version.version,
        version.api_version,
        provider.engine().endpoint(),
        description.name,
        description.version,
        provider.plugin().origin(),
    );
    let lived = live(&provider).await;
    if lived.is_err() {
        provider.destroy(NAME, DestroyRequest { snapshots: true }).await?;
    }
    lived
}

async fn live(provider: &Provider) -> Outcome<()> {
    let agent = step("create", provider.create(NewAgent::named(NAME))).await?;
    say(&format!(
        "{} is {} in container {:.12}",
        agent.id,
        word(agent.state),
        agent.container_id
    ));
    show_list(provider).await?;

    let greeting = "echo \"hello from $(hostname)\" > /root/greeting; cat /root/greeting";
    let printed = step("exec", shell(provider, greeting)).await?;
    say(&format!("sh -c '{greeting}'\n{printed}"));

    let snapshot = step("snapshot", provider.snapshot_create(NAME, SnapshotRequest::default())).await?;
    say(&snapshot.image);

    step("kill 1, from inside", async {
        shell(provider, "kill 1").await?;
        until_ended(provider).await
    })
    .await?;
    show_list(provider).await?;

    step("start", provider.start(NAME, StartRequest::default())).await?;
    say(&format!(
        "its files are as they were: {}",
        shell(provider, "cat /root/greeting").await?
    ));

    shell(provider, "echo overwritten > /root/greeting").await?;
    say(&format!(
        "now a mistake: {}",
        shell(provider, "cat /root/greeting").await?
    ));
    step("stop", provider.stop(NAME, StopRequest::default())).await?;
    let request = StartRequest {
        snapshot: Some(snapshot.id.clone()),
    };
    let restored = step("start from the snapshot", provider.start(NAME, request)).await?;
    say(&format!("mended: {}", shell(provider, "cat /root/greeting").await?));
    say(&format!(
        "the same agent, {}, in another container, {:.12}",
        restored.id, restored.container_id
    ));

    let destroyed = step("destroy", provider.destroy(NAME, DestroyRequest { snapshots: true })).await?;
    say(&format!(
        "and {} snapshot with it; nothing is left:",
        destroyed.deleted_snapshots.len()
    ));
    show_list(provider).await
}

/// Runs one step and says how long it took.
async fn step<T, E: Into<Box<dyn Error>>>(name: &str, work: impl Future<Output = Result<T, E>>) -> Outcome<T> {
    let start = Instant::now();
    let outcome = work.await.map_err(Into::into)?;
    println!("▸ {name:<28} {:>6.0} ms", start.elapsed().as_secs_f64() * 1e3);
    Ok(outcome)
}

fn say(text: &str) {
    for line in text.trim_end().lines() {
        println!("    {line}");
    }
}

async fn shell(provider: &Provider, script: &str) -> Outcome<String> {
    let options = ExecOptions {
        argv: ["sh", "-c", script].map(str::to_owned).to_vec(),
        ..ExecOptions::default()
    };
    let mut session = provider.exec(NAME, options).await?;
    let mut printed = Vec::new();
    while let Some(piece) = session.output.next().await {
        printed.extend_from_slice(&piece?.bytes);
    }
    Ok(String::from_utf8_lossy(&printed).into_owned())
}

async fn until_ended(provider: &Provider) -> Outcome<()> {
    while provider.get(NAME).await?.state != AgentState::Stopped {
        tokio::task::yield_now().await;
    }
    Ok(())
}

async fn show_list(provider: &Provider) -> Outcome<()> {
    let agents = step("list", provider.discover(DiscoverRequest::default())).await?;
    if agents.is_empty() {
        say("no agents");
    }
    for agent in agents {
        say(&row(&agent));
    }
    Ok(())
}

fn row(agent: &Agent) -> String {
    format!(
        "{}  {}  {}  {}",
        agent.name,
        word(agent.state),
        agent.status,
        agent.image
    )
}

fn word(state: AgentState) -> String {
    format!("{state:?}")
        .rsplit("::")
        .next()
        .unwrap_or_default()
        .to_lowercase()
}
