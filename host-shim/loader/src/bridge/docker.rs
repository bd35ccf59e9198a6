//! `docker`: typed operations of the engine.

use mngr_contract::Result;
use mngr_contract::docker::{
    BuildOptions, CommitOptions, Container, ContainerChanges, ContainerFilter, ContainerSpec, ContainerSummary,
    CreatedContainer, DeriveOptions, EngineInfo, EnginePlace, EngineVersion, Event, ExecOptions, Filesystem, Host,
    HostArchive, HostExecSession, HostLogStream, HostWithStore, Image, ImageSummary, ImportOptions, LogOptions,
    Network, PathStat, StatsSample, Volume,
};
use mngr_contract::error::internal;
use mngr_contract::streams::{Archive, ExecSession, LogStream};
use mngr_contract::types::Limits;
use mngr_engine::ProgressSink;
use wasmtime::component::{Accessor, HasSelf, Resource, ResourceTableError};

use super::CallState;
use super::context::{CallContext, Request};

impl Host for CallState {
    fn place(&mut self) -> EnginePlace {
        let _ = self.context.meter.host_call();
        self.context.place()
    }
}

impl HostExecSession for CallState {
    fn drop(&mut self, session: Resource<ExecSession>) -> wasmtime::Result<()> {
        self.table.delete(session)?;
        Ok(())
    }
}

impl HostLogStream for CallState {
    fn drop(&mut self, stream: Resource<LogStream>) -> wasmtime::Result<()> {
        self.table.delete(stream)?;
        Ok(())
    }
}

impl HostArchive for CallState {
    fn drop(&mut self, archive: Resource<Archive>) -> wasmtime::Result<()> {
        self.table.delete(archive)?;
        Ok(())
    }
}

fn context(call: &Accessor<CallState, HasSelf<CallState>>) -> CallContext {
    call.with(|mut access| access.get().context.clone())
}

/// The engine, for one request of the plugin.
pub(super) fn guard(call: &Accessor<CallState, HasSelf<CallState>>) -> Result<Request> {
    context(call).engine()
}

/// The same for what takes as long as the plugin says.
pub(super) fn guard_at_its_leisure(call: &Accessor<CallState, HasSelf<CallState>>) -> Result<Request> {
    context(call).engine_at_its_leisure()
}

fn progress(call: &Accessor<CallState, HasSelf<CallState>>) -> ProgressSink {
    context(call).progress
}

/// Hands a host-owned value to the plugin.
fn lend<R: Send + 'static>(call: &Accessor<CallState, HasSelf<CallState>>, value: R) -> Result<Resource<R>> {
    call.with(|mut access| {
        let call = access.get();
        call.table.push(value).map_err(|error| match error {
            ResourceTableError::Full => call.context.meter.too_many_handles().error(&call.context.plugin),
            other => handle(&other),
        })
    })
}

/// Takes back what the plugin was handed.
fn take(call: &Accessor<CallState, HasSelf<CallState>>, archive: Resource<Archive>) -> Result<Archive> {
    call.with(|mut access| access.get().table.delete(archive))
        .map_err(|error| handle(&error))
}

fn handle(error: &ResourceTableError) -> mngr_contract::ProviderError {
    internal(
        "a stream's handle",
        error.to_string(),
        "this is a fault of the plugin; report it to its author",
    )
}

impl HostWithStore<CallState> for HasSelf<CallState> {
    async fn version(call: &Accessor<CallState, Self>) -> Result<EngineVersion> {
        guard(call)?.version().await
    }

    async fn info(call: &Accessor<CallState, Self>) -> Result<EngineInfo> {
        guard(call)?.info().await
    }

    async fn container_list(
        call: &Accessor<CallState, Self>,
        filter: ContainerFilter,
    ) -> Result<Vec<ContainerSummary>> {
        guard(call)?.container_list(filter).await
    }

    async fn container_inspect(call: &Accessor<CallState, Self>, id: String, with_size: bool) -> Result<Container> {
        guard(call)?.container_inspect(&id, with_size).await
    }

