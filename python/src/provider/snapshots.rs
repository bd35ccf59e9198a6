//! Snapshots: taken, listed, compared, deleted, sent to registries.

use mngr_host_shim::contract::instance::{PushRequest, SnapshotFilter, SnapshotRequest};
use mngr_host_shim::json::{ChangesJson, FindingJson, PushedJson, SnapshotJson};
use pyo3::prelude::*;

use super::Provider;
use crate::convert::{Answer, list_to_python, to_python};

#[pymethods]
impl Provider {
    /// What a snapshot taken now would not hold, or would give away.
    #[pyo3(signature = (agent, *, include_volumes=false))]
    fn snapshot_check<'py>(&self, py: Python<'py>, agent: String, include_volumes: bool) -> Answer<'py> {
        let findings = self.call(py, None, |provider| async move {
            provider.snapshot_check(&agent, include_volumes).await
        })?;
        list_to_python::<_, FindingJson<'_>>(py, &findings)
    }

    /// Commits an agent's files to an image. `pause` freezes it meanwhile, `None` for what the settings say; `force` goes through
    /// although findings block; `include_volumes` takes its own volumes and tmpfs along.
    #[pyo3(signature = (agent, *, name=String::new(), pause=None, force=false, include_volumes=false, on_progress=None))]
    #[allow(clippy::too_many_arguments)]
    fn snapshot_create<'py>(
        &self,
        py: Python<'py>,
        agent: String,
        name: String,
        pause: Option<bool>,
        force: bool,
        include_volumes: bool,
        on_progress: Option<&Bound<'py, PyAny>>,
    ) -> Answer<'py> {
        let request = SnapshotRequest {
            name,
            pause,
            force,
            include_volumes,
        };
        let snapshot = self.call(py, on_progress, |provider| async move {
            provider.snapshot_create(&agent, request).await
        })?;
        to_python(py, &SnapshotJson::from(&snapshot))
    }

    /// Snapshots, newest first; with `agent` only that one's.
    #[pyo3(signature = (*, agent=None))]
    fn snapshot_list<'py>(&self, py: Python<'py>, agent: Option<String>) -> Answer<'py> {
        let filter = SnapshotFilter { agent };
        let snapshots = self.call(py, None, |provider| async move { provider.snapshot_list(filter).await })?;
        list_to_python::<_, SnapshotJson<'_>>(py, &snapshots)
    }

    /// Deletes a snapshot that no agent uses; with `agent` it must be that one's.
    #[pyo3(signature = (snapshot, *, agent=None))]
    fn snapshot_delete<'py>(&self, py: Python<'py>, snapshot: String, agent: Option<String>) -> Answer<'py> {
        let deleted = self.call(py, None, |provider| async move {
            provider.snapshot_delete(agent, &snapshot).await
        })?;
        to_python(py, &SnapshotJson::from(&deleted))
    }

    /// What one snapshot or agent has added, modified and deleted relative to another.
    fn snapshot_diff<'py>(&self, py: Python<'py>, older: String, newer: String) -> Answer<'py> {
        let changes = self.call(py, None, |provider| async move {
            provider.snapshot_diff(&older, &newer).await
        })?;
        to_python(py, &ChangesJson::from(&changes))
    }

    /// What an agent has added, modified and deleted of the image it was made from.
    fn changes<'py>(&self, py: Python<'py>, agent: String) -> Answer<'py> {
        let changes = self.call(py, None, |provider| async move { provider.changes(&agent).await })?;
        to_python(py, &ChangesJson::from(&changes))
    }

    /// Sends a snapshot to a registry, `registry/repository[:tag]`.
    #[pyo3(signature = (snapshot, reference, *, include_env=false, on_progress=None))]
    fn snapshot_push<'py>(
        &self,
        py: Python<'py>,
        snapshot: String,
        reference: String,
        include_env: bool,
        on_progress: Option<&Bound<'py, PyAny>>,
    ) -> Answer<'py> {
        let request = PushRequest {
            snapshot,
            reference,
            include_env,
        };
        let pushed = self.call(py, on_progress, |provider| async move {
            provider.snapshot_push(request).await
        })?;
        to_python(py, &PushedJson::from(&pushed))
    }

    /// Takes a snapshot in from a registry, `registry/repository[:tag]` or with `@sha256:…`.
    #[pyo3(signature = (reference, *, on_progress=None))]
    fn snapshot_pull<'py>(
        &self,
        py: Python<'py>,
        reference: String,
        on_progress: Option<&Bound<'py, PyAny>>,
    ) -> Answer<'py> {
        let snapshot = self.call(py, on_progress, |provider| async move {
            provider.snapshot_pull(&reference).await
        })?;
        to_python(py, &SnapshotJson::from(&snapshot))
    }
}
