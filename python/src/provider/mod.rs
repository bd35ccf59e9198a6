//! One provider: how it is opened, and what it is. What it does is in the files beside this.

mod agents;
mod documents;
mod inside;
mod machine;
mod snapshots;

use std::path::PathBuf;
use std::sync::Arc;

use mngr_host_shim::config::{Config, ProviderConfig};
use mngr_host_shim::contract::docker::EnginePlace;
use mngr_host_shim::contract::{ProviderError, Result, VERSION};
use mngr_host_shim::environment::Environment;
use mngr_host_shim::json::ProblemJson;
use mngr_host_shim::provider;
use mngr_host_shim::registry::PluginChoice;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyMapping};
use serde_json::{Map, Value};

use crate::call;
use crate::convert::{Answer, from_json, list_to_python, table};
use crate::process::Process;

/// A provider: agents in containers on one engine.
///
/// `settings` is one provider's table as a configuration file has it under `providers.<name>`; what is left out has its default,
/// and relative paths start at the working directory. `plugin` is a component to use in place of the one that is built in: a path, or
/// `NAME` or `NAME@RANGE` of an installed one, whose newer versions are taken while the provider is in use. The
/// engine is not called yet, so one that is down shows with the first call.
///
/// Where a method takes an `agent`, that is an id, a unique prefix of one, or a name. Results are dicts and lists in the shape
/// that `mngr-docker --json` prints. Every method may raise `ProviderError`.
#[pyclass(frozen, module = "mngr_docker._native")]
pub struct Provider {
    process: Arc<Process>,
    provider: Arc<provider::Provider>,
}

impl Drop for Provider {
    fn drop(&mut self) {
        // Connections of the process that this one was forked from are not this one's to close.
        if !self.process.is_this() {
            std::mem::forget(self.provider.clone());
        }
    }
}

impl Provider {
    /// Makes a call of the provider and waits for it.
    fn call<T, F>(
        &self,
        py: Python<'_>,
        on_progress: Option<&Bound<'_, PyAny>>,
        work: impl FnOnce(provider::Provider) -> F,
    ) -> PyResult<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        call::wait(py, &self.process, on_progress, |cancel, progress| {
            work((*self.provider).clone().cancelled_by(cancel).on_progress(progress))
        })
    }
}

#[pymethods]
impl Provider {
    #[new]
    #[pyo3(signature = (name, settings=None, *, plugin=None, settings_files=Vec::new()))]
    fn new(
        py: Python<'_>,
        name: String,
        settings: Option<&Bound<'_, PyMapping>>,
        plugin: Option<PathBuf>,
        settings_files: Vec<PathBuf>,
    ) -> PyResult<Self> {
        let settings = settings.map(table).transpose()?.unwrap_or_default();
        let process = Process::current(py)?;
        let opening = open(process.clone(), name, settings, plugin, settings_files);
        let provider = call::wait(py, &process, None, |_, _| opening)?;
        Ok(Self {
            process,
            provider: Arc::new(provider),
        })
    }

    /// The instance's name.
    #[getter]
    fn name(&self) -> &str {
        self.provider.name()
    }

    /// The plugin's settings, with the defaults filled in.
    #[getter]
    fn settings<'py>(&self, py: Python<'py>) -> Answer<'py> {
        from_json(py, &self.provider.settings())
    }

    /// What the plugin finds odd in the settings, though it can work with them: dicts with `key`, `element`, `reason`, `remedy`.
    #[getter]
    fn warnings<'py>(&self, py: Python<'py>) -> Answer<'py> {
        list_to_python::<_, ProblemJson<'_>>(py, &self.provider.warnings())
    }

    /// Where the engine is, for people: `unix:///var/run/docker.sock`.
    #[getter]
    fn endpoint(&self) -> String {
        self.provider.engine().endpoint()
    }

    /// Whether the engine is on this machine, so that its ports are this machine's.
    #[getter]
    fn is_local(&self) -> bool {
        self.provider.engine().place() == EnginePlace::ThisMachine
    }

    /// Under which name a port is reached from here that is published on `host_ip` of the engine's machine, and the machine to go
    /// through (`ssh -J`), where there is one.
    fn reached_at(&self, py: Python<'_>, host_ip: String) -> PyResult<(String, Option<String>)> {
        self.call(py, None, |provider| async move {
            provider.engine().reached_at(&host_ip).await
        })
    }

    /// The plugin that decides at this moment: a dict with `name`, `version`, `digest` (SHA-256), `contract` (its version) and
    /// `origin` (a path, an installed version, or `built-in`).
    #[getter]
    fn plugin<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (plugin, description) = self.call(py, None, |provider| async move {
            let plugin = provider.plugin();
            let description = plugin.describe().await?;
            Ok((plugin, description))
        })?;
        let known = PyDict::new(py);
        known.set_item("name", &description.name)?;
        known.set_item("version", &description.version)?;
        known.set_item("digest", plugin.digest())?;
        known.set_item("contract", VERSION)?;
        known.set_item("origin", plugin.origin())?;
        Ok(known)
    }

    fn __repr__(&self) -> String {
        format!(
            "<Provider {} on {}>",
            self.provider.name(),
            self.provider.engine().endpoint()
        )
    }
}

async fn open(
    process: Arc<Process>,
    name: String,
    settings: Map<String, Value>,
    plugin: Option<PathBuf>,
    settings_files: Vec<PathBuf>,
) -> Result<provider::Provider> {
    let config = Config::of_table(&name, settings, &Environment::of_process())?;
    let mut chosen: ProviderConfig = config.provider(Some(&name))?.clone();
    chosen.settings_files = settings_files;
    if let Some(plugin) = plugin {
        chosen.plugin = PluginChoice::parse(&plugin.to_string_lossy())?;
    }
    match process.host.open(&chosen).await {
        Ok(provider) => Ok(provider),
        Err(error @ ProviderError::InvalidArgument(_)) => {
            let faults = process.host.faults(&config, &chosen).await;
            Err(faults.into_iter().next().map_or(error, Into::into))
        }
        Err(error) => Err(error),
    }
}
