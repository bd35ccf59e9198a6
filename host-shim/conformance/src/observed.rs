//! An engine that is watched: what is asked of it is written down, and calls of it go wrong on order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use mngr_host_shim::contract::Result;
use mngr_host_shim::contract::docker::{
    BuildOptions, CommitOptions, Container, ContainerChanges, ContainerFilter, ContainerSpec, ContainerSummary,
    CreatedContainer, DeriveOptions, EngineInfo, EnginePlace, EngineVersion, Event, ExecOptions, Image, ImageSummary,
    ImportOptions, LogOptions, Network, PathStat, StatsSample, Volume,
};
use mngr_host_shim::contract::instance::PortAddress;
use mngr_host_shim::contract::ssh::{Command, CommandOutput};
use mngr_host_shim::contract::types::Limits;
use mngr_host_shim::engine::credentials::Credentials;
use mngr_host_shim::engine::{Connection, Duplex, Engine, ProgressSink};
use mngr_host_shim::error::unavailable;
use mngr_host_shim::streams::{Archive, ExecSession, LogStream};
use mngr_sandbox::{Fault, Faults, Operation};
use tokio::sync::watch;

/// The engine as the provider under test reaches it.
pub struct Observed {
    engine: Arc<dyn Engine>,
    faults: Faults,
    is_down: AtomicBool,
    asked: watch::Sender<Vec<Operation>>,
    commits: Mutex<Vec<CommitOptions>>,
}

impl Observed {
    pub fn new(engine: Arc<dyn Engine>) -> Self {
        Self {
            engine,
            faults: Faults::default(),
            is_down: AtomicBool::new(false),
            asked: watch::Sender::default(),
            commits: Mutex::default(),
        }
    }

    /// Makes the call of an operation go wrong that comes after this many others of it.
    pub fn fail(&self, operation: Operation, after: usize, fault: Fault) {
        for _ in 0..after {
            self.faults.pass(operation);
        }
        self.faults.push(operation, fault);
    }

    /// From now on the engine can not be reached, or can be again.
    pub fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::SeqCst);
    }

    /// Forgets what it was asked.
    pub fn forget(&self) {
        self.asked.send_replace(Vec::new());
        self.commits().clear();
    }

    /// What it was asked since, in order.
    pub fn asked(&self) -> Vec<Operation> {
        self.asked.borrow().clone()
    }

    /// Those of it that change something.
    pub fn changes(&self) -> Vec<Operation> {
        let mut asked = self.asked();
        asked.retain(|operation| operation.changes());
        asked
    }

    /// Waits until it is asked for this.
    pub async fn until(&self, operation: Operation) {
        let mut asked = self.asked.subscribe();
        // It holds the sender itself, so that this can not fail.
        let _ = asked.wait_for(|asked| asked.contains(&operation)).await;
    }

    /// How it was asked to make images of containers.
    pub fn commits(&self) -> MutexGuard<'_, Vec<CommitOptions>> {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn around<T>(&self, operation: Operation, call: impl Future<Output = Result<T>>) -> Result<T> {
        self.asked.send_modify(|asked| asked.push(operation));
        if self.is_down.load(Ordering::SeqCst) {
            return Err(down());
        }
        self.faults.around(operation, call).await
    }
}

/// What an engine that is not there answers.
pub fn down() -> mngr_host_shim::contract::ProviderError {
    unavailable("the engine", "it does not answer", "start it")
}

#[async_trait]
impl Connection for Observed {
    fn endpoint(&self) -> String {
        self.engine.endpoint()
    }

    fn place(&self) -> EnginePlace {
        self.engine.place()
    }

    /// All calls are written down in one place.
    fn for_one_call(&self) -> Option<Arc<dyn Engine>> {
        None
    }

    async fn reached_at(&self, address: &str) -> Result<(String, Option<String>)> {
        self.engine.reached_at(address).await
    }

    async fn dial(&self, address: &PortAddress, port: u16) -> Result<Box<dyn Duplex>> {
        self.engine.dial(address, port).await
    }
}

