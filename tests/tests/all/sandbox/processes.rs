use mngr_host_shim::contract::docker::ContainerStatus;
use mngr_host_shim::engine::Engine;

use super::fixture::{ended, engine, exec, kind, logs, run, sh, sleeper, spec, status};

#[tokio::test]
async fn the_main_commands_status_is_the_containers() {
    let engine = engine();
    let id = run(&engine, spec("a1", &["sh", "-c", "echo out; echo err >&2; exit 3"])).await;
    assert_eq!(ended(&engine, &id).await, 3);
    assert_eq!(logs(&engine, &id).await, "out\nerr\n");
}

#[tokio::test]
async fn a_signal_from_inside_ends_a_child_of_an_init_and_not_pid_1() {
    let engine = engine();
    let id = run(&engine, sleeper("with-init")).await;
    assert_eq!(sh(&engine, &id, "kill -9 1").await.code, 0);
    assert_eq!(status(&engine, &id).await, ContainerStatus::Running);
    exec(&engine, &id, &["kill", "1"]).await;
    assert_eq!(ended(&engine, &id).await, 143);

    let mut bare = sleeper("without");
    bare.init = false;
    let id = run(&engine, bare).await;
    assert_eq!(sh(&engine, &id, "kill 1; kill -9 1; kill -INT 1").await.code, 0);
    assert_eq!(status(&engine, &id).await, ContainerStatus::Running);
    engine.container_kill(&id, "KILL").await.unwrap();
    assert_eq!(ended(&engine, &id).await, 137);
}

#[tokio::test]
async fn a_trap_decides_how_a_stop_ends() {
    let engine = engine();
    for init in [true, false] {
        let mut clean = spec(
            "clean",
            &["sh", "-c", "trap 'echo bye; exit 0' TERM; sleep infinity & wait"],
        );
        clean.init = init;
        let id = run(&engine, clean).await;
        engine.container_stop(&id, None).await.unwrap();
        assert_eq!(ended(&engine, &id).await, 0);
        assert_eq!(logs(&engine, &id).await, "bye\n");
        engine.container_remove(&id, false, false).await.unwrap();
    }
    let id = run(&engine, spec("deaf", &["sh", "-c", "trap '' TERM; sleep infinity"])).await;
    engine.container_stop(&id, Some(0)).await.unwrap();
    assert_eq!(ended(&engine, &id).await, 137);
}

#[tokio::test]
async fn a_paused_container_can_be_stopped() {
    let engine = engine();
    let id = run(&engine, sleeper("a1")).await;
    engine.container_pause(&id).await.unwrap();
    engine.container_stop(&id, None).await.unwrap();
    assert_eq!(ended(&engine, &id).await, 143);
}

#[tokio::test]
async fn an_unknown_signal_is_refused() {
    let engine = engine();
    let id = run(&engine, sleeper("a1")).await;
    assert_eq!(kind(engine.container_kill(&id, "FOO").await), "invalid_argument");
}

#[tokio::test]
async fn a_restart_policy_restarts_what_ended_by_itself() {
    let engine = engine();
    let mut always = spec(
        "a1",
        &["sh", "-c", "echo up; test -f /once && sleep infinity; touch /once"],
    );
    always.restart_policy.name = "always".to_owned();
    let id = run(&engine, always).await;
    let mut starts = 0;
    let mut since = 0;
    while starts < 2 {
        for event in engine.events(Vec::new(), since, 60_000).await.unwrap() {
            since = event.time;
            starts += u32::from(event.action == "start");
        }
    }
    engine.container_stop(&id, None).await.unwrap();
    assert_eq!(ended(&engine, &id).await, 143);
    assert_eq!(logs(&engine, &id).await, "up\nup\n");
}
