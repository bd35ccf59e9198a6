//! The contract's `instance` interface as methods of [`Plugin`]: one line an operation.

use super::Plugin;
use super::call::Session;
use super::component::Returned;
use crate::contract::Result;
use crate::contract::docker::{ContainerChanges, ExecOptions, LogOptions, PathStat, StatsSample};
use crate::contract::instance::{
    Action, AgentVolume, ArrivalRequest, CreateRequest, Departure, DepartureRequest, DestroyRequest, Destroyed,
    DiscoverRequest, Document, DocumentChange, DocumentFilter, ForkRequest, GcRequest, GpuReport, Pending, PortAddress,
    PushRequest, Pushed, Reconciliation, SnapshotFilter, SnapshotRequest, StartRequest, StopRequest, Stopped,
    UpdatedLimits, WatchResult,
};
use crate::contract::types::{Agent, Finding, Limits, Provider, Snapshot};
use crate::streams::{Archive, ExecSession, LogStream};

/// Calls whose arguments and results cross as they are.
macro_rules! operations {
    ($($name:ident as $call:ident($($argument:ident: $kind:ty),*) -> $result:ty;)*) => {
        impl Plugin {
            $(pub(crate) async fn $name(
                &self,
                session: Session,
                provider: Provider,
                $($argument: $kind,)*
            ) -> Result<$result> {
                self.call(session, async |store, plugin| {
                    let instance = plugin.mngr_provider_instance();
                    store
                        .run_concurrent(async |call| instance.$call(call, provider $(, $argument)*).await)
                        .await?
                })
                .await
            })*
        }
    };
}

operations! {
    discover as call_discover(request: DiscoverRequest) -> Vec<Agent>;
    get as call_get(agent: String) -> Agent;
    start as call_start(agent: String, request: StartRequest) -> Agent;
    stop as call_stop(agent: String, request: StopRequest) -> Stopped;
    pause as call_pause(agent: String) -> Agent;
    resume as call_resume(agent: String) -> Agent;
    destroy as call_destroy(agent: String, request: DestroyRequest) -> Destroyed;
    rename as call_rename(agent: String, name: String) -> Agent;
    resources as call_resources(agent: String) -> Limits;
    update_limits as call_update_limits(agent: String, limits: Limits) -> UpdatedLimits;
    stats as call_stats(agent: String) -> StatsSample;
    port as call_port(agent: String, port: u16) -> PortAddress;
    snapshot_check as call_snapshot_check(agent: String, include_volumes: bool) -> Vec<Finding>;
    snapshot_create as call_snapshot_create(agent: String, request: SnapshotRequest) -> Snapshot;
    snapshot_list as call_snapshot_list(filter: SnapshotFilter) -> Vec<Snapshot>;
    snapshot_delete as call_snapshot_delete(agent: Option<String>, snapshot: String) -> Snapshot;
    changes as call_changes(agent: String) -> ContainerChanges;
    snapshot_diff as call_snapshot_diff(older: String, newer: String) -> ContainerChanges;
    fork as call_fork(agent: String, request: ForkRequest) -> Vec<Agent>;
    snapshot_push as call_snapshot_push(request: PushRequest) -> Pushed;
    snapshot_pull as call_snapshot_pull(reference: String) -> Snapshot;
    documents as call_documents(filter: DocumentFilter) -> Vec<Document>;
    document_write as call_document_write(change: DocumentChange) -> Option<Document>;
    migrate_out as call_migrate_out(agent: String, request: DepartureRequest) -> Departure;
    migrate_in as call_migrate_in(request: ArrivalRequest) -> Agent;
    volumes as call_volumes() -> Vec<AgentVolume>;
    volume_delete as call_volume_delete(name: String) -> ();
    gpus as call_gpus() -> GpuReport;
    gc as call_gc(request: GcRequest) -> Vec<Action>;
    reconcile as call_reconcile(pending: Vec<Pending>) -> Reconciliation;
}

