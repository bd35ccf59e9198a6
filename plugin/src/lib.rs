//! The Docker provider for mngr: every decision, and no I/O.
//!
//! The crate is built as a WebAssembly component (`bindings::wasm`) that is handed nothing but the imports of the contract in
//! `wit/`, or as a dynamic library (`bindings::native`) that is handed the same. All its logic is written against one trait,
//! [`Capabilities`], and so runs in unit tests as well, against an engine in memory.
//!
//! One rule tells what belongs here: a decision does (what label, what name, what a `--memory 4g` means), a connection, a
//! process, a file or a clock does not.
//!
//! The modules stand on each other: `labels` and `error` are at the bottom, `calls` and `bindings` at the top, and none imports
//! one that stands on it. A test holds that.

pub mod adopt;
pub mod agent;
pub mod bindings;
pub mod build;
mod calls;
pub mod compare;
pub mod constraints;
pub mod container;
pub mod create;
pub mod discover;
pub mod documents;
pub mod error;
pub mod exec;
pub mod findings;
pub mod first_process;
pub mod fork;
pub mod gc;
pub mod gpu;
pub mod grant;
pub mod image;
pub mod labels;
pub mod launch;
pub mod leaving;
pub mod lifecycle;
pub mod limit_check;
pub mod limits;
pub mod lookup;
pub mod migrate;
pub mod peer;
pub mod ports;
pub mod provider;
pub mod push;
pub mod recipe;
pub mod reconcile;
pub mod restore;
pub mod settings;
pub mod snapshot;
pub mod start_args;
pub mod stats;
pub mod tags;
#[cfg(test)]
mod testing;
pub mod volumes;
pub mod watch;

pub use provider::{DockerProviderBackend, DockerProviderInstance};

use contract::docker::{
    BuildOptions, CommitOptions, Container, ContainerChanges, ContainerFilter, ContainerSpec, ContainerSummary,
    CreatedContainer, DeriveOptions, EngineInfo, EnginePlace, Event, ExecOptions, Filesystem, Image, ImageSummary,
    ImportOptions, LogOptions, PathStat, StatsSample, Volume,
};
use contract::gpu::{Depth, Inventory};
use contract::ssh::{Command, CommandOutput};
use contract::system::{LogLevel, Progress};
use contract::types::{Limits, ProviderError};

/// The records of `wit/`, as wit-bindgen makes them: plain data, which a native host is sent as it is. Its resource types work
/// inside a component only; logic names them through [`Capabilities`].
#[allow(missing_docs, unsafe_code, clippy::all)]
pub mod contract {
    wit_bindgen::generate!({
        path: "../wit",
        world: "provider-plugin",
        pub_export_macro: true,
        additional_derives: [PartialEq, serde::Serialize, serde::Deserialize],
        generate_all,
    });
    pub use self::exports::mngr::provider::{backend, instance};
    pub use self::mngr::provider::{docker, gpu, ssh, system, types};
}

/// What every call of the contract answers.
pub type Result<T> = std::result::Result<T, ProviderError>;

/// What a plugin is handed: the functions of the imports `docker`, `ssh`, `gpu` and `system` that this provider uses, each
/// with the meaning that the file of `wit/` gives it.
///
/// The three associated types are streams that the host owns. They are passed on and never looked into.
#[expect(
    async_fn_in_trait,
    reason = "a component has one thread; whoever needs `Send` futures names a type, not the trait"
)]
pub trait Capabilities {
    /// A command that runs in a container.
    type ExecSession;
    /// A container's output.
    type LogStream;
    /// Tar bytes on their way in or out of a container or an engine.
    type Archive;

    /// `docker.place`
    fn place(&self) -> EnginePlace;
    /// `docker.info`
    async fn info(&self) -> Result<EngineInfo>;

    /// `docker.container-list`
    async fn container_list(&self, filter: ContainerFilter) -> Result<Vec<ContainerSummary>>;
    /// `docker.container-inspect`, without the size.
    async fn container_inspect(&self, id: &str) -> Result<Container>;
    /// `docker.container-inspect`, with the size.
    async fn container_inspect_with_size(&self, id: &str) -> Result<Container>;
    /// `docker.container-diff`
    async fn container_diff(&self, id: &str) -> Result<ContainerChanges>;
    /// `docker.filesystem-diff`
    async fn filesystem_diff(&self, older: Filesystem, newer: Filesystem) -> Result<ContainerChanges>;
    /// `docker.container-create`
    async fn container_create(&self, spec: ContainerSpec) -> Result<CreatedContainer>;
    /// `docker.container-start`
    async fn container_start(&self, id: &str) -> Result<()>;
    /// `docker.container-stop`
    async fn container_stop(&self, id: &str, timeout_seconds: Option<u32>) -> Result<()>;
    /// `docker.container-pause`
    async fn container_pause(&self, id: &str) -> Result<()>;
    /// `docker.container-unpause`
    async fn container_unpause(&self, id: &str) -> Result<()>;
    /// `docker.container-rename`
    async fn container_rename(&self, id: &str, name: &str) -> Result<()>;
    /// `docker.container-remove`, by force and with its anonymous volumes.
    async fn container_remove(&self, id: &str) -> Result<()>;
    /// `docker.container-update`
    async fn container_update(&self, id: &str, limits: Limits) -> Result<Vec<String>>;
    /// `docker.container-commit`
    async fn container_commit(&self, id: &str, options: CommitOptions) -> Result<String>;

