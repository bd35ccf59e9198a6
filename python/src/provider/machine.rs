//! What agents use of the engine's machine, and what is left there.

use mngr_host_shim::contract::instance::GcRequest;
use mngr_host_shim::json::{
    ActionJson, AgentVolumeJson, GpuReportJson, LimitsJson, StatsJson, UpdatedLimitsJson, WatchJson,
};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::Provider;
use crate::convert::{Answer, list_to_python, record, to_python};
use crate::inputs;

#[pymethods]
impl Provider {
    /// An agent's limits as the engine has them.
    fn resources<'py>(&self, py: Python<'py>, agent: String) -> Answer<'py> {
        let limits = self.call(py, None, |provider| async move { provider.resources(&agent).await })?;
        to_python(py, &LimitsJson::from(&limits))
    }

    /// Changes the limits that are given, of an agent running or not, and reads them back: `cpus=1.5`, `memory_bytes=2**30`, and
    /// so on, named as `resources` names them.
    #[pyo3(signature = (agent, **limits))]
    fn update_limits<'py>(&self, py: Python<'py>, agent: String, limits: Option<&Bound<'py, PyDict>>) -> Answer<'py> {
        let given = match limits {
            Some(limits) => record::<inputs::Limits>("limits", limits.as_mapping())?,
            None => inputs::Limits::default(),
        };
        let limits = given.into();
        let updated = self.call(py, None, |provider| async move {
            provider.update_limits(&agent, limits).await
        })?;
        to_python(py, &UpdatedLimitsJson::from(&updated))
    }

    /// What an agent uses at this moment.
    fn stats<'py>(&self, py: Python<'py>, agent: String) -> Answer<'py> {
        let sample = self.call(py, None, |provider| async move { provider.stats(&agent).await })?;
        to_python(py, &StatsJson::from(&sample))
    }

    /// The volumes that were made for agents.
    fn volumes<'py>(&self, py: Python<'py>) -> Answer<'py> {
        let volumes = self.call(py, None, |provider| async move { provider.volumes().await })?;
        list_to_python::<_, AgentVolumeJson<'_>>(py, &volumes)
    }

    /// The GPUs of the engine's machine and who holds them.
    fn gpus<'py>(&self, py: Python<'py>) -> Answer<'py> {
        let report = self.call(py, None, |provider| async move { provider.gpus().await })?;
        to_python(py, &GpuReportJson::from(&report))
    }

    /// Removes what no agent needs any more, with `snapshots` also those whose agent is gone; with `dry_run` only says what.
    #[pyo3(signature = (*, dry_run=false, snapshots=false))]
    fn gc<'py>(&self, py: Python<'py>, dry_run: bool, snapshots: bool) -> Answer<'py> {
        let request = GcRequest { dry_run, snapshots };
        let actions = self.call(py, None, |provider| async move { provider.gc(request).await })?;
        list_to_python::<_, ActionJson<'_>>(py, &actions)
    }

    /// Settles what calls left that died; every call does so first.
    fn reconcile<'py>(&self, py: Python<'py>) -> Answer<'py> {
        let actions = self.call(py, None, |provider| async move { provider.reconcile().await })?;
        list_to_python::<_, ActionJson<'_>>(py, &actions)
    }

    /// What happened to agents after `cursor` (0 for all that the engine remembers), waiting up to `wait_ms` milliseconds for the
    /// first event: a dict with `events` and the `cursor` for the next call.
    #[pyo3(signature = (cursor=0, wait_ms=0))]
    fn watch<'py>(&self, py: Python<'py>, cursor: u64, wait_ms: u64) -> Answer<'py> {
        let seen = self.call(
            py,
            None,
            |provider| async move { provider.watch(cursor, wait_ms).await },
        )?;
        to_python(py, &WatchJson::from(&seen))
    }
}
