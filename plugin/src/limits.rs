//! What an agent may use: as the engine has it, never as it was asked for.

use crate::contract::types::Limits;
use crate::{Capabilities, DockerProviderInstance, Result, lookup};

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

/// The agent's limits, read back from the engine.
///
/// # Errors
/// `not-found`, `ambiguous`, and whatever the engine answers.
pub async fn resources<C: Capabilities>(provider: &DockerProviderInstance<C>, reference: &str) -> Result<Limits> {
    Ok(lookup::agent(provider, reference).await?.limits)
}
