//! What is refused before anything of it is called.

use mngr_docker_tests::{component, library, library_of, plugin_cache};
use mngr_host_shim::contract::instance::DiscoverRequest;
use mngr_host_shim::contract::{self, ProviderError};
use mngr_host_shim::loader::Loader;

use super::{config, host, open};

fn refused(bytes: &[u8]) -> ProviderError {
    let loader = Loader::new(None).expect("a loader").allowing_native();
    loader.load("p.so", bytes).expect_err("it is refused")
}

fn reason(bytes: &[u8]) -> String {
    let error = refused(bytes);
    assert_eq!((error.kind(), error.field()), ("invalid_argument", Some("plugin")));
    assert!(!error.remedy().is_empty());
    error.message()
}

#[tokio::test]
async fn a_library_is_refused_unless_the_configuration_allows_it() {
    let mut config = config(library());
    config.allow_native = false;
    let error = host().plugin(&config).await.expect_err("it is refused");
    assert_eq!(error.field(), Some("allow_native"));
    assert!(error.message().contains("outside the sandbox"), "{}", error.message());
    assert!(error.remedy().contains("allow_native: true"), "{}", error.remedy());
    let loader = Loader::new(None).expect("a loader");
    assert_eq!(
        loader.load_file(&library()).expect_err("refused").field(),
        Some("allow_native")
    );

    config.allow_native = true;
    let plugin = host().plugin(&config).await.expect("it is taken");
    assert!(plugin.is_native() && !plugin.was_cached());
    let version = plugin.version().await.expect("a version");
    assert_eq!(version.to_string(), env!("CARGO_PKG_VERSION"));
    assert_eq!(
        (plugin.contract().to_string().as_str(), plugin.digest().len()),
        (contract::VERSION, 64)
    );
}

#[test]
fn a_library_is_told_by_its_bytes_and_not_by_its_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("plugin.wasm");
    std::fs::copy(library(), &path).expect("copied");
    let loader = Loader::new(Some(plugin_cache())).expect("a loader");
    assert_eq!(
        loader.load_file(&path).expect_err("refused").field(),
        Some("allow_native")
    );
    let path = folder.path().join("plugin.so");
    std::fs::write(&path, component()).expect("written");
    assert!(!loader.load_file(&path).expect("a component").is_native());
}

#[test]
fn a_library_with_other_layouts_is_refused_before_its_root_module_is_asked_for() {
    let reason = reason(&library_of("other_layout"));
    assert!(reason.contains("laid out otherwise"), "{reason}");
}

#[test]
fn a_library_for_a_later_contract_is_refused_before_it_is_called() {
    let reason = reason(&library_of("later_contract"));
    assert!(reason.contains("version 0.2.0 of the contract"), "{reason}");
}

#[test]
fn a_library_that_panics_as_it_is_opened_takes_nothing_down() {
    let reason = reason(&library_of("panics_as_it_opens"));
    assert!(reason.contains("panics as it is opened"), "{reason}");
}

#[test]
fn a_library_that_is_no_plugin_is_refused_before_it_is_opened() {
    let reason = reason(&library_of("no_plugin"));
    assert!(reason.contains("exports no root module"), "{reason}");
}

#[test]
fn a_library_that_is_cut_short_anywhere_is_refused() {
    let whole = library_of("odd");
    for length in (4..whole.len()).step_by(whole.len() / 50 + 1).chain([whole.len() - 1]) {
        let reason = reason(&whole[..length]);
        assert!(reason.contains("cut short"), "{length} bytes: {reason}");
    }
}

#[tokio::test]
async fn what_is_opened_is_what_was_read_whatever_becomes_of_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("odd.so");
    std::fs::write(&path, library_of("odd")).expect("written");
    let mut config = config(path.clone());
    config.settings.clear();
    let provider = open(
        &config,
        std::sync::Arc::new(mngr_host_shim::sandbox::SandboxEngine::new()),
    )
    .await;
    // In place: a library that was mapped from the file would be torn.
    std::fs::write(&path, vec![0; 1 << 20]).expect("written over");
    provider
        .discover(DiscoverRequest::default())
        .await
        .expect("it works on");
    std::fs::remove_file(&path).expect("removed");
    provider
        .discover(DiscoverRequest::default())
        .await
        .expect("it works on");
}
