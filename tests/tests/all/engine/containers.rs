use futures::StreamExt;
use mngr_host_shim::contract::ProviderError;
use mngr_host_shim::contract::docker::{ContainerFilter, ContainerStatus, LogOptions, Mount, MountKind};
use mngr_host_shim::contract::types::Limits;
use mngr_host_shim::engine::{Engine, Fractions};

use super::fixture::{IMAGE, LABEL, Own, collected, command, engine, spec, unique};

#[tokio::test]
async fn the_engine_says_what_it_is() {
    let engine = engine();
    let version = engine.version().await.expect("a version");
    assert!(!version.version.is_empty() && !version.kernel.is_empty());
    let info = engine.info().await.expect("an info");
    assert!(info.cpus > 0 && info.memory_bytes > 0 && !info.runtimes.is_empty());
}

#[tokio::test]
async fn a_container_is_created_started_stopped_and_removed() {
    let own = Own::created(spec(&unique("life"))).await;
    let engine = &own.engine;
    let status = async || {
        engine
            .container_inspect(&own.name, false)
            .await
            .expect("it is there")
            .state
            .status
    };

    assert_eq!(status().await, ContainerStatus::Created);
    engine.container_start(&own.id).await.expect("it starts");
    engine
        .container_start(&own.id)
        .await
        .expect("starting it again is a success");
    assert_eq!(status().await, ContainerStatus::Running);
    engine.container_pause(&own.id).await.expect("it pauses");
    assert_eq!(status().await, ContainerStatus::Paused);
    engine.container_unpause(&own.id).await.expect("it goes on");
    engine.container_stop(&own.id, Some(10)).await.expect("it stops");
    engine
        .container_stop(&own.id, None)
        .await
        .expect("stopping it again is a success");

    let stopped = engine.container_inspect(&own.id, true).await.expect("it is there");
    assert_eq!(stopped.state.status, ContainerStatus::Exited);
    assert_eq!(stopped.state.exit_code, 0, "the command heard the signal");
    assert!(stopped.state.started_at < stopped.state.finished_at);
    assert!(stopped.writable_bytes.is_some());
    engine.container_remove(&own.id, false, true).await.expect("it goes");
    let gone = engine.container_inspect(&own.id, false).await.expect_err("it is gone");
    assert_eq!(gone.kind(), "not_found");
    assert!(gone.message().contains(&own.id));
}

#[tokio::test]
async fn inspect_tells_what_the_container_was_made_from_but_no_environment_values() {
    let mut wanted = spec(&unique("inspect"));
    wanted.limits.cpus = Some(0.5);
    wanted.limits.memory_bytes = Some(64 << 20);
    wanted.limits.pids = Some(50);
    wanted.tmpfs = vec![("/scratch".into(), "size=1m".into())];
    wanted.working_dir = Some("/tmp".into());
    wanted.mounts = vec![Mount {
        target: "/data".into(),
        ..Mount::default()
    }];
    let own = Own::created(wanted).await;

    let container = own.engine.container_inspect(&own.id, false).await.expect("it is there");
    assert_eq!(
        (container.name.as_str(), container.image.as_str()),
        (own.name.as_str(), IMAGE)
    );
    assert!(container.labels.contains(&(LABEL.into(), "1".into())));
    assert_eq!(container.limits.cpus, Some(0.5));
    assert_eq!(container.limits.memory_bytes, Some(64 << 20));
    assert_eq!(container.limits.pids, Some(50));
    assert_eq!(container.tmpfs, [("/scratch".to_owned(), "size=1m".to_owned())]);
    assert_eq!(
        (container.working_dir.as_str(), container.restart_policy.as_str()),
        ("/tmp", "no")
    );
    assert_eq!((container.init, container.network_mode.as_str()), (true, "none"));
    assert_eq!(container.mounts[0].destination, "/data");
    assert_eq!(container.mounts[0].kind, MountKind::Volume);
    assert!(container.env_names.contains(&"SECRET".into()));
    assert!(!format!("{container:?}").contains("hidden"));
    assert_eq!(container.state.started_at, None);
}

#[tokio::test]
async fn limits_change_on_a_running_container() {
    let own = Own::started("update").await;
    let limits = Limits {
        memory_bytes: Some(96 << 20),
        memory_swap_bytes: Some(192 << 20),
        cpus: Some(1.0),
        ..Limits::default()
    };
    own.engine.container_update(&own.id, limits).await.expect("they change");
    let container = own.engine.container_inspect(&own.id, false).await.expect("it is there");
    assert_eq!(container.limits.memory_bytes, Some(96 << 20));
    assert_eq!(container.limits.cpus, Some(1.0));
}

