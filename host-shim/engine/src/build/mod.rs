//! The context of a build: what `docker build` would send of a directory.
//!
//! It is read here and not by the plugin: a plugin names no files of the user's machine, it is handed the archive.

mod ignore;
mod pack;
mod withheld;

use std::path::{Path, PathBuf};

use mngr_contract::Result;
use mngr_contract::environment::Environment;
use mngr_contract::error::invalid;
use mngr_contract::streams::Archive;

/// The Dockerfile of a context that names none.
const DOCKERFILE: &str = "Dockerfile";

/// A directory's archive, and the arguments of `docker build` as they hold for it.
///
/// A Dockerfile that is named by an absolute path may lie anywhere: one outside of the directory is added to the archive
/// under a name that nothing else has, as the Docker CLI does. Other names are those in the directory. Of `--secret` and
/// `--ssh` only the ids stay in the arguments.
///
/// # Errors
/// `invalid-argument` where the directory, the Dockerfile, `.dockerignore` or a secret can not be read.
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
    if let Some((position, value)) = last_dockerfile(&args) {
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
                    outside = Some((path, name.clone()));
                    name
                }
            };
            args.truncate(position.0);
            args.extend(position.1);
            args.push(format!("--file={dockerfile}"));
        }
    }
    let there = outside
        .as_ref()
        .map_or_else(|| root.join(&dockerfile), |(path, _)| path.clone());
    if !there.is_file() {
        let remedy = "write it there, or name another with --file (an absolute path, or one in the directory)";
        return Err(invalid(
            "dockerfile",
            there.display().to_string(),
            "there is no such file",
            remedy,
        ));
    }
    let rules = ignore::Rules::of(&root, &dockerfile).map_err(|error| unusable(error.to_string()))?;
    Ok((Archive::Context(pack::bytes(root, rules, outside), withheld), args))
}

/// Where the last `--file` stands, with the arguments that follow it, and its value.
type Place = (usize, Vec<String>);

fn last_dockerfile(args: &[String]) -> Option<(Place, String)> {
    let own = |arg: &str| {
        let value = arg
            .strip_prefix("--file=")
            .or_else(|| arg.strip_prefix("-f="))
            .or_else(|| {
                let short = arg.strip_prefix("-f")?;
                (!short.is_empty()).then_some(short)
            });
        value.map(str::to_owned)
    };
    (0..args.len()).rev().find_map(|position| {
        let arg = &args[position];
        if arg == "--file" || arg == "-f" {
            let value = args.get(position + 1)?.clone();
            return Some(((position, args[position + 2..].to_vec()), value));
        }
        let value = own(arg)?;
        Some(((position, args[position + 1..].to_vec()), value))
    })
}
