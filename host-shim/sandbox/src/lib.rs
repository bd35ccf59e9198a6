//! An engine in memory, faithful to Docker (API 1.41) where a provider can tell: containers, labels, states, signals, exec of
//! scripted commands, images, commits, volumes, archives, logs and events.
//!
//! It is what the demo runs on where there is no engine, and what the provider's behaviour tests run on besides the real one.
//! Its words for errors are the real engine's, as Engine 20.10 was seen to give them. What it has not got: a network, a
//! registry but one in memory that it is given, builds, and any program but the toolbox of its images.
//!
//! ```
//! use mngr_engine::Engine;
//! use mngr_sandbox::SandboxEngine;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> mngr_contract::Result<()> {
//! let engine = SandboxEngine::new().with_image("busybox");
//! let image = engine.image_inspect("busybox").await?;
//! assert_eq!(image.tags, ["busybox:latest"]);
//! # Ok(())
//! # }
//! ```

mod archive;
mod commands;
mod commit;
mod containers;
mod create;
mod errors;
mod exec;
mod faults;
mod filesystem;
mod images;
mod import;
mod lifecycle;
mod log;
mod process;
mod programs;
#[cfg(test)]
mod scratch;
mod shell;
mod state;
mod transfer;
mod tree;
mod volumes;
mod watch;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use async_trait::async_trait;

pub use faults::{Fault, Faults};
pub use mngr_engine::Operation;
use state::State;
pub use transfer::SandboxRegistry;

use mngr_contract::Result;
use mngr_contract::docker::{
    BuildOptions, CommitOptions, Container, ContainerChanges, ContainerFilter, ContainerSpec, ContainerSummary,
    CreatedContainer, DeriveOptions, EngineInfo, EnginePlace, EngineVersion, Event, ExecOptions, Image, ImageSummary,
    ImportOptions, LogOptions, Network, PathStat, StatsSample, Volume,
};
use mngr_contract::error::unsupported;
use mngr_contract::instance::PortAddress;
use mngr_contract::ssh::{Command, CommandOutput};
use mngr_contract::streams::{Archive, ExecSession, LogStream};
use mngr_contract::types::Limits;
use mngr_engine::credentials::Credentials;
use mngr_engine::{Connection, Duplex, Engine, ProgressSink, machine};

/// A Docker engine in memory. Clones are the same engine; what runs in it ends when the last is dropped.
#[derive(Debug, Clone)]
pub struct SandboxEngine {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    faults: Faults,
    /// What commands on its machine print.
    answers: Mutex<Vec<(Vec<String>, String)>>,
    /// Whether it carries out requests for GPUs.
    gpus: AtomicBool,
    /// Which registry it reaches.
    registry: Mutex<Option<SandboxRegistry>>,
    born: Instant,
}

struct WeakEngine(Weak<Inner>);

impl WeakEngine {
    fn upgrade(&self) -> Option<SandboxEngine> {
        self.0.upgrade().map(|inner| SandboxEngine { inner })
    }
}

impl Default for SandboxEngine {
    fn default() -> Self {
        Self::new()
    }
}

impl SandboxEngine {
    /// An engine with no containers and no images; see [`with_image`](Self::with_image).
    pub fn new() -> Self {
        Self {
            inner: Arc::new(Inner {
                state: Mutex::default(),
                faults: Faults::default(),
                answers: Mutex::default(),
                gpus: AtomicBool::new(false),
                registry: Mutex::default(),
                born: Instant::now(),
            }),
        }
    }

    /// Makes the next call of `operation` go wrong. Faults for one operation wait in line, one for each call.
    pub fn fail_next(&self, operation: Operation, fault: Fault) {
        self.inner.faults.push(operation, fault);
    }

    /// Faults that no call has met are forgotten.
    pub fn forget_faults(&self) {
        self.inner.faults.clear();
    }

    /// From now on a command on the engine's machine that begins with these words ends well and prints `stdout`. The engine
    /// has no machine, so every other command but `realpath` is `unsupported`.
    pub fn answer_command(&self, argv: &[&str], stdout: &str) {
        let words = argv.iter().map(|word| (*word).to_owned()).collect();
        locked(&self.inner.answers).push((words, stdout.to_owned()));
    }

    /// From now on a container that asks for GPUs is started as on an engine with NVIDIA's hook, and gets nothing.
    pub fn accept_gpus(&self) {
        self.inner.gpus.store(true, Ordering::Relaxed);
    }

    fn accepts_gpus(&self) -> bool {
        self.inner.gpus.load(Ordering::Relaxed)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.inner.state)
    }

    /// For tasks of containers, which must not keep the engine alive.
    fn downgrade(&self) -> WeakEngine {
        WeakEngine(Arc::downgrade(&self.inner))
    }

    fn uptime(&self) -> Duration {
        self.inner.born.elapsed()
    }

    async fn call<T>(&self, operation: Operation, call: impl Future<Output = Result<T>>) -> Result<T> {
        self.inner.faults.around(operation, call).await
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// CPUs of this machine.
fn cpus() -> u32 {
    std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(u32::MAX))
}

