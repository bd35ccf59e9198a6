//! One opened provider: a plugin, an engine and the settings that tie them together.

mod acknowledged;
mod calls;
mod new_agent;
mod plugin_slot;
mod proxied;
mod reach;
mod settle;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::check::{Ledger, LedgerEntry};
use mngr_contract::Result;
use mngr_contract::backend::SettingProblem;
use mngr_contract::docker::{ContainerChanges, ExecOptions, LogOptions, PathStat, StatsSample};
use mngr_contract::instance::{
    AgentVolume, BuildRequest, CreateRequest, Departure, DepartureRequest, DiscoverRequest, Document, DocumentChange,
    DocumentFilter, GpuReport, PortAddress, PushRequest, Pushed, SnapshotFilter, Source, UpdatedLimits, WatchResult,
};
use mngr_contract::streams::{Archive, ExecSession, LogStream};
use mngr_contract::types::{Agent, Finding, Limits, Snapshot};
use mngr_engine::build;
use mngr_engine::credentials::CredentialStore;
use mngr_engine::proxies::Proxies;
use mngr_engine::{Engine, Fractions, ProgressSink, Traced};
use mngr_guard::journal::Store;
use mngr_guard::policy::{AuditLog, Policy};
use mngr_loader::{CallLimits, Plugin, Rejection, Reloader};

use plugin_slot::PluginSlot;

pub use new_agent::{AgentSource, NewAgent};
pub use reach::Connection;

/// A provider that can be asked for agents. Cheap to clone; calls may run side by side.
///
/// Each method is the function of the same name of the contract's `instance` interface, whose documentation in
/// `wit/instance.wit` holds here. Where one takes an `agent`, that is an id, a unique prefix of one, or a name.
#[derive(Clone)]
pub struct Provider {
    slot: Arc<PluginSlot>,
    engine: Arc<dyn Engine>,
    policy: Arc<Policy>,
    name: Arc<str>,
    progress: ProgressSink,
    cancel: CancellationToken,
    store: Option<Arc<Store>>,
    audit: Option<Arc<AuditLog>>,
    credentials: Arc<CredentialStore>,
    proxies: Arc<Proxies>,
    ledger: Option<Arc<Ledger>>,
    limits: CallLimits,
    privileged_exec: bool,
}

impl Provider {
    /// Opens a provider: asks the plugin whether it can work with these settings. The engine is not called yet.
    ///
    /// # Errors
    /// `invalid-argument` for the first setting at fault, with its key as the field; `internal` where the plugin traps. To
    /// show all faults with their place in a file use [`Plugin::check_config`] first.
    pub async fn open(
        plugin: Plugin,
        engine: Arc<dyn Engine>,
        name: &str,
        settings: &serde_json::Map<String, serde_json::Value>,
        policy: Policy,
    ) -> Result<Self> {
        let slot = PluginSlot::fixed(plugin, name, settings).await?;
        Ok(Self::with_slot(slot, engine, name, policy))
    }

    /// The same with a plugin that is kept up to date: each call is made with the one that its source has then, once that has
    /// shown that it can work with these settings. A call that has begun ends with the plugin it began with.
    ///
    /// # Errors
    /// As [`Provider::open`].
    pub async fn open_reloading(
        reloader: Arc<Reloader>,
        engine: Arc<dyn Engine>,
        name: &str,
        settings: &serde_json::Map<String, serde_json::Value>,
        policy: Policy,
    ) -> Result<Self> {
        let slot = PluginSlot::reloading(reloader, name, settings).await?;
        Ok(Self::with_slot(slot, engine, name, policy))
    }

    fn with_slot(slot: PluginSlot, engine: Arc<dyn Engine>, name: &str, policy: Policy) -> Self {
        Self {
            slot: Arc::new(slot),
            engine: Arc::new(Traced(engine)),
            policy: Arc::new(policy),
            name: name.into(),
            progress: Arc::new(|_| {}),
            cancel: CancellationToken::new(),
            store: None,
            audit: None,
            privileged_exec: false,
            credentials: Arc::default(),
            proxies: Arc::default(),
            ledger: None,
            limits: CallLimits::default(),
        }
    }

