//! The component: wit-bindgen's imports as [`Capabilities`], and its exports as calls of the provider.
//!
//! It compiles on any machine, so that it is checked with the rest; only in a component do its functions lead anywhere.

use crate::contract::backend::{self, ConfigReport, Description};
use crate::contract::docker::{
    self, Archive, CommitOptions, Container, ContainerFilter, ContainerSpec, ContainerSummary, CreatedContainer,
    ExecOptions, ExecSession, Image, ImageSummary, LogOptions, LogStream, PathStat, StatsSample,
};
use crate::contract::instance::{
    Action, AgentVolume, CreateRequest, DestroyRequest, Destroyed, DiscoverRequest, ForkRequest, GpuReport, Guest,
    SnapshotFilter, SnapshotRequest, Source, StartRequest, StopRequest, Stopped, UpdatedLimits, WatchResult,
};
use crate::contract::system::{self, LogLevel, Progress};
use crate::contract::types::{Agent, Finding, Limits, Provider, Snapshot};
use crate::error::unsupported;
use crate::{Capabilities, DockerProviderBackend, DockerProviderInstance, Result, create};

/// The imports of the component.
#[derive(Debug, Clone, Copy, Default)]
pub struct Imports;

impl Capabilities for Imports {
    type ExecSession = ExecSession;
    type LogStream = LogStream;
    type Archive = Archive;

    async fn container_list(&self, filter: ContainerFilter) -> Result<Vec<ContainerSummary>> {
        docker::container_list(filter).await
    }

    async fn container_inspect(&self, id: &str) -> Result<Container> {
        docker::container_inspect(id.to_owned(), false).await
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

    async fn image_pull(&self, reference: &str, platform: Option<String>) -> Result<()> {
        docker::image_pull(reference.to_owned(), platform).await
    }

    async fn exec(&self, id: &str, options: ExecOptions) -> Result<ExecSession> {
        docker::exec(id.to_owned(), options).await
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

#[cfg(target_arch = "wasm32")]
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

impl From<CreateRequest> for create::CreateRequest<Archive> {
    fn from(request: CreateRequest) -> Self {
        Self {
            name: request.name,
            source: match request.source {
                Source::DefaultImage => create::Source::DefaultImage,
                Source::Image(image) => create::Source::Image(image),
                Source::Build(build) => create::Source::Build {
                    context: build.context,
                    args: build.args,
                },
                Source::Snapshot(snapshot) => create::Source::Snapshot(snapshot),
            },
            agent_type: request.agent_type,
            tags: request.tags,
            parent_id: request.parent_id,
            start_args: request.start_args,
            command: request.command,
            no_start: request.no_start,
        }
    }
}

impl Guest for Component {
    async fn create(provider: Provider, request: CreateRequest) -> Result<Agent> {
        open(provider)?.create(request.into()).await
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

    async fn snapshot_create(provider: Provider, agent: String, request: SnapshotRequest) -> Result<Snapshot> {
        open(provider)?.snapshot_create(&agent, request).await
    }

    async fn snapshot_list(provider: Provider, filter: SnapshotFilter) -> Result<Vec<Snapshot>> {
        open(provider)?.snapshot_list(filter).await
    }

    async fn snapshot_delete(provider: Provider, agent: Option<String>, snapshot: String) -> Result<Snapshot> {
        open(provider)?.snapshot_delete(agent, &snapshot).await
    }

    async fn update_limits(_: Provider, _: String, _: Limits) -> Result<UpdatedLimits> {
        Err(unsupported(
            "update-limits",
            "use `docker update` with the container that `mngr-docker show` names",
        ))
    }

    async fn stats(_: Provider, _: String) -> Result<StatsSample> {
        Err(unsupported(
            "stats",
            "use `docker stats` with the container that `mngr-docker show` names",
        ))
    }

    async fn snapshot_check(_: Provider, _: String) -> Result<Vec<Finding>> {
        Err(unsupported(
            "snapshot-check",
            "see `docker inspect` for what is mounted: mounts are not in a snapshot",
        ))
    }

    async fn fork(_: Provider, _: String, _: ForkRequest) -> Result<Vec<Agent>> {
        Err(unsupported(
            "fork",
            "take a snapshot, and create each agent from it: mngr-docker create NAME --snapshot ID",
        ))
    }

    async fn volumes(_: Provider) -> Result<Vec<AgentVolume>> {
        Err(unsupported("volumes", "use `docker volume ls`"))
    }

    async fn gpus(_: Provider) -> Result<GpuReport> {
        Err(unsupported(
            "gpus",
            "use `nvidia-smi` or its like on the engine's machine",
        ))
    }

    async fn gc(_: Provider, _: bool) -> Result<Vec<Action>> {
        Err(unsupported("gc", "destroy agents and delete snapshots one by one"))
    }

    async fn reconcile(_: Provider) -> Result<Vec<Action>> {
        Err(unsupported(
            "reconcile",
            "look at `mngr-docker list` and destroy what is half made",
        ))
    }

    async fn watch(_: Provider, _: u64, _: u64) -> Result<WatchResult> {
        Err(unsupported("watch", "ask for the list again and again"))
    }
}
