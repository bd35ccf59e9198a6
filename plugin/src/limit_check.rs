//! Whether limits can be meant: on their own, against each other, and against the machine.

use mngr_docker_grammar::words::shown;

use crate::Result;
use crate::contract::docker::EngineInfo;
use crate::contract::types::Limits;
use crate::error::invalid;

/// Least memory that the engine accepts.
const LEAST_MEMORY: i64 = 6 << 20;
/// Least CPUs that the engine accepts.
const LEAST_CPUS: f64 = 0.01;
const CPU_SHARES: std::ops::RangeInclusive<i64> = 2..=262_144;
const BLKIO_WEIGHT: std::ops::RangeInclusive<u16> = 10..=1000;

/// No limits at all.
pub fn none() -> Limits {
    Limits {
        cpus: None,
        cpuset_cpus: None,
        cpuset_mems: None,
        cpu_shares: None,
        memory_bytes: None,
        memory_reservation_bytes: None,
        memory_swap_bytes: None,
        shm_bytes: None,
        pids: None,
        ulimits: Vec::new(),
        blkio_weight: None,
        blkio_read_bps: Vec::new(),
        blkio_write_bps: Vec::new(),
        blkio_read_iops: Vec::new(),
        blkio_write_iops: Vec::new(),
        storage_bytes: None,
        gpus: Vec::new(),
    }
}

/// Whether there is anything here to be judged.
pub fn concerns(limits: &Limits) -> bool {
    // Each field is named, so that a new one does not compile until somebody has said whether it is judged.
    let Limits {
        cpus,
        cpuset_cpus,
        cpuset_mems: _,
        cpu_shares,
        memory_bytes,
        memory_reservation_bytes,
        memory_swap_bytes,
        shm_bytes: _,
        pids,
        ulimits: _,
        blkio_weight,
        blkio_read_bps: _,
        blkio_write_bps: _,
        blkio_read_iops: _,
        blkio_write_iops: _,
        storage_bytes: _,
        gpus: _,
    } = limits;
    cpus.is_some()
        || cpuset_cpus.is_some()
        || cpu_shares.is_some()
        || memory_bytes.is_some()
        || memory_reservation_bytes.is_some()
        || memory_swap_bytes.is_some()
        || pids.is_some()
        || blkio_weight.is_some()
}

/// Judges the limits of a new container, where 0 stands for none as it does for the Docker CLI.
///
/// # Errors
/// `invalid-argument` for the first at fault.
pub fn create(limits: &Limits, machine: &EngineInfo) -> Result<()> {
    let given = |value: Option<i64>| value.filter(|value| *value != 0);
    let limits = Limits {
        cpus: limits.cpus.filter(|cpus| *cpus != 0.0),
        cpu_shares: given(limits.cpu_shares),
        memory_bytes: given(limits.memory_bytes),
        memory_reservation_bytes: given(limits.memory_reservation_bytes),
        memory_swap_bytes: given(limits.memory_swap_bytes),
        blkio_weight: limits.blkio_weight.filter(|weight| *weight != 0),
        ..limits.clone()
    };
    each(&limits, machine)?;
    together(&limits)
}

/// Judges a change of the limits that a container has.
///
/// # Errors
/// `invalid-argument` for the first at fault.
pub fn update(current: &Limits, wanted: &Limits, machine: &EngineInfo) -> Result<()> {
    each(wanted, machine)?;
    let memory_changes = wanted.memory_bytes.is_some()
        || wanted.memory_swap_bytes.is_some()
        || wanted.memory_reservation_bytes.is_some();
    if !memory_changes {
        return Ok(());
    }
    together(&Limits {
        memory_bytes: wanted.memory_bytes.or(current.memory_bytes),
        memory_swap_bytes: wanted.memory_swap_bytes.or(current.memory_swap_bytes),
        memory_reservation_bytes: wanted.memory_reservation_bytes.or(current.memory_reservation_bytes),
        ..wanted.clone()
    })
}

