//! Files that are no plugin are refused with the reason, before anything of them runs.

use mngr_docker_tests::wat::Wat;
use mngr_docker_tests::{component, plugin_cache, with_note};
use mngr_host_shim::contract;
use mngr_host_shim::loader::{ArtefactCache, Loader};

fn refusal(bytes: &[u8]) -> String {
    let loader = Loader::new(None).expect("a loader");
    let error = loader.load("p.wasm", bytes).expect_err("it is no plugin");
    assert_eq!(error.kind(), "invalid_argument");
    assert_eq!(error.field(), Some("plugin"));
    assert!(!error.remedy().is_empty());
    error.message()
}

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("a module")
}

#[test]
fn an_empty_file_and_one_of_another_kind_are_told_apart() {
    assert!(refusal(b"").contains("empty"));
    assert!(refusal(b"#!/bin/sh\n").contains("no WebAssembly"));
}

#[test]
fn a_core_module_is_told_from_a_component() {
    assert!(refusal(&wat("(module)")).contains("core module"));
}

#[test]
fn a_truncated_component_is_refused_wherever_it_is_cut() {
    let whole = component();
    for length in [4, 8, 9, 100, whole.len() / 2, whole.len() - 1] {
        refusal(&whole[..length]);
    }
}

#[test]
fn a_component_that_imports_wasi_is_refused_by_the_imports_name() {
    let message = refusal(&wat(r#"(component (import "wasi:io/streams@0.2.0" (instance)))"#));
    assert!(message.contains("wasi:io/streams@0.2.0"), "{message}");
}

#[test]
fn a_contract_from_the_future_is_refused_by_its_version() {
    let message = refusal(&wat(r#"(component (import "mngr:provider/docker@0.9.0" (instance)))"#));
    assert!(
        message.contains("0.9.0") && message.contains(contract::VERSION),
        "{message}"
    );
}

#[test]
fn a_component_that_exports_nothing_does_not_fit() {
    assert!(refusal(&wat("(component)")).contains("contract"));
}

#[tokio::test]
async fn a_function_of_other_types_than_the_contracts_is_found_by_every_call_of_any_function() {
    let loader = Loader::new(None).expect("a loader");
    let plugin = loader
        .load("p.wasm", &Wat::new().lacking_an_argument("pause").build())
        .expect("it has all the names");
    for _ in 0..2 {
        let error = plugin.describe().await.expect_err("another contract");
        assert!(error.message().contains("type"), "{}", error.message());
    }
    let whole = loader.load("p.wasm", &Wat::new().build()).expect("it loads");
    whole.describe().await.expect("a description");
}

#[test]
fn our_own_component_imports_nothing_but_the_contract() {
    Loader::new(Some(plugin_cache()))
        .expect("a loader")
        .load("p.wasm", &component())
        .expect("it loads");
}

#[test]
fn a_compiled_plugin_is_cached_and_a_damaged_or_changed_one_is_compiled_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let load = |bytes: &[u8]| {
        let loader = Loader::new(Some(ArtefactCache::at(folder.path().join("cache")))).expect("a loader");
        loader.load("p.wasm", bytes).expect("it loads").was_cached()
    };
    let bytes = Wat::new().build();
    assert!(!load(&bytes), "the first time it is compiled");
    assert!(load(&bytes), "the second time it is there");
    let entry = std::fs::read_dir(folder.path().join("cache"))
        .expect("a cache")
        .next()
        .expect("an entry")
        .expect("it");
    let mut artefact = std::fs::read(entry.path()).expect("an artefact");
    let middle = artefact.len() / 2;
    artefact[middle] ^= 1;
    std::fs::write(entry.path(), artefact).expect("written");
    assert!(!load(&bytes), "a damaged artefact is not run");
    assert!(load(&bytes), "and is replaced");
    assert!(!load(&with_note(bytes, "")), "a changed component is another plugin");
}