    /// The same provider, each of whose calls may use so much before it is ended. What such a call had made is removed before
    /// it returns `internal`; others are not affected.
    #[must_use]
    pub fn limited_to(self, limits: CallLimits) -> Self {
        Self { limits, ..self }
    }

    /// The same provider, whose calls say how far they have come.
    #[must_use]
    pub fn on_progress(self, progress: ProgressSink) -> Self {
        Self { progress, ..self }
    }

    /// The same provider, whose calls end when the token is cancelled. What a cancelled call had made is removed before it
    /// returns `unavailable`.
    #[must_use]
    pub fn cancelled_by(self, cancel: CancellationToken) -> Self {
        Self { cancel, ..self }
    }

    /// The same provider, whose calls go on though others are cancelled: to take back what those have left.
    pub(crate) fn uncancelled(&self) -> Self {
        self.clone().cancelled_by(CancellationToken::new())
    }

    pub(crate) fn progress(&self) -> &ProgressSink {
        &self.progress
    }

    /// The instance's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The plugin that decides at this moment.
    pub fn plugin(&self) -> Plugin {
        self.slot.active().plugin.clone()
    }

    /// Looks at once whether the plugin's source has another one, and takes it. Without this the next call does so.
    ///
    /// # Errors
    /// Why the plugin that is there now is not taken; the one before stays in use.
    pub async fn reload(&self) -> Result<Plugin> {
        let active = self.slot.reload().await;
        match self.rejected_plugin() {
            Some(rejection) => Err(rejection.error),
            None => Ok(active.plugin.clone()),
        }
    }

    /// The plugin that its source has now and that was not taken, and why.
    pub fn rejected_plugin(&self) -> Option<Rejection> {
        self.slot.rejection()
    }

