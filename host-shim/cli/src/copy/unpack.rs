//! From an agent's archive to files here: where they go, and under which name.
//!
//! The archive is made inside the agent, so it is not trusted: the tar crate refuses names and links that lead out of the
//! directory, owners and set-user-id bits are not kept.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use mngr_host_shim::contract::Result;
use mngr_host_shim::contract::docker::PathStat;
use mngr_host_shim::contract::log;
use mngr_host_shim::engine::docker::tarball;
use mngr_host_shim::error::{conflict, invalid, not_found};
use tar::EntryType;

/// Where an archive is unpacked and what its topmost entry is then called.
#[derive(Debug, PartialEq, Eq)]
pub struct Target {
    directory: PathBuf,
    /// None: only what is in the topmost entry goes into the directory.
    name: Option<OsString>,
}

impl Target {
    /// Chooses as `docker cp` does: into a directory that is there, else under the very name that was given.
    ///
    /// # Errors
    /// `not-found` where the parent is not there, `conflict` for a directory over a file, `invalid-argument` for a file under
    /// a name that ends with a slash.
    pub fn choose(source: &PathStat, contents_only: bool, destination: &Path) -> Result<Self> {
        let shown = destination.display().to_string();
        // The root has no name to keep.
        let contents_only = contents_only || matches!(source.name.as_str(), "" | "/" | ".");
        match std::fs::metadata(destination) {
            Ok(there) if there.is_dir() => Ok(Self {
                directory: destination.to_owned(),
                name: (!contents_only).then(|| OsString::from(&source.name)),
            }),
            Ok(_) if source.is_directory => Err(conflict(
                shown,
                "a file",
                "a directory can not be copied over it",
                "remove the file, or choose another name",
            )),
            Err(_) if !source.is_directory && shown.ends_with('/') => Err(invalid(
                "destination",
                shown,
                "there is no such directory, and a file can not be made into one",
                "make the directory, or leave out the slash",
            )),
            _ => Self::named(destination),
        }
    }

    fn named(destination: &Path) -> Result<Self> {
        let parent = match destination.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        match destination.file_name() {
            Some(name) if parent.is_dir() => Ok(Self {
                directory: parent.to_owned(),
                name: Some(name.to_owned()),
            }),
            _ => Err(not_found(
                format!("the local directory {}", parent.display()),
                "is not there",
                "make it first: mkdir -p",
            )),
        }
    }

    /// Unpacks, renaming on the way.
    ///
    /// # Errors
    /// Where the archive is cut short or leads out of the directory, and whatever the file system says.
    pub fn unpack(&self, archive: impl Read + Send) -> io::Result<()> {
        let (reader, writer) = io::pipe()?;
        let name = self.name.as_deref().unwrap_or(OsStr::new(tarball::CONTENTS_ONLY));
        let (unpacked, renamed) = std::thread::scope(|scope| {
            let renaming = scope.spawn(move || tarball::rename(archive, writer, name, is_made_here));
            let mut renamed_archive = tar::Archive::new(reader);
            let unpacked = renamed_archive.unpack(&self.directory);
            // Ends the other side where unpacking stopped early.
            drop(renamed_archive);
            (unpacked, renaming.join())
        });
        match renamed {
            Ok(Err(error)) if unpacked.is_ok() || error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            Ok(_) => unpacked,
            Err(_) => Err(io::Error::other("the archive can not be read")),
        }
    }
}

