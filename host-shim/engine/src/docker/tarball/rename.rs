//! What renames: an archive's topmost entry gets another name, or none, as the archive passes through.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use tar::{Builder, EntryType};

use super::{CONTENTS_ONLY, each};

/// What an entry of a tar archive says in headers of its own; the writer makes these anew.
const REWRITTEN: [&str; 3] = ["path", "linkpath", "size"];

/// Copies an archive entry by entry, its topmost entry called `name`, or left out where that is [`CONTENTS_ONLY`]. A name that
/// ends with a slash is a directory's.
///
/// `keep` chooses by an entry's new path and its kind what is copied at all.
///
/// # Errors
/// Where the archive is cut short, where an entry is not inside the topmost one, where a file's contents are asked for, and where
/// it is to get a directory's name.
pub fn rename(
    source: impl Read,
    to: impl Write,
    name: &OsStr,
    mut keep: impl FnMut(&Path, EntryType) -> bool,
) -> io::Result<()> {
    let mut builder = Builder::new(to);
    let mut top = Top::named(name);
    each(source, |entry| {
        let kind = entry.header().entry_type();
        let target = top.renamed(&entry.path()?, kind)?;
        if !keep(&target, kind) || target.as_os_str().is_empty() {
            return Ok(());
        }
        let extensions: Vec<_> = match entry.pax_extensions()? {
            Some(extensions) => extensions
                .filter_map(|extension| extension.ok())
                .filter_map(|extension| Some((extension.key().ok()?.to_owned(), extension.value_bytes().to_vec())))
                .filter(|(key, _)| !REWRITTEN.contains(&key.as_str()) && !key.starts_with("GNU.sparse"))
                .collect(),
            None => Vec::new(),
        };
        if !extensions.is_empty() {
            builder.append_pax_extensions(extensions.iter().map(|(key, value)| (key.as_str(), value.as_slice())))?;
        }
        let mut header = entry.header().clone();
        if let Some(ustar) = header.as_ustar_mut() {
            // The beginning of a long path, which the writer leaves there where the new path is short.
            ustar.prefix.fill(0);
        }
        match (kind, entry.link_name()?.map(|link| link.into_owned())) {
            // A hard link names another entry of the archive, so that name changes too.
            (EntryType::Link, Some(link)) => {
                let link = path_or_outside(&link, &top)?;
                builder.append_link(&mut header, target, link)?;
            }
            (EntryType::Symlink, Some(link)) => builder.append_link(&mut header, target, link)?,
            (kind, _) => {
                if kind.is_gnu_sparse() {
                    // It is read whole, and engines do not unpack this kind.
                    header.set_entry_type(EntryType::Regular);
                }
                header.set_size(entry.size());
                builder.append_data(&mut header, target, entry)?;
            }
        }
        Ok(())
    })?;
    builder.into_inner()?.flush()
}

/// The topmost entry of an archive, as it is called there and as it is to be called.
pub(super) struct Top {
    /// What the first entry's path begins with.
    was: Option<PathBuf>,
    name: OsString,
    is_directory: bool,
}

impl Top {
    /// It is to be called so. A slash at the end asks for a directory.
    pub fn named(name: &OsStr) -> Self {
        let text = name.as_bytes();
        let bare = &text[..text.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1)];
        Self {
            was: None,
            name: OsStr::from_bytes(bare).to_owned(),
            is_directory: bare.len() < name.len(),
        }
    }

    /// The new path of the next entry: empty for a topmost entry that is left out.
    pub fn renamed(&mut self, path: &Path, kind: EntryType) -> io::Result<PathBuf> {
        self.was.get_or_insert_with(|| topmost(path));
        let target = path_or_outside(path, self)?;
        if target.as_os_str().is_empty() && !kind.is_dir() {
            return Err(io::Error::other(format!(
                "{} is no directory, so it has no contents to copy",
                path.display()
            )));
        }
        if self.is_directory && target == Path::new(&self.name) && !kind.is_dir() {
            return Err(no_such_directory(&self.name));
        }
        Ok(target)
    }
}

/// The new path of what an archive names; an error where that would lead past the name that the archive is to have.
pub(super) fn path_or_outside(path: &Path, top: &Top) -> io::Result<PathBuf> {
    let was = top.was.as_deref().unwrap_or(Path::new(""));
    renamed(path, was, &top.name).ok_or_else(|| {
        io::Error::other(format!(
            "the archive's entry {} is not inside its topmost entry, {}",
            path.display(),
            was.display()
        ))
    })
}

