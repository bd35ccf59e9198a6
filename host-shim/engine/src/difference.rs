//! What differs between two sets of files, told as `docker diff` tells it.

use std::collections::{BTreeMap, BTreeSet};

use mngr_contract::docker::ContainerChanges;

/// What `newer` has added, changed and deleted relative to `older`. Keys are absolute paths; `differs` says whether what both
/// have at a path is not the same. Of a deleted directory only the top is named. A directory counts as modified where anything
/// below it differs, because that is what it means for a layer; the topmost, `/`, is never named.
pub fn between<T>(
    older: &BTreeMap<String, T>,
    newer: &BTreeMap<String, T>,
    differs: impl Fn(&str, &T, &T) -> bool,
) -> ContainerChanges {
    let (mut added, mut deleted, mut touched) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (path, now) in newer {
        match older.get(path) {
            None => {
                touch(above(path), &mut touched);
                added.push(path.clone());
            }
            Some(before) if differs(path, before, now) => touch(path, &mut touched),
            Some(_) => {}
        }
    }
    for path in older.keys().filter(|path| !newer.contains_key(*path)) {
        touch(above(path), &mut touched);
        if newer.contains_key(above(path)) || above(path) == "/" {
            deleted.push(path.clone());
        }
    }
    let both = |path: &&str| newer.contains_key(*path) && older.contains_key(*path);
    let modified = touched.into_iter().filter(both).map(str::to_owned).collect();
    ContainerChanges {
        added,
        modified,
        deleted,
    }
}

/// A path and every directory it is in.
fn touch<'a>(path: &'a str, touched: &mut BTreeSet<&'a str>) {
    let mut at = path;
    while at != "/" && touched.insert(at) {
        at = above(at);
    }
}

/// The directory a path is in; of `/` that is `/`.
fn above(path: &str) -> &str {
    match path.rfind('/') {
        Some(0) | None => "/",
        Some(at) => &path[..at],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(entries: &[(&str, u32)]) -> BTreeMap<String, u32> {
        entries
            .iter()
            .map(|(path, value)| ((*path).to_owned(), *value))
            .collect()
    }

    #[test]
    fn directories_above_a_change_are_modified_and_of_what_was_deleted_the_top_is_named() {
        let older = files(&[
            ("/a", 0),
            ("/a/b", 0),
            ("/a/b/c", 1),
            ("/old", 0),
            ("/old/x", 1),
            ("/same", 0),
        ]);
        let newer = files(&[
            ("/a", 0),
            ("/a/b", 0),
            ("/a/b/c", 2),
            ("/new", 0),
            ("/new/y", 1),
            ("/same", 0),
        ]);
        let differs = |_: &str, before: &u32, now: &u32| before != now;
        let forth = between(&older, &newer, differs);
        assert_eq!(forth.added, ["/new", "/new/y"]);
        assert_eq!(forth.modified, ["/a", "/a/b", "/a/b/c"]);
        assert_eq!(forth.deleted, ["/old"]);
        let back = between(&newer, &older, differs);
        assert_eq!(
            (back.added, back.deleted),
            (vec!["/old".to_owned(), "/old/x".to_owned()], vec!["/new".to_owned()])
        );
        assert!(between(&older, &older, differs).modified.is_empty());
    }
}
