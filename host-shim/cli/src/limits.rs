//! `limits`.

use clap::Args;
use mngr_host_shim::contract::types;
use mngr_host_shim::json::{GpuJson, LimitsJson};
use serde::Serialize;

use super::arguments::agent_names;
use super::context::Context;
use super::exit::Exit;
use super::failure::Outcome;
use super::gpus;
use super::output::{Shown, Table, shown};
use super::units::{binary_size, parse_size, parse_size_or_none, size};

/// Show what an agent may use, as the engine has it, or change it
///
/// What the engine fixes when a container is made can not be changed: /dev/shm, ulimits, rates of devices, disk and GPUs.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mngr-docker limits a1
  mngr-docker limits a1 --memory 8g --cpus 1.5")]
pub struct Limits {
    /// Id, unique prefix of one, or name
    #[arg(add = agent_names())]
    agent: String,
    #[command(flatten)]
    change: Change,
}

#[derive(Debug, Args)]
struct Change {
    /// Number of CPUs, whole or in parts
    #[arg(long, value_name = "N")]
    cpus: Option<f64>,
    /// CPUs it may run on, for example 0-2,4
    #[arg(long, value_name = "LIST")]
    cpuset_cpus: Option<String>,
    /// Relative weight; 1024 is usual
    #[arg(long, value_name = "WEIGHT")]
    cpu_shares: Option<i64>,
    /// Memory, for example 4g; swap that it has goes along
    #[arg(long, short = 'm', value_name = "SIZE", value_parser = parse_size)]
    memory: Option<i64>,
    /// Soft limit of memory
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    memory_reservation: Option<i64>,
    /// Memory and swap together; -1 for no limit of swap
    #[arg(long, value_name = "SIZE", value_parser = parse_size_or_none, allow_hyphen_values = true)]
    memory_swap: Option<i64>,
    /// Most processes; -1 for no limit
    #[arg(long, value_name = "N", visible_alias = "pids-limit", allow_hyphen_values = true)]
    pids: Option<i64>,
    /// Share of block I/O, 10 to 1000
    #[arg(long, value_name = "WEIGHT")]
    blkio_weight: Option<u16>,
}

impl Change {
    /// What is to change; nothing where no flag was given.
    fn limits(self) -> Option<types::Limits> {
        let any = self.cpus.is_some()
            || self.cpuset_cpus.is_some()
            || self.cpu_shares.is_some()
            || self.memory.is_some()
            || self.memory_reservation.is_some()
            || self.memory_swap.is_some()
            || self.pids.is_some()
            || self.blkio_weight.is_some();
        any.then(|| types::Limits {
            cpus: self.cpus,
            cpuset_cpus: self.cpuset_cpus,
            cpu_shares: self.cpu_shares,
            memory_bytes: self.memory,
            memory_reservation_bytes: self.memory_reservation,
            memory_swap_bytes: self.memory_swap,
            pids: self.pids,
            blkio_weight: self.blkio_weight,
            ..types::Limits::default()
        })
    }
}

/// Limits as the engine has them, and the devices that the requests for GPUs came to.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    limits: LimitsJson<'a>,
    gpu_devices: Vec<GpuJson<'a>>,
}

impl Limits {
    /// Changes what is to change, and shows them.
    pub async fn run(self, context: &Context) -> Outcome {
        let spinner = context.spinner("asking the engine");
        let provider = context.provider(&spinner).await?;
        let updated = match self.change.limits() {
            Some(change) => {
                let updated = provider.update_limits(&self.agent, change).await;
                updated.map(|updated| (updated.limits, updated.warnings))
            }
            None => provider.resources(&self.agent).await.map(|limits| (limits, Vec::new())),
        };
        let (limits, warnings) = updated.map_err(|error| context.failure(error))?;
        let agent = provider
            .get(&self.agent)
            .await
            .map_err(|error| context.failure(error))?;
        let devices = gpus::of_agents(&provider, std::slice::from_ref(&agent)).await;
        let mut devices = devices.map_err(|error| context.failure(error))?;
        let devices = devices.remove(&agent.id).unwrap_or_default();
        drop(spinner);
        for warning in warnings {
            context.output.warn(warning);
        }
        match context.output.json {
            true => context.output.value(&Whole {
                limits: LimitsJson::from(&limits),
                gpu_devices: devices.iter().map(GpuJson::from).collect(),
            })?,
            false => {
                let mut table = table(&limits);
                for gpu in &devices {
                    table.field("GPU", Some(gpus::short(&gpu.device)));
                }
                context.output.table(table)?;
            }
        }
        Ok(Exit::OK)
    }
}

