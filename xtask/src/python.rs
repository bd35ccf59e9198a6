//! The Python package: an interpreter, a virtual environment with mngr in it, our package installed there, a wheel for users.
//!
//! For tests nothing is built by maturin. It asks cargo for one package alone, for which features are chosen anew, so that the
//! largest dependencies would be built a second time. The workspace's own build makes the module; it is put in its place here.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::command::{Cargo, exists, read, run};
use crate::target;

/// What the tests need beside our package: the mngr that it is tested with, the test runner, and what reads the source.
const TESTED_WITH: [&str; 5] = [
    "imbue-mngr==0.3.0",
    "pytest>=8,<10",
    "pytest-xdist>=3.6,<4",
    "pytest-rerunfailures>=15,<17",
    "ruff>=0.14,<1",
];
/// What makes the wheel.
const MATURIN: [&str; 1] = ["maturin>=1.16,<2"];
/// The oldest Python that mngr runs on, and the module is built for.
const OLDEST: (u32, u32) = (3, 12);
/// Prints the version, where the interpreter can make virtual environments.
const PROBE: &str = "import sys, ensurepip, venv; print(*sys.version_info[:2])";

/// An interpreter that is new enough.
pub struct Python(PathBuf);

impl Python {
    /// The first that is found: on the PATH, among pyenv's versions, by uv.
    pub fn find() -> Option<Self> {
        let on_path = ["python3.12", "python3.13", "python3.14", "python3"].map(PathBuf::from);
        let all = on_path.into_iter().chain(of_pyenv()).chain(of_uv());
        all.into_iter().find(|path| is_new_enough(path)).map(Self)
    }

    /// A virtual environment with all that the package is linted and tested with, and its interpreter.
    pub fn tools(&self, root: &Path) -> Result<PathBuf> {
        self.environment(root, &TESTED_WITH)
    }

    /// Makes a virtual environment with our package in it, and returns its interpreter.
    pub fn install(&self, root: &Path) -> Result<PathBuf> {
        let python = self.tools(root)?;
        Cargo::new(root)
            .everything()
            .run()
            .context("the Python module does not build")?;
        put_module(root)?;
        install_editable(root, &python)?;
        Ok(python)
    }

    /// Leaves a wheel in `to`.
    pub fn wheel(&self, root: &Path, to: &Path) -> Result<()> {
        let python = self.environment(root, &MATURIN)?;
        let mut maturin = Command::new(&python);
        maturin
            .args(["-m", "maturin", "build", "--quiet", "--release", "--locked"])
            .args(["--compatibility", "linux", "--manifest-path"])
            .arg(root.join("python/Cargo.toml"))
            .arg("--out")
            .arg(to)
            .current_dir(root);
        run(&mut maturin).context("cannot make the wheel")
    }

    /// A virtual environment with these packages, kept for the next time, and its interpreter.
    pub fn environment(&self, root: &Path, packages: &[&str]) -> Result<PathBuf> {
        let what = format!("{}\n{}\n{}", self.0.display(), version(&self.0)?, packages.join("\n"));
        let key = hex::encode(&Sha256::digest(&what)[..6]);
        let directory = target(root, "python")?.join(format!("venv-{key}"));
        let (python, ready) = (directory.join("bin/python"), directory.join("ready"));
        if !ready.exists() {
            eprintln!("setup: installing {} for Python", packages.join(", "));
            run(Command::new(&self.0).args(["-m", "venv", "--clear"]).arg(&directory))?;
            let mut pip = Command::new(&python);
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
            run(pip.args(packages)).context("cannot install the packages that the Python package is tested with")?;
            fs::write(&ready, what)?;
        }
        Ok(python)
    }
}

/// Checks the formatting of the Python package, and lints it.
pub fn lint(root: &Path, python: &Path) -> Result<()> {
    for check in [&["format", "--check", "--quiet"][..], &["check", "--quiet"]] {
        let mut ruff = Command::new(python);
        ruff.args(["-m", "ruff"]).args(check).args(["--no-cache", "."]);
        run(ruff.current_dir(root.join("python"))).context("run `ruff format` and `ruff check --fix` in python/")?;
    }
    Ok(())
}

/// Runs the tests of the Python package.
pub fn test(root: &Path, python: &Path, arguments: &[String]) -> Result<()> {
    run(&mut tests(root, python, arguments)?).context("the tests of the Python package failed")
}

/// What runs them.
pub fn tests(root: &Path, python: &Path, arguments: &[impl AsRef<OsStr>]) -> Result<Command> {
    let cache = target(root, "python")?.join("pytest");
    let mut pytest = Command::new(python);
    pytest
        .args(["-m", "pytest", "-o"])
        .arg(format!("cache_dir={}", cache.display()))
        .args(arguments)
        .env("XDG_CACHE_HOME", target(root, "cache")?)
        .current_dir(root.join("python"));
    Ok(pytest)
}

