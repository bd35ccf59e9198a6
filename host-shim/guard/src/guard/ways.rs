//! Every name that a file of this machine can be reached by: where it leads, and each link on the way. Who can write where a link
//! lies decides what is behind it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// More links on one way are a loop; Linux follows as many.
const LINKS: usize = 40;
/// How deep a directory is searched for links to elsewhere, and how many entries of it at most.
const DEPTH: usize = 3;
const ENTRIES: usize = 5_000;

/// The paths themselves, the links on the way to each, and where they lead.
pub(super) fn to(paths: Vec<String>) -> Vec<String> {
    let mut found = BTreeSet::new();
    for path in &paths {
        follow(Path::new(path), &mut found);
    }
    as_text(found)
}

/// The same, and of those that are directories also of the links that lie in them.
pub(super) fn to_all_in(paths: Vec<String>) -> Vec<String> {
    let mut found = BTreeSet::new();
    for path in &paths {
        let end = follow(Path::new(path), &mut found);
        let mut entries = ENTRIES;
        search(&end, DEPTH, &mut entries, &mut found);
    }
    as_text(found)
}

fn as_text(found: BTreeSet<PathBuf>) -> Vec<String> {
    found
        .into_iter()
        .filter_map(|path| path.into_os_string().into_string().ok())
        .collect()
}

/// Where an absolute path leads; what is not there yet leads where its name says.
fn follow(path: &Path, found: &mut BTreeSet<PathBuf>) -> PathBuf {
    found.insert(path.to_owned());
    let mut links = 0;
    let mut here = PathBuf::from("/");
    let mut left: Vec<PathBuf> = parts(path);
    while let Some(part) = left.pop() {
        if part == Path::new("..") {
            here.pop();
            continue;
        }
        let next = here.join(part);
        match fs::read_link(&next) {
            Ok(target) if links < LINKS => {
                links += 1;
                if target.is_absolute() {
                    here = PathBuf::from("/");
                }
                left.extend(parts(&target));
                found.insert(next);
            }
            _ => here = next,
        }
    }
    found.insert(here.clone());
    here
}

/// The parts of a path, the last one first.
fn parts(path: &Path) -> Vec<PathBuf> {
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(_) | Component::ParentDir => Some(PathBuf::from(part.as_os_str())),
        Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
    });
    let mut parts: Vec<_> = parts.collect();
    parts.reverse();
    parts
}

fn search(directory: &Path, depth: usize, entries: &mut usize, found: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if *entries == 0 {
            return;
        }
        *entries -= 1;
        match entry.file_type() {
            Ok(kind) if kind.is_symlink() => drop(follow(&entry.path(), found)),
            Ok(kind) if kind.is_dir() && depth > 1 => search(&entry.path(), depth - 1, entries, found),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn every_link_on_the_way_is_found_and_so_is_the_end() {
        let room = tempfile::tempdir().expect("a directory");
        let room = room.path().canonicalize().expect("a path");
        fs::create_dir_all(room.join("store/v1")).expect("a directory");
        fs::create_dir_all(room.join("home")).expect("a directory");
        symlink("../store/v1", room.join("home/current")).expect("a link");
        symlink("current/settings.toml", room.join("home/settings.toml")).expect("a link");
        let path = |name: &str| room.join(name).display().to_string();
        let found = to(vec![path("home/settings.toml")]);
        for name in ["home/settings.toml", "home/current", "store/v1/settings.toml"] {
            assert!(found.contains(&path(name)), "{name}: {found:?}");
        }
        // Those that lie in a directory of its own are found too.
        let found = to_all_in(vec![path("home")]);
        assert!(
            found.contains(&path("store/v1")) && found.contains(&path("store/v1/settings.toml")),
            "{found:?}"
        );
    }

    #[test]
    fn a_loop_ends() {
        let room = tempfile::tempdir().expect("a directory");
        symlink("b", room.path().join("a")).expect("a link");
        symlink("a", room.path().join("b")).expect("a link");
        assert!(!to(vec![room.path().join("a").display().to_string()]).is_empty());
    }
}
