//! The life of agents.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use mngr_host_shim::arguments::{self, Given};
use mngr_host_shim::contract::Result;
use mngr_host_shim::contract::instance::{
    DestroyRequest, DiscoverRequest, ForkRequest, SnapshotRequest, StartRequest, StopRequest,
};
use mngr_host_shim::contract::types::{Agent, AgentState};
use mngr_host_shim::environment::Environment;
use mngr_host_shim::error::invalid;
use mngr_host_shim::json::{AgentJson, DestroyedJson, MigratedJson, STATES, StoppedJson};
use mngr_host_shim::migrate::{Migration, migrate};
use mngr_host_shim::provider::{self as shim, AgentSource, NewAgent};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyMapping};

use super::Provider;
use crate::convert::{Answer, Pairs, list_to_python, record, to_python};
use crate::{error, inputs};

#[pymethods]
impl Provider {
    /// Makes an agent and starts it; all or nothing.
    ///
    /// It is made from `image`, from `snapshot` (an id, a unique prefix of one, or a name), or from the Dockerfile in the directory
    /// `build` with `build_args` as `docker build` takes them; from the provider's `default_image` where none is given.
    /// `start_args` are flags of `docker run`, each as `--env=A=1`, as `--env A=1`, or with its value in the element after it;
    /// `command` is the main command. With `no_start` it is left created.
    /// `made` is a list that the agent's id is put into however the call ends, so that a Ctrl-C that comes too late to take the
    /// agent back does not lose it.
    #[pyo3(signature = (name, *, image=None, snapshot=None, build=None, build_args=Vec::new(), agent_type=String::new(),
        tags=Pairs::default(), parent_id=None, start_args=Vec::new(), command=Vec::new(), no_start=false,
        publish_ssh=false, made=None, on_progress=None))]
    #[allow(clippy::too_many_arguments)]
    fn create<'py>(
        &self,
        py: Python<'py>,
        name: String,
        image: Option<String>,
        snapshot: Option<String>,
        build: Option<PathBuf>,
        build_args: Vec<String>,
        agent_type: String,
        tags: Pairs,
        parent_id: Option<String>,
        start_args: Vec<String>,
        command: Vec<String>,
        no_start: bool,
        publish_ssh: bool,
        made: Option<&Bound<'py, PyList>>,
        on_progress: Option<&Bound<'py, PyAny>>,
    ) -> Answer<'py> {
        let agent = NewAgent {
            name,
            from: source(py, image, snapshot, build, build_args)?,
            agent_type,
            tags: tags.0,
            parent_id,
            start_args,
            command,
            no_start,
            publish_ssh,
        };
        let kept = Arc::<OnceLock<String>>::default();
        let keep = kept.clone();
        let done = self.call(py, on_progress, |provider| async move {
            let agent = provider.create(filled_in(&provider, agent).await?).await?;
            keep.get_or_init(|| agent.id.clone());
            Ok(agent)
        });
        // That no code of Python runs for it matters: it could be interrupted.
        if let (Some(made), Some(id)) = (made, kept.get()) {
            made.append(id)?;
        }
        to_python(py, &AgentJson::from(&done?))
    }

    /// Every agent that has all of `tags` and one of `states`, by one engine call however many there are.
    #[pyo3(signature = (*, tags=Pairs::default(), states=Vec::new()))]
    fn discover<'py>(&self, py: Python<'py>, tags: Pairs, states: Vec<String>) -> Answer<'py> {
        let request = DiscoverRequest {
            tags: tags.0,
            states: states.iter().map(|name| state(py, name)).collect::<PyResult<_>>()?,
        };
        let agents = self.call(py, None, |provider| async move { provider.discover(request).await })?;
        list_to_python::<_, AgentJson<'_>>(py, &agents)
    }

    /// One agent, with what only inspect knows.
    fn get<'py>(&self, py: Python<'py>, agent: String) -> Answer<'py> {
        let agent = self.call(py, None, |provider| async move { provider.get(&agent).await })?;
        to_python(py, &AgentJson::from(&agent))
    }

    /// Starts an agent; with a snapshot in a container made anew from it, and what was written since is gone.
    #[pyo3(signature = (agent, *, snapshot=None, on_progress=None))]
    fn start<'py>(
        &self,
        py: Python<'py>,
        agent: String,
        snapshot: Option<String>,
        on_progress: Option<&Bound<'py, PyAny>>,
    ) -> Answer<'py> {
        let request = StartRequest { snapshot };
        let agent = self.call(py, on_progress, |provider| async move {
            provider.start(&agent, request).await
        })?;
        to_python(py, &AgentJson::from(&agent))
    }

    /// Stops an agent. `snapshot` is `True`, or a mapping with any of `name`, `pause`, `force` and `include_volumes`, to take one
    /// first; where that fails the agent is not stopped.
    #[pyo3(signature = (agent, *, timeout_seconds=None, snapshot=None, on_progress=None))]
    fn stop<'py>(
        &self,
        py: Python<'py>,
        agent: String,
        timeout_seconds: Option<u32>,
        snapshot: Option<&Bound<'py, PyAny>>,
        on_progress: Option<&Bound<'py, PyAny>>,
    ) -> Answer<'py> {
        let request = StopRequest {
            timeout_seconds,
            snapshot: snapshot.map(snapshot_request).transpose()?.flatten(),
        };
        let stopped = self.call(py, on_progress, |provider| async move {
            provider.stop(&agent, request).await
        })?;
        to_python(py, &StoppedJson::from(&stopped))
    }

    /// Freezes an agent; memory and files stay.
    fn pause<'py>(&self, py: Python<'py>, agent: String) -> Answer<'py> {
        let agent = self.call(py, None, |provider| async move { provider.pause(&agent).await })?;
        to_python(py, &AgentJson::from(&agent))
    }

    /// Thaws an agent.
    fn resume<'py>(&self, py: Python<'py>, agent: String) -> Answer<'py> {
        let agent = self.call(py, None, |provider| async move { provider.resume(&agent).await })?;
        to_python(py, &AgentJson::from(&agent))
    }

    /// Removes an agent; with `snapshots` its snapshots too.
    #[pyo3(signature = (agent, *, snapshots=false))]
    fn destroy<'py>(&self, py: Python<'py>, agent: String, snapshots: bool) -> Answer<'py> {
        let request = DestroyRequest { snapshots };
        let destroyed = self.call(
            py,
            None,
            |provider| async move { provider.destroy(&agent, request).await },
        )?;
        to_python(py, &DestroyedJson::from(&destroyed))
    }

    /// Gives an agent a new name; the id stays.
    fn rename<'py>(&self, py: Python<'py>, agent: String, name: String) -> Answer<'py> {
        let agent = self.call(py, None, |provider| async move { provider.rename(&agent, &name).await })?;
        to_python(py, &AgentJson::from(&agent))
    }

    /// Makes agents from an agent as it is, or from a snapshot of it; all or nothing. `tags` and `start_args` go over those of the
    /// agent.
    #[pyo3(signature = (agent, names, *, snapshot=None, tags=Pairs::default(), start_args=Vec::new(), force=false,
        include_volumes=false, on_progress=None))]
    #[allow(clippy::too_many_arguments)]
    fn fork<'py>(
        &self,
        py: Python<'py>,
        agent: String,
        names: Vec<String>,
        snapshot: Option<String>,
        tags: Pairs,
        start_args: Vec<String>,
        force: bool,
        include_volumes: bool,
        on_progress: Option<&Bound<'py, PyAny>>,
    ) -> Answer<'py> {
        let request = ForkRequest {
            names,
            snapshot,
            tags: tags.0,
            start_args,
            force,
            include_volumes,
        };
        let agents: Vec<Agent> = self.call(py, on_progress, |provider| async move {
            let request = ForkRequest {
                start_args: start_arguments(&provider, request.start_args).await?,
                ..request
            };
            provider.fork(&agent, request).await
        })?;
        list_to_python::<_, AgentJson<'_>>(py, &agents)
    }

    /// Makes an agent again on another provider; all or nothing. With `destroy_original` it keeps its id and the original goes.
    /// `via` is a repository in a registry to go by.
    #[pyo3(signature = (agent, to, *, name=None, via=None, destroy_original=false, force=false, include_env=false,
        on_progress=None))]
    #[allow(clippy::too_many_arguments)]
    fn migrate<'py>(
        &self,
        py: Python<'py>,
        agent: String,
        to: &Provider,
        name: Option<String>,
        via: Option<String>,
        destroy_original: bool,
        force: bool,
        include_env: bool,
        on_progress: Option<&Bound<'py, PyAny>>,
    ) -> Answer<'py> {
        let migration = Migration {
            name,
            via,
            destroy_original,
            force,
            include_env,
        };
        let (from, to) = (self.provider.clone(), to.provider.clone());
        let migrated = crate::call::wait(py, &self.process, on_progress, |cancel, progress| async move {
            let [from, to] = [from, to].map(|provider| {
                (*provider)
                    .clone()
                    .cancelled_by(cancel.clone())
                    .on_progress(progress.clone())
            });
            migrate(&from, &to, &agent, &migration).await
        })?;
        to_python(py, &MigratedJson::new(&migrated, destroy_original))
    }
}