    /// The engine that is asked. What is done with it directly goes past the plugin and its policy.
    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.engine
    }

    /// All settings with their defaults filled in, as JSON.
    pub fn settings(&self) -> Arc<str> {
        self.slot.active().settings.clone()
    }

    /// What the plugin finds odd in the settings, though it can work with them.
    pub fn warnings(&self) -> Arc<[SettingProblem]> {
        self.slot.active().warnings.clone()
    }

    /// The same provider, whose calls write down in `store` what they are about to do, and settle what died there.
    #[must_use]
    pub fn journaled_in(self, store: Option<Store>) -> Self {
        Self {
            store: store.map(Arc::new),
            ..self
        }
    }

    /// The same provider, whose calls are written down in `audit`.
    #[must_use]
    pub fn audited_in(self, audit: Option<AuditLog>) -> Self {
        Self {
            audit: audit.map(Arc::new),
            ..self
        }
    }

    /// The same provider, whose [`exec`](Self::exec) gives commands all rights of the machine, where the policy allows that.
    #[must_use]
    pub fn with_privileged_exec(self) -> Self {
        Self {
            privileged_exec: true,
            ..self
        }
    }

    /// What its plugin may ask for.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The same provider, whose pulls and pushes show registries what is in this store.
    #[must_use]
    pub fn with_credentials(self, credentials: CredentialStore) -> Self {
        Self {
            credentials: Arc::new(credentials),
            ..self
        }
    }

    /// The same provider, whose new agents and builds get these proxies.
    #[must_use]
    pub fn with_proxies(self, proxies: Proxies) -> Self {
        Self {
            proxies: Arc::new(proxies),
            ..self
        }
    }

    /// Makes an agent. All or nothing: after an error there is no container.
    ///
    /// # Errors
    /// `invalid-argument`, `already-exists`, `not-found` (image, snapshot), `denied`, `unavailable`, `timeout`.
    pub async fn create(&self, mut agent: NewAgent) -> Result<Agent> {
        self.hand_on_proxies(&mut agent).await?;
        let (context, build_args) = match &agent.from {
            AgentSource::Build { context, args } => {
                let (archive, args) = build::context(context, args)?;
                (Some(archive), args)
            }
            _ => (None, Vec::new()),
        };
        let name = agent.name.clone();
        let request = CreateRequest {
            name: agent.name,
            source: match agent.from {
                AgentSource::DefaultImage => Source::DefaultImage,
                AgentSource::Image(image) => Source::Image(image),
                AgentSource::Snapshot(snapshot) => Source::Snapshot(snapshot),
                AgentSource::Build { .. } => Source::Build(BuildRequest { args: build_args }),
            },
            agent_type: agent.agent_type,
            tags: agent.tags,
            parent_id: agent.parent_id,
            start_args: agent.start_args,
            command: agent.command,
            no_start: agent.no_start,
            publish_ssh: agent.publish_ssh,
        };
        let made = self
            .call("create", Some(&name), |plugin, session, provider| async move {
                plugin.create(session, provider, request, context).await
            })
            .await?;
        self.record(|| [LedgerEntry::from(&made)]);
        Ok(made)
    }

    /// Starts a command in a running agent.
    ///
    /// # Errors
    /// `not-found`, `ambiguous`, `conflict` (it does not run), `invalid-argument`, `unavailable`, `timeout`.
    pub async fn exec(&self, agent: &str, options: ExecOptions) -> Result<ExecSession> {
        self.call("exec", Some(agent), |plugin, session, provider| async move {
            plugin.exec(session, provider, agent.to_owned(), options).await
        })
        .await
    }

    /// Copies into an agent as `docker cp` does: into `path` where that is a directory, else to that very name.
    ///
    /// # Errors
    /// `not-found` (agent, directory), `ambiguous`, `invalid-argument`, `unavailable`, `timeout`.
    pub async fn copy_in(&self, agent: &str, path: &str, archive: Archive, contents_only: bool) -> Result<()> {
        self.call("copy_in", Some(agent), |plugin, session, provider| async move {
            let (agent, path) = (agent.to_owned(), path.to_owned());
            plugin
                .copy_in(session, provider, agent, path, archive, contents_only)
                .await
        })
        .await
    }

    /// The file or directory at a path in an agent, running or not, as tar.
    ///
    /// # Errors
    /// `not-found` (agent, path), `ambiguous`, `unavailable`, `timeout`.
    pub async fn copy_out(&self, agent: &str, path: &str) -> Result<(PathStat, Archive)> {
        self.call("copy_out", Some(agent), |plugin, session, provider| async move {
            plugin
                .copy_out(session, provider, agent.to_owned(), path.to_owned())
                .await
        })
        .await
    }

    /// What the agent's main command has printed.
    ///
    /// # Errors
    /// `not-found`, `ambiguous`, `unavailable`, `timeout`.
    pub async fn logs(&self, agent: &str, options: LogOptions) -> Result<LogStream> {
        self.logs_between(agent, options, Fractions::default()).await
    }

    /// What the agent's main command has printed between two times, to the nanosecond. The contract has whole seconds;
    /// `fractions` are added to them.
    ///
    /// # Errors
    /// As [`Provider::logs`].
    pub async fn logs_between(&self, agent: &str, options: LogOptions, fractions: Fractions) -> Result<LogStream> {
        self.call("logs", Some(agent), |plugin, session, provider| async move {
            if let Some(guard) = &session.guard {
                guard.add_to_log_times(fractions);
            }
            plugin.logs(session, provider, agent.to_owned(), options).await
        })
        .await
    }

    /// A snapshot with all it holds, for [`Provider::snapshot_load`] of another provider.
    ///
    /// # Errors
    /// `not-found`, `ambiguous`, `unavailable`, `timeout`.
    pub async fn snapshot_save(&self, snapshot: &str) -> Result<Archive> {
        self.call("snapshot_save", None, |plugin, session, provider| async move {
            plugin.snapshot_save(session, provider, snapshot.to_owned()).await
        })
        .await
    }

    /// Takes a snapshot of another provider in.
    ///
    /// # Errors
    /// `invalid-argument` (no snapshot, or not whole), `already-exists`, `resource-exhausted`, `unavailable`, `timeout`.
    pub async fn snapshot_load(&self, archive: Archive) -> Result<Snapshot> {
        let taken = self
            .call("snapshot_load", None, |plugin, session, provider| async move {
                plugin.snapshot_load(session, provider, archive).await
            })
            .await?;
        self.record(|| [LedgerEntry::from(&taken).again()]);
        Ok(taken)
    }
}