fn each(limits: &Limits, machine: &EngineInfo) -> Result<()> {
    if let Some(cpus) = limits.cpus {
        let most = f64::from(machine.cpus);
        if !(cpus >= LEAST_CPUS && cpus <= most) {
            let reason = match cpus > most {
                true => format!("the engine's machine has {most} CPUs"),
                false => format!("the least that the engine accepts is {LEAST_CPUS}"),
            };
            let remedy = format!("give a number from {LEAST_CPUS} to {most}");
            return Err(invalid("cpus", &cpus.to_string(), reason, remedy));
        }
    }
    if let Some(set) = &limits.cpuset_cpus {
        cpuset(set, machine.cpus)?;
    }
    if let Some(shares) = limits.cpu_shares.filter(|shares| !CPU_SHARES.contains(shares)) {
        let remedy = format!(
            "give a weight from {} to {}; 1024 is usual",
            CPU_SHARES.start(),
            CPU_SHARES.end()
        );
        return Err(invalid(
            "cpu-shares",
            &shares.to_string(),
            "the kernel has no such weight",
            remedy,
        ));
    }
    memory("memory", limits.memory_bytes, machine)?;
    memory("memory-reservation", limits.memory_reservation_bytes, machine)?;
    if let Some(pids) = limits.pids.filter(|pids| *pids < -1) {
        let remedy = "give a number of processes, or -1 for no limit";
        return Err(invalid(
            "pids",
            &pids.to_string(),
            "it is no number of processes",
            remedy,
        ));
    }
    if let Some(weight) = limits.blkio_weight.filter(|weight| !BLKIO_WEIGHT.contains(weight)) {
        let remedy = format!("give a weight from {} to {}", BLKIO_WEIGHT.start(), BLKIO_WEIGHT.end());
        return Err(invalid(
            "blkio-weight",
            &weight.to_string(),
            "the kernel has no such weight",
            remedy,
        ));
    }
    Ok(())
}