impl Plugin {
    pub(crate) async fn watch(
        &self,
        session: Session,
        provider: Provider,
        cursor: u64,
        wait_ms: u64,
    ) -> Result<WatchResult> {
        self.call(session.waiting(wait_ms), async |store, plugin| {
            let instance = plugin.mngr_provider_instance();
            store
                .run_concurrent(async |call| instance.call_watch(call, provider, cursor, wait_ms).await)
                .await?
        })
        .await
    }
}

/// Calls that hand a host-owned stream in or out.
impl Plugin {
    /// `context` is what a build in the request is to be built from; the request's own handle is made here.
    pub(crate) async fn create(
        &self,
        session: Session,
        provider: Provider,
        request: impl FnOnce(Option<wasmtime::component::Resource<Archive>>) -> CreateRequest,
        context: Option<Archive>,
    ) -> Result<Agent> {
        self.call(session, async |store, plugin| {
            let context = context
                .map(|archive| store.data_mut().table.push(archive))
                .transpose()?;
            let request = request(context);
            let instance = plugin.mngr_provider_instance();
            store
                .run_concurrent(async |call| instance.call_create(call, provider, request).await)
                .await?
        })
        .await
    }

    pub(crate) async fn exec(
        &self,
        session: Session,
        provider: Provider,
        agent: String,
        options: ExecOptions,
    ) -> Result<ExecSession> {
        self.call(session, async |store, plugin| {
            let instance = plugin.mngr_provider_instance();
            let returned = store
                .run_concurrent(async |call| instance.call_exec(call, provider, agent, options).await)
                .await??;
            Ok(returned.and_then(|session| session.redeem(&mut store.data_mut().table)))
        })
        .await
    }

    pub(crate) async fn logs(
        &self,
        session: Session,
        provider: Provider,
        agent: String,
        options: LogOptions,
    ) -> Result<LogStream> {
        self.call(session, async |store, plugin| {
            let instance = plugin.mngr_provider_instance();
            let returned = store
                .run_concurrent(async |call| instance.call_logs(call, provider, agent, options).await)
                .await??;
            Ok(returned.and_then(|stream| stream.redeem(&mut store.data_mut().table)))
        })
        .await
    }

    pub(crate) async fn copy_in(
        &self,
        session: Session,
        provider: Provider,
        agent: String,
        path: String,
        archive: Archive,
        contents_only: bool,
    ) -> Result<()> {
        self.call(session, async |store, plugin| {
            let archive = store.data_mut().table.push(archive)?;
            let instance = plugin.mngr_provider_instance();
            store
                .run_concurrent(async |call| {
                    instance
                        .call_copy_in(call, provider, agent, path, archive, contents_only)
                        .await
                })
                .await?
        })
        .await
    }

    pub(crate) async fn copy_out(
        &self,
        session: Session,
        provider: Provider,
        agent: String,
        path: String,
    ) -> Result<(PathStat, Archive)> {
        self.call(session, async |store, plugin| {
            let instance = plugin.mngr_provider_instance();
            let returned = store
                .run_concurrent(async |call| instance.call_copy_out(call, provider, agent, path).await)
                .await??;
            Ok(returned.and_then(|out| out.redeem(&mut store.data_mut().table)))
        })
        .await
    }

    pub(crate) async fn snapshot_save(
        &self,
        session: Session,
        provider: Provider,
        snapshot: String,
    ) -> Result<Archive> {
        self.call(session, async |store, plugin| {
            let instance = plugin.mngr_provider_instance();
            let returned = store
                .run_concurrent(async |call| instance.call_snapshot_save(call, provider, snapshot).await)
                .await??;
            Ok(returned.and_then(|archive| archive.redeem(&mut store.data_mut().table)))
        })
        .await
    }

    pub(crate) async fn snapshot_load(
        &self,
        session: Session,
        provider: Provider,
        archive: Archive,
    ) -> Result<Snapshot> {
        self.call(session, async |store, plugin| {
            let archive = store.data_mut().table.push(archive)?;
            let instance = plugin.mngr_provider_instance();
            store
                .run_concurrent(async |call| instance.call_snapshot_load(call, provider, archive).await)
                .await?
        })
        .await
    }
}
