//! The contract's `instance` interface as methods of [`Plugin`]: one line an operation.

use super::Plugin;
use super::call::Session;
use super::component::Returned;
use super::plugin::Form;
use crate::bridge::Streams;
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
    ($($name:ident as $call:ident, $operation:literal($($argument:ident: $kind:ty),*) -> $result:ty;)*) => {
        impl Plugin {
            $(pub(crate) async fn $name(
                &self,
                session: Session,
                provider: Provider,
                $($argument: $kind,)*
            ) -> Result<$result> {
                match &self.form {
                    Form::Component(component, _) => {
                        self.call(component, session, async |store, plugin| {
                            let instance = plugin.mngr_provider_instance();
                            store
                                .run_concurrent(async |call| instance.$call(call, provider $(, $argument)*).await)
                                .await?
                        })
                        .await
                    }
                    Form::Native(library) => {
                        let arguments = |_: &Streams| (provider, $($argument,)*);
                        self.call_native(library, session, $operation, arguments, |result, _| result).await
                    }
                }
            })*
        }
    };
}

operations! {
    discover as call_discover, "instance.discover"(request: DiscoverRequest) -> Vec<Agent>;
    get as call_get, "instance.get"(agent: String) -> Agent;
    start as call_start, "instance.start"(agent: String, request: StartRequest) -> Agent;
    stop as call_stop, "instance.stop"(agent: String, request: StopRequest) -> Stopped;
    pause as call_pause, "instance.pause"(agent: String) -> Agent;
    resume as call_resume, "instance.resume"(agent: String) -> Agent;
    destroy as call_destroy, "instance.destroy"(agent: String, request: DestroyRequest) -> Destroyed;
    rename as call_rename, "instance.rename"(agent: String, name: String) -> Agent;
    resources as call_resources, "instance.resources"(agent: String) -> Limits;
    update_limits as call_update_limits, "instance.update-limits"(agent: String, limits: Limits) -> UpdatedLimits;
    stats as call_stats, "instance.stats"(agent: String) -> StatsSample;
    port as call_port, "instance.port"(agent: String, port: u16) -> PortAddress;
    snapshot_check as call_snapshot_check, "instance.snapshot-check"(agent: String, include_volumes: bool)
        -> Vec<Finding>;
    snapshot_create as call_snapshot_create, "instance.snapshot-create"(agent: String, request: SnapshotRequest)
        -> Snapshot;
    snapshot_list as call_snapshot_list, "instance.snapshot-list"(filter: SnapshotFilter) -> Vec<Snapshot>;
    snapshot_delete as call_snapshot_delete, "instance.snapshot-delete"(agent: Option<String>, snapshot: String)
        -> Snapshot;
    changes as call_changes, "instance.changes"(agent: String) -> ContainerChanges;
    snapshot_diff as call_snapshot_diff, "instance.snapshot-diff"(older: String, newer: String) -> ContainerChanges;
    fork as call_fork, "instance.fork"(agent: String, request: ForkRequest) -> Vec<Agent>;
    snapshot_push as call_snapshot_push, "instance.snapshot-push"(request: PushRequest) -> Pushed;
    snapshot_pull as call_snapshot_pull, "instance.snapshot-pull"(reference: String) -> Snapshot;
    documents as call_documents, "instance.documents"(filter: DocumentFilter) -> Vec<Document>;
    document_write as call_document_write, "instance.document-write"(change: DocumentChange) -> Option<Document>;
    migrate_out as call_migrate_out, "instance.migrate-out"(agent: String, request: DepartureRequest) -> Departure;
    migrate_in as call_migrate_in, "instance.migrate-in"(request: ArrivalRequest) -> Agent;
    volumes as call_volumes, "instance.volumes"() -> Vec<AgentVolume>;
    volume_delete as call_volume_delete, "instance.volume-delete"(name: String) -> ();
    gpus as call_gpus, "instance.gpus"() -> GpuReport;
    gc as call_gc, "instance.gc"(request: GcRequest) -> Vec<Action>;
    reconcile as call_reconcile, "instance.reconcile"(pending: Vec<Pending>) -> Reconciliation;
    watched as call_watch, "instance.watch"(cursor: u64, wait_ms: u64) -> WatchResult;
}