fn memory(field: &str, bytes: Option<i64>, machine: &EngineInfo) -> Result<()> {
    let Some(bytes) = bytes else { return Ok(()) };
    let reason = if bytes < LEAST_MEMORY {
        format!("the least that the engine accepts is 6 MiB ({LEAST_MEMORY} bytes)")
    } else if u64::try_from(bytes).is_ok_and(|bytes| bytes > machine.memory_bytes) {
        format!(
            "the engine's machine has {} ({} bytes)",
            mebibytes(machine.memory_bytes),
            machine.memory_bytes
        )
    } else {
        return Ok(());
    };
    let remedy = format!("give a size from 6m to {}m", machine.memory_bytes >> 20);
    Err(invalid(field, &bytes.to_string(), reason, remedy))
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

/// What holds between limits.
fn together(limits: &Limits) -> Result<()> {
    let memory = limits.memory_bytes.filter(|memory| *memory > 0);
    match (limits.memory_swap_bytes, memory) {
        (None | Some(-1 | 0), _) => {}
        (Some(swap), _) if swap < -1 => {
            let remedy = "give memory and swap together as a size, or -1 for no limit of swap";
            return Err(invalid("memory-swap", &swap.to_string(), "it is no size", remedy));
        }
        (Some(swap), None) => {
            let reason = "memory and swap can only be limited together with memory, and there is no memory limit";
            return Err(invalid(
                "memory-swap",
                &swap.to_string(),
                reason,
                "give a memory limit as well",
            ));
        }
        (Some(swap), Some(memory)) if swap < memory => {
            let reason = format!("it is memory and swap together, and memory alone is {memory} bytes");
            let remedy = format!("give at least {memory}, or -1 for no limit of swap");
            return Err(invalid("memory-swap", &swap.to_string(), reason, remedy));
        }
        (Some(_), Some(_)) => {}
    }
    if let (Some(soft), Some(memory)) = (limits.memory_reservation_bytes, memory)
        && soft > memory
    {
        let reason = format!("the soft limit is above the memory limit of {memory} bytes");
        let remedy = format!("give at most {memory}");
        return Err(invalid("memory-reservation", &soft.to_string(), reason, remedy));
    }
    Ok(())
}

/// `0-2,4`, each below the number of CPUs.
fn cpuset(set: &str, cpus: u32) -> Result<()> {
    let last = cpus.saturating_sub(1);
    let fault = |reason: String| {
        let remedy = format!("give CPUs from 0 to {last}, for example `0-{last}` or `0`");
        Err(invalid("cpuset-cpus", set, reason, remedy))
    };
    for part in set.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        match (from.trim().parse::<u32>(), to.trim().parse::<u32>()) {
            (Ok(from), Ok(to)) if from <= to => {
                if to > last {
                    return fault(format!("the engine's machine has the CPUs 0 to {last}"));
                }
            }
            _ => {
                return fault(format!("`{}` is no CPU and no range of them", shown(part)));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::types::ProviderError;
    use crate::testing::fixtures::machine;

    fn field(result: Result<()>) -> Option<String> {
        match result {
            Ok(()) => None,
            Err(ProviderError::InvalidArgument(error)) => {
                assert!(!error.value.is_empty() && !error.reason.is_empty() && !error.remedy.is_empty());
                Some(error.field)
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_limit_is_held_against_the_machine() {
        let cases: [(&str, Limits, Limits); 7] = [
            (
                "cpus",
                Limits {
                    cpus: Some(4.0),
                    ..none()
                },
                Limits {
                    cpus: Some(4.1),
                    ..none()
                },
            ),
            (
                "cpuset-cpus",
                Limits {
                    cpuset_cpus: Some("0-2,3".to_owned()),
                    ..none()
                },
                Limits {
                    cpuset_cpus: Some("0,4".to_owned()),
                    ..none()
                },
            ),
            (
                "cpu-shares",
                Limits {
                    cpu_shares: Some(2),
                    ..none()
                },
                Limits {
                    cpu_shares: Some(1),
                    ..none()
                },
            ),
            (
                "memory",
                Limits {
                    memory_bytes: Some(8 << 30),
                    ..none()
                },
                Limits {
                    memory_bytes: Some((8 << 30) + 1),
                    ..none()
                },
            ),
            (
                "memory-reservation",
                Limits {
                    memory_reservation_bytes: Some(LEAST_MEMORY),
                    ..none()
                },
                Limits {
                    memory_reservation_bytes: Some(LEAST_MEMORY - 1),
                    ..none()
                },
            ),
            (
                "pids",
                Limits {
                    pids: Some(-1),
                    ..none()
                },
                Limits {
                    pids: Some(-2),
                    ..none()
                },
            ),
            (
                "blkio-weight",
                Limits {
                    blkio_weight: Some(10),
                    ..none()
                },
                Limits {
                    blkio_weight: Some(9),
                    ..none()
                },
            ),
        ];
        for (name, good, bad) in cases {
            assert!(concerns(&good));
            assert_eq!(field(create(&good, &machine())), None, "{name}");
            assert_eq!(field(create(&bad, &machine())).as_deref(), Some(name));
            assert_eq!(field(update(&none(), &bad, &machine())).as_deref(), Some(name));
        }
    }

    #[test]
    fn nonsense_is_named() {
        for set in ["", "a", "3-1", "0,,1", "-1", "0-"] {
            let limits = Limits {
                cpuset_cpus: Some(set.to_owned()),
                ..none()
            };
            let error = create(&limits, &machine());
            assert!(
                matches!(error, Err(ProviderError::InvalidArgument(e)) if e.field == "cpuset-cpus"),
                "{set}"
            );
        }
        for cpus in [-1.0, 0.001, f64::NAN, f64::INFINITY] {
            let limits = Limits {
                cpus: Some(cpus),
                ..none()
            };
            assert_eq!(field(create(&limits, &machine())).as_deref(), Some("cpus"));
        }
    }

    #[test]
    fn swap_and_the_soft_limit_are_held_against_memory_old_or_new() {
        let sized = |memory: i64, swap: i64| Limits {
            memory_bytes: Some(memory << 20),
            memory_swap_bytes: Some(if swap < 0 { swap } else { swap << 20 }),
            ..none()
        };
        assert_eq!(field(create(&sized(64, 64), &machine())), None);
        assert_eq!(field(create(&sized(64, -1), &machine())), None);
        assert_eq!(
            field(create(&sized(64, 32), &machine())).as_deref(),
            Some("memory-swap")
        );
        assert_eq!(
            field(create(&sized(64, -2), &machine())).as_deref(),
            Some("memory-swap")
        );
        let alone = Limits {
            memory_swap_bytes: Some(64 << 20),
            ..none()
        };
        assert_eq!(field(create(&alone, &machine())).as_deref(), Some("memory-swap"));
        assert_eq!(field(update(&sized(32, 64), &alone, &machine())), None);
        let soft = Limits {
            memory_reservation_bytes: Some(64 << 20),
            ..none()
        };
        assert_eq!(
            field(update(&sized(32, 64), &soft, &machine())).as_deref(),
            Some("memory-reservation")
        );
        // What a container has from elsewhere is not this change's fault.
        let odd = Limits {
            memory_swap_bytes: Some(1),
            ..none()
        };
        let cpus = Limits {
            cpus: Some(1.0),
            ..none()
        };
        assert_eq!(field(update(&odd, &cpus, &machine())), None);
    }

    #[test]
    fn nothing_given_is_nothing_to_judge_and_0_at_create_means_none() {
        assert!(!concerns(&none()));
        let zero = Limits {
            memory_bytes: Some(0),
            memory_swap_bytes: Some(0),
            cpu_shares: Some(0),
            ..none()
        };
        assert_eq!(field(create(&zero, &machine())), None);
    }
}
