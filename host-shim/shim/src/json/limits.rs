//! What an agent may use.

use std::collections::BTreeMap;

use mngr_contract::instance::UpdatedLimits;
use mngr_contract::types::{DeviceRate, DeviceRequest, Limits, Ulimit};
use serde::Serialize;

use super::object;

/// The limits themselves, as the engine has them.
#[derive(Serialize)]
pub struct LimitsJson<'a> {
    cpus: Option<f64>,
    cpuset_cpus: Option<&'a str>,
    cpuset_mems: Option<&'a str>,
    cpu_shares: Option<i64>,
    memory_bytes: Option<i64>,
    memory_reservation_bytes: Option<i64>,
    memory_swap_bytes: Option<i64>,
    shm_bytes: Option<i64>,
    pids: Option<i64>,
    ulimits: Vec<UlimitJson<'a>>,
    blkio_weight: Option<u16>,
    blkio_read_bps: Vec<RateJson<'a>>,
    blkio_write_bps: Vec<RateJson<'a>>,
    blkio_read_iops: Vec<RateJson<'a>>,
    blkio_write_iops: Vec<RateJson<'a>>,
    storage_bytes: Option<u64>,
    gpus: Vec<DeviceRequestJson<'a>>,
}

impl<'a> From<&'a Limits> for LimitsJson<'a> {
    fn from(limits: &'a Limits) -> Self {
        let rates = |rates: &'a [DeviceRate]| rates.iter().map(RateJson::from).collect();
        Self {
            cpus: limits.cpus,
            cpuset_cpus: limits.cpuset_cpus.as_deref(),
            cpuset_mems: limits.cpuset_mems.as_deref(),
            cpu_shares: limits.cpu_shares,
            memory_bytes: limits.memory_bytes,
            memory_reservation_bytes: limits.memory_reservation_bytes,
            memory_swap_bytes: limits.memory_swap_bytes,
            shm_bytes: limits.shm_bytes,
            pids: limits.pids,
            ulimits: limits.ulimits.iter().map(UlimitJson::from).collect(),
            blkio_weight: limits.blkio_weight,
            blkio_read_bps: rates(&limits.blkio_read_bps),
            blkio_write_bps: rates(&limits.blkio_write_bps),
            blkio_read_iops: rates(&limits.blkio_read_iops),
            blkio_write_iops: rates(&limits.blkio_write_iops),
            storage_bytes: limits.storage_bytes,
            gpus: limits.gpus.iter().map(DeviceRequestJson::from).collect(),
        }
    }
}

/// Limits after a change, and what the engine says to it.
#[derive(Serialize)]
pub struct UpdatedLimitsJson<'a> {
    limits: LimitsJson<'a>,
    warnings: &'a [String],
}

impl<'a> From<&'a UpdatedLimits> for UpdatedLimitsJson<'a> {
    fn from(updated: &'a UpdatedLimits) -> Self {
        Self {
            limits: (&updated.limits).into(),
            warnings: &updated.warnings,
        }
    }
}

#[derive(Serialize)]
struct UlimitJson<'a> {
    name: &'a str,
    soft: i64,
    hard: i64,
}

impl<'a> From<&'a Ulimit> for UlimitJson<'a> {
    fn from(ulimit: &'a Ulimit) -> Self {
        Self {
            name: &ulimit.name,
            soft: ulimit.soft,
            hard: ulimit.hard,
        }
    }
}

#[derive(Serialize)]
struct RateJson<'a> {
    path: &'a str,
    rate: u64,
}

impl<'a> From<&'a DeviceRate> for RateJson<'a> {
    fn from(rate: &'a DeviceRate) -> Self {
        Self {
            path: &rate.path,
            rate: rate.rate,
        }
    }
}

#[derive(Serialize)]
struct DeviceRequestJson<'a> {
    driver: &'a str,
    count: Option<i64>,
    device_ids: &'a [String],
    capabilities: &'a [Vec<String>],
    options: BTreeMap<&'a str, &'a str>,
}

impl<'a> From<&'a DeviceRequest> for DeviceRequestJson<'a> {
    fn from(request: &'a DeviceRequest) -> Self {
        Self {
            driver: &request.driver,
            count: request.count,
            device_ids: &request.device_ids,
            capabilities: &request.capabilities,
            options: object(&request.options),
        }
    }
}
