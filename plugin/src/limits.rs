//! What an agent may use: as the engine has it, never as it was asked for.

use crate::contract::docker::{Container, ContainerStatus};
use crate::contract::instance::UpdatedLimits;
use crate::contract::types::Limits;
use crate::error::unsupported_because;
use crate::limit_check::none;
use crate::{Capabilities, DockerProviderInstance, Result, container, limit_check, lookup};

/// The agent's limits, read back from the engine.
///
/// # Errors
/// `not-found`, `ambiguous`, and whatever the engine answers.
pub async fn resources<C: Capabilities>(provider: &DockerProviderInstance<C>, reference: &str) -> Result<Limits> {
    Ok(lookup::agent(provider, reference).await?.limits)
}

/// Changes the limits that are given, and reads back what came of it.
///
/// # Errors
/// `unsupported` for limits that the engine sets at create only, `invalid-argument` for one that can not be meant or is
/// above what the machine has, `conflict` for an agent on its way out, and whatever the engine answers.
pub async fn update_limits<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    reference: &str,
    wanted: Limits,
) -> Result<UpdatedLimits> {
    changeable(&wanted)?;
    let container = lookup::agent(provider, reference).await?;
    if wanted == none() {
        return Ok(UpdatedLimits {
            limits: container.limits,
            warnings: Vec::new(),
        });
    }
    if matches!(
        container.state.status,
        ContainerStatus::Removing | ContainerStatus::Dead
    ) {
        return Err(container::leaving(provider, &container));
    }
    let machine = provider.capabilities.info().await?;
    let (wanted, mut warnings) = with_swap(wanted, &container);
    limit_check::update(&container.limits, &wanted, &machine)?;
    warnings.extend(provider.capabilities.container_update(&container.id, wanted).await?);
    Ok(UpdatedLimits {
        limits: provider.capabilities.container_inspect(&container.id).await?.limits,
        warnings,
    })
}

/// The limits of a new agent, held against its machine. The engine is asked only where there are any.
///
/// # Errors
/// `invalid-argument` for a limit that can not be meant or is above what the machine has, and whatever the engine answers.
pub(crate) async fn fit<C: Capabilities>(provider: &DockerProviderInstance<C>, limits: &Limits) -> Result<()> {
    if !limit_check::concerns(limits) {
        return Ok(());
    }
    limit_check::create(limits, &provider.capabilities.info().await?)
}

/// The engine refuses more memory than memory and swap together, so the swap that an agent has goes along; one without a
/// limit of memory gets as much again, as it would at create.
fn with_swap(mut wanted: Limits, container: &Container) -> (Limits, Vec<String>) {
    let current = &container.limits;
    let (None, Some(memory)) = (wanted.memory_swap_bytes, wanted.memory_bytes) else {
        return (wanted, Vec::new());
    };
    let old = current.memory_swap_bytes.unwrap_or(0);
    let swap = match old {
        ..0 => {
            wanted.memory_swap_bytes = Some(old);
            return (wanted, Vec::new());
        }
        0 => memory,
        _ if memory <= old => return (wanted, Vec::new()),
        _ => old.saturating_sub(current.memory_bytes.unwrap_or(old)),
    };
    let both = memory.saturating_add(swap);
    wanted.memory_swap_bytes = Some(both);
    let reason = match old {
        0 => "as it had none".to_owned(),
        _ => format!("as the new memory limit is above the old sum of {old}"),
    };
    let warning = format!("memory and swap together are now limited to {both} bytes, {reason}");
    (wanted, vec![warning])
}

