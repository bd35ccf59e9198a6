//! The context of a build: what `docker build` would send of a directory.
//!
//! It is read here and not by the plugin: a plugin names no files of the user's machine, it is handed the archive.

mod ignore;
mod pack;
mod pattern;
mod withheld;

use std::path::{Path, PathBuf};

use mngr_contract::Result;
use mngr_contract::environment::Environment;
use mngr_contract::error::invalid;
use mngr_contract::streams::Archive;
use mngr_docker_grammar::flags::{Known, Name, read, rewrite};

use crate::docker::tarball::Opened;

/// The Dockerfile of a context that names none.
const DOCKERFILE: &str = "Dockerfile";

/// A directory's archive, and the arguments of `docker build` as they hold for it.
///
/// A Dockerfile that is named by an absolute path may lie anywhere: one outside of the directory is added to the archive
/// under a name that nothing else has, as the Docker CLI does. Other names are those in the directory. Of `--secret` and
/// `--ssh` only the ids stay in the arguments.
///
/// # Errors
/// `invalid-argument` where the directory, the Dockerfile or a secret can not be read, and for a `.dockerignore` that can not be
/// read or has a pattern that can not be meant.
pub fn context(directory: &Path, args: &[String]) -> Result<(Archive, Vec<String>)> {
    let unusable = |reason: String| {
        let remedy = "name the directory that holds the Dockerfile";
        invalid("build", directory.display().to_string(), reason, remedy)
    };
    let root = directory.canonicalize().map_err(|error| unusable(error.to_string()))?;
    if !root.is_dir() {
        return Err(unusable("is not a directory".to_owned()));
    }
    let (withheld, mut args) = withheld::take(args, &Environment::of_process())?;
    let mut dockerfile = DOCKERFILE.to_owned();
    let mut outside = None;
    if let Some((element, value)) = last_dockerfile(&args) {
        dockerfile = value;
        if Path::new(&dockerfile).is_absolute() {
            let path = PathBuf::from(&dockerfile);
            dockerfile = match path
                .canonicalize()
                .ok()
                .as_deref()
                .and_then(|path| path.strip_prefix(&root).ok())
            {
                Some(inside) => inside.display().to_string(),
                None => {
                    let name = format!(".dockerfile.{}", uuid::Uuid::new_v4().simple());
                    outside = Some(path);
                    name
                }
            };
            let named = args.split_off(element);
            args.extend(rewrite(&named, file_flag, |(), _| -> Result<_> {
                Ok(Some(vec![format!("--file={dockerfile}")]))
            })?);
        }
    }
    let there = outside.clone().unwrap_or_else(|| root.join(&dockerfile));
    let Some(opened) = Opened::behind(&there).ok().filter(|file| file.metadata().is_file()) else {
        let remedy = "write it there, or name another with --file (an absolute path, or one in the directory)";
        return Err(invalid(
            "dockerfile",
            there.display().to_string(),
            "there is no such file",
            remedy,
        ));
    };
    let rules = ignore::Rules::of(&root, &dockerfile, &there)?;
    let outside = outside.map(|_| (opened, dockerfile));
    let root = Opened::at(&root).map_err(|error| unusable(error.to_string()))?;
    Ok((Archive::Context(pack::bytes(root, rules, outside), withheld), args))
}

/// The flag that names a Dockerfile. No other is looked at here.
fn file_flag(name: Name<'_>) -> Option<Known<()>> {
    name.is_of("file", Some('f')).then_some(Known {
        flag: (),
        takes_value: true,
    })
}

/// Position of the last `--file`, and its value.
fn last_dockerfile(args: &[String]) -> Option<(usize, String)> {
    let given = read(args, file_flag).flatten().last()?;
    Some((given.element, given.value?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(args: &[&str]) -> Vec<String> {
        args.iter().map(|arg| (*arg).to_owned()).collect()
    }

    #[test]
    fn the_last_dockerfile_counts_in_every_spelling() {
        for (args, element, value) in [
            (&["--file=x", "-f", "y", "--pull"][..], 1, "y"),
            (&["--pull", "-fx"], 1, "x"),
            (&["-f=x"], 0, "x"),
            (&["--file", "x", "--file="], 2, ""),
            (&["--file", "-fx"], 0, "-fx"),
            (&["-f", "x", "--file"], 0, "x"),
        ] {
            let found = last_dockerfile(&strings(args));
            assert_eq!(found, Some((element, value.to_owned())), "{args:?}");
        }
        assert_eq!(last_dockerfile(&strings(&["--pull", "--filex", "f", "-f"])), None);
    }

    #[tokio::test]
    async fn a_pattern_that_can_not_be_meant_stops_the_build_before_anything_is_sent() {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("Dockerfile"), "FROM scratch\n").expect("written");
        std::fs::write(directory.path().join(".dockerignore"), "secrets/[a-\n").expect("written");
        let error = context(directory.path(), &[]).expect_err("refused");
        assert_eq!(
            (error.kind(), error.field()),
            ("invalid_argument", Some("dockerignore"))
        );
        assert!(error.message().contains(".dockerignore:1`"), "{}", error.message());
    }

    #[tokio::test]
    async fn an_absolute_dockerfile_is_named_in_its_place_as_it_is_in_the_archive() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("File");
        std::fs::write(&file, "FROM scratch\n").expect("written");
        let file = file.display().to_string();
        let args = strings(&["-f", "x", "--file", &file, "--target", "y"]);
        let (_, args) = context(directory.path(), &args).expect("a context");
        assert_eq!(args, ["-f", "x", "--file=File", "--target", "y"]);
    }
}
