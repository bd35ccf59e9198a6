//! The component: wit-bindgen's imports as [`Capabilities`], and its exports as calls of the provider.
//!
//! It compiles on any machine, so that it is checked with the rest; only in a component do its functions lead anywhere.

use crate::contract::backend::{self, ConfigReport, Description};
use crate::contract::docker::{
    self, Archive, BuildOptions, CommitOptions, Container, ContainerChanges, ContainerFilter, ContainerSpec,
    ContainerSummary, CreatedContainer, DeriveOptions, EngineInfo, EnginePlace, Event, ExecOptions, ExecSession,
    Filesystem, Image, ImageSummary, ImportOptions, LogOptions, LogStream, PathStat, StatsSample, Volume,
};
use crate::contract::gpu::{self, Depth, Inventory};
use crate::contract::instance::{
    Action, AgentVolume, ArrivalRequest, CreateRequest, Departure, DepartureRequest, DestroyRequest, Destroyed,
    DiscoverRequest, Document, DocumentChange, DocumentFilter, ForkRequest, GcRequest, GpuReport, Guest, Pending,
    PortAddress, PushRequest, Pushed, Reconciliation, SnapshotFilter, SnapshotRequest, StartRequest, StopRequest,
    Stopped, UpdatedLimits, WatchResult,
};
use crate::contract::ssh::{self, Command, CommandOutput};
use crate::contract::system::{self, LogLevel, Progress};
use crate::contract::types::{Agent, Finding, Limits, Provider, Snapshot};
use crate::{Capabilities, DockerProviderBackend, DockerProviderInstance, Result, create};

/// The imports of the component.
#[derive(Debug, Clone, Copy, Default)]
pub struct Imports;

impl Capabilities for Imports {
    type ExecSession = ExecSession;
    type LogStream = LogStream;
    type Archive = Archive;

    fn place(&self) -> EnginePlace {
        docker::place()
    }

    async fn info(&self) -> Result<EngineInfo> {
        docker::info().await
    }

    async fn container_list(&self, filter: ContainerFilter) -> Result<Vec<ContainerSummary>> {
        docker::container_list(filter).await
    }

    async fn container_inspect(&self, id: &str) -> Result<Container> {
        docker::container_inspect(id.to_owned(), false).await
    }

    async fn container_inspect_with_size(&self, id: &str) -> Result<Container> {
        docker::container_inspect(id.to_owned(), true).await
    }

    async fn container_diff(&self, id: &str) -> Result<ContainerChanges> {
        docker::container_diff(id.to_owned()).await
    }

    async fn filesystem_diff(&self, older: Filesystem, newer: Filesystem) -> Result<ContainerChanges> {
        docker::filesystem_diff(older, newer).await
    }

    async fn container_create(&self, spec: ContainerSpec) -> Result<CreatedContainer> {
        docker::container_create(spec).await
    }

    async fn container_start(&self, id: &str) -> Result<()> {
        docker::container_start(id.to_owned()).await
    }

    async fn container_stop(&self, id: &str, timeout_seconds: Option<u32>) -> Result<()> {
        docker::container_stop(id.to_owned(), timeout_seconds).await
    }

    async fn container_pause(&self, id: &str) -> Result<()> {
        docker::container_pause(id.to_owned()).await
    }

    async fn container_unpause(&self, id: &str) -> Result<()> {
        docker::container_unpause(id.to_owned()).await
    }

    async fn container_rename(&self, id: &str, name: &str) -> Result<()> {
        docker::container_rename(id.to_owned(), name.to_owned()).await
    }

    async fn container_remove(&self, id: &str) -> Result<()> {
        docker::container_remove(id.to_owned(), true, true).await
    }

    async fn container_update(&self, id: &str, limits: Limits) -> Result<Vec<String>> {
        docker::container_update(id.to_owned(), limits).await
    }

