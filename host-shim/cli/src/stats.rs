//! `stats`.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use clap::Args;
use mngr_host_shim::contract::ProviderError;
use mngr_host_shim::contract::docker::StatsSample;
use mngr_host_shim::contract::instance::{DiscoverRequest, GpuHolding};
use mngr_host_shim::contract::types::{Agent, AgentState};
use mngr_host_shim::provider::Provider;
use serde::Serialize;

use super::arguments::agent_names;
use super::context::Context;
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::gpus;
use super::output::{Shown, Table, cells, shown};
use super::units::{binary_size, size};

/// Time between two samples. CPU time is counted between them.
const INTERVAL: Duration = Duration::from_secs(1);

/// Show what running agents use, again each second; Ctrl-C ends it
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mngr-docker stats
  mngr-docker stats a1 --no-stream --json")]
pub struct Stats {
    /// Ids, unique prefixes of ids, or names [default: all that run]
    #[arg(value_name = "AGENT", add = agent_names())]
    agents: Vec<String>,
    /// Only once
    #[arg(long)]
    no_stream: bool,
}

/// What one agent uses, worked out from two samples.
#[derive(Debug, Serialize)]
struct Use {
    at: String,
    id: String,
    name: String,
    cpu_percent: f64,
    memory_bytes: u64,
    memory_limit_bytes: u64,
    memory_percent: f64,
    network_received_bytes: u64,
    network_sent_bytes: u64,
    block_read_bytes: u64,
    block_written_bytes: u64,
    pids: u64,
    gpus: Vec<GpuUse>,
}

/// What one agent uses of a device that it holds. The driver tells how busy the whole device is; the memory is that of the
/// agent's own processes.
#[derive(Debug, Serialize)]
struct GpuUse {
    index: u32,
    uuid: Option<String>,
    model: Option<String>,
    utilization_percent: Option<u32>,
    memory_used_bytes: Option<u64>,
    memory_bytes: Option<u64>,
}

impl GpuUse {
    fn of(holding: &GpuHolding, container: &str) -> Self {
        let device = &holding.device;
        let own = device
            .holders
            .iter()
            .filter(|holder| holder.container_id.as_deref() == Some(container));
        let own: Vec<_> = own.map(|holder| holder.memory_bytes).collect();
        // A device whose processes can not be told apart says only what all of them use together.
        let told = device.holders.iter().all(|holder| holder.container_id.is_some());
        Self {
            index: device.index,
            uuid: device.uuid.clone(),
            model: device.model.clone(),
            utilization_percent: device.utilization_percent,
            memory_used_bytes: (told || !own.is_empty()).then(|| own.iter().flatten().sum()),
            memory_bytes: device.memory_bytes,
        }
    }
}

impl Stats {
    /// Shows it.
    pub async fn run(self, context: &Context) -> Outcome {
        let spinner = context.spinner("measuring");
        let provider = context.provider(&spinner).await?;
        let mut named = Vec::new();
        let mut seen = HashSet::new();
        for agent in &self.agents {
            let agent = provider.get(agent).await.map_err(|error| context.failure(error))?;
            if seen.insert(agent.id.clone()) {
                named.push(agent);
            }
        }
        let mut before = HashMap::new();
        let mut spinner = Some(spinner);
        loop {
            let agents = match named.is_empty() {
                true => running(&provider).await.map_err(|error| context.failure(error))?,
                false => named.clone(),
            };
            let one_named = named.len() == 1;
            let (samples, devices) = futures::join!(
                sample(&provider, &agents, one_named),
                gpus::of_agents(&provider, &agents)
            );
            let samples = samples.map_err(|error| context.failure(error))?;
            let devices = devices.map_err(|error| context.failure(error))?;
            let uses: Vec<_> = agents
                .iter()
                .filter_map(|agent| {
                    let mut usage = usage(agent, before.get(&agent.id)?, samples.get(&agent.id)?)?;
                    let own = devices.get(&agent.id).into_iter().flatten();
                    usage.gpus = own.map(|gpu| GpuUse::of(gpu, &agent.container_id)).collect();
                    Some(usage)
                })
                .collect();
            // The first samples alone say nothing of the CPU.
            let first = before.is_empty() && !samples.is_empty();
            before = samples;
            if !first {
                drop(spinner.take());
                show(context, &uses)?;
                if self.no_stream {
                    return Ok(Exit::OK);
                }
            }
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                failure = context.interrupted() => return Err(failure),
            }
        }
    }
}

async fn running(provider: &Provider) -> Result<Vec<Agent>, ProviderError> {
    let request = DiscoverRequest {
        tags: Vec::new(),
        states: vec![AgentState::Running, AgentState::Paused],
    };
    provider.discover(request).await
}

/// A sample of each that runs. Where one alone is asked for, that it does not run is an error.
async fn sample(
    provider: &Provider,
    agents: &[Agent],
    strict: bool,
) -> Result<HashMap<String, StatsSample>, ProviderError> {
    let each = agents
        .iter()
        .map(async |agent| (agent.id.clone(), provider.stats(&agent.id).await));
    let mut samples = HashMap::new();
    for (id, result) in futures::future::join_all(each).await {
        match result {
            Ok(sample) => drop(samples.insert(id, sample)),
            Err(ProviderError::Conflict(_) | ProviderError::NotFound(_)) if !strict => {}
            Err(error) => return Err(error),
        }
    }
    Ok(samples)
}