    async fn container_create(call: &Accessor<CallState, Self>, spec: ContainerSpec) -> Result<CreatedContainer> {
        guard(call)?.container_create(spec).await
    }

    async fn container_start(call: &Accessor<CallState, Self>, id: String) -> Result<()> {
        guard(call)?.container_start(&id).await
    }

    async fn container_stop(call: &Accessor<CallState, Self>, id: String, timeout_seconds: Option<u32>) -> Result<()> {
        guard(call)?.container_stop(&id, timeout_seconds).await
    }

    async fn container_kill(call: &Accessor<CallState, Self>, id: String, signal: String) -> Result<()> {
        guard(call)?.container_kill(&id, &signal).await
    }

    async fn container_pause(call: &Accessor<CallState, Self>, id: String) -> Result<()> {
        guard(call)?.container_pause(&id).await
    }

    async fn container_unpause(call: &Accessor<CallState, Self>, id: String) -> Result<()> {
        guard(call)?.container_unpause(&id).await
    }

    async fn container_rename(call: &Accessor<CallState, Self>, id: String, name: String) -> Result<()> {
        guard(call)?.container_rename(&id, &name).await
    }

    async fn container_remove(call: &Accessor<CallState, Self>, id: String, force: bool, volumes: bool) -> Result<()> {
        guard(call)?.container_remove(&id, force, volumes).await
    }

    async fn container_update(call: &Accessor<CallState, Self>, id: String, limits: Limits) -> Result<Vec<String>> {
        guard(call)?.container_update(&id, limits).await
    }

    async fn container_diff(call: &Accessor<CallState, Self>, id: String) -> Result<ContainerChanges> {
        guard(call)?.container_diff(&id).await
    }

    async fn filesystem_diff(
        call: &Accessor<CallState, Self>,
        older: Filesystem,
        newer: Filesystem,
    ) -> Result<ContainerChanges> {
        guard(call)?.filesystem_diff(older, newer).await
    }

    async fn container_commit(call: &Accessor<CallState, Self>, id: String, options: CommitOptions) -> Result<String> {
        guard(call)?.container_commit(&id, options).await
    }

    async fn image_inspect(call: &Accessor<CallState, Self>, reference: String) -> Result<Image> {
        guard(call)?.image_inspect(&reference).await
    }

    async fn image_list(call: &Accessor<CallState, Self>, labels: Vec<String>) -> Result<Vec<ImageSummary>> {
        guard(call)?.image_list(labels).await
    }

    async fn image_tag(
        call: &Accessor<CallState, Self>,
        reference: String,
        repository: String,
        tag: String,
    ) -> Result<()> {
        guard(call)?.image_tag(&reference, &repository, &tag).await
    }

    async fn image_remove(call: &Accessor<CallState, Self>, reference: String, force: bool) -> Result<Vec<String>> {
        guard(call)?.image_remove(&reference, force).await
    }

    async fn volume_list(call: &Accessor<CallState, Self>, labels: Vec<String>) -> Result<Vec<Volume>> {
        guard(call)?.volume_list(labels).await
    }

    async fn volume_inspect(call: &Accessor<CallState, Self>, name: String) -> Result<Volume> {
        guard(call)?.volume_inspect(&name).await
    }

    async fn volume_create(
        call: &Accessor<CallState, Self>,
        name: String,
        driver: String,
        options: Vec<(String, String)>,
        labels: Vec<(String, String)>,
    ) -> Result<Volume> {
        guard(call)?.volume_create(&name, &driver, options, labels).await
    }

    async fn volume_fill(
        call: &Accessor<CallState, Self>,
        name: String,
        image: String,
        directory: String,
    ) -> Result<()> {
        guard(call)?.volume_fill(&name, &image, &directory).await
    }

    async fn volume_import(
        call: &Accessor<CallState, Self>,
        container: String,
        path: String,
        subpath: Option<String>,
        options: ImportOptions,
    ) -> Result<String> {
        guard(call)?
            .volume_import(&container, &path, subpath.as_deref(), options)
            .await
    }

    async fn volume_users(call: &Accessor<CallState, Self>, name: String) -> Result<Vec<String>> {
        guard(call)?.volume_users(&name).await
    }

