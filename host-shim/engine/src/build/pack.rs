//! The archive of a context, written as it is read.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use mngr_contract::streams::ByteStream;
use tar::Builder;

use super::ignore::Rules;
use crate::docker::tarball;

/// The context's files, sorted, and a Dockerfile from elsewhere under the name that is given with it.
pub(super) fn bytes(root: PathBuf, rules: Rules, outside: Option<(PathBuf, String)>) -> ByteStream {
    tarball::written(move |to| pack(&root, &rules, outside, to))
}

fn pack(root: &Path, rules: &Rules, outside: Option<(PathBuf, String)>, to: &mut dyn Write) -> io::Result<()> {
    let mut builder = Builder::new(to);
    let mut waiting = vec![PathBuf::new()];
    while let Some(directory) = waiting.pop() {
        let here = root.join(&directory);
        let entries = fs::read_dir(&here).map_err(|error| tarball::about(&here, &error))?;
        let mut names = entries
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<io::Result<Vec<_>>>()?;
        names.sort();
        for name in names {
            let path = directory.join(name);
            let source = root.join(&path);
            let metadata = fs::symlink_metadata(&source).map_err(|error| tarball::about(&source, &error))?;
            let out = rules.leave_out(&path);
            if !out {
                tarball::append(&mut builder, &source, &path, &metadata)
                    .map_err(|error| tarball::about(&source, &error))?;
            }
            if metadata.is_dir() && (!out || rules.has_exceptions()) {
                waiting.push(path);
            }
        }
    }
    if let Some((source, name)) = outside {
        let metadata = fs::metadata(&source).map_err(|error| tarball::about(&source, &error))?;
        tarball::append(&mut builder, &source, Path::new(&name), &metadata)
            .map_err(|error| tarball::about(&source, &error))?;
    }
    builder.into_inner()?.flush()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::os::unix::fs::symlink;

    use futures::TryStreamExt;

    use super::*;

    #[tokio::test]
    async fn ignored_files_stay_and_links_stay_links() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path();
        fs::create_dir_all(root.join("d/e")).expect("made");
        for (path, text) in [
            ("Dockerfile", "FROM x"),
            ("d/a", "1"),
            ("d/e/b", "2"),
            (".dockerignore", "d\n!d/e/b"),
        ] {
            fs::write(root.join(path), text).expect("written");
        }
        symlink("nowhere", root.join("link")).expect("linked");
        let rules = Rules::of(root, "Dockerfile").expect("rules");
        let pieces: Vec<bytes::Bytes> = bytes(root.to_path_buf(), rules, None)
            .try_collect()
            .await
            .expect("bytes");
        let archive = pieces.concat();
        let mut paths = BTreeSet::new();
        for entry in tar::Archive::new(&archive[..]).entries().expect("an archive") {
            let entry = entry.expect("an entry");
            let path = entry.path().expect("a path").display().to_string();
            assert_eq!(entry.header().entry_type().is_symlink(), path == "link", "{path}");
            paths.insert(path);
        }
        let expected = [".dockerignore", "Dockerfile", "d/e/b", "link"].map(str::to_owned);
        assert_eq!(paths, BTreeSet::from(expected));
    }
}
