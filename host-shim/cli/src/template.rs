//! A provider to begin with: a package that builds, and that passes the conformance suite in what it says that it can do.

use std::io;
use std::path::{Path, PathBuf};

use mngr_host_shim::contract::Result;
use mngr_host_shim::error::{internal, invalid};
use mngr_host_shim::registry::PluginName;

/// What the package is called in the files.
const NAME: &str = "my-provider";

/// Each file and what is in it.
const FILES: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("../template/Cargo.toml")),
    (".gitignore", include_str!("../template/.gitignore")),
    ("README.md", include_str!("../template/README.md")),
    ("src/agents.rs", include_str!("../template/src/agents.rs")),
    ("src/errors.rs", include_str!("../template/src/errors.rs")),
    ("src/lib.rs", include_str!("../template/src/lib.rs")),
    ("src/life.rs", include_str!("../template/src/life.rs")),
    ("src/settings.rs", include_str!("../template/src/settings.rs")),
    ("src/spec.rs", include_str!("../template/src/spec.rs")),
    ("wit/backend.wit", include_str!("../../../wit/backend.wit")),
    ("wit/docker.wit", include_str!("../../../wit/docker.wit")),
    ("wit/gpu.wit", include_str!("../../../wit/gpu.wit")),
    ("wit/instance.wit", include_str!("../../../wit/instance.wit")),
    ("wit/ssh.wit", include_str!("../../../wit/ssh.wit")),
    ("wit/system.wit", include_str!("../../../wit/system.wit")),
    ("wit/types.wit", include_str!("../../../wit/types.wit")),
    ("wit/world.wit", include_str!("../../../wit/world.wit")),
];

/// Writes a package of that name into a directory that is not there yet, and returns the files, relative to it.
///
/// # Errors
/// `invalid-argument` for a name that no package can have, and for the field `path` where something is there already;
/// `internal` where it can not be written.
pub fn write(name: &PluginName, directory: &Path) -> Result<Vec<PathBuf>> {
    if !name.as_str().starts_with(|c: char| c.is_ascii_lowercase()) {
        let reason = "Cargo has no package of such a name";
        return Err(invalid("name", name.as_str(), reason, "begin it with a letter"));
    }
    let shown = directory.display().to_string();
    if directory.exists() {
        let remedy = "name a directory that is not there yet: --path DIR";
        return Err(invalid("path", shown, "it is there already", remedy));
    }
    let written = FILES.iter().map(|(file, content)| {
        let path = directory.join(file);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&path, named(content, name))?;
        Ok(PathBuf::from(file))
    });
    written.collect::<io::Result<_>>().map_err(|error| {
        let remedy = "make room, or name a directory that can be written: --path DIR";
        internal(format!("the package in {shown}"), error.to_string(), remedy)
    })
}

/// The content with the package's name, also where it is part of a name in Rust.
fn named(content: &str, name: &PluginName) -> String {
    let underscored = |name: &str| name.replace('-', "_");
    content
        .replace(NAME, name.as_str())
        .replace(&underscored(NAME), &underscored(name.as_str()))
}
