//! Calls for one agent that must not run side by side, here or in another process.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use super::entry::is_same;
use super::store::Store;

/// Where the locks of containers are kept, below the entries.
const LOCKS: &str = "locks";

impl Store {
    /// Waits until no one else works on a container's files, here or in another process of this user.
    ///
    /// # Errors
    /// Where the lock's file can not be made.
    pub fn lock(&self, container: &str) -> io::Result<ContainerLock> {
        let directory = self.directory().join(LOCKS);
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
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

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
}
