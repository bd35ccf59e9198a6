//! Every import of the contract by name, as `wit/` spells it: what a native library's host calls arrive at.

use mngr_contract::Result;
use mngr_contract::docker::{
    BuildOptions, CommitOptions, ContainerFilter, ContainerSpec, DeriveOptions, EnginePlace, ExecOptions, Filesystem,
    ImportOptions, LogOptions,
};
use mngr_contract::gpu::Depth;
use mngr_contract::ssh::Command;
use mngr_contract::streams::Archive;
use mngr_contract::system::{LogLevel, Progress};
use mngr_contract::types::Limits;
use mngr_plugin_abi::{decode, encode};

use super::{Offer, Reach};

type Pairs = Vec<(String, String)>;

/// Functions that wait: their arguments, and what answers them.
macro_rules! imports {
    ($calls:ident; $($operation:literal($($argument:ident: $kind:ty),*) => $answer:expr;)*) => {
        /// Answers a host call.
        ///
        /// # Errors
        /// A function that there is not, or arguments that can not be read.
        #[allow(clippy::let_unit_value, reason = "some have no arguments")]
        pub(super) async fn answer(
            $calls: &Offer,
            operation: &str,
            arguments: &[u8],
        ) -> std::result::Result<Vec<u8>, String> {
            match operation {
                $($operation => {
                    let ($($argument,)*): ($($kind,)*) = decode(arguments)?;
                    let answering = async { $answer };
                    let result: Result<_> = Box::pin(answering).await;
                    Ok(encode(&result))
                })*
                "system.sleep" => {
                    let (milliseconds,): (u64,) = decode(arguments)?;
                    $calls.reach.sleep(milliseconds).await;
                    Ok(encode(&()))
                }
                _ => Err("there is no such function".to_owned()),
            }
        }
    };
}

imports! {
    calls;
    "docker.version"() => calls.engine()?.version().await;
    "docker.info"() => calls.engine()?.info().await;
    "docker.container-list"(filter: ContainerFilter) => calls.engine()?.container_list(filter).await;
    "docker.container-inspect"(id: String, with_size: bool) => calls.engine()?.container_inspect(&id, with_size).await;
    "docker.container-create"(spec: ContainerSpec) => calls.engine()?.container_create(spec).await;
    "docker.container-start"(id: String) => calls.engine()?.container_start(&id).await;
    "docker.container-stop"(id: String, timeout_seconds: Option<u32>) => {
        calls.engine()?.container_stop(&id, timeout_seconds).await
    };
    "docker.container-kill"(id: String, signal: String) => calls.engine()?.container_kill(&id, &signal).await;
    "docker.container-pause"(id: String) => calls.engine()?.container_pause(&id).await;
    "docker.container-unpause"(id: String) => calls.engine()?.container_unpause(&id).await;
    "docker.container-rename"(id: String, name: String) => calls.engine()?.container_rename(&id, &name).await;
    "docker.container-remove"(id: String, force: bool, volumes: bool) => {
        calls.engine()?.container_remove(&id, force, volumes).await
    };
    "docker.container-update"(id: String, limits: Limits) => calls.engine()?.container_update(&id, limits).await;
    "docker.container-diff"(id: String) => calls.engine()?.container_diff(&id).await;
    "docker.filesystem-diff"(older: Filesystem, newer: Filesystem) => {
        calls.engine()?.filesystem_diff(older, newer).await
    };
    "docker.container-commit"(id: String, options: CommitOptions) => {
        calls.engine()?.container_commit(&id, options).await
    };
    "docker.image-inspect"(reference: String) => calls.engine()?.image_inspect(&reference).await;
    "docker.image-list"(labels: Vec<String>) => calls.engine()?.image_list(labels).await;
    "docker.image-tag"(reference: String, repository: String, tag: String) => {
        calls.engine()?.image_tag(&reference, &repository, &tag).await
    };
    "docker.image-remove"(reference: String, force: bool) => calls.engine()?.image_remove(&reference, force).await;
    "docker.image-import"(archive: u64, options: ImportOptions) => {
        let archive: Archive = calls.streams.take(archive)?;
        calls.engine()?.image_import(archive, options).await
    };
    "docker.image-pull"(reference: String, platform: Option<String>) => {
        let progress = calls.reach.progress.clone();
        calls.engine()?.image_pull(&reference, platform.as_deref(), progress).await
    };
    "docker.image-push"(image: String, name: String) => {
        calls.engine()?.image_push(&image, &name, calls.reach.progress.clone()).await
    };
    "docker.image-derive"(reference: String, options: DeriveOptions) => {
        calls.engine()?.image_derive(&reference, options).await
    };
    "docker.image-save"(reference: String) => calls.lend(calls.engine()?.image_save(&reference).await?);
    "docker.image-load"(archive: u64) => {
        let archive: Archive = calls.streams.take(archive)?;
        calls.engine()?.image_load(archive, calls.reach.progress.clone()).await
    };
    "docker.image-build"(context: u64, options: BuildOptions) => {
        let context: Archive = calls.streams.take(context)?;
        calls.engine()?.image_build(context, options, calls.reach.progress.clone()).await
    };
    "docker.volume-list"(labels: Vec<String>) => calls.engine()?.volume_list(labels).await;
    "docker.volume-inspect"(name: String) => calls.engine()?.volume_inspect(&name).await;
    "docker.volume-create"(name: String, driver: String, options: Pairs, labels: Pairs) => {
        calls.engine()?.volume_create(&name, &driver, options, labels).await
    };
    "docker.volume-fill"(name: String, image: String, directory: String) => {
        calls.engine()?.volume_fill(&name, &image, &directory).await
    };
    "docker.volume-import"(container: String, path: String, subpath: Option<String>, options: ImportOptions) => {
        calls.engine()?.volume_import(&container, &path, subpath.as_deref(), options).await
    };
    "docker.volume-users"(name: String) => calls.engine()?.volume_users(&name).await;
    "docker.volume-remove"(name: String, force: bool) => calls.engine()?.volume_remove(&name, force).await;
    "docker.network-inspect"(name: String) => calls.engine()?.network_inspect(&name).await;
    "docker.exec"(id: String, options: ExecOptions) => calls.lend(calls.engine()?.exec(&id, options).await?);
    "docker.exec-archive"(id: String, options: ExecOptions) => {
        calls.lend(calls.engine()?.exec_archive(&id, options).await?)
    };
    "docker.exec-unpack"(id: String, options: ExecOptions, image: String, directory: String, root_name: String) => {
        calls.engine()?.exec_unpack(&id, options, &image, &directory, &root_name).await
    };
    "docker.logs"(id: String, options: LogOptions) => calls.lend(calls.engine()?.logs(&id, options).await?);
    "docker.archive-stat"(id: String, path: String) => calls.engine()?.archive_stat(&id, &path).await;
    "docker.archive-get"(id: String, path: String) => calls.lend(calls.engine()?.archive_get(&id, &path).await?);
    "docker.archive-put"(id: String, directory: String, root_name: Option<String>, archive: u64) => {
        let archive: Archive = calls.streams.take(archive)?;
        calls.engine()?.archive_put(&id, &directory, root_name.as_deref(), archive).await
    };
    "docker.stats"(id: String) => calls.engine()?.stats(&id).await;
    "docker.events"(labels: Vec<String>, since: u64, wait_ms: u64) => {
        calls.reach.engine_at_its_leisure()?.events(labels, since, wait_ms).await
    };
    "ssh.run"(command: Command) => calls.reach.engine_at_its_leisure()?.machine_run(command).await;
    "gpu.probe"(depth: Depth) => calls.engine()?.gpus(depth).await;
}

