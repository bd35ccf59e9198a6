//! The journal on disk: what calls are about to do, kept until they have come to their end.
//!
//! One file for one call at a time, with one JSON value a line: who and when, then a step before each effect, and that the call
//! has ended. A line is on the disk before the request goes out; a last line that is cut short belongs to a request that never
//! did. The file is locked for as long as it is written to, by the kernel, so that an entry which can be locked by somebody else
//! is one whose owner is dead. The lock is given up with the process, whatever ends it, and no number is ever mistaken for
//! another process's.
//!
//! To wait for the disk is what takes time. So nobody waits for a step that is of no use once this machine was started anew; who
//! and when is written at one stroke with the first step; and the file of a call that has ended is kept for the next one of the
//! process: it was made with room in it, into which a disk writes without anything else having to be written too. What was
//! written once is never written over, so that no two calls can be mixed up by a crash.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use mngr_contract::directories;
use mngr_contract::environment::Environment;
use mngr_contract::instance::Pending;
use mngr_contract::log;
use mngr_engine::failpoint;
use sha2::{Digest, Sha256};

use super::entry::{JournalEntry, Open, is_same, parse};
use super::step::Step;

/// What an entry's name ends with.
const ENTRY: &str = ".json";
/// How many files a process keeps for calls to come.
const SPARE: usize = 8;

/// A call that has not come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfinishedCall {
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
    /// Files whose calls have ended, with room for others.
    spare: Mutex<Vec<JournalEntry>>,
}

impl Store {
    /// The user's own: below `$XDG_STATE_HOME`, else `~/.local/state`. None where neither is known.
    pub fn of_user(environment: &Environment, provider: &str, endpoint: &str) -> Option<Self> {
        let base = directories::state(environment)?;
        let engine = hex::encode(&Sha256::digest(endpoint)[..8]);
        Some(Self::at(base.join("journal").join(format!("{provider}-{engine}"))))
    }

    /// A directory of the caller's choice; made when it is first needed.
    pub fn at(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            look: AtomicBool::new(true),
            spare: Mutex::default(),
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

    pub(super) fn make_directory(&self, path: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)
    }

    /// Begins an entry with its first step.
    pub(super) fn begin(&self, first: &Step) -> io::Result<JournalEntry> {
        failpoint::pass("journal.begin.before")?;
        let spare = self.spare().pop();
        let mut entry = match spare {
            Some(entry) => entry,
            None => self.empty_entry()?,
        };
        match entry.begin(first).and_then(|()| failpoint::pass("journal.begin.after")) {
            Ok(()) => Ok(entry),
            Err(error) => {
                entry.remove();
                Err(error)
            }
        }
    }

    /// The call of an entry has come to its end.
    pub(super) fn end(&self, mut entry: JournalEntry) {
        let has_room = match entry.end() {
            Ok(has_room) => has_room,
            Err(error) => {
                return log!(
                    DEBUG,
                    "a journal entry is not ended",
                    file = entry.path(),
                    error = error
                );
            }
        };
        let mut spare = self.spare();
        match has_room && spare.len() < SPARE {
            true => spare.push(entry),
            false => entry.remove(),
        }
    }

    fn spare(&self) -> std::sync::MutexGuard<'_, Vec<JournalEntry>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn empty_entry(&self) -> io::Result<JournalEntry> {
        self.make_directory(&self.directory)?;
        loop {
            let name = uuid::Uuid::new_v4().simple();
            let path = self.directory.join(format!("{name}{ENTRY}"));
            let file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)?;
            file.lock()?;
            // Who looks for the dead takes away what nobody has locked yet.
            if is_same(&file, &path) {
                return Ok(JournalEntry::new(file, path));
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
        stale.sort_by(|a, b| a.open.started_at.cmp(&b.open.started_at));
        stale
    }

    /// Every call that has not ended, and whether it lives. Nothing is claimed or changed.
    pub fn calls(&self) -> Vec<UnfinishedCall> {
        let files = fs::read_dir(&self.directory).into_iter().flatten().flatten();
        let paths = files.map(|file| file.path()).filter(|path| path.is_file());
        let call = |path: PathBuf| {
            let file = File::open(&path).ok()?;
            let alive = file.try_lock_shared().is_err();
            let has_ended = fs::read_to_string(&path).is_ok_and(|text| matches!(parse(&text), Ok(None)));
            // Its owner may have come to its end in between.
            (is_same(&file, &path) && !has_ended).then_some(UnfinishedCall { path, alive })
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
        let mut text = String::new();
        let read = file.read_to_string(&mut text);
        match read.and_then(|_| parse(&text).map_err(io::Error::other)) {
            Ok(Some(open)) => Some(Stale {
                entry: JournalEntry::new(file, path),
                open,
            }),
            Ok(None) => {
                let _ = fs::remove_file(&path);
                None
            }
            Err(error) => {
                log!(
                    WARN,
                    "a journal entry can not be read; look at it, and remove it",
                    file = path,
                    error = error,
                );
                None
            }
        }
    }
}

/// The entry of a dead call. Nobody else settles it meanwhile.
#[derive(Debug)]
pub struct Stale {
    entry: JournalEntry,
    open: Open,
}

impl Stale {
    /// As the plugin sees it. Where this machine was started anew since, the call may have ended without the disk knowing. A container
    /// or a volume that it made may be what somebody counts on by now, so nothing is said of those.
    pub fn pending(&self) -> Pending {
        let counts = |step: &&Step| self.open.is_of_this_boot || !step.is_forgotten_at_boot();
        let steps = self.open.steps.iter().filter(counts).cloned();
        Pending {
            id: self.id(),
            started_at: self.open.started_at.clone(),
            steps: steps.filter_map(Step::pending).collect(),
        }
    }

