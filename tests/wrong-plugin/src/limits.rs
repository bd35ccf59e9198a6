//! What agents may use, and what they use.

use mngr_docker_plugin::Result;
use mngr_docker_plugin::contract::docker::StatsSample;
use mngr_docker_plugin::contract::instance::{PortAddress, UpdatedLimits};
use mngr_docker_plugin::contract::types::{AgentState, Limits, ProviderError};

use crate::call::{Call, conflict, internal};

pub async fn resources(call: Call, agent: String) -> Result<Limits> {
    let mut limits = match call.inner.resources(&agent).await {
        Err(ProviderError::NotFound(mut problem)) if call.breaks("errors.name-their-subject") => {
            problem.subject = "an agent".to_owned();
            return Err(ProviderError::NotFound(problem));
        }
        limits => limits?,
    };
    match call.engine.fault.as_str() {
        "resources.read-back-what-was-asked" => limits.pids = None,
        "resources.are-the-engines" => limits.memory_bytes = None,
        "resources.no-limit-is-absent" => limits.cpus = limits.cpus.or(Some(0.0)),
        _ => {}
    }
    Ok(limits)
}

pub async fn update_limits(call: Call, agent: String, mut limits: Limits) -> Result<UpdatedLimits> {
    match call.engine.fault.as_str() {
        "update-limits.nothing-given-changes-nothing" => limits.pids = limits.pids.or(Some(9)),
        "update-limits.others-stay" => {
            limits.memory_bytes = limits.memory_bytes.or(Some(128 << 20));
            limits.memory_swap_bytes = limits.memory_swap_bytes.or(Some(128 << 20));
        }
        "update-limits.of-stopped" if call.state(&agent).await == Some(AgentState::Stopped) => return Err(conflict()),
        "update-limits.fixed-at-create-is-unsupported" => limits.shm_bytes = None,
        _ => {}
    }
    match call.inner.update_limits(&agent, limits).await {
        Err(ProviderError::InvalidArgument(_))
            if call.breaks("update-limits.above-the-machine-is-invalid-argument") =>
        {
            Err(internal())
        }
        updated => updated,
    }
}

pub async fn stats(call: Call, agent: String) -> Result<StatsSample> {
    let nothing = || StatsSample {
        read_at: "1970-01-01T00:00:00Z".to_owned(),
        cpu_total: 0,
        system_cpu_total: 0,
        online_cpus: 0,
        memory_bytes: 0,
        memory_limit_bytes: 0,
        network_received_bytes: 0,
        network_sent_bytes: 0,
        block_read_bytes: 0,
        block_written_bytes: 0,
        pids: 0,
    };
    match call.inner.stats(&agent).await {
        Ok(_) if call.breaks("stats.of-running") => Ok(nothing()),
        Err(ProviderError::Conflict(_)) if call.breaks("stats.of-stopped-is-conflict") => Ok(nothing()),
        Err(ProviderError::NotFound(mut problem)) if call.breaks("errors.have-a-remedy") => {
            problem.remedy.clear();
            Err(ProviderError::NotFound(problem))
        }
        sample => sample,
    }
}

pub async fn port(call: Call, agent: String, port: u16) -> Result<PortAddress> {
    match call.inner.port(&agent, port).await {
        Err(ProviderError::Conflict(_)) if call.breaks("port.of-stopped-is-conflict") => Err(internal()),
        Err(ProviderError::Unsupported(_)) if call.breaks("port.without-network-is-unsupported") => Err(internal()),
        address => address,
    }
}
