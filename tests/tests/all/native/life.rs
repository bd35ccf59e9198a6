//! One agent's whole life by way of the library, on a real engine.

use std::sync::Arc;

use mngr_conformance::remove_all;
use mngr_docker_tests::{IMAGE, argv, library, output_of, tar_of};
use mngr_host_shim::contract::instance::{DiscoverRequest, ForkRequest, SnapshotRequest, StartRequest, StopRequest};
use mngr_host_shim::contract::types::AgentState;
use mngr_host_shim::engine::connect::connect;
use mngr_host_shim::engine::ssh::Tunnels;
use mngr_host_shim::environment::Environment;
use mngr_host_shim::provider::{AgentSource, NewAgent, Provider};

use super::{config, open};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_lives_its_whole_life_on_a_real_engine() {
    let mut config = config(library());
    config.name = format!("test-{}", &uuid::Uuid::new_v4().simple().to_string()[..12]);
    let engine = connect(&config, &Environment::of_process(), &Tunnels::default()).expect("an engine's address");
    let provider = open(&config, Arc::new(engine)).await;
    let lived = tokio::spawn({
        let provider = provider.clone();
        async move { live(&provider).await }
    });
    let lived = lived.await;
    let left = remove_all(&**provider.engine(), provider.name()).await;
    lived.expect("it lives its life");
    assert!(left.is_empty(), "{left:?}");
}

async fn live(provider: &Provider) {
    let made = provider.create(NewAgent::named("a").image(IMAGE)).await.expect("made");
    assert_eq!((made.name.as_str(), made.state), ("a", AgentState::Running));
    let session = provider
        .exec("a", argv(&["sh", "-c", "echo kept > /kept; echo hello"]))
        .await;
    let (status, output, _) = output_of(session.expect("it runs")).await;
    assert_eq!((status, output.trim()), (0, "hello"));
    provider
        .copy_in("a", "/", tar_of("in", &[("f", "copied")]), false)
        .await
        .expect("copied in");
    let (found, _) = provider.copy_out("a", "/in/f").await.expect("copied out");
    assert_eq!(found.size_bytes, 6);
    provider.logs("a", Default::default()).await.expect("its output");
    assert!(provider.stats("a").await.expect("its use").memory_bytes > 0);

    let request = SnapshotRequest {
        name: "s".to_owned(),
        ..SnapshotRequest::default()
    };
    let taken = provider.snapshot_create("a", request).await.expect("a snapshot");
    let forked = provider
        .fork(
            "a",
            ForkRequest {
                names: vec!["b".to_owned()],
                ..ForkRequest::default()
            },
        )
        .await
        .expect("a fork");
    assert_eq!(forked.len(), 1);
    provider.stop("a", StopRequest::default()).await.expect("stopped");
    provider.start("a", StartRequest::default()).await.expect("started");
    provider.pause("a").await.expect("paused");
    provider.resume("a").await.expect("resumed");
    provider.rename("a", "c").await.expect("renamed");
    let from = NewAgent {
        from: AgentSource::Snapshot(taken.id.clone()),
        ..NewAgent::named("d")
    };
    provider.create(from).await.expect("made from the snapshot");
    let session = provider.exec("d", argv(&["cat", "/kept"])).await;
    assert_eq!(output_of(session.expect("it runs")).await.1.trim(), "kept");
    let mut names: Vec<_> = provider
        .discover(DiscoverRequest::default())
        .await
        .expect("a list")
        .into_iter()
        .map(|agent| agent.name)
        .collect();
    names.sort();
    assert_eq!(names, ["b", "c", "d"]);
    for name in names {
        provider.destroy(&name, Default::default()).await.expect("destroyed");
    }
    provider.snapshot_delete(None, &taken.id).await.expect("deleted");
}
