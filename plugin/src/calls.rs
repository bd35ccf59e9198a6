//! The calls of the contract: which there are, and who answers each.

use crate::contract::backend::{ConfigReport, Description};
use crate::contract::docker::{ContainerChanges, ExecOptions, LogOptions, PathStat, StatsSample};
use crate::contract::instance::{
    Action, AgentVolume, ArrivalRequest, Departure, DepartureRequest, DestroyRequest, Destroyed, DiscoverRequest,
    Document, DocumentChange, DocumentFilter, ForkRequest, GcRequest, GpuReport, Pending, PortAddress, PushRequest,
    Pushed, Reconciliation, SnapshotFilter, SnapshotRequest, StartRequest, StopRequest, Stopped, UpdatedLimits,
    WatchResult,
};
use crate::contract::types::{Agent, Finding, Limits, Snapshot};
use crate::create::CreateRequest;
use crate::{Capabilities, DockerProviderBackend, DockerProviderInstance, Result};
use crate::{
    build, compare, constraints, create, discover, documents, exec, fork, gc, gpu, lifecycle, limits, migrate, ports,
    push, reconcile, settings, snapshot, start_args, stats, volumes, watch,
};

/// The functions of `instance` that work.
const CAPABILITIES: [&str; 38] = [
    "instance.create",
    "instance.discover",
    "instance.get",
    "instance.start",
    "instance.stop",
    "instance.pause",
    "instance.resume",
    "instance.destroy",
    "instance.rename",
    "instance.exec",
    "instance.copy-in",
    "instance.copy-out",
    "instance.logs",
    "instance.resources",
    "instance.update-limits",
    "instance.stats",
    "instance.port",
    "instance.volumes",
    "instance.volume-delete",
    "instance.gpus",
    "instance.gc",
    "instance.watch",
    "instance.snapshot-check",
    "instance.changes",
    "instance.snapshot-diff",
    "instance.fork",
    "instance.snapshot-create",
    "instance.snapshot-list",
    "instance.snapshot-delete",
    "instance.snapshot-push",
    "instance.snapshot-pull",
    "instance.snapshot-save",
    "instance.snapshot-load",
    "instance.documents",
    "instance.document-write",
    "instance.migrate-out",
    "instance.migrate-in",
    "instance.reconcile",
];

impl DockerProviderBackend {
    /// What it is called, what it can do, and what it may be told.
    pub fn describe(self) -> Description {
        Description {
            name: "docker".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Runs agents as containers of a Docker engine, local or remote.".to_owned(),
            capabilities: CAPABILITIES.map(str::to_owned).to_vec(),
            settings: settings::describe(),
            start_arguments: start_args::describe(),
            build_arguments: build::describe(),
        }
    }

    /// Checks one provider's settings.
    pub fn check_config(self, name: &str, settings: &str) -> ConfigReport {
        settings::check(name, settings)
    }
}

