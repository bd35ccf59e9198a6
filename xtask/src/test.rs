//! Everything that must hold on main, in the order in which a mistake shows soonest.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::{Cargo, exists, read};
use crate::peer;
use crate::python::{self, Python};

/// What is not built for the tests: lints and documentation look at it.
const OPTIONAL: &str = "mngr-docker/otel";

/// Sets up, then checks formatting, lints and documentation, then runs every test.
pub fn run(root: &Path, filter: &[String]) -> Result<()> {
    step("formatting");
    Cargo::new(root)
        .args(["fmt", "--all", "--check"])
        .run()
        .context("run `cargo fmt --all`")?;
    crate::setup(root)?;
    step("lints");
    Cargo::new(root)
        .args([
            "clippy",
            "--quiet",
            "--workspace",
            "--all-targets",
            "--features",
            OPTIONAL,
            "--",
            "-D",
            "warnings",
        ])
        .run()?;
    step("documentation");
    Cargo::new(root)
        .args(["doc", "--quiet", "--workspace", "--no-deps", "--features", OPTIONAL])
        // With examples, dependencies have the features that the lints have looked at them with, and need no second look.
        .args(["--lib", "--bins", "--examples"])
        .env("RUSTDOCFLAGS", "-D warnings")
        .run()?;
    step("examples in the documentation");
    Cargo::new(root)
        .args(["test", "--quiet", "--workspace", "--doc"])
        .run()?;
    // A filter is for one of the two runners: the one of all that is in Rust.
    let python = if filter.is_empty() { python(root) } else { Ok(()) };
    step("tests");
    // More than there are processors: half the time they wait for the engine.
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Cargo::new(root)
        .args(["nextest", "run", "--workspace", "--no-fail-fast"])
        .args(["--test-threads".to_owned(), (2 * processors).to_string()])
        .args(filter)
        .run()?;
    python
}

/// The tests of the Python package. They come first, so that the other runner's summary is what stands at the end.
fn python(root: &Path) -> Result<()> {
    step("tests of the Python package");
    match Python::find() {
        Some(python) => {
            peer::ensure(root, &python)?;
            let side_by_side = ["-q", "-n", "3", "--dist", "loadfile"].map(str::to_owned);
            let python = python.install(root)?;
            python::lint(root, &python)?;
            python::test(root, &python, &side_by_side)
        }
        None => python::missing("the tests of the Python package are SKIPPED"),
    }
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
