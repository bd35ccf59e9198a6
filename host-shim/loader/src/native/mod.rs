//! Plugins that are dynamic libraries: looked at, opened once for good, and called each time on a thread of their own.
//!
//! Nothing holds them: a library has this process's memory and its rights. What is checked here keeps mistakes out, not malice.

mod call;
mod image;

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, IntoRawFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use abi_stable::library::{LibraryError, RootModuleError, lib_header_from_path};
use mngr_plugin_abi::PluginRef;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use semver::Version;

use super::check_contract;
use mngr_contract::error::{internal, invalid};
use mngr_contract::{Result, VERSION};

pub use image::is_library;

/// What libraries are built for that this program can open.
pub const TARGET: &str = env!("MNGR_TARGET");

/// Whether native libraries are loaded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Native {
    /// They are not.
    #[default]
    Refused,
    /// They are: whoever configures this trusts their authors as much as the author of this program.
    Allowed,
}

impl From<bool> for Native {
    fn from(allowed: bool) -> Self {
        match allowed {
            true => Self::Allowed,
            false => Self::Refused,
        }
    }
}

impl Native {
    /// # Errors
    /// `invalid-argument` for the field `allow_native`.
    pub(super) fn may_load(self, origin: &str) -> Result<()> {
        match self {
            Self::Allowed => Ok(()),
            Self::Refused => Err(invalid(
                "allow_native",
                origin,
                "this plugin is a native library: it runs outside the sandbox, with all the rights of this program",
                "take its component (.wasm); or, where you trust its author with all that you may do, allow it: \
                 `allow_native: true` for the provider, --allow-native for a command that asks for it",
            )),
        }
    }
}

/// A library that was opened and fits. It stays open until the process ends.
#[derive(Clone, Copy)]
pub(crate) struct Library {
    plugin: PluginRef,
}

/// A library is handed all that the contract imports; what it takes past the contract nobody knows.
pub(crate) fn interfaces() -> Arc<[String]> {
    ["docker", "gpu", "ssh", "system"].map(str::to_owned).into()
}

/// Opens these very bytes, whose SHA-256 is `digest`, and compares layout and versions before anything of the plugin is called.
/// Bytes that are open already are not opened again.
///
/// # Errors
/// `invalid-argument` for the field `plugin`: it is no library for this machine, is cut short, is no plugin, or fits another
/// shim or another version of the contract.
pub(crate) fn open(origin: &str, bytes: &[u8], digest: &str) -> Result<(Library, Version)> {
    static OPEN: Mutex<BTreeMap<String, Library>> = Mutex::new(BTreeMap::new());
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    let library = match open.get(digest) {
        Some(library) => *library,
        None => {
            image::check(origin, bytes)?;
            let library = link(origin, bytes)?;
            open.insert(digest.to_owned(), library);
            library
        }
    };
    let contract = format!("plugin@{}", library.plugin.contract());
    let (_, contract) = check_contract(origin, &contract)?;
    Ok((library, contract))
}

fn link(origin: &str, bytes: &[u8]) -> Result<Library> {
    let path = keep(bytes).map_err(|error| {
        internal(
            format!("the plugin {origin}"),
            format!("its bytes can not be kept in memory for the dynamic linker: {error}"),
            "see that /proc is mounted and that memory may be executed (sysctl vm.memfd_noexec), or take the component",
        )
    })?;
    let plugin = lib_header_from_path(&path)
        .and_then(|header| header.init_root_module::<PluginRef>())
        .map_err(|error| refused(origin, &error))?;
    Ok(Library { plugin })
}

/// Puts the bytes where the dynamic linker reads them and nobody can change them any more. They stay there: the linker takes a
/// library of a name that it knows for the one that it has.
fn keep(bytes: &[u8]) -> io::Result<PathBuf> {
    let name = CString::from(c"mngr-plugin");
    let memory = memfd_create(&*name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut file = File::from(memory);
    file.write_all(bytes)?;
    fcntl_add_seals(
        &file,
        SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL,
    )?;
    let path = Path::new("/proc/self/fd").join(file.as_raw_fd().to_string());
    let _ = file.into_raw_fd();
    Ok(path)
}

/// What is wrong with a library that can be opened, or can not.
fn refused(origin: &str, error: &LibraryError) -> mngr_contract::ProviderError {
    let refuse = |reason: String, remedy: &str| invalid("plugin", origin, reason, remedy);
    const REBUILD: &str = "take one that was built for this mngr-docker, or the component, which fits any";
    match error {
        LibraryError::OpenError { err, .. } => {
            let cause = std::error::Error::source(&**err).map_or_else(|| err.to_string(), ToString::to_string);
            refuse(format!("the dynamic linker refuses it: {cause}"), REBUILD)
        }
        LibraryError::GetSymbolError { .. } => refuse(image::NO_PLUGIN.to_owned(), image::BUILD_A_PLUGIN),
        LibraryError::AbiInstability(_) => {
            refuse("its types are laid out otherwise than this shim's".to_owned(), REBUILD)
        }
        LibraryError::IncompatibleVersionNumber {
            expected_version,
            actual_version,
            ..
        } => refuse(
            format!("it was built with mngr-plugin-abi {actual_version}; this shim has {expected_version}"),
            REBUILD,
        ),
        LibraryError::RootModule { err, .. } => refuse(
            match err {
                RootModuleError::Returned(error) => format!("it says that it can not be used: {error}"),
                RootModuleError::Unwound => "it panics as it is opened".to_owned(),
            },
            "report this to its author",
        ),
        other => refuse(
            format!("it was built with another abi_stable than this shim (contract {VERSION}): {other}"),
            REBUILD,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_that_are_opened_can_not_be_changed_any_more() {
        let path = keep(b"a library").expect("kept");
        assert_eq!(std::fs::read(&path).expect("there"), b"a library");
        assert!(std::fs::write(&path, b"another").is_err());
        let longer = File::options().append(true).open(&path);
        assert!(longer.and_then(|mut file| file.write_all(b"!")).is_err());
        assert_eq!(std::fs::read(path).expect("there"), b"a library");
    }

    #[test]
    fn a_library_that_is_not_allowed_is_told_how_to_be() {
        let error = Native::Refused.may_load("x.so").expect_err("refused");
        assert_eq!(error.field(), Some("allow_native"));
        assert!(error.remedy().contains("allow_native: true"), "{}", error.remedy());
        assert!(Native::Allowed.may_load("x.so").is_ok());
    }
}
