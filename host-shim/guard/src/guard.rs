//! The engine as one call of a plugin sees it: policy before every request, a journal entry after every effect.
//!
//! A request that changes something is never dropped half-way: it runs in a task of its own, so that when the call is
//! cancelled its effect is still known and can be undone.

mod call;
mod compare;
mod containers;
mod images;
mod lookups;
mod places;
mod verdicts;
mod volumes;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock};

use async_trait::async_trait;
use mngr_contract::docker::{
    BuildOptions, CommitOptions, Container, ContainerChanges, ContainerFilter, ContainerSpec, ContainerSummary,
    CreatedContainer, DeriveOptions, EngineInfo, EnginePlace, EngineVersion, Event, ExecOptions, Image, ImageSummary,
    ImportOptions, LogOptions, Network, PathStat, StatsSample, Volume,
};
use mngr_contract::gpu::{Depth, Inventory};
use mngr_contract::ssh::{Command, CommandOutput};
use mngr_contract::streams::{Archive, ExecSession, LogStream};
use mngr_contract::types::Limits;
use mngr_contract::{ProviderError, Result};
use mngr_engine::credentials::{CredentialStore, Credentials};
use mngr_engine::scratch;
use mngr_engine::{Engine, ProgressSink};
use tokio::sync::OnceCell;
use tokio_util::task::TaskTracker;

use crate::gpu;
use crate::journal::{ContainerLock, Journal, Store};
use crate::policy::{AuditLog, Caller, Machine, Policy, Rule};
use lookups::Known;

/// One call's view of an engine.
pub struct Guard {
    engine: Arc<dyn Engine>,
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
            images: Mutex::default(),
            machine: OnceCell::new(),
            audit: None,
            caller: OnceLock::new(),
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

