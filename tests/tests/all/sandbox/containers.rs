use mngr_host_shim::contract::docker::{ContainerFilter, ContainerSpec, ContainerStatus};
use mngr_host_shim::contract::types::Limits;
use mngr_host_shim::engine::Engine;

use super::fixture::{ended, engine, exec_options, kind, run, sh, sleeper, spec, status, words};

#[tokio::test]
async fn a_container_is_found_by_id_by_prefix_and_by_name() {
    let engine = engine();
    let id = run(&engine, sleeper("a1")).await;
    assert_eq!(id.len(), 64);
    for reference in [id.as_str(), &id[..12], "a1"] {
        assert_eq!(engine.container_inspect(reference, false).await.unwrap().id, id);
    }
    assert_eq!(kind(engine.container_inspect("nope", false).await), "not_found");
    for reference in ["", "a/b", "-a", "a\n"] {
        assert_eq!(
            kind(engine.container_inspect(reference, false).await),
            "invalid_argument"
        );
    }
}

#[tokio::test]
async fn a_name_is_given_once() {
    let engine = engine();
    engine.container_create(sleeper("a1")).await.unwrap();
    let error = engine.container_create(sleeper("a1")).await.unwrap_err();
    assert_eq!(error.kind(), "conflict");
    assert!(
        error
            .message()
            .contains("The container name \"/a1\" is already in use by container")
    );
    let other = engine.container_create(sleeper("a2")).await.unwrap().id;
    assert_eq!(kind(engine.container_rename(&other, "a1").await), "conflict");
    engine.container_rename(&other, "a3").await.unwrap();
    assert_eq!(engine.container_inspect("a3", false).await.unwrap().id, other);
}

