//! A standard library for wasm32-unknown-unknown: the installed one, else rustup's, else built from Debian's `rust-src`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::{exists, read, run};
use crate::debian::Apt;
use crate::target;

/// The plugin's target: WebAssembly with nothing around it.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Where suites with a recent `rust-src` are looked for, smallest index first.
const SUITES: [&str; 3] = ["trixie-backports", "sid", "trixie"];

/// Where the target's standard library comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Std {
    /// It lies in the toolchain's sysroot, compiled.
    Installed,
    /// Its source does; cargo compiles it along (`-Zbuild-std`), once per target folder.
    Source,
}

/// Finds or gets one.
pub fn ensure(root: &Path) -> Result<Std> {
    let sysroot = PathBuf::from(read(rustc().args(["--print", "sysroot"]))?);
    let installed = sysroot.join("lib/rustlib").join(TARGET).join("lib");
    if installed.is_dir() {
        return Ok(Std::Installed);
    }
    let source = sysroot.join("lib/rustlib/src/rust/library");
    if source.join("std/Cargo.toml").is_file() {
        return Ok(Std::Source);
    }
    if exists("rustup") {
        eprintln!("setup: rustup target add {TARGET}");
        match run(Command::new("rustup").args(["target", "add", TARGET])) {
            Ok(()) if installed.is_dir() => return Ok(Std::Installed),
            Ok(()) => eprintln!("setup: rustup added it to another toolchain than the one in use"),
            Err(error) => eprintln!("setup: {error:#}"),
        }
    }
    from_debian(root, &source).with_context(|| {
        format!(
            "there is no standard library for {TARGET}: run `rustup target add {TARGET}`, or put the library folder of \
             exactly this rustc's source at {}",
            source.display()
        )
    })?;
    Ok(Std::Source)
}

fn rustc() -> Command {
    Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
}

/// Unpacks Debian's package of this very rustc's library source.
fn from_debian(root: &Path, source: &Path) -> Result<()> {
    let version = read(rustc().arg("--version"))?;
    let version = version
        .split(' ')
        .nth(1)
        .context("`rustc --version` names no version")?;
    let folder = target(root, "rust-src")?;
    for suite in SUITES {
        eprintln!("setup: looking for rust-src {version} in Debian's {suite}");
        match Apt::new(&folder, suite).and_then(|apt| apt.unpacked("rust-src", version)) {
            Ok(unpacked) => {
                return install(&unpacked.join(format!("usr/src/rustc-{version}/library")), source);
            }
            Err(error) => eprintln!("setup: {error:#}"),
        }
    }
    bail!("no Debian suite has rust-src {version}")
}

fn install(library: &Path, source: &Path) -> Result<()> {
    let parent = source.parent().context("a sysroot has folders")?;
    std::fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    run(Command::new("cp").arg("-a").arg(library).arg(source))
}
