//! The contract's `instance` interface as methods of [`Plugin`]: one line an operation.

use mngr_contract::Result;
use mngr_contract::docker::{ContainerChanges, ExecOptions, LogOptions, PathStat, StatsSample};
use mngr_contract::instance::{
    Action, AgentVolume, ArrivalRequest, CreateRequest, Departure, DepartureRequest, DestroyRequest, Destroyed,
    DiscoverRequest, Document, DocumentChange, DocumentFilter, ForkRequest, GcRequest, GpuReport, Pending, PortAddress,
    PushRequest, Pushed, Reconciliation, SnapshotFilter, SnapshotRequest, StartRequest, StopRequest, Stopped,
    UpdatedLimits, WatchResult,
};
use mngr_contract::streams::{Archive, ExecSession, LogStream};
use mngr_contract::types::{Agent, Finding, Limits, Provider, Snapshot};
use wasmtime::component::Resource;

use super::Plugin;
use super::call::Session;
use super::component::Returned;
use super::plugin::Form;
use crate::bridge::Streams;

/// Calls whose arguments and results cross as they are.
macro_rules! operations {
    ($($name:ident, $operation:literal($($argument:ident: $kind:ty),*) -> $result:ty;)*) => {
        impl Plugin {
            $(#[doc = concat!("Calls `", $operation, "`.")]
            ///
            /// # Errors
            /// Those of the plugin; `internal` where it traps, panics or goes beyond a limit.
            pub async fn $name(
                &self,
                session: Session,
                provider: Provider,
                $($argument: $kind,)*
            ) -> Result<$result> {
                match &self.form {
                    Form::Component(component, _) => {
                        let arguments = (provider, $($argument,)*);
                        self.call(component, session, |plugin| Box::pin(plugin.run($operation, arguments)))
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
    discover, "instance.discover"(request: DiscoverRequest) -> Vec<Agent>;
    get, "instance.get"(agent: String) -> Agent;
    start, "instance.start"(agent: String, request: StartRequest) -> Agent;
    stop, "instance.stop"(agent: String, request: StopRequest) -> Stopped;
    pause, "instance.pause"(agent: String) -> Agent;
    resume, "instance.resume"(agent: String) -> Agent;
    destroy, "instance.destroy"(agent: String, request: DestroyRequest) -> Destroyed;
    rename, "instance.rename"(agent: String, name: String) -> Agent;
    resources, "instance.resources"(agent: String) -> Limits;
    update_limits, "instance.update-limits"(agent: String, limits: Limits) -> UpdatedLimits;
    stats, "instance.stats"(agent: String) -> StatsSample;
    port, "instance.port"(agent: String, port: u16) -> PortAddress;
    snapshot_check, "instance.snapshot-check"(agent: String, include_volumes: bool)
        -> Vec<Finding>;
    snapshot_create, "instance.snapshot-create"(agent: String, request: SnapshotRequest)
        -> Snapshot;
    snapshot_list, "instance.snapshot-list"(filter: SnapshotFilter) -> Vec<Snapshot>;
    snapshot_delete, "instance.snapshot-delete"(agent: Option<String>, snapshot: String)
        -> Snapshot;
    changes, "instance.changes"(agent: String) -> ContainerChanges;
    snapshot_diff, "instance.snapshot-diff"(older: String, newer: String) -> ContainerChanges;
    fork, "instance.fork"(agent: String, request: ForkRequest) -> Vec<Agent>;
    snapshot_push, "instance.snapshot-push"(request: PushRequest) -> Pushed;
    snapshot_pull, "instance.snapshot-pull"(reference: String) -> Snapshot;
    documents, "instance.documents"(filter: DocumentFilter) -> Vec<Document>;
    document_write, "instance.document-write"(change: DocumentChange) -> Option<Document>;
    migrate_out, "instance.migrate-out"(agent: String, request: DepartureRequest) -> Departure;
    migrate_in, "instance.migrate-in"(request: ArrivalRequest) -> Agent;
    volumes, "instance.volumes"() -> Vec<AgentVolume>;
    volume_delete, "instance.volume-delete"(name: String) -> ();
    gpus, "instance.gpus"() -> GpuReport;
    gc, "instance.gc"(request: GcRequest) -> Vec<Action>;
    reconcile, "instance.reconcile"(pending: Vec<Pending>) -> Reconciliation;
    watched, "instance.watch"(cursor: u64, wait_ms: u64) -> WatchResult;
}

impl Plugin {
    /// Calls `instance.watch`. What it is to wait comes on top of its limits.
    ///
    /// # Errors
    /// Those of the plugin; `internal` where it traps, panics or goes beyond a limit.
    pub async fn watch(&self, session: Session, provider: Provider, cursor: u64, wait_ms: u64) -> Result<WatchResult> {
        self.watched(session.waiting(wait_ms), provider, cursor, wait_ms).await
    }
}

/// Calls that hand a host-owned stream out: what is taken in place of a handle, or of a number.
macro_rules! hand_out {
    ($($name:ident, $operation:literal($($argument:ident: $kind:ty),*) -> $handle:ty, $redeem:expr;)*) => {
        impl Plugin {
            $(#[doc = concat!("Calls `", $operation, "`.")]
            ///
            /// # Errors
            /// Those of the plugin; `internal` where it traps, panics or goes beyond a limit.
            pub async fn $name(
                &self,
                session: Session,
                provider: Provider,
                $($argument: $kind,)*
            ) -> Result<<$handle as Returned>::Value> {
                match &self.form {
                    Form::Component(component, _) => {
                        let arguments = (provider, $($argument,)*);
                        self.call(component, session, |plugin| Box::pin(async move {
                            let returned: Result<$handle> = plugin.run($operation, arguments).await?;
                            Ok(returned.and_then(|returned| returned.redeem(&mut plugin.store.data_mut().table)))
                        }))
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
    exec, "instance.exec"(agent: String, options: ExecOptions) -> Resource<ExecSession>, Streams::redeem;
    logs, "instance.logs"(agent: String, options: LogOptions) -> Resource<LogStream>, Streams::redeem;
    snapshot_save, "instance.snapshot-save"(snapshot: String) -> Resource<Archive>, Streams::redeem;
    copy_out, "instance.copy-out"(agent: String, path: String) -> (PathStat, Resource<Archive>),
        |result: Result<(PathStat, u64)>, streams| {
            let (found, number) = result?;
            Ok((found, streams.take(number)?))
        };
}

const CREATE: &str = "instance.create";
const COPY_IN: &str = "instance.copy-in";
const SNAPSHOT_LOAD: &str = "instance.snapshot-load";

/// Calls that hand a host-owned stream in.
impl Plugin {
    /// Calls `instance.create`. `context` is what a build in the request is to be built from.
    ///
    /// # Errors
    /// Those of the plugin; `internal` where it traps, panics or goes beyond a limit.
    pub async fn create(
        &self,
        session: Session,
        provider: Provider,
        request: CreateRequest,
        context: Option<Archive>,
    ) -> Result<Agent> {
        match &self.form {
            Form::Component(component, _) => {
                self.call(component, session, |plugin| {
                    Box::pin(async move {
                        let context = context.map(|archive| plugin.store.data_mut().table.push(archive));
                        plugin.run(CREATE, (provider, request, context.transpose()?)).await
                    })
                })
                .await
            }
            Form::Native(library) => {
                let arguments = |streams: &Streams| (provider, request, context.map(|context| streams.put(context)));
                self.call_native(library, session, CREATE, arguments, |result, _| result)
                    .await
            }
        }
    }

    /// Calls `instance.copy-in`.
    ///
    /// # Errors
    /// Those of the plugin; `internal` where it traps, panics or goes beyond a limit.
    pub async fn copy_in(
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
                self.call(component, session, |plugin| {
                    Box::pin(async move {
                        let archive = plugin.store.data_mut().table.push(archive)?;
                        let arguments = (provider, agent, path, archive, contents_only);
                        plugin.run(COPY_IN, arguments).await
                    })
                })
                .await
            }
            Form::Native(library) => {
                let arguments = |streams: &Streams| (provider, agent, path, streams.put(archive), contents_only);
                self.call_native(library, session, COPY_IN, arguments, |result, _| result)
                    .await
            }
        }
    }

    /// Calls `instance.snapshot-load`.
    ///
    /// # Errors
    /// Those of the plugin; `internal` where it traps, panics or goes beyond a limit.
    pub async fn snapshot_load(&self, session: Session, provider: Provider, archive: Archive) -> Result<Snapshot> {
        match &self.form {
            Form::Component(component, _) => {
                self.call(component, session, |plugin| {
                    Box::pin(async move {
                        let archive = plugin.store.data_mut().table.push(archive)?;
                        plugin.run(SNAPSHOT_LOAD, (provider, archive)).await
                    })
                })
                .await
            }
            Form::Native(library) => {
                let arguments = |streams: &Streams| (provider, streams.put(archive));
                self.call_native(library, session, SNAPSHOT_LOAD, arguments, |result, _| result)
                    .await
            }
        }
    }
}
