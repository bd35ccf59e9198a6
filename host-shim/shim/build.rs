//! Embeds the provider's component where it has been built, so that one file is a whole installation; and its digest, so that
//! no start has to find that out.
//!
//! `MNGR_DOCKER_COMPONENT` names it; `.cargo/config.toml` sets that to where `cargo xtask component` leaves it.

use std::path::PathBuf;

use sha2::{Digest, Sha256};

fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-env-changed=MNGR_DOCKER_COMPONENT");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or(std::io::ErrorKind::NotFound)?);
    let component = std::env::var_os("MNGR_DOCKER_COMPONENT").map(PathBuf::from);
    let bytes = match component {
        Some(path) => {
            println!("cargo::rerun-if-changed={}", path.display());
            match std::fs::read(path) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
                Err(error) => return Err(error),
            }
        }
        None => Vec::new(),
    };
    std::fs::write(out.join("plugin.sha256"), hex::encode(Sha256::digest(&bytes)))?;
    std::fs::write(out.join("plugin.wasm"), bytes)
}
