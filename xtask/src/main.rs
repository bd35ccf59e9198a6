//! What a person runs on this repository: `cargo xtask setup | component | native | python | demo | test | bench | soak | dist`.
//!
//! Each command sets up what it needs and is missing, so a fresh machine with Rust and a Docker engine is enough. Cargo is
//! asked for targets of the whole workspace and not of one package, so that every command builds the dependencies with the
//! same features and none builds them again.

mod beside;
mod command;
mod component;
mod debian;
mod deny;
mod dist;
mod docker_cli;
mod engine;
mod host_image;
mod image;
mod native;
mod packages;
mod peer;
mod python;
mod test;
mod wasm_std;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use command::Cargo;

/// Sets up, tests, shows, measures and packs the Docker provider.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Xtask {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Get everything the other commands need: a wasm std, the plugin's component, a test runner, packages that tests
    /// use, an engine, a test image.
    Setup,
    /// Build the plugin as a component into target/component, where the shim embeds it, and those that tests load beside it.
    Component,
    /// Build the plugin as a dynamic library into target/native.
    Native,
    /// Install the Python package into a virtual environment below target/, with mngr beside it, and say where its Python is.
    Python {
        /// Arguments for pytest, to run the package's tests: `tests`, or `-k` and a part of a test's name.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        tests: Vec<String>,
    },
    /// Show one agent's whole life, on the local engine if one answers, else on the embedded sandbox engine.
    Demo,
    /// Check formatting, lints and documentation, and run the tests: what must hold before a change lands.
    Test {
        /// Run the whole matrix: every behaviour by way of a native library and by way of SSH too, of which a chosen few run otherwise.
        #[arg(long)]
        all: bool,
        /// Arguments for the test runner, for example a part of a test's name.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        filter: Vec<String>,
    },
    /// Measure the provider beside bollard, the Docker CLI and docker-py, as ratios in one run. The table, the figures and a chart
    /// are left in target/bench.
    Bench {
        /// Measure whole commands of mngr as well, with our provider and with its own, and lists of that many hosts.
        #[arg(long, value_name = "HOSTS", num_args = 0..=1, require_equals = true, default_missing_value = "10")]
        peers: Option<usize>,
        /// Arguments for the benchmark, for example `--parts life,list --sizes 10,100 --rounds 5`; `--help` lists them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Harm the provider and its engine in every way there is for a while, and report what was lost.
    Soak {
        /// Arguments, for example `--minutes 60` or `--seed N`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Leave the release binary, the component, the plugin as a dynamic library, their digests, and the wheel for Python in dist/.
    Dist,
}

fn main() -> Result<()> {
    let root = root();
    match Xtask::parse().task {
        Task::Setup => setup(root),
        Task::Component => component(root),
        Task::Native => {
            let library = native::build(root)?;
            let here = std::env::current_dir()?;
            println!("{}", library.strip_prefix(&here).unwrap_or(&library).display());
            Ok(())
        }
        Task::Python { tests } => python(root, &tests),
        Task::Demo => demo(root),
        Task::Test { all, filter } => {
            let extent = if all { test::Extent::All } else { test::Extent::Chosen };
            test::run(root, extent, &filter)
        }
        Task::Bench { peers, arguments } => bench(root, peers, &arguments),
        Task::Soak { arguments } => soak(root, &arguments),
        Task::Dist => dist::run(root),
    }
}

/// The workspace's root, wherever in it the command was given.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

fn component(root: &Path) -> Result<()> {
    let built = component::build(root)?;
    component::build_for_tests(root)?;
    println!("{}", built.display());
    Ok(())
}

fn setup(root: &Path) -> Result<()> {
    beside::set_up(
        || machine(root),
        || {
            component::build(root)?;
            component::build_for_tests(root)?;
            test::runner()
        },
    )
}

/// Programs, an engine and images that tests need, and the packages that Python needs.
fn machine(root: &Path) -> Result<()> {
    packages::ensure()?;
    docker_cli::ensure(root)?;
    let engine = engine::find_or_start()?;
    eprintln!("setup: engine {engine}");
    let image = image::ensure(&engine)?;
    eprintln!("setup: test image {} ({})", image::TEST_IMAGE, image);
    // Without a Python there is no mngr to test with it.
    if let Some(python) = python::Python::find() {
        let image = host_image::ensure(root, &engine)?;
        eprintln!("setup: image for hosts of mngr {} ({})", host_image::HOST_IMAGE, image);
        python.tools(root)?;
        peer::ensure(root, &python)?;
    }
    Ok(())
}

fn demo(root: &Path) -> Result<()> {
    component::build(root)?;
    let mut cargo = Cargo::new(root);
    cargo
        .args(["run", "--quiet", "--example", "demo"])
        .features()
        .args(["--"]);
    match engine::find() {
        Ok(engine) => {
            image::ensure(&engine)?;
            cargo.args(["--host", engine.address(), "--image", image::TEST_IMAGE]);
        }
        Err(reason) => {
            cargo.args(["--sandbox", &format!("{reason:#}")]);
        }
    }
    cargo.run()
}

fn python(root: &Path, tests: &[String]) -> Result<()> {
    component::build(root)?;
    let Some(found) = python::Python::find() else {
        return python::missing("the Python package can not be installed");
    };
    let python = found.install(root)?;
    if tests.is_empty() {
        println!("{}", python.display());
        return Ok(());
    }
    component::build_for_tests(root)?;
    packages::ensure()?;
    let engine = engine::find_or_start()?;
    image::ensure(&engine)?;
    host_image::ensure(root, &engine)?;
    peer::ensure(root, &found)?;
    python::test(root, &python, tests)
}

fn bench(root: &Path, peers: Option<usize>, arguments: &[String]) -> Result<()> {
    component::build(root)?;
    let engine = engine::find_or_start()?;
    image::ensure(&engine)?;
    Cargo::new(root)
        .args(["build", "--release", "--bin", "mngr-docker", "--bin", "bench"])
        .run()?;
    let library = native::build(root)?;
    let out = target(root, "bench")?;
    let mut bench = std::process::Command::new(root.join("target/release/bench"));
    bench
        .args(["--host", engine.address(), "--image", image::TEST_IMAGE, "--out"])
        .arg(&out)
        .arg("--native")
        .arg(library);
    match python::Python::find() {
        Some(found) => {
            let peer = peer::ensure(root, &found)?;
            bench.arg("--python").arg(peer.join("bin/python"));
            if let Some(hosts) = peers {
                host_image::ensure(root, &engine)?;
                let times = out.join("mngr.json");
                bench_mngr(root, &found.install(root)?, &peer, hosts, &times)?;
                bench.arg("--mngr").arg(&times);
            }
        }
        None => python::missing("docker-py and mngr are not measured")?,
    }
    command::run(bench.args(arguments)).context("the benchmark failed")
}

/// Not of a release: that has no failpoints.
fn soak(root: &Path, arguments: &[String]) -> Result<()> {
    component::build(root)?;
    let engine = engine::find_or_start()?;
    image::ensure(&engine)?;
    Cargo::new(root)
        // With what the tests' own dependencies ask of others, so that nothing is built twice.
        .args(["build", "--bin", "mngr-docker", "--bin", "soak", "--examples"])
        .features()
        .run()?;
    let mut soak = std::process::Command::new(root.join("target/debug/soak"));
    soak.args(["--host", engine.address(), "--report"])
        .arg(root.join("target/soak"))
        .args(arguments);
    command::run(&mut soak).context("something was lost, or could not be harmed")
}

/// Whole commands of mngr, with our provider and with its own. The times go into a file.
fn bench_mngr(root: &Path, ours: &Path, peer: &Path, hosts: usize, times: &Path) -> Result<()> {
    let mut bench = std::process::Command::new(ours);
    bench
        .arg(root.join("python/bench/bench_mngr.py"))
        .args(["--ours".as_ref(), ours.ancestors().nth(2).unwrap_or(root).as_os_str()])
        .args(["--peer".as_ref(), peer.as_os_str()])
        .args(["--json".as_ref(), times.as_os_str()])
        .args(["--rounds", "3", "--hosts", &hosts.to_string()]);
    command::run(&mut bench).context("the benchmark of mngr failed")
}

/// A folder below target/, made.
fn target(root: &Path, name: &str) -> Result<PathBuf> {
    let directory = root.join("target").join(name);
    std::fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    Ok(directory)
}
