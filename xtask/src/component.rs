//! The plugin as a component: a core module built for wasm32-unknown-unknown, wrapped by its WIT world.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use wit_component::ComponentEncoder;

use crate::command::{Cargo, run};
use crate::{target, wasm_std};

const TARGET: &str = wasm_std::TARGET;
const PROFILE: &str = "component";
/// The package of the provider's plugin.
const OURS: &str = "mngr-docker-plugin";
/// Those of the plugins that tests load besides it: one without agents, one that breaks rules, and the template.
const FOR_TESTS: [&str; 3] = ["mngr-null-provider", "mngr-wrong-plugin", TEMPLATE];
/// The template's.
const TEMPLATE: &str = "my-provider";

/// Builds it and returns where it is. The file is only written where it changed, so that nothing else is built again.
pub fn build(root: &Path) -> Result<PathBuf> {
    component(root, root, OURS)
}

/// Builds the plugins that tests load besides it.
pub fn build_for_tests(root: &Path) -> Result<()> {
    for package in FOR_TESTS {
        match package {
            TEMPLATE => component(root, &template(root)?, package)?,
            _ => component(root, root, package)?,
        };
    }
    Ok(())
}

/// Has the program compile them to native code where tests look for that: else the first tests would all do it at the same time.
pub fn compile_for_tests(root: &Path) -> Result<()> {
    let (cache, components) = (target(root, "cache")?, target(root, "component")?);
    for package in [&[OURS][..], &FOR_TESTS].concat() {
        let mut program = Command::new(root.join("target/debug/mngr-docker"));
        program
            .args(["plugin", "test", "--rule", "describe.version-is-semver"])
            .arg(components.join(format!("{package}.wasm")))
            .env("HOME", &cache)
            .env("XDG_CACHE_HOME", &cache)
            .env_remove("MNGR_CONFIG")
            .current_dir(&cache)
            .stdout(Stdio::null());
        run(&mut program).with_context(|| format!("{package} is no plugin"))?;
    }
    Ok(())
}

/// The template as `mngr-docker plugin new` writes it, with the versions of dependencies that the workspace has.
fn template(root: &Path) -> Result<PathBuf> {
    let folder = target(root, "template")?;
    let copies = [
        (root.join("host-shim/cli/template"), folder.join("my-provider")),
        (root.join("wit"), folder.join("my-provider/wit")),
    ];
    let written = folder.join("my-provider");
    if written.exists() {
        std::fs::remove_dir_all(&written).with_context(|| format!("cannot remove {}", written.display()))?;
    }
    for (from, to) in copies {
        run(Command::new("cp").arg("-R").arg(from).arg(to))?;
    }
    std::fs::copy(root.join("Cargo.lock"), written.join("Cargo.lock")).context("cannot copy Cargo.lock")?;
    Ok(written)
}

/// Builds the package of that name, of the workspace at `folder`, into `target/component`.
fn component(root: &Path, folder: &Path, package: &str) -> Result<PathBuf> {
    let std = wasm_std::ensure(root)?;
    let mut cargo = Cargo::new(folder);
    cargo.args(["build", "--quiet", "--package", package, "--lib"]);
    cargo.args(["--target", TARGET]);
    cargo.args(["--profile", PROFILE]);
    if package != OURS {
        // Nobody measures these or downloads them, and to optimise them as a whole takes minutes.
        cargo
            .env("CARGO_PROFILE_COMPONENT_LTO", "off")
            .env("CARGO_PROFILE_COMPONENT_CODEGEN_UNITS", "16")
            .env("CARGO_PROFILE_COMPONENT_OPT_LEVEL", "s");
    }
    cargo.env("CARGO_ENCODED_RUSTFLAGS", remapped_paths(root));
    cargo.env("CARGO_TARGET_DIR", root.join("target"));
    if std == wasm_std::Std::Source {
        cargo.args(["-Zbuild-std=std,panic_abort"]).env("RUSTC_BOOTSTRAP", "1");
    }
    cargo.run().with_context(|| format!("{package} does not build"))?;

    let module = root.join(format!("target/{TARGET}/{PROFILE}/{}.wasm", package.replace('-', "_")));
    let module = std::fs::read(&module).with_context(|| format!("cannot read {}", module.display()))?;
    let component = ComponentEncoder::default()
        .module(&module)
        .and_then(|encoder| encoder.validate(true).encode())
        .with_context(|| format!("{package} does not fit its WIT world, or imports something else than it"))?;
    let path = target(root, "component")?.join(format!("{package}.wasm"));
    if std::fs::read(&path).ok().as_ref() != Some(&component) {
        std::fs::write(&path, component).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(path)
}

/// Panic messages name source files: without the machine's own folders, the same source gives the same bytes everywhere.
fn remapped_paths(root: &Path) -> String {
    let home = |name: &str, fallback: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(fallback)))
    };
    let folders = [
        (home("CARGO_HOME", ".cargo"), "/cargo"),
        (home("RUSTUP_HOME", ".rustup"), "/rustup"),
        (Some(root.to_owned()), "/mngr-docker"),
    ];
    let flags = folders
        .into_iter()
        .filter_map(|(folder, name)| Some(format!("--remap-path-prefix={}={name}", folder?.display())));
    flags.collect::<Vec<_>>().join("\u{1f}")
}
