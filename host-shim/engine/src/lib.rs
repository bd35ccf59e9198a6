//! Engines: the one trait that the bridge speaks, and the real engine behind it.
//!
//! [`Engine`] has one method for each function of the contract's `docker` interface, with the same meaning; `wit/docker.wit`
//! is its documentation. One is different: [`Engine::container_compare`] knows containers only, and the guard makes of it the
//! contract's `filesystem-diff`. The real engine and the sandbox engine implement it.
#![allow(missing_docs)]

pub mod build;
pub mod connect;
pub mod credentials;
pub mod difference;
pub mod docker;
pub mod endpoint;
pub mod exec_tar;
pub mod failpoint;
pub mod machine;
pub mod scratch;
pub mod ssh;
pub mod tls;
mod traced;
mod unix;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::credentials::Credentials;
use mngr_contract::Result;
use mngr_contract::docker::{
    BuildOptions, CommitOptions, Container, ContainerChanges, ContainerFilter, ContainerSpec, ContainerSummary,
    CreatedContainer, DeriveOptions, EngineInfo, EnginePlace, EngineVersion, Event, ExecOptions, Image, ImageSummary,
    ImportOptions, LogOptions, Network, PathStat, StatsSample, Volume,
};
use mngr_contract::instance::PortAddress;
use mngr_contract::ssh::{Command, CommandOutput};
use mngr_contract::streams::{Archive, ExecSession, LogStream};
use mngr_contract::system::Progress;
use mngr_contract::types::Limits;

pub use traced::Traced;

/// Where an operation that takes long says how far it has come.
pub type ProgressSink = Arc<dyn Fn(Progress) + Send + Sync>;

/// Bytes in both directions.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// How this host is connected to an engine, and to the ports of its containers. All but [`place`](Self::place) is the host's own
/// business.
#[async_trait]
pub trait Connection: Send + Sync + 'static {
    /// Where the engine is, for people: `unix:///var/run/docker.sock`, `sandbox`.
    fn endpoint(&self) -> String;

    /// Whose machine it is on, seen from here.
    fn place(&self) -> EnginePlace;

    /// The engine for one call of a provider, where it keeps apart who asks: each call gets its turn.
    fn for_one_call(&self) -> Option<Arc<dyn Engine>>;

    /// The name under which a port that is published on `address` of the engine's machine is reached from here, and the machine
    /// to go through, where there is one.
    ///
    /// # Errors
    /// Where that machine cannot be asked.
    async fn reached_at(&self, address: &str) -> Result<(String, Option<String>)>;

    /// A stream to a TCP port of a container, from wherever this is.
    ///
    /// # Errors
    /// `unsupported` where there is no way to it, `unavailable` where nothing answers there.
    async fn dial(&self, address: &PortAddress, port: u16) -> Result<Box<dyn Duplex>>;
}

/// A Docker engine, real or not.
#[async_trait]
pub trait Engine: Connection {
    async fn version(&self) -> Result<EngineVersion>;
    async fn info(&self) -> Result<EngineInfo>;

    async fn container_list(&self, filter: ContainerFilter) -> Result<Vec<ContainerSummary>>;
    async fn container_inspect(&self, id: &str, with_size: bool) -> Result<Container>;
    async fn container_create(&self, spec: ContainerSpec) -> Result<CreatedContainer>;
    async fn container_start(&self, id: &str) -> Result<()>;
    async fn container_stop(&self, id: &str, timeout_seconds: Option<u32>) -> Result<()>;
    async fn container_kill(&self, id: &str, signal: &str) -> Result<()>;
    async fn container_pause(&self, id: &str) -> Result<()>;
    async fn container_unpause(&self, id: &str) -> Result<()>;
    async fn container_rename(&self, id: &str, name: &str) -> Result<()>;
    async fn container_remove(&self, id: &str, force: bool, volumes: bool) -> Result<()>;
    async fn container_update(&self, id: &str, limits: Limits) -> Result<Vec<String>>;
    async fn container_diff(&self, id: &str) -> Result<ContainerChanges>;
    /// What the second has added, changed and deleted relative to the first.
    async fn container_compare(&self, older: &str, newer: &str) -> Result<ContainerChanges>;
    async fn container_commit(&self, id: &str, options: CommitOptions) -> Result<String>;

    async fn image_inspect(&self, reference: &str) -> Result<Image>;
    async fn image_list(&self, labels: Vec<String>) -> Result<Vec<ImageSummary>>;
    async fn image_tag(&self, reference: &str, repository: &str, tag: &str) -> Result<()>;
    async fn image_remove(&self, reference: &str, force: bool) -> Result<Vec<String>>;
    async fn image_import(&self, archive: Archive, options: ImportOptions) -> Result<String>;
    async fn image_pull(
        &self,
        reference: &str,
        platform: Option<&str>,
        credentials: Option<&Credentials>,
        progress: ProgressSink,
    ) -> Result<()>;
    /// Of an image that has the name already.
    async fn image_push(
        &self,
        reference: &str,
        credentials: Option<&Credentials>,
        progress: ProgressSink,
    ) -> Result<String>;
    async fn image_derive(&self, reference: &str, options: DeriveOptions) -> Result<String>;
    async fn image_save(&self, reference: &str) -> Result<Archive>;
    async fn image_load(&self, archive: Archive, progress: ProgressSink) -> Result<String>;
    async fn image_build(&self, context: Archive, options: BuildOptions, progress: ProgressSink) -> Result<String>;

    async fn volume_list(&self, labels: Vec<String>) -> Result<Vec<Volume>>;
    async fn volume_inspect(&self, name: &str) -> Result<Volume>;
    async fn volume_create(
        &self,
        name: &str,
        driver: &str,
        options: Vec<(String, String)>,
        labels: Vec<(String, String)>,
    ) -> Result<Volume>;
    async fn volume_fill(&self, name: &str, image: &str, directory: &str) -> Result<()>;
    async fn volume_import(
        &self,
        container: &str,
        path: &str,
        subpath: Option<&str>,
        options: ImportOptions,
    ) -> Result<String>;
    async fn volume_users(&self, name: &str) -> Result<Vec<String>>;
    async fn volume_remove(&self, name: &str, force: bool) -> Result<()>;
    async fn network_inspect(&self, name: &str) -> Result<Network>;

    async fn exec(&self, id: &str, options: ExecOptions) -> Result<ExecSession>;
    async fn exec_unpack(
        &self,
        id: &str,
        options: ExecOptions,
        image: &str,
        directory: &str,
        root_name: &str,
    ) -> Result<()>;
    async fn logs(&self, id: &str, options: LogOptions) -> Result<LogStream>;
    async fn archive_stat(&self, id: &str, path: &str) -> Result<PathStat>;
    async fn archive_get(&self, id: &str, path: &str) -> Result<Archive>;
    /// With a `root_name` of `.` the topmost entry of the archive is left out and what it holds goes into the directory.
    async fn archive_put(&self, id: &str, directory: &str, root_name: Option<&str>, archive: Archive) -> Result<()>;
    async fn stats(&self, id: &str) -> Result<StatsSample>;
    async fn events(&self, labels: Vec<String>, since: u64, wait_ms: u64) -> Result<Vec<Event>>;

    /// Runs a command on the engine's machine: the contract's `ssh.run`.
    async fn machine_run(&self, command: Command) -> Result<CommandOutput>;
}
