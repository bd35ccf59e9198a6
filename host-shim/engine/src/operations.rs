//! The one table of an engine's operations, and their names.
//!
//! Whatever needs a line for each operation is made from [`engine_operations!`](crate::engine_operations): the trait
//! [`Engine`](crate::Engine), its implementations, the imports of a native library. So an operation is added here, and what
//! then does not compile is what is left to be written.

/// Hands the table to a macro that makes something of it. Types are by name alone: import [`types`](crate::operations::types).
///
/// A row is `Name: method(arguments) -> result { import, effect, about object }`:
///
/// - *import*: the function of the contract that it is for.
/// - *effect*: `changes` where it makes, alters or removes something on the engine, else `looks`. To run a command counts as a
///   look, since what the command does is not the engine's.
/// - *object*: what it is about, for traces.
#[macro_export]
macro_rules! engine_operations {
    ($callback:ident) => {
        $callback! {
            /// The engine's version.
            Version: version() -> EngineVersion
                { "docker.version", looks }
            /// The engine's set-up and what its machine has.
            Info: info() -> EngineInfo
                { "docker.info", looks }

            /// Every container that fits, in one request.
            ContainerList: container_list(filter: ContainerFilter) -> Vec<ContainerSummary>
                { "docker.container-list", looks }
            /// One container, by its id or exact name.
            ContainerInspect: container_inspect(id: &str, with_size: bool) -> Container
                { "docker.container-inspect", looks, about id }
            /// Makes a container and does not start it. A name that is taken is a `conflict`.
            ContainerCreate: container_create(spec: ContainerSpec) -> CreatedContainer
                { "docker.container-create", changes, about spec.name }
            /// Starts a container. One that runs is a success.
            ContainerStart: container_start(id: &str) -> ()
                { "docker.container-start", changes, about id }
            /// Sends the stop signal, and SIGKILL after the timeout (the container's own where absent). One that is stopped is a
            /// success.
            ContainerStop: container_stop(id: &str, timeout_seconds: Option<u32>) -> ()
                { "docker.container-stop", changes, about id }
            /// Sends a signal to PID 1: `SIGTERM`, `HUP`, `9`.
            ContainerKill: container_kill(id: &str, signal: &str) -> ()
                { "docker.container-kill", changes, about id }
            /// Freezes every process of a running container.
            ContainerPause: container_pause(id: &str) -> ()
                { "docker.container-pause", changes, about id }
            /// Thaws a paused container.
            ContainerUnpause: container_unpause(id: &str) -> ()
                { "docker.container-unpause", changes, about id }
            /// Gives a container another name. A name that is taken is a `conflict`.
            ContainerRename: container_rename(id: &str, name: &str) -> ()
                { "docker.container-rename", changes, about id }
            /// Removes a container. With `force` a running one is killed first; `volumes` takes its anonymous volumes along.
            ContainerRemove: container_remove(id: &str, force: bool, volumes: bool) -> ()
                { "docker.container-remove", changes, about id }
            /// Changes a container's limits, and returns the engine's warnings.
            ContainerUpdate: container_update(id: &str, limits: Limits) -> Vec<String>
                { "docker.container-update", changes, about id }
            /// How a container's files differ from its image.
            ContainerDiff: container_diff(id: &str) -> ContainerChanges
                { "docker.container-diff", looks, about id }
            /// What the second container has added, changed and deleted relative to the first. Of the contract's filesystems it
            /// knows containers only; the guard makes them of images.
            ContainerCompare: container_compare(older: &str, newer: &str) -> ContainerChanges
                { "docker.filesystem-diff", looks, about newer }
            /// Makes an image of a container, and returns its id. The engine finishes even where the caller's deadline passes.
            ContainerCommit: container_commit(id: &str, options: CommitOptions) -> String
                { "docker.container-commit", changes, about id }

            /// One image, by its id, a unique prefix of one, or a reference.
            ImageInspect: image_inspect(reference: &str) -> Image
                { "docker.image-inspect", looks, about reference }
            /// Images with all of these labels, each `key` or `key=value`.
            ImageList: image_list(labels: Vec<String>) -> Vec<ImageSummary>
                { "docker.image-list", looks }
            /// Gives an image one more name. An image that has the name loses it.
            ImageTag: image_tag(reference: &str, repository: &str, tag: &str) -> ()
                { "docker.image-tag", changes, about reference }
            /// Removes an image, and returns what was untagged and deleted.
            ImageRemove: image_remove(reference: &str, force: bool) -> Vec<String>
                { "docker.image-remove", changes, about reference }
            /// Makes an image of one layer of an archive's content, and returns its id. It is there whole, or not at all.
            ImageImport: image_import(archive: Archive, options: ImportOptions) -> String
                { "docker.image-import", changes, about options.tag }
            /// Brings an image from a registry.
            ImagePull: image_pull(
                reference: &str,
                platform: Option<&str>,
                credentials: Option<&Credentials>,
                progress: ProgressSink
            ) -> ()
                { "docker.image-pull", changes, about reference }
            /// Sends an image that has this name already to the registry that it names, and returns the manifest's digest there.
            ImagePush: image_push(
                reference: &str,
                credentials: Option<&Credentials>,
                progress: ProgressSink
            ) -> String
                { "docker.image-push", changes, about reference }
            /// Makes an image of another, with other labels or without some environment variables, and returns its id.
            ImageDerive: image_derive(reference: &str, options: DeriveOptions) -> String
                { "docker.image-derive", changes, about reference }
            /// An image with all its layers and without its names, as `docker save` writes it.
            ImageSave: image_save(reference: &str) -> Archive
                { "docker.image-save", looks, about reference }
            /// Takes in what a save has written, which must hold one image, and returns the image's id.
            ImageLoad: image_load(archive: Archive, progress: ProgressSink) -> String
                { "docker.image-load", changes }
            /// Builds an image of a context, and returns its id.
            ImageBuild: image_build(context: Archive, options: BuildOptions, progress: ProgressSink) -> String
                { "docker.image-build", changes, about options.tag }

            /// Volumes with all of these labels, each `key` or `key=value`.
            VolumeList: volume_list(labels: Vec<String>) -> Vec<Volume>
                { "docker.volume-list", looks }
            /// One volume, by its name.
            VolumeInspect: volume_inspect(name: &str) -> Volume
                { "docker.volume-inspect", looks, about name }
            /// Makes a volume. One of that name and driver that is there is returned as it is.
            VolumeCreate: volume_create(
                name: &str,
                driver: &str,
                options: Vec<(String, String)>,
                labels: Vec<(String, String)>
            ) -> Volume
                { "docker.volume-create", changes, about name }
            /// Puts what an image has in a directory of its root into an empty volume. The bytes stay on the engine's machine.
            VolumeFill: volume_fill(name: &str, image: &str, directory: &str) -> ()
                { "docker.volume-fill", changes, about name }
            /// Makes an image of what is in the volume that a container mounts at a path, or in one directory of it, and returns
            /// its id.
            VolumeImport: volume_import(
                container: &str,
                path: &str,
                subpath: Option<&str>,
                options: ImportOptions
            ) -> String
                { "docker.volume-import", changes, about container }
            /// Names of the containers that use a volume, running or not.
            VolumeUsers: volume_users(name: &str) -> Vec<String>
                { "docker.volume-users", looks, about name }
            /// Removes a volume. One that a container uses is a `conflict`.
            VolumeRemove: volume_remove(name: &str, force: bool) -> ()
                { "docker.volume-remove", changes, about name }
            /// One network, by its name or id.
            NetworkInspect: network_inspect(name: &str) -> Network
                { "docker.network-inspect", looks, about name }

            /// Starts a command in a running container.
            Exec: exec(id: &str, options: ExecOptions) -> ExecSession
                { "docker.exec", looks, about id }
            /// Runs a command in a running container that unpacks an archive from its stdin: what an image has in a directory of
            /// its root. Waits until the command has ended.
            ExecUnpack: exec_unpack(
                id: &str,
                options: ExecOptions,
                image: &str,
                directory: &str,
                root_name: &str
            ) -> ()
                { "docker.exec-unpack", changes, about id }
            /// What the main command has printed, and where that is asked for what it prints until it ends.
            Logs: logs(id: &str, options: LogOptions, fractions: Fractions) -> LogStream
                { "docker.logs", looks, about id }
            /// What is at a path of a container, running or not.
            ArchiveStat: archive_stat(id: &str, path: &str) -> PathStat
                { "docker.archive-stat", looks, about id }
            /// The file or directory at a path of a container, as tar.
            ArchiveGet: archive_get(id: &str, path: &str) -> Archive
                { "docker.archive-get", looks, about id }
            /// Unpacks into a directory that exists. With a `root_name` the archive's topmost entry gets that name; with `.` that
            /// entry is left out and what it holds goes into the directory. A name that ends with a slash is a directory's. What is
            /// a directory stays one, and what is none stays none.
            ArchivePut: archive_put(id: &str, directory: &str, root_name: Option<&str>, archive: Archive) -> ()
                { "docker.archive-put", changes, about id }
            /// One sample of what a running container uses.
            Stats: stats(id: &str) -> StatsSample
                { "docker.stats", looks, about id }
            /// Events of containers with these labels after `since` (nanoseconds since the epoch). Answers as soon as there is one,
            /// and with none after `wait_ms`.
            Events: events(labels: Vec<String>, since: u64, wait_ms: u64) -> Vec<Event>
                { "docker.events", looks }

            /// Runs a command on the engine's machine.
            MachineRun: machine_run(command: Command) -> CommandOutput
                { "ssh.run", looks, about command.argv.first().map_or("", String::as_str) }
        }
    };
}

