//! Engines whose answers do not end: whatever is asked, the error names the limit.

use std::path::Path;

use mngr_docker_tests::{FaultProxy, Flood};
use mngr_host_shim::config::ProviderConfig;
use mngr_host_shim::contract::Result;
use mngr_host_shim::contract::docker::ContainerFilter;
use mngr_host_shim::contract::limits::{ANSWER, LIST, Limit};
use mngr_host_shim::engine::Engine;
use mngr_host_shim::engine::connect::connect;
use mngr_host_shim::engine::docker::DockerEngine;
use mngr_host_shim::engine::ssh::Tunnels;
use mngr_host_shim::environment::Environment;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixListener;

/// The real engine, but for these requests.
fn flooded(requests: &[&str], flood: &Flood) -> (tempfile::TempDir, DockerEngine) {
    let directory = tempfile::tempdir().expect("a directory");
    let proxy = FaultProxy::before_the_engine(directory.path().join("engine.sock"));
    for request in requests {
        proxy.flood(request, flood.clone());
    }
    let engine = at(proxy.socket());
    (directory, engine)
}

fn at(socket: &Path) -> DockerEngine {
    let config = ProviderConfig {
        host: Some(format!("unix://{}", socket.display())),
        ..ProviderConfig::named("test")
    };
    connect(&config, &Environment::default(), &Tunnels::default()).expect("nothing is sent yet")
}

fn names<T>(result: Result<T>, limit: Limit) {
    let error = result.err().expect("without an end");
    let expected = format!("{} is longer than {}, the limit", limit.what, limit.amount());
    assert!(error.message().contains(&expected), "{}", error.message());
    assert!(!error.remedy().is_empty());
}

#[tokio::test]
async fn whatever_is_asked_an_answer_without_an_end_names_the_limit() {
    let requests = [
        "GET /version",
        "GET /info",
        "GET /containers/*/json",
        "GET /containers/*/stats",
        "GET /images/*/json",
        "GET /volumes/*",
        "GET /networks/*",
    ];
    let (_directory, engine) = flooded(&requests, &Flood::body("{\"Name\":\"", "x"));
    names(engine.version().await, ANSWER);
    names(engine.info().await, ANSWER);
    names(engine.container_inspect("a", false).await, ANSWER);
    names(engine.stats("a").await, ANSWER);
    names(engine.image_inspect("a").await, ANSWER);
    names(engine.volume_inspect("a").await, ANSWER);
    names(engine.network_inspect("a").await, ANSWER);
    let lists = ["GET /containers/json", "GET /images/json", "GET /volumes"];
    let (_directory, engine) = flooded(&lists, &Flood::body("[\"", "x"));
    let filter = ContainerFilter {
        all: true,
        labels: Vec::new(),
    };
    names(engine.container_list(filter).await, LIST);
    names(engine.image_list(Vec::new()).await, LIST);
    names(engine.volume_list(Vec::new()).await, LIST);
    names(engine.volume_users("a").await, LIST);
}

#[tokio::test]
async fn a_change_that_is_answered_without_an_end_may_have_happened() {
    let requests = ["POST /volumes/create", "POST /containers/*/update"];
    let (_directory, engine) = flooded(&requests, &Flood::body("{\"Name\":\"", "x"));
    let made = engine.volume_create("a", "", Vec::new(), Vec::new()).await;
    assert_eq!(made.as_ref().expect_err("without an end").kind(), "unavailable");
    names(made, ANSWER);
}

/// A connection that is kept is not held to what was read of the answers before.
#[tokio::test]
async fn answers_are_counted_one_by_one() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("engine.sock");
    let listener = UnixListener::bind(&path).expect("a socket");
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("the only connection");
        let (requests, mut answers) = stream.into_split();
        let mut lines = BufReader::new(requests).lines();
        let body = format!("{{\"Id\":\"{}\"}}", "x".repeat(3 << 20));
        while let Ok(Some(line)) = lines.next_line().await {
            if line.is_empty() {
                let head = format!(
                    "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                answers.write_all(head.as_bytes()).await.expect("answered");
                answers.write_all(body.as_bytes()).await.expect("answered");
            }
        }
    });
    let engine = at(&path);
    for _ in 0..5 {
        assert_eq!(engine.image_inspect("a").await.expect("an answer").id.len(), 3 << 20);
    }
    drop(engine);
    server.await.expect("no panic");
}