/// Where there is no Python: said so that nobody overlooks it, and a failure where a machine reads it.
pub fn missing(what: &str) -> Result<()> {
    let (major, minor) = OLDEST;
    let reason = format!("there is no Python {major}.{minor} or later with venv on this machine: {what}");
    let remedy = "install python3.12 and python3.12-venv, or `pyenv install 3.12`, or `uv python install 3.12`";
    if std::env::var_os("CI").is_some() {
        bail!("{reason}; {remedy}");
    }
    eprintln!("\n!!! {reason}\n!!! {remedy}\n");
    Ok(())
}

fn version(python: &Path) -> Result<String> {
    read(Command::new(python).args(["-c", PROBE]))
}

fn is_new_enough(python: &Path) -> bool {
    let numbers = |text: String| {
        let (major, minor) = text.split_once(' ')?;
        Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?))
    };
    version(python)
        .ok()
        .and_then(numbers)
        .is_some_and(|version| version >= OLDEST)
}

fn of_pyenv() -> Vec<PathBuf> {
    let root = std::env::var_os("PYENV_ROOT").map(PathBuf::from);
    let root = root.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".pyenv")));
    let versions = root.and_then(|root| fs::read_dir(root.join("versions")).ok());
    let mut found: Vec<_> = versions
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin/python3")))
        .collect();
    found.sort();
    found
}

fn of_uv() -> Option<PathBuf> {
    let (major, minor) = OLDEST;
    let mut uv = Command::new("uv");
    let found = exists("uv").then(|| read(uv.args(["python", "find", &format!(">={major}.{minor}")])));
    found?.ok().map(PathBuf::from)
}

/// The module where Python looks for it: a link to what the workspace's build has made, so that the next build counts at once.
fn put_module(root: &Path) -> Result<()> {
    let module = root.join("python/mngr_docker/_native.abi3.so");
    let built = Path::new("../../target/debug/libmngr_docker_python.so");
    if fs::read_link(&module).is_ok_and(|there| there == built) {
        return Ok(());
    }
    if module.symlink_metadata().is_ok() {
        fs::remove_file(&module)?;
    }
    symlink(built, &module).with_context(|| format!("cannot make {}", module.display()))
}

/// What `pip install --editable` leaves behind, with the metadata of pyproject.toml: the entry point is how mngr finds us.
fn install_editable(root: &Path, python: &Path) -> Result<()> {
    let source = root.join("python");
    let text = fs::read_to_string(source.join("pyproject.toml"))?;
    let project: toml::Table = toml::from_str(&text).context("python/pyproject.toml can not be read")?;
    let project = Project(
        project
            .get("project")
            .context("python/pyproject.toml has no [project]")?,
    );
    let site = read(Command::new(python).args(["-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]))?;
    let (site, name) = (PathBuf::from(site), project.text("name")?);
    let info = site.join(format!(
        "{}-{}.dist-info",
        name.replace('-', "_"),
        env!("CARGO_PKG_VERSION")
    ));
    fs::create_dir_all(&info)?;
    fs::write(info.join("METADATA"), project.metadata(name)?)?;
    fs::write(info.join("entry_points.txt"), project.entry_points()?)?;
    fs::write(info.join("INSTALLER"), "cargo xtask python\n")?;
    fs::write(site.join(format!("{name}.pth")), format!("{}\n", source.display()))?;
    Ok(())
}

/// The table `[project]`.
struct Project<'a>(&'a toml::Value);

impl Project<'_> {
    fn text(&self, key: &str) -> Result<&str> {
        let value = self.0.get(key).and_then(toml::Value::as_str);
        value.with_context(|| format!("python/pyproject.toml has no project.{key}"))
    }

    fn metadata(&self, name: &str) -> Result<String> {
        let mut lines = vec![
            "Metadata-Version: 2.4".to_owned(),
            format!("Name: {name}"),
            format!("Version: {}", env!("CARGO_PKG_VERSION")),
            format!("Summary: {}", self.text("description")?),
            format!("License-Expression: {}", self.text("license")?),
            format!("Requires-Python: {}", self.text("requires-python")?),
        ];
        let needed = self.0.get("dependencies").and_then(toml::Value::as_array);
        let needed = needed.into_iter().flatten().filter_map(toml::Value::as_str);
        lines.extend(needed.map(|needed| format!("Requires-Dist: {needed}")));
        Ok(lines.join("\n") + "\n")
    }

    fn entry_points(&self) -> Result<String> {
        let groups = self.0.get("entry-points").and_then(toml::Value::as_table);
        let groups = groups.context("python/pyproject.toml has no entry points")?;
        let mut text = String::new();
        for (group, entries) in groups {
            text.push_str(&format!("[{group}]\n"));
            for (name, object) in entries.as_table().into_iter().flatten() {
                text.push_str(&format!("{name} = {}\n", object.as_str().unwrap_or_default()));
            }
        }
        Ok(text)
    }
}
