//! The least that a provider can be, written against the contract and nothing else: it makes no agents, finds none, and says of
//! everything else that it can not do it.

#[allow(missing_docs, unsafe_code, clippy::all)]
mod contract {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "provider-plugin",
        generate_all,
    });
}

use contract::exports::mngr::provider::backend::{self, ConfigReport, Description, SettingProblem};
use contract::exports::mngr::provider::instance::{
    Action, AgentVolume, ArrivalRequest, CreateRequest, Departure, DepartureRequest, DestroyRequest, Destroyed,
    DiscoverRequest, Document, DocumentChange, DocumentFilter, ForkRequest, GcRequest, GpuReport, Guest, Pending,
    PortAddress, PushRequest, Pushed, Reconciliation, SnapshotFilter, SnapshotRequest, StartRequest, StopRequest,
    Stopped, UpdatedLimits, WatchResult,
};
use contract::mngr::provider::docker::{
    self, Archive, ContainerChanges, ContainerFilter, ExecOptions, ExecSession, LogOptions, LogStream, PathStat,
    StatsSample,
};
use contract::mngr::provider::types::{Agent, Finding, Limits, Problem, Provider, ProviderError, Snapshot};

type Result<T> = std::result::Result<T, ProviderError>;

/// The exports of the component.
#[derive(Debug, Clone, Copy)]
pub struct Null;

#[cfg(target_arch = "wasm32")]
#[allow(missing_docs, unsafe_code, clippy::all)]
mod export {
    use super::Null;
    super::contract::export!(Null with_types_in super::contract);
}

impl backend::Guest for Null {
    fn describe() -> Description {
        Description {
            name: "null".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Has no agents.".to_owned(),
            capabilities: ["discover", "get", "destroy"]
                .map(|name| format!("instance.{name}"))
                .to_vec(),
            settings: Vec::new(),
            start_arguments: Vec::new(),
            build_arguments: Vec::new(),
        }
    }

    fn check_config(_: String, settings: String) -> ConfigReport {
        let given: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&settings).unwrap_or_default();
        let unknown = given.into_iter().map(|(key, _)| SettingProblem {
            remedy: format!("remove `{key}`"),
            key,
            element: None,
            reason: "this provider has no settings".to_owned(),
        });
        ConfigReport {
            effective: "{}".to_owned(),
            warnings: Vec::new(),
            errors: unknown.collect(),
        }
    }
}

/// Functions that are not there.
macro_rules! unsupported {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $result:ty;)*) => {
        $(async fn $name(_: Provider, $($argument: $kind),*) -> Result<$result> {
            // A handle that is handed in is dropped with the rest.
            $(drop($argument);)*
            Err(ProviderError::Unsupported(Problem {
                subject: format!("instance.{}", stringify!($name).replace('_', "-")),
                reason: "this provider has no agents".to_owned(),
                remedy: "use another provider".to_owned(),
            }))
        })*
    };
}

#[allow(
    clippy::drop_non_drop,
    dropping_copy_types,
    reason = "one macro for arguments of all kinds"
)]
impl Guest for Null {
    /// The engine is asked all the same: one that is down is no engine without agents.
    async fn discover(provider: Provider, _: DiscoverRequest) -> Result<Vec<Agent>> {
        let filter = ContainerFilter {
            all: true,
            labels: vec![format!("com.imbue.mngr.provider={}", provider.name)],
        };
        docker::container_list(filter).await?;
        Ok(Vec::new())
    }

    async fn get(provider: Provider, agent: String) -> Result<Agent> {
        Self::discover(
            provider,
            DiscoverRequest {
                tags: Vec::new(),
                states: Vec::new(),
            },
        )
        .await?;
        Err(ProviderError::NotFound(Problem {
            subject: format!("agent `{}`", agent.escape_default()),
            reason: "this provider has no agents".to_owned(),
            remedy: "use another provider".to_owned(),
        }))
    }

    async fn destroy(_: Provider, _: String, _: DestroyRequest) -> Result<Destroyed> {
        Ok(Destroyed {
            agent_id: None,
            deleted_snapshots: Vec::new(),
            kept_snapshots: Vec::new(),
            kept_volumes: Vec::new(),
        })
    }

    unsupported! {
        create(request: CreateRequest, context: Option<Archive>) -> Agent;
        start(agent: String, request: StartRequest) -> Agent;
        stop(agent: String, request: StopRequest) -> Stopped;
        pause(agent: String) -> Agent;
        resume(agent: String) -> Agent;
        rename(agent: String, name: String) -> Agent;
        exec(agent: String, options: ExecOptions) -> ExecSession;
        copy_in(agent: String, path: String, archive: Archive, contents_only: bool) -> ();
        copy_out(agent: String, path: String) -> (PathStat, Archive);
        logs(agent: String, options: LogOptions) -> LogStream;
        resources(agent: String) -> Limits;
        update_limits(agent: String, limits: Limits) -> UpdatedLimits;
        stats(agent: String) -> StatsSample;
        port(agent: String, port: u16) -> PortAddress;
        snapshot_check(agent: String, include_volumes: bool) -> Vec<Finding>;
        snapshot_create(agent: String, request: SnapshotRequest) -> Snapshot;
        snapshot_list(filter: SnapshotFilter) -> Vec<Snapshot>;
        snapshot_delete(agent: Option<String>, snapshot: String) -> Snapshot;
        changes(agent: String) -> ContainerChanges;
        snapshot_diff(older: String, newer: String) -> ContainerChanges;
        fork(agent: String, request: ForkRequest) -> Vec<Agent>;
        documents(filter: DocumentFilter) -> Vec<Document>;
        document_write(change: DocumentChange) -> Option<Document>;
        snapshot_push(request: PushRequest) -> Pushed;
        snapshot_pull(reference: String) -> Snapshot;
        snapshot_save(snapshot: String) -> Archive;
        snapshot_load(archive: Archive) -> Snapshot;
        migrate_out(agent: String, request: DepartureRequest) -> Departure;
        migrate_in(request: ArrivalRequest) -> Agent;
        volumes() -> Vec<AgentVolume>;
        volume_delete(name: String) -> ();
        gpus() -> GpuReport;
        gc(request: GcRequest) -> Vec<Action>;
        reconcile(pending: Vec<Pending>) -> Reconciliation;
        watch(cursor: u64, wait_ms: u64) -> WatchResult;
    }
}