/// Calls that are passed on.
macro_rules! observed {
    ($($operation:ident: $name:ident($($argument:ident: $kind:ty),*) -> $result:ty;)*) => {
        #[async_trait]
        impl Engine for Observed {
            async fn container_commit(&self, id: &str, options: CommitOptions) -> Result<String> {
                self.commits().push(options.clone());
                self.around(Operation::ContainerCommit, self.engine.container_commit(id, options)).await
            }

            $(async fn $name(&self, $($argument: $kind),*) -> Result<$result> {
                self.around(Operation::$operation, self.engine.$name($($argument),*)).await
            })*
        }
    };
}

observed! {
    Version: version() -> EngineVersion;
    Info: info() -> EngineInfo;
    ContainerList: container_list(filter: ContainerFilter) -> Vec<ContainerSummary>;
    ContainerInspect: container_inspect(id: &str, with_size: bool) -> Container;
    ContainerCreate: container_create(spec: ContainerSpec) -> CreatedContainer;
    ContainerStart: container_start(id: &str) -> ();
    ContainerStop: container_stop(id: &str, timeout_seconds: Option<u32>) -> ();
    ContainerKill: container_kill(id: &str, signal: &str) -> ();
    ContainerPause: container_pause(id: &str) -> ();
    ContainerUnpause: container_unpause(id: &str) -> ();
    ContainerRename: container_rename(id: &str, name: &str) -> ();
    ContainerRemove: container_remove(id: &str, force: bool, volumes: bool) -> ();
    ContainerUpdate: container_update(id: &str, limits: Limits) -> Vec<String>;
    ContainerDiff: container_diff(id: &str) -> ContainerChanges;
    ContainerCompare: container_compare(older: &str, newer: &str) -> ContainerChanges;
    ImageInspect: image_inspect(reference: &str) -> Image;
    ImageList: image_list(labels: Vec<String>) -> Vec<ImageSummary>;
    ImageTag: image_tag(reference: &str, repository: &str, tag: &str) -> ();
    ImageRemove: image_remove(reference: &str, force: bool) -> Vec<String>;
    ImageImport: image_import(archive: Archive, options: ImportOptions) -> String;
    ImagePull: image_pull(reference: &str, platform: Option<&str>, credentials: Option<&Credentials>, progress: ProgressSink) -> ();
    ImagePush: image_push(reference: &str, credentials: Option<&Credentials>, progress: ProgressSink) -> String;
    ImageDerive: image_derive(reference: &str, options: DeriveOptions) -> String;
    ImageSave: image_save(reference: &str) -> Archive;
    ImageLoad: image_load(archive: Archive, progress: ProgressSink) -> String;
    ImageBuild: image_build(context: Archive, options: BuildOptions, progress: ProgressSink) -> String;
    VolumeList: volume_list(labels: Vec<String>) -> Vec<Volume>;
    VolumeInspect: volume_inspect(name: &str) -> Volume;
    VolumeCreate: volume_create(name: &str, driver: &str, options: Vec<(String, String)>, labels: Vec<(String, String)>) -> Volume;
    VolumeFill: volume_fill(name: &str, image: &str, directory: &str) -> ();
    VolumeImport: volume_import(container: &str, path: &str, subpath: Option<&str>, options: ImportOptions) -> String;
    VolumeUsers: volume_users(name: &str) -> Vec<String>;
    VolumeRemove: volume_remove(name: &str, force: bool) -> ();
    NetworkInspect: network_inspect(name: &str) -> Network;
    Exec: exec(id: &str, options: ExecOptions) -> ExecSession;
    ExecUnpack: exec_unpack(id: &str, options: ExecOptions, image: &str, directory: &str, root_name: &str) -> ();
    Logs: logs(id: &str, options: LogOptions) -> LogStream;
    ArchiveStat: archive_stat(id: &str, path: &str) -> PathStat;
    ArchiveGet: archive_get(id: &str, path: &str) -> Archive;
    ArchivePut: archive_put(id: &str, directory: &str, root_name: Option<&str>, archive: Archive) -> ();
    Stats: stats(id: &str) -> StatsSample;
    Events: events(labels: Vec<String>, since: u64, wait_ms: u64) -> Vec<Event>;
    MachineRun: machine_run(command: Command) -> CommandOutput;
}
