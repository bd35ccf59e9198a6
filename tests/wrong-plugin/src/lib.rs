//! The Docker provider, but for one rule of the conformance suite that it breaks: the one that its setting `fault` names.
//!
//! Each rule has its fault here, in the file of the functions that it is about. What a provider says of itself it says without
//! settings; which of that is wrong is written into the component's bytes, in place of `describe::NONE`, and which version it says
//! it is in place of `describe::VERSION`.

mod call;
mod describe;
mod documents;
mod engine;
mod host;
mod inside;
mod life;
mod limits;
mod moves;
mod settings;
mod snapshots;

use mngr_docker_plugin::Result;
use mngr_docker_plugin::contract::backend::{self, ConfigReport, Description};
use mngr_docker_plugin::contract::docker::{
    Archive, ContainerChanges, ExecOptions, ExecSession, LogOptions, LogStream, PathStat, StatsSample,
};
use mngr_docker_plugin::contract::instance::{
    Action, AgentVolume, ArrivalRequest, CreateRequest, Departure, DepartureRequest, DestroyRequest, Destroyed,
    DiscoverRequest, Document, DocumentChange, DocumentFilter, ForkRequest, GcRequest, GpuReport, Guest, Pending,
    PortAddress, PushRequest, Pushed, Reconciliation, SnapshotFilter, SnapshotRequest, StartRequest, StopRequest,
    Stopped, UpdatedLimits, WatchResult,
};
use mngr_docker_plugin::contract::types::{Agent, Finding, Limits, Provider, Snapshot};

use call::Call;

/// The exports of the component.
#[derive(Debug, Clone, Copy)]
pub struct Wrong;

#[cfg(target_arch = "wasm32")]
#[allow(missing_docs, unsafe_code, clippy::all)]
mod export {
    use super::Wrong;
    mngr_docker_plugin::contract::export!(Wrong with_types_in mngr_docker_plugin::contract);
}

impl backend::Guest for Wrong {
    fn describe() -> Description {
        describe::describe()
    }

    fn check_config(name: String, settings: String) -> ConfigReport {
        settings::check_config(&name, &settings)
    }
}

/// Each export is answered by the function of its name.
macro_rules! exports {
    ($($module:ident::$name:ident($($argument:ident: $kind:ty),*) -> $result:ty;)*) => {
        impl Guest for Wrong {
            $(async fn $name(provider: Provider, $($argument: $kind),*) -> Result<$result> {
                $module::$name(Call::open(stringify!($name), provider)?, $($argument),*).await
            })*
        }
    };
}

exports! {
    life::create(request: CreateRequest, context: Option<Archive>) -> Agent;
    life::discover(request: DiscoverRequest) -> Vec<Agent>;
    life::get(agent: String) -> Agent;
    life::start(agent: String, request: StartRequest) -> Agent;
    life::stop(agent: String, request: StopRequest) -> Stopped;
    life::pause(agent: String) -> Agent;
    life::resume(agent: String) -> Agent;
    life::destroy(agent: String, request: DestroyRequest) -> Destroyed;
    life::rename(agent: String, name: String) -> Agent;
    inside::exec(agent: String, options: ExecOptions) -> ExecSession;
    inside::copy_in(agent: String, path: String, archive: Archive, contents_only: bool) -> ();
    inside::copy_out(agent: String, path: String) -> (PathStat, Archive);
    inside::logs(agent: String, options: LogOptions) -> LogStream;
    limits::resources(agent: String) -> Limits;
    limits::update_limits(agent: String, limits: Limits) -> UpdatedLimits;
    limits::stats(agent: String) -> StatsSample;
    limits::port(agent: String, port: u16) -> PortAddress;
    snapshots::snapshot_check(agent: String, include_volumes: bool) -> Vec<Finding>;
    snapshots::snapshot_create(agent: String, request: SnapshotRequest) -> Snapshot;
    snapshots::snapshot_list(filter: SnapshotFilter) -> Vec<Snapshot>;
    snapshots::snapshot_delete(agent: Option<String>, snapshot: String) -> Snapshot;
    snapshots::changes(agent: String) -> ContainerChanges;
    snapshots::snapshot_diff(older: String, newer: String) -> ContainerChanges;
    snapshots::fork(agent: String, request: ForkRequest) -> Vec<Agent>;
    documents::documents(filter: DocumentFilter) -> Vec<Document>;
    documents::document_write(change: DocumentChange) -> Option<Document>;
    moves::snapshot_push(request: PushRequest) -> Pushed;
    moves::snapshot_pull(reference: String) -> Snapshot;
    moves::snapshot_save(snapshot: String) -> Archive;
    moves::snapshot_load(archive: Archive) -> Snapshot;
    moves::migrate_out(agent: String, request: DepartureRequest) -> Departure;
    moves::migrate_in(request: ArrivalRequest) -> Agent;
    host::volumes() -> Vec<AgentVolume>;
    host::volume_delete(name: String) -> ();
    host::gpus() -> GpuReport;
    host::gc(request: GcRequest) -> Vec<Action>;
    host::reconcile(pending: Vec<Pending>) -> Reconciliation;
    host::watch(cursor: u64, wait_ms: u64) -> WatchResult;
}
