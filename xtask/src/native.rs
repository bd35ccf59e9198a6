//! The plugin as a dynamic library.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::Cargo;

/// What Cargo calls it.
const LIBRARY: &str = "libmngr_docker_plugin.so";

/// Builds it and returns where it is: in the folder of the profile `native`.
pub fn build(root: &Path) -> Result<PathBuf> {
    Cargo::new(root)
        .args([
            "build",
            "--quiet",
            "--package",
            "mngr-docker-plugin",
            "--lib",
            "--profile",
            "native",
        ])
        .run()
        .context("the plugin does not build as a library")?;
    Ok(root.join("target/native").join(LIBRARY))
}

/// What libraries that are built here are for, as rustc says it.
pub fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("cannot run rustc")?;
    let text = String::from_utf8(output.stdout)?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not say what it builds for")?.to_owned())
}
