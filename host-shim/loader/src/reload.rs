//! Plugins that change while they are in use: where one comes from, how a change is seen, and what is loaded then.
//!
//! There is no watcher. A provider asks before each call, and what that costs where nothing has changed is one `stat`. A
//! component that is only half there, or is no plugin, is never handed out: the one before it stays.

use std::fmt;
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use mngr_contract::error::{internal, invalid};
use mngr_contract::log;
use mngr_contract::trace::Name;
use mngr_contract::{ProviderError, Result};

use super::component::Maker;
use super::{Loader, Native, Plugin, read_component, sha256, unreadable};

/// A file that was written so short a time ago may be written again without its time of change telling: the clock of a
/// filesystem ticks every 10 ms at worst.
const TICK: Duration = Duration::from_millis(20);

/// Where a plugin comes from.
#[derive(Debug, Clone)]
pub enum PluginSource {
    /// A part of this program, which never changes.
    BuiltIn(BuiltIn),
    /// A file.
    File(PathBuf),
    /// An installed plugin, or the built-in one where its installation says so.
    Installed {
        /// Where it is installed.
        installation: Arc<dyn Installation>,
        /// What is built in.
        built_in: BuiltIn,
    },
}

/// A place where a plugin is installed, in a version that may change.
pub trait Installation: fmt::Debug + Send + Sync {
    /// The file that changes when another version is to be loaded.
    fn watched(&self) -> &Path;

    /// The plugin to load now. None for the one that is built in.
    ///
    /// # Errors
    /// `invalid-argument` where nothing that is installed fits; `internal` where it is gone or damaged.
    fn read(&self) -> Result<Option<InstalledPlugin>>;
}

/// An installed plugin as it was read.
#[derive(Debug)]
pub struct InstalledPlugin {
    /// What it is, for people: its name and version.
    pub origin: String,
    /// All of it.
    pub bytes: Vec<u8>,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
}

/// A plugin that is a part of this program.
#[derive(Debug, Clone, Copy)]
pub struct BuiltIn {
    /// All of it; empty where there is none.
    pub bytes: &'static [u8],
    /// Its SHA-256, in hexadecimal.
    pub sha256: &'static str,
}

/// What tells one state of a file from the next without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl From<&Metadata> for Stamp {
    fn from(file: &Metadata) -> Self {
        Self {
            device: file.dev(),
            inode: file.ino(),
            length: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        }
    }
}

/// What was last seen of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// It can not change.
    Fixed,
    /// So it was, or it was not there, and another state of it would look different.
    Settled(Option<Stamp>),
    /// It was being written, or may be again without a trace: it must be read again.
    Unsettled,
}

/// A plugin as it was read: nothing of it is believed yet.
struct Candidate {
    origin: String,
    bytes: std::borrow::Cow<'static, [u8]>,
    digest: String,
    maker: Maker,
    seen: Seen,
}

impl Candidate {
    fn load(&self, loader: &Loader, native: Native) -> Result<Plugin> {
        loader.load_hashed(&self.origin, &self.bytes, &self.digest, self.maker, native)
    }
}

impl PluginSource {
    fn watched(&self) -> Option<&Path> {
        match self {
            Self::BuiltIn(_) => None,
            Self::File(path) => Some(path),
            Self::Installed { installation, .. } => Some(installation.watched()),
        }
    }

    fn stamp(&self) -> Option<Stamp> {
        let metadata = self.watched().and_then(|path| std::fs::metadata(path).ok());
        metadata.as_ref().map(Stamp::from)
    }

    /// Reads what is there now.
    fn read(&self) -> Result<Candidate> {
        match self {
            Self::BuiltIn(plugin) => plugin.candidate(Seen::Fixed),
            Self::File(path) => read_file(path),
            Self::Installed { installation, built_in } => {
                // Looked at before it is read: what changes in between is seen the next time.
                let before = std::fs::metadata(installation.watched()).ok();
                let seen = before.as_ref().map_or(Seen::Settled(None), settled);
                let Some(plugin) = installation.read()? else {
                    return built_in.candidate(seen);
                };
                Ok(Candidate {
                    origin: plugin.origin,
                    bytes: plugin.bytes.into(),
                    digest: plugin.sha256,
                    maker: Maker::Stranger,
                    seen,
                })
            }
        }
    }
}

impl BuiltIn {
    fn candidate(self, seen: Seen) -> Result<Candidate> {
        if self.bytes.is_empty() {
            return Err(invalid(
                "plugin",
                "built-in",
                "this mngr-docker was built before its plugin was",
                "run `cargo xtask component` and build again, or name a component with --plugin",
            ));
        }
        Ok(Candidate {
            origin: "built-in".to_owned(),
            bytes: self.bytes.into(),
            digest: self.sha256.to_owned(),
            maker: Maker::Us,
            seen,
        })
    }
}

/// A file's state, where a later one would be told from it.
fn settled(file: &Metadata) -> Seen {
    let now = SystemTime::now();
    let apart = |at: SystemTime| now.duration_since(at).unwrap_or_else(|ahead| ahead.duration());
    match file.modified().is_ok_and(|at| apart(at) > TICK) {
        true => Seen::Settled(Some(file.into())),
        false => Seen::Unsettled,
    }
}

