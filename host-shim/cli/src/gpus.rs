//! `gpus`.

use std::collections::HashMap;
use std::time::Duration;

use clap::Args;
use mngr_host_shim::contract::ProviderError;
use mngr_host_shim::contract::gpu::{Device, HandOut};
use mngr_host_shim::contract::instance::{DiscoverRequest, GpuHolding, GpuReport};
use mngr_host_shim::contract::types::Agent;
use mngr_host_shim::json::GpuReportJson;
use mngr_host_shim::provider::Provider;

use super::context::Context;
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::{Shown, Table, cells, shown};
use super::units::binary_size;

/// Time between two looks.
const INTERVAL: Duration = Duration::from_secs(2);

/// Show the GPUs of the engine's machine, who holds them, and where they were looked for
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mngr-docker gpus
  mngr-docker gpus --watch
  mngr-docker gpus --json | jq '.gpus[] | {uuid, model, agents}'")]
pub struct Gpus {
    /// Again every two seconds; Ctrl-C ends it
    #[arg(long)]
    watch: bool,
}

impl Gpus {
    /// Shows them.
    pub async fn run(self, context: &Context) -> Outcome {
        let spinner = context.spinner("asking the engine's machine");
        let provider = context.provider(&spinner).await?;
        let mut spinner = Some(spinner);
        loop {
            let report = provider.gpus().await.map_err(|error| context.failure(error))?;
            let names = names(&provider, &report).await;
            drop(spinner.take());
            show(context, &provider, &report, &names, self.watch)?;
            if !self.watch {
                return Ok(Exit::OK);
            }
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                failure = context.interrupted() => return Err(failure),
            }
        }
    }
}

/// The names of agents by their ids. One of another provider has none here.
async fn names(provider: &Provider, report: &GpuReport) -> HashMap<String, String> {
    let held = report.gpus.iter().any(|gpu| !gpu.agents.is_empty()) || !report.lost.is_empty();
    let all = DiscoverRequest {
        tags: Vec::new(),
        states: Vec::new(),
    };
    let agents = match held {
        true => provider.discover(all).await.unwrap_or_default(),
        false => Vec::new(),
    };
    agents.into_iter().map(|agent| (agent.id, agent.name)).collect()
}

fn show(
    context: &Context,
    provider: &Provider,
    report: &GpuReport,
    names: &HashMap<String, String>,
    again: bool,
) -> Result<(), Failure> {
    if context.output.json {
        context.output.value(&GpuReportJson::from(report))?;
        return Ok(());
    }
    match (report.gpus.is_empty(), again) {
        (false, true) => context.output.redraw(table(&report.gpus, names))?,
        (false, false) => context.output.table(table(&report.gpus, names))?,
        (true, _) => {
            let engine = provider.engine().endpoint();
            let found = match report.complete {
                true => shown!("The machine of {} has no GPU. Looked for:", engine),
                false => shown!(
                    "{} tells of no GPU, and there is no way to its machine to look. Asked:",
                    engine
                ),
            };
            match again {
                true => context.output.redraw(sources(found, report))?,
                false => context.output.table(sources(found, report))?,
            }
        }
    }
    for lost in &report.lost {
        let agents = lost.agents.iter().map(|id| name(id, names));
        context.output.warn(shown!(
            "{}, which {} has: {}; {}",
            &lost.device,
            Shown::join(agents, ", "),
            &lost.reason,
            &lost.remedy
        ));
    }
    for gpu in &report.gpus {
        if let Some(reason) = &gpu.device.unusable_reason {
            let number = number(&gpu.device);
            context
                .output
                .warn(shown!("GPU {} can not be handed out: {}", number, reason));
        }
    }
    for note in &report.notes {
        context.output.warn(shown!("{}: {}", &note.source, &note.message));
    }
    Ok(())
}

fn name<'a>(id: &'a str, names: &'a HashMap<String, String>) -> &'a str {
    names.get(id).map_or(id, String::as_str)
}

/// `0`, or of a partition the number of its device too, as far as that can be told.
fn number(device: &Device) -> Shown {
    match &device.mig_profile {
        Some(profile) => shown!("{} ({})", device.index, profile),
        None => Shown::from(device.index),
    }
}

/// Everything that was asked, and what came of it.
fn sources(title: Shown, report: &GpuReport) -> Table {
    let mut table = Table::default();
    table.row(&[title]);
    table.header(&["SOURCE", "OUTCOME", "WHERE"]);
    for each in &report.sources {
        table.row(&cells![&each.source, &each.outcome, &each.place]);
    }
    table
}