fn usage(agent: &Agent, before: &StatsSample, now: &StatsSample) -> Option<Use> {
    let cpu = now.cpu_total.checked_sub(before.cpu_total)?;
    let system = now.system_cpu_total.saturating_sub(before.system_cpu_total);
    let percent = |part: u64, whole: u64| match whole {
        0 => 0.0,
        _ => part as f64 / whole as f64 * 100.0,
    };
    Some(Use {
        at: now.read_at.clone(),
        id: agent.id.clone(),
        name: agent.name.clone(),
        cpu_percent: percent(cpu, system) * f64::from(now.online_cpus.max(1)),
        memory_bytes: now.memory_bytes,
        memory_limit_bytes: now.memory_limit_bytes,
        memory_percent: percent(now.memory_bytes, now.memory_limit_bytes),
        network_received_bytes: now.network_received_bytes,
        network_sent_bytes: now.network_sent_bytes,
        block_read_bytes: now.block_read_bytes,
        block_written_bytes: now.block_written_bytes,
        pids: now.pids,
        gpus: Vec::new(),
    })
}

fn show(context: &Context, uses: &[Use]) -> Result<(), Failure> {
    match context.output.json {
        true => uses.iter().try_for_each(|each| context.output.value(each))?,
        false => context.output.redraw(table(uses))?,
    }
    Ok(())
}

fn table(uses: &[Use]) -> Table {
    let mut header = vec![
        "NAME",
        "CPU",
        "MEMORY / LIMIT",
        "MEM",
        "NET IN / OUT",
        "BLOCK IN / OUT",
        "PIDS",
    ];
    let with_gpus = uses.iter().any(|each| !each.gpus.is_empty());
    header.extend(with_gpus.then_some("GPUS: BUSY, MEMORY"));
    let mut table = Table::with_header(&header);
    let memory = |bytes: u64| binary_size(i64::try_from(bytes).unwrap_or(i64::MAX));
    for each in uses {
        let mut cells = Vec::from(cells![
            &each.name,
            format!("{:.2}%", each.cpu_percent),
            shown!("{} / {}", memory(each.memory_bytes), memory(each.memory_limit_bytes)),
            format!("{:.2}%", each.memory_percent),
            shown!(
                "{} / {}",
                size(each.network_received_bytes),
                size(each.network_sent_bytes)
            ),
            shown!("{} / {}", size(each.block_read_bytes), size(each.block_written_bytes)),
            each.pids,
        ]);
        cells.extend(with_gpus.then(|| gpu_cell(&each.gpus)));
        table.row(&cells);
    }
    table
}

/// `0: 7%, 3GiB / 80GiB`, each device apart.
fn gpu_cell(gpus: &[GpuUse]) -> Shown {
    let size = |bytes: Option<u64>| {
        let text = |bytes: u64| binary_size(i64::try_from(bytes).unwrap_or(i64::MAX));
        Shown::or_dash(bytes.map(text))
    };
    let each = gpus.iter().map(|gpu| {
        let busy = gpu.utilization_percent.map(|percent| shown!("{}%", percent));
        shown!(
            "{}: {}, {} / {}",
            gpu.index,
            Shown::or_dash(busy),
            size(gpu.memory_used_bytes),
            size(gpu.memory_bytes)
        )
    });
    Shown::or_dash((!gpus.is_empty()).then(|| Shown::join(each, "; ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::tests::agent;

    fn sample(cpu_total: u64, system_cpu_total: u64) -> StatsSample {
        StatsSample {
            read_at: "2026-01-31T12:00:00Z".to_owned(),
            cpu_total,
            system_cpu_total,
            online_cpus: 4,
            memory_bytes: 64 << 20,
            memory_limit_bytes: 256 << 20,
            network_received_bytes: 1_500,
            network_sent_bytes: 0,
            block_read_bytes: 4_096,
            block_written_bytes: 0,
            pids: 3,
        }
    }

    #[test]
    fn cpu_is_what_was_used_between_two_samples_of_all_cpus_together() {
        let agent = agent("a", AgentState::Running);
        let one = usage(&agent, &sample(1_000, 10_000), &sample(2_000, 14_000)).expect("a use");
        assert!((one.cpu_percent - 100.0).abs() < 1e-9, "{}", one.cpu_percent);
        assert!((one.memory_percent - 25.0).abs() < 1e-9);
        // A restart sets the counter back.
        assert!(usage(&agent, &sample(2_000, 10_000), &sample(0, 14_000)).is_none());
        let text = table(&[one]).render().expect("text");
        insta::assert_snapshot!(text.plain(), @r"
        NAME   CPU       MEMORY / LIMIT   MEM      NET IN / OUT   BLOCK IN / OUT   PIDS
        a      100.00%   64MiB / 256MiB   25.00%   1.5kB / 0B     4.1kB / 0B       3
        ");
    }

    #[test]
    fn of_a_device_an_agent_is_told_what_its_own_processes_hold() {
        let gpu = |index, memory_used_bytes| GpuUse {
            index,
            uuid: None,
            model: None,
            utilization_percent: Some(7),
            memory_used_bytes,
            memory_bytes: Some(80 << 30),
        };
        assert_eq!(
            gpu_cell(&[gpu(0, Some(3 << 30)), gpu(1, None)]).plain(),
            "0: 7%, 3GiB / 80GiB; 1: 7%, - / 80GiB"
        );
        assert_eq!(gpu_cell(&[]).plain(), "-");
    }
}
