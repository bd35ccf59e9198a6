//! Places below a directory: each has its parent opened, and a name in it.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, Timespec, Timestamps, chmodat, mkdirat, openat, renameat, statat, unlinkat,
    utimensat,
};
use rustix::io::Errno;

use super::super::about;
use super::in_the_way;

/// How a directory is opened that is read or changed itself.
pub const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// How a directory is opened that things are put into, whatever its mode lets be read.
const PARENT: OFlags = OFlags::PATH
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
/// Under which a file is made that is to take another's place.
const UNFINISHED: &str = ".mngr-docker-cp";

/// A directory, and what was opened last below it.
pub struct Below {
    path: PathBuf,
    root: Rc<OwnedFd>,
    last: (PathBuf, Rc<OwnedFd>),
}

impl Below {
    /// A directory that is there. Links to it are followed.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(CWD, path, flags, Mode::empty()).map_err(|error| about(path, &error.into()))?;
        let root = Rc::new(root);
        Ok(Self {
            path: path.to_owned(),
            last: (PathBuf::new(), root.clone()),
            root,
        })
    }

    /// A path below it, for people.
    pub fn shown(&self, path: &Path) -> PathBuf {
        self.path.join(path)
    }

    /// A path's place, which must have a name. Directories on the way that are not there are made.
    pub fn place(&mut self, path: &Path) -> io::Result<Place> {
        let name = path.file_name().unwrap_or_default().to_owned();
        let parent = self.directory(path.parent().unwrap_or(Path::new("")))?;
        Ok(Place { parent, name })
    }

    /// A directory below it. No link is followed.
    pub fn directory(&mut self, path: &Path) -> io::Result<Rc<OwnedFd>> {
        if self.last.0 == path {
            return Ok(self.last.1.clone());
        }
        let (mut at, mut opened) = (PathBuf::new(), self.root.clone());
        for name in path {
            at.push(name);
            let open = || match openat(&opened, name, PARENT, Mode::empty()) {
                Err(Errno::NOENT) => {
                    mkdirat(&opened, name, Mode::from_raw_mode(0o755))?;
                    openat(&opened, name, PARENT, Mode::empty())
                }
                other => other,
            };
            let next = open().map_err(|error| {
                let shown = self.shown(&at);
                match error {
                    Errno::NOTDIR | Errno::LOOP => {
                        let text = "it is no directory, and links are not followed on the way";
                        about(&shown, &io::Error::new(io::ErrorKind::NotADirectory, text))
                    }
                    error => about(&shown, &error.into()),
                }
            })?;
            opened = Rc::new(next);
        }
        self.last = (at, opened.clone());
        Ok(opened)
    }
}

/// A name in a directory that is open.
pub struct Place {
    parent: Rc<OwnedFd>,
    name: OsString,
}

impl AsFd for Place {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.parent.as_fd()
    }
}

impl Place {
    pub fn name(&self) -> &OsStr {
        &self.name
    }

    /// What is there.
    pub fn kind(&self) -> io::Result<Option<FileType>> {
        match statat(self, &self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(there) => Ok(Some(FileType::from_raw_mode(there.st_mode))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes something here, in the place of a file or link that is there. What was not finished is removed.
    pub fn put(&self, make: impl FnOnce(&OsStr) -> io::Result<()>) -> io::Result<()> {
        match self.kind()? {
            None => self.made(&self.name, make),
            Some(FileType::RegularFile | FileType::Symlink) => {
                let unfinished = self.unused()?;
                self.made(&unfinished, make)?;
                let renamed = renameat(self, &unfinished, self, &self.name);
                // Two names of one file stay as they are when one is renamed to the other.
                let _ = unlinkat(self, &unfinished, AtFlags::empty());
                Ok(renamed?)
            }
            Some(kind) => Err(in_the_way(kind, "what is copied")),
        }
    }

    fn made(&self, name: &OsStr, make: impl FnOnce(&OsStr) -> io::Result<()>) -> io::Result<()> {
        make(name).inspect_err(|error| {
            // What another has made meanwhile is not ours to remove.
            if error.kind() != io::ErrorKind::AlreadyExists {
                let _ = unlinkat(self, name, AtFlags::empty());
            }
        })
    }

    /// A name that nothing has.
    fn unused(&self) -> io::Result<OsString> {
        for number in 0_u64.. {
            let name = OsString::from(format!("{UNFINISHED}.{}.{number}", std::process::id()));
            match statat(self, &name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => return Ok(name),
                Err(error) => return Err(error.into()),
                Ok(_) => {}
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Sets when it was changed last. A link is not followed.
    pub fn touch(&self, name: &OsStr, modified: u64) -> io::Result<()> {
        Ok(utimensat(self, name, &times(modified), AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Sets the mode of what is no link.
    pub fn set_mode(&self, name: &OsStr, mode: u32) -> io::Result<()> {
        Ok(chmodat(self, name, Mode::from_raw_mode(mode), AtFlags::empty())?)
    }
}

/// The times of what was changed at a second since the epoch.
pub fn times(modified: u64) -> Timestamps {
    let at = Timespec {
        tv_sec: i64::try_from(modified).unwrap_or(i64::MAX),
        tv_nsec: 0,
    };
    Timestamps {
        last_access: at,
        last_modification: at,
    }
}
