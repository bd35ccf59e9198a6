//! Files that are whole or not there: written beside their place, brought to the disk, then put into it.

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use mngr_contract::error::{exhausted, unavailable};
use mngr_contract::{ProviderError, Result};

/// What the names of files begin with that are being written.
const DRAFT: &str = ".draft-";

/// Removes what processes that died were writing into a directory. Nobody else may be writing there.
pub(super) fn sweep(directory: &Path) {
    for file in fs::read_dir(directory).into_iter().flatten().flatten() {
        if file.file_name().to_string_lossy().starts_with(DRAFT) {
            let _ = fs::remove_file(file.path());
        }
    }
}

/// Writes all of a file or nothing: whoever reads it meanwhile reads the old one, and a crash leaves one of the two.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    let written = make_directory(directory).and_then(|()| {
        let mut file = tempfile::Builder::new().prefix(DRAFT).tempfile_in(directory)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        File::open(directory)?.sync_all()
    });
    written.map_err(|error| failed("written", path, &error))
}

pub(super) fn make_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// All of a file, where it is not longer than `most` bytes; none where it is not there.
pub(super) fn read(path: &Path, most: u64) -> Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes));
    match read {
        Ok(length) if length as u64 > most => {
            let error = io::Error::new(ErrorKind::FileTooLarge, format!("it is larger than {most} bytes"));
            Err(failed("read", path, &error))
        }
        Ok(_) => Ok(Some(bytes)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(failed("read", path, &error)),
    }
}

/// Removes a file that may be gone already.
pub(super) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("removed", path, &error)),
        _ => Ok(()),
    }
}

/// What an operation on a file of the registry failed of.
pub(super) fn failed(what: &str, path: &Path, error: &io::Error) -> ProviderError {
    let reason = format!("can not be {what}: {error}");
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            exhausted(path.display().to_string(), reason, "make room on its disk")
        }
        _ => unavailable(
            path.display().to_string(),
            reason,
            "see that it is there and that this user may read and write it",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("below/file");
        write(&path, b"one").expect("written");
        write(&path, b"two").expect("written");
        assert_eq!(read(&path, 3).expect("read").as_deref(), Some(&b"two"[..]));
        let files = fs::read_dir(path.parent().expect("a directory")).expect("a list");
        assert_eq!(files.count(), 1);
        assert!(
            read(&path, 2)
                .expect_err("too large")
                .message()
                .contains("larger than 2")
        );
        fs::write(path.with_file_name(".draft-x"), "half").expect("written");
        sweep(path.parent().expect("a directory"));
        assert!(path.is_file() && !path.with_file_name(".draft-x").exists());
        remove(&path).expect("removed");
        remove(&path).expect("gone already");
        assert_eq!(read(&path, 3).expect("none"), None);
    }
}