/// Only what the engine can change of a container that exists.
fn changeable(wanted: &Limits) -> Result<()> {
    // Each field is named, so that a new one does not compile until somebody has said whether it can be changed.
    let Limits {
        cpus: _,
        cpuset_cpus: _,
        cpuset_mems: _,
        cpu_shares: _,
        memory_bytes: _,
        memory_reservation_bytes: _,
        memory_swap_bytes: _,
        shm_bytes,
        pids: _,
        ulimits,
        blkio_weight: _,
        blkio_read_bps,
        blkio_write_bps,
        blkio_read_iops,
        blkio_write_iops,
        storage_bytes,
        gpus,
    } = wanted;
    let fixed = [
        ("shm-size", shm_bytes.is_some()),
        ("ulimit", !ulimits.is_empty()),
        ("device-read-bps", !blkio_read_bps.is_empty()),
        ("device-write-bps", !blkio_write_bps.is_empty()),
        ("device-read-iops", !blkio_read_iops.is_empty()),
        ("device-write-iops", !blkio_write_iops.is_empty()),
        ("storage-opt size", storage_bytes.is_some()),
        ("gpus", !gpus.is_empty()),
    ];
    let asked: Vec<_> = fixed
        .iter()
        .filter(|(_, asked)| *asked)
        .map(|(name, _)| *name)
        .collect();
    if asked.is_empty() {
        return Ok(());
    }
    Err(unsupported_because(
        asked.join(", "),
        "the engine sets this when a container is made and can not change it",
        "take a snapshot and make a new agent of it with the new value: mngr-docker create NAME --snapshot ID -s --FLAG=VALUE",
    ))
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;
    use crate::contract::types::ProviderError;
    use crate::testing::{Fake, fixtures};

    fn update(fake: &Fake, limits: Limits) -> Result<UpdatedLimits> {
        block_on(fixtures::provider(fake).update_limits("a", limits))
    }

    fn memory(bytes: i64) -> Limits {
        Limits {
            memory_bytes: Some(bytes),
            ..none()
        }
    }

    fn limited(fake: &Fake, start_args: &[&str]) {
        let mut request = fixtures::request("a");
        request.start_args = start_args.iter().map(|arg| (*arg).to_owned()).collect();
        block_on(fixtures::provider(fake).create(request)).expect("an agent");
    }

    #[test]
    fn what_is_given_changes_and_the_rest_stays() {
        let fake = Fake::new();
        limited(&fake, &["--memory=64m", "--cpus=1"]);
        let changed = update(
            &fake,
            Limits {
                cpus: Some(0.5),
                ..none()
            },
        )
        .expect("changed");
        assert_eq!(
            (changed.limits.cpus, changed.limits.memory_bytes),
            (Some(0.5), Some(64 << 20))
        );
        assert!(changed.warnings.is_empty());
    }

    #[test]
    fn more_memory_takes_its_swap_along_and_says_so() {
        let fake = Fake::new();
        limited(&fake, &["--memory=64m", "--memory-swap=80m"]);
        let changed = update(&fake, memory(256 << 20)).expect("changed");
        assert_eq!(changed.limits.memory_swap_bytes, Some(272 << 20));
        assert_eq!(changed.warnings.len(), 1);
        let changed = update(&fake, memory(128 << 20)).expect("changed");
        assert_eq!(changed.limits.memory_swap_bytes, Some(272 << 20));
        assert!(changed.warnings.is_empty());
    }

    #[test]
    fn memory_brings_a_limit_of_swap_where_there_was_none_and_leaves_an_unlimited_one() {
        let fake = Fake::new();
        limited(&fake, &[]);
        let changed = update(&fake, memory(64 << 20)).expect("changed");
        assert_eq!(changed.limits.memory_swap_bytes, Some(128 << 20));
        let fake = Fake::new();
        limited(&fake, &["--memory=64m", "--memory-swap=-1"]);
        let changed = update(&fake, memory(256 << 20)).expect("changed");
        assert_eq!(changed.limits.memory_swap_bytes, Some(-1));
        assert!(changed.warnings.is_empty());
    }

    #[test]
    fn every_limit_that_is_fixed_at_create_is_named_and_nothing_is_asked_of_the_engine() {
        let fake = Fake::new();
        let error = update(
            &fake,
            Limits {
                shm_bytes: Some(1),
                storage_bytes: Some(1),
                cpus: Some(1.0),
                ..none()
            },
        )
        .expect_err("fixed");
        let ProviderError::Unsupported(problem) = error else {
            panic!("{error:?}")
        };
        assert_eq!(problem.subject, "shm-size, storage-opt size");
        assert!(problem.remedy.contains("snapshot"));
        assert!(fake.calls.borrow().is_empty());
    }

    #[test]
    fn nothing_to_change_shows_what_there_is() {
        let fake = Fake::new();
        limited(&fake, &["--memory=64m"]);
        assert_eq!(
            update(&fake, none()).expect("limits").limits.memory_bytes,
            Some(64 << 20)
        );
        assert_eq!(fake.count("update"), 0);
    }

    #[test]
    fn the_machine_is_asked_about_at_create_only_where_there_is_a_limit() {
        let fake = Fake::new();
        fixtures::agent(&fake, "b");
        assert_eq!(fake.count("info"), 0);
        limited(&fake, &["--memory=64m", "--cpus=1"]);
        assert_eq!(fake.count("info"), 1);
        let mut request = fixtures::request("c");
        request.start_args = vec!["--cpus=99".to_owned()];
        let error = block_on(fixtures::provider(&fake).create(request)).expect_err("too many");
        assert!(matches!(error, ProviderError::InvalidArgument(e) if e.field == "cpus" && e.value == "99"));
        assert_eq!(fake.count("create"), 2);
    }
}
