//! The journal on disk: what calls are about to do, kept until they have come to their end.
//!
//! One file a call, with one JSON value a line: who and when, then a step before each effect. A line is on the disk before
//! the request goes out; a last line that is cut short belongs to a request that never did. The file is locked for as long as
//! the call lives, by the kernel, so that an entry which can be locked by somebody else is one whose owner is dead. The lock
//! is given up with the process, whatever ends it, and no number is ever mistaken for another process's.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::step::Step;
use crate::contract::instance::Pending;
use crate::environment::Environment;
use crate::failpoint;

const VERSION: u32 = 1;
/// What an entry's name ends with once its first line is written.
const ENTRY: &str = ".json";
/// Where the locks of containers are kept, below the entries.
const LOCKS: &str = "locks";

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Header {
    version: u32,
    /// For people; the lock is what counts.
    process: u32,
    started_at: String,
}

/// A call that has not come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its entry.
    pub path: PathBuf,
    /// Whether there is a process that works on it.
    pub alive: bool,
}

/// The directory that the calls of one provider on one engine are written down in.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    /// There may be entries of the dead.
    look: AtomicBool,
}

impl Store {
    /// The user's own: below `$XDG_STATE_HOME`, else `~/.local/state`. None where neither is known.
    pub fn of_user(environment: &Environment, provider: &str, endpoint: &str) -> Option<Self> {
        let state = environment.var("XDG_STATE_HOME").map(PathBuf::from);
        let base = state
            .filter(|path| path.is_absolute())
            .or_else(|| environment.home().map(|home| home.join(".local/state")))?;
        let digest = Sha256::digest(endpoint);
        let engine: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        Some(Self::at(
            base.join("mngr-docker/journal").join(format!("{provider}-{engine}")),
        ))
    }

    /// A directory of the caller's choice; made when it is first needed.
    pub fn at(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            look: AtomicBool::new(true),
        }
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether somebody should look for entries of the dead; asked once.
    pub fn take_look(&self) -> bool {
        self.look.swap(false, Ordering::Relaxed)
    }

    /// The next one who asks should look.
    pub fn look_again(&self) {
        self.look.store(true, Ordering::Relaxed);
    }

    fn make_directory(&self, path: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)
    }

    /// Begins an entry with its first step.
    pub(super) fn begin(&self, first: &Step) -> io::Result<Entry> {
        self.make_directory(&self.directory)?;
        let name = uuid::Uuid::new_v4().simple().to_string();
        let (draft, path) = (
            self.directory.join(&name),
            self.directory.join(format!("{name}{ENTRY}")),
        );
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)?;
        file.lock()?;
        let header = Header {
            version: VERSION,
            process: std::process::id(),
            started_at: format!("{:.3}", jiff::Timestamp::now()),
        };
        let mut entry = Entry { file, path: draft };
        failpoint::pass("journal.begin.before")?;
        let written = entry.line(&header).and_then(|()| entry.line(first)).and_then(|()| {
            fs::rename(&entry.path, &path)?;
            entry.path = path;
            failpoint::pass("journal.begin.named")?;
            File::open(&self.directory)?.sync_all()?;
            failpoint::pass("journal.begin.after")
        });
        match written {
            Ok(()) => Ok(entry),
            Err(error) => {
                entry.remove();
                Err(error)
            }
        }
    }

    /// The entries whose owners are dead, each locked for as long as it is held, oldest first.
    pub fn stale(&self) -> Vec<Stale> {
        let Ok(files) = fs::read_dir(&self.directory) else {
            return Vec::new();
        };
        let paths = files.flatten().map(|file| file.path()).filter(|path| path.is_file());
        let mut stale: Vec<_> = paths.filter_map(|path| self.claim(path)).collect();
        stale.sort_by(|a, b| a.started_at.cmp(&b.started_at));
        stale
    }

    /// Every entry, and whether the call it belongs to lives. Nothing is claimed or changed.
    pub fn calls(&self) -> Vec<Call> {
        let files = fs::read_dir(&self.directory).into_iter().flatten().flatten();
        let paths = files.map(|file| file.path()).filter(|path| path.is_file());
        let call = |path: PathBuf| {
            let file = File::open(&path).ok()?;
            let alive = file.try_lock_shared().is_err();
            // Its owner may have come to its end in between.
            is_same(&file, &path).then_some(Call { path, alive })
        };
        paths.filter_map(call).collect()
    }

    fn claim(&self, path: PathBuf) -> Option<Stale> {
        let mut file = File::open(&path).ok()?;
        file.try_lock().ok()?;
        // Its owner may have come to its end in between.
        if !is_same(&file, &path) {
            return None;
        }
        if path.extension().is_none() {
            // Its first line was never finished, so nothing was done.
            let _ = fs::remove_file(&path);
            return None;
        }
        let mut text = String::new();
        let read = file.read_to_string(&mut text).map_err(|error| error.to_string());
        match read.and_then(|_| parse(&text)) {
            Ok((header, steps)) => Some(Stale {
                entry: Entry { file, path },
                started_at: header.started_at,
                steps,
            }),
            Err(reason) => {
                let file = path.display().to_string();
                tracing::warn!(
                    file,
                    reason,
                    "a journal entry can not be read; look at it, and remove it"
                );
                None
            }
        }
    }

    /// Waits until no one else works on a container's files, here or in another process of this user.
    ///
    /// # Errors
    /// Where the lock's file can not be made.
    pub fn lock(&self, container: &str) -> io::Result<ContainerLock> {
        let directory = self.directory.join(LOCKS);
        self.make_directory(&directory)?;
        let path = directory.join(container);
        loop {
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(&path)?;
            file.lock()?;
            // Who had it before takes the file away.
            if is_same(&file, &path) {
                return Ok(ContainerLock { _file: file, path });
            }
        }
    }
}

