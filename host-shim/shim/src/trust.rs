//! Which directories' settings files the user trusts: one file of the user's alone, that holds the SHA-256 of each.
//!
//! A file is known by its real path, and trusted as long as its bytes are those that were looked at. Where what is trusted can
//! not be known for sure, nothing is.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use mngr_contract::environment::Environment;
use mngr_contract::error::{invalid, unavailable};
use mngr_contract::{ProviderError, Result, directories};
use serde::{Deserialize, Serialize};

/// The format of the file.
const FORMAT: u32 = 1;
/// The longest file that is read, in bytes.
const LIMIT: u64 = 4 << 20;
/// What nobody but its owner may have of what is written here: to write it.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// A settings file that is trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedFile {
    /// SHA-256 of its bytes when it was looked at, in hexadecimal.
    pub sha256: String,
    /// When that was, RFC 3339, UTC.
    pub trusted_at: String,
}

/// The file itself.
#[derive(Serialize, Deserialize)]
struct Content {
    format: u32,
    /// By real path.
    files: BTreeMap<String, TrustedFile>,
}

/// What one user trusts.
#[derive(Debug, Clone)]
pub struct TrustStore {
    path: PathBuf,
}

impl TrustStore {
    /// The user's own: `trusted.json` in `$XDG_STATE_HOME/mngr-docker`, else in `~/.local/state/mngr-docker`.
    ///
    /// # Errors
    /// `unavailable` where neither directory is known.
    pub fn of_user(environment: &Environment) -> Result<Self> {
        match directories::state(environment) {
            Some(state) => Ok(Self::at(state.join("trusted.json"))),
            None => Err(unavailable(
                "the list of trusted files",
                "this user's directories are not known",
                "set HOME or XDG_STATE_HOME",
            )),
        }
    }

    /// A file of the caller's choice. It is made with the first trust, and its directory too.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All that is trusted, by real path.
    ///
    /// # Errors
    /// `unavailable` for a file that can not be read or that others may write, `invalid-argument` for one that is damaged; with
    /// what to do.
    pub fn files(&self) -> Result<BTreeMap<PathBuf, TrustedFile>> {
        let files = self.read()?.into_iter();
        Ok(files.map(|(path, trusted)| (PathBuf::from(path), trusted)).collect())
    }

    /// Whether the file at this real path is trusted with these bytes.
    ///
    /// # Errors
    /// As [`TrustStore::files`].
    pub fn trusts(&self, path: &Path, sha256: &str) -> Result<bool> {
        let files = self.read()?;
        let trusted = path.to_str().and_then(|path| files.get(path));
        Ok(trusted.is_some_and(|trusted| trusted.sha256 == sha256))
    }

    /// Trusts the file at this real path with these bytes, and with no others.
    ///
    /// # Errors
    /// As [`TrustStore::files`], and where it can not be written; `invalid-argument` for a path that is not UTF-8.
    pub fn trust(&self, path: &Path, sha256: &str) -> Result<()> {
        let Some(name) = path.to_str() else {
            let remedy = "rename the directories above it, or name the file with --config";
            return Err(invalid("file", path.to_string_lossy(), "its path is not UTF-8", remedy));
        };
        let trusted = TrustedFile {
            sha256: sha256.to_owned(),
            trusted_at: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        };
        self.change(|files| drop(files.insert(name.to_owned(), trusted)))
    }

    /// Trusts the file at this real path no longer; whether it was trusted.
    ///
    /// # Errors
    /// As [`TrustStore::trust`].
    pub fn revoke(&self, path: &Path) -> Result<bool> {
        let is_known =
            |files: &BTreeMap<String, TrustedFile>| path.to_str().is_some_and(|path| files.contains_key(path));
        // Nothing is made on the disk for what was never trusted.
        if !is_known(&self.read()?) {
            return Ok(false);
        }
        let mut was_trusted = false;
        self.change(|files| was_trusted = path.to_str().and_then(|path| files.remove(path)).is_some())?;
        Ok(was_trusted)
    }

    /// Changes the list while no other process does.
    fn change(&self, change: impl FnOnce(&mut BTreeMap<String, TrustedFile>)) -> Result<()> {
        let failed = |error: io::Error| self.unavailable(format!("can not be written: {error}"));
        let directory = self.directory();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(failed)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(self.path.with_extension("lock"))
            .map_err(failed)?;
        lock.lock().map_err(failed)?;
        let mut files = self.read()?;
        change(&mut files);
        self.write(&Content { format: FORMAT, files }).map_err(failed)
    }

    /// Whoever reads meanwhile reads the old one, and a crash leaves one of the two.
    fn write(&self, content: &Content) -> io::Result<()> {
        let directory = self.directory();
        // It is made with the mode 0600.
        let mut draft = tempfile::Builder::new().prefix(".draft-").tempfile_in(directory)?;
        serde_json::to_writer_pretty(&mut draft, content)?;
        draft.write_all(b"\n")?;
        draft.as_file().sync_all()?;
        draft.persist(&self.path)?;
        File::open(directory)?.sync_all()
    }

