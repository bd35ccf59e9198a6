//! What packs: a path's files, entry by entry, each opened below the directory that was opened before it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use tar::{Builder, EntryType, Header, HeaderMode};

use super::opened::Opened;

/// One file on its way into the archive.
struct Waiting {
    directory: Rc<Opened>,
    name: OsString,
    target: PathBuf,
}

/// Packs a file or a directory as `name`, or only what is in it where that is empty. Links stay links, hard ones too; modes,
/// owners and times are kept. `opened` gets the path in the archive of each file but the first, once the file is open.
///
/// # Errors
/// Where something can not be read, and for a device.
pub fn pack(
    root: Opened,
    name: &Path,
    builder: &mut Builder<&mut dyn Write>,
    mut opened: impl FnMut(&Path),
) -> io::Result<()> {
    let mut links = Links::default();
    if !name.as_os_str().is_empty() {
        links.append(builder, &root, name)?;
    }
    let mut waiting = Vec::new();
    wait(&mut waiting, root, name)?;
    while let Some(next) = waiting.pop() {
        let file = next.directory.child(&next.name)?;
        // Directories that nothing waits in are closed.
        drop(next.directory);
        opened(&next.target);
        links.append(builder, &file, &next.target)?;
        wait(&mut waiting, file, &next.target)?;
    }
    Ok(())
}

/// Files with more than one name, by the first of them that was packed.
#[derive(Default)]
struct Links(HashMap<(u64, u64), PathBuf>);

impl Links {
    /// Appends a file, or a link to what was packed of the same file under another name.
    fn append(&mut self, builder: &mut Builder<&mut dyn Write>, source: &Opened, target: &Path) -> io::Result<()> {
        let metadata = source.metadata();
        if !metadata.is_file() || metadata.nlink() < 2 {
            return append(builder, source, target);
        }
        match self.0.entry((metadata.dev(), metadata.ino())) {
            Entry::Vacant(first) => {
                first.insert(target.to_owned());
                append(builder, source, target)
            }
            Entry::Occupied(first) => {
                let mut header = Header::new_gnu();
                header.set_metadata_in_mode(metadata, HeaderMode::Complete);
                header.set_entry_type(EntryType::Link);
                header.set_size(0);
                let appended = builder.append_link(&mut header, target, first.get());
                appended.map_err(|error| source.blame(&error))
            }
        }
    }
}

/// Lets what is in a directory wait, the first of its names last.
fn wait(waiting: &mut Vec<Waiting>, opened: Opened, target: &Path) -> io::Result<()> {
    if !opened.metadata().is_dir() {
        return Ok(());
    }
    let directory = Rc::new(opened);
    let inside = |name: OsString| Waiting {
        directory: directory.clone(),
        target: target.join(&name),
        name,
    };
    waiting.extend(directory.names()?.into_iter().rev().map(inside));
    Ok(())
}