    async fn container_commit(&self, id: &str, options: CommitOptions) -> Result<String> {
        docker::container_commit(id.to_owned(), options).await
    }

    async fn image_inspect(&self, reference: &str) -> Result<Image> {
        docker::image_inspect(reference.to_owned()).await
    }

    async fn image_list(&self, labels: Vec<String>) -> Result<Vec<ImageSummary>> {
        docker::image_list(labels).await
    }

    async fn image_remove(&self, reference: &str) -> Result<Vec<String>> {
        docker::image_remove(reference.to_owned(), false).await
    }

    async fn image_import(&self, archive: Archive, options: ImportOptions) -> Result<String> {
        docker::image_import(archive, options).await
    }

    async fn image_pull(&self, reference: &str, platform: Option<String>) -> Result<()> {
        docker::image_pull(reference.to_owned(), platform).await
    }

    async fn image_push(&self, image: &str, name: &str) -> Result<String> {
        docker::image_push(image.to_owned(), name.to_owned()).await
    }

    async fn image_derive(&self, reference: &str, options: DeriveOptions) -> Result<String> {
        docker::image_derive(reference.to_owned(), options).await
    }

    async fn image_save(&self, reference: &str) -> Result<Archive> {
        docker::image_save(reference.to_owned()).await
    }

    async fn image_load(&self, archive: Archive) -> Result<String> {
        docker::image_load(archive).await
    }

    async fn volume_list(&self, labels: Vec<String>) -> Result<Vec<Volume>> {
        docker::volume_list(labels).await
    }

    async fn volume_create(
        &self,
        name: &str,
        options: Vec<(String, String)>,
        labels: Vec<(String, String)>,
    ) -> Result<Volume> {
        docker::volume_create(name.to_owned(), "local".to_owned(), options, labels).await
    }

    async fn volume_fill(&self, name: &str, image: &str, directory: &str) -> Result<()> {
        docker::volume_fill(name.to_owned(), image.to_owned(), directory.to_owned()).await
    }

    async fn volume_import(
        &self,
        container: &str,
        path: &str,
        subpath: Option<String>,
        options: ImportOptions,
    ) -> Result<String> {
        docker::volume_import(container.to_owned(), path.to_owned(), subpath, options).await
    }

    async fn volume_remove(&self, name: &str) -> Result<()> {
        docker::volume_remove(name.to_owned(), false).await
    }

    async fn stats(&self, id: &str) -> Result<StatsSample> {
        docker::stats(id.to_owned()).await
    }

    async fn events(&self, labels: Vec<String>, since: u64, wait_ms: u64) -> Result<Vec<Event>> {
        docker::events(labels, since, wait_ms).await
    }

    async fn volume_inspect(&self, name: &str) -> Result<Volume> {
        docker::volume_inspect(name.to_owned()).await
    }

    async fn volume_users(&self, name: &str) -> Result<Vec<String>> {
        docker::volume_users(name.to_owned()).await
    }

    async fn image_build(&self, context: Archive, options: BuildOptions) -> Result<String> {
        docker::image_build(context, options).await
    }

    async fn exec(&self, id: &str, options: ExecOptions) -> Result<ExecSession> {
        docker::exec(id.to_owned(), options).await
    }

    async fn exec_archive(&self, id: &str, options: ExecOptions) -> Result<Archive> {
        docker::exec_archive(id.to_owned(), options).await
    }

    async fn exec_unpack(
        &self,
        id: &str,
        options: ExecOptions,
        image: &str,
        directory: &str,
        root_name: &str,
    ) -> Result<()> {
        let [id, image, directory, root_name] = [id, image, directory, root_name].map(str::to_owned);
        docker::exec_unpack(id, options, image, directory, root_name).await
    }

    async fn logs(&self, id: &str, options: LogOptions) -> Result<LogStream> {
        docker::logs(id.to_owned(), options).await
    }

    async fn archive_stat(&self, id: &str, path: &str) -> Result<PathStat> {
        docker::archive_stat(id.to_owned(), path.to_owned()).await
    }

