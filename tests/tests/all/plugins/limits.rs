//! Hostile plugins: each ends its own call, with the plugin's name and the reason, and disturbs no other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use mngr_docker_tests::wat::{SCRATCH, Wat, ZEROS, segment};
use mngr_docker_tests::{component, plugin_cache};
use mngr_host_shim::contract::instance::DiscoverRequest;
use mngr_host_shim::contract::{ProviderError, Result};
use mngr_host_shim::loader::{CallLimits, Loader, Plugin};
use mngr_host_shim::policy::{Permissions, Policy, Preset};
use mngr_host_shim::provider::{NewAgent, Provider};
use mngr_host_shim::sandbox::{Fault, Operation, SandboxEngine};

const IMAGE: &str = "debian:bookworm-slim";
/// What runs until it is stopped.
const FOREVER: &str = "(loop $again (br $again)) unreachable";

/// As little as will do, so that a test takes no time.
fn tight() -> CallLimits {
    CallLimits {
        memory: 16 << 20,
        instructions: 200_000_000,
        ..CallLimits::default()
    }
}

fn load(bytes: &[u8]) -> Result<Plugin> {
    Loader::new(None).expect("a loader").load("hostile.wasm", bytes)
}

async fn open(plugin: Plugin, engine: SandboxEngine) -> Provider {
    let policy = Policy::new("docker", Preset::Standard, &Permissions::default());
    let opened = Provider::open(plugin, Arc::new(engine), "docker", &serde_json::Map::new(), policy).await;
    opened.expect("it accepts every setting")
}

/// Our own plugin, on an engine with one agent.
async fn bystander() -> (Provider, SandboxEngine) {
    let loader = Loader::new(Some(plugin_cache())).expect("a loader");
    let plugin = loader.load("ours.wasm", &component()).expect("it loads");
    let engine = SandboxEngine::new().with_image(IMAGE);
    let provider = open(plugin, engine.clone()).await;
    provider
        .create(NewAgent::named("a").image(IMAGE))
        .await
        .expect("an agent");
    (provider, engine)
}

/// Has `get` of the plugin called while others call theirs, on one thread; all of those must succeed, and go on after it.
async fn ends(plugin: Wat, limits: CallLimits) -> ProviderError {
    let (ours, engine) = bystander().await;
    ends_on(plugin, limits, &ours, engine).await
}

async fn ends_on(plugin: Wat, limits: CallLimits, ours: &Provider, engine: SandboxEngine) -> ProviderError {
    let plugin = load(&plugin.build()).expect("it loads");
    let hostile = open(plugin, engine).await.limited_to(limits);
    let (ended, calls) = (AtomicBool::new(false), AtomicUsize::new(0));
    let attack = async {
        let outcome = hostile.get("a").await;
        ended.store(true, Ordering::Relaxed);
        outcome
    };
    let others = async {
        loop {
            let agents = ours
                .discover(DiscoverRequest::default())
                .await
                .expect("our plugin's call");
            assert_eq!(agents.len(), 1);
            let found = hostile
                .discover(DiscoverRequest::default())
                .await
                .expect("another call of it");
            assert!(found.is_empty());
            calls.fetch_add(1, Ordering::Relaxed);
            // Nothing in them waits, so that the other would never be polled.
            tokio::task::yield_now().await;
            if ended.load(Ordering::Relaxed) {
                break;
            }
        }
    };
    let (outcome, ()) = tokio::join!(attack, others);
    assert!(calls.load(Ordering::Relaxed) > 0);
    let error = outcome.expect_err("it was stopped");
    assert_eq!(error.kind(), "internal", "{}", error.message());
    assert!(error.message().contains("hostile.wasm"), "{}", error.message());
    error
}

/// The error's message has this in it, and where the limit can be set the remedy its name.
fn says(error: &ProviderError, reason: &str, setting: Option<&str>) {
    assert!(error.message().contains(reason), "{}", error.message());
    match setting {
        Some(setting) => assert!(
            error.remedy().contains(&format!("`plugin_limits.{setting}`")),
            "{}",
            error.remedy()
        ),
        None => assert!(!error.remedy().contains("plugin_limits"), "{}", error.remedy()),
    }
}

#[tokio::test]
async fn a_trap_ends_its_call() {
    let error = ends(Wat::new().doing("get", "unreachable"), tight()).await;
    says(&error, "unreachable", None);
}

#[tokio::test]
async fn an_endless_loop_runs_out_of_instructions() {
    let error = ends(Wat::new().doing("get", FOREVER), tight()).await;
    says(&error, "it ran for too long", Some("instructions"));
}

#[tokio::test]
async fn an_endless_loop_that_may_go_on_runs_out_of_time() {
    let limits = CallLimits {
        instructions: 1 << 60,
        idle: Duration::from_millis(200),
        ..tight()
    };
    let error = ends(Wat::new().doing("get", FOREVER), limits).await;
    says(&error, "by its own choice", Some("idle_seconds"));
}

