//! A provider whose agents are containers with labels.
//!
//! What it can do is in `describe`; the conformance suite looks at that and skips the rest.

#[allow(missing_docs, unsafe_code, clippy::all)]
mod contract {
    wit_bindgen::generate!({
        path: "wit",
        world: "provider-plugin",
        generate_all,
    });
}

mod agents;
mod errors;
mod life;
mod settings;
mod spec;

use contract::exports::mngr::provider::backend::{self, ConfigReport, Description};
use contract::exports::mngr::provider::instance::{
    Action, AgentVolume, ArrivalRequest, CreateRequest, Departure, DepartureRequest, DestroyRequest, Destroyed,
    DiscoverRequest, Document, DocumentChange, DocumentFilter, ForkRequest, GcRequest, GpuReport, Guest, Pending,
    PortAddress, PushRequest, Pushed, Reconciliation, SnapshotFilter, SnapshotRequest, StartRequest, StopRequest,
    Stopped, UpdatedLimits, WatchResult,
};
use contract::mngr::provider::docker::{
    self, Archive, ContainerChanges, ExecOptions, ExecSession, LogOptions, LogStream, PathStat, StatsSample,
};
use contract::mngr::provider::types::{Agent, Finding, Limits, Provider, ProviderError, Snapshot};

/// What every call answers.
type Result<T> = std::result::Result<T, ProviderError>;

/// The exports of the component. Each call gets a fresh instance: all that lasts is in labels.
struct MyProvider;

contract::export!(MyProvider with_types_in contract);

impl backend::Guest for MyProvider {
    fn describe() -> Description {
        let works = ["create", "discover", "get", "start", "stop", "destroy", "exec", "logs"];
        Description {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Runs agents as containers of a Docker engine.".to_owned(),
            capabilities: works.map(|name| format!("instance.{name}")).to_vec(),
            settings: settings::describe(),
            start_arguments: Vec::new(),
            build_arguments: Vec::new(),
        }
    }

    fn check_config(_: String, settings: String) -> ConfigReport {
        settings::check(&settings)
    }
}

/// Functions that are not there yet.
macro_rules! unsupported {
    ($($name:ident($($kind:ty),*) -> $result:ty;)*) => {
        $(async fn $name(_: Provider, $(_: $kind),*) -> Result<$result> {
            Err(errors::unsupported(&format!("instance.{}", stringify!($name).replace('_', "-"))))
        })*
    };
}

impl Guest for MyProvider {
    async fn create(provider: Provider, request: CreateRequest, _: Option<Archive>) -> Result<Agent> {
        life::create(&provider, request).await
    }

    async fn discover(provider: Provider, request: DiscoverRequest) -> Result<Vec<Agent>> {
        let mut agents = agents::all(&provider).await?;
        agents.retain(|agent| request.tags.iter().all(|tag| agent.tags.contains(tag)));
        agents.retain(|agent| request.states.is_empty() || request.states.contains(&agent.state));
        Ok(agents)
    }

    async fn get(provider: Provider, agent: String) -> Result<Agent> {
        let container = agents::container(&provider, &agent).await?;
        Ok(agents::of_container(&provider, &container))
    }

    async fn start(provider: Provider, agent: String, request: StartRequest) -> Result<Agent> {
        if request.snapshot.is_some() {
            return Err(errors::unsupported("a start from a snapshot"));
        }
        let container = agents::container(&provider, &agent).await?;
        docker::container_start(container.id.clone()).await?;
        Self::get(provider, container.id).await
    }

    async fn stop(provider: Provider, agent: String, request: StopRequest) -> Result<Stopped> {
        if request.snapshot.is_some() {
            return Err(errors::unsupported("a snapshot before a stop"));
        }
        let container = agents::container(&provider, &agent).await?;
        docker::container_stop(container.id.clone(), request.timeout_seconds).await?;
        let agent = Self::get(provider, container.id).await?;
        Ok(Stopped { agent, snapshot: None })
    }

    async fn destroy(provider: Provider, agent: String, _: DestroyRequest) -> Result<Destroyed> {
        life::destroy(&provider, &agent).await
    }

    async fn exec(provider: Provider, agent: String, options: ExecOptions) -> Result<ExecSession> {
        if options.argv.is_empty() {
            return Err(errors::invalid(
                "argv",
                "",
                "there is nothing to run",
                "give a program and its arguments",
            ));
        }
        let container = agents::container(&provider, &agent).await?;
        agents::check_runs(&container)?;
        docker::exec(container.id, options).await
    }

    async fn logs(provider: Provider, agent: String, options: LogOptions) -> Result<LogStream> {
        let container = agents::container(&provider, &agent).await?;
        docker::logs(container.id, options).await
    }

    unsupported! {
        pause(String) -> Agent;
        resume(String) -> Agent;
        rename(String, String) -> Agent;
        copy_in(String, String, Archive, bool) -> ();
        copy_out(String, String) -> (PathStat, Archive);
        resources(String) -> Limits;
        update_limits(String, Limits) -> UpdatedLimits;
        stats(String) -> StatsSample;
        port(String, u16) -> PortAddress;
        snapshot_check(String, bool) -> Vec<Finding>;
        snapshot_create(String, SnapshotRequest) -> Snapshot;
        snapshot_list(SnapshotFilter) -> Vec<Snapshot>;
        snapshot_delete(Option<String>, String) -> Snapshot;
        changes(String) -> ContainerChanges;
        snapshot_diff(String, String) -> ContainerChanges;
        fork(String, ForkRequest) -> Vec<Agent>;
        documents(DocumentFilter) -> Vec<Document>;
        document_write(DocumentChange) -> Option<Document>;
        snapshot_push(PushRequest) -> Pushed;
        snapshot_pull(String) -> Snapshot;
        snapshot_save(String) -> Archive;
        snapshot_load(Archive) -> Snapshot;
        migrate_out(String, DepartureRequest) -> Departure;
        migrate_in(ArrivalRequest) -> Agent;
        volumes() -> Vec<AgentVolume>;
        volume_delete(String) -> ();
        gpus() -> GpuReport;
        gc(GcRequest) -> Vec<Action>;
        reconcile(Vec<Pending>) -> Reconciliation;
        watch(u64, u64) -> WatchResult;
    }
}
