//! The engine as one call of a plugin sees it: policy before every request, a journal entry after every effect.
//!
//! A request that changes something is never dropped half-way: it runs in a task of its own, so that when the call is
//! cancelled its effect is still known and can be undone.

mod call;
mod compare;
mod images;
mod volumes;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio_util::task::TaskTracker;

use crate::contract::docker::{
    BuildOptions, CommitOptions, Container, ContainerChanges, ContainerFilter, ContainerSpec, ContainerStatus,
    ContainerSummary, CreatedContainer, DeriveOptions, EngineInfo, EnginePlace, EngineVersion, Event, ExecOptions,
    Image, ImageSummary, ImportOptions, LogOptions, Network, PathStat, StatsSample, Volume,
};
use crate::contract::gpu::{Depth, Inventory};
use crate::contract::ssh::{Command, CommandOutput};
use crate::contract::types::Limits;
use crate::contract::{ProviderError, Result};
use crate::credentials::{CredentialStore, Credentials};
use crate::engine::scratch;
use crate::engine::{Engine, ProgressSink};
use crate::gpu;
use crate::journal::{ContainerLock, Journal, Step, Store};
use crate::policy::{self, AGENT_LABEL, Policy};
use crate::streams::{Archive, ExecSession, LogStream};

/// One call's view of an engine.
pub struct Guard {
    engine: Arc<dyn Engine>,
    policy: Arc<Policy>,
    journal: Arc<Journal>,
    tasks: TaskTracker,
    /// Containers known to be this provider's: id or name, to name.
    own: Mutex<HashMap<String, String>>,
    credentials: Arc<CredentialStore>,
    /// Images that this call has brought to the engine, and names that only this call has given.
    arrived: Mutex<HashSet<String>>,
    /// Containers that this call has frozen: nobody else takes their files meanwhile.
    frozen: Mutex<HashMap<String, Option<ContainerLock>>>,
}

impl Guard {
    /// A fresh view for one call, whose journal is kept in `store`.
    pub fn new(engine: Arc<dyn Engine>, policy: Arc<Policy>, store: Option<Arc<Store>>) -> Self {
        Self {
            engine: engine.for_one_call().unwrap_or(engine),
            policy,
            journal: Arc::new(Journal::kept_in(store)),
            tasks: TaskTracker::new(),
            own: Mutex::default(),
            credentials: Arc::default(),
            arrived: Mutex::default(),
            frozen: Mutex::default(),
        }
    }

    /// The same view, which shows registries what is in this store.
    #[must_use]
    pub fn with_credentials(self, credentials: Arc<CredentialStore>) -> Self {
        Self { credentials, ..self }
    }