fn table(limits: &types::Limits) -> Table {
    let or_unlimited = |value: i64, text: fn(i64) -> String| match value {
        ..0 => "unlimited".to_owned(),
        _ => text(value),
    };
    let required = |value: Option<String>| Some(value.unwrap_or_else(|| "unlimited".to_owned()));
    let bytes = |value: Option<i64>| value.map(|value| or_unlimited(value, binary_size));
    let number = |value: i64| or_unlimited(value, |value| value.to_string());
    let rates = |rates: &[types::DeviceRate], text: fn(u64) -> String| {
        let each = rates.iter().map(|rate| shown!("{} {}", &rate.path, text(rate.rate)));
        listed(each)
    };
    let per_second: fn(u64) -> String = |bytes| format!("{}/s", size(bytes));
    let operations: fn(u64) -> String = |operations| format!("{operations}/s");
    let ulimits = limits
        .ulimits
        .iter()
        .map(|limit| shown!("{}={}:{}", &limit.name, number(limit.soft), number(limit.hard)));

    let mut table = Table::default();
    table.field("CPUs", required(limits.cpus.map(|cpus| cpus.to_string())));
    table.field("CPU set", limits.cpuset_cpus.as_ref());
    table.field("Memory nodes", limits.cpuset_mems.as_ref());
    table.field("CPU shares", limits.cpu_shares);
    table.field("Memory", required(bytes(limits.memory_bytes)));
    table.field("Memory, soft", bytes(limits.memory_reservation_bytes));
    table.field("Memory and swap", bytes(limits.memory_swap_bytes));
    table.field("/dev/shm", bytes(limits.shm_bytes));
    table.field("Processes", required(limits.pids.map(number)));
    table.field("Ulimits", listed(ulimits));
    table.field("Block I/O weight", limits.blkio_weight);
    table.field("Block reads", rates(&limits.blkio_read_bps, per_second));
    table.field("Block writes", rates(&limits.blkio_write_bps, per_second));
    table.field("Block read operations", rates(&limits.blkio_read_iops, operations));
    table.field("Block write operations", rates(&limits.blkio_write_iops, operations));
    table.field("Disk", limits.storage_bytes.map(size));
    table.field("GPUs", listed(limits.gpus.iter().map(gpu)));
    table
}

/// None where there is nothing to list.
fn listed(each: impl ExactSizeIterator<Item = Shown>) -> Option<Shown> {
    (each.len() > 0).then(|| Shown::join(each, ", "))
}

fn gpu(request: &types::DeviceRequest) -> Shown {
    match (request.count, request.device_ids.as_slice()) {
        (_, ids @ [_, ..]) => Shown::join(ids, ", "),
        (Some(count @ 0..), []) => Shown::from(count),
        _ => shown!("all"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_read_as_they_are_given_and_none_reads_as_unlimited() {
        let limits = types::Limits {
            cpus: Some(1.5),
            cpuset_cpus: None,
            cpuset_mems: None,
            cpu_shares: None,
            memory_bytes: Some(4 << 30),
            memory_reservation_bytes: None,
            memory_swap_bytes: Some(-1),
            shm_bytes: Some(64 << 20),
            pids: None,
            ulimits: vec![types::Ulimit {
                name: "nofile".to_owned(),
                soft: 1024,
                hard: -1,
            }],
            blkio_weight: None,
            blkio_read_bps: vec![types::DeviceRate {
                path: "/dev/sda".to_owned(),
                rate: 1_000_000,
            }],
            blkio_write_bps: Vec::new(),
            blkio_read_iops: Vec::new(),
            blkio_write_iops: Vec::new(),
            storage_bytes: None,
            gpus: Vec::new(),
        };
        let text = table(&limits).render().expect("text");
        insta::assert_snapshot!(text.plain(), @r#"
        CPUs              1.5
        Memory            4GiB
        Memory and swap   unlimited
        /dev/shm          64MiB
        Processes         unlimited
        Ulimits           nofile=1024:unlimited
        Block reads       /dev/sda 1MB/s
        "#);
        insta::assert_json_snapshot!(LimitsJson::from(&limits), @r#"
        {
          "cpus": 1.5,
          "cpuset_cpus": null,
          "cpuset_mems": null,
          "cpu_shares": null,
          "memory_bytes": 4294967296,
          "memory_reservation_bytes": null,
          "memory_swap_bytes": -1,
          "shm_bytes": 67108864,
          "pids": null,
          "ulimits": [
            {
              "name": "nofile",
              "soft": 1024,
              "hard": -1
            }
          ],
          "blkio_weight": null,
          "blkio_read_bps": [
            {
              "path": "/dev/sda",
              "rate": 1000000
            }
          ],
          "blkio_write_bps": [],
          "blkio_read_iops": [],
          "blkio_write_iops": [],
          "storage_bytes": null,
          "gpus": []
        }
        "#);
    }
}
