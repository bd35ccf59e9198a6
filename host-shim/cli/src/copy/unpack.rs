//! From an agent's archive to files here: where they go, and under which name.

use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use mngr_host_shim::contract::{ProviderError, Result};
use mngr_host_shim::engine::docker::tarball;
use mngr_host_shim::error::{conflict, invalid, not_found};

/// Symbolic links that are followed one after the other; as many as Linux follows.
const LINKS: usize = 40;

/// What is copied out of an agent.
#[derive(Debug, Clone)]
pub struct Source {
    /// What it is called here.
    pub name: OsString,
    pub is_directory: bool,
    /// Only what is in it is copied.
    pub contents_only: bool,
}

/// Where an archive is unpacked and what its topmost entry is then called.
#[derive(Debug, PartialEq, Eq)]
pub struct Target {
    directory: PathBuf,
    /// None: only what is in the topmost entry goes into the directory.
    name: Option<OsString>,
}

impl Target {
    /// Chooses as `docker cp` does: into a directory that is there, else under the very name that was given. A link is followed
    /// to what it leads to, there or not.
    ///
    /// # Errors
    /// `not-found` where the parent is not there, `conflict` for a directory over a file and for what is no file or directory,
    /// `invalid-argument` for a file under a name that ends with a slash.
    pub fn choose(source: &Source, destination: &Path) -> Result<Self> {
        let shown = destination.display().to_string();
        // The root has no name to keep.
        let contents_only = source.contents_only || matches!(source.name.as_bytes(), b"" | b"/" | b".");
        let destination = end_of_links(destination)?;
        match std::fs::symlink_metadata(&destination) {
            Ok(there) if there.is_dir() => Ok(Self {
                directory: destination,
                name: (!contents_only).then(|| source.name.clone()),
            }),
            Ok(there) if source.is_directory => Err(conflict(
                shown,
                kind(&there),
                "a directory cannot be copied over it",
                "remove it, or choose another name",
            )),
            Ok(there) if !there.is_file() => Err(conflict(
                shown,
                kind(&there),
                "it must be a directory or a file to be copied to",
                "choose another name",
            )),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unusable(&shown, &error)),
            Err(_) if !source.is_directory && shown.ends_with('/') => Err(invalid(
                "destination",
                shown,
                "there is no such directory, and a file cannot be made into one",
                "make the directory, or leave out the slash",
            )),
            _ => Self::named(&destination),
        }
    }

    fn named(destination: &Path) -> Result<Self> {
        let (parent, name) = split(destination);
        match std::fs::metadata(parent) {
            Ok(there) if there.is_dir() && !matches!(name.as_bytes(), b"" | b"." | b"..") => Ok(Self {
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
    /// Those of [`tarball::unpack`].
    pub fn unpack(&self, archive: impl Read) -> io::Result<()> {
        let name = self.name.as_deref().unwrap_or(OsStr::new(tarball::CONTENTS_ONLY));
        tarball::unpack(archive, &self.directory, name)
    }
}

fn unusable(shown: &str, error: &io::Error) -> ProviderError {
    let remedy = "name a directory that you may write to, or a path in one";
    invalid("destination", shown, error.to_string(), remedy)
}

/// A directory and a name in it. Slashes at the end are no part of the name, and a dot is.
fn split(path: &Path) -> (&Path, &OsStr) {
    let bytes = path.as_os_str().as_bytes();
    let end = bytes.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
    match bytes[..end].iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (
            Path::new(OsStr::from_bytes(&bytes[..slash.max(1)])),
            OsStr::from_bytes(&bytes[slash + 1..end]),
        ),
        None => (Path::new("."), OsStr::from_bytes(&bytes[..end])),
    }
}

/// The path that links at the end of another lead to, whether anything is there or not.
fn end_of_links(path: &Path) -> Result<PathBuf> {
    let mut at = path.to_owned();
    for _ in 0..LINKS {
        match std::fs::read_link(&at) {
            Ok(target) => at = split(&at).0.join(target),
            Err(_) => return Ok(at),
        }
    }
    Err(invalid(
        "destination",
        path.display().to_string(),
        "its symbolic links lead in a circle",
        "name the file or directory itself",
    ))
}

/// What is there, for people.
fn kind(there: &Metadata) -> &'static str {
    let kind = there.file_type();
    if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_file() {
        "a file"
    } else {
        "a device"
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, FileType, Mode};
    use tar::{Builder, EntryType, Header};

    use super::*;

    fn stat(name: &str, is_directory: bool) -> Source {
        Source {
            name: name.into(),
            is_directory,
            contents_only: false,
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

    fn copy(source: &Source, contents_only: bool, to: &Path, tar: &[u8]) {
        let source = Source {
            contents_only,
            ..source.clone()
        };
        let target = Target::choose(&source, to).expect("a target");
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
        let kind = |source: &Source, to: &Path| Target::choose(source, to).expect_err("refused").kind();
        assert_eq!(kind(&stat("d", true), &there), "conflict");
        assert_eq!(kind(&stat("f", false), &temp.path().join("no/")), "invalid_argument");
        assert_eq!(kind(&stat("f", false), &temp.path().join("no/f")), "not_found");
    }

    #[test]
    fn a_link_is_followed_to_what_it_leads_to_there_or_not() {
        let temp = tempfile::tempdir().expect("a directory");
        let at = |name: &str| temp.path().join(name);
        fs::write(at("file"), "before").expect("written");
        fs::create_dir(at("directory")).expect("made");
        for (link, target) in [
            ("to-file", "file"),
            ("to-directory", "directory"),
            ("chain", "to-file"),
            ("new", "made"),
        ] {
            symlink(target, at(link)).expect("linked");
            copy(&stat("notes", false), false, &at(link), &file("notes"));
            assert!(at(link).is_symlink(), "{link}");
        }
        for written in ["file", "directory/notes", "made"] {
            assert_eq!(fs::read_to_string(at(written)).expect(written), "hi");
        }
        symlink("circle", at("circle")).expect("linked");
        symlink("no/such", at("nowhere")).expect("linked");
        let kind = |to: &str| Target::choose(&stat("f", false), &at(to)).expect_err(to).kind();
        assert_eq!(kind("circle"), "invalid_argument");
        assert_eq!(kind("nowhere"), "not_found");
    }

    #[test]
    fn a_pipe_a_socket_and_a_device_are_refused_and_left_alone() {
        let temp = tempfile::tempdir().expect("a directory");
        let at = |name: &str| temp.path().join(name);
        rustix::fs::mknodat(CWD, at("pipe"), FileType::Fifo, Mode::RWXU, 0).expect("a pipe");
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).expect("a socket");
        symlink("pipe", at("link")).expect("linked");
        let device = Path::new("/dev/null");
        for to in [&*at("pipe"), &*at("socket"), &*at("link"), device] {
            let error = Target::choose(&stat("f", false), to).expect_err("refused");
            assert_eq!(error.kind(), "conflict", "{}", to.display());
        }
    }
}
