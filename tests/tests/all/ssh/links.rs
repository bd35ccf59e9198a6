//! Links that are cut, held, slow, or gone.

use std::time::Duration;

use futures::future::join_all;
use mngr_docker_tests::sshd::{Sshd, clients};
use mngr_docker_tests::until_asked;
use mngr_docker_tests::wire::Wire;
use mngr_host_shim::config::ProviderConfig;
use mngr_host_shim::engine::Engine;

use super::{command, engine, list};

/// A provider whose machine is at the other end of a wire, and who notices a dead link soon.
fn over(wire: &Wire, sshd: &Sshd) -> ProviderConfig {
    sshd.know_as(wire.port(), "", "host");
    let mut config = sshd.provider_through(wire.port(), "test");
    for (name, value) in [("ServerAliveInterval", "1"), ("ServerAliveCountMax", "1")] {
        config.ssh.options.insert(name.to_owned(), value.to_owned());
    }
    config
}

#[tokio::test]
async fn calls_at_once_share_one_process_and_one_handshake() {
    let sshd = Sshd::start(&[]);
    let engine = engine(&sshd.provider("test"));
    let answers = join_all((0..50).map(|_| list(&engine))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(clients(sshd.port()).len(), 1);
    assert_eq!(sshd.log().matches("Accepted publickey").count(), 1, "{}", sshd.log());
}

#[tokio::test]
async fn after_a_cut_the_next_call_connects_again() {
    let sshd = Sshd::start(&[]);
    let wire = Wire::to(sshd.port(), Duration::ZERO).await;
    let engine = engine(&over(&wire, &sshd));
    list(&engine).await.expect("an answer");
    for _ in 0..10 {
        let cut = clients(wire.port());
        wire.cut();
        // What was on its way may be lost with the link, but what comes after it must not be.
        let mut answers = join_all((0..10).map(|_| list(&engine))).await;
        answers.retain(Result::is_err);
        for lost in answers {
            assert_eq!(lost.expect_err("lost").kind(), "unavailable");
        }
        // The kernel lets a call through to an `ssh` that is about to end.
        let has_ended = async || !clients(wire.port()).iter().any(|pid| cut.contains(pid));
        until_asked("the ssh that was cut ends", has_ended).await;
        list(&engine).await.expect("an answer after the cut");
    }
    assert_eq!(clients(wire.port()).len(), 1);
    drop(engine);
    gone(&wire).await;
}

#[tokio::test]
async fn a_link_that_falls_silent_is_noticed_and_the_call_says_that_it_may_have_happened() {
    let sshd = Sshd::start(&[]);
    let wire = Wire::to(sshd.port(), Duration::ZERO).await;
    let engine = engine(&over(&wire, &sshd));
    list(&engine).await.expect("an answer");
    wire.hold(true);
    let error = engine
        .container_stop("no-such-container", None)
        .await
        .expect_err("lost");
    assert_eq!(error.kind(), "unavailable", "{}", error.message());
    let error = engine.machine_run(command(&["true"])).await.expect_err("out of reach");
    assert!(
        ["unavailable", "timeout"].contains(&error.kind()),
        "{}",
        error.message()
    );
    wire.hold(false);
    // A failed attempt is not repeated at once by every call.
    until_asked("the engine is reached again", async || list(&engine).await.is_ok()).await;
}

#[tokio::test]
async fn a_machine_far_away_is_reached_with_fifty_calls_at_once() {
    let sshd = Sshd::start(&[]);
    let wire = Wire::to(sshd.port(), Duration::from_millis(50)).await;
    let engine = engine(&over(&wire, &sshd));
    let answers = join_all((0..50).map(|_| list(&engine))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(clients(wire.port()).len(), 1);
}

/// Waits until no `ssh` leads to the wire.
async fn gone(wire: &Wire) {
    until_asked("no ssh is left", async || clients(wire.port()).is_empty()).await;
}
