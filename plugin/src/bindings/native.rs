//! The dynamic library: host calls as [`Capabilities`], and calls by name as calls of the provider.
//!
//! The names are those of `wit/`, and so is the order of the arguments.

use std::rc::Rc;

use mngr_plugin_abi::guest::{self, Guest, Stream};
use mngr_plugin_abi::{decode, encode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::contract::docker::{
    BuildOptions, CommitOptions, Container, ContainerChanges, ContainerFilter, ContainerSpec, ContainerSummary,
    CreatedContainer, DeriveOptions, EngineInfo, EnginePlace, Event, ExecOptions, Filesystem, Image, ImageSummary,
    ImportOptions, LogOptions, PathStat, StatsSample, Volume,
};
use crate::contract::gpu::{Depth, Inventory};
use crate::contract::instance;
use crate::contract::ssh::{Command, CommandOutput};
use crate::contract::system::{LogLevel, Progress};
use crate::contract::types::{Limits, Provider};
use crate::create::CreateRequest;
use crate::{Capabilities, DockerProviderBackend, DockerProviderInstance, Result};

/// The version of the contract that this is built against.
pub const CONTRACT: &str = "0.1.0";

/// What the host offers for one call.
pub struct Imports(Rc<Guest>);

impl Imports {
    async fn call<R: DeserializeOwned>(&self, operation: &'static str, arguments: impl Serialize) -> R {
        self.0.submit(operation, &arguments).await
    }

    /// The same, answered with a stream.
    async fn open(&self, operation: &'static str, arguments: impl Serialize) -> Result<Stream> {
        let opened: Result<u64> = self.call(operation, arguments).await;
        opened.map(|number| self.0.stream(number))
    }
}

/// Functions of the host that are answered with a record.
macro_rules! calls {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $result:ty = $operation:literal($($passed:expr),*);)*) => {
        $(async fn $name(&self, $($argument: $kind),*) -> Result<$result> {
            self.call($operation, ($($passed,)*)).await
        })*
    };
}

/// Those that are answered with a stream.
macro_rules! streams {
    ($($name:ident($($argument:ident: $kind:ty),*) = $operation:literal;)*) => {
        $(async fn $name(&self, $($argument: $kind),*) -> Result<Stream> {
            self.open($operation, ($($argument,)*)).await
        })*
    };
}

impl Capabilities for Imports {
    type ExecSession = Stream;
    type LogStream = Stream;
    type Archive = Stream;

    calls! {
        info() -> EngineInfo = "docker.info"();
        container_list(filter: ContainerFilter) -> Vec<ContainerSummary> = "docker.container-list"(filter);
        container_inspect(id: &str) -> Container = "docker.container-inspect"(id, false);
        container_inspect_with_size(id: &str) -> Container = "docker.container-inspect"(id, true);
        container_diff(id: &str) -> ContainerChanges = "docker.container-diff"(id);
        filesystem_diff(older: Filesystem, newer: Filesystem) -> ContainerChanges
            = "docker.filesystem-diff"(older, newer);
        container_create(spec: ContainerSpec) -> CreatedContainer = "docker.container-create"(spec);
        container_start(id: &str) -> () = "docker.container-start"(id);
        container_stop(id: &str, timeout_seconds: Option<u32>) -> () = "docker.container-stop"(id, timeout_seconds);
        container_pause(id: &str) -> () = "docker.container-pause"(id);
        container_unpause(id: &str) -> () = "docker.container-unpause"(id);
        container_rename(id: &str, name: &str) -> () = "docker.container-rename"(id, name);
        container_remove(id: &str) -> () = "docker.container-remove"(id, true, true);
        container_update(id: &str, limits: Limits) -> Vec<String> = "docker.container-update"(id, limits);
        container_commit(id: &str, options: CommitOptions) -> String = "docker.container-commit"(id, options);
        image_inspect(reference: &str) -> Image = "docker.image-inspect"(reference);
        image_list(labels: Vec<String>) -> Vec<ImageSummary> = "docker.image-list"(labels);
        image_remove(reference: &str) -> Vec<String> = "docker.image-remove"(reference, false);
        image_import(archive: Stream, options: ImportOptions) -> String
            = "docker.image-import"(archive.hand_over(), options);
        image_pull(reference: &str, platform: Option<String>) -> () = "docker.image-pull"(reference, platform);
        image_push(image: &str, name: &str) -> String = "docker.image-push"(image, name);
        image_derive(reference: &str, options: DeriveOptions) -> String = "docker.image-derive"(reference, options);
        image_load(archive: Stream) -> String = "docker.image-load"(archive.hand_over());
        image_build(context: Stream, options: BuildOptions) -> String
            = "docker.image-build"(context.hand_over(), options);
        volume_list(labels: Vec<String>) -> Vec<Volume> = "docker.volume-list"(labels);
        volume_create(name: &str, options: Vec<(String, String)>, labels: Vec<(String, String)>) -> Volume
            = "docker.volume-create"(name, "local", options, labels);
        volume_fill(name: &str, image: &str, directory: &str) -> () = "docker.volume-fill"(name, image, directory);
        volume_import(container: &str, path: &str, subpath: Option<String>, options: ImportOptions) -> String
            = "docker.volume-import"(container, path, subpath, options);
        volume_inspect(name: &str) -> Volume = "docker.volume-inspect"(name);
        volume_users(name: &str) -> Vec<String> = "docker.volume-users"(name);
        volume_remove(name: &str) -> () = "docker.volume-remove"(name, false);
        stats(id: &str) -> StatsSample = "docker.stats"(id);
        events(labels: Vec<String>, since: u64, wait_ms: u64) -> Vec<Event> = "docker.events"(labels, since, wait_ms);
        exec_unpack(id: &str, options: ExecOptions, image: &str, directory: &str, root_name: &str) -> ()
            = "docker.exec-unpack"(id, options, image, directory, root_name);
        archive_stat(id: &str, path: &str) -> PathStat = "docker.archive-stat"(id, path);
        archive_put(id: &str, directory: &str, root_name: Option<String>, archive: Stream) -> ()
            = "docker.archive-put"(id, directory, root_name, archive.hand_over());
        machine_run(command: Command) -> CommandOutput = "ssh.run"(command);
        gpu_probe(depth: Depth) -> Inventory = "gpu.probe"(depth);
    }

