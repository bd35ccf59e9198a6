//! Requests that have parts: what is read from the mappings of Python that stand for them.

use std::collections::BTreeMap;

use mngr_host_shim::contract::instance::SnapshotRequest;
use mngr_host_shim::contract::types;
use serde::Deserialize;

/// A snapshot to be taken.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Snapshot {
    name: String,
    pause: Option<bool>,
    force: bool,
    include_volumes: bool,
}

impl From<Snapshot> for SnapshotRequest {
    fn from(given: Snapshot) -> Self {
        Self {
            name: given.name,
            pause: given.pause,
            force: given.force,
            include_volumes: given.include_volumes,
        }
    }
}

/// Limits to be changed. What is absent stays as it is.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    cpus: Option<f64>,
    cpuset_cpus: Option<String>,
    cpuset_mems: Option<String>,
    cpu_shares: Option<i64>,
    memory_bytes: Option<i64>,
    memory_reservation_bytes: Option<i64>,
    memory_swap_bytes: Option<i64>,
    shm_bytes: Option<i64>,
    pids: Option<i64>,
    ulimits: Vec<Ulimit>,
    blkio_weight: Option<u16>,
    blkio_read_bps: Vec<Rate>,
    blkio_write_bps: Vec<Rate>,
    blkio_read_iops: Vec<Rate>,
    blkio_write_iops: Vec<Rate>,
    storage_bytes: Option<u64>,
    gpus: Vec<DeviceRequest>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ulimit {
    name: String,
    soft: i64,
    hard: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rate {
    path: String,
    rate: u64,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct DeviceRequest {
    driver: String,
    count: Option<i64>,
    device_ids: Vec<String>,
    capabilities: Vec<Vec<String>>,
    options: BTreeMap<String, String>,
}

impl From<Limits> for types::Limits {
    fn from(given: Limits) -> Self {
        Self {
            cpus: given.cpus,
            cpuset_cpus: given.cpuset_cpus,
            cpuset_mems: given.cpuset_mems,
            cpu_shares: given.cpu_shares,
            memory_bytes: given.memory_bytes,
            memory_reservation_bytes: given.memory_reservation_bytes,
            memory_swap_bytes: given.memory_swap_bytes,
            shm_bytes: given.shm_bytes,
            pids: given.pids,
            ulimits: given.ulimits.into_iter().map(Into::into).collect(),
            blkio_weight: given.blkio_weight,
            blkio_read_bps: rates(given.blkio_read_bps),
            blkio_write_bps: rates(given.blkio_write_bps),
            blkio_read_iops: rates(given.blkio_read_iops),
            blkio_write_iops: rates(given.blkio_write_iops),
            storage_bytes: given.storage_bytes,
            gpus: given.gpus.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Ulimit> for types::Ulimit {
    fn from(Ulimit { name, soft, hard }: Ulimit) -> Self {
        Self { name, soft, hard }
    }
}

fn rates(given: Vec<Rate>) -> Vec<types::DeviceRate> {
    let rate = |Rate { path, rate }| types::DeviceRate { path, rate };
    given.into_iter().map(rate).collect()
}

impl From<DeviceRequest> for types::DeviceRequest {
    fn from(given: DeviceRequest) -> Self {
        Self {
            driver: given.driver,
            count: given.count,
            device_ids: given.device_ids,
            capabilities: given.capabilities,
            options: given.options.into_iter().collect(),
        }
    }
}