impl Plugin {
    pub(crate) async fn watch(
        &self,
        session: Session,
        provider: Provider,
        cursor: u64,
        wait_ms: u64,
    ) -> Result<WatchResult> {
        self.watched(session.waiting(wait_ms), provider, cursor, wait_ms).await
    }
}

/// Calls that hand a host-owned stream out: what is taken in place of a handle, or of a number.
macro_rules! hand_out {
    ($($name:ident as $call:ident, $operation:literal($($argument:ident: $kind:ty),*) -> $result:ty, $redeem:expr;)*) => {
        impl Plugin {
            $(pub(crate) async fn $name(
                &self,
                session: Session,
                provider: Provider,
                $($argument: $kind,)*
            ) -> Result<$result> {
                match &self.form {
                    Form::Component(component, _) => {
                        self.call(component, session, async |store, plugin| {
                            let instance = plugin.mngr_provider_instance();
                            let returned = store
                                .run_concurrent(async |call| instance.$call(call, provider $(, $argument)*).await)
                                .await??;
                            Ok(returned.and_then(|returned| returned.redeem(&mut store.data_mut().table)))
                        })
                        .await
                    }
                    Form::Native(library) => {
                        let arguments = |_: &Streams| (provider, $($argument,)*);
                        self.call_native(library, session, $operation, arguments, $redeem).await
                    }
                }
            })*
        }
    };
}

hand_out! {
    exec as call_exec, "instance.exec"(agent: String, options: ExecOptions) -> ExecSession, Streams::redeem;
    logs as call_logs, "instance.logs"(agent: String, options: LogOptions) -> LogStream, Streams::redeem;
    snapshot_save as call_snapshot_save, "instance.snapshot-save"(snapshot: String) -> Archive, Streams::redeem;
    copy_out as call_copy_out, "instance.copy-out"(agent: String, path: String) -> (PathStat, Archive),
        |result: Result<(PathStat, u64)>, streams| {
            let (found, number) = result?;
            Ok((found, streams.take(number)?))
        };
}

/// Calls that hand a host-owned stream in.
impl Plugin {
    /// `context` is what a build in the request is to be built from.
    pub(crate) async fn create(
        &self,
        session: Session,
        provider: Provider,
        request: CreateRequest,
        context: Option<Archive>,
    ) -> Result<Agent> {
        match &self.form {
            Form::Component(component, _) => {
                self.call(component, session, async |store, plugin| {
                    let context = context
                        .map(|archive| store.data_mut().table.push(archive))
                        .transpose()?;
                    let instance = plugin.mngr_provider_instance();
                    store
                        .run_concurrent(async |call| instance.call_create(call, provider, request, context).await)
                        .await?
                })
                .await
            }
            Form::Native(library) => {
                let arguments = |streams: &Streams| (provider, request, context.map(|context| streams.put(context)));
                self.call_native(library, session, "instance.create", arguments, |result, _| result)
                    .await
            }
        }
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
        match &self.form {
            Form::Component(component, _) => {
                self.call(component, session, async |store, plugin| {
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
            Form::Native(library) => {
                let arguments = |streams: &Streams| (provider, agent, path, streams.put(archive), contents_only);
                self.call_native(library, session, "instance.copy-in", arguments, |result, _| result)
                    .await
            }
        }
    }

    pub(crate) async fn snapshot_load(
        &self,
        session: Session,
        provider: Provider,
        archive: Archive,
    ) -> Result<Snapshot> {
        match &self.form {
            Form::Component(component, _) => {
                self.call(component, session, async |store, plugin| {
                    let archive = store.data_mut().table.push(archive)?;
                    let instance = plugin.mngr_provider_instance();
                    store
                        .run_concurrent(async |call| instance.call_snapshot_load(call, provider, archive).await)
                        .await?
                })
                .await
            }
            Form::Native(library) => {
                let arguments = |streams: &Streams| (provider, streams.put(archive));
                self.call_native(library, session, "instance.snapshot-load", arguments, |result, _| {
                    result
                })
                .await
            }
        }
    }
}
