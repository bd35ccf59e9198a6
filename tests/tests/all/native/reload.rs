//! One library takes over from another while calls are made.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use mngr_docker_tests::{IMAGE, component, library};
use mngr_host_shim::contract::instance::DiscoverRequest;
use mngr_host_shim::provider::NewAgent;
use mngr_host_shim::sandbox::SandboxEngine;

use super::{config, open};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_library_takes_over_from_another_and_from_a_component_and_no_call_is_lost() {
    const SWAPS: usize = 30;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("plugin");
    let replace = |bytes: &[u8]| {
        let beside = path.with_extension("next");
        std::fs::write(&beside, bytes).expect("written");
        std::fs::rename(beside, &path).expect("renamed");
    };
    let first = std::fs::read(library()).expect("a library");
    // What comes behind the last section is nobody's.
    let second = [first.as_slice(), b"another"].concat();
    let forms = [second, component(), first.clone()];
    replace(&first);
    let engine = SandboxEngine::new().with_image(IMAGE);
    let provider = open(&config(path.clone()), Arc::new(engine)).await;
    provider.create(NewAgent::named("a")).await.expect("an agent");
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
    let mut digests = std::collections::BTreeSet::new();
    for swap in 0..SWAPS {
        replace(&forms[swap % forms.len()]);
        let taken = provider.reload().await.expect("it takes over");
        assert_eq!(taken.is_native(), swap % forms.len() != 1);
        digests.insert(taken.digest().to_owned());
    }
    done.store(true, Ordering::Relaxed);
    for task in load {
        task.await.expect("no call was lost");
    }
    assert_eq!(digests.len(), forms.len());
    assert!(calls.load(Ordering::Relaxed) > SWAPS, "there was a load");
}

#[tokio::test]
async fn a_library_does_not_take_over_from_a_component_where_none_is_allowed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("plugin.wasm");
    std::fs::write(&path, component()).expect("written");
    let mut config = config(path.clone());
    config.allow_native = false;
    let provider = open(&config, Arc::new(SandboxEngine::new().with_image(IMAGE))).await;
    std::fs::copy(library(), &path).expect("copied");
    let error = provider.reload().await.expect_err("it is refused");
    assert_eq!(error.field(), Some("allow_native"));
    assert!(!provider.plugin().is_native());
    provider
        .discover(DiscoverRequest::default())
        .await
        .expect("the one before stays");
}
