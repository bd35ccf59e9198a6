//! The engine as one call of a plugin sees it: policy before every request, a journal entry after every effect.
//!
//! It has a method for each function that the contract lets a plugin ask an engine for, named as the engine's operation where
//! there is one. It is no engine itself: an image is pushed and files are compared in other words than an engine's.
//!
//! A request that changes something is never dropped half-way: it runs in a task of its own, so that when the call is
//! cancelled its effect is still known and can be undone.

mod call;
mod compare;
mod containers;
mod images;
mod inside;
mod lookups;
mod places;
mod verdicts;
mod volumes;
mod ways;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock};

use mngr_contract::docker::{EngineInfo, EnginePlace, EngineVersion, Image};
use mngr_contract::gpu::{Depth, Inventory};
use mngr_contract::ssh::{Command, CommandOutput};
use mngr_contract::{ProviderError, Result};
use mngr_engine::credentials::CredentialStore;
use mngr_engine::{Engine, Fractions};
use tokio::sync::OnceCell;
use tokio_util::task::TaskTracker;

use crate::gpu;
use crate::journal::{ContainerLock, Journal, Store};
use crate::policy::{AuditLog, Caller, Machine, Policy, Rule};
use lookups::Known;

/// One call's view of an engine. Each of its methods is `denied` where the policy does not allow it.
pub struct Guard {
    engine: Arc<dyn Engine>,
    /// Commands in containers are to get all rights.
    privileged_exec: bool,
    policy: Arc<Policy>,
    journal: Arc<Journal>,
    tasks: TaskTracker,
    /// Containers that may be worked with, by id and by name.
    own: Mutex<HashMap<String, Known>>,
    /// Images that this call has looked at, by what it called them.
    images: Mutex<HashMap<String, Image>>,
    /// What is known of the engine's machine.
    machine: OnceCell<Machine>,
    audit: Option<Arc<AuditLog>>,
    /// Who is written down for what is asked for.
    caller: OnceLock<Caller>,
    credentials: Arc<CredentialStore>,
    /// Images that this call has brought to the engine, and names that only this call has given.
    arrived: Mutex<HashSet<String>>,
    /// Containers that this call has frozen: nobody else takes their files meanwhile.
    frozen: Mutex<HashMap<String, Option<ContainerLock>>>,
    /// What the contract's whole seconds leave out of the times that a log is asked for.
    fractions: OnceLock<Fractions>,
}

impl Guard {
    /// A fresh view for one call, whose journal is kept in `store`.
    pub fn new(engine: Arc<dyn Engine>, policy: Arc<Policy>, store: Option<Arc<Store>>) -> Self {
        Self {
            engine: engine.for_one_call().unwrap_or(engine),
            privileged_exec: false,
            policy,
            journal: Arc::new(Journal::kept_in(store)),
            tasks: TaskTracker::new(),
            own: Mutex::default(),
            images: Mutex::default(),
            machine: OnceCell::new(),
            audit: None,
            caller: OnceLock::new(),
            credentials: Arc::default(),
            arrived: Mutex::default(),
            frozen: Mutex::default(),
            fractions: OnceLock::new(),
        }
    }

    /// The same view, whose commands in containers get all rights, where the policy allows that.
    #[must_use]
    pub fn with_privileged_exec(self) -> Self {
        Self {
            privileged_exec: true,
            ..self
        }
    }

    /// The same view, which shows registries what is in this store.
    #[must_use]
    pub fn with_credentials(self, credentials: Arc<CredentialStore>) -> Self {
        Self { credentials, ..self }
    }

    /// The same view, which writes down what it is asked for.
    #[must_use]
    pub fn audited(self, audit: Option<Arc<AuditLog>>) -> Self {
        Self { audit, ..self }
    }

    /// Adds these to the whole seconds between which the call asks for a log. What is set first holds.
    pub fn add_to_log_times(&self, fractions: Fractions) {
        let _ = self.fractions.set(fractions);
    }

    /// The GPUs of the engine's machine. What is run there for it is the shim's own choice, so that no other rule applies.
    ///
    /// # Errors
    /// `denied` where that is not granted; where the engine does not answer.
    pub async fn gpus(&self, depth: Depth) -> Result<Inventory> {
        let may = async { self.policy.may(Rule::GpuProbe, "to look for GPUs") };
        self.may_look("gpu-probe", "", may).await?;
        gpu::probe(&*self.engine, depth).await
    }
}

/// What is asked of the engine itself and of its machine.
impl Guard {
    /// Whose machine the engine is on.
    pub fn place(&self) -> EnginePlace {
        self.engine.place()
    }

    /// The engine's version.
    pub async fn version(&self) -> Result<EngineVersion> {
        self.may_look("version", "", self.may_ask()).await?;
        self.engine.version().await
    }

    /// The engine's set-up.
    pub async fn info(&self) -> Result<EngineInfo> {
        self.may_look("info", "", self.may_ask()).await?;
        self.engine.info().await
    }

    /// Runs a program that is named in the policy on the engine's machine.
    pub async fn machine_run(&self, command: Command) -> Result<CommandOutput> {
        let program = command.argv.first().map_or("", String::as_str);
        let may = async { self.policy.command(&command.argv) };
        self.may_change("ssh-run", Rule::SshExec, program, may).await?;
        self.engine.machine_run(command).await
    }

    async fn may_ask(&self) -> Result<()> {
        self.policy.may(Rule::Info, "to ask for the engine's set-up")
    }
}

/// Whether the effect of a request that failed may be there all the same.
fn may_have_happened(error: &ProviderError) -> bool {
    match error {
        ProviderError::Timeout(timeout) => timeout.may_have_happened,
        ProviderError::Unavailable(_) => true,
        _ => false,
    }
}