    streams! {
        image_save(reference: &str) = "docker.image-save";
        exec(id: &str, options: ExecOptions) = "docker.exec";
        exec_archive(id: &str, options: ExecOptions) = "docker.exec-archive";
        logs(id: &str, options: LogOptions) = "docker.logs";
        archive_get(id: &str, path: &str) = "docker.archive-get";
    }

    fn place(&self) -> EnginePlace {
        self.0.ask("docker.place", &())
    }

    fn log(&self, level: LogLevel, message: &str) {
        self.0.ask("system.log", &(level, message))
    }

    fn report(&self, progress: Progress) {
        self.0.ask("system.report", &(progress,))
    }

    fn now(&self) -> String {
        self.0.ask("system.now", &())
    }

    async fn sleep(&self, milliseconds: u64) {
        self.call("system.sleep", (milliseconds,)).await
    }

    fn random_id(&self) -> String {
        self.0.ask("system.random-id", &())
    }
}

/// A call of `backend`, which asks the host for nothing.
fn backend(operation: &str, arguments: &[u8]) -> std::result::Result<Option<Vec<u8>>, String> {
    Ok(match operation {
        "backend.describe" => Some(encode(&DockerProviderBackend.describe())?),
        "backend.check-config" => {
            let (name, settings): (String, String) = decode(arguments)?;
            Some(encode(&DockerProviderBackend.check_config(&name, &settings))?)
        }
        _ => None,
    })
}

/// The calls of `instance`: the arguments after the provider, and what answers them.
macro_rules! exports {
    ($guest:ident; $($operation:literal($($argument:ident: $kind:ty),*) => |$provider:ident| $answer:expr;)*) => {
        async fn instance(
            $guest: Rc<Guest>,
            operation: &str,
            arguments: &[u8],
        ) -> std::result::Result<Vec<u8>, String> {
            match operation {
                $($operation => {
                    let (provider, $($argument,)*): (Provider, $($kind,)*) = decode(arguments)?;
                    let answering = async {
                        let $provider = DockerProviderInstance::open(Imports($guest.clone()), provider)?;
                        $answer.await
                    };
                    encode(&Box::pin(answering).await)
                })*
                _ => Err(format!("it has no function {operation}")),
            }
        }
    };
}

