//! The plugin as a component: a core module built for wasm32-unknown-unknown, wrapped by its WIT world.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use wit_component::ComponentEncoder;

use crate::command::Cargo;
use crate::{target, wasm_std};

const TARGET: &str = wasm_std::TARGET;

/// Builds it and returns where it is. The file is only written where it changed, so that nothing else is built again.
pub fn build(root: &Path) -> Result<PathBuf> {
    let std = wasm_std::ensure(root)?;
    let mut cargo = Cargo::new(root);
    cargo.args(["build", "--quiet", "--package", "mngr-docker-plugin", "--lib"]);
    cargo.args(["--profile", "component", "--target", TARGET]);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", remapped_paths(root));
    if std == wasm_std::Std::Source {
        cargo.args(["-Zbuild-std=std,panic_abort"]).env("RUSTC_BOOTSTRAP", "1");
    }
    cargo.run().context("the plugin does not build")?;

    let module = root.join(format!("target/{TARGET}/component/mngr_docker_plugin.wasm"));
    let module = std::fs::read(&module).with_context(|| format!("cannot read {}", module.display()))?;
    let component = ComponentEncoder::default()
        .module(&module)
        .and_then(|encoder| encoder.validate(true).encode())
        .context("the plugin does not fit its WIT world, or imports something else than it")?;
    let path = target(root, "component")?.join("mngr-docker-plugin.wasm");
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