#[tokio::test]
async fn bad_names_images_and_limits_are_refused() {
    let engine = engine();
    for name in ["a/b", "a b", "-a", "ü", "a\n"] {
        assert_eq!(
            kind(engine.container_create(sleeper(name)).await),
            "invalid_argument",
            "{name}"
        );
    }
    let mut missing = sleeper("a1");
    missing.image = "nope:1".to_owned();
    assert_eq!(kind(engine.container_create(missing).await), "not_found");
    let mut small = sleeper("a1");
    small.limits.memory_bytes = Some(1);
    assert_eq!(kind(engine.container_create(small).await), "invalid_argument");
    let filter = ContainerFilter {
        all: true,
        labels: Vec::new(),
    };
    assert!(engine.container_list(filter).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_list_is_filtered_by_labels_and_by_state() {
    let engine = engine();
    run(&engine, sleeper("a1")).await;
    engine.container_create(sleeper("a2")).await.unwrap();
    let list = async |all, labels: &[&str]| -> Vec<String> {
        let filter = ContainerFilter {
            all,
            labels: words(labels),
        };
        let list = engine.container_list(filter).await.unwrap();
        list.into_iter().map(|container| container.name).collect()
    };
    assert_eq!(list(false, &[]).await, ["a1"]);
    assert_eq!(list(true, &["agent"]).await, ["a2", "a1"]);
    assert_eq!(list(true, &["agent=a2"]).await, ["a2"]);
    assert!(list(true, &["agent=a"]).await.is_empty());
    assert!(list(true, &["agent=a2", "other"]).await.is_empty());
}

#[tokio::test]
async fn states_follow_start_pause_stop_and_remove() {
    let engine = engine();
    let id = engine.container_create(sleeper("a1")).await.unwrap().id;
    assert_eq!(status(&engine, &id).await, ContainerStatus::Created);
    assert_eq!(kind(engine.container_pause(&id).await), "conflict");
    engine.container_stop(&id, None).await.unwrap();
    assert_eq!(status(&engine, &id).await, ContainerStatus::Created);
    engine.container_start(&id).await.unwrap();
    engine.container_start(&id).await.unwrap();
    engine.container_pause(&id).await.unwrap();
    assert_eq!(status(&engine, &id).await, ContainerStatus::Paused);
    assert_eq!(kind(engine.container_pause(&id).await), "conflict");
    assert_eq!(kind(engine.container_start(&id).await), "conflict");
    assert_eq!(kind(engine.exec(&id, exec_options(&["true"])).await), "conflict");
    assert_eq!(kind(engine.container_remove(&id, false, false).await), "conflict");
    engine.container_unpause(&id).await.unwrap();
    assert_eq!(kind(engine.container_unpause(&id).await), "internal");
    engine.container_stop(&id, None).await.unwrap();
    engine.container_stop(&id, None).await.unwrap();
    let state = engine.container_inspect(&id, false).await.unwrap().state;
    assert_eq!((state.status, state.exit_code), (ContainerStatus::Exited, 143));
    assert!(state.finished_at.is_some());
    assert_eq!(kind(engine.exec(&id, exec_options(&["true"])).await), "conflict");
    assert_eq!(kind(engine.container_kill(&id, "TERM").await), "conflict");
    engine.container_remove(&id, false, false).await.unwrap();
    assert_eq!(kind(engine.container_inspect(&id, false).await), "not_found");
}

#[tokio::test]
async fn a_status_reads_as_docker_ps_has_it() {
    let engine = engine();
    let id = engine.container_create(sleeper("a1")).await.unwrap().id;
    let text = async || {
        let filter = ContainerFilter {
            all: true,
            labels: Vec::new(),
        };
        engine.container_list(filter).await.unwrap().remove(0).status_text
    };
    assert_eq!(text().await, "Created");
    engine.container_start(&id).await.unwrap();
    assert!(text().await.starts_with("Up "));
    engine.container_pause(&id).await.unwrap();
    assert!(text().await.ends_with(" (Paused)"));
    engine.container_remove(&id, true, false).await.unwrap();
    let id = run(&engine, spec("a2", &["false"])).await;
    ended(&engine, &id).await;
    assert!(text().await.starts_with("Exited (1) "));
}

#[tokio::test]
async fn a_running_container_is_removed_only_by_force() {
    let engine = engine();
    let id = run(&engine, sleeper("a1")).await;
    let error = engine.container_remove(&id, false, false).await.unwrap_err();
    assert!(error.message().contains("You cannot remove a running container"));
    engine.container_remove(&id, true, false).await.unwrap();
    assert_eq!(kind(engine.container_inspect("a1", false).await), "not_found");
}

#[tokio::test]
async fn files_are_there_after_a_restart_and_tmpfs_is_not() {
    let engine = engine();
    let mut spec = sleeper("a1");
    spec.tmpfs = vec![("/scratch".to_owned(), String::new())];
    let id = run(&engine, spec).await;
    assert_eq!(
        sh(&engine, &id, "echo kept > /root/f; echo gone > /scratch/f")
            .await
            .code,
        0
    );
    engine.container_stop(&id, None).await.unwrap();
    engine.container_start(&id).await.unwrap();
    assert_eq!(sh(&engine, &id, "cat /root/f; ls /scratch").await.stdout, "kept\n");
}

#[tokio::test]
async fn a_command_that_is_not_there_fails_the_start_where_no_init_runs_in_its_place() {
    let engine = engine();
    let without_init = ContainerSpec {
        init: false,
        ..spec("a1", &["nosuch"])
    };
    let id = engine.container_create(without_init).await.unwrap().id;
    let error = engine.container_start(&id).await.unwrap_err();
    assert!(
        error.message().contains("executable file not found in $PATH"),
        "{error:?}"
    );
    let state = engine.container_inspect(&id, false).await.unwrap().state;
    assert_eq!((state.status, state.exit_code), (ContainerStatus::Created, 127));
    assert!(!state.error.is_empty());
}

#[tokio::test]
async fn a_gpu_is_promised_at_create_and_missed_at_start() {
    let engine = engine();
    let mut spec = sleeper("a1");
    spec.limits.gpus.push(mngr_host_shim::contract::types::DeviceRequest {
        driver: String::new(),
        count: Some(-1),
        device_ids: Vec::new(),
        capabilities: vec![words(&["gpu"])],
        options: Vec::new(),
    });
    let id = engine.container_create(spec).await.unwrap().id;
    let error = engine.container_start(&id).await.unwrap_err();
    assert!(
        error
            .message()
            .contains("could not select device driver \"\" with capabilities: [[gpu]]")
    );
}

#[tokio::test]
async fn limits_are_read_back_and_changed() {
    let engine = engine();
    let mut spec = sleeper("a1");
    spec.limits.memory_bytes = Some(64 << 20);
    let id = run(&engine, spec).await;
    let limits = engine.container_inspect(&id, false).await.unwrap().limits;
    assert_eq!(limits.memory_bytes, Some(64 << 20));
    assert_eq!(limits.memory_swap_bytes, Some(128 << 20));
    let more = |memory, swap| Limits {
        memory_bytes: Some(memory),
        memory_swap_bytes: swap,
        ..Limits::default()
    };
    assert_eq!(
        kind(engine.container_update(&id, more(256 << 20, None)).await),
        "conflict"
    );
    engine
        .container_update(&id, more(256 << 20, Some(512 << 20)))
        .await
        .unwrap();
    let limits = engine.container_inspect(&id, false).await.unwrap().limits;
    assert_eq!(limits.memory_bytes, Some(256 << 20));
    assert_eq!(engine.stats(&id).await.unwrap().memory_limit_bytes, 256 << 20);
}