exports! {
    guest;
    "instance.create"(request: instance::CreateRequest, context: Option<u64>) => |it| async {
        let context = context.map(|number| guest.stream(number));
        it.create(CreateRequest::with_context(request, context)?).await
    };
    "instance.discover"(request: instance::DiscoverRequest) => |it| it.discover(request);
    "instance.get"(agent: String) => |it| it.get(&agent);
    "instance.start"(agent: String, request: instance::StartRequest) => |it| it.start(&agent, request);
    "instance.stop"(agent: String, request: instance::StopRequest) => |it| it.stop(&agent, request);
    "instance.pause"(agent: String) => |it| it.pause(&agent);
    "instance.resume"(agent: String) => |it| it.resume(&agent);
    "instance.destroy"(agent: String, request: instance::DestroyRequest) => |it| it.destroy(&agent, request);
    "instance.rename"(agent: String, name: String) => |it| it.rename(&agent, &name);
    "instance.exec"(agent: String, options: ExecOptions) => |it| async {
        it.exec(&agent, options).await.map(Stream::hand_over)
    };
    "instance.copy-in"(agent: String, path: String, archive: u64, contents_only: bool) => |it| {
        it.copy_in(&agent, &path, guest.stream(archive), contents_only)
    };
    "instance.copy-out"(agent: String, path: String) => |it| async {
        let (found, archive) = it.copy_out(&agent, &path).await?;
        Ok::<_, crate::contract::types::ProviderError>((found, archive.hand_over()))
    };
    "instance.logs"(agent: String, options: LogOptions) => |it| async {
        it.logs(&agent, options).await.map(Stream::hand_over)
    };
    "instance.resources"(agent: String) => |it| it.resources(&agent);
    "instance.update-limits"(agent: String, limits: Limits) => |it| it.update_limits(&agent, limits);
    "instance.stats"(agent: String) => |it| it.stats(&agent);
    "instance.port"(agent: String, port: u16) => |it| it.port(&agent, port);
    "instance.snapshot-check"(agent: String, include_volumes: bool) => |it| it.snapshot_check(&agent, include_volumes);
    "instance.snapshot-create"(agent: String, request: instance::SnapshotRequest) => |it| {
        it.snapshot_create(&agent, request)
    };
    "instance.snapshot-list"(filter: instance::SnapshotFilter) => |it| it.snapshot_list(filter);
    "instance.snapshot-delete"(agent: Option<String>, snapshot: String) => |it| it.snapshot_delete(agent, &snapshot);
    "instance.changes"(agent: String) => |it| it.changes(&agent);
    "instance.snapshot-diff"(older: String, newer: String) => |it| it.snapshot_diff(&older, &newer);
    "instance.fork"(agent: String, request: instance::ForkRequest) => |it| it.fork(&agent, request);
    "instance.documents"(filter: instance::DocumentFilter) => |it| it.documents(filter);
    "instance.document-write"(change: instance::DocumentChange) => |it| it.document_write(change);
    "instance.snapshot-push"(request: instance::PushRequest) => |it| it.snapshot_push(request);
    "instance.snapshot-pull"(reference: String) => |it| it.snapshot_pull(&reference);
    "instance.snapshot-save"(snapshot: String) => |it| async {
        it.snapshot_save(&snapshot).await.map(Stream::hand_over)
    };
    "instance.snapshot-load"(archive: u64) => |it| it.snapshot_load(guest.stream(archive));
    "instance.migrate-out"(agent: String, request: instance::DepartureRequest) => |it| it.migrate_out(&agent, request);
    "instance.migrate-in"(request: instance::ArrivalRequest) => |it| it.migrate_in(request);
    "instance.volumes"() => |it| it.volumes();
    "instance.volume-delete"(name: String) => |it| it.volume_delete(&name);
    "instance.gpus"() => |it| it.gpus();
    "instance.gc"(request: instance::GcRequest) => |it| it.gc(request);
    "instance.reconcile"(pending: Vec<instance::Pending>) => |it| it.reconcile(pending);
    "instance.watch"(cursor: u64, wait_ms: u64) => |it| it.watch(cursor, wait_ms);
}

/// Answers one call by the name of its function.
///
/// # Errors
/// A function that there is not, arguments that can not be read, or an answer that can not be written.
pub async fn answer(guest: Rc<Guest>, operation: String, arguments: Vec<u8>) -> std::result::Result<Vec<u8>, String> {
    match backend(&operation, &arguments)? {
        Some(result) => Ok(result),
        None => instance(guest, &operation, &arguments).await,
    }
}

/// What the library exports.
#[cfg(feature = "component")]
#[allow(missing_docs, unsafe_code, clippy::all)]
mod export {
    use abi_stable::export_root_module;
    use abi_stable::prefix_type::PrefixTypeTrait;
    use abi_stable::std_types::{RSlice, RStr};
    use mngr_plugin_abi::{BoxedHost, Outcome, Plugin, PluginRef};

    use super::{CONTRACT, answer, guest};

    extern "C" fn call(operation: RStr<'_>, arguments: RSlice<'_, u8>, host: BoxedHost) -> Outcome {
        guest::call(operation, arguments, host, answer)
    }

    #[export_root_module]
    pub fn plugin() -> PluginRef {
        Plugin {
            contract: RStr::from_str(CONTRACT),
            call,
        }
        .leak_into_prefix()
    }
}

#[cfg(test)]
mod tests {
    use super::CONTRACT;

    #[test]
    fn the_version_of_the_contract_is_that_of_wit() {
        let world = include_str!("../../../wit/world.wit");
        assert!(
            world.starts_with(&format!("package mngr:provider@{CONTRACT};")),
            "{world}"
        );
    }
}
