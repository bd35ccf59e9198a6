//! Another plugin takes over while calls are made: none is lost, and what does not work never takes over.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use mngr_docker_tests::{component_of_version, component_with, plugin_cache};
use mngr_host_shim::config::ProviderConfig;
use mngr_host_shim::contract::instance::DiscoverRequest;
use mngr_host_shim::environment::Environment;
use mngr_host_shim::host::Host;
use mngr_host_shim::loader::Loader;
use mngr_host_shim::policy::Preset;
use mngr_host_shim::provider::{NewAgent, Provider};
use mngr_host_shim::registry::{Consent, PluginChoice};
use mngr_host_shim::sandbox::SandboxEngine;

use super::shelf::{Shelf, name};

const IMAGE: &str = "debian:bookworm-slim";

/// A provider on the sandbox engine with a plugin that may change.
async fn provider(plugin: PluginChoice, variables: &[(&str, &str)]) -> Provider {
    let loader = Loader::new(Some(plugin_cache())).expect("a loader");
    let host = Host::with(loader, Environment::new(variables.iter().copied(), "/"));
    let mut config = ProviderConfig::named("docker");
    config.plugin = Some(plugin);
    config.policy = Some(Preset::Standard);
    config.settings.insert("default_image".to_owned(), IMAGE.into());
    let engine = SandboxEngine::new().with_image(IMAGE);
    host.open_on(&config, Arc::new(engine)).await.expect("a provider")
}

async fn version(provider: &Provider) -> String {
    provider.discover(DiscoverRequest::default()).await.expect("a list");
    provider.plugin().describe().await.expect("a description").version
}

/// Puts a file in the place of another at one stroke.
fn replace(path: &Path, bytes: &[u8]) {
    let beside = path.with_extension("next");
    std::fs::write(&beside, bytes).expect("written");
    std::fs::rename(beside, path).expect("renamed");
}

struct Watched {
    _folder: tempfile::TempDir,
    path: PathBuf,
    provider: Provider,
}

async fn watched(bytes: &[u8]) -> Watched {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("plugin.wasm");
    std::fs::write(&path, bytes).expect("written");
    let provider = provider(PluginChoice::File(path.clone()), &[]).await;
    Watched {
        _folder: folder,
        path,
        provider,
    }
}

#[tokio::test]
async fn a_file_that_changes_is_taken_with_the_next_call() {
    let watched = watched(&component_of_version("0.1.0")).await;
    assert_eq!(version(&watched.provider).await, "0.1.0");
    replace(&watched.path, &component_of_version("0.1.1"));
    assert_eq!(version(&watched.provider).await, "0.1.1");
    // Written over in place, as a compiler does.
    std::fs::write(&watched.path, component_of_version("0.1.2")).expect("written");
    assert_eq!(version(&watched.provider).await, "0.1.2");
    assert!(watched.provider.rejected_plugin().is_none());
}

#[tokio::test]
async fn a_file_that_is_half_written_or_gone_never_takes_over() {
    let watched = watched(&component_of_version("0.1.0")).await;
    let next = component_of_version("0.1.1");
    for length in (0..next.len()).step_by(next.len() / 60 + 1) {
        std::fs::write(&watched.path, &next[..length]).expect("written");
        assert_eq!(version(&watched.provider).await, "0.1.0", "{length} bytes are there");
        let rejection = watched.provider.rejected_plugin().expect("it is told");
        assert!(rejection.origin.ends_with("plugin.wasm"), "{}", rejection.origin);
        assert_eq!(rejection.error.field(), Some("plugin"));
        assert!(watched.provider.reload().await.is_err());
    }
    std::fs::remove_file(&watched.path).expect("removed");
    assert_eq!(version(&watched.provider).await, "0.1.0");
    assert!(watched.provider.rejected_plugin().is_some());
    std::fs::write(&watched.path, &next).expect("written");
    assert_eq!(version(&watched.provider).await, "0.1.1");
    assert!(watched.provider.rejected_plugin().is_none());
    assert!(watched.provider.reload().await.is_ok());
}

#[tokio::test]
async fn what_goes_back_to_what_is_in_use_is_no_longer_rejected() {
    let watched = watched(&component_of_version("0.1.0")).await;
    std::fs::write(&watched.path, b"nonsense").expect("written");
    version(&watched.provider).await;
    assert!(watched.provider.rejected_plugin().is_some());
    std::fs::write(&watched.path, component_of_version("0.1.0")).expect("written");
    assert_eq!(version(&watched.provider).await, "0.1.0");
    assert!(watched.provider.rejected_plugin().is_none());
}

