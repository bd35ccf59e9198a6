//! Components that are not built in are compiled in a child, which dies of what would take the host with it.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use mngr_docker_tests::wat::Wat;
use mngr_docker_tests::{component, component_of, program};
use mngr_host_shim::config::ProviderConfig;
use mngr_host_shim::environment::Environment;
use mngr_host_shim::host::Host;
use mngr_host_shim::loader::{ArtefactCache, CompileLimits, Compiler, Loader};

fn loader(limits: CompileLimits) -> Loader {
    let compiler = Compiler::child(program(), []).limited_to(limits);
    Loader::new(None).expect("a loader").compiled_by(compiler)
}

fn refusal(limits: CompileLimits, bytes: &[u8]) -> String {
    let error = loader(limits).load("bomb.wasm", bytes).expect_err("it is refused");
    assert_eq!(error.kind(), "invalid_argument");
    assert_eq!(error.field(), Some("plugin"));
    assert!(error.message().contains("bomb.wasm"), "{}", error.message());
    error.message()
}

/// A component that takes long to compile for its size: functions that are each a web of loops over few locals.
static BOMB: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let web = "(loop (local.set 0 (i64.add (local.get 1) (i64.mul (local.get 2) (local.get 3)))) \
               (local.set 1 (i64.rotl (local.get 0) (local.get 2))) (br_if 0 (i64.eqz (local.get 1))))";
    let function = format!("(func (param i64 i64 i64 i64) {})\n", web.repeat(2000));
    let text = format!("(component (core module {}))", function.repeat(24));
    wat::parse_str(text).expect("a component")
});

#[tokio::test]
async fn what_a_child_compiles_works() {
    let plugin = loader(CompileLimits::default())
        .load("p.wasm", &component_of("mngr-null-provider"))
        .expect("it loads");
    let version = plugin.version().await.expect("a version");
    assert_eq!(version.to_string(), env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn who_waits_for_a_plugin_to_be_compiled_holds_up_nobody() {
    let host = Host::with(Loader::new(None).expect("a loader"), Environment::default());
    let config = ProviderConfig::named("docker");
    let mut loading = std::pin::pin!(host.plugin(&config));
    tokio::select! {
        biased;
        _ = &mut loading => panic!("nothing else came to its turn"),
        () = std::future::ready(()) => {}
    }
    let (first, second) = tokio::join!(loading, host.plugin(&config));
    assert_eq!(first.expect("loaded").digest(), second.expect("the same").digest());
}

#[test]
fn what_is_cached_needs_no_child() {
    let folder = tempfile::tempdir().expect("a folder");
    let loader = |compiler| {
        let cache = ArtefactCache::at(folder.path().join("cache"));
        Loader::new(Some(cache)).expect("a loader").compiled_by(compiler)
    };
    let none = || Compiler::child("/nowhere", []);
    let bytes = Wat::new().build();
    let error = loader(none()).load("p.wasm", &bytes).expect_err("there is no compiler");
    assert!(error.message().contains("can not be started"), "{}", error.message());
    loader(Compiler::child(program(), []))
        .load("p.wasm", &bytes)
        .expect("it loads");
    assert!(loader(none()).load("p.wasm", &bytes).expect("it loads").was_cached());
}

#[test]
fn a_component_that_takes_too_long_to_compile_is_given_up() {
    let limits = CompileLimits {
        processor: Duration::from_secs(1),
        ..CompileLimits::default()
    };
    let message = refusal(limits, &BOMB);
    assert!(message.contains("more than 1s of processor time"), "{message}");
    let limits = CompileLimits {
        time: Duration::from_millis(200),
        ..CompileLimits::default()
    };
    let message = refusal(limits, &BOMB);
    assert!(message.contains("longer than 200ms"), "{message}");
}

#[test]
fn a_component_that_takes_too_much_memory_to_compile_is_given_up() {
    let limits = CompileLimits {
        memory: 200 << 20,
        ..CompileLimits::default()
    };
    let message = refusal(limits, &BOMB);
    assert!(message.contains("more than 200 MiB of memory"), "{message}");
}

#[test]
fn what_is_wrong_with_a_component_is_what_the_child_says() {
    let mut bytes = Wat::new().build();
    let middle = bytes.len() / 2;
    bytes.truncate(middle);
    let message = refusal(CompileLimits::default(), &bytes);
    assert!(
        message.contains("does not compile: ") && message.contains("offset"),
        "{message}"
    );
}

#[test]
fn a_child_whose_parent_is_gone_compiles_nothing() {
    let mut child = Command::new(program())
        .args(["compile-plugin", "4294967296", "60", "1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let written = child.stdin.take().expect("stdin").write_all(&component());
    let output = child.wait_with_output().expect("it ends");
    assert!(!output.status.success() && output.stdout.is_empty());
    assert!(written.is_err() || !output.stderr.is_empty());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("the parent is gone"), "{said}");
}
