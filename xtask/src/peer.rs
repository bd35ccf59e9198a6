//! mngr's own Docker provider, which ours is compared with: a virtual environment that holds mngr and it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::python::Python;
use crate::target;

/// What is in it, in the versions that ours is compared with.
const PACKAGES: [&str; 2] = ["imbue-mngr==0.3.0", "imbue-mngr-docker==0.1.0"];

/// Makes it where it is not there yet, under the name that tests and the benchmark look for.
pub fn ensure(root: &Path, python: &Python) -> Result<PathBuf> {
    let interpreter = python.environment(root, &PACKAGES)?;
    let environment = interpreter.parent().and_then(Path::parent).context("no environment")?;
    let link = target(root, "python")?.join("peer-venv");
    if fs::read_link(&link).is_ok_and(|there| there == environment) {
        return Ok(link);
    }
    if link.symlink_metadata().is_ok() {
        fs::remove_file(&link)?;
    }
    symlink(environment, &link).with_context(|| format!("cannot make {}", link.display()))?;
    Ok(link)
}
