//! One call: what it is answered by, and which rule it is to break.

use mngr_docker_plugin::contract::instance::DiscoverRequest;
use mngr_docker_plugin::contract::types::{Agent, AgentState, Conflict, Problem, Provider, ProviderError};
use mngr_docker_plugin::{Capabilities, DockerProviderInstance, Result};

use crate::engine::Engine;
use crate::settings;

/// The file that the suite writes in agents.
const KEPT: (&str, &str) = ("/tmp", "mngr-kept");

pub struct Call {
    fault: String,
    /// The provider as it would answer.
    pub inner: DockerProviderInstance<Engine>,
    pub engine: Engine,
}

impl Call {
    /// The call of the function of that name.
    pub fn open(function: &'static str, provider: Provider) -> Result<Self> {
        let (fault, settings) = settings::split(&provider.name, &provider.settings);
        let engine = Engine {
            fault: fault.clone(),
            function,
            provider: provider.name.clone(),
        };
        let provider = Provider { settings, ..provider };
        Ok(Self {
            fault,
            inner: DockerProviderInstance::open(engine.clone(), provider)?,
            engine,
        })
    }

    /// Whether it is this rule that is broken.
    pub fn breaks(&self, rule: &str) -> bool {
        self.fault == rule
    }

    /// The state that an agent is in, where there is such an agent.
    pub async fn state(&self, agent: &str) -> Option<AgentState> {
        self.inner.get(agent).await.ok().map(|agent| agent.state)
    }

    /// Every agent.
    pub async fn agents(&self) -> Result<Vec<Agent>> {
        let (tags, states) = (Vec::new(), Vec::new());
        self.inner.discover(DiscoverRequest { tags, states }).await
    }

    /// Writes something else over the file that the suite has written.
    pub async fn overwrite(&self, agent: &str) -> Result<()> {
        let container = self.inner.get(agent).await?.container_id;
        let other = self.engine.archive_get(&container, "/etc/passwd").await?;
        let name = Some(KEPT.1.to_owned());
        self.engine.archive_put(&container, KEPT.0, name, other).await
    }
}

/// What is there and is not the contract's.
fn problem() -> Problem {
    Problem {
        subject: "the wrong plugin".to_owned(),
        reason: "it breaks a rule".to_owned(),
        remedy: "use a right one".to_owned(),
    }
}

pub fn internal() -> ProviderError {
    ProviderError::Internal(problem())
}

pub fn not_found() -> ProviderError {
    ProviderError::NotFound(problem())
}

pub fn already_exists() -> ProviderError {
    ProviderError::AlreadyExists(problem())
}

pub fn conflict() -> ProviderError {
    let Problem {
        subject,
        reason,
        remedy,
    } = problem();
    let state = "wrong".to_owned();
    ProviderError::Conflict(Conflict {
        subject,
        state,
        reason,
        remedy,
    })
}