    async fn archive_get(&self, id: &str, path: &str) -> Result<Archive> {
        docker::archive_get(id.to_owned(), path.to_owned()).await
    }

    async fn archive_put(&self, id: &str, directory: &str, root_name: Option<String>, archive: Archive) -> Result<()> {
        docker::archive_put(id.to_owned(), directory.to_owned(), root_name, archive).await
    }

    async fn machine_run(&self, command: Command) -> Result<CommandOutput> {
        ssh::run(command).await
    }

    async fn gpu_probe(&self, depth: Depth) -> Result<Inventory> {
        gpu::probe(depth).await
    }

    fn log(&self, level: LogLevel, message: &str) {
        system::log(level, message);
    }

    fn report(&self, progress: Progress) {
        system::report(&progress);
    }

    fn now(&self) -> String {
        system::now()
    }

    async fn sleep(&self, milliseconds: u64) {
        system::sleep(milliseconds).await;
    }

    fn random_id(&self) -> String {
        system::random_id()
    }
}

/// The exports of the component.
#[derive(Debug, Clone, Copy)]
pub struct Component;

#[cfg(all(target_arch = "wasm32", feature = "component"))]
#[allow(missing_docs, unsafe_code, clippy::all)]
mod export {
    use super::Component;
    crate::contract::export!(Component with_types_in crate::contract);
}

fn open(provider: Provider) -> Result<DockerProviderInstance<Imports>> {
    DockerProviderInstance::open(Imports, provider)
}

impl backend::Guest for Component {
    fn describe() -> Description {
        DockerProviderBackend.describe()
    }

    fn check_config(name: String, settings: String) -> ConfigReport {
        DockerProviderBackend.check_config(&name, &settings)
    }
}

impl Guest for Component {
    async fn create(provider: Provider, request: CreateRequest, context: Option<Archive>) -> Result<Agent> {
        let request = create::CreateRequest::with_context(request, context)?;
        open(provider)?.create(request).await
    }

    async fn discover(provider: Provider, request: DiscoverRequest) -> Result<Vec<Agent>> {
        open(provider)?.discover(request).await
    }

    async fn get(provider: Provider, agent: String) -> Result<Agent> {
        open(provider)?.get(&agent).await
    }

    async fn start(provider: Provider, agent: String, request: StartRequest) -> Result<Agent> {
        open(provider)?.start(&agent, request).await
    }

    async fn stop(provider: Provider, agent: String, request: StopRequest) -> Result<Stopped> {
        open(provider)?.stop(&agent, request).await
    }

    async fn pause(provider: Provider, agent: String) -> Result<Agent> {
        open(provider)?.pause(&agent).await
    }

    async fn resume(provider: Provider, agent: String) -> Result<Agent> {
        open(provider)?.resume(&agent).await
    }

    async fn destroy(provider: Provider, agent: String, request: DestroyRequest) -> Result<Destroyed> {
        open(provider)?.destroy(&agent, request).await
    }

    async fn rename(provider: Provider, agent: String, name: String) -> Result<Agent> {
        open(provider)?.rename(&agent, &name).await
    }

    async fn exec(provider: Provider, agent: String, options: ExecOptions) -> Result<ExecSession> {
        open(provider)?.exec(&agent, options).await
    }

    async fn copy_in(
        provider: Provider,
        agent: String,
        path: String,
        archive: Archive,
        contents_only: bool,
    ) -> Result<()> {
        open(provider)?.copy_in(&agent, &path, archive, contents_only).await
    }

    async fn copy_out(provider: Provider, agent: String, path: String) -> Result<(PathStat, Archive)> {
        open(provider)?.copy_out(&agent, &path).await
    }

    async fn logs(provider: Provider, agent: String, options: LogOptions) -> Result<LogStream> {
        open(provider)?.logs(&agent, options).await
    }