/// Appends one file, directory or link as `target`; a socket is left out.
///
/// # Errors
/// Where it cannot be read, and for a device.
pub fn append(builder: &mut Builder<&mut dyn Write>, source: &Opened, target: &Path) -> io::Result<()> {
    let metadata = source.metadata();
    let mut header = Header::new_gnu();
    header.set_metadata_in_mode(metadata, HeaderMode::Complete);
    let kind = metadata.file_type();
    let appended = if kind.is_symlink() {
        header.set_size(0);
        builder.append_link(&mut header, target, source.target()?)
    } else if kind.is_file() {
        // A file may grow or shrink while it is read, a log for one; the header has said how long it is.
        let content = source.content()?.chain(io::repeat(0)).take(metadata.len());
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
        Err(io::Error::other("a device cannot be copied"))
    };
    appended.map_err(|error| source.blame(&error))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    const SECRET: &str = "what is elsewhere";

    /// By path, the kind and the content or the link's target.
    type Listing = BTreeMap<String, (EntryType, String)>;

    /// `top/` with two files and a directory with one, and beside it a directory of the same form with a secret.
    fn tree() -> tempfile::TempDir {
        let tree = tempfile::tempdir().expect("a directory");
        for (directory, content) in [("top", "ours"), ("elsewhere", SECRET)] {
            let directory = tree.path().join(directory);
            fs::create_dir_all(directory.join("d")).expect("made");
            for name in ["a", "b", "d/inner"] {
                fs::write(directory.join(name), content).expect("written");
            }
        }
        tree
    }

    /// Packs `top/`, and changes something while the file of this path is open and not read yet.
    fn packed(tree: &Path, at: &str, change: impl Fn(&Path)) -> Listing {
        let top = tree.join("top");
        let mut bytes = Vec::new();
        let to: &mut dyn Write = &mut bytes;
        let mut builder = Builder::new(to);
        let root = Opened::at(&top).expect("opened");
        pack(root, Path::new("top"), &mut builder, |path| {
            if path == Path::new("top").join(at) {
                change(&top);
            }
        })
        .expect("packed");
        builder.into_inner().expect("finished");
        let mut listing = Listing::new();
        for entry in tar::Archive::new(&bytes[..]).entries().expect("an archive") {
            let mut entry = entry.expect("an entry");
            let path = entry.path().expect("a path").display().to_string();
            let link = entry
                .link_name()
                .expect("a link")
                .map(|link| link.display().to_string());
            let mut content = String::new();
            entry.read_to_string(&mut content).expect("text");
            let path = path.trim_end_matches('/').to_owned();
            listing.insert(path, (entry.header().entry_type(), link.unwrap_or(content)));
        }
        listing
    }

    fn no_secret_is_in(listing: &Listing) {
        assert!(listing.values().all(|(_, content)| content != SECRET), "{listing:?}");
    }

    #[test]
    fn a_file_that_is_exchanged_for_a_link_once_it_is_open_is_packed_as_it_was() {
        let tree = tree();
        let listing = packed(tree.path(), "a", |top| {
            fs::remove_file(top.join("a")).expect("removed");
            symlink("../elsewhere/a", top.join("a")).expect("linked");
        });
        no_secret_is_in(&listing);
        assert_eq!(listing["top/a"], (EntryType::Regular, "ours".to_owned()));
    }

    #[test]
    fn a_file_that_is_exchanged_for_a_link_after_its_name_was_read_is_the_link() {
        let tree = tree();
        let listing = packed(tree.path(), "a", |top| {
            fs::remove_file(top.join("b")).expect("removed");
            symlink("../elsewhere/b", top.join("b")).expect("linked");
        });
        no_secret_is_in(&listing);
        assert_eq!(listing["top/b"], (EntryType::Symlink, "../elsewhere/b".to_owned()));
    }

    #[test]
    fn a_directory_that_is_exchanged_for_a_link_once_it_is_open_is_packed_as_it_was() {
        let tree = tree();
        let listing = packed(tree.path(), "d", |top| {
            fs::rename(top.join("d"), top.join("../away")).expect("renamed");
            symlink("../elsewhere/d", top.join("d")).expect("linked");
        });
        no_secret_is_in(&listing);
        assert_eq!(listing["top/d/inner"], (EntryType::Regular, "ours".to_owned()));
    }

    #[test]
    fn a_directory_above_that_is_exchanged_for_a_link_is_not_looked_through() {
        let tree = tree();
        let listing = packed(tree.path(), "a", |top| {
            fs::rename(top, top.with_file_name("away")).expect("renamed");
            symlink("elsewhere", top).expect("linked");
        });
        no_secret_is_in(&listing);
        assert_eq!(listing["top/b"], (EntryType::Regular, "ours".to_owned()));
        assert_eq!(listing["top/d/inner"], (EntryType::Regular, "ours".to_owned()));
    }

    #[test]
    fn a_file_that_is_exchanged_for_a_pipe_after_its_name_was_read_is_a_pipe_and_nothing_waits() {
        let tree = tree();
        let listing = packed(tree.path(), "a", |top| {
            fs::remove_file(top.join("b")).expect("removed");
            mknodat(CWD, top.join("b"), FileType::Fifo, Mode::RUSR, 0).expect("made");
        });
        assert_eq!(listing["top/b"], (EntryType::Fifo, String::new()));
    }

    #[test]
    fn a_file_that_grows_or_shrinks_once_it_is_open_is_as_long_as_its_header_says() {
        for (text, packed_as) in [("ours and more", "ours"), ("o", "o\0\0\0")] {
            let tree = tree();
            let listing = packed(tree.path(), "a", |top| fs::write(top.join("a"), text).expect("written"));
            assert_eq!(listing["top/a"], (EntryType::Regular, packed_as.to_owned()));
            assert_eq!(listing["top/b"].1, "ours", "what follows is whole");
        }
    }

    #[test]
    fn a_device_is_refused_without_being_opened_and_named() {
        let mut bytes = Vec::new();
        let to: &mut dyn Write = &mut bytes;
        let device = Opened::at(Path::new("/dev/null")).expect("there");
        assert!(device.content().is_err());
        let refused = append(&mut Builder::new(to), &device, Path::new("null")).expect_err("refused");
        assert!(refused.to_string().starts_with("/dev/null: a device"), "{refused}");
    }
}
