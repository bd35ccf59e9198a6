//! Loading plugins: from bytes to something that can be called.

pub mod bridge;
mod cache;
mod call;
mod compile;
mod component;
mod limits;
mod native;
mod operations;
mod plugin;
mod reload;
mod running;
mod timing;

pub use cache::ArtefactCache;
pub use call::Session;
pub use compile::{CompileLimits, Compiler, compile, compile_if_asked};
pub use component::Loader;
pub use limits::CallLimits;
pub(crate) use limits::{INSTANCES, MEMORIES, TABLES};
pub use limits::{NAMES as LIMIT_NAMES, Unit};
pub use native::is_library;
pub use native::{Native, TARGET};
pub use plugin::Plugin;
pub use reload::{BuiltIn, Installation, InstalledPlugin, PluginSource, Rejection, Reloader};
pub use timing::Timing;

use std::fs::File;
use std::io::{self, Read};

use semver::Version;
use sha2::{Digest, Sha256};

use mngr_contract::error::invalid;
use mngr_contract::{ProviderError, VERSION};

/// What the names of the contract's interfaces begin with.
const CONTRACT: &str = "mngr:provider/";

/// The largest component that is taken, in bytes.
pub const COMPONENT_LIMIT: u64 = mngr_contract::limits::PLUGIN.most;

/// All of a component's file.
///
/// # Errors
/// Where it can not be read, is no regular file, or is larger than a component may be.
pub fn read_component(file: impl std::borrow::Borrow<File>) -> io::Result<Vec<u8>> {
    let file = file.borrow();
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(COMPONENT_LIMIT + 1).read_to_end(&mut bytes)?;
    match u64::try_from(bytes.len()).is_ok_and(|length| length <= COMPONENT_LIMIT) {
        true => Ok(bytes),
        false => Err(io::Error::other(format!(
            "it is larger than {} MiB",
            COMPONENT_LIMIT >> 20
        ))),
    }
}

/// The error of a plugin's file that cannot be read.
fn unreadable(origin: &str, error: &io::Error) -> ProviderError {
    invalid(
        "plugin",
        origin,
        error.to_string(),
        "name a plugin's file that can be read",
    )
}

/// SHA-256 in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// What the file must be before the compiler is asked: a component of the binary format's layer 1.
///
/// # Errors
/// `invalid-argument` for the field `plugin`, told apart for an empty file, a core module and anything else.
pub fn check_header(origin: &str, bytes: &[u8]) -> Result<(), ProviderError> {
    const MAGIC: &[u8] = b"\0asm";
    let refuse = |reason: &str, remedy: &str| Err(invalid("plugin", origin, reason, remedy));
    match bytes {
        [] => refuse("the file is empty", "get the plugin again"),
        _ if u64::try_from(bytes.len()).is_ok_and(|length| length > COMPONENT_LIMIT) => {
            refuse("it is larger than a component may be: 64 MiB", "name a smaller one")
        }
        _ if !bytes.starts_with(MAGIC) => refuse(
            "this is no WebAssembly file",
            "name a component: `mngr-docker-plugin-<version>.wasm`",
        ),
        [_, _, _, _, _, _, 0, 0, ..] => refuse(
            "this is a core module, not a component",
            "make a component of it: `cargo xtask component`, or `wasm-tools component new`",
        ),
        [_, _, _, _, _, _, 1, 0, ..] => Ok(()),
        _ => refuse(
            "the file is cut short, or of a binary format that is not known",
            "get the plugin again",
        ),
    }
}

/// The interface and the version of the contract that a component imports, where this shim offers it.
///
/// # Errors
/// `invalid-argument` for the field `plugin`: WASI and other foreign imports, and contracts this shim does not speak.
pub fn check_import<'a>(origin: &str, import: &'a str) -> Result<(&'a str, Version), ProviderError> {
    let Some(interface) = import.strip_prefix(CONTRACT) else {
        return Err(invalid(
            "plugin",
            origin,
            format!("it imports `{import}`, which a plugin is never given"),
            "build it for wasm32-unknown-unknown against the world `mngr:provider/provider-plugin` and nothing else",
        ));
    };
    check_contract(origin, interface)
}

/// The interface and the version in `INTERFACE@VERSION`, where this shim speaks that version.
///
/// # Errors
/// `invalid-argument` for the field `plugin`.
pub fn check_contract<'a>(origin: &str, interface: &'a str) -> Result<(&'a str, Version), ProviderError> {
    let (name, wanted) = interface.split_once('@').unwrap_or((interface, ""));
    match Version::parse(wanted) {
        Ok(version) if speaks(&version) => Ok((name, version)),
        _ => Err(invalid(
            "plugin",
            origin,
            format!("it wants version {wanted} of the contract; this shim speaks {VERSION}"),
            "take a version of the plugin made for this contract, or a newer mngr-docker",
        )),
    }
}

/// Semver for 0.x: the minor version must be the same, the patch version not newer than ours.
fn speaks(wanted: &Version) -> bool {
    Version::parse(VERSION).is_ok_and(|ours| {
        (wanted.major, wanted.minor) == (ours.major, ours.minor) && wanted.patch <= ours.patch && wanted.pre.is_empty()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_module_and_a_truncated_file_are_told_apart() {
        let module = check_header("p.wasm", b"\0asm\x01\0\0\0").expect_err("a module");
        assert!(module.message().contains("core module"), "{}", module.message());
        let short = check_header("p.wasm", b"\0asm\x0d").expect_err("too short");
        assert!(short.message().contains("cut short"), "{}", short.message());
        assert!(check_header("p.wasm", b"hello").is_err());
        assert!(check_header("p.wasm", b"\0asm\x0d\0\x01\0").is_ok());
    }

    #[test]
    fn only_the_contract_may_be_imported_and_only_a_version_we_speak() {
        assert!(check_import("p.wasm", "mngr:provider/docker@0.1.0").is_ok());
        let wasi = check_import("p.wasm", "wasi:io/streams@0.2.0").expect_err("WASI");
        assert!(wasi.message().contains("wasi:io/streams@0.2.0"));
        let future = check_import("p.wasm", "mngr:provider/docker@0.2.0").expect_err("a later contract");
        assert!(future.message().contains("0.2.0") && future.message().contains(VERSION));
        assert!(check_import("p.wasm", "mngr:provider/docker@0.1.9").is_err());
        assert!(check_import("p.wasm", "mngr:provider/docker").is_err());
    }
}
