//! `stats`.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use clap::Args;
use mngr_host_shim::contract::ProviderError;
use mngr_host_shim::contract::docker::StatsSample;
use mngr_host_shim::contract::instance::DiscoverRequest;
use mngr_host_shim::contract::types::{Agent, AgentState};
use mngr_host_shim::provider::Provider;
use serde::Serialize;

use super::arguments::agent_names;
use super::context::Context;
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::{Table, clean};
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
            let samples = sample(&provider, &agents, one_named)
                .await
                .map_err(|error| context.failure(error))?;
            let uses: Vec<_> = agents
                .iter()
                .filter_map(|agent| usage(agent, before.get(&agent.id)?, samples.get(&agent.id)?))
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
    let mut table = Table::with_header(&[
        "NAME",
        "CPU",
        "MEMORY / LIMIT",
        "MEM",
        "NET IN / OUT",
        "BLOCK IN / OUT",
        "PIDS",
    ]);
    let memory = |bytes: u64| binary_size(i64::try_from(bytes).unwrap_or(i64::MAX));
    for each in uses {
        table.row(&[
            clean(&each.name),
            format!("{:.2}%", each.cpu_percent),
            format!("{} / {}", memory(each.memory_bytes), memory(each.memory_limit_bytes)),
            format!("{:.2}%", each.memory_percent),
            format!(
                "{} / {}",
                size(each.network_received_bytes),
                size(each.network_sent_bytes)
            ),
            format!("{} / {}", size(each.block_read_bytes), size(each.block_written_bytes)),
            each.pids.to_string(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::list::tests::agent;

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
        insta::assert_snapshot!(anstream::adapter::strip_str(&text).to_string(), @r"
        NAME   CPU       MEMORY / LIMIT   MEM      NET IN / OUT   BLOCK IN / OUT   PIDS
        a      100.00%   64MiB / 256MiB   25.00%   1.5kB / 0B     4.1kB / 0B       3
        ");
    }
}
