//! The archive of a context, written as it is read.

use std::io::{self, Write};
use std::path::Path;

use mngr_contract::streams::ByteStream;
use tar::Builder;

use super::ignore::Rules;
use crate::docker::tarball::{self, Choice, Opened};

/// The context's files, sorted, and a Dockerfile from elsewhere under the name that is given with it.
pub(super) fn bytes(root: Opened, rules: Rules, outside: Option<(Opened, String)>) -> ByteStream {
    tarball::written(move |to| pack(root, &rules, outside, to))
}

fn pack(root: Opened, rules: &Rules, outside: Option<(Opened, String)>, to: &mut dyn Write) -> io::Result<()> {
    let mut builder = Builder::new(to);
    tarball::pack(root, Path::new(""), &mut builder, |path| match rules.leave_out(path) {
        false => Choice::Packed,
        true if rules.may_send_below(path) => Choice::LeftOut,
        true => Choice::Pruned,
    })?;
    if let Some((source, name)) = outside {
        tarball::append(&mut builder, &source, Path::new(&name))?;
    }
    builder.into_inner()?.flush()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::os::unix::fs::symlink;

    use futures::TryStreamExt;

    use super::*;

    /// The paths that are sent of a directory.
    async fn sent(root: &Path) -> BTreeSet<String> {
        let dockerfile = root.join("Dockerfile");
        let rules = Rules::of(root, "Dockerfile", &dockerfile).expect("rules");
        let root = Opened::at(root).expect("opened");
        let pieces: Vec<bytes::Bytes> = bytes(root, rules, None).try_collect().await.expect("bytes");
        let archive = pieces.concat();
        let mut paths = BTreeSet::new();
        for entry in tar::Archive::new(&archive[..]).entries().expect("an archive") {
            let entry = entry.expect("an entry");
            let path = entry.path().expect("a path").display().to_string();
            assert_eq!(entry.header().entry_type().is_symlink(), path == "link", "{path}");
            paths.insert(path.trim_end_matches('/').to_owned());
        }
        paths
    }

    /// A directory with these files.
    fn context(files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().expect("a directory");
        for (path, text) in files {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, text).expect("written");
        }
        directory
    }

    fn paths<const N: usize>(paths: [&str; N]) -> BTreeSet<String> {
        paths.map(str::to_owned).into()
    }

    #[tokio::test]
    async fn ignored_files_stay_and_links_stay_links() {
        let directory = context(&[
            ("Dockerfile", "FROM x"),
            ("d/a", "1"),
            ("d/e/b", "2"),
            (".dockerignore", "d\n!d/e/b"),
        ]);
        symlink("nowhere", directory.path().join("link")).expect("linked");
        let expected = paths([".dockerignore", "Dockerfile", "d/e/b", "link"]);
        assert_eq!(sent(directory.path()).await, expected);
    }
}