#[async_trait]
impl Connection for SandboxEngine {
    fn endpoint(&self) -> String {
        "sandbox".to_owned()
    }

    fn place(&self) -> EnginePlace {
        EnginePlace::ThisMachine
    }

    fn for_one_call(&self) -> Option<Arc<dyn Engine>> {
        None
    }

    async fn reached_at(&self, _address: &str) -> Result<(String, Option<String>)> {
        Ok(("127.0.0.1".to_owned(), None))
    }

    async fn dial(&self, _address: &PortAddress, port: u16) -> Result<Box<dyn Duplex>> {
        Err(unsupported(
            format!("port {port}"),
            "there is no network at sandbox",
            "use a Docker engine",
        ))
    }
}

#[async_trait]
impl Engine for SandboxEngine {
    async fn version(&self) -> Result<EngineVersion> {
        self.call(Operation::Version, async { Ok(self.engine_version()) }).await
    }

    async fn info(&self) -> Result<EngineInfo> {
        self.call(Operation::Info, async { Ok(self.engine_info()) }).await
    }

    async fn container_list(&self, filter: ContainerFilter) -> Result<Vec<ContainerSummary>> {
        let call = async { Ok(self.list_containers(&filter)) };
        self.call(Operation::ContainerList, call).await
    }

    async fn container_inspect(&self, id: &str, with_size: bool) -> Result<Container> {
        let call = async { self.describe_container(id, with_size) };
        self.call(Operation::ContainerInspect, call).await
    }

    async fn container_create(&self, spec: ContainerSpec) -> Result<CreatedContainer> {
        let call = async { self.create_container(spec) };
        self.call(Operation::ContainerCreate, call).await
    }

    async fn container_start(&self, id: &str) -> Result<()> {
        self.call(Operation::ContainerStart, self.start_container(id)).await
    }

    async fn container_stop(&self, id: &str, timeout_seconds: Option<u32>) -> Result<()> {
        let call = self.stop_container(id, timeout_seconds);
        self.call(Operation::ContainerStop, call).await
    }

    async fn container_kill(&self, id: &str, signal: &str) -> Result<()> {
        self.call(Operation::ContainerKill, self.kill_container(id, signal))
            .await
    }

    async fn container_pause(&self, id: &str) -> Result<()> {
        let call = async { self.pause_container(id) };
        self.call(Operation::ContainerPause, call).await
    }

    async fn container_unpause(&self, id: &str) -> Result<()> {
        let call = async { self.unpause_container(id) };
        self.call(Operation::ContainerUnpause, call).await
    }

    async fn container_rename(&self, id: &str, name: &str) -> Result<()> {
        let call = async { self.rename_container(id, name) };
        self.call(Operation::ContainerRename, call).await
    }

    async fn container_remove(&self, id: &str, force: bool, volumes: bool) -> Result<()> {
        let call = self.remove_container(id, force, volumes);
        self.call(Operation::ContainerRemove, call).await
    }

    async fn container_update(&self, id: &str, limits: Limits) -> Result<Vec<String>> {
        let call = async { self.update_container(id, limits) };
        self.call(Operation::ContainerUpdate, call).await
    }

    async fn container_diff(&self, id: &str) -> Result<ContainerChanges> {
        let call = async { self.container_changes(id) };
        self.call(Operation::ContainerDiff, call).await
    }

    async fn container_compare(&self, older: &str, newer: &str) -> Result<ContainerChanges> {
        let call = async { self.compare_containers(older, newer) };
        self.call(Operation::ContainerCompare, call).await
    }

    async fn container_commit(&self, id: &str, options: CommitOptions) -> Result<String> {
        let call = async { self.commit_container(id, &options) };
        self.call(Operation::ContainerCommit, call).await
    }

    async fn image_inspect(&self, reference: &str) -> Result<Image> {
        let call = async { self.describe_image(reference) };
        self.call(Operation::ImageInspect, call).await
    }

    async fn image_list(&self, labels: Vec<String>) -> Result<Vec<ImageSummary>> {
        let call = async { Ok(self.list_images(&labels)) };
        self.call(Operation::ImageList, call).await
    }

    async fn image_tag(&self, reference: &str, repository: &str, tag: &str) -> Result<()> {
        let call = async { self.tag_image(reference, repository, tag) };
        self.call(Operation::ImageTag, call).await
    }

    async fn image_remove(&self, reference: &str, force: bool) -> Result<Vec<String>> {
        let call = async { self.remove_image(reference, force) };
        self.call(Operation::ImageRemove, call).await
    }

    async fn image_import(&self, archive: Archive, options: ImportOptions) -> Result<String> {
        self.call(Operation::ImageImport, self.import_image(archive, options))
            .await
    }

    async fn image_pull(
        &self,
        reference: &str,
        _platform: Option<&str>,
        _credentials: Option<&Credentials>,
        _progress: ProgressSink,
    ) -> Result<()> {
        let call = async { self.pull_image(reference) };
        self.call(Operation::ImagePull, call).await
    }

