//! The plugins themselves, each under its own SHA-256.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use mngr_contract::Result;
use mngr_contract::error::internal;
use mngr_loader::sha256;

use super::lock::{Lock, is_sha256};
use super::{Form, LockedVersion, place};

/// What a component's name ends with in the store, and a native library's.
const COMPONENT: &str = ".wasm";
const LIBRARY: &str = ".so";
/// What a signature's name ends with.
const SIGNATURE: &str = ".minisig";
/// The longest signature that is kept, in bytes.
pub(super) const SIGNATURE_LIMIT: u64 = 16 << 10;

/// A directory of plugins.
#[derive(Debug, Clone)]
pub(super) struct Store {
    directory: PathBuf,
}

impl Store {
    /// In `sha256` below this directory.
    pub fn below(data: &std::path::Path) -> Self {
        Self {
            directory: data.join("sha256"),
        }
    }

    fn plugin(&self, sha256: &str, form: Form) -> PathBuf {
        let ending = match form {
            Form::Component => COMPONENT,
            Form::Native => LIBRARY,
        };
        self.directory.join(format!("{sha256}{ending}"))
    }

    fn signature_path(&self, sha256: &str) -> PathBuf {
        self.directory.join(format!("{sha256}{SIGNATURE}"))
    }

    /// Keeps a plugin, in place of a damaged one too.
    pub fn put(&self, digest: &str, bytes: &[u8], signature: Option<&str>) -> Result<()> {
        let path = self.plugin(digest, Form::of(bytes));
        let there = place::read(&path, bytes.len() as u64);
        if !there.is_ok_and(|there| there.as_deref() == Some(bytes)) {
            place::write(&path, bytes)?;
        }
        match signature {
            Some(signature) => place::write(&self.signature_path(digest), signature.as_bytes()),
            None => Ok(()),
        }
    }

    /// The very bytes that were installed.
    ///
    /// # Errors
    /// `internal` where they are gone or are others.
    pub fn get(&self, name: &str, locked: &LockedVersion) -> Result<Vec<u8>> {
        let path = self.plugin(&locked.sha256, locked.form);
        let fault = |reason: String| {
            internal(
                format!("the plugin {name} {}", locked.version),
                reason,
                format!(
                    "install it again: mngr-docker plugin install {name}@={}",
                    locked.version
                ),
            )
        };
        let bytes = match place::read(&path, locked.size) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(fault(format!("{} is gone", path.display()))),
            Err(error) => return Err(fault(error.message())),
        };
        let found = sha256(&bytes);
        if found != locked.sha256 {
            let path = path.display();
            return Err(fault(format!(
                "{path} is not what was installed: its SHA-256 is {found}, and not {}",
                locked.sha256
            )));
        }
        Ok(bytes)
    }

    /// The signature that came with a plugin.
    pub fn signature(&self, digest: &str) -> Result<Option<String>> {
        let bytes = place::read(&self.signature_path(digest), SIGNATURE_LIMIT)?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Removes what the lock does not hold.
    pub fn sweep(&self, lock: &Lock) -> Result<()> {
        place::sweep(&self.directory);
        let Ok(files) = fs::read_dir(&self.directory) else {
            return Ok(());
        };
        let names = files.flatten().filter_map(|file| file.file_name().into_string().ok());
        let digests: BTreeSet<_> = names
            .filter_map(|name| Some(name.split_once('.')?.0.to_owned()))
            .filter(|digest| is_sha256(digest) && !lock.holds(digest))
            .collect();
        for digest in digests {
            place::remove(&self.plugin(&digest, Form::Component))?;
            place::remove(&self.plugin(&digest, Form::Native))?;
            place::remove(&self.signature_path(&digest))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::tests::locked;

    fn store() -> (tempfile::TempDir, Store, LockedVersion) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::below(folder.path());
        let bytes = b"a component";
        let version = LockedVersion {
            sha256: sha256(bytes),
            size: bytes.len() as u64,
            ..locked("0.1.0")
        };
        store.put(&version.sha256, bytes, Some("signed")).expect("kept");
        (folder, store, version)
    }

    #[test]
    fn what_was_kept_comes_back_and_what_was_changed_does_not() {
        let (_folder, store, version) = store();
        assert_eq!(store.get("x", &version).expect("there"), b"a component");
        assert_eq!(
            store.signature(&version.sha256).expect("read").as_deref(),
            Some("signed")
        );
        let path = store.plugin(&version.sha256, version.form);
        for changed in [&b"A component"[..], b"a componen", b"a component and more", b""] {
            fs::write(&path, changed).expect("written");
            let error = store.get("x", &version).expect_err("changed");
            assert!(error.remedy().contains("plugin install x@=0.1.0"), "{}", error.remedy());
        }
        store.put(&version.sha256, b"a component", None).expect("repaired");
        assert!(store.get("x", &version).is_ok());
        fs::remove_file(path).expect("removed");
        assert!(
            store
                .get("x", &version)
                .expect_err("gone")
                .message()
                .contains("is gone")
        );
    }

    #[test]
    fn a_sweep_leaves_what_is_installed_and_what_is_not_its_own() {
        let (_folder, store, version) = store();
        let mut lock = crate::lock::tests::lock("0.1.0", &["0.1.0"]);
        lock.plugins
            .values_mut()
            .for_each(|plugin| plugin.versions[0] = version.clone());
        fs::write(store.directory.join("notes"), "mine").expect("written");
        store.sweep(&lock).expect("swept");
        assert!(store.get("x", &version).is_ok());
        store.sweep(&Lock::default()).expect("swept");
        assert!(store.get("x", &version).is_err());
        assert_eq!(store.signature(&version.sha256).expect("read"), None);
        assert!(store.directory.join("notes").is_file());
    }
}
