//! What must hold before a change lands, in the order in which a mistake shows soonest.

use std::io::IsTerminal;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::{Cargo, exists, read};
use crate::python::{self, Python};
use crate::{beside, component, deny, peer, target};

/// Which tests are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// What must hold before a change lands: the runner's profile `default`.
    Chosen,
    /// The whole matrix: the runner's profile `all`.
    All,
}

/// Checks formatting, lints and documentation, then builds everything once and runs the tests. The machine is set up beside that.
pub fn run(root: &Path, extent: Extent, filter: &[String]) -> Result<()> {
    step("formatting");
    Cargo::new(root)
        .args(["fmt", "--all", "--check"])
        .run()
        .context("run `cargo fmt --all`")?;
    beside::set_up(|| crate::machine(root), || checks(root))?;
    let python = Python::find();
    if let Some(python) = &python {
        python::lint(root, &python.tools(root)?)?;
    }
    component::build_for_tests(root)?;
    runner()?;
    step("build");
    Cargo::new(root).everything().run()?;
    component::compile_for_tests(root)?;
    step("examples in the documentation");
    Cargo::new(root)
        .args(["test", "--quiet", "--workspace", "--doc"])
        .features()
        .run()?;
    let profile = match extent {
        Extent::Chosen => {
            tell_what_is_left_out(root)?;
            "default"
        }
        Extent::All => "all",
    };
    // More than there are processors: most of the time they wait for the engine, or for a deadline.
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let mut tests = Cargo::new(root);
    tests
        .args(["nextest", "run", "--workspace", "--no-fail-fast", "--profile", profile])
        .features()
        .args(["--test-threads".to_owned(), (2 * processors).to_string()])
        .args(filter);
    // A filter is for one of the two runners: the one of all that is in Rust.
    if !filter.is_empty() {
        step("tests");
        return tests.run();
    }
    let Some(python) = python else {
        python::missing("the tests of the Python package are SKIPPED")?;
        step("tests");
        return tests.run();
    };
    peer::ensure(root, &python)?;
    // One more try, as the runner of the Rust tests gives, shown as `rerun` in the summary.
    let arguments = ["-q", "-n", "3", "--dist", "loadfile", "--reruns", "1"];
    let mut of_python = python::tests(root, &python.install(root)?, &arguments)?;
    step("tests, and beside them those of the Python package, which are shown at the end");
    if std::io::stderr().is_terminal() {
        tests.args(["--color", "always"]);
    }
    beside::run(
        tests.command(),
        &mut of_python,
        &target(root, "python")?.join("pytest.log"),
    )
}

/// Lints and documentation. They look at the workspace without building it.
fn checks(root: &Path) -> Result<()> {
    step("dependencies");
    deny::check(root)?;
    // It is built into the shim, so nothing that stands on the shim can be looked at without it.
    component::build(root)?;
    step("lints");
    Cargo::new(root)
        .args(["clippy", "--quiet", "--workspace", "--all-targets"])
        .features()
        .args(["--", "-D", "warnings"])
        .run()?;
    step("documentation");
    Cargo::new(root)
        .args(["doc", "--quiet", "--workspace", "--no-deps"])
        // With examples, dependencies have the features that the lints have looked at them with, and need no second look.
        .args(["--lib", "--bins", "--examples"])
        .features()
        .env("RUSTDOCFLAGS", "-D warnings")
        .run()
}

/// Nothing is skipped in silence: how many tests are not in the runner's default profile, which, and what runs them.
fn tell_what_is_left_out(root: &Path) -> Result<()> {
    let listed = Cargo::new(root)
        .args(["nextest", "list", "--workspace", "--ignore-default-filter"])
        .args(["--filterset", "not default()", "--message-format", "oneline"])
        .features()
        .read()?;
    let tests = listed.lines().count();
    eprintln!(
        "left out: {tests} tests: behaviours by way of a library (`native_rest::`) or of SSH (`remote_rest::`), each of which runs on \
         the sandbox engine and on the real one, and whole tables beside the Docker CLI (`docker::`), of which a part runs; \
         `cargo xtask test --all` runs them as well"
    );
    Ok(())
}

/// Makes sure that the test runner is there.
pub fn runner() -> Result<()> {
    if exists("cargo-nextest") || read(Command::new("cargo").args(["nextest", "--version"])).is_ok() {
        return Ok(());
    }
    eprintln!("setup: installing cargo-nextest");
    crate::command::run(Command::new("cargo").args(["install", "--quiet", "--locked", "cargo-nextest"]))
        .context("cannot install the test runner; see https://nexte.st")
}

fn step(name: &str) {
    eprintln!("== {name}");
}