    fn read(&self) -> Result<BTreeMap<String, TrustedFile>> {
        let mut text = String::new();
        let read = File::open(&self.path).and_then(|file| {
            let owned = (fs::metadata(self.directory())?, file.metadata()?);
            file.take(LIMIT).read_to_string(&mut text)?;
            Ok(owned)
        });
        let (directory, file) = match read {
            Ok(owned) => owned,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(BTreeMap::new());
            }
            Err(error) if error.kind() == ErrorKind::InvalidData => return Err(self.damaged("it is not UTF-8")),
            Err(error) => return Err(self.unavailable(format!("can not be read: {error}"))),
        };
        for (what, found) in [("its directory", &directory), ("it", &file)] {
            if found.uid() != rustix::process::geteuid().as_raw() {
                return Err(self.unavailable(format!("{what} belongs to another user")));
            }
            if found.mode() & WRITABLE_BY_OTHERS != 0 {
                return Err(self.unavailable(format!("others may write {what}")));
            }
        }
        let content: Content = serde_json::from_str(&text).map_err(|error| self.damaged(&error.to_string()))?;
        match content.format {
            FORMAT => Ok(content.files),
            other => Err(self.damaged(&format!("it has format {other}; this mngr-docker reads {FORMAT}"))),
        }
    }

    fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    fn unavailable(&self, reason: String) -> ProviderError {
        let path = self.path.display();
        let remedy = format!(
            "make {path} and its directory yours alone, or remove {path} and trust what is to be trusted again"
        );
        unavailable(format!("the list of trusted files {path}"), reason, remedy)
    }

    fn damaged(&self, reason: &str) -> ProviderError {
        let path = self.path.display();
        let remedy = format!("remove {path}, and trust what is to be trusted again");
        invalid(
            "trusted.json",
            path.to_string(),
            format!("is damaged: {reason}"),
            remedy,
        )
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::thread;

    use super::*;

    const DIGEST: &str = "ab";

    fn store() -> (tempfile::TempDir, TrustStore) {
        let room = tempfile::tempdir().expect("a directory");
        let store = TrustStore::at(room.path().join("state/trusted.json"));
        (room, store)
    }

    #[test]
    fn a_file_is_trusted_with_the_bytes_that_were_looked_at_and_no_others() {
        let (_room, store) = store();
        let path = Path::new("/srv/a/.mngr/settings.toml");
        assert!(!store.trusts(path, DIGEST).expect("an answer"));
        store.trust(path, DIGEST).expect("trusted");
        assert!(store.trusts(path, DIGEST).expect("an answer"));
        assert!(!store.trusts(path, "cd").expect("an answer"));
        assert!(!store.trusts(Path::new("/srv/b"), DIGEST).expect("an answer"));
        assert!(store.revoke(path).expect("revoked"));
        assert!(!store.trusts(path, DIGEST).expect("an answer"));
        assert!(!store.revoke(path).expect("revoked before"));
    }

    #[test]
    fn the_list_is_its_owners_alone() {
        let (_room, store) = store();
        store.trust(Path::new("/a"), DIGEST).expect("trusted");
        let mode = |path: &Path| fs::metadata(path).expect("there").mode() & 0o777;
        assert_eq!((mode(store.path()), mode(store.directory())), (0o600, 0o700));
    }

    #[test]
    fn nothing_is_made_by_asking_or_by_revoking_what_was_never_trusted() {
        let (room, store) = store();
        assert!(!store.trusts(Path::new("/a"), DIGEST).expect("an answer"));
        assert!(!store.revoke(Path::new("/a")).expect("an answer"));
        assert_eq!(fs::read_dir(room.path()).expect("a list").count(), 0);
    }

    #[test]
    fn nothing_is_trusted_where_others_may_write_or_the_list_is_damaged() {
        let (_room, store) = store();
        store.trust(Path::new("/a"), DIGEST).expect("trusted");
        let told = || {
            let error = store.trusts(Path::new("/a"), DIGEST).expect_err("nobody knows");
            let path = store.path().display().to_string();
            assert!(
                error.message().contains(&path) && error.remedy().contains(&path),
                "{error:?}"
            );
            error.message()
        };
        let chmod = |path: &Path, mode| fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("changed");
        chmod(store.path(), 0o620);
        assert!(told().contains("others may write it"));
        chmod(store.path(), 0o600);
        chmod(store.directory(), 0o777);
        assert!(told().contains("others may write its directory"));
        chmod(store.directory(), 0o700);
        for damaged in [
            "",
            "{",
            r#"{"format":2,"files":{}}"#,
            r#"{"format":1,"files":{"/a":true}}"#,
        ] {
            fs::write(store.path(), damaged).expect("written");
            assert!(told().contains("damaged"), "{damaged}");
            assert!(store.trust(Path::new("/b"), DIGEST).is_err(), "{damaged}");
        }
        fs::write(store.path(), b"\xff").expect("written");
        assert!(told().contains("UTF-8"));
        fs::remove_file(store.path()).expect("removed");
        fs::create_dir(store.path()).expect("a directory");
        assert!(told().contains("can not be read"));
    }

    #[test]
    fn two_who_trust_at_once_lose_nothing_of_each_other() {
        let (_room, store) = store();
        thread::scope(|scope| {
            for each in 0..8 {
                let store = &store;
                scope.spawn(move || store.trust(Path::new(&format!("/{each}")), DIGEST).expect("trusted"));
            }
        });
        assert_eq!(store.files().expect("a list").len(), 8);
    }
}