    /// `docker.image-inspect`
    async fn image_inspect(&self, reference: &str) -> Result<Image>;
    /// `docker.image-list`
    async fn image_list(&self, labels: Vec<String>) -> Result<Vec<ImageSummary>>;
    /// `docker.image-remove`, without force.
    async fn image_remove(&self, reference: &str) -> Result<Vec<String>>;
    /// `docker.image-import`
    async fn image_import(&self, archive: Self::Archive, options: ImportOptions) -> Result<String>;
    /// `docker.image-pull`
    async fn image_pull(&self, reference: &str, platform: Option<String>) -> Result<()>;

    /// `docker.image-push`
    async fn image_push(&self, image: &str, name: &str) -> Result<String>;
    /// `docker.image-derive`
    async fn image_derive(&self, reference: &str, options: DeriveOptions) -> Result<String>;
    /// `docker.image-save`
    async fn image_save(&self, reference: &str) -> Result<Self::Archive>;
    /// `docker.image-load`
    async fn image_load(&self, archive: Self::Archive) -> Result<String>;

    /// `docker.volume-list`
    async fn volume_list(&self, labels: Vec<String>) -> Result<Vec<Volume>>;
    /// `docker.volume-create`, of the driver `local`.
    async fn volume_create(
        &self,
        name: &str,
        options: Vec<(String, String)>,
        labels: Vec<(String, String)>,
    ) -> Result<Volume>;
    /// `docker.volume-fill`
    async fn volume_fill(&self, name: &str, image: &str, directory: &str) -> Result<()>;
    /// `docker.volume-import`
    async fn volume_import(
        &self,
        container: &str,
        path: &str,
        subpath: Option<String>,
        options: ImportOptions,
    ) -> Result<String>;
    /// `docker.volume-remove`, without force.
    async fn volume_remove(&self, name: &str) -> Result<()>;

    /// `docker.stats`
    async fn stats(&self, id: &str) -> Result<StatsSample>;
    /// `docker.events`
    async fn events(&self, labels: Vec<String>, since: u64, wait_ms: u64) -> Result<Vec<Event>>;
    /// `docker.volume-inspect`
    async fn volume_inspect(&self, name: &str) -> Result<Volume>;
    /// `docker.volume-users`
    async fn volume_users(&self, name: &str) -> Result<Vec<String>>;
    /// `docker.image-build`
    async fn image_build(&self, context: Self::Archive, options: BuildOptions) -> Result<String>;

    /// `docker.exec`
    async fn exec(&self, id: &str, options: ExecOptions) -> Result<Self::ExecSession>;
    /// `docker.exec-archive`
    async fn exec_archive(&self, id: &str, options: ExecOptions) -> Result<Self::Archive>;
    /// `docker.exec-unpack`
    async fn exec_unpack(
        &self,
        id: &str,
        options: ExecOptions,
        image: &str,
        directory: &str,
        root_name: &str,
    ) -> Result<()>;
    /// `docker.logs`
    async fn logs(&self, id: &str, options: LogOptions) -> Result<Self::LogStream>;
    /// `docker.archive-stat`
    async fn archive_stat(&self, id: &str, path: &str) -> Result<PathStat>;
    /// `docker.archive-get`
    async fn archive_get(&self, id: &str, path: &str) -> Result<Self::Archive>;
    /// `docker.archive-put`
    async fn archive_put(
        &self,
        id: &str,
        directory: &str,
        root_name: Option<String>,
        archive: Self::Archive,
    ) -> Result<()>;

    /// `ssh.run`
    async fn machine_run(&self, command: Command) -> Result<CommandOutput>;

    /// `gpu.probe`
    async fn gpu_probe(&self, depth: Depth) -> Result<Inventory>;

    /// `system.log`
    fn log(&self, level: LogLevel, message: &str);
    /// `system.report`
    fn report(&self, progress: Progress);
    /// `system.now`
    fn now(&self) -> String;
    /// `system.sleep`
    async fn sleep(&self, milliseconds: u64);
    /// `system.random-id`
    fn random_id(&self) -> String;
}
