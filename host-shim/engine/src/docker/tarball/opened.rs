//! Files of this machine, opened first and looked at afterwards: what is packed is what was looked at, whatever has its name by
//! then.
//!
//! A descriptor made with `O_PATH` (open(2)) stands for a file without opening it: a pipe does not wait for its other end, a
//! device does nothing, and a link is the link. What is found to be a file is then opened by way of that descriptor.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, openat, readlinkat};

use super::about;

/// One file, directory or link, by its descriptor.
#[derive(Debug)]
pub struct Opened {
    handle: File,
    metadata: Metadata,
    /// Where it was found, for people.
    path: PathBuf,
}

impl Opened {
    /// What has this path. A link at its end is not followed.
    ///
    /// # Errors
    /// Where there is nothing, or it can not be reached.
    pub fn at(path: &Path) -> io::Result<Self> {
        Self::new(CWD, path.as_os_str(), path.to_owned(), OFlags::NOFOLLOW)
    }

    /// What a path leads to, through links.
    ///
    /// # Errors
    /// Where there is nothing, or it can not be reached.
    pub fn behind(path: &Path) -> io::Result<Self> {
        Self::new(CWD, path.as_os_str(), path.to_owned(), OFlags::empty())
    }

    /// What has this name in this very directory, wherever that is by now. A link is not followed.
    ///
    /// # Errors
    /// Where there is nothing of that name, or this is no directory.
    pub fn child(&self, name: &OsStr) -> io::Result<Self> {
        Self::new(&self.handle, name, self.path.join(name), OFlags::NOFOLLOW)
    }

    fn new(directory: impl std::os::fd::AsFd, name: &OsStr, path: PathBuf, follow: OFlags) -> io::Result<Self> {
        let open = || {
            let handle = openat(directory, name, OFlags::PATH | OFlags::CLOEXEC | follow, Mode::empty())?;
            let handle = File::from(handle);
            Ok((handle.metadata()?, handle))
        };
        match open() {
            Ok((metadata, handle)) => Ok(Self { handle, metadata, path }),
            Err(error) => Err(about(&path, &error)),
        }
    }

    /// Kind, size, mode, owner and times, as they were when it was opened.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// An error that says where this was found.
    pub fn blame(&self, error: &io::Error) -> io::Error {
        about(&self.path, error)
    }

    /// The names in this directory, sorted.
    ///
    /// # Errors
    /// Where this is no directory, or it can not be read.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        Ok(self.entries()?.into_iter().map(|(name, _)| name).collect())
    }

    /// The names in this directory, sorted, and whether each may be a directory's: not every filesystem says what has a name.
    ///
    /// # Errors
    /// As [`Opened::names`].
    pub fn entries(&self) -> io::Result<Vec<(OsString, bool)>> {
        let read = || {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let mut entries = Vec::new();
            for entry in Dir::new(openat(&self.handle, ".", flags, Mode::empty())?)? {
                let entry = entry?;
                let name = entry.file_name().to_bytes().to_vec();
                if !matches!(name.as_slice(), b"." | b"..") {
                    let may_be_directory = matches!(entry.file_type(), FileType::Directory | FileType::Unknown);
                    entries.push((OsString::from_vec(name), may_be_directory));
                }
            }
            entries.sort();
            Ok(entries)
        };
        read().map_err(|error| self.blame(&error))
    }

    /// Where this link leads.
    ///
    /// # Errors
    /// Where this is no link.
    pub fn target(&self) -> io::Result<PathBuf> {
        let target = readlinkat(&self.handle, "", Vec::new()).map_err(|error| self.blame(&error.into()))?;
        Ok(Path::new(OsStr::from_bytes(target.to_bytes())).to_owned())
    }

    /// The content of this file.
    ///
    /// # Errors
    /// Where this is no file, or it may not be read.
    pub fn content(&self) -> io::Result<File> {
        if !self.metadata.is_file() {
            return Err(self.blame(&io::Error::other("it is not a file")));
        }
        // Only a descriptor's own entry leads to what it stands for.
        File::open(format!("/proc/self/fd/{}", self.handle.as_raw_fd())).map_err(|error| self.blame(&error))
    }
}
