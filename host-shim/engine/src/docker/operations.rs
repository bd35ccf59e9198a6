//! The operations of an engine, each in a file of its own.

use async_trait::async_trait;
use mngr_contract::Result;
use mngr_contract::docker::{
    BuildOptions, CommitOptions, Container, ContainerChanges, ContainerFilter, ContainerSpec, ContainerSummary,
    CreatedContainer, DeriveOptions, EngineInfo, EngineVersion, Event, ExecOptions, Image, ImageSummary, ImportOptions,
    LogOptions, Network, PathStat, StatsSample, Volume,
};
use mngr_contract::ssh::{Command, CommandOutput};
use mngr_contract::streams::{Archive, ExecSession, LogStream};
use mngr_contract::types::Limits;

use super::{
    DockerEngine, archive, build, compare, containers, derive, events, exec, images, import, logs, machine, registry,
    system, transfer, volumes,
};
use crate::credentials::Credentials;
use crate::{Engine, ProgressSink};

#[async_trait]
impl Engine for DockerEngine {
    async fn version(&self) -> Result<EngineVersion> {
        system::version(self).await
    }

    async fn info(&self) -> Result<EngineInfo> {
        system::info(self).await
    }

    async fn container_list(&self, filter: ContainerFilter) -> Result<Vec<ContainerSummary>> {
        containers::list(self, filter).await
    }

    async fn container_inspect(&self, id: &str, with_size: bool) -> Result<Container> {
        containers::inspect(self, id, with_size).await
    }

    async fn container_create(&self, spec: ContainerSpec) -> Result<CreatedContainer> {
        containers::create(self, spec).await
    }

    async fn container_start(&self, id: &str) -> Result<()> {
        containers::start(self, id).await
    }

    async fn container_stop(&self, id: &str, timeout_seconds: Option<u32>) -> Result<()> {
        containers::stop(self, id, timeout_seconds).await
    }

    async fn container_kill(&self, id: &str, signal: &str) -> Result<()> {
        containers::kill(self, id, signal).await
    }

    async fn container_pause(&self, id: &str) -> Result<()> {
        containers::pause(self, id).await
    }

    async fn container_unpause(&self, id: &str) -> Result<()> {
        containers::unpause(self, id).await
    }

    async fn container_rename(&self, id: &str, name: &str) -> Result<()> {
        containers::rename(self, id, name).await
    }

    async fn container_remove(&self, id: &str, force: bool, volumes: bool) -> Result<()> {
        containers::remove(self, id, force, volumes).await
    }

    async fn container_update(&self, id: &str, limits: Limits) -> Result<Vec<String>> {
        containers::update(self, id, limits).await
    }

    async fn container_diff(&self, id: &str) -> Result<ContainerChanges> {
        containers::diff(self, id).await
    }

    async fn container_compare(&self, older: &str, newer: &str) -> Result<ContainerChanges> {
        compare::compare(self, older, newer).await
    }

    async fn container_commit(&self, id: &str, options: CommitOptions) -> Result<String> {
        images::commit(self, id, options).await
    }

    async fn image_inspect(&self, reference: &str) -> Result<Image> {
        images::inspect(self, reference).await
    }

    async fn image_list(&self, labels: Vec<String>) -> Result<Vec<ImageSummary>> {
        images::list(self, labels).await
    }

    async fn image_tag(&self, reference: &str, repository: &str, tag: &str) -> Result<()> {
        images::tag(self, reference, repository, tag).await
    }

    async fn image_remove(&self, reference: &str, force: bool) -> Result<Vec<String>> {
        images::remove(self, reference, force).await
    }

    async fn image_import(&self, archive: Archive, options: ImportOptions) -> Result<String> {
        import::import(self, archive, options).await
    }

    async fn image_pull(
        &self,
        reference: &str,
        platform: Option<&str>,
        credentials: Option<&Credentials>,
        progress: ProgressSink,
    ) -> Result<()> {
        registry::pull(self, reference, platform, credentials, progress).await
    }

    async fn image_push(
        &self,
        reference: &str,
        credentials: Option<&Credentials>,
        progress: ProgressSink,
    ) -> Result<String> {
        registry::push(self, reference, credentials, progress).await
    }

    async fn image_derive(&self, reference: &str, options: DeriveOptions) -> Result<String> {
        derive::derive(self, reference, options).await
    }

    async fn image_save(&self, reference: &str) -> Result<Archive> {
        transfer::save(self, reference).await
    }

    async fn image_load(&self, archive: Archive, progress: ProgressSink) -> Result<String> {
        transfer::load(self, archive, progress).await
    }

    async fn image_build(&self, context: Archive, options: BuildOptions, progress: ProgressSink) -> Result<String> {
        build::build(self, context, options, progress).await
    }

    async fn volume_list(&self, labels: Vec<String>) -> Result<Vec<Volume>> {
        volumes::list(self, labels).await
    }

    async fn volume_inspect(&self, name: &str) -> Result<Volume> {
        volumes::inspect(self, name).await
    }

    async fn volume_create(
        &self,
        name: &str,
        driver: &str,
        options: Vec<(String, String)>,
        labels: Vec<(String, String)>,
    ) -> Result<Volume> {
        volumes::create(self, name, driver, options, labels).await
    }

    async fn volume_fill(&self, name: &str, image: &str, directory: &str) -> Result<()> {
        import::fill(self, name, image, directory).await
    }

    async fn volume_import(
        &self,
        container: &str,
        path: &str,
        subpath: Option<&str>,
        options: ImportOptions,
    ) -> Result<String> {
        import::of_volume(self, container, path, subpath, options).await
    }

    async fn volume_users(&self, name: &str) -> Result<Vec<String>> {
        volumes::users(self, name).await
    }

    async fn volume_remove(&self, name: &str, force: bool) -> Result<()> {
        volumes::remove(self, name, force).await
    }

    async fn network_inspect(&self, name: &str) -> Result<Network> {
        volumes::inspect_network(self, name).await
    }

    async fn exec(&self, id: &str, options: ExecOptions) -> Result<ExecSession> {
        exec::start(self, id, options).await
    }

    async fn exec_unpack(
        &self,
        id: &str,
        options: ExecOptions,
        image: &str,
        directory: &str,
        root_name: &str,
    ) -> Result<()> {
        import::unpack(self, id, options, image, directory, root_name).await
    }

    async fn logs(&self, id: &str, options: LogOptions) -> Result<LogStream> {
        logs::open(self, id, options).await
    }

    async fn archive_stat(&self, id: &str, path: &str) -> Result<PathStat> {
        archive::stat(self, id, path).await
    }

    async fn archive_get(&self, id: &str, path: &str) -> Result<Archive> {
        archive::get(self, id, path).await
    }

    async fn archive_put(&self, id: &str, directory: &str, root_name: Option<&str>, archive: Archive) -> Result<()> {
        archive::put(self, id, directory, root_name, archive).await
    }

    async fn stats(&self, id: &str) -> Result<StatsSample> {
        events::stats(self, id).await
    }

    async fn machine_run(&self, command: Command) -> Result<CommandOutput> {
        machine::machine_run(self, command).await
    }

    async fn events(&self, labels: Vec<String>, since: u64, wait_ms: u64) -> Result<Vec<Event>> {
        events::after(self, labels, since, wait_ms).await
    }
}