/// Answers a function that does not wait.
///
/// # Errors
/// A function that there is not, or arguments that can not be read.
pub(super) fn answer_at_once(
    reach: &Reach,
    place: EnginePlace,
    operation: &str,
    arguments: &[u8],
) -> std::result::Result<Vec<u8>, String> {
    Ok(match operation {
        "docker.place" => {
            let _ = reach.meter.host_call();
            encode(&place)
        }
        "system.log" => {
            let (level, message): (LogLevel, String) = decode(arguments)?;
            reach.log(level, &message);
            Vec::new()
        }
        "system.report" => {
            let (progress,): (Progress,) = decode(arguments)?;
            reach.report(progress);
            Vec::new()
        }
        "system.now" => encode(&reach.now()),
        "system.random-id" => encode(&reach.random_id()),
        _ => return Err("there is no such function, or it has to be waited for".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::offer;
    use super::*;

    /// The functions that an interface of `wit/` imports, and whether each has to be waited for.
    fn functions(interface: &str, wit: &str) -> Vec<(String, bool)> {
        let named = wit.lines().filter_map(|line| {
            let (name, rest) = line.trim().split_once(": ")?;
            let waits = rest.starts_with("async func(");
            (waits || rest.starts_with("func(")).then(|| (format!("{interface}.{name}"), waits))
        });
        named.collect()
    }

    #[tokio::test]
    async fn there_is_no_import_of_the_contract_that_is_not_answered() {
        let interfaces = [
            ("docker", include_str!("../../../../wit/docker.wit")),
            ("gpu", include_str!("../../../../wit/gpu.wit")),
            ("ssh", include_str!("../../../../wit/ssh.wit")),
            ("system", include_str!("../../../../wit/system.wit")),
        ];
        let functions: Vec<_> = interfaces
            .into_iter()
            .flat_map(|(interface, wit)| functions(interface, wit))
            .collect();
        assert!(functions.len() > 50, "{functions:?}");
        let offer = offer();
        // What no arguments of a function can be: it is known, and is not carried out.
        let unreadable = [0xff; 64];
        for (operation, waits) in functions {
            let refused = match waits {
                true => answer(&offer, &operation, &unreadable).await,
                false => answer_at_once(&offer.reach, EnginePlace::ThisMachine, &operation, &unreadable),
            };
            if let Err(reason) = refused {
                assert!(!reason.contains("no such function"), "{operation}: {reason}");
            }
        }
        assert!(answer(&offer, "docker.no-such", &[]).await.is_err());
    }
}
