//! Debian packages that tests need besides an engine: installed together, and only those that are missing.

use std::path::Path;

use anyhow::Result;

use crate::command::apt_install;

/// A program of each, and the package that it is in.
const NEEDED: [(&str, &str); 1] = [
    // A registry to push snapshots to and pull them from.
    ("/usr/bin/docker-registry", "docker-registry"),
];

/// Makes sure that all are there.
pub fn ensure() -> Result<()> {
    let missing: Vec<_> = NEEDED
        .iter()
        .filter(|(program, _)| !Path::new(program).is_file())
        .map(|(_, package)| *package)
        .collect();
    match missing.is_empty() {
        true => Ok(()),
        false => apt_install(&missing),
    }
}
