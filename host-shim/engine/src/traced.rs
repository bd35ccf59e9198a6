//! An engine whose calls are traced, whichever it is.

use std::sync::Arc;

use async_trait::async_trait;
use mngr_contract::Result;
use mngr_contract::docker::{
    BuildOptions, CommitOptions, Container, ContainerChanges, ContainerFilter, ContainerSpec, ContainerSummary,
    CreatedContainer, DeriveOptions, EngineInfo, EnginePlace, EngineVersion, Event, ExecOptions, Image, ImageSummary,
    ImportOptions, LogOptions, Network, PathStat, StatsSample, Volume,
};
use mngr_contract::instance::PortAddress;
use mngr_contract::ssh::{Command, CommandOutput};
use mngr_contract::streams::{Archive, ExecSession, LogStream};
use mngr_contract::trace::{Kind, traced};
use mngr_contract::types::Limits;
use tracing::Span;
use tracing::field::Empty;

use super::{Connection, Duplex, Engine, ProgressSink};
use crate::credentials::Credentials;

/// Passes every call on to an engine, each in a span of its own.
pub struct Traced(pub Arc<dyn Engine>);

/// The span of a call, and what the call is about.
fn span(operation: &'static str, object: Option<&str>) -> Span {
    tracing::debug_span!(
        "engine",
        operation,
        object,
        error.type = Empty,
        otel.name = Empty,
        otel.kind = Empty,
        otel.status_code = Empty,
    )
}

#[async_trait]
impl Connection for Traced {
    fn endpoint(&self) -> String {
        self.0.endpoint()
    }

    fn place(&self) -> EnginePlace {
        self.0.place()
    }

    fn for_one_call(&self) -> Option<Arc<dyn Engine>> {
        Some(Arc::new(Self(self.0.for_one_call()?)))
    }

    async fn reached_at(&self, address: &str) -> Result<(String, Option<String>)> {
        let operation = "reached_at";
        let span = span(operation, Some(address));
        traced(Kind::Engine, operation, span, self.0.reached_at(address)).await
    }

    async fn dial(&self, address: &PortAddress, port: u16) -> Result<Box<dyn Duplex>> {
        let operation = "dial";
        let span = span(operation, Some(&address.container_id));
        traced(Kind::Engine, operation, span, self.0.dial(address, port)).await
    }
}

/// What a call is about, where that is said.
macro_rules! object {
    () => {
        None
    };
    ($object:expr) => {
        Some(&$object[..])
    };
}

/// The calls, each with what it is about.
macro_rules! calls {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $result:ty $(, about $object:expr)?;)*) => {
        #[async_trait]
        impl Engine for Traced {
            $(async fn $name(&self, $($argument: $kind),*) -> Result<$result> {
                let span = span(stringify!($name), object!($($object)?));
                traced(Kind::Engine, stringify!($name), span, self.0.$name($($argument),*)).await
            })*
        }
    };
}

calls! {
    version() -> EngineVersion;
    info() -> EngineInfo;
    container_list(filter: ContainerFilter) -> Vec<ContainerSummary>;
    container_inspect(id: &str, with_size: bool) -> Container, about id;
    container_create(spec: ContainerSpec) -> CreatedContainer, about spec.name;
    container_start(id: &str) -> (), about id;
    container_stop(id: &str, timeout_seconds: Option<u32>) -> (), about id;
    container_kill(id: &str, signal: &str) -> (), about id;
    container_pause(id: &str) -> (), about id;
    container_unpause(id: &str) -> (), about id;
    container_rename(id: &str, name: &str) -> (), about id;
    container_remove(id: &str, force: bool, volumes: bool) -> (), about id;
    container_update(id: &str, limits: Limits) -> Vec<String>, about id;
    container_diff(id: &str) -> ContainerChanges, about id;
    container_compare(older: &str, newer: &str) -> ContainerChanges, about newer;
    container_commit(id: &str, options: CommitOptions) -> String, about id;
    image_inspect(reference: &str) -> Image, about reference;
    image_list(labels: Vec<String>) -> Vec<ImageSummary>;
    image_tag(reference: &str, repository: &str, tag: &str) -> (), about reference;
    image_remove(reference: &str, force: bool) -> Vec<String>, about reference;
    image_import(archive: Archive, options: ImportOptions) -> String, about options.tag;
    image_pull(
        reference: &str,
        platform: Option<&str>,
        credentials: Option<&Credentials>,
        progress: ProgressSink
    ) -> (), about reference;
    image_push(
        reference: &str,
        credentials: Option<&Credentials>,
        progress: ProgressSink
    ) -> String, about reference;
    image_derive(reference: &str, options: DeriveOptions) -> String, about reference;
    image_save(reference: &str) -> Archive, about reference;
    image_load(archive: Archive, progress: ProgressSink) -> String;
    image_build(context: Archive, options: BuildOptions, progress: ProgressSink) -> String, about options.tag;
    volume_list(labels: Vec<String>) -> Vec<Volume>;
    volume_inspect(name: &str) -> Volume, about name;
    volume_create(
        name: &str,
        driver: &str,
        options: Vec<(String, String)>,
        labels: Vec<(String, String)>
    ) -> Volume, about name;
    volume_fill(name: &str, image: &str, directory: &str) -> (), about name;
    volume_import(
        container: &str,
        path: &str,
        subpath: Option<&str>,
        options: ImportOptions
    ) -> String, about container;
    volume_users(name: &str) -> Vec<String>, about name;
    volume_remove(name: &str, force: bool) -> (), about name;
    network_inspect(name: &str) -> Network, about name;
    exec(id: &str, options: ExecOptions) -> ExecSession, about id;
    exec_unpack(
        id: &str,
        options: ExecOptions,
        image: &str,
        directory: &str,
        root_name: &str
    ) -> (), about id;
    logs(id: &str, options: LogOptions) -> LogStream, about id;
    archive_stat(id: &str, path: &str) -> PathStat, about id;
    archive_get(id: &str, path: &str) -> Archive, about id;
    archive_put(id: &str, directory: &str, root_name: Option<&str>, archive: Archive) -> (), about id;
    stats(id: &str) -> StatsSample, about id;
    events(labels: Vec<String>, since: u64, wait_ms: u64) -> Vec<Event>;
    machine_run(command: Command) -> CommandOutput, about command.argv.first().map_or("", String::as_str);
}
