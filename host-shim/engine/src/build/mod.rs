//! The context of a build: what `docker build` would send of a directory.
//!
//! It is read here and not by the plugin: a plugin names no files of the user's machine, it is handed the context.

mod dockerfile;
mod files;
mod ignore;
mod pattern;
mod walk;
mod withheld;

use std::path::Path;
use std::sync::Arc;

use mngr_contract::Result;
use mngr_contract::environment::Environment;
use mngr_contract::error::invalid;
use mngr_contract::streams::Archive;
use mngr_docker_grammar::flags::{Known, Name, read, rewrite};

use dockerfile::Dockerfile;
pub(crate) use files::Files;

/// The context of a build in a directory, and the arguments of `docker build` as they hold for it.
///
/// A Dockerfile is named by its path from the working directory, as the Docker CLI reads it, or where there is no such file, by
/// its path in the directory; `-` stands for standard input. One outside of the directory gets a name that nothing in it has. Of
/// `--secret` and `--ssh` only the ids stay in the arguments.
///
/// # Errors
/// `invalid-argument` where the directory, the Dockerfile or a secret can not be read, and for a `.dockerignore` that can not be
/// read or has a pattern that can not be meant.
pub fn context(directory: &Path, args: &[String]) -> Result<(Archive, Vec<String>)> {
    let environment = Environment::of_process();
    let unusable = |reason: String| {
        let remedy = "name the directory that holds the Dockerfile";
        invalid("build", directory.display().to_string(), reason, remedy)
    };
    let root = directory.canonicalize().map_err(|error| unusable(error.to_string()))?;
    if !root.is_dir() {
        return Err(unusable("is not a directory".to_owned()));
    }
    let (withheld, mut args) = withheld::take(args, &environment)?;
    let given = last_dockerfile(&args);
    let dockerfile = Dockerfile::find(&root, given.as_deref(), environment.directory(), std::io::stdin())?;
    let rules = ignore::Rules::of(&root, dockerfile.there.as_deref())?;
    let named = format!("--file={}", dockerfile.name);
    match given {
        Some(_) => args = rewrite(&args, file_flag, |(), _| -> Result<_> { Ok(Some(vec![named.clone()])) })?,
        None => args.insert(0, named),
    }
    let files = Files::new(root, rules, dockerfile);
    Ok((Archive::Context(Arc::new(files), withheld), args))
}

/// The flag that names a Dockerfile. No other is looked at here.
fn file_flag(name: Name<'_>) -> Option<Known<()>> {
    name.is_of("file", Some('f')).then_some(Known {
        flag: (),
        takes_value: true,
    })
}

/// What the last `--file` names.
fn last_dockerfile(args: &[String]) -> Option<String> {
    Some(read(args, file_flag).flatten().last()?.value?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(args: &[&str]) -> Vec<String> {
        args.iter().map(|arg| (*arg).to_owned()).collect()
    }

    #[test]
    fn the_last_dockerfile_counts_in_every_spelling() {
        for (args, value) in [
            (&["--file=x", "-f", "y", "--pull"][..], "y"),
            (&["--pull", "-fx"], "x"),
            (&["-f=x"], "x"),
            (&["--file", "x", "--file="], ""),
            (&["--file", "-fx"], "-fx"),
            (&["-f", "x", "--file"], "x"),
        ] {
            assert_eq!(last_dockerfile(&strings(args)).as_deref(), Some(value), "{args:?}");
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
    async fn a_dockerfile_is_named_in_its_place_as_it_is_in_the_context() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("File");
        std::fs::write(&file, "FROM scratch\n").expect("written");
        let file = file.display().to_string();
        let args = strings(&["--target", "y", "--file", &file, "--build-arg"]);
        let (_, args) = context(directory.path(), &args).expect("a context");
        assert_eq!(args, ["--target", "y", "--file=File", "--build-arg"]);
    }
}