#[tokio::test]
async fn a_component_that_loops_as_it_starts_ends_the_call_that_it_was_started_for() {
    let start = format!(r#"(func (export "_initialize") {FOREVER})"#);
    let plugin = load(&Wat::new().with(&start).build()).expect("it loads");
    let error = plugin.describe().await.expect_err("it never gets so far");
    // Which of the two comes first depends on the machine.
    let reasons = ["it ran for too long", "it did not end within 10s"];
    assert!(
        reasons.iter().any(|reason| error.message().contains(reason)),
        "{}",
        error.message()
    );
}

#[tokio::test]
async fn memory_that_grows_without_end_is_stopped_at_the_limit() {
    let grow = "(loop $more (drop (memory.grow (i32.const 16))) (br $more)) unreachable";
    let error = ends(Wat::new().doing("get", grow), tight()).await;
    says(&error, "more than 16 MiB of memory", Some("memory"));
}

#[tokio::test]
async fn a_component_that_starts_with_too_much_memory_gets_no_instance() {
    let plugin = load(&Wat::new().pages(8192).build()).expect("it loads");
    let error = plugin.describe().await.expect_err("512 MiB");
    says(&error, "more than 256 MiB of memory", Some("memory"));
}

#[tokio::test]
async fn tables_that_grow_without_end_are_stopped_at_the_limit() {
    let table = "(table $bomb 0 funcref)";
    let grow = "(loop $more (drop (table.grow $bomb (ref.null func) (i32.const 1000))) (br $more)) unreachable";
    let error = ends(Wat::new().with(table).doing("get", grow), tight()).await;
    says(&error, "more than 100000 elements", Some("table_elements"));
}

#[tokio::test]
async fn a_million_tables_or_memories_give_no_instance() {
    let tables = "(table 1 funcref)".repeat(20);
    let plugin = load(&Wat::new().with(&tables).build()).expect("it loads");
    let error = plugin.describe().await.expect_err("20 tables");
    assert!(error.message().contains("table count too high"), "{}", error.message());
}

#[tokio::test]
async fn deep_recursion_runs_out_of_stack() {
    let deep = "(func $deep (param i64) (result i64) (i64.add (call $deep (i64.add (local.get 0) (i64.const 1))) (i64.const 1)))";
    let get = "(drop (call $deep (i64.const 0))) unreachable";
    let error = ends(Wat::new().with(deep).doing("get", get), tight()).await;
    says(&error, "it called itself too deep", None);
}

#[tokio::test]
async fn handles_of_its_own_are_counted() {
    let get = "(loop $more (drop (call $waitable-set.new)) (br $more)) unreachable";
    let error = ends(Wat::new().doing("get", get), tight()).await;
    says(&error, "more than 1000 handles", Some("handles"));
}

#[tokio::test]
async fn handles_of_the_host_are_counted() {
    let (ours, engine) = bystander().await;
    let id = ours.get("a").await.expect("the agent").container_id;
    let length = id.len();
    // Follow, stdout, stderr, timestamps, since, until, and no tail.
    let get = format!(
        "(loop $more
            (call $logs (i32.const 600) (i32.const {length}) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 0)
                (i64.const 0) (i64.const 0) (i32.const 0) (i64.const 0) (i32.const {SCRATCH}))
            (br $more)) unreachable"
    );
    let plugin = Wat::new().with(&segment(600, id.as_bytes())).doing("get", &get);
    let limits = CallLimits { handles: 50, ..tight() };
    let error = ends_on(plugin, limits, &ours, engine).await;
    says(&error, "more than 50 handles", Some("handles"));
}

#[tokio::test]
async fn host_calls_that_are_made_at_once_are_handles_too() {
    let get = "(loop $more (drop (call $async.sleep (i64.const 1000000))) (br $more)) unreachable";
    let error = ends(Wat::new().doing("get", get), tight()).await;
    says(&error, "more than 1000 handles", Some("handles"));
}

#[tokio::test]
async fn host_calls_without_end_are_counted() {
    for call in [
        "(drop (call $place))".to_owned(),
        format!("(call $random-id (i32.const {SCRATCH}))"),
        "(call $sleep (i64.const 0))".to_owned(),
        format!("(call $version (i32.const {SCRATCH}))"),
    ] {
        let get = format!("(loop $more {call} (br $more)) unreachable");
        let limits = CallLimits {
            host_calls: 300,
            ..tight()
        };
        let error = ends(Wat::new().doing("get", &get), limits).await;
        says(&error, "more than 300 calls of the host", Some("host_calls"));
    }
}

