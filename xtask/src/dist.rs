//! What is handed to users: the binary with the component inside, the component alone, the plugin as a dynamic library, their
//! digests, and the wheel for Python.

use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::command::Cargo;
use crate::python::{self, Python};
use crate::{component, native};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Leaves everything in dist/.
pub fn run(root: &Path) -> Result<()> {
    let component = component::build(root)?;
    Cargo::new(root)
        .args(["build", "--release", "--package", "mngr-docker", "--bin", "mngr-docker"])
        .run()?;
    let dist = root.join("dist");
    if dist.exists() {
        std::fs::remove_dir_all(&dist).with_context(|| format!("cannot empty {}", dist.display()))?;
    }
    std::fs::create_dir_all(&dist)?;
    std::fs::copy(root.join("target/release/mngr-docker"), dist.join("mngr-docker"))?;
    println!("dist/mngr-docker");
    put(&dist, &format!("mngr-docker-plugin-{VERSION}.wasm"), &component)?;
    let library = native::build(root)?;
    put(
        &dist,
        &format!("libmngr_docker_plugin-{VERSION}-{}.so", native::host()?),
        &library,
    )?;
    let Some(python) = Python::find() else {
        return python::missing("there is no wheel in dist/");
    };
    python.wheel(root, &dist)?;
    for entry in std::fs::read_dir(&dist)? {
        let name = entry?.file_name();
        if Path::new(&name).extension().is_some_and(|extension| extension == "whl") {
            println!("dist/{}", name.display());
        }
    }
    Ok(())
}

/// Copies a file there under that name, its digest beside it.
fn put(dist: &Path, name: &str, file: &Path) -> Result<()> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let digest = hex::encode(Sha256::digest(&bytes));
    std::fs::write(dist.join(name), &bytes)?;
    std::fs::write(dist.join(format!("{name}.sha256")), format!("{digest}  {name}\n"))?;
    println!("dist/{name} ({} KiB)\ndist/{name}.sha256", bytes.len() / 1024);
    Ok(())
}
