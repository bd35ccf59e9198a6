//! The Docker CLI that tests compare the provider with.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::read;
use crate::debian::Apt;
use crate::target;

/// Debian's suites that may have a recent one.
const SUITES: [&str; 2] = ["sid", "forky"];
/// The first version that knows every flag in the tests' tables.
const NEEDED: u32 = 28;

/// Makes `target/docker-cli/docker` one that knows every flag in the tests' tables: the one on the PATH, else Debian's newest.
pub fn ensure(root: &Path) -> Result<()> {
    let folder = target(root, "docker-cli")?;
    let link = folder.join("docker");
    if is_new_enough(&link) {
        return Ok(());
    }
    let program = match on_the_path() {
        Some(program) => program,
        None => of_debian(&folder)?,
    };
    let _ = std::fs::remove_file(&link);
    std::os::unix::fs::symlink(&program, &link).with_context(|| format!("cannot make {}", link.display()))
}

fn on_the_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join("docker"))
        .find(|program| is_new_enough(program))
}

fn of_debian(folder: &Path) -> Result<PathBuf> {
    eprintln!("setup: unpacking a Docker CLI of version {NEEDED} or later for the tests that compare with it");
    let mut reason = None;
    for suite in SUITES {
        for version in NEEDED..NEEDED + 4 {
            let unpacked = Apt::new(folder, suite).and_then(|apt| apt.unpacked("docker-cli", &version.to_string()));
            match unpacked.map(|unpacked| unpacked.join("usr/bin/docker")) {
                Ok(program) if is_new_enough(&program) => return Ok(program),
                Ok(_) => {}
                Err(error) => reason = Some(error),
            }
        }
    }
    let reason = reason.unwrap_or_else(|| anyhow::anyhow!("what Debian has does not run here"));
    Err(reason.context(format!("put a `docker` of version {NEEDED} or later on the PATH")))
}

fn is_new_enough(program: &Path) -> bool {
    let said = read(Command::new(program).args(["--version"])).unwrap_or_default();
    major(&said).is_some_and(|version| version >= NEEDED)
}

/// The first number in `Docker version 28.5.2, build abc`.
fn major(said: &str) -> Option<u32> {
    said.strip_prefix("Docker version ")?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_cli_says_of_itself_is_read() {
        assert_eq!(major("Docker version 28.5.2+dfsg4, build ecc6942"), Some(28));
        assert_eq!(major("podman version 5.4.2"), None);
    }
}