#[tokio::test]
async fn containers_are_found_by_their_labels_stopped_ones_too() {
    let mut wanted = spec(&unique("list"));
    let mark = unique("mark");
    wanted.labels.push(("com.imbue.mngr.test.mark".into(), mark.clone()));
    let own = Own::created(wanted).await;
    let list = async |all| {
        let labels = vec![format!("com.imbue.mngr.test.mark={mark}")];
        own.engine
            .container_list(ContainerFilter { all, labels })
            .await
            .expect("a list")
    };
    let all = list(true).await;
    assert_eq!(all.len(), 1);
    assert_eq!((&all[0].id, &all[0].name), (&own.id, &own.name));
    assert_eq!(all[0].status, ContainerStatus::Created);
    assert!(list(false).await.is_empty());
}

#[tokio::test]
async fn a_name_in_use_is_a_conflict_that_says_so() {
    let own = Own::created(spec(&unique("twice"))).await;
    let error = own
        .engine
        .container_create(spec(&own.name))
        .await
        .expect_err("the name is taken");
    let ProviderError::Conflict(conflict) = error else {
        panic!("{error:?}")
    };
    assert_eq!(conflict.state, "in use");
    assert!(conflict.reason.contains(&own.name));
}

#[tokio::test]
async fn a_missing_image_is_not_found_and_leaves_nothing_behind() {
    let mut wanted = spec(&unique("no-image"));
    wanted.image = "mngr-test-no-such-image:1".into();
    let name = wanted.name.clone();
    let engine = engine();
    let error = engine.container_create(wanted).await.expect_err("no image");
    assert_eq!(error.kind(), "not_found");
    assert!(error.message().contains("mngr-test-no-such-image"));
    assert_eq!(
        engine
            .container_inspect(&name, false)
            .await
            .expect_err("nothing")
            .kind(),
        "not_found"
    );
}

#[tokio::test]
async fn names_that_are_none_never_reach_the_engine() {
    let engine = engine();
    for name in ["", "a/b", "../images/json", "a?force=1", "-rf", "a\nb", "ä"] {
        let error = engine.container_remove(name, true, false).await.expect_err(name);
        assert_eq!(error.field(), Some("container"), "{name}");
    }
    let error = engine.container_create(spec(&"x".repeat(300))).await;
    if let Ok(created) = &error {
        engine.container_remove(&created.id, true, true).await.expect("removed");
    }
}

#[tokio::test]
async fn a_rename_moves_the_name_and_refuses_one_in_use() {
    let own = Own::created(spec(&unique("rename"))).await;
    let other = Own::created(spec(&unique("other"))).await;
    let new = unique("renamed");
    own.engine.container_rename(&own.id, &new).await.expect("renamed");
    assert_eq!(
        own.engine.container_inspect(&new, false).await.expect("it is there").id,
        own.id
    );
    let taken = own
        .engine
        .container_rename(&own.id, &other.name)
        .await
        .expect_err("taken");
    assert_eq!(taken.kind(), "conflict");
}

#[tokio::test]
async fn pausing_what_does_not_run_is_a_conflict() {
    let own = Own::created(spec(&unique("pause"))).await;
    let error = own.engine.container_pause(&own.id).await.expect_err("it does not run");
    let ProviderError::Conflict(conflict) = error else {
        panic!("{error:?}")
    };
    assert_eq!(conflict.state, "not running");
}

#[tokio::test]
async fn removing_a_running_container_takes_force() {
    let own = Own::started("remove").await;
    let error = own
        .engine
        .container_remove(&own.id, false, false)
        .await
        .expect_err("it runs");
    assert_eq!(error.kind(), "conflict");
    own.engine.container_remove(&own.id, true, true).await.expect("it goes");
    let gone = own
        .engine
        .container_remove(&own.id, true, true)
        .await
        .expect_err("gone");
    assert_eq!(gone.kind(), "not_found");
}

fn all_logs() -> LogOptions {
    LogOptions {
        follow: false,
        stdout: true,
        stderr: true,
        timestamps: false,
        since: 0,
        until: 0,
        tail: None,
    }
}

#[tokio::test]
async fn logs_keep_stdout_and_stderr_apart() {
    let mut wanted = spec(&unique("logs"));
    wanted.command = Some(command(&["sh", "-c", "echo out; echo err >&2"]));
    let own = Own::created(wanted).await;
    own.engine.container_start(&own.id).await.expect("it starts");
    own.exited().await;
    let log = async |options| {
        collected(
            own.engine
                .logs(&own.id, options, Fractions::default())
                .await
                .expect("a log")
                .output,
        )
        .await
    };
    assert_eq!(log(all_logs()).await, ("out\n".into(), "err\n".into()));
    let only_stderr = LogOptions {
        stdout: false,
        ..all_logs()
    };
    assert_eq!(log(only_stderr).await, (String::new(), "err\n".into()));
}