    /// The same view, which writes down what it is asked for.
    #[must_use]
    pub fn audited(self, audit: Option<Arc<AuditLog>>) -> Self {
        Self { audit, ..self }
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

/// What takes more than one method.
impl Guard {
    async fn may_ask(&self) -> Result<()> {
        self.policy.may(Rule::Info, "to ask for the engine's set-up")
    }

    async fn may_see_volumes(&self) -> Result<()> {
        self.policy.may(Rule::Volumes, "to look at volumes")
    }

    async fn may_copy(&self, id: &str) -> Result<Known> {
        self.policy.may(Rule::Archives, "to copy files")?;
        self.own(id).await
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

#[async_trait]
impl Engine for Guard {
    fn endpoint(&self) -> String {
        self.engine.endpoint()
    }

    fn place(&self) -> EnginePlace {
        self.engine.place()
    }

    async fn version(&self) -> Result<EngineVersion> {
        self.may_look("version", "", self.may_ask()).await?;
        self.engine.version().await
    }

    async fn info(&self) -> Result<EngineInfo> {
        self.may_look("info", "", self.may_ask()).await?;
        self.engine.info().await
    }

    async fn container_list(&self, filter: ContainerFilter) -> Result<Vec<ContainerSummary>> {
        self.list_containers(filter).await
    }

    async fn container_inspect(&self, id: &str, with_size: bool) -> Result<Container> {
        let look = self.look_at(id, with_size);
        self.may_look("container-inspect", id, look)
            .await
            .map(|(container, _)| container)
    }

    async fn container_create(&self, spec: ContainerSpec) -> Result<CreatedContainer> {
        self.create(spec).await
    }

    async fn container_start(&self, id: &str) -> Result<()> {
        self.start(id).await
    }

    async fn container_stop(&self, id: &str, timeout_seconds: Option<u32>) -> Result<()> {
        self.may_change_container("container-stop", id).await?;
        self.engine.container_stop(id, timeout_seconds).await
    }

    async fn container_kill(&self, id: &str, signal: &str) -> Result<()> {
        self.may_change_container("container-kill", id).await?;
        self.engine.container_kill(id, signal).await
    }

    async fn container_pause(&self, id: &str) -> Result<()> {
        self.pause(id).await
    }

    async fn container_unpause(&self, id: &str) -> Result<()> {
        self.unpause(id).await
    }

    async fn container_rename(&self, id: &str, name: &str) -> Result<()> {
        self.rename(id, name).await
    }

    async fn container_remove(&self, id: &str, force: bool, volumes: bool) -> Result<()> {
        self.remove(id, force, volumes).await
    }

    async fn container_update(&self, id: &str, limits: Limits) -> Result<Vec<String>> {
        let may = async {
            self.policy.limits(&limits)?;
            self.own(id).await
        };
        self.may_change("container-update", Rule::Containers, id, may).await?;
        self.engine.container_update(id, limits).await
    }

    async fn container_diff(&self, id: &str) -> Result<ContainerChanges> {
        self.may_look("container-diff", id, self.own(id)).await?;
        self.engine.container_diff(id).await
    }

    async fn container_compare(&self, older: &str, newer: &str) -> Result<ContainerChanges> {
        self.may_look("filesystem-diff", older, self.own(older)).await?;
        self.may_look("filesystem-diff", newer, self.own(newer)).await?;
        self.engine.container_compare(older, newer).await
    }

    async fn container_commit(&self, id: &str, options: CommitOptions) -> Result<String> {
        self.commit(id, options).await
    }

    async fn image_inspect(&self, reference: &str) -> Result<Image> {
        self.look_at_image(reference).await
    }

    async fn image_list(&self, labels: Vec<String>) -> Result<Vec<ImageSummary>> {
        let may = async { self.policy.may(Rule::Images, "a list of images") };
        self.may_look("image-list", "", may).await?;
        self.engine.image_list(labels).await
    }

    async fn image_tag(&self, reference: &str, repository: &str, tag: &str) -> Result<()> {
        self.name_image(reference, repository, tag).await
    }

    async fn image_remove(&self, reference: &str, force: bool) -> Result<Vec<String>> {
        self.remove_image(reference, force).await
    }

    async fn image_import(&self, archive: Archive, options: ImportOptions) -> Result<String> {
        self.import(archive, options).await
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
        self.build(context, options, progress).await
    }

    async fn volume_list(&self, labels: Vec<String>) -> Result<Vec<Volume>> {
        self.may_look("volume-list", "", self.may_see_volumes()).await?;
        let mut volumes = self.engine.volume_list(labels).await?;
        for volume in &mut volumes {
            self.withhold_options(volume).await?;
        }
        Ok(volumes)
    }

    async fn volume_inspect(&self, name: &str) -> Result<Volume> {
        self.may_look("volume-inspect", name, self.may_see_volumes()).await?;
        let mut volume = self.engine.volume_inspect(name).await?;
        self.withhold_options(&mut volume).await?;
        Ok(volume)
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
        self.may_look("volume-users", name, self.may_see_volumes()).await?;
        let mut users = self.engine.volume_users(name).await?;
        // What fills it is no user, and is the host's own business.
        users.retain(|user| *user != scratch::container(name));
        Ok(users)
    }

    async fn volume_remove(&self, name: &str, force: bool) -> Result<()> {
        self.remove_volume(name, force).await
    }

    async fn network_inspect(&self, name: &str) -> Result<Network> {
        self.may_look("network-inspect", name, self.may_ask()).await?;
        self.engine.network_inspect(name).await
    }

    async fn exec(&self, id: &str, options: ExecOptions) -> Result<ExecSession> {
        let may = async {
            self.policy.may(Rule::Exec, "a command in a container")?;
            self.own(id).await
        };
        self.may_change("exec", Rule::Exec, id, may).await?;
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
        let may = async {
            self.policy.may(Rule::Logs, "the output of a container")?;
            self.own(id).await
        };
        self.may_look("logs", id, may).await?;
        self.engine.logs(id, options).await
    }

    async fn archive_stat(&self, id: &str, path: &str) -> Result<PathStat> {
        self.may_look("archive-stat", id, self.may_copy(id)).await?;
        self.engine.archive_stat(id, path).await
    }

    async fn archive_get(&self, id: &str, path: &str) -> Result<Archive> {
        self.may_look("archive-get", id, self.may_copy(id)).await?;
        self.engine.archive_get(id, path).await
    }

    async fn archive_put(&self, id: &str, directory: &str, root_name: Option<&str>, archive: Archive) -> Result<()> {
        self.may_change("archive-put", Rule::Archives, id, self.may_copy(id))
            .await?;
        self.engine.archive_put(id, directory, root_name, archive).await
    }

    async fn stats(&self, id: &str) -> Result<StatsSample> {
        self.may_look("stats", id, self.own(id)).await?;
        self.engine.stats(id).await
    }

    async fn machine_run(&self, command: Command) -> Result<CommandOutput> {
        let program = command.argv.first().map_or("", String::as_str);
        let may = async { self.policy.command(&command.argv) };
        self.may_change("ssh-run", Rule::SshExec, program, may).await?;
        self.engine.machine_run(command).await
    }

    async fn events(&self, labels: Vec<String>, since: u64, wait_ms: u64) -> Result<Vec<Event>> {
        self.happened(labels, since, wait_ms).await
    }
}