#[tokio::test]
async fn an_update_of_the_registry_is_taken_by_a_provider_that_is_open_and_a_rollback_too() {
    let shelf = Shelf::new();
    shelf.publish("0.1.0", &component_of_version("0.1.0"));
    shelf.install("mngr-docker@^0.1").await.expect("installed");
    let directory = |path: &Path| path.display().to_string();
    let config = shelf
        .registry
        .lock_path()
        .parent()
        .and_then(Path::parent)
        .map(directory);
    let folder = config.expect("a directory");
    // The user's directories, as `Registry::of_user` makes them of these.
    let (config, data) = (format!("{folder}/xdg-config"), format!("{folder}/xdg-data"));
    std::fs::create_dir_all(format!("{data}/mngr-docker")).expect("a directory");
    std::fs::create_dir_all(&config).expect("a directory");
    std::os::unix::fs::symlink(format!("{folder}/config"), format!("{config}/mngr-docker")).expect("a link");
    std::os::unix::fs::symlink(format!("{folder}/data"), format!("{data}/mngr-docker/plugins")).expect("a link");
    let variables = [("XDG_CONFIG_HOME", config.as_str()), ("XDG_DATA_HOME", data.as_str())];

    let choice = |text: &str| {
        PluginChoice::parse(text)
            .expect("a choice")
            .expect("not the built-in one")
    };
    let pinned = provider(choice("mngr-docker@^0.1"), &variables).await;
    let exact = provider(choice("mngr-docker@=0.1.0"), &variables).await;
    assert_eq!(version(&pinned).await, "0.1.0");
    shelf.publish("0.1.1", &component_of_version("0.1.1"));
    shelf
        .registry
        .update(&shelf.loader(), &name(), Consent::default())
        .await
        .expect("updated");
    assert_eq!(version(&pinned).await, "0.1.1");
    assert_eq!(pinned.plugin().origin(), "mngr-docker 0.1.1");
    assert_eq!(version(&exact).await, "0.1.0", "a pin is kept");
    shelf.registry.rollback(&name(), None).await.expect("back");
    assert_eq!(version(&pinned).await, "0.1.0");
    shelf.registry.remove(&name(), None).await.expect("removed");
    let version = version(&pinned).await;
    assert!(
        ["0.1.0", env!("CARGO_PKG_VERSION")].contains(&version.as_str()),
        "the one in use stays, or the one that is built in takes over, and not {version}"
    );
}

#[tokio::test]
async fn a_plugin_that_fails_its_self_test_or_refuses_the_providers_settings_does_not_take_over() {
    let watched = watched(&component_of_version("0.1.0")).await;
    for (unfit, expected) in [
        (component_of_version("0.x.0"), "its version is `0.x.0`"),
        (component_with("default_imago", "default_image"), "default_image"),
    ] {
        replace(&watched.path, &unfit);
        assert_eq!(version(&watched.provider).await, "0.1.0");
        let rejection = watched.provider.rejected_plugin().expect("it is told");
        assert!(
            rejection.error.message().contains(expected),
            "{}",
            rejection.error.message()
        );
        let again = watched.provider.reload().await.expect_err("still so");
        assert_eq!(again.message(), rejection.error.message());
    }
    replace(&watched.path, &component_of_version("0.1.1"));
    assert_eq!(version(&watched.provider).await, "0.1.1");
    assert!(watched.provider.rejected_plugin().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_swaps_under_load_lose_no_call() {
    const SWAPS: usize = 1000;
    let watched = watched(&component_of_version("0.1.0")).await;
    let provider = &watched.provider;
    provider
        .create(NewAgent::named("a").image(IMAGE))
        .await
        .expect("an agent");
    let versions = [component_of_version("0.1.1"), component_of_version("0.1.0")];
    let digests = versions.each_ref().map(|bytes| super::shelf::digest(bytes));
    let (done, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let load: Vec<_> = (0..2)
        .map(|_| {
            let (provider, done, calls) = (provider.clone(), done.clone(), calls.clone());
            tokio::spawn(async move {
                while !done.load(Ordering::Relaxed) {
                    let agents = provider.discover(DiscoverRequest::default()).await.expect("a list");
                    assert_eq!(agents.len(), 1);
                    assert_eq!(provider.get("a").await.expect("the agent").name, "a");
                    calls.fetch_add(2, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for swap in 0..SWAPS {
        let next = swap % versions.len();
        replace(&watched.path, &versions[next]);
        let taken = provider.reload().await.expect("it takes over");
        assert_eq!(taken.digest(), digests[next], "swap {swap}");
    }
    done.store(true, Ordering::Relaxed);
    for task in load {
        task.await.expect("no call was lost");
    }
    assert!(calls.load(Ordering::Relaxed) > SWAPS / 10, "there was a load");
}