/// What is asked for, with what comes from this process filled in: files and variables.
async fn filled_in(provider: &shim::Provider, agent: NewAgent) -> Result<NewAgent> {
    let from = match agent.from {
        AgentSource::Build { context, args } if !args.is_empty() => {
            let known = provider.plugin().describe().await?.build_arguments;
            let given: Vec<_> = args.into_iter().map(Given::Text).collect();
            let args = arguments::build_args(&given, &known, &Environment::of_process())?.words;
            AgentSource::Build { context, args }
        }
        from => from,
    };
    Ok(NewAgent {
        start_args: start_arguments(provider, agent.start_args).await?,
        from,
        ..agent
    })
}

async fn start_arguments(provider: &shim::Provider, given: Vec<String>) -> Result<Vec<String>> {
    if given.is_empty() {
        return Ok(given);
    }
    let known = provider.plugin().describe().await?.start_arguments;
    let given: Vec<_> = given.into_iter().map(Given::Text).collect();
    Ok(arguments::start_args(&given, &known, &Environment::of_process())?.words)
}

fn source(
    py: Python<'_>,
    image: Option<String>,
    snapshot: Option<String>,
    build: Option<PathBuf>,
    build_args: Vec<String>,
) -> PyResult<AgentSource> {
    let refused = |field: &str, reason: &str, remedy: &str| Err(error::raised(py, &invalid(field, "", reason, remedy)));
    match (build, image, snapshot) {
        (Some(context), None, None) => Ok(AgentSource::Build {
            context,
            args: build_args,
        }),
        _ if !build_args.is_empty() => refused("build_args", "there is nothing to build", "give `build` too"),
        (None, Some(image), None) => Ok(AgentSource::Image(image)),
        (None, None, Some(snapshot)) => Ok(AgentSource::Snapshot(snapshot)),
        (None, None, None) => Ok(AgentSource::DefaultImage),
        _ => refused(
            "source",
            "more than one is given",
            "give one of `image`, `snapshot` and `build`, or none for the provider's default image",
        ),
    }
}

fn state(py: Python<'_>, name: &str) -> PyResult<AgentState> {
    let found = STATES.iter().find(|(_, known)| *known == name).map(|(state, _)| *state);
    found.ok_or_else(|| {
        let remedy = format!("use any of {}", STATES.map(|(_, name)| name).join(", "));
        error::raised(py, &invalid("states", name, "is no state", remedy))
    })
}

fn snapshot_request(given: &Bound<'_, PyAny>) -> PyResult<Option<SnapshotRequest>> {
    if let Ok(wanted) = given.extract::<bool>() {
        return Ok(wanted.then(SnapshotRequest::default));
    }
    let Ok(request) = given.cast::<PyMapping>() else {
        return Err(PyTypeError::new_err("snapshot: give True, False, None or a mapping"));
    };
    Ok(Some(record::<inputs::Snapshot>("snapshot", request)?.into()))
}