/// What is no directory was to get the name of one.
pub(super) fn no_such_directory(name: &OsStr) -> io::Error {
    let text = format!(
        "there is no directory {}, and what is copied is none that could become it",
        Path::new(name).display()
    );
    io::Error::new(io::ErrorKind::NotADirectory, text)
}

/// The path of an entry below the directory that its archive is unpacked into: empty for the directory itself, none where it
/// leads out of it. `.`, `..` and a slash at the front mean what they mean to the engine.
pub fn inside(path: &Path) -> Option<PathBuf> {
    let mut inside = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => inside.push(name),
            Component::ParentDir if !inside.pop() => return None,
            _ => {}
        }
    }
    Some(inside)
}

/// The topmost entry of an archive that begins with `path`: empty where that is one of a directory's contents.
fn topmost(path: &Path) -> PathBuf {
    let inside = inside(path).unwrap_or_default();
    inside.components().take(1).collect()
}

/// The path with its topmost component replaced; none where it leads elsewhere.
fn renamed(path: &Path, top: &Path, name: &OsStr) -> Option<PathBuf> {
    let inside = inside(path)?;
    let rest = inside.strip_prefix(top).ok()?;
    Some(match (name == CONTENTS_ONLY, rest.as_os_str().is_empty()) {
        (true, _) => rest.to_owned(),
        // Joining nothing would leave a slash behind, which makes a directory of a file.
        (false, true) => PathBuf::from(name),
        (false, false) => Path::new(name).join(rest),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str, top: &str, name: &str) -> Option<String> {
        let renamed = renamed(Path::new(path), Path::new(top), OsStr::new(name))?;
        Some(renamed.into_os_string().into_string().expect("UTF-8"))
    }

    #[test]
    fn the_topmost_component_is_renamed_or_left_out() {
        for (path, named, contents) in [
            ("src/a/b", "dst/a/b", "a/b"),
            ("./src/a/b", "dst/a/b", "a/b"),
            ("/src/a", "dst/a", "a"),
            ("src/", "dst", ""),
            ("src", "dst", ""),
        ] {
            let top = topmost(Path::new(path));
            assert_eq!(top, Path::new("src"), "{path}");
            assert_eq!(of(path, "src", "dst").as_deref(), Some(named), "{path}");
            assert_eq!(of(path, "src", ".").as_deref(), Some(contents), "{path}");
        }
    }

    #[test]
    fn a_directorys_contents_have_no_topmost_component_to_lose() {
        for start in ["./", ".", "/"] {
            assert_eq!(topmost(Path::new(start)), Path::new(""), "{start}");
            assert_eq!(of(start, "", "new").as_deref(), Some("new"), "{start}");
            assert_eq!(of(start, "", ".").as_deref(), Some(""), "{start}");
        }
        for path in ["./a/b", "a/b", "/a/b"] {
            assert_eq!(of(path, "", "new").as_deref(), Some("new/a/b"), "{path}");
            assert_eq!(of(path, "", ".").as_deref(), Some("a/b"), "{path}");
        }
    }

    #[test]
    fn a_path_stays_below_its_topmost_component() {
        assert_eq!(of("src/a/../b", "src", "dst").as_deref(), Some("dst/b"));
        for path in ["src/../../etc", "src/../etc", "../src", "other", "srcs/a"] {
            assert_eq!(of(path, "src", "dst"), None, "{path}");
            assert_eq!(of(path, "src", "."), None, "{path}");
        }
        assert_eq!(of("a/../..", "", "new"), None);
    }

    /// Two files, a pipe and two links in `top/`.
    fn archive() -> Vec<u8> {
        let mut tar = Builder::new(Vec::new());
        let mut append = |kind: EntryType, path: &str, link: &str, content: &str| {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_mode(0o640);
            header.set_size(content.len() as u64);
            if kind.is_hard_link() || kind.is_symlink() {
                tar.append_link(&mut header, path, link).expect("appended");
            } else {
                tar.append_data(&mut header, path, content.as_bytes())
                    .expect("appended");
            }
        };
        append(EntryType::Directory, "top/", "", "");
        append(EntryType::Regular, "top/a", "", "hi");
        append(EntryType::Symlink, "top/soft", "top/a", "");
        append(EntryType::Link, "top/hard", "top/a", "");
        append(EntryType::Fifo, "top/pipe", "", "");
        append(EntryType::Regular, "top/sub/b", "", "deep");
        tar.into_inner().expect("an archive")
    }

    /// The path and the link's target of every entry.
    fn listed(name: &str, keep: impl FnMut(&Path, EntryType) -> bool) -> Vec<(String, Option<String>)> {
        let mut bytes = Vec::new();
        rename(&archive()[..], &mut bytes, OsStr::new(name), keep).expect("renamed");
        let mut archive = tar::Archive::new(&bytes[..]);
        let entries = archive.entries().expect("an archive").map(|entry| {
            let entry = entry.expect("an entry");
            let path = entry.path().expect("a path").display().to_string();
            let link = entry.link_name().expect("a link");
            (path, link.map(|link| link.display().to_string()))
        });
        entries.collect()
    }

    #[test]
    fn a_hard_link_follows_the_new_name_and_a_symbolic_one_does_not() {
        let links = |name: &str| {
            let listed = listed(name, |_, _| true);
            listed.into_iter().filter_map(|(_, link)| link).collect::<Vec<_>>()
        };
        assert_eq!(links("new"), ["top/a", "new/a"]);
        assert_eq!(links("."), ["top/a", "a"]);
    }

    #[test]
    fn a_long_path_that_gets_short_leaves_nothing_of_itself() {
        let mut header = tar::Header::new_ustar();
        let name = "n".repeat(40);
        // More than a header's field for names holds, so that its beginning goes into another.
        header.set_path(format!("{}/{name}", "t".repeat(90))).expect("a path");
        header.set_entry_type(EntryType::Regular);
        header.set_size(2);
        header.set_cksum();
        let mut tar = Builder::new(Vec::new());
        tar.append(&header, &b"hi"[..]).expect("appended");
        let mut bytes = Vec::new();
        let archive = tar.into_inner().expect("an archive");
        rename(&archive[..], &mut bytes, OsStr::new("new"), |_, _| true).expect("renamed");
        let mut archive = tar::Archive::new(&bytes[..]);
        let entry = archive
            .entries()
            .expect("an archive")
            .next()
            .expect("one")
            .expect("whole");
        assert_eq!(entry.path().expect("a path"), Path::new("new").join(name));
    }

    #[test]
    fn a_hard_link_that_leads_past_the_new_name_is_an_error() {
        let mut tar = Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(EntryType::Link);
        header.set_size(0);
        tar.append_link(&mut header, "top/hard", "other/a").expect("appended");
        let archive = tar.into_inner().expect("an archive");
        let error = rename(&archive[..], Vec::new(), OsStr::new("new"), |_, _| true).expect_err("it leads elsewhere");
        assert_eq!(
            error.to_string(),
            "the archive's entry other/a is not inside its topmost entry, top"
        );
    }

    #[test]
    fn what_is_said_of_the_whole_archive_is_no_entry_of_it() {
        let mut tar = Builder::new(Vec::new());
        let comment = b"20 comment=of-a-tag\n";
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(EntryType::XGlobalHeader);
        header.set_size(comment.len() as u64);
        tar.append_data(&mut header, "pax_global_header", &comment[..])
            .expect("appended");
        let mut header = tar::Header::new_ustar();
        header.set_size(2);
        tar.append_data(&mut header, "top/a", &b"hi"[..]).expect("appended");
        let archive = tar.into_inner().expect("an archive");
        let mut bytes = Vec::new();
        rename(&archive[..], &mut bytes, OsStr::new("new"), |_, _| true).expect("renamed");
        let mut archive = tar::Archive::new(&bytes[..]);
        let entries = archive.entries().expect("an archive");
        let paths: Vec<_> = entries
            .map(|entry| entry.expect("an entry").path().expect("a path").into_owned())
            .collect();
        assert_eq!(paths, [Path::new("new/a")]);
    }

    #[test]
    fn what_is_not_to_be_kept_is_left_out_by_its_new_path_and_its_kind() {
        let kept = listed("new", |path, kind| {
            !path.starts_with("new/sub") && kind != EntryType::Fifo
        });
        let paths: Vec<_> = kept.iter().map(|(path, _)| path.trim_end_matches('/')).collect();
        assert_eq!(paths, ["new", "new/a", "new/soft", "new/hard"]);
    }
}
