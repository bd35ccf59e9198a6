//! What packs: a path's files, entry by entry.

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use tar::{Builder, EntryType, Header, HeaderMode};

use super::{CONTENTS_ONLY, about};

/// Packs a file or a directory. Links stay links; modes, owners and times are kept.
pub(super) fn pack(path: &Path, name: &str, to: &mut dyn Write) -> io::Result<()> {
    let mut builder = Builder::new(to);
    let root = if name == CONTENTS_ONLY { "" } else { name };
    let mut waiting = vec![(path.to_path_buf(), PathBuf::from(root))];
    while let Some((source, target)) = waiting.pop() {
        let metadata = fs::symlink_metadata(&source).map_err(|error| about(&source, &error))?;
        if metadata.is_dir() {
            let mut entries = fs::read_dir(&source)
                .and_then(|entries| {
                    entries
                        .map(|entry| entry.map(|entry| entry.file_name()))
                        .collect::<io::Result<Vec<_>>>()
                })
                .map_err(|error| about(&source, &error))?;
            entries.sort();
            let inside = |name| (source.join(&name), target.join(&name));
            waiting.extend(entries.into_iter().rev().map(inside));
        }
        if !target.as_os_str().is_empty() {
            append(&mut builder, &source, &target, &metadata).map_err(|error| about(&source, &error))?;
        }
    }
    builder.into_inner()?.flush()
}

/// Appends one file, directory or link as `target`; a socket is left out.
///
/// # Errors
/// Where `source` cannot be read, and for a device.
pub fn append(
    builder: &mut Builder<&mut dyn Write>,
    source: &Path,
    target: &Path,
    metadata: &Metadata,
) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_metadata_in_mode(metadata, HeaderMode::Complete);
    let kind = metadata.file_type();
    if kind.is_symlink() {
        header.set_size(0);
        builder.append_link(&mut header, target, fs::read_link(source)?)
    } else if kind.is_file() {
        // A file may grow or shrink while it is read, a log for one; the header has said how long it is.
        let content = File::open(source)?.chain(io::repeat(0)).take(metadata.len());
        builder.append_data(&mut header, target, content)
    } else if kind.is_dir() {
        header.set_size(0);
        builder.append_data(&mut header, target, io::empty())
    } else if kind.is_fifo() {
        header.set_size(0);
        header.set_entry_type(EntryType::Fifo);
        builder.append_data(&mut header, target, io::empty())
    } else if kind.is_socket() {
        // A socket is nothing without the process that listens on it; tar has no form for it.
        Ok(())
    } else {
        Err(io::Error::other("a device can not be copied"))
    }
}