/// One row a device.
fn table(gpus: &[GpuHolding], names: &HashMap<String, String>) -> Table {
    let mut table = Table::with_header(&[
        "GPU",
        "MODEL",
        "MEMORY",
        "BUSY",
        "TEMP",
        "DRIVER",
        "USABLE",
        "AGENTS",
        "PROCESSES",
        "ID",
    ]);
    let size = |bytes: u64| binary_size(i64::try_from(bytes).unwrap_or(i64::MAX));
    for GpuHolding {
        device,
        agents,
        exclusive,
    } in gpus
    {
        let memory = match (device.memory_used_bytes, device.memory_bytes) {
            (Some(used), Some(all)) => Some(shown!("{} / {}", size(used), size(all))),
            (None, all) => all.map(|all| Shown::from(size(all))),
            (Some(used), None) => Some(Shown::from(size(used))),
        };
        let usable = match device.hand_outs.first() {
            Some(HandOut::DeviceRequest) => "--gpus",
            Some(HandOut::Cdi) => "cdi",
            Some(HandOut::Runtime) => "runtime",
            Some(HandOut::Nodes) => "device",
            None => "no",
        };
        let holders = Shown::join(agents.iter().map(|id| name(id, names)), ", ");
        let holders = match (agents.is_empty(), exclusive) {
            (true, _) => shown!("-"),
            (false, true) => shown!("{} (exclusive)", holders),
            (false, false) => holders,
        };
        let id = device
            .uuid
            .as_ref()
            .or(device.pci_bus_id.as_ref())
            .or(device.cdi_name.as_ref());
        table.row(&cells![
            number(device),
            Shown::or_dash(device.model.as_ref()),
            Shown::or_dash(memory),
            Shown::or_dash(device.utilization_percent.map(|percent| format!("{percent}%"))),
            Shown::or_dash(device.temperature_celsius.map(|degrees| format!("{degrees}°C"))),
            Shown::or_dash(device.driver_version.as_ref()),
            usable,
            holders,
            device.holders.len(),
            Shown::or_dash(id),
        ]);
    }
    table
}

/// The devices of each of these agents, by its id. The machine is asked only where one has any.
pub async fn of_agents(
    provider: &Provider,
    agents: &[Agent],
) -> Result<HashMap<String, Vec<GpuHolding>>, ProviderError> {
    let mut devices = HashMap::new();
    if agents.iter().all(|agent| agent.gpus.is_empty()) {
        return Ok(devices);
    }
    for gpu in provider.gpus().await?.gpus {
        for agent in agents.iter().filter(|agent| gpu.agents.contains(&agent.id)) {
            devices
                .entry(agent.id.clone())
                .or_insert_with(Vec::new)
                .push(gpu.clone());
        }
    }
    Ok(devices)
}

/// A device in a few words: `0 NVIDIA A100, 80GiB`.
pub fn short(device: &Device) -> Shown {
    let mut text = number(device);
    if let Some(model) = &device.model {
        text.push(shown!(" {}", model));
    }
    if let Some(bytes) = device.memory_bytes {
        text.push(shown!(", {}", binary_size(i64::try_from(bytes).unwrap_or(i64::MAX))));
    }
    text
}

/// ` on GPU-…`, of an agent that has any.
pub fn on(agent: &Agent) -> Shown {
    match agent.gpus.is_empty() {
        true => Shown::default(),
        false => shown!(" on {}", Shown::join(&agent.gpus, ", ")),
    }
}

#[cfg(test)]
mod tests {
    use mngr_host_shim::contract::gpu::SourceReport;

    use super::*;

    fn device() -> Device {
        Device {
            vendor: "nvidia".to_owned(),
            index: 0,
            uuid: Some("GPU-1".to_owned()),
            pci_bus_id: Some("0000:65:00.0".to_owned()),
            model: Some("NVIDIA A100".to_owned()),
            memory_bytes: Some(80 << 30),
            memory_used_bytes: Some(3 << 30),
            utilization_percent: Some(7),
            temperature_celsius: Some(41),
            driver_version: Some("535.54.03".to_owned()),
            cuda_version: None,
            mig_parent: None,
            mig_profile: None,
            cdi_name: None,
            nodes: Vec::new(),
            hand_outs: vec![HandOut::DeviceRequest],
            unusable_reason: None,
            holders: Vec::new(),
            sources: Vec::new(),
        }
    }

    #[test]
    fn who_holds_a_device_is_told_by_name_and_what_is_not_known_by_a_dash() {
        let bare = Device {
            index: 1,
            uuid: None,
            model: None,
            memory_bytes: None,
            memory_used_bytes: None,
            utilization_percent: None,
            temperature_celsius: None,
            driver_version: None,
            hand_outs: Vec::new(),
            ..device()
        };
        let holding = |device, agents: &[&str], exclusive| GpuHolding {
            device,
            agents: agents.iter().map(|id| (*id).to_owned()).collect(),
            exclusive,
        };
        let gpus = [
            holding(device(), &["agent-1", "agent-2"], true),
            holding(bare, &[], false),
        ];
        let names = HashMap::from([("agent-1".to_owned(), "alice".to_owned())]);
        let text = table(&gpus, &names).render().expect("text");
        insta::assert_snapshot!(text.plain(), @r"
        GPU   MODEL         MEMORY         BUSY   TEMP   DRIVER      USABLE   AGENTS                       PROCESSES   ID
        0     NVIDIA A100   3GiB / 80GiB   7%     41°C   535.54.03   --gpus   alice, agent-2 (exclusive)   0           GPU-1
        1     -             -              -      -      -           no       -                            0           0000:65:00.0
        ");
    }

    #[test]
    fn a_machine_without_gpus_is_told_with_every_place_that_was_looked_at() {
        let report = GpuReport {
            gpus: Vec::new(),
            lost: Vec::new(),
            sources: vec![SourceReport {
                source: "proc".to_owned(),
                place: "/proc/driver/nvidia".to_owned(),
                outcome: "not there".to_owned(),
            }],
            notes: Vec::new(),
            complete: true,
        };
        let text = sources(shown!("No GPU. Looked for:"), &report).render().expect("text");
        insta::assert_snapshot!(text.plain(), @r"
        No GPU. Looked for:
        SOURCE   OUTCOME     WHERE
        proc     not there   /proc/driver/nvidia
        ");
    }
}
