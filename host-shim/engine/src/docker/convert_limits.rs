//! Limits, both ways: what is asked of the engine, and what it truly has.

use bollard::models::{
    ContainerUpdateBody, DeviceRequest as ApiDeviceRequest, HostConfig, ResourcesUlimits, ThrottleDevice,
};
use mngr_contract::Result;
use mngr_contract::error::{invalid, unsupported};
use mngr_contract::types::{DeviceRate, DeviceRequest, Limits, Ulimit};
use mngr_docker_grammar::size;

use super::convert_values::{filled, list, map, or_default, pairs, signed};

/// The engine counts CPUs in billionths.
const NANO: f64 = 1e9;

/// The kernel's scheduling period where the engine names none, in microseconds.
const CPU_PERIOD: i64 = 100_000;

/// Writes limits into what a container is made from.
///
/// # Errors
/// `invalid-argument` for `cpus` that is no positive number.
pub(super) fn apply(limits: Limits, host: &mut HostConfig) -> Result<()> {
    host.nano_cpus = nano_cpus(limits.cpus)?;
    host.cpuset_cpus = limits.cpuset_cpus;
    host.cpuset_mems = limits.cpuset_mems;
    host.cpu_shares = limits.cpu_shares;
    host.memory = limits.memory_bytes;
    host.memory_reservation = limits.memory_reservation_bytes;
    host.memory_swap = limits.memory_swap_bytes;
    host.shm_size = limits.shm_bytes;
    host.pids_limit = limits.pids;
    host.ulimits = list(limits.ulimits.into_iter().map(api_ulimit).collect());
    host.blkio_weight = limits.blkio_weight;
    host.blkio_device_read_bps = api_rates(limits.blkio_read_bps);
    host.blkio_device_write_bps = api_rates(limits.blkio_write_bps);
    host.blkio_device_read_iops = api_rates(limits.blkio_read_iops);
    host.blkio_device_write_iops = api_rates(limits.blkio_write_iops);
    if let Some(bytes) = limits.storage_bytes {
        let options = host.storage_opt.get_or_insert_default();
        options.insert("size".to_owned(), bytes.to_string());
    }
    host.device_requests = list(limits.gpus.into_iter().map(api_device_request).collect());
    Ok(())
}

/// The change of a container that exists.
///
/// # Errors
/// `unsupported` for a limit that the engine sets at create only; `invalid-argument` for `cpus` that is no positive number.
pub(super) fn update(limits: Limits) -> Result<ContainerUpdateBody> {
    let fixed = [
        ("shm_bytes", limits.shm_bytes.is_some()),
        ("ulimits", !limits.ulimits.is_empty()),
        ("blkio_read_bps", !limits.blkio_read_bps.is_empty()),
        ("blkio_write_bps", !limits.blkio_write_bps.is_empty()),
        ("blkio_read_iops", !limits.blkio_read_iops.is_empty()),
        ("blkio_write_iops", !limits.blkio_write_iops.is_empty()),
        ("storage_bytes", limits.storage_bytes.is_some()),
        ("gpus", !limits.gpus.is_empty()),
    ];
    if let Some((name, _)) = fixed.iter().find(|(_, asked)| *asked) {
        return Err(unsupported(
            *name,
            "the engine sets this when a container is made and can not change it",
            "make the container again with the new value",
        ));
    }
    Ok(ContainerUpdateBody {
        nano_cpus: nano_cpus(limits.cpus)?,
        cpuset_cpus: limits.cpuset_cpus,
        cpuset_mems: limits.cpuset_mems,
        cpu_shares: limits.cpu_shares,
        memory: limits.memory_bytes,
        memory_reservation: limits.memory_reservation_bytes,
        memory_swap: limits.memory_swap_bytes,
        pids_limit: limits.pids,
        blkio_weight: limits.blkio_weight,
        ..Default::default()
    })
}

/// The limits that a container has.
pub(super) fn read(host: &HostConfig) -> Limits {
    let storage = host.storage_opt.as_ref().and_then(|options| options.get("size"));
    Limits {
        cpus: cpus(host),
        cpuset_cpus: filled(host.cpuset_cpus.clone()),
        cpuset_mems: filled(host.cpuset_mems.clone()),
        cpu_shares: filled(host.cpu_shares),
        memory_bytes: filled(host.memory),
        memory_reservation_bytes: filled(host.memory_reservation),
        memory_swap_bytes: filled(host.memory_swap),
        shm_bytes: filled(host.shm_size),
        pids: filled(host.pids_limit),
        ulimits: or_default(host.ulimits.clone()).into_iter().map(ulimit).collect(),
        blkio_weight: filled(host.blkio_weight),
        blkio_read_bps: rates(host.blkio_device_read_bps.as_ref()),
        blkio_write_bps: rates(host.blkio_device_write_bps.as_ref()),
        blkio_read_iops: rates(host.blkio_device_read_iops.as_ref()),
        blkio_write_iops: rates(host.blkio_device_write_iops.as_ref()),
        storage_bytes: storage.and_then(|size| bytes(size)),
        gpus: or_default(host.device_requests.clone())
            .into_iter()
            .map(device_request)
            .collect(),
    }
}

fn nano_cpus(cpus: Option<f64>) -> Result<Option<i64>> {
    let Some(cpus) = cpus else { return Ok(None) };
    if !(cpus.is_finite() && cpus > 0.0) {
        return Err(invalid(
            "cpus",
            cpus.to_string(),
            "this is not a number of CPUs",
            "give a number greater than 0, such as 1.5",
        ));
    }
    // Saturates far beyond any number of CPUs that an engine would accept.
    #[allow(clippy::cast_possible_truncation)]
    Ok(Some((cpus * NANO).round() as i64))
}

