//! The directory of one connection: only its owner may enter it, and whoever comes after a crash takes it away.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use mngr_contract::directories;
use mngr_contract::environment::Environment;
use mngr_contract::log;
use rustix::process::{Pid, Signal, getuid, kill_process};

/// How the directories' names begin.
const PREFIX: &str = "mngr-ssh-";
/// Longest path of a directory that leaves room for the names of sockets, of which a path has 107 bytes.
const LONGEST_BASE: usize = 60;
/// A directory without a lock is somebody's who has just made it.
const JUST_MADE: Duration = Duration::from_secs(60);

/// A directory that is there as long as this is, and locked so that others see it.
#[derive(Debug)]
pub(super) struct Place {
    directory: tempfile::TempDir,
    lock: File,
}

impl Place {
    /// Makes one, and takes away those whose owners have died.
    pub(super) fn new() -> io::Result<Self> {
        Self::within(&base())
    }

    fn within(base: &Path) -> io::Result<Self> {
        sweep(base);
        let directory = tempfile::Builder::new()
            .prefix(PREFIX)
            .rand_bytes(8)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(base)?;
        let lock = OpenOptions::new()
            .create_new(true)
            .read(true)
            .write(true)
            .open(lock_of(directory.path()))?;
        lock.try_lock()?;
        Ok(Self { directory, lock })
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The socket that commands for the child go through.
    pub(super) fn control(&self) -> PathBuf {
        self.path().join("c")
    }

    /// The local end of a forwarded stream.
    pub(super) fn forward(&self, number: usize) -> PathBuf {
        self.path().join(number.to_string())
    }

    /// Writes down which process is to go with the directory.
    pub(super) fn belongs_to(&mut self, pid: u32) -> io::Result<()> {
        write!(self.lock, "{pid}")
    }
}

fn lock_of(directory: &Path) -> PathBuf {
    directory.join("lock")
}

/// Where the directories are: of this user where there is such a place, and with a short path.
fn base() -> PathBuf {
    // This process's own, as the `ssh` that is started has it.
    let runtime = directories::runtime(&Environment::of_process());
    [runtime, Some(std::env::temp_dir())]
        .into_iter()
        .flatten()
        .find(|path| path.as_os_str().len() <= LONGEST_BASE && path.is_dir())
        .unwrap_or_else(|| PathBuf::from("/tmp"))
}

/// Takes away what processes that were killed have left: their directories, and an `ssh` that has not noticed yet.
fn sweep(base: &Path) {
    let Ok(entries) = std::fs::read_dir(base) else { return };
    for entry in entries.flatten() {
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if ours && let Err(error) = sweep_one(&entry.path()) {
            log!(DEBUG, "a directory of ssh is left", path = entry.path(), error = error);
        }
    }
}

/// Directories whose owners have died and that nobody has taken away yet.
pub fn abandoned() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(base()).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX)));
    let dead = |path: &PathBuf| {
        let own = std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.uid() == getuid().as_raw());
        own && File::open(lock_of(path)).is_ok_and(|lock| lock.try_lock_shared().is_ok())
    };
    ours.map(|entry| entry.path()).filter(dead).collect()
}

fn sweep_one(directory: &Path) -> io::Result<()> {
    let metadata = std::fs::symlink_metadata(directory)?;
    if !metadata.is_dir() || metadata.uid() != getuid().as_raw() {
        return Ok(());
    }
    let mut lock = match File::open(lock_of(directory)) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let age = SystemTime::now()
                .duration_since(metadata.modified()?)
                .unwrap_or_default();
            return if age > JUST_MADE {
                std::fs::remove_dir_all(directory)
            } else {
                Ok(())
            };
        }
        Err(error) => return Err(error),
    };
    if lock.try_lock().is_err() {
        return Ok(());
    }
    let mut pid = String::new();
    lock.read_to_string(&mut pid)?;
    let pid = pid.parse().ok().and_then(Pid::from_raw);
    if let Some(pid) = pid.filter(|pid| names(*pid, directory)) {
        let _ = kill_process(pid, Signal::TERM);
    }
    std::fs::remove_dir_all(directory)
}

/// Whether that process was started for this directory. A pid alone may be another's by now.
fn names(pid: Pid, directory: &Path) -> bool {
    let words = std::fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).unwrap_or_default();
    let directory = directory.as_os_str().as_encoded_bytes();
    words.windows(directory.len()).any(|window| window == directory)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_place_is_its_owners_alone_and_goes_with_it() {
        let base = tempfile::tempdir().expect("a directory");
        let place = Place::within(base.path()).expect("a place");
        let mode = std::fs::metadata(place.path()).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        drop(place);
        assert_eq!(std::fs::read_dir(base.path()).expect("there").count(), 0);
    }

    #[test]
    fn what_a_killed_process_left_is_swept_and_what_lives_is_not() {
        let base = tempfile::tempdir().expect("a directory");
        let living = Place::within(base.path()).expect("a place");
        let dead = base.path().join("mngr-ssh-dead");
        std::fs::create_dir(&dead).expect("made");
        let mut child = Command::new("sh")
            .args(["-c", "read line", "sh"])
            .arg(dead.join("c"))
            .stdin(Stdio::piped())
            .spawn()
            .expect("sh");
        std::fs::write(lock_of(&dead), child.id().to_string()).expect("written");
        let just_made = base.path().join("mngr-ssh-new");
        std::fs::create_dir(&just_made).expect("made");
        sweep(base.path());
        assert!(living.path().exists() && just_made.exists() && !dead.exists());
        assert!(!child.wait().expect("ended").success());
    }

    #[test]
    fn a_process_that_has_taken_over_a_dead_ones_number_is_left_alone() {
        let base = tempfile::tempdir().expect("a directory");
        let dead = base.path().join("mngr-ssh-dead");
        std::fs::create_dir(&dead).expect("made");
        let mut child = Command::new("sh")
            .args(["-c", "read line"])
            .stdin(Stdio::piped())
            .spawn()
            .expect("sh");
        std::fs::write(lock_of(&dead), child.id().to_string()).expect("written");
        sweep(base.path());
        assert!(!dead.exists());
        assert!(child.try_wait().expect("asked").is_none());
        drop(child.stdin.take());
        child.wait().expect("ended");
    }
}