#[tokio::test]
async fn a_plugin_that_sleeps_or_waits_for_events_for_ever_is_woken() {
    for get in [
        format!("(call $sleep (i64.const -1)) i32.const {ZEROS}"),
        format!(
            "(call $events (i32.const 0) (i32.const 0) (i64.const 0x7fffffffffffffff) (i64.const -1) (i32.const {SCRATCH})) i32.const {ZEROS}"
        ),
    ] {
        let limits = CallLimits {
            idle: Duration::from_millis(200),
            ..tight()
        };
        let error = ends(Wat::new().doing("get", &get), limits).await;
        says(&error, "by its own choice", Some("idle_seconds"));
    }
}

#[tokio::test]
async fn a_request_that_the_engine_never_answers_is_cut_and_what_the_call_had_made_is_removed() {
    let (ours, engine) = bystander().await;
    let limits = CallLimits {
        time: Duration::from_millis(500),
        ..CallLimits::default()
    };
    engine.fail_next(Operation::ContainerStart, Fault::Hang);
    let hurried = ours.clone().limited_to(limits);
    let new = || NewAgent::named("b").image(IMAGE);
    let (cut, found) = tokio::join!(hurried.create(new()), ours.get("a"));
    assert_eq!(found.expect("another call").name, "a");
    let error = cut.expect_err("it was stopped");
    assert_eq!(error.kind(), "internal");
    says(&error, "ours.wasm: it did not end within 500ms", Some("call_seconds"));
    let agents = ours.discover(DiscoverRequest::default()).await.expect("a list");
    assert_eq!(agents.len(), 1, "no container is left of it");
    ours.create(new()).await.expect("the next call");
}

#[tokio::test]
async fn lines_of_log_and_progress_are_counted() {
    for call in [
        "(call $log (i32.const 0) (i32.const 0) (i32.const 4))".to_owned(),
        format!(
            "(call $report {})",
            "(i32.const 0) ".repeat(4) + "(i32.const 0) (i64.const 0) (i32.const 0) (i64.const 0)"
        ),
    ] {
        let get = format!("(loop $more {call} (br $more)) unreachable");
        let error = ends(Wat::new().doing("get", &get), tight()).await;
        says(
            &error,
            "more than 10000 lines of log and progress",
            Some("output_lines"),
        );
    }
}

#[tokio::test]
async fn bytes_of_log_are_counted() {
    let get = "(loop $more (call $log (i32.const 0) (i32.const 0) (i32.const 100000)) (br $more)) unreachable";
    let error = ends(Wat::new().doing("get", get), tight()).await;
    says(&error, "more than 4 MiB of log and progress", Some("output"));
}

#[tokio::test]
async fn a_giant_result_and_a_giant_argument_are_refused() {
    let limits = CallLimits {
        transfer: 1 << 20,
        ..tight()
    };
    // Where the agent's id begins: behind the tag, at the alignment of the whole.
    let giant = format!(
        "(i32.store (i32.const {0}) (i32.const 0)) (i32.store (i32.const {1}) (i32.const 2000000)) i32.const {2}",
        SCRATCH + 8,
        SCRATCH + 12,
        SCRATCH
    );
    let error = ends(Wat::new().pages(64).doing("get", &giant), limits).await;
    says(&error, "more than 1 MiB at once", Some("transfer"));
    let log = "(call $log (i32.const 0) (i32.const 0) (i32.const 2000000)) unreachable";
    let error = ends(Wat::new().pages(64).doing("get", log), limits).await;
    says(&error, "more than 1 MiB at once", Some("transfer"));
}

#[tokio::test]
async fn text_that_is_none_and_text_beyond_the_memory_are_refused() {
    let text = segment(700, b"\xff\xfe\x80");
    let bad = "(call $log (i32.const 0) (i32.const 700) (i32.const 3)) unreachable";
    let error = ends(Wat::new().with(&text).doing("get", bad), tight()).await;
    says(&error, "utf-8", None);
    let beyond = "(call $log (i32.const 0) (i32.const 16) (i32.const -1)) unreachable";
    let error = ends(Wat::new().doing("get", beyond), tight()).await;
    says(&error, "out of bounds", None);
    let result = format!(
        "(i32.store (i32.const {}) (i32.const -16)) (i32.store (i32.const {}) (i32.const 64)) i32.const {SCRATCH}",
        SCRATCH + 8,
        SCRATCH + 12
    );
    let error = ends(Wat::new().doing("get", &result), tight()).await;
    says(&error, "out of bounds", None);
}

#[tokio::test]
async fn an_enum_that_is_none_and_a_handle_that_it_was_not_given_are_refused() {
    let level = "(call $log (i32.const 77) (i32.const 0) (i32.const 0)) unreachable";
    let error = ends(Wat::new().doing("get", level), tight()).await;
    says(&error, "discriminant", None);
    // Zeros: an own handle of the number 0.
    let forged = load(&Wat::new().build()).expect("it loads");
    let provider = open(forged, SandboxEngine::new()).await;
    let Err(error) = provider.snapshot_save("s").await else {
        panic!("it was given none");
    };
    assert_eq!(error.kind(), "internal");
    assert!(error.message().contains("hostile.wasm"), "{}", error.message());
}