/// `--cpus`, or the older pair of quota and period that says the same.
#[allow(clippy::cast_precision_loss)]
fn cpus(host: &HostConfig) -> Option<f64> {
    if let Some(nano) = host.nano_cpus.filter(|nano| *nano > 0) {
        return Some(nano as f64 / NANO);
    }
    let quota = host.cpu_quota.filter(|quota| *quota > 0)?;
    let period = host.cpu_period.filter(|period| *period > 0).unwrap_or(CPU_PERIOD);
    Some(quota as f64 / period as f64)
}

fn api_ulimit(ulimit: Ulimit) -> ResourcesUlimits {
    ResourcesUlimits {
        name: Some(ulimit.name),
        soft: Some(ulimit.soft),
        hard: Some(ulimit.hard),
    }
}

fn ulimit(ulimit: ResourcesUlimits) -> Ulimit {
    Ulimit {
        name: or_default(ulimit.name),
        soft: or_default(ulimit.soft),
        hard: or_default(ulimit.hard),
    }
}

fn api_rates(rates: Vec<DeviceRate>) -> Option<Vec<ThrottleDevice>> {
    let rate = |rate: DeviceRate| ThrottleDevice {
        path: Some(rate.path),
        rate: Some(signed(rate.rate)),
    };
    list(rates.into_iter().map(rate).collect())
}

fn rates(rates: Option<&Vec<ThrottleDevice>>) -> Vec<DeviceRate> {
    let rate = |rate: &ThrottleDevice| DeviceRate {
        path: or_default(rate.path.clone()),
        rate: super::convert_values::unsigned(rate.rate),
    };
    rates.into_iter().flatten().map(rate).collect()
}

fn api_device_request(request: DeviceRequest) -> ApiDeviceRequest {
    ApiDeviceRequest {
        driver: Some(request.driver),
        count: request.count,
        device_ids: list(request.device_ids),
        capabilities: list(request.capabilities),
        options: map(request.options),
    }
}

fn device_request(request: ApiDeviceRequest) -> DeviceRequest {
    DeviceRequest {
        driver: or_default(request.driver),
        count: filled(request.count),
        device_ids: or_default(request.device_ids),
        capabilities: or_default(request.capabilities),
        options: pairs(request.options),
    }
}

/// A size as `--storage-opt size=` has it.
fn bytes(text: &str) -> Option<u64> {
    size::parse(text).ok().and_then(|bytes| u64::try_from(bytes).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none() -> Limits {
        read(&HostConfig::default())
    }

    fn some() -> Limits {
        let rate = |path: &str| {
            vec![DeviceRate {
                path: path.into(),
                rate: 1 << 20,
            }]
        };
        Limits {
            cpus: Some(1.5),
            cpuset_cpus: Some("0-1".into()),
            cpuset_mems: Some("0".into()),
            cpu_shares: Some(512),
            memory_bytes: Some(256 << 20),
            memory_reservation_bytes: Some(128 << 20),
            memory_swap_bytes: Some(-1),
            shm_bytes: Some(64 << 20),
            pids: Some(100),
            ulimits: vec![Ulimit {
                name: "nofile".into(),
                soft: 1024,
                hard: -1,
            }],
            blkio_weight: Some(300),
            blkio_read_bps: rate("/dev/a"),
            blkio_write_bps: rate("/dev/b"),
            blkio_read_iops: rate("/dev/c"),
            blkio_write_iops: rate("/dev/d"),
            storage_bytes: Some(10 << 30),
            gpus: vec![DeviceRequest {
                driver: "nvidia".into(),
                count: Some(-1),
                device_ids: Vec::new(),
                capabilities: vec![vec!["gpu".into()]],
                options: vec![("a".into(), "b".into())],
            }],
        }
    }

    #[test]
    fn what_is_asked_for_is_what_is_read_back() {
        let mut host = HostConfig::default();
        apply(some(), &mut host).expect("limits");
        assert_eq!(host.nano_cpus, Some(1_500_000_000));
        assert_eq!(format!("{:?}", read(&host)), format!("{:?}", some()));
    }

    #[test]
    fn nothing_asked_for_sends_nothing() {
        let mut host = HostConfig::default();
        apply(none(), &mut host).expect("limits");
        assert_eq!(host, HostConfig::default());
        assert_eq!(update(none()).expect("an update"), ContainerUpdateBody::default());
    }

    #[test]
    fn a_quota_and_period_are_read_as_cpus() {
        let host = HostConfig {
            cpu_quota: Some(50_000),
            ..Default::default()
        };
        assert_eq!(read(&host).cpus, Some(0.5));
    }

    #[test]
    fn cpus_that_are_no_positive_number_are_refused() {
        for cpus in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let limits = Limits {
                cpus: Some(cpus),
                ..none()
            };
            assert_eq!(update(limits).expect_err("refused").field(), Some("cpus"));
        }
    }

    #[test]
    fn a_limit_that_is_fixed_at_create_is_not_silently_dropped() {
        let limits = Limits {
            shm_bytes: Some(1),
            ..none()
        };
        let error = update(limits).expect_err("refused");
        assert_eq!(error.kind(), "unsupported");
        assert!(error.message().contains("shm_bytes"));
    }

    #[test]
    fn sizes_with_units_are_read() {
        assert_eq!(bytes("10G"), Some(10 << 30));
        assert_eq!(bytes("5mib"), Some(5 << 20));
        assert_eq!(bytes("123"), Some(123));
        assert_eq!(bytes("1x"), None);
        assert_eq!(bytes("kk"), None);
    }
}