    /// What it is called.
    pub fn id(&self) -> String {
        let name = self.entry.path().file_stem().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// What it was about to do.
    pub fn steps(&self) -> &[Step] {
        &self.open.steps
    }

    /// Nothing is left to be done about it.
    pub fn settled(self) {
        self.entry.remove();
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.spare().drain(..).for_each(JournalEntry::remove);
    }
}

#[cfg(test)]
mod tests {
    use mngr_contract::instance::PendingStep;

    use super::*;
    use crate::journal::entry::ROOM;

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
        let entry = store.begin(&create("a")).expect("an entry");
        let path = entry.path().to_owned();
        drop(entry);
        let text = fs::read_to_string(&path).expect("text");
        let written = text.trim_end_matches('\0');
        fs::write(&path, format!(r#"{written}{{"step":"cre"#)).expect("written");
        assert_eq!(store.stale()[0].steps(), [create("a")]);
        fs::write(directory.path().join("x.json"), "nonsense\n").expect("written");
        assert_eq!(store.stale().len(), 1);
        assert!(directory.path().join("x.json").exists());
    }

    #[test]
    fn an_entry_whose_first_step_was_never_finished_is_taken_away() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::at(directory.path());
        let entry = store.begin(&create("a")).expect("an entry");
        let path = entry.path().to_owned();
        let whole = fs::read(&path).expect("read");
        drop(entry);
        let end = whole.iter().position(|byte| *byte == 0).expect("room");
        for length in 0..end {
            let mut cut = whole.clone();
            cut[length..].fill(0);
            fs::write(&path, cut).expect("written");
            assert_eq!(store.stale().len(), 0, "{length} bytes");
            assert!(!path.exists(), "{length} bytes");
        }
        fs::write(&path, &whole).expect("written");
        assert_eq!(store.stale()[0].steps(), [create("a")]);
    }

    #[test]
    fn who_looks_for_the_dead_never_takes_an_entry_from_the_living() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::at(directory.path());
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    assert!(store.stale().is_empty());
                }
            });
            for _ in 0..50 {
                let entry = store.begin(&create("a")).expect("an entry");
                assert!(entry.path().exists(), "it was taken away");
                entry.remove();
                let entry = store.begin(&create("a")).expect("an entry");
                store.end(entry);
            }
            done.store(true, Ordering::Relaxed);
        });
    }

    #[test]
    fn the_next_call_writes_into_the_file_of_the_last_and_only_what_has_not_ended_is_stale() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("journal");
        let files = || fs::read_dir(&path).map_or(0, Iterator::count);
        let store = Store::at(&path);
        for name in ["a", "b", "c"] {
            let mut entry = store.begin(&create(name)).expect("an entry");
            entry.add(&create("more")).expect("a step");
            store.end(entry);
            assert_eq!(files(), 1, "{name}");
        }
        let dead = store.begin(&create("d")).expect("an entry");
        let (second, third) = (store.begin(&create("e")), store.begin(&create("f")));
        assert_eq!(files(), 3);
        for entry in [second, third] {
            store.end(entry.expect("an entry"));
        }
        drop(dead);
        drop(store);
        assert_eq!(files(), 1, "who has nothing to do any more leaves nothing");
        let stale = Store::at(&path).stale();
        assert_eq!(stale[0].steps(), [create("d")]);
        stale.into_iter().for_each(Stale::settled);
        assert_eq!(files(), 0);
    }

    #[test]
    fn a_container_of_an_earlier_boot_is_not_said_to_be_left_over() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::at(directory.path());
        let mut entry = store.begin(&create("a")).expect("an entry");
        let pause = Step::Pause {
            container: "c".to_owned(),
        };
        entry.add(&pause).expect("a step");
        let path = entry.path().to_owned();
        drop(entry);
        assert_eq!(store.stale()[0].pending().steps.len(), 2);
        let text = fs::read_to_string(&path).expect("text");
        fs::write(&path, text.replace(r#""boot":""#, r#""boot":"earlier-"#)).expect("written");
        let stale = store.stale();
        let steps = stale[0].pending().steps;
        assert!(
            matches!(&steps[..], [PendingStep::Pause(pause)] if pause.container_id == "c"),
            "{steps:?}"
        );
    }

    #[test]
    fn a_file_without_much_room_left_is_not_kept() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::at(directory.path());
        let mut entry = store.begin(&create("a")).expect("an entry");
        let step = create(&"x".repeat(ROOM));
        entry.add(&step).expect("a step");
        let path = entry.path().to_owned();
        drop(entry);
        assert_eq!(
            store.stale()[0].steps(),
            [create("a"), step.clone()],
            "more than there was room for"
        );
        fs::remove_file(path).expect("removed");
        let mut entry = store.begin(&create("a")).expect("an entry");
        entry.add(&step).expect("a step");
        store.end(entry);
        assert_eq!(fs::read_dir(directory.path()).expect("there").count(), 0);
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