    /// The GPUs of the engine's machine. What is run there for it is the shim's own choice, so that no rule of the policy
    /// applies.
    ///
    /// # Errors
    /// Where the engine does not answer.
    pub async fn gpus(&self, depth: Depth) -> Result<Inventory> {
        gpu::probe(&*self.engine, depth).await
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

/// Whether an engine that failed to freeze or thaw a container may have done half of it.
fn leaves_it_open(error: &ProviderError) -> bool {
    !matches!(error, ProviderError::NotFound(_) | ProviderError::Conflict(_))
}

async fn is_frozen(engine: &dyn Engine, id: &str) -> bool {
    let container = engine.container_inspect(id, false).await;
    container.is_ok_and(|container| container.state.status == ContainerStatus::Paused)
}

#[async_trait]
impl Engine for Guard {
    fn endpoint(&self) -> String {
        self.engine.endpoint()
    }

    fn place(&self) -> EnginePlace {
        self.engine.place()
    }

    async fn version(&self) -> Result<EngineVersion> {
        self.engine.version().await
    }

    async fn info(&self) -> Result<EngineInfo> {
        self.engine.info().await
    }

    async fn container_list(&self, filter: ContainerFilter) -> Result<Vec<ContainerSummary>> {
        let mut containers = self.engine.container_list(filter).await?;
        containers.retain(|container| policy::is_agent(&container.labels));
        for container in containers
            .iter()
            .filter(|container| self.policy.owns(&container.labels))
        {
            self.learn(&container.id, &container.name);
        }
        Ok(containers)
    }

    async fn container_inspect(&self, id: &str, with_size: bool) -> Result<Container> {
        let container = self.engine.container_inspect(id, with_size).await?;
        if !self.policy.owns(&container.labels) {
            return Err(self.policy.foreign(id));
        }
        self.learn(&container.id, &container.name);
        Ok(container)
    }

    async fn container_create(&self, spec: ContainerSpec) -> Result<CreatedContainer> {
        self.policy.create(&spec)?;
        let (engine, journal) = (self.engine.clone(), self.journal.clone());
        let name = spec.name.clone();
        let created = self
            .settle(async move {
                let agent_id = spec
                    .labels
                    .iter()
                    .find(|(key, _)| key == AGENT_LABEL)
                    .map(|(_, id)| id.clone());
                let (name, agent_id) = (spec.name.clone(), agent_id.unwrap_or_default());
                let step = Step::Create {
                    name: name.clone(),
                    agent_id: agent_id.clone(),
                };
                journal.about_to(step).await;
                let result = engine.container_create(spec).await;
                match &result {
                    Ok(created) => journal.created(&created.id),
                    Err(error) if may_have_happened(error) => journal.maybe_created(&name, &agent_id),
                    Err(_) => {}
                }
                result
            })
            .await?;
        self.learn(&created.id, &name);
        Ok(created)
    }

    async fn container_start(&self, id: &str) -> Result<()> {
        self.own(id).await?;
        self.engine.container_start(id).await
    }

    async fn container_stop(&self, id: &str, timeout_seconds: Option<u32>) -> Result<()> {
        self.own(id).await?;
        self.engine.container_stop(id, timeout_seconds).await
    }

    async fn container_kill(&self, id: &str, signal: &str) -> Result<()> {
        self.own(id).await?;
        self.engine.container_kill(id, signal).await
    }

    async fn container_pause(&self, id: &str) -> Result<()> {
        self.own(id).await?;
        let alone = self.journal.lock(id).await;
        let (engine, journal, task_id) = (self.engine.clone(), self.journal.clone(), id.to_owned());
        self.settle(async move {
            let container = task_id.clone();
            journal.about_to(Step::Pause { container }).await;
            let paused = engine.container_pause(&task_id).await;
            match &paused {
                Ok(()) => journal.paused(&task_id),
                Err(error) if leaves_it_open(error) => journal.left_frozen(),
                Err(_) => {}
            }
            paused
        })
        .await?;
        self.frozen().insert(id.to_owned(), alone);
        Ok(())
    }

    async fn container_unpause(&self, id: &str) -> Result<()> {
        self.own(id).await?;
        let (engine, journal, task_id) = (self.engine.clone(), self.journal.clone(), id.to_owned());
        self.settle(async move {
            let thawed = engine.container_unpause(&task_id).await;
            match &thawed {
                Ok(()) => journal.unpaused(&task_id),
                Err(error) if leaves_it_open(error) => journal.left_frozen(),
                Err(_) => {}
            }
            thawed
        })
        .await?;
        self.frozen().remove(id);
        Ok(())
    }

    async fn container_rename(&self, id: &str, name: &str) -> Result<()> {
        let from = self.own(id).await?;
        let (engine, journal) = (self.engine.clone(), self.journal.clone());
        let (task_id, to) = (id.to_owned(), name.to_owned());
        self.settle(async move {
            let step = Step::Rename {
                container: task_id.clone(),
                from: from.clone(),
                to: to.clone(),
            };
            journal.about_to(step).await;
            engine.container_rename(&task_id, &to).await?;
            journal.renamed(&task_id, &from, &to);
            Ok(())
        })
        .await?;
        self.learn(id, name);
        Ok(())
    }

    async fn container_remove(&self, id: &str, force: bool, volumes: bool) -> Result<()> {
        self.own(id).await?;
        // Waited for by the caller, who may be cancelled; held until the engine is done.
        let alone = self.alone_with(id).await;
        let (engine, journal, id) = (self.engine.clone(), self.journal.clone(), id.to_owned());
        self.settle(async move {
            let _alone = alone;
            engine.container_remove(&id, force, volumes).await?;
            journal.removed(&id);
            Ok(())
        })
        .await
    }

    async fn container_update(&self, id: &str, limits: Limits) -> Result<Vec<String>> {
        self.own(id).await?;
        self.engine.container_update(id, limits).await
    }

    async fn container_diff(&self, id: &str) -> Result<ContainerChanges> {
        self.own(id).await?;
        self.engine.container_diff(id).await
    }

    async fn container_compare(&self, older: &str, newer: &str) -> Result<ContainerChanges> {
        self.own(older).await?;
        self.own(newer).await?;
        self.engine.container_compare(older, newer).await
    }

    async fn container_commit(&self, id: &str, options: CommitOptions) -> Result<String> {
        self.policy.name_image(&options.repository, &options.tag)?;
        self.own(id).await?;
        let alone = self.alone_with(id).await;
        let (engine, journal, id) = (self.engine.clone(), self.journal.clone(), id.to_owned());
        self.settle(async move {
            let _alone = alone;
            // Who froze it is only known now that no other snapshot is being taken of it.
            let was_paused = engine.container_inspect(&id, false).await?.state.status == ContainerStatus::Paused;
            let reference = format!("{}:{}", options.repository, options.tag);
            let step = Step::Commit {
                container: id.clone(),
                image: reference.clone(),
                was_paused,
                flatten: options.flatten,
            };
            journal.about_to(step).await;
            let result = engine.container_commit(&id, options).await;
            match &result {
                Ok(_) => journal.committed(&reference),
                Err(error) if may_have_happened(error) => journal.maybe_committed(&id, &reference, was_paused),
                // It froze the container for the commit, and without room on its disk it may not have thawed it.
                Err(_) if !was_paused && is_frozen(&*engine, &id).await => journal.left_frozen(),
                Err(_) => {}
            }
            result
        })
        .await
    }

    async fn image_inspect(&self, reference: &str) -> Result<Image> {
        self.engine.image_inspect(reference).await
    }

    async fn image_list(&self, labels: Vec<String>) -> Result<Vec<ImageSummary>> {
        self.engine.image_list(labels).await
    }

    async fn image_tag(&self, reference: &str, repository: &str, tag: &str) -> Result<()> {
        self.policy.name_image(repository, tag)?;
        self.engine.image_tag(reference, repository, tag).await
    }

    async fn image_remove(&self, reference: &str, force: bool) -> Result<Vec<String>> {
        let image = self.engine.image_inspect(reference).await?;
        // By its id only what has no name: that may have been here before.
        let nameless = image.tags.is_empty() && image.digests.is_empty();
        if !self.has_arrived(reference) || (reference == image.id && !nameless) {
            self.policy
                .remove_image(reference, &image.labels, image.tags.is_empty())?;
        }
        self.engine.image_remove(reference, force).await
    }

    async fn image_import(&self, archive: Archive, options: ImportOptions) -> Result<String> {
        self.policy.import_image(&options)?;
        let (engine, journal) = (self.engine.clone(), self.journal.clone());
        let image = format!("{}:{}", options.repository, options.tag);
        journal.about_to(Step::Import { image: image.clone() }).await;
        // Not to its end whatever becomes of the caller: its archive may never end. A cancelled request breaks off, and the
        // engine then makes no image.
        journal.committed(&image);
        let result = engine.image_import(archive, options).await;
        if result.as_ref().is_err_and(may_have_happened) {
            journal.unanswered();
        }
        result
    }

    async fn image_pull(
        &self,
        reference: &str,
        platform: Option<&str>,
        _: Option<&Credentials>,
        progress: ProgressSink,
    ) -> Result<()> {
        self.pull(reference, platform, progress).await
    }

    async fn image_push(&self, reference: &str, _: Option<&Credentials>, progress: ProgressSink) -> Result<String> {
        self.push(reference, reference, progress).await
    }

    async fn image_derive(&self, reference: &str, options: DeriveOptions) -> Result<String> {
        self.derive(reference, options).await
    }

    async fn image_save(&self, reference: &str) -> Result<Archive> {
        self.save(reference).await
    }

    async fn image_load(&self, archive: Archive, progress: ProgressSink) -> Result<String> {
        self.load(archive, progress).await
    }

    async fn image_build(&self, context: Archive, options: BuildOptions, progress: ProgressSink) -> Result<String> {
        self.policy.build(&options)?;
        // Written down first: where the call is cut short its connection breaks, and the engine may be done by then.
        self.journal.committed(&options.tag);
        self.engine.image_build(context, options, progress).await
    }

    async fn volume_list(&self, labels: Vec<String>) -> Result<Vec<Volume>> {
        self.engine.volume_list(labels).await
    }

    async fn volume_inspect(&self, name: &str) -> Result<Volume> {
        self.engine.volume_inspect(name).await
    }

    async fn volume_create(
        &self,
        name: &str,
        driver: &str,
        options: Vec<(String, String)>,
        labels: Vec<(String, String)>,
    ) -> Result<Volume> {
        self.make_volume(name, driver, options, labels).await
    }

    async fn volume_fill(&self, name: &str, image: &str, directory: &str) -> Result<()> {
        self.fill_volume(name, image, directory).await
    }

    async fn volume_import(
        &self,
        container: &str,
        path: &str,
        subpath: Option<&str>,
        options: ImportOptions,
    ) -> Result<String> {
        self.read_volume(container, path, subpath, options).await
    }

    async fn volume_users(&self, name: &str) -> Result<Vec<String>> {
        let mut users = self.engine.volume_users(name).await?;
        // What fills it is no user, and is the host's own business.
        users.retain(|user| *user != scratch::container(name));
        Ok(users)
    }

    async fn volume_remove(&self, name: &str, force: bool) -> Result<()> {
        self.own_volume(name).await?;
        scratch::remove(&*self.engine, &scratch::container(name)).await?;
        self.engine.volume_remove(name, force).await?;
        self.journal.volume_gone(name);
        Ok(())
    }

    async fn network_inspect(&self, name: &str) -> Result<Network> {
        self.engine.network_inspect(name).await
    }

    async fn exec(&self, id: &str, options: ExecOptions) -> Result<ExecSession> {
        self.own(id).await?;
        self.engine.exec(id, options).await
    }

    async fn exec_unpack(
        &self,
        id: &str,
        options: ExecOptions,
        image: &str,
        directory: &str,
        root_name: &str,
    ) -> Result<()> {
        self.unpack_by_exec(id, options, image, directory, root_name).await
    }

    async fn logs(&self, id: &str, options: LogOptions) -> Result<LogStream> {
        self.own(id).await?;
        self.engine.logs(id, options).await
    }

    async fn archive_stat(&self, id: &str, path: &str) -> Result<PathStat> {
        self.own(id).await?;
        self.engine.archive_stat(id, path).await
    }

    async fn archive_get(&self, id: &str, path: &str) -> Result<Archive> {
        self.own(id).await?;
        self.engine.archive_get(id, path).await
    }

    async fn archive_put(&self, id: &str, directory: &str, root_name: Option<&str>, archive: Archive) -> Result<()> {
        self.own(id).await?;
        self.engine.archive_put(id, directory, root_name, archive).await
    }

    async fn stats(&self, id: &str) -> Result<StatsSample> {
        self.own(id).await?;
        self.engine.stats(id).await
    }

    async fn machine_run(&self, command: Command) -> Result<CommandOutput> {
        self.policy.command(&command.argv)?;
        self.engine.machine_run(command).await
    }

    async fn events(&self, labels: Vec<String>, since: u64, wait_ms: u64) -> Result<Vec<Event>> {
        self.engine.events(labels, since, wait_ms).await
    }
}