    async fn resources(provider: Provider, agent: String) -> Result<Limits> {
        open(provider)?.resources(&agent).await
    }

    async fn snapshot_check(provider: Provider, agent: String, include_volumes: bool) -> Result<Vec<Finding>> {
        open(provider)?.snapshot_check(&agent, include_volumes).await
    }

    async fn changes(provider: Provider, agent: String) -> Result<ContainerChanges> {
        open(provider)?.changes(&agent).await
    }

    async fn snapshot_diff(provider: Provider, older: String, newer: String) -> Result<ContainerChanges> {
        open(provider)?.snapshot_diff(&older, &newer).await
    }

    async fn fork(provider: Provider, agent: String, request: ForkRequest) -> Result<Vec<Agent>> {
        open(provider)?.fork(&agent, request).await
    }

    async fn snapshot_create(provider: Provider, agent: String, request: SnapshotRequest) -> Result<Snapshot> {
        open(provider)?.snapshot_create(&agent, request).await
    }

    async fn snapshot_list(provider: Provider, filter: SnapshotFilter) -> Result<Vec<Snapshot>> {
        open(provider)?.snapshot_list(filter).await
    }

    async fn snapshot_delete(provider: Provider, agent: Option<String>, snapshot: String) -> Result<Snapshot> {
        open(provider)?.snapshot_delete(agent, &snapshot).await
    }

    async fn snapshot_push(provider: Provider, request: PushRequest) -> Result<Pushed> {
        open(provider)?.snapshot_push(request).await
    }

    async fn snapshot_pull(provider: Provider, reference: String) -> Result<Snapshot> {
        open(provider)?.snapshot_pull(&reference).await
    }

    async fn snapshot_save(provider: Provider, snapshot: String) -> Result<Archive> {
        open(provider)?.snapshot_save(&snapshot).await
    }

    async fn snapshot_load(provider: Provider, archive: Archive) -> Result<Snapshot> {
        open(provider)?.snapshot_load(archive).await
    }

    async fn documents(provider: Provider, filter: DocumentFilter) -> Result<Vec<Document>> {
        open(provider)?.documents(filter).await
    }

    async fn document_write(provider: Provider, change: DocumentChange) -> Result<Option<Document>> {
        open(provider)?.document_write(change).await
    }

    async fn migrate_out(provider: Provider, agent: String, request: DepartureRequest) -> Result<Departure> {
        open(provider)?.migrate_out(&agent, request).await
    }

    async fn migrate_in(provider: Provider, request: ArrivalRequest) -> Result<Agent> {
        open(provider)?.migrate_in(request).await
    }

    async fn update_limits(provider: Provider, agent: String, limits: Limits) -> Result<UpdatedLimits> {
        open(provider)?.update_limits(&agent, limits).await
    }

    async fn port(provider: Provider, agent: String, port: u16) -> Result<PortAddress> {
        open(provider)?.port(&agent, port).await
    }

    async fn stats(provider: Provider, agent: String) -> Result<StatsSample> {
        open(provider)?.stats(&agent).await
    }

    async fn volumes(provider: Provider) -> Result<Vec<AgentVolume>> {
        open(provider)?.volumes().await
    }

    async fn volume_delete(provider: Provider, name: String) -> Result<()> {
        open(provider)?.volume_delete(&name).await
    }

    async fn gpus(provider: Provider) -> Result<GpuReport> {
        open(provider)?.gpus().await
    }

    async fn gc(provider: Provider, request: GcRequest) -> Result<Vec<Action>> {
        open(provider)?.gc(request).await
    }

    async fn reconcile(provider: Provider, pending: Vec<Pending>) -> Result<Reconciliation> {
        open(provider)?.reconcile(pending).await
    }

    async fn watch(provider: Provider, cursor: u64, wait_ms: u64) -> Result<WatchResult> {
        open(provider)?.watch(cursor, wait_ms).await
    }
}