    async fn volume_remove(call: &Accessor<CallState, Self>, name: String, force: bool) -> Result<()> {
        guard(call)?.volume_remove(&name, force).await
    }

    async fn network_inspect(call: &Accessor<CallState, Self>, name: String) -> Result<Network> {
        guard(call)?.network_inspect(&name).await
    }

    async fn archive_stat(call: &Accessor<CallState, Self>, id: String, path: String) -> Result<PathStat> {
        guard(call)?.archive_stat(&id, &path).await
    }

    async fn stats(call: &Accessor<CallState, Self>, id: String) -> Result<StatsSample> {
        guard(call)?.stats(&id).await
    }

    async fn events(
        call: &Accessor<CallState, Self>,
        labels: Vec<String>,
        since: u64,
        wait_ms: u64,
    ) -> Result<Vec<Event>> {
        guard_at_its_leisure(call)?.events(labels, since, wait_ms).await
    }

    async fn image_import(
        call: &Accessor<CallState, Self>,
        archive: Resource<Archive>,
        options: ImportOptions,
    ) -> Result<String> {
        let archive = take(call, archive)?;
        guard(call)?.image_import(archive, options).await
    }

    async fn image_pull(call: &Accessor<CallState, Self>, reference: String, platform: Option<String>) -> Result<()> {
        guard(call)?
            .image_pull(&reference, platform.as_deref(), progress(call))
            .await
    }

    async fn image_push(call: &Accessor<CallState, Self>, image: String, name: String) -> Result<String> {
        guard(call)?.image_push(&image, &name, progress(call)).await
    }

    async fn image_derive(
        call: &Accessor<CallState, Self>,
        reference: String,
        options: DeriveOptions,
    ) -> Result<String> {
        guard(call)?.image_derive(&reference, options).await
    }

    async fn image_save(call: &Accessor<CallState, Self>, reference: String) -> Result<Resource<Archive>> {
        let archive = guard(call)?.image_save(&reference).await?;
        lend(call, archive)
    }

    async fn image_load(call: &Accessor<CallState, Self>, archive: Resource<Archive>) -> Result<String> {
        let archive = take(call, archive)?;
        guard(call)?.image_load(archive, progress(call)).await
    }

    async fn image_build(
        call: &Accessor<CallState, Self>,
        context: Resource<Archive>,
        options: BuildOptions,
    ) -> Result<String> {
        let context = take(call, context)?;
        guard(call)?.image_build(context, options, progress(call)).await
    }

    async fn exec(call: &Accessor<CallState, Self>, id: String, options: ExecOptions) -> Result<Resource<ExecSession>> {
        let session = guard(call)?.exec(&id, options).await?;
        lend(call, session)
    }

    async fn exec_archive(
        call: &Accessor<CallState, Self>,
        id: String,
        options: ExecOptions,
    ) -> Result<Resource<Archive>> {
        let archive = guard(call)?.exec_archive(&id, options).await?;
        lend(call, archive)
    }

    async fn exec_unpack(
        call: &Accessor<CallState, Self>,
        id: String,
        options: ExecOptions,
        image: String,
        directory: String,
        root_name: String,
    ) -> Result<()> {
        guard(call)?
            .exec_unpack(&id, options, &image, &directory, &root_name)
            .await
    }

    async fn logs(call: &Accessor<CallState, Self>, id: String, options: LogOptions) -> Result<Resource<LogStream>> {
        let stream = guard(call)?.logs(&id, options).await?;
        lend(call, stream)
    }

    async fn archive_get(call: &Accessor<CallState, Self>, id: String, path: String) -> Result<Resource<Archive>> {
        let archive = guard(call)?.archive_get(&id, &path).await?;
        lend(call, archive)
    }

    async fn archive_put(
        call: &Accessor<CallState, Self>,
        id: String,
        directory: String,
        root_name: Option<String>,
        archive: Resource<Archive>,
    ) -> Result<()> {
        let archive = take(call, archive)?;
        guard(call)?
            .archive_put(&id, &directory, root_name.as_deref(), archive)
            .await
    }
}
