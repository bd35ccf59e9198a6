//! What must hold before a change lands, in the order in which a mistake shows soonest.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::{Cargo, exists, read};
use crate::component;
use crate::peer;
use crate::python::{self, Python};

/// Which tests are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// What must hold before a change lands: the runner's profile `default`.
    Chosen,
    /// The whole matrix: the runner's profile `all`.
    All,
}

/// Checks formatting, lints and documentation, then sets up, builds everything once and runs the tests.
pub fn run(root: &Path, extent: Extent, filter: &[String]) -> Result<()> {
    let python = Python::find();
    step("formatting");
    Cargo::new(root)
        .args(["fmt", "--all", "--check"])
        .run()
        .context("run `cargo fmt --all`")?;
    if let Some(python) = &python {
        python::lint(root, &python.tools(root)?)?;
    }
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
        .run()?;
    crate::setup(root)?;
    step("build");
    Cargo::new(root).everything().run()?;
    step("examples in the documentation");
    Cargo::new(root)
        .args(["test", "--quiet", "--workspace", "--doc"])
        .features()
        .run()?;
    // A filter is for one of the two runners: the one of all that is in Rust.
    let python = if filter.is_empty() {
        run_python(root, python)
    } else {
        Ok(())
    };
    step("tests");
    let profile = match extent {
        Extent::Chosen => {
            tell_what_is_left_out(root)?;
            "default"
        }
        Extent::All => "all",
    };
    // More than there are processors: half the time they wait for the engine.
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Cargo::new(root)
        .args(["nextest", "run", "--workspace", "--no-fail-fast", "--profile", profile])
        .features()
        .args(["--test-threads".to_owned(), (2 * processors).to_string()])
        .args(filter)
        .run()?;
    python
}

/// Nothing is skipped in silence: how many tests are not in the runner's default profile, which, and what runs them.
fn tell_what_is_left_out(root: &Path) -> Result<()> {
    let listed = Cargo::new(root)
        .args(["nextest", "list", "--workspace", "--ignore-default-filter"])
        .args(["--filterset", "not default()"])
        .features()
        .read()?;
    // A line for each program, and below it one for each of its tests, indented.
    let tests = listed.lines().filter(|line| line.starts_with(' ')).count();
    eprintln!(
        "left out: {tests} behaviours by way of a library (`native_rest::`) or of SSH (`remote_rest::`), each of which runs on the \
         sandbox engine and on the real one; `cargo xtask test --all` runs them as well"
    );
    Ok(())
}

/// The tests of the Python package. They come first, so that the other runner's summary is what stands at the end.
fn run_python(root: &Path, python: Option<Python>) -> Result<()> {
    step("tests of the Python package");
    let Some(python) = python else {
        return python::missing("the tests of the Python package are SKIPPED");
    };
    peer::ensure(root, &python)?;
    let side_by_side = ["-q", "-n", "3", "--dist", "loadfile"].map(str::to_owned);
    python::test(root, &python.install(root)?, &side_by_side)
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