/// Devices, sockets and pipes are not made here.
fn is_made_here(path: &Path, kind: EntryType) -> bool {
    let made = matches!(
        kind,
        EntryType::Directory
            | EntryType::Symlink
            | EntryType::Link
            | EntryType::Regular
            | EntryType::Continuous
            | EntryType::GNUSparse
    );
    if !made {
        log!(WARN, "what is no file, directory or link is left out", path = path);
    }
    made
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tar::{Builder, Header};

    use super::*;

    fn stat(name: &str, is_directory: bool) -> PathStat {
        PathStat {
            name: name.to_owned(),
            size_bytes: 0,
            mode: 0o644,
            is_directory,
            link_target: String::new(),
        }
    }

    fn header(kind: EntryType, size: usize) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(if kind == EntryType::Directory { 0o755 } else { 0o640 });
        header.set_size(size as u64);
        header
    }

    /// A name byte for byte: the builder would tidy `./` away, which engines do not.
    fn named(mut header: Header, name: &str) -> Header {
        let field = &mut header.as_gnu_mut().expect("a GNU header").name;
        field[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        header
    }

    /// `top/`, `top/a`, `top/b -> a`, `top/c` linked to `top/a`.
    fn directory(top: &str) -> Vec<u8> {
        let mut tar = Builder::new(Vec::new());
        let mut entry = |mut header: Header, name: &str, target: &str, data: &[u8]| {
            header.set_link_name_literal(target).expect("a target");
            tar.append(&named(header, &format!("{top}/{name}")), data)
                .expect("entry");
        };
        entry(header(EntryType::Directory, 0), "", "", b"");
        entry(header(EntryType::Regular, 2), "a", "", b"hi");
        entry(header(EntryType::Symlink, 0), "b", "a", b"");
        entry(header(EntryType::Link, 0), "c", &format!("{top}/a"), b"");
        tar.into_inner().expect("tar")
    }

    fn file(name: &str) -> Vec<u8> {
        let mut tar = Builder::new(Vec::new());
        tar.append_data(&mut header(EntryType::Regular, 2), name, &b"hi"[..])
            .expect("entry");
        tar.into_inner().expect("tar")
    }

    fn copy(source: &PathStat, contents_only: bool, to: &Path, tar: &[u8]) {
        let target = Target::choose(source, contents_only, to).expect("a target");
        target.unpack(tar).expect("unpacked");
    }

    #[test]
    fn a_directory_goes_into_one_that_is_there_and_else_gets_the_name_given() {
        let temp = tempfile::tempdir().expect("a directory");
        copy(&stat("src", true), false, temp.path(), &directory("src"));
        assert_eq!(fs::read_to_string(temp.path().join("src/a")).expect("file"), "hi");
        assert_eq!(fs::read_link(temp.path().join("src/b")).expect("link"), Path::new("a"));
        assert_eq!(fs::read_to_string(temp.path().join("src/c")).expect("hard link"), "hi");
        copy(&stat("src", true), false, &temp.path().join("new"), &directory("src"));
        assert_eq!(fs::read_to_string(temp.path().join("new/c")).expect("hard link"), "hi");
        assert!(!temp.path().join("new/src").exists());
    }

    #[test]
    fn contents_go_without_their_directory_whichever_way_the_engine_names_it() {
        for top in ["src", "."] {
            let temp = tempfile::tempdir().expect("a directory");
            copy(&stat("src", true), true, temp.path(), &directory(top));
            assert!(temp.path().join("a").is_file());
            copy(&stat("src", true), true, &temp.path().join("new"), &directory(top));
            assert!(temp.path().join("new/a").is_file());
        }
    }

    #[test]
    fn contents_keep_their_names_where_only_their_directory_is_called_a_dot() {
        let temp = tempfile::tempdir().expect("a directory");
        let mut tar = Builder::new(Vec::new());
        tar.append_data(&mut header(EntryType::Directory, 0), "./", &b""[..])
            .expect("entry");
        tar.append_data(&mut header(EntryType::Regular, 2), "sub/file", &b"hi"[..])
            .expect("entry");
        copy(&stat("src", true), true, temp.path(), &tar.into_inner().expect("tar"));
        assert_eq!(fs::read_to_string(temp.path().join("sub/file")).expect("file"), "hi");
    }

    #[test]
    fn a_pipe_is_left_out_and_what_comes_after_it_is_not() {
        let temp = tempfile::tempdir().expect("a directory");
        let mut tar = Builder::new(Vec::new());
        for (kind, name, data) in [
            (EntryType::Directory, "top/", &b""[..]),
            (EntryType::Fifo, "top/pipe", b""),
            (EntryType::Regular, "top/file", b"hi"),
        ] {
            tar.append_data(&mut header(kind, data.len()), name, data)
                .expect("entry");
        }
        let tar = tar.into_inner().expect("tar");
        copy(&stat("top", true), false, temp.path(), &tar);
        assert!(!temp.path().join("top/pipe").exists());
        assert_eq!(fs::read_to_string(temp.path().join("top/file")).expect("file"), "hi");
    }

    #[test]
    fn a_file_goes_into_a_directory_over_a_file_or_to_a_new_name() {
        let temp = tempfile::tempdir().expect("a directory");
        let source = stat("notes", false);
        copy(&source, false, temp.path(), &file("notes"));
        copy(&source, false, &temp.path().join("new"), &file("notes"));
        fs::write(temp.path().join("old"), "before").expect("written");
        copy(&source, false, &temp.path().join("old"), &file("notes"));
        for name in ["notes", "new", "old"] {
            assert_eq!(fs::read_to_string(temp.path().join(name)).expect(name), "hi");
        }
    }

    #[test]
    fn what_can_not_be_meant_is_refused_before_anything_is_written() {
        let temp = tempfile::tempdir().expect("a directory");
        let there = temp.path().join("file");
        fs::write(&there, "").expect("written");
        let kind = |source: &PathStat, to: &Path| Target::choose(source, false, to).expect_err("refused").kind();
        assert_eq!(kind(&stat("d", true), &there), "conflict");
        assert_eq!(kind(&stat("f", false), &temp.path().join("no/")), "invalid_argument");
        assert_eq!(kind(&stat("f", false), &temp.path().join("no/f")), "not_found");
    }

    #[test]
    fn an_archive_can_not_lead_out_of_its_directory() {
        let temp = tempfile::tempdir().expect("a directory");
        let (inside, outside) = (temp.path().join("inside"), temp.path().join("outside"));
        fs::create_dir(&inside).expect("made");
        fs::create_dir(&outside).expect("made");
        let mut tar = Builder::new(Vec::new());
        tar.append_link(&mut header(EntryType::Symlink, 0), "top/out", &outside)
            .expect("entry");
        tar.append_data(&mut header(EntryType::Regular, 2), "top/out/x", &b"hi"[..])
            .expect("entry");
        let tar = tar.into_inner().expect("tar");
        let target = Target::choose(&stat("top", true), false, &inside).expect("a target");
        assert!(target.unpack(&tar[..]).is_err());
        assert!(!outside.join("x").exists());
    }

    #[test]
    fn an_archive_that_is_cut_short_is_an_error() {
        let temp = tempfile::tempdir().expect("a directory");
        let tar = file("notes");
        let target = Target::choose(&stat("notes", false), false, temp.path()).expect("a target");
        assert!(target.unpack(&tar[..513]).is_err());
    }
}
