//! Which Dockerfile a build has: the file that `--file` names, as the Docker CLI reads it.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use mngr_contract::Result;
use mngr_contract::error::invalid;

use crate::docker::tarball::Opened;

/// The Dockerfile of a context that names none, and what it is called where there is no such file.
const NAMES: [&str; 2] = ["Dockerfile", "dockerfile"];
/// Stands for standard input.
const STDIN: &str = "-";
/// Most bytes of a Dockerfile, far more than any has.
const MOST: u64 = 16 << 20;

/// A Dockerfile that was found and read.
#[derive(Debug)]
pub(super) struct Dockerfile {
    /// Its path in the context. One from elsewhere has a name that nothing else has.
    pub(super) name: String,
    pub(super) content: Vec<u8>,
    /// Where it was found. One from standard input was found nowhere.
    pub(super) there: Option<PathBuf>,
    /// Whether it comes from outside of the context.
    pub(super) is_apart: bool,
}

impl Dockerfile {
    /// The one that `given` names: a path from `working_directory`, or where there is none, one in the context at `root`; `-`
    /// for `stdin`.
    ///
    /// # Errors
    /// `invalid-argument` for one that is not there or cannot be read.
    pub(super) fn find(root: &Path, given: Option<&str>, working_directory: &Path, stdin: impl Read) -> Result<Self> {
        if given == Some(STDIN) {
            let content = whole(stdin).map_err(|error| unreadable("standard input", &error))?;
            return Ok(Self {
                name: unique(),
                content,
                there: None,
                is_apart: true,
            });
        }
        let places = match given {
            Some(given) => [working_directory.join(given), root.join(given)],
            None => NAMES.map(|name| root.join(name)),
        };
        let there = places.iter().find(|path| path.is_file()).unwrap_or(&places[0]);
        let read = || {
            let content = whole(Opened::behind(there)?.content()?)?;
            Ok::<_, io::Error>((there.canonicalize()?, content))
        };
        let (canonical, content) = read().map_err(|error| unreadable(&there.display().to_string(), &error))?;
        let inside = canonical.strip_prefix(root).ok().and_then(Path::to_str);
        Ok(Self {
            is_apart: inside.is_none(),
            name: inside.map_or_else(unique, str::to_owned),
            content,
            there: Some(there.clone()),
        })
    }
}

/// A name that nothing in a context has.
fn unique() -> String {
    format!(".dockerfile.{}", uuid::Uuid::new_v4().simple())
}

fn whole(from: impl Read) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    from.take(MOST + 1).read_to_end(&mut content)?;
    match content.len() as u64 > MOST {
        true => Err(io::Error::other(format!("it has more than {MOST} bytes"))),
        false => Ok(content),
    }
}

fn unreadable(path: &str, error: &io::Error) -> mngr_contract::ProviderError {
    let reason = match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => error.to_string(),
    };
    let remedy = "write a Dockerfile there, or name another file with --file (its path from here or in the directory that is \
                  built, or `-` for standard input)";
    invalid("dockerfile", path, reason, remedy)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// `here/` and `there/`, of which the latter is the context, each with files of these names.
    fn tree(here: &[&str], there: &[&str]) -> (tempfile::TempDir, PathBuf, PathBuf) {
        let tree = tempfile::tempdir().expect("a directory");
        let root = tree.path().canonicalize().expect("a path");
        for (directory, names) in [("here", here), ("there", there)] {
            for name in names {
                let path = root.join(directory).join(name);
                fs::create_dir_all(path.parent().expect("a parent")).expect("made");
                fs::write(path, format!("{directory}/{name}")).expect("written");
            }
            fs::create_dir_all(root.join(directory)).expect("made");
        }
        (tree, root.join("here"), root.join("there"))
    }

    fn found(here: &Path, there: &Path, given: Option<&str>) -> Dockerfile {
        Dockerfile::find(there, given, here, io::empty()).expect("found")
    }

    #[test]
    fn a_path_starts_where_one_is_and_else_in_the_context() {
        let (_tree, here, there) = tree(&["both", "mine"], &["both", "d/its"]);
        for (given, content, name) in [
            ("both", "here/both", None),
            ("mine", "here/mine", None),
            ("d/its", "there/d/its", Some("d/its")),
            ("../there/both", "there/both", Some("both")),
            ("./../there/d/../both", "there/both", Some("both")),
        ] {
            let found = found(&here, &there, Some(given));
            assert_eq!(found.content, content.as_bytes(), "{given}");
            assert_eq!(found.is_apart, name.is_none(), "{given}");
            let expected = name.map_or(found.name.starts_with(".dockerfile."), |name| found.name == name);
            assert!(expected, "{given}: {}", found.name);
        }
    }

    #[test]
    fn without_a_name_it_is_the_contexts_own_in_either_spelling() {
        let (_tree, here, there) = tree(&["Dockerfile"], &["dockerfile"]);
        assert_eq!(found(&here, &there, None).name, "dockerfile");
        fs::write(there.join("Dockerfile"), "").expect("written");
        assert_eq!(found(&here, &there, None).name, "Dockerfile");
    }

    #[test]
    fn a_link_is_what_it_leads_to() {
        let (_tree, here, there) = tree(&["mine"], &["its"]);
        symlink("its", there.join("inside")).expect("linked");
        symlink("../here/mine", there.join("outside")).expect("linked");
        assert_eq!(found(&here, &there, Some("inside")).name, "its");
        let outside = found(&here, &there, Some("outside"));
        assert!(outside.is_apart && outside.content == b"here/mine");
    }

    #[test]
    fn a_dash_is_standard_input() {
        let (_tree, here, there) = tree(&["-"], &["Dockerfile"]);
        let found = Dockerfile::find(&there, Some("-"), &here, &b"FROM x"[..]).expect("read");
        assert!(found.is_apart && found.content == b"FROM x" && found.there.is_none());
    }

    #[test]
    fn one_that_is_not_there_or_no_file_is_named_with_what_to_do() {
        let (_tree, here, there) = tree(&["d/x"], &["x"]);
        for (given, reason) in [("none", "no such file"), ("d", "not a file"), ("x/y", "")] {
            let error = Dockerfile::find(&there, Some(given), &here, io::empty()).expect_err(given);
            assert_eq!((error.kind(), error.field()), ("invalid_argument", Some("dockerfile")));
            assert!(
                error.message().contains(given) && error.message().contains(reason),
                "{}",
                error.message()
            );
            assert!(error.remedy().contains("--file"));
        }
    }
}
