//! An engine behind TLS, with certificates on both ends.

use mngr_docker_tests::tls::TlsFront;
use mngr_host_shim::config::ProviderConfig;
use mngr_host_shim::contract::docker::{ContainerFilter, LogOptions};
use mngr_host_shim::contract::ssh::Command;
use mngr_host_shim::engine::connect::connect;
use mngr_host_shim::engine::docker::DockerEngine;
use mngr_host_shim::engine::ssh::Tunnels;
use mngr_host_shim::engine::{Engine, Fractions};
use mngr_host_shim::environment::Environment;

fn engine(config: &ProviderConfig) -> DockerEngine {
    connect(config, &Environment::default(), &Tunnels::default()).expect("nothing is sent yet")
}

#[tokio::test]
async fn an_engine_that_knows_us_and_that_we_know_is_used() {
    let front = TlsFront::start("127.0.0.1").await;
    let engine = engine(&front.provider(front.certificates()));
    for _ in 0..3 {
        engine.version().await.expect("an answer");
    }
    let everything = ContainerFilter {
        all: true,
        labels: Vec::new(),
    };
    engine.container_list(everything).await.expect("a list");
    let error = engine
        .logs("no-such-container", LogOptions::default(), Fractions::default())
        .await
        .expect_err("none");
    assert_eq!(error.kind(), "not_found");
    let command = Command {
        argv: vec!["true".into()],
        stdin: Vec::new(),
        timeout_ms: 1000,
        max_output_bytes: 1,
    };
    assert_eq!(
        engine.machine_run(command).await.expect_err("no way").kind(),
        "unsupported"
    );
}

#[tokio::test]
async fn an_engine_with_a_certificate_for_another_name_is_not_believed() {
    let front = TlsFront::start("another-host").await;
    let error = engine(&front.provider(front.certificates()))
        .version()
        .await
        .expect_err("refused");
    assert_eq!(error.kind(), "unavailable");
    assert!(error.message().contains("certificate"), "{}", error.message());
    assert!(error.remedy().contains("subjectAltName"), "{}", error.remedy());
}

#[tokio::test]
async fn an_engine_signed_by_somebody_else_is_not_believed() {
    let (front, other) = (TlsFront::start("127.0.0.1").await, TlsFront::start("127.0.0.1").await);
    let error = engine(&front.provider(other.certificates()))
        .version()
        .await
        .expect_err("refused");
    assert!(error.message().contains("certificate"), "{}", error.message());
    assert!(error.remedy().contains("ca.pem"), "{}", error.remedy());
}

#[tokio::test]
async fn an_engine_that_does_not_know_us_says_so() {
    let front = TlsFront::start("127.0.0.1").await;
    let config = front.provider(front.certificates_of_a_stranger());
    let error = engine(&config).version().await.expect_err("refused");
    assert_eq!(error.kind(), "unavailable");
    assert!(error.message().contains("TLS"), "{}", error.message());
    assert!(error.remedy().contains("cert.pem"), "{}", error.remedy());
}

#[tokio::test]
async fn an_engine_that_wants_tls_is_told_from_one_that_is_broken() {
    let front = TlsFront::start("127.0.0.1").await;
    let config = ProviderConfig {
        tls_directory: None,
        ..front.provider(front.certificates())
    };
    let error = engine(&config).version().await.expect_err("no HTTP");
    assert_eq!(error.kind(), "unavailable");
    assert!(error.remedy().contains("TLS"), "{}", error.remedy());
}