    async fn image_push(
        &self,
        reference: &str,
        _credentials: Option<&Credentials>,
        _progress: ProgressSink,
    ) -> Result<String> {
        let call = async { self.push_image(reference) };
        self.call(Operation::ImagePush, call).await
    }

    async fn image_derive(&self, reference: &str, options: DeriveOptions) -> Result<String> {
        let call = async { self.derive_image(reference, &options) };
        self.call(Operation::ImageDerive, call).await
    }

    async fn image_save(&self, reference: &str) -> Result<Archive> {
        let call = async { self.save_image(reference) };
        self.call(Operation::ImageSave, call).await
    }

    async fn image_load(&self, archive: Archive, _progress: ProgressSink) -> Result<String> {
        self.call(Operation::ImageLoad, self.load_image(archive)).await
    }

    async fn image_build(&self, _: Archive, options: BuildOptions, _progress: ProgressSink) -> Result<String> {
        let call = async {
            Err(unsupported(
                format!("build of `{}`", options.tag),
                "the sandbox engine can not build images",
                "use a real engine, or an image that is there",
            ))
        };
        self.call(Operation::ImageBuild, call).await
    }

    async fn volume_list(&self, labels: Vec<String>) -> Result<Vec<Volume>> {
        let call = async { Ok(self.list_volumes(&labels)) };
        self.call(Operation::VolumeList, call).await
    }

    async fn volume_inspect(&self, name: &str) -> Result<Volume> {
        let call = async { self.describe_volume(name) };
        self.call(Operation::VolumeInspect, call).await
    }

    async fn volume_create(
        &self,
        name: &str,
        driver: &str,
        options: Vec<(String, String)>,
        labels: Vec<(String, String)>,
    ) -> Result<Volume> {
        let call = async { self.create_volume(name, driver, options, labels) };
        self.call(Operation::VolumeCreate, call).await
    }

    async fn volume_fill(&self, name: &str, image: &str, directory: &str) -> Result<()> {
        let call = async { self.fill_volume(name, image, directory) };
        self.call(Operation::VolumeFill, call).await
    }

    async fn volume_import(
        &self,
        container: &str,
        path: &str,
        subpath: Option<&str>,
        options: ImportOptions,
    ) -> Result<String> {
        let call = self.import_volume(container, path, subpath, options);
        self.call(Operation::VolumeImport, call).await
    }

    async fn volume_users(&self, name: &str) -> Result<Vec<String>> {
        let call = async {
            errors::check_plain("volume", name)?;
            Ok(self.state().volume_user_names(name))
        };
        self.call(Operation::VolumeUsers, call).await
    }

    async fn volume_remove(&self, name: &str, force: bool) -> Result<()> {
        let call = async { self.remove_volume(name, force) };
        self.call(Operation::VolumeRemove, call).await
    }

    async fn network_inspect(&self, name: &str) -> Result<Network> {
        let call = async { volumes::network(name) };
        self.call(Operation::NetworkInspect, call).await
    }

    async fn exec(&self, id: &str, options: ExecOptions) -> Result<ExecSession> {
        let call = async { self.start_exec(id, options) };
        self.call(Operation::Exec, call).await
    }

    async fn exec_unpack(
        &self,
        id: &str,
        options: ExecOptions,
        image: &str,
        directory: &str,
        root_name: &str,
    ) -> Result<()> {
        let call = self.unpack_in(id, options, image, directory, root_name);
        self.call(Operation::ExecUnpack, call).await
    }

    async fn logs(&self, id: &str, options: LogOptions) -> Result<LogStream> {
        let call = async { self.log_stream(id, &options) };
        self.call(Operation::Logs, call).await
    }

    async fn archive_stat(&self, id: &str, path: &str) -> Result<PathStat> {
        let call = async { self.stat_path(id, path) };
        self.call(Operation::ArchiveStat, call).await
    }

    async fn archive_get(&self, id: &str, path: &str) -> Result<Archive> {
        let call = async { self.get_archive(id, path) };
        self.call(Operation::ArchiveGet, call).await
    }

    async fn archive_put(&self, id: &str, directory: &str, root_name: Option<&str>, archive: Archive) -> Result<()> {
        let call = self.put_archive(id, directory, root_name, archive);
        self.call(Operation::ArchivePut, call).await
    }

    async fn stats(&self, id: &str) -> Result<StatsSample> {
        let call = async { self.sample(id) };
        self.call(Operation::Stats, call).await
    }

    async fn machine_run(&self, command: Command) -> Result<CommandOutput> {
        let answer = async {
            match self.answer(&command.argv) {
                Some(stdout) => Ok(CommandOutput {
                    exit_status: 0,
                    stdout,
                    stderr: Vec::new(),
                    truncated: false,
                }),
                None => Err(machine::no_way("sandbox")),
            }
        };
        self.call(Operation::MachineRun, answer).await
    }

    async fn events(&self, labels: Vec<String>, since: u64, wait_ms: u64) -> Result<Vec<Event>> {
        let call = async { Ok(self.events_since(&labels, since, Duration::from_millis(wait_ms)).await) };
        self.call(Operation::Events, call).await
    }
}