#[tokio::test]
async fn a_log_is_followed_from_its_tail_until_the_container_ends() {
    let mut wanted = spec(&unique("follow"));
    let script = "echo first; echo last; trap 'echo bye; exit 0' TERM; while :; do sleep 1000 & wait $!; done";
    wanted.command = Some(command(&["sh", "-c", script]));
    let own = Own::created(wanted).await;
    own.engine.container_start(&own.id).await.expect("it starts");
    let mut seen = String::new();
    let mut log = own
        .engine
        .logs(&own.id, following(None), Fractions::default())
        .await
        .expect("a log")
        .output;
    while seen != "first\nlast\n" {
        let piece = log.next().await.expect("more").expect("output");
        seen.push_str(std::str::from_utf8(&piece.bytes).expect("UTF-8"));
    }
    let tail = own
        .engine
        .logs(&own.id, following(Some(1)), Fractions::default())
        .await
        .expect("a log")
        .output;
    own.engine.container_stop(&own.id, Some(10)).await.expect("it stops");
    assert_eq!(collected(log).await.0, "bye\n");
    assert_eq!(collected(tail).await.0, "last\nbye\n");
}

fn following(tail: Option<u64>) -> LogOptions {
    LogOptions {
        follow: true,
        tail,
        ..all_logs()
    }
}

#[tokio::test]
async fn the_log_of_a_container_with_a_terminal_comes_byte_for_byte() {
    let mut wanted = spec(&unique("tty-logs"));
    wanted.tty = true;
    // Bytes that would begin a frame where there are frames.
    wanted.command = Some(command(&["printf", r"\001\002 no newline"]));
    let own = Own::created(wanted).await;
    own.engine.container_start(&own.id).await.expect("it starts");
    own.exited().await;
    let log = own
        .engine
        .logs(&own.id, all_logs(), Fractions::default())
        .await
        .expect("a log");
    assert_eq!(collected(log.output).await.0, "\u{1}\u{2} no newline");
}

#[tokio::test]
async fn the_log_of_a_missing_container_is_not_found() {
    let error = engine()
        .logs("mngr-test-none", all_logs(), Fractions::default())
        .await
        .expect_err("none");
    assert_eq!(error.kind(), "not_found");
}

#[tokio::test]
async fn a_running_container_is_measured_and_a_stopped_one_is_not() {
    let own = Own::started("stats").await;
    let sample = own.engine.stats(&own.id).await.expect("a sample");
    assert!(sample.memory_limit_bytes > 0 && sample.system_cpu_total > 0 && !sample.read_at.is_empty());
    own.engine.container_kill(&own.id, "KILL").await.expect("killed");
    own.engine.container_stop(&own.id, Some(0)).await.expect("stopped");
    assert_eq!(
        own.engine.stats(&own.id).await.expect_err("it is stopped").kind(),
        "conflict"
    );
}

#[tokio::test]
async fn what_happened_is_told_at_once_and_only_once() {
    let mut wanted = spec(&unique("events"));
    let mark = unique("mark");
    wanted.labels.push(("com.imbue.mngr.test.mark".into(), mark.clone()));
    let own = Own::created(wanted).await;
    let labels = || vec![format!("com.imbue.mngr.test.mark={mark}")];
    own.engine.container_start(&own.id).await.expect("it starts");

    let (mut actions, mut cursor) = (Vec::new(), 0);
    while !actions.contains(&"start".to_owned()) {
        let events = own.engine.events(labels(), cursor, 600_000).await.expect("events");
        assert!(
            events
                .iter()
                .all(|event| event.container_id == own.id && event.time > cursor)
        );
        cursor = events.last().expect("at least one").time;
        actions.extend(events.into_iter().map(|event| event.action));
    }
    assert_eq!(actions.iter().filter(|action| *action == "create").count(), 1);
    assert!(own.engine.events(labels(), cursor, 0).await.expect("events").is_empty());
}

#[tokio::test]
async fn volumes_are_made_found_and_removed() {
    let engine = engine();
    let name = unique("volume");
    let labels = vec![(LABEL.to_owned(), name.clone())];
    let made = engine.volume_create(&name, "", Vec::new(), labels).await.expect("made");
    assert_eq!((made.name.as_str(), made.driver.as_str()), (name.as_str(), "local"));
    let found = engine
        .volume_list(vec![format!("{LABEL}={name}")])
        .await
        .expect("a list");
    assert_eq!(found.len(), 1);
    engine.volume_remove(&name, false).await.expect("removed");
    assert_eq!(
        engine.volume_inspect(&name).await.expect_err("gone").kind(),
        "not_found"
    );
}

#[tokio::test]
async fn a_network_is_inspected_by_name() {
    let network = engine().network_inspect("none").await.expect("there is always one");
    assert_eq!((network.name.as_str(), network.driver.as_str()), ("none", "null"));
}

#[tokio::test]
async fn a_hundred_calls_at_once_are_all_answered() {
    let own = Own::created(spec(&unique("many"))).await;
    let inspect = |_| own.engine.container_inspect(&own.id, false);
    let answers: Vec<_> = futures::stream::iter(0..100)
        .map(inspect)
        .buffer_unordered(100)
        .collect()
        .await;
    assert!(answers.iter().all(Result::is_ok));
}