/// Calls that are passed on as they are, and whose argument is the agent that they are about.
macro_rules! operations {
    ($($(#[$documentation:meta])* $name:ident($($argument:ident: $kind:ty),*) -> $result:ty $(, about $agent:ident)?;)*) => {
        impl Provider {
            $($(#[$documentation])*
            ///
            /// # Errors
            /// Any case of [`ProviderError`](mngr_contract::ProviderError) that the contract names for this function.
            pub async fn $name(&self, $($argument: $kind),*) -> Result<$result> {
                let about: Option<&str> = None;
                $(let about = about.or(Some($agent));)?
                self.call(stringify!($name), about, |plugin, session, provider| async move {
                    plugin.$name(session, provider, $($argument.into()),*).await
                })
                .await
            })*
        }
    };
}

operations! {
    /// Every agent of this provider that fits. One engine call, however many there are.
    discover(request: DiscoverRequest) -> Vec<Agent>;
    /// One agent, with what only inspect knows.
    get(agent: &str) -> Agent, about agent;
    /// The agent's limits as the engine has them.
    resources(agent: &str) -> Limits, about agent;
    /// Changes limits of an agent, running or not.
    update_limits(agent: &str, limits: Limits) -> UpdatedLimits, about agent;
    /// What the agent uses at this moment.
    stats(agent: &str) -> StatsSample, about agent;
    /// Where a TCP port of the agent answers.
    port(agent: &str, port: u16) -> PortAddress, about agent;
    /// What a snapshot of the agent would not hold.
    snapshot_check(agent: &str, include_volumes: bool) -> Vec<Finding>, about agent;
    /// Snapshots, newest first.
    snapshot_list(filter: SnapshotFilter) -> Vec<Snapshot>;
    /// What the agent has changed of the image it was made from.
    changes(agent: &str) -> ContainerChanges, about agent;
    /// What one snapshot, or an agent, has added, changed and deleted relative to another.
    snapshot_diff(older: &str, newer: &str) -> ContainerChanges;
    /// Sends a snapshot to a registry.
    snapshot_push(request: PushRequest) -> Pushed;
    /// What is kept of agents beside their containers.
    documents(filter: DocumentFilter) -> Vec<Document>;
    /// Writes or deletes a document.
    document_write(change: DocumentChange) -> Option<Document>;
    /// Makes an agent ready to be made again on another provider. See [`crate::migrate`], which does all of it.
    migrate_out(agent: &str, request: DepartureRequest) -> Departure, about agent;
    /// The volumes of this provider's agents.
    volumes() -> Vec<AgentVolume>;
    /// Removes a volume that no container uses. Of one that is gone: a success.
    volume_delete(name: &str) -> ();
    /// The GPUs of the engine's machine and who holds them.
    gpus() -> GpuReport;
    /// What happened to agents after `cursor`; waits up to `wait_ms` milliseconds for the first event.
    watch(cursor: u64, wait_ms: u64) -> WatchResult;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails to compile where a call can not be spawned.
    #[allow(dead_code)]
    fn every_call_can_run_in_a_task_of_its_own(provider: &'static Provider) {
        fn spawnable<F: Future + Send>(_: F) {}
        spawnable(provider.create(NewAgent::default()));
        spawnable(provider.discover(DiscoverRequest {
            tags: Vec::new(),
            states: Vec::new(),
        }));
        spawnable(provider.copy_out("agent", "/"));
        spawnable(provider.logs(
            "agent",
            LogOptions {
                follow: false,
                stdout: true,
                stderr: true,
                timestamps: false,
                since: 0,
                until: 0,
                tail: None,
            },
        ));
    }
}