/// What operations take and return.
pub mod types {
    pub use mngr_contract::docker::{
        BuildOptions, CommitOptions, Container, ContainerChanges, ContainerFilter, ContainerSpec, ContainerSummary,
        CreatedContainer, DeriveOptions, EngineInfo, EngineVersion, Event, ExecOptions, Image, ImageSummary,
        ImportOptions, LogOptions, Network, PathStat, StatsSample, Volume,
    };
    pub use mngr_contract::ssh::{Command, CommandOutput};
    pub use mngr_contract::streams::{Archive, ExecSession, LogStream};
    pub use mngr_contract::types::Limits;

    pub use crate::credentials::Credentials;
    pub use crate::{Fractions, ProgressSink};
}

/// Whether an effect of the table is a change.
macro_rules! is_change {
    (looks) => {
        false
    };
    (changes) => {
        true
    };
}

macro_rules! operation {
    ($($(#[$meta:meta])* $operation:ident: $name:ident $arguments:tt -> $result:ty
        { $import:literal, $effect:ident $(, about $object:expr)? })*) => {
        /// One operation of an engine: a method of [`Engine`](crate::Engine).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Operation {
            $($(#[$meta])* $operation,)*
        }

        impl Operation {
            /// The method's name: `container_list`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$operation => stringify!($name),)*
                }
            }

            /// Whether it makes, alters or removes something on the engine.
            pub const fn changes(self) -> bool {
                match self {
                    $(Self::$operation => is_change!($effect),)*
                }
            }
        }
    };
}

engine_operations!(operation);

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! imports {
        ($($(#[$meta:meta])* $operation:ident: $name:ident $arguments:tt -> $result:ty
            { $import:literal, $effect:ident $(, about $object:expr)? })*) => {
            const IMPORTS: &[(Operation, &str)] = &[$((Operation::$operation, $import)),*];
        };
    }

    engine_operations!(imports);

    #[test]
    fn every_operation_is_for_a_function_of_the_contract() {
        for (operation, import) in IMPORTS {
            let (interface, function) = import.split_once('.').expect("an interface");
            let wit = match interface {
                "docker" => include_str!("../../../wit/docker.wit"),
                "ssh" => include_str!("../../../wit/ssh.wit"),
                other => panic!("{operation:?} is of the interface {other}"),
            };
            let begins = format!("{function}: async func(");
            assert!(
                wit.lines().any(|line| line.trim().starts_with(&begins)),
                "{operation:?} is for {import}, which there is not"
            );
        }
    }

    #[test]
    fn an_operation_has_its_methods_name_and_its_effect() {
        assert_eq!(Operation::ContainerCreate.name(), "container_create");
        assert!(Operation::ContainerCreate.changes());
        assert!(!Operation::ContainerInspect.changes());
    }
}