/// Calls that are answered by a function of the same shape.
macro_rules! calls {
    ($($(#[$documentation:meta])* $name:ident => $module:ident($($argument:ident: $kind:ty),*) -> $result:ty;)*) => {
        impl<C: Capabilities> DockerProviderInstance<C> {
            $($(#[$documentation])*
            ///
            /// # Errors
            /// Those of the function of the same name.
            pub async fn $name(&self, $($argument: $kind),*) -> Result<$result> {
                $module::$name(self, $($argument),*).await
            })*
        }
    };
}

impl<C: Capabilities> DockerProviderInstance<C> {
    /// Commits an agent's filesystem to an image.
    ///
    /// # Errors
    /// Those of [`snapshot::create`].
    pub async fn snapshot_create(&self, agent: &str, request: SnapshotRequest) -> Result<Snapshot> {
        snapshot::create(self, agent, request).await
    }

    /// Snapshots, newest first.
    ///
    /// # Errors
    /// Those of [`snapshot::list`].
    pub async fn snapshot_list(&self, filter: SnapshotFilter) -> Result<Vec<Snapshot>> {
        snapshot::list(self, filter).await
    }

    /// Deletes a snapshot that no agent uses.
    ///
    /// # Errors
    /// Those of [`snapshot::delete`].
    pub async fn snapshot_delete(&self, agent: Option<String>, snapshot: &str) -> Result<Snapshot> {
        snapshot::delete(self, agent, snapshot).await
    }
}

calls! {
    /// Makes an agent: all or nothing.
    create => create(request: CreateRequest<C::Archive>) -> Agent;
    /// Every agent of this provider that fits.
    discover => discover(request: DiscoverRequest) -> Vec<Agent>;
    /// One agent.
    get => discover(agent: &str) -> Agent;
    /// Starts an agent.
    start => lifecycle(agent: &str, request: StartRequest) -> Agent;
    /// Stops an agent.
    stop => lifecycle(agent: &str, request: StopRequest) -> Stopped;
    /// Freezes an agent.
    pause => lifecycle(agent: &str) -> Agent;
    /// Thaws an agent.
    resume => lifecycle(agent: &str) -> Agent;
    /// Removes an agent.
    destroy => lifecycle(agent: &str, request: DestroyRequest) -> Destroyed;
    /// Gives an agent a new name.
    rename => lifecycle(agent: &str, name: &str) -> Agent;
    /// Starts a command in an agent.
    exec => exec(agent: &str, options: ExecOptions) -> C::ExecSession;
    /// What an agent has printed.
    logs => exec(agent: &str, options: LogOptions) -> C::LogStream;
    /// Copies into an agent.
    copy_in => exec(agent: &str, path: &str, archive: C::Archive, contents_only: bool) -> ();
    /// Copies out of an agent.
    copy_out => exec(agent: &str, path: &str) -> (PathStat, C::Archive);
    /// What a snapshot of an agent would not hold.
    snapshot_check => constraints(agent: &str, include_volumes: bool) -> Vec<Finding>;
    /// What an agent has changed of its image.
    changes => fork(agent: &str) -> ContainerChanges;
    /// What one snapshot has over another.
    snapshot_diff => compare(older: &str, newer: &str) -> ContainerChanges;
    /// Makes agents of an agent.
    fork => fork(agent: &str, request: ForkRequest) -> Vec<Agent>;
    /// Sends a snapshot to a registry.
    snapshot_push => push(request: PushRequest) -> Pushed;
    /// Takes a snapshot in from a registry.
    snapshot_pull => push(reference: &str) -> Snapshot;
    /// A snapshot as an archive.
    snapshot_save => migrate(snapshot: &str) -> C::Archive;
    /// A snapshot out of an archive.
    snapshot_load => migrate(archive: C::Archive) -> Snapshot;
    /// Makes an agent ready to be made again elsewhere.
    migrate_out => migrate(agent: &str, request: DepartureRequest) -> Departure;
    /// Makes an agent of what another provider sent.
    migrate_in => migrate(request: ArrivalRequest) -> Agent;
    /// What is kept of agents beside their containers.
    documents => documents(filter: DocumentFilter) -> Vec<Document>;
    /// Writes or deletes a document.
    document_write => documents(change: DocumentChange) -> Option<Document>;
    /// Settles calls that were cut short.
    reconcile => reconcile(pending: Vec<Pending>) -> Reconciliation;
    /// What an agent may use.
    resources => limits(agent: &str) -> Limits;
    /// Changes what an agent may use.
    update_limits => limits(agent: &str, limits: Limits) -> UpdatedLimits;
    /// What an agent uses.
    stats => stats(agent: &str) -> StatsSample;
    /// Where a port of an agent answers.
    port => ports(agent: &str, port: u16) -> PortAddress;
    /// Volumes that were made for agents.
    volumes => volumes() -> Vec<AgentVolume>;
    /// Removes a volume that no container uses.
    volume_delete => volumes(name: &str) -> ();
    /// The machine's GPUs and who holds them.
    gpus => gpu() -> GpuReport;
    /// Removes what no agent needs any more.
    gc => gc(request: GcRequest) -> Vec<Action>;
    /// What happened to agents.
    watch => watch(cursor: u64, wait_ms: u64) -> WatchResult;
}
