//! A directory registry to install from, and a user's registry to install into.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use mngr_docker_tests::plugin_cache;
use mngr_host_shim::contract::{ProviderError, Result};
use mngr_host_shim::loader::{Loader, TARGET};
use mngr_host_shim::registry::{Consent, Installed, PluginName, Registry, Request, Source};
use sha2::{Digest, Sha256};

/// The plugin that is installed here.
pub const NAME: &str = "mngr-docker";

static LOADER: LazyLock<Arc<Loader>> = LazyLock::new(|| Arc::new(Loader::new(Some(plugin_cache())).expect("a loader")));

/// Both, for one test.
pub struct Shelf {
    folder: tempfile::TempDir,
    pub registry: Registry,
}

pub fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

pub fn name() -> PluginName {
    NAME.parse().expect("a name")
}

impl Shelf {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let registry = Registry::at(&folder.path().join("config"), &folder.path().join("data"));
        std::fs::create_dir_all(folder.path().join("source").join(NAME)).expect("a folder");
        Self { folder, registry }
    }

    pub fn loader(&self) -> Arc<Loader> {
        LOADER.clone()
    }

    /// Where the source has a file.
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join("source").join(NAME).join(file)
    }

    /// Puts a component into the source, its digest beside it.
    pub fn publish(&self, version: &str, bytes: &[u8]) {
        let file = format!("{version}.wasm");
        std::fs::write(self.path(&file), bytes).expect("written");
        self.publish_digest(version, &digest(bytes));
    }

    /// The same with a native library for this machine.
    pub fn publish_library(&self, version: &str, bytes: &[u8]) {
        let file = format!("{version}-{TARGET}.so");
        std::fs::write(self.path(&file), bytes).expect("written");
        let line = format!("{}  {file}\n", digest(bytes));
        std::fs::write(self.path(&format!("{file}.sha256")), line).expect("written");
    }

    pub fn publish_digest(&self, version: &str, digest: &str) {
        let file = format!("{version}.wasm");
        let line = format!("{digest}  {file}\n");
        std::fs::write(self.path(&format!("{file}.sha256")), line).expect("written");
    }

    pub fn source(&self) -> Source {
        let path = self.folder.path().join("source");
        Source::parse(path.to_str().expect("UTF-8"), &path, None).expect("a source")
    }

    pub async fn install(&self, pin: &str) -> Result<Installed> {
        self.install_with(pin, Consent::default()).await
    }

    pub async fn install_with(&self, pin: &str, consent: Consent) -> Result<Installed> {
        let request = Request {
            consent,
            ..self.request(pin)
        };
        self.registry.install(&self.loader(), request).await
    }

    /// To be installed from the directory, with nothing agreed to.
    pub fn request(&self, pin: &str) -> Request {
        Request {
            pin: pin.parse().expect("a pin"),
            from: Some(self.source()),
            public_key: None,
            consent: Consent::default(),
        }
    }

    /// The version in use.
    pub fn active(&self) -> String {
        let lock = self.registry.lock().expect("a lock");
        lock.plugins[&name()].active.to_string()
    }

    /// The files of the user's registry with what is in them.
    pub fn state(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        let mut folders = vec![self.folder.path().join("config"), self.folder.path().join("data")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                match entry.path() {
                    path if path.is_dir() => folders.push(path),
                    // The file that is locked while something changes.
                    path if path.ends_with("exclusive") => {}
                    path => files.push((path.clone(), std::fs::read(path).expect("read"))),
                }
            }
        }
        files.sort();
        files
    }
}

/// The rule that something was refused by.
pub fn rule<T: std::fmt::Debug>(outcome: Result<T>) -> String {
    match outcome.expect_err("refused") {
        ProviderError::Denied(denied) => denied.rule,
        other => panic!("not denied: {}", other.message()),
    }
}
