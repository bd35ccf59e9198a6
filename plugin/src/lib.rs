//! The Docker provider for mngr: every decision, and no I/O.
//!
//! The crate is built as a WebAssembly component (`bindings::wasm`) that is handed nothing but the imports of the contract in
//! `wit/`. All its logic is written against one trait, [`Capabilities`], so that it runs natively as well: in unit tests
//! against an engine in memory, and wherever a later binding offers the same imports.
//!
//! One rule tells what belongs here: a decision does (what label, what name, what a `--memory 4g` means), a connection, a
//! process, a file or a clock does not.

pub mod agent;
pub mod bindings;
pub mod create;
pub mod discover;
pub mod error;
pub mod exec;
pub mod image;
pub mod labels;
pub mod lifecycle;
pub mod limits;
pub mod lookup;
pub mod provider;
pub mod recipe;
pub mod restore;
pub mod settings;
pub mod snapshot;
pub mod start_args;
#[cfg(test)]
mod testing;

pub use provider::{DockerProviderBackend, DockerProviderInstance};

use contract::docker::{
    CommitOptions, Container, ContainerFilter, ContainerSpec, ContainerSummary, CreatedContainer, ExecOptions, Image,
    ImageSummary, LogOptions, PathStat,
};
use contract::system::{LogLevel, Progress};
use contract::types::ProviderError;

/// The records of `wit/`, as wit-bindgen makes them. Its resource types work inside a component only; logic names them
/// through [`Capabilities`].
#[allow(missing_docs, unsafe_code, clippy::all)]
pub mod contract {
    wit_bindgen::generate!({
        path: "../wit",
        world: "provider-plugin",
        pub_export_macro: true,
        additional_derives: [PartialEq],
        additional_derives_ignore: ["build-request", "source", "create-request"],
        generate_all,
    });
    pub use self::exports::mngr::provider::{backend, instance};
    pub use self::mngr::provider::{docker, gpu, ssh, system, types};
}

/// What every call of the contract answers.
pub type Result<T> = std::result::Result<T, ProviderError>;

/// What a plugin is handed: the functions of the imports `docker` and `system` that this provider uses, each with the
/// meaning that `wit/docker.wit` and `wit/system.wit` give it.
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
    /// Tar bytes on their way in or out of a container.
    type Archive;

    /// `docker.container-list`
    async fn container_list(&self, filter: ContainerFilter) -> Result<Vec<ContainerSummary>>;
    /// `docker.container-inspect`, without the size.
    async fn container_inspect(&self, id: &str) -> Result<Container>;
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
    /// `docker.container-commit`
    async fn container_commit(&self, id: &str, options: CommitOptions) -> Result<String>;

    /// `docker.image-inspect`
    async fn image_inspect(&self, reference: &str) -> Result<Image>;
    /// `docker.image-list`
    async fn image_list(&self, labels: Vec<String>) -> Result<Vec<ImageSummary>>;
    /// `docker.image-remove`, without force.
    async fn image_remove(&self, reference: &str) -> Result<Vec<String>>;
    /// `docker.image-pull`
    async fn image_pull(&self, reference: &str, platform: Option<String>) -> Result<()>;

    /// `docker.exec`
    async fn exec(&self, id: &str, options: ExecOptions) -> Result<Self::ExecSession>;
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
