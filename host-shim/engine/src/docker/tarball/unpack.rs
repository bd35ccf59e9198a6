//! What unpacks: an archive's entries become files below a directory of this machine that was opened first.
//!
//! The archive comes out of a container, so nobody trusts it. Each part of a path is opened below the one before it, and no link is
//! followed on the way, so neither the archive nor a process that changes the directory meanwhile can lead out of it. A file is
//! whole before it takes the place of another.

mod below;

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use mngr_contract::log;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, fchmod, futimens, linkat, mkdirat, mknodat, openat, symlinkat};
use tar::{Entry, EntryType};

use self::below::{Below, times};
use super::entries::Bounded;
use super::rename::{Top, path_or_outside};
use super::{about, each};

/// Bytes that are copied at once.
const BUFFER: usize = 128 << 10;

/// A directory whose mode and time are set when nothing more goes into it.
struct Made {
    path: PathBuf,
    mode: u32,
    modified: u64,
}

/// Unpacks an archive into a directory that is there, its topmost entry called `name`, or left out where that is
/// [`CONTENTS_ONLY`](super::CONTENTS_ONLY).
///
/// Modes, times and hard links are kept, and owners are not. A file takes the place of a file or link that is there. Directories
/// are merged. Devices of the archive are left out, with a warning.
///
/// # Errors
/// Each names the path. Where the archive is cut short or leads out of the directory, `AlreadyExists` where a file, a directory, a
/// device, a pipe or a socket is in the way, and what the file system says.
pub fn unpack(source: impl Read, directory: &Path, name: &OsStr) -> io::Result<()> {
    let mut unpacking = Unpacking {
        below: Below::open(directory)?,
        directories: Vec::new(),
        buffer: vec![0; BUFFER],
    };
    let mut top = Top::named(name);
    each(source, |entry| unpacking.entry(entry, &mut top))?;
    unpacking.finish()
}

struct Unpacking {
    below: Below,
    directories: Vec<Made>,
    buffer: Vec<u8>,
}

impl Unpacking {
    fn entry<R: Read>(&mut self, entry: &mut Entry<'_, Bounded<R>>, top: &mut Top) -> io::Result<()> {
        let kind = entry.header().entry_type();
        let path = top.renamed(&entry.path()?, kind)?;
        if path.as_os_str().is_empty() {
            return Ok(());
        }
        let mode = entry.header().mode()? & 0o7777;
        let modified = entry.header().mtime()?;
        if kind.is_dir() {
            return self.directory(path, mode, modified);
        }
        let shown = self.below.shown(&path);
        let blamed = |error: io::Error| about(&shown, &error);
        let place = self.below.place(&path)?;
        match kind {
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                let buffer = &mut self.buffer;
                place.put(|name| {
                    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                    let mut file = File::from(openat(&place, name, flags, Mode::RUSR | Mode::WUSR)?);
                    copy(entry, &mut file, buffer)?;
                    fchmod(&file, Mode::from_raw_mode(mode))?;
                    Ok(futimens(&file, &times(modified))?)
                })
            }
            EntryType::Symlink => {
                let target = entry
                    .link_name()?
                    .ok_or_else(|| io::Error::other("the link leads nowhere"))?;
                place.put(|name| {
                    symlinkat(&*target, &place, name)?;
                    place.touch(name, modified)
                })
            }
            EntryType::Link => {
                let link = entry
                    .link_name()?
                    .ok_or_else(|| io::Error::other("the link leads nowhere"))?;
                let link = path_or_outside(&link, top)?;
                let target = self.below.place(&link)?;
                place.put(|name| Ok(linkat(&target, target.name(), &place, name, AtFlags::empty())?))
            }
            EntryType::Fifo if place.kind()? == Some(FileType::Fifo) => place.touch(place.name(), modified),
            EntryType::Fifo => place.put(|name| {
                mknodat(&place, name, FileType::Fifo, Mode::from_raw_mode(mode & 0o777), 0)?;
                place.set_mode(name, mode)?;
                place.touch(name, modified)
            }),
            _ => {
                log!(
                    WARN,
                    "what is no file, directory, link or pipe is left out",
                    path = shown
                );
                Ok(())
            }
        }
        .map_err(blamed)
    }

    fn directory(&mut self, path: PathBuf, mode: u32, modified: u64) -> io::Result<()> {
        let shown = self.below.shown(&path);
        let blamed = |error: io::Error| about(&shown, &error);
        let place = self.below.place(&path)?;
        match place.kind().map_err(blamed)? {
            Some(FileType::Directory) => {}
            Some(kind) => return Err(blamed(in_the_way(kind, "a directory"))),
            // Its own mode may not let anything in.
            None => mkdirat(&place, place.name(), Mode::RWXU).map_err(|error| blamed(error.into()))?,
        }
        self.directories.push(Made { path, mode, modified });
        Ok(())
    }

    /// Gives directories their modes and times, those inside others first.
    fn finish(mut self) -> io::Result<()> {
        while let Some(made) = self.directories.pop() {
            let directory = self.below.directory(&made.path)?;
            let set = || {
                let opened = openat(&directory, ".", below::DIRECTORY, Mode::empty())?;
                fchmod(&opened, Mode::from_raw_mode(made.mode))?;
                futimens(&opened, &times(made.modified))
            };
            set().map_err(|error| about(&self.below.shown(&made.path), &error.into()))?;
        }
        Ok(())
    }
}

fn copy<R: Read>(from: &mut Entry<'_, R>, to: &mut File, buffer: &mut [u8]) -> io::Result<()> {
    let mut left = from.size();
    loop {
        match from.read(buffer) {
            // The entry of an archive that is cut short ends as any other does.
            Ok(0) if left == 0 => return Ok(()),
            Ok(0) => return Err(io::Error::new(ErrorKind::UnexpectedEof, "the archive is cut short")),
            Ok(length) => {
                to.write_all(&buffer[..length])?;
                left = left.saturating_sub(length as u64);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// What is there is of a kind that nothing of `what` may replace.
fn in_the_way(there: FileType, what: &str) -> io::Error {
    let there = match there {
        FileType::Directory => "a directory",
        FileType::RegularFile => "a file",
        FileType::Symlink => "a symbolic link",
        FileType::Fifo => "a pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        FileType::Unknown => "something",
    };
    let text = format!("{there} is in the way, and {what} does not replace it");
    io::Error::new(ErrorKind::AlreadyExists, text)
}

#[cfg(test)]
mod tests;
