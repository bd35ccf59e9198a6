//! The files of a context in the order of their names, less what the rules leave out.
//!
//! The rules are asked before a file is opened: what is left out costs no more than its name.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::ignore::Rules;
use crate::docker::tarball::Opened;

/// A directory that is being looked through.
struct Level {
    directory: Opened,
    path: PathBuf,
    /// The names that are still to come, and whether each may be a directory's. The next one is last.
    names: Vec<(OsString, bool)>,
    /// Whether the directory itself was shown, as it is before anything in it.
    is_shown: bool,
}

impl Level {
    fn of(directory: Opened, path: PathBuf, is_shown: bool) -> io::Result<Self> {
        let mut names = directory.entries()?;
        names.reverse();
        Ok(Self {
            directory,
            path,
            names,
            is_shown,
        })
    }
}

/// Shows each file that is sent, by its path in the context. Directories come before what is in them, and one that is left out
/// comes along with the first exception in it.
///
/// A name that is gone by the time that it is opened was removed a moment too early to be seen.
///
/// # Errors
/// Where something cannot be read, and the first of `show`.
pub(super) fn walk(
    root: Opened,
    rules: &Rules,
    mut show: impl FnMut(&Path, &Opened) -> io::Result<()>,
) -> io::Result<()> {
    let mut levels = vec![Level::of(root, PathBuf::new(), true)?];
    while let Some(level) = levels.last_mut() {
        let Some((name, may_be_directory)) = level.names.pop() else {
            levels.pop();
            continue;
        };
        let path = level.path.join(&name);
        let is_left_out = rules.leave_out(&path);
        if is_left_out && !(may_be_directory && rules.may_send_below(&path)) {
            continue;
        }
        let opened = match level.directory.child(&name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            opened => opened?,
        };
        if !is_left_out {
            for level in levels.iter_mut().filter(|level| !level.is_shown) {
                show(&level.path, &level.directory)?;
                level.is_shown = true;
            }
            show(&path, &opened)?;
        }
        if opened.metadata().is_dir() {
            levels.push(Level::of(opened, path, !is_left_out)?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn seen(root: &Path, change: impl Fn(&Path)) -> io::Result<Vec<String>> {
        let rules = Rules::of(root, None).expect("rules");
        let mut seen = Vec::new();
        walk(Opened::at(root)?, &rules, |path, _| {
            change(path);
            seen.push(path.display().to_string());
            Ok(())
        })?;
        Ok(seen)
    }

    fn tree(ignore: &str) -> tempfile::TempDir {
        let tree = tempfile::tempdir().expect("a directory");
        for path in ["d/e/b", "d/a", "d-e", "z/y"] {
            let path = tree.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, "").expect("written");
        }
        fs::write(tree.path().join(".dockerignore"), ignore).expect("written");
        tree
    }

    #[test]
    fn a_directory_comes_before_what_is_in_it_and_that_before_its_longer_namesakes() {
        let tree = tree(".dockerignore");
        let expected = ["d", "d/a", "d/e", "d/e/b", "d-e", "z", "z/y"];
        let mut seen = seen(tree.path(), |_| {}).expect("seen");
        // As its receiver orders them, a slash is less than any other character.
        assert!(seen.iter().position(|path| path == "d") < seen.iter().position(|path| path == "d/a"));
        seen.sort();
        let mut expected = expected.map(str::to_owned).to_vec();
        expected.sort();
        assert_eq!(seen, expected);
    }

    #[test]
    fn directories_that_are_left_out_come_along_with_an_exception_in_them_and_else_not() {
        let tree = tree("*\n!d/e/b\n!z/none");
        assert_eq!(seen(tree.path(), |_| {}).expect("seen"), ["d", "d/e", "d/e/b"]);
    }

    #[test]
    fn what_vanishes_before_its_turn_is_not_there() {
        let tree = tree("");
        let path = tree.path().to_owned();
        let seen = seen(&path, |at| {
            if at == Path::new("d/a") {
                fs::remove_dir_all(path.join("z")).expect("removed");
            }
        });
        assert!(!seen.expect("seen").contains(&"z".to_owned()));
    }
}
