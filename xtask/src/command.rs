//! Running other programs, saying what is run and what it means when that fails.

use std::env;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

/// What is not built unless it is asked for.
const OPTIONAL: &str = "mngr-docker/otel";

/// A call of this toolchain's cargo in the workspace.
pub struct Cargo(Command);

impl Cargo {
    /// In the workspace at `root`. What cargo told this program of its own package is not passed on: build scripts that ask for
    /// it would run again, and all that stands on them be built again, with every change between `cargo xtask` and `cargo`.
    pub fn new(root: &Path) -> Self {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.current_dir(root);
        for (name, _) in env::vars_os() {
            let told = ["CARGO_PKG_", "CARGO_MANIFEST_"];
            if told
                .iter()
                .any(|start| name.as_encoded_bytes().starts_with(start.as_bytes()))
            {
                command.env_remove(name);
            }
        }
        // What is built once needs no notes for a second time.
        if env::var_os("CI").is_some() {
            command.env("CARGO_INCREMENTAL", "0");
        }
        Self(command)
    }

    /// Adds arguments.
    pub fn args(&mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> &mut Self {
        self.0.args(arguments);
        self
    }

    /// Adds the optional features. Whatever builds for work on the project is given them, so that what is linted is what is
    /// tested, and nothing is built twice; what is handed to users is built without.
    pub fn features(&mut self) -> &mut Self {
        self.args(["--features", OPTIONAL])
    }

    /// Builds the whole workspace with its tests and examples.
    pub fn everything(&mut self) -> &mut Self {
        self.args(["build", "--quiet", "--workspace", "--all-targets"])
            .features()
    }

    /// Sets an environment variable.
    pub fn env(&mut self, name: &str, value: impl AsRef<OsStr>) -> &mut Self {
        self.0.env(name, value);
        self
    }

    /// To be run by somebody else.
    pub fn command(&mut self) -> &mut Command {
        &mut self.0
    }

    /// Runs it and returns what it prints.
    pub fn read(&mut self) -> Result<String> {
        read(&mut self.0)
    }

    /// Runs it; what it prints goes where ours goes.
    pub fn run(&mut self) -> Result<()> {
        run(&mut self.0)
    }
}

/// Runs a command to its end; an exit status other than 0 is an error that shows the command.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot run {}", shown(command)))?;
    succeeded(status, &shown(command))
}

/// An exit status other than 0 is an error that shows the command.
pub fn succeeded(status: ExitStatus, shown: &str) -> Result<()> {
    if !status.success() {
        bail!("{shown} ended with {status}");
    }
    Ok(())
}

/// Runs a command and returns what it prints, or an error with what it complained of.
pub fn read(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", shown(command)))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("{} ended with {}: {}", shown(command), output.status, complaint.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Whether a program is on the PATH.
pub fn exists(program: &str) -> bool {
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

/// Installs Debian packages where this is a Debian machine and we are root.
pub fn apt_install(packages: &[&str]) -> Result<()> {
    if !exists("apt-get") {
        bail!(
            "this machine has no apt-get; install {} yourself",
            packages.join(" and ")
        );
    }
    eprintln!("setup: installing {}", packages.join(", "));
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
        command
    };
    let install = || {
        run(apt()
            .args(["install", "-y", "-qq", "--no-install-recommends"])
            .args(packages))
    };
    if install().is_ok() {
        return Ok(());
    }
    run(apt().args(["update", "-qq"]))?;
    install().with_context(|| format!("install {} yourself, or run this as root", packages.join(" and ")))
}

/// A command as a person would write it.
pub fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut words = vec![program.file_name().unwrap_or(program.as_os_str()).to_string_lossy()];
    words.extend(command.get_args().map(OsStr::to_string_lossy));
    format!("`{}`", words.join(" "))
}