/// Reads a file once; whether it held still meanwhile is told by its state before and after.
fn read_file(path: &Path) -> Result<Candidate> {
    let origin = path.display().to_string();
    let read = File::open(path).and_then(|file| {
        let before = Stamp::from(&file.metadata()?);
        let bytes = read_component(&file)?;
        let after = file.metadata()?;
        let seen = match before == Stamp::from(&after) {
            true => settled(&after),
            false => Seen::Unsettled,
        };
        Ok((bytes, seen))
    });
    let (bytes, seen) = read.map_err(|error| unreadable(&origin, &error))?;
    Ok(Candidate {
        digest: sha256(&bytes),
        maker: Maker::Stranger,
        bytes: bytes.into(),
        origin,
        seen,
    })
}

/// A plugin that did not take over, and why. The one before it is still in use.
#[derive(Debug, Clone)]
pub struct Rejection {
    /// Where it came from.
    pub origin: String,
    /// What is wrong with it.
    pub error: ProviderError,
}

/// A plugin, kept up to date with its source. Shared by all providers that use it.
pub struct Reloader {
    source: PluginSource,
    loader: Arc<Loader>,
    native: Native,
    state: Mutex<State>,
    /// Held by whoever loads.
    loading: tokio::sync::Mutex<()>,
}

struct State {
    plugin: Plugin,
    /// The one before it, so that to go back costs next to nothing.
    before: Option<Plugin>,
    seen: Seen,
    /// What the source had the last time, where that is not in use.
    rejection: Option<(String, Rejection)>,
}

impl State {
    fn exchange(&mut self, plugin: Plugin) {
        self.before = Some(std::mem::replace(&mut self.plugin, plugin));
        self.rejection = None;
    }
}

impl Reloader {
    /// Loads what the source has now, and later what it has then; native libraries only where that is allowed.
    ///
    /// # Errors
    /// `invalid-argument` for the field `plugin`, and for `allow_native`; `internal` where an installed plugin is gone or
    /// damaged.
    pub fn new(source: PluginSource, loader: Arc<Loader>, native: Native) -> Result<Self> {
        let candidate = source.read()?;
        let plugin = candidate.load(&loader, native)?;
        let state = State {
            plugin,
            before: None,
            seen: candidate.seen,
            rejection: None,
        };
        Ok(Self {
            source,
            loader,
            native,
            state: Mutex::new(state),
            loading: tokio::sync::Mutex::default(),
        })
    }

    /// The plugin that was last loaded well.
    pub fn plugin(&self) -> Plugin {
        self.state().plugin.clone()
    }

    /// Why the source's present content is not in use, where it is not.
    pub fn rejection(&self) -> Option<Rejection> {
        self.state().rejection.as_ref().map(|(_, rejection)| rejection.clone())
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The plugin that the source has now; the one before it where that can not be loaded, and while somebody else loads it.
    pub async fn current(self: &Arc<Self>) -> Plugin {
        let seen = self.state().seen;
        let unchanged = match seen {
            Seen::Fixed => true,
            Seen::Settled(stamp) => stamp == self.source.stamp(),
            Seen::Unsettled => false,
        };
        if !unchanged && let Ok(_loading) = self.loading.try_lock() {
            self.load().await;
        }
        self.plugin()
    }

    /// Looks at the source whether it seems to have changed or not, and waits for that.
    pub async fn reload(self: &Arc<Self>) -> Plugin {
        let _loading = self.loading.lock().await;
        self.load().await;
        self.plugin()
    }

    async fn load(self: &Arc<Self>) {
        let this = self.clone();
        // It reads, hashes and may compile.
        let loading = tokio::task::spawn_blocking(move || this.load_now());
        if let Err(broken) = loading.await {
            let error = internal("the plugin", broken.to_string(), "see the log");
            self.reject(String::new(), "plugin", error);
        }
    }

    fn load_now(&self) {
        let stamp = self.source.stamp();
        let candidate = match self.source.read() {
            Ok(candidate) => candidate,
            Err(error) => {
                // Not there, or not whole: to be looked at again once it looks different.
                self.state().seen = Seen::Settled(stamp);
                let origin = self.source.watched().map(|path| path.display().to_string());
                return self.reject(String::new(), &origin.unwrap_or_default(), error);
            }
        };
        let mut state = self.state();
        state.seen = candidate.seen;
        if *state.plugin.digest() == candidate.digest {
            state.rejection = None;
            return;
        }
        let rejected = state.rejection.as_ref();
        if rejected.is_some_and(|(digest, _)| *digest == candidate.digest) {
            return;
        }
        if let Some(before) = state.before.take_if(|before| *before.digest() == candidate.digest) {
            return state.exchange(before);
        }
        drop(state);
        match candidate.load(&self.loader, self.native) {
            Ok(plugin) => self.state().exchange(plugin),
            Err(error) => self.reject(candidate.digest, &candidate.origin, error),
        }
    }

    fn reject(&self, digest: String, origin: &str, error: ProviderError) {
        let rejection = Rejection {
            origin: origin.to_owned(),
            error,
        };
        let mut state = self.state();
        let again = state
            .rejection
            .as_ref()
            .is_some_and(|(_, before)| before.is(&rejection));
        if !again {
            rejection.log(&state.plugin);
        }
        state.rejection = Some((digest, rejection));
    }
}

impl Rejection {
    fn is(&self, other: &Self) -> bool {
        self.origin == other.origin && self.error.message() == other.error.message()
    }

    /// Says it in the log.
    pub fn log(&self, kept: &Plugin) {
        log!(
            WARN,
            "another plugin is not taken, and the one before stays in use; `mngr-docker doctor` says why",
            refused = Name(&self.origin),
            kept = Name(kept.origin()),
            error = self.error,
        );
    }
}
