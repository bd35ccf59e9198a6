//! The files of a context, as an engine asks for them: all at once as tar, or one after the other.

use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, OnceLock};

use mngr_contract::ProviderError;
use mngr_contract::error::invalid;
use mngr_contract::streams::{BuildContext, ByteStream};
use tar::{Builder, EntryType, Header};

use super::dockerfile::Dockerfile;
use super::ignore::{FILE, Rules};
use super::walk::walk;
use crate::docker::tarball::{self, Opened};

/// A directory that is built, and the Dockerfile by which it is.
#[derive(Debug, Clone)]
pub(crate) struct Files(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    rules: Rules,
    dockerfile: Dockerfile,
    /// What kept the files from being read to their end.
    fault: OnceLock<String>,
}

impl Files {
    pub(super) fn new(root: PathBuf, rules: Rules, dockerfile: Dockerfile) -> Self {
        Self(Arc::new(Inner {
            root,
            rules,
            dockerfile,
            fault: OnceLock::new(),
        }))
    }

    /// The Dockerfile's name and what it says.
    pub(crate) fn dockerfile(&self) -> (&str, &[u8]) {
        (&self.0.dockerfile.name, &self.0.dockerfile.content)
    }

    /// Shows each file that steps may copy.
    ///
    /// # Errors
    /// Where something cannot be read, and the first of `show`.
    pub(crate) fn each(&self, show: impl FnMut(&Path, &Opened) -> io::Result<()>) -> io::Result<()> {
        walk(Opened::at(&self.0.root)?, &self.0.rules, show)
    }

    /// Whether steps may copy a path, if it is there.
    pub(crate) fn is_sent(&self, path: &Path) -> bool {
        !self.0.rules.leave_out(path)
    }

    /// A file of the context by its path there, in which no link is followed.
    ///
    /// # Errors
    /// Where there is none by now.
    pub(crate) fn open(&self, path: &Path) -> io::Result<Opened> {
        let mut names = path.components().filter_map(|component| match component {
            Component::Normal(name) => Some(name),
            _ => None,
        });
        names.try_fold(Opened::at(&self.0.root)?, |directory, name| directory.child(name))
    }

    /// Keeps what went wrong with the files here: the engine only sees that no more of them come.
    pub(crate) fn failed(&self, error: &io::Error) {
        // The first one is the cause of those after it.
        let _ = self.0.fault.set(error.to_string());
    }

    /// The error for what went wrong with the files here, if anything did.
    pub(crate) fn fault(&self) -> Option<ProviderError> {
        let fault = self.0.fault.get()?;
        let remedy = format!("let the file be read, or leave it out with a line in {FILE}; then build again");
        Some(invalid(
            "build",
            self.0.root.display().to_string(),
            format!("it cannot be sent: {fault}"),
            remedy,
        ))
    }

    fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        let Inner { rules, dockerfile, .. } = &*self.0;
        let own = self.rules_of_the_archive();
        let mut builder = Builder::new(to);
        self.each(|path, source| match own.is_some() && path == Path::new(FILE) {
            true => Ok(()),
            false => tarball::append(&mut builder, source, path),
        })?;
        if dockerfile.is_apart || rules.leave_out(Path::new(&dockerfile.name)) {
            append(&mut builder, &dockerfile.name, &dockerfile.content)?;
        }
        if let Some(text) = own {
            append(&mut builder, FILE, text.as_bytes())?;
        }
        builder.into_inner()?.flush()
    }

    /// A classic builder needs the Dockerfile in the archive, and takes out again what the rules in the archive leave out. Where
    /// the Dockerfile is there for its sake only, this is what those rules are.
    fn rules_of_the_archive(&self) -> Option<String> {
        let Inner { rules, dockerfile, .. } = &*self.0;
        let is_out = |path: &str| rules.leave_out(Path::new(path));
        if !dockerfile.is_apart && !is_out(&dockerfile.name) {
            return None;
        }
        let kept = self.open(Path::new(FILE)).ok().filter(|_| !is_out(FILE));
        let kept = kept.and_then(|file| io::read_to_string(file.content().ok()?).ok());
        let special = |c: char| matches!(c, '*' | '?' | '[' | ']' | '\\' | '^');
        let name: String = dockerfile
            .name
            .chars()
            .flat_map(|c| special(c).then_some('\\').into_iter().chain([c]))
            .collect();
        Some(format!("{}\n/{name}\n", kept.unwrap_or_else(|| FILE.to_owned())))
    }
}

impl BuildContext for Files {
    fn tar(&self) -> ByteStream {
        let files = self.clone();
        tarball::written(move |to| {
            let written = files.write(to);
            if let Err(error) = &written {
                files.failed(error);
            }
            written
        })
    }
}

fn append(builder: &mut Builder<&mut dyn Write>, name: &str, content: &[u8]) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o600);
    header.set_size(content.len() as u64);
    builder.append_data(&mut header, name, content)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::io::Read;

    use futures::TryStreamExt;

    use super::*;

    /// What a classic builder is sent of a directory, by path.
    async fn sent(files: &[(&str, &str)], given: Option<&str>) -> BTreeMap<String, String> {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path().canonicalize().expect("a path");
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, text).expect("written");
        }
        let dockerfile = Dockerfile::find(&root, given, &root, &b"FROM stdin"[..]).expect("a Dockerfile");
        let rules = Rules::of(&root, dockerfile.there.as_deref()).expect("rules");
        let pieces: Vec<bytes::Bytes> = Files::new(root, rules, dockerfile)
            .tar()
            .try_collect()
            .await
            .expect("bytes");
        let mut sent = BTreeMap::new();
        for entry in tar::Archive::new(&pieces.concat()[..]).entries().expect("an archive") {
            let mut entry = entry.expect("an entry");
            let path = entry.path().expect("a path").display().to_string();
            let mut text = String::new();
            entry.read_to_string(&mut text).expect("text");
            assert!(
                sent.insert(path.trim_end_matches('/').to_owned(), text).is_none(),
                "{path} comes twice"
            );
        }
        sent
    }

    #[tokio::test]
    async fn a_classic_builder_gets_an_ignored_dockerfile_and_the_rule_that_takes_it_out_again() {
        let files = [
            ("Dockerfile", "FROM x"),
            ("a", "1"),
            ("b", "2"),
            (".dockerignore", "*\n!a\n"),
        ];
        let sent = sent(&files, None).await;
        assert_eq!(sent.keys().collect::<Vec<_>>(), [".dockerignore", "Dockerfile", "a"]);
        assert_eq!(sent[".dockerignore"], ".dockerignore\n/Dockerfile\n");
    }

    #[tokio::test]
    async fn a_classic_builder_gets_a_dockerfile_from_elsewhere_and_the_rules_that_are_there() {
        let sent = sent(&[("a", "1"), (".dockerignore", "b")], Some("-")).await;
        let name = sent
            .keys()
            .find(|path| path.starts_with(".dockerfile."))
            .expect("a Dockerfile");
        assert_eq!(sent[name], "FROM stdin");
        assert_eq!(sent[".dockerignore"], format!("b\n/{name}\n"));
    }

    #[tokio::test]
    async fn what_is_not_ignored_is_sent_as_it_is() {
        let files = [
            ("Dockerfile", "FROM x"),
            ("d/a", "1"),
            ("d/b", "2"),
            (".dockerignore", "d/b\n"),
        ];
        let sent = sent(&files, None).await;
        assert_eq!(
            sent.keys().collect::<Vec<_>>(),
            [".dockerignore", "Dockerfile", "d", "d/a"]
        );
        assert_eq!(sent[".dockerignore"], "d/b\n");
    }
}