fn is_same(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(held), Ok(named)) => (held.dev(), held.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

fn parse(text: &str) -> Result<(Header, Vec<Step>), String> {
    // What follows the last line's end was never finished.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let mut lines = whole.lines();
    let header: Header =
        serde_json::from_str(lines.next().unwrap_or_default()).map_err(|error| format!("line 1: {error}"))?;
    if header.version != VERSION {
        return Err(format!("it is of version {}, and {VERSION} is known", header.version));
    }
    let step = |(at, line)| serde_json::from_str(line).map_err(|error| format!("line {}: {error}", at + 2));
    let steps = lines.enumerate().map(step).collect::<Result<_, _>>()?;
    Ok((header, steps))
}

/// The entry of one call.
#[derive(Debug)]
pub(super) struct Entry {
    file: File,
    path: PathBuf,
}

impl Entry {
    fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.file.sync_data()
    }

    /// Adds a step; it is on the disk when this returns.
    pub fn add(&mut self, step: &Step) -> io::Result<()> {
        failpoint::pass("journal.step.before")?;
        self.line(step)?;
        failpoint::pass("journal.step.after")
    }

    /// The call has come to its end.
    pub fn remove(self) {
        let removed = failpoint::pass("journal.remove.before")
            .and_then(|()| fs::remove_file(&self.path))
            .and_then(|()| failpoint::pass("journal.remove.after"));
        if let Err(error) = removed {
            tracing::debug!(file = %self.path.display(), %error, "a journal entry is not removed");
        }
    }
}

/// The entry of a dead call. Nobody else settles it meanwhile.
#[derive(Debug)]
pub struct Stale {
    entry: Entry,
    started_at: String,
    steps: Vec<Step>,
}

impl Stale {
    /// As the plugin sees it.
    pub fn pending(&self) -> Pending {
        Pending {
            id: self.id(),
            started_at: self.started_at.clone(),
            steps: self.steps.iter().cloned().filter_map(Step::pending).collect(),
        }
    }

    /// What it is called.
    pub fn id(&self) -> String {
        let name = self.entry.path.file_stem().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// What it was about to do.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Nothing is left to be done about it.
    pub fn settled(self) {
        self.entry.remove();
    }
}

/// Nobody else works on a container's files while it is held.
#[derive(Debug)]
pub struct ContainerLock {
    _file: File,
    path: PathBuf,
}

impl Drop for ContainerLock {
    fn drop(&mut self) {
        // Before the lock goes with the file: who waits for it looks again.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(name: &str) -> Step {
        Step::Create {
            name: name.to_owned(),
            agent_id: "agent-1".to_owned(),
        }
    }

    fn alive(store: &Store) -> Vec<bool> {
        store.calls().iter().map(|call| call.alive).collect()
    }

    #[test]
    fn an_entry_is_stale_when_its_owner_is_gone_and_not_before() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::at(directory.path().join("journal"));
        assert!(store.stale().is_empty());
        let mut entry = store.begin(&create("a")).expect("an entry");
        entry.add(&create("b")).expect("a step");
        assert!(store.stale().is_empty(), "its owner lives");
        assert_eq!(alive(&store), [true]);
        drop(entry);
        assert_eq!(alive(&store), [false]);
        let stale = store.stale();
        assert_eq!(stale[0].steps(), [create("a"), create("b")]);
        assert!(store.stale().is_empty(), "somebody works on it");
        drop(stale);
        store.stale().into_iter().for_each(Stale::settled);
        assert!(store.stale().is_empty());
    }

    #[test]
    fn a_line_cut_short_was_never_acted_on_and_a_damaged_entry_stays() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::at(directory.path());
        let mut entry = store.begin(&create("a")).expect("an entry");
        entry.file.write_all(br#"{"step":"cre"#).expect("written");
        drop(entry);
        assert_eq!(store.stale()[0].steps(), [create("a")]);
        fs::write(directory.path().join("x.json"), "nonsense\n").expect("written");
        fs::write(directory.path().join("draft"), "").expect("written");
        assert_eq!(store.stale().len(), 1);
        assert!(directory.path().join("x.json").exists() && !directory.path().join("draft").exists());
    }

    #[test]
    fn one_at_a_time_holds_a_container() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = std::sync::Arc::new(Store::at(directory.path()));
        let inside = std::sync::Arc::new(AtomicBool::new(false));
        let workers: Vec<_> = (0..8)
            .map(|_| {
                let (store, inside) = (store.clone(), inside.clone());
                std::thread::spawn(move || {
                    for _ in 0..20 {
                        let lock = store.lock("c").expect("a lock");
                        assert!(!inside.swap(true, Ordering::SeqCst), "two at once");
                        inside.store(false, Ordering::SeqCst);
                        drop(lock);
                    }
                })
            })
            .collect();
        workers
            .into_iter()
            .for_each(|worker| worker.join().expect("one at a time"));
        assert_eq!(fs::read_dir(directory.path().join(LOCKS)).expect("there").count(), 0);
    }

    #[test]
    fn providers_and_engines_have_journals_of_their_own() {
        let environment = Environment::new([("HOME", "/home/me")], "/");
        let directory = |provider: &str, engine: &str| {
            let store = Store::of_user(&environment, provider, engine).expect("a home");
            store.directory().to_owned()
        };
        let one = directory("docker", "unix:///a");
        assert!(
            one.starts_with("/home/me/.local/state/mngr-docker/journal"),
            "{}",
            one.display()
        );
        assert_ne!(one, directory("docker", "unix:///b"));
        assert_ne!(one, directory("other", "unix:///a"));
        assert!(Store::of_user(&Environment::default(), "docker", "x").is_none());
    }
}
