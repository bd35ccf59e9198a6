use mngr_host_shim::engine::Engine;
use mngr_host_shim::error::unavailable;
use mngr_host_shim::sandbox::{Fault, Operation};

use super::fixture::{engine, kind, run, sh, sleeper, words};

#[tokio::test]
async fn events_tell_a_containers_life_in_order() {
    let engine = engine();
    let id = run(&engine, sleeper("a1")).await;
    engine.container_pause(&id).await.unwrap();
    engine.container_unpause(&id).await.unwrap();
    engine.container_rename(&id, "a2").await.unwrap();
    engine.container_stop(&id, None).await.unwrap();
    engine.container_remove(&id, false, false).await.unwrap();
    let events = engine.events(words(&["agent=a1"]), 0, 0).await.unwrap();
    let actions: Vec<_> = events.iter().map(|event| event.action.as_str()).collect();
    assert_eq!(
        actions,
        [
            "create", "start", "pause", "unpause", "rename", "kill", "die", "stop", "destroy"
        ]
    );
    assert!(events.is_sorted_by(|a, b| a.time < b.time));
    let die = &events[6];
    assert!(die.attributes.contains(&("exitCode".to_owned(), "143".to_owned())));
    assert!(die.attributes.contains(&("name".to_owned(), "a2".to_owned())));
    assert!(engine.events(words(&["agent=other"]), 0, 0).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_waiter_wakes_at_the_first_event() {
    let engine = engine();
    let other = engine.clone();
    let waiter = tokio::spawn(async move { other.events(Vec::new(), 0, 600_000).await.unwrap() });
    tokio::task::yield_now().await;
    engine.container_create(sleeper("a1")).await.unwrap();
    assert_eq!(waiter.await.unwrap()[0].action, "create");
}

#[tokio::test]
async fn only_a_running_container_uses_anything() {
    let engine = engine();
    let id = run(&engine, sleeper("a1")).await;
    sh(&engine, &id, "true; true").await;
    let sample = engine.stats(&id).await.unwrap();
    assert!(sample.cpu_total > 0 && sample.pids >= 2);
    engine.container_stop(&id, None).await.unwrap();
    assert_eq!(kind(engine.stats(&id).await), "conflict");
}

#[tokio::test]
async fn faults_hit_the_next_call_of_their_operation_once() {
    let engine = engine();
    let lost = || unavailable("sandbox", "the connection was lost", "try again");
    engine.fail_next(Operation::ContainerCreate, Fault::Error(lost()));
    engine.fail_next(Operation::ContainerCreate, Fault::AfterEffect(lost()));
    assert_eq!(kind(engine.container_create(sleeper("a1")).await), "unavailable");
    assert_eq!(kind(engine.container_inspect("a1", false).await), "not_found");
    assert_eq!(kind(engine.container_create(sleeper("a1")).await), "unavailable");
    assert!(engine.container_inspect("a1", false).await.is_ok());
    engine.fail_next(Operation::ContainerStart, Fault::Hang);
    assert!(futures::poll!(std::pin::pin!(engine.container_start("a1"))).is_pending());
    engine.container_start("a1").await.unwrap();
}
