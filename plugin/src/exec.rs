//! Inside an agent: commands, files and output. The bytes go past this crate.

use mngr_docker_grammar::words::shown;

use crate::contract::docker::{ContainerStatus, ExecOptions, LogOptions, PathStat};
use crate::contract::types::ProviderError;
use crate::error::{conflict, invalid, not_found};
use crate::{Capabilities, DockerProviderInstance, Result};
use crate::{container, lookup};

/// Most symbolic links that are followed one after another, as in the kernel.
const MAX_LINKS: usize = 40;

/// Starts a command in a running agent.
///
/// # Errors
/// `invalid-argument` for an empty command or a variable without a name, `conflict` for an agent that does not run, and
/// whatever the engine answers.
pub async fn exec<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    reference: &str,
    options: ExecOptions,
) -> Result<C::ExecSession> {
    if options.argv.first().is_none_or(String::is_empty) {
        let remedy = "give a program and its arguments: mngr-docker exec NAME -- PROGRAM ARGUMENT…";
        return Err(invalid("argv", "", "there is no command to run", remedy));
    }
    for variable in &options.env {
        // A name alone takes the container's variable away.
        let name = variable.split('=').next().unwrap_or_default();
        if name.is_empty() || name.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(invalid(
                "env",
                name,
                "its name is not the name of a variable",
                "write NAME=VALUE",
            ));
        }
    }
    let container = lookup::agent(provider, reference).await?;
    if container.state.status != ContainerStatus::Running {
        return Err(container::not_running(
            provider,
            &container,
            "a command needs a running agent",
        ));
    }
    provider.capabilities.exec(&container.id, options).await
}

/// What the agent's main command has printed.
///
/// # Errors
/// `invalid-argument` where neither output is asked for, and whatever the engine answers.
pub async fn logs<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    reference: &str,
    options: LogOptions,
) -> Result<C::LogStream> {
    if !options.stdout && !options.stderr {
        return Err(invalid(
            "stdout",
            "false",
            "neither output is asked for",
            "ask for stdout, stderr or both",
        ));
    }
    let container = lookup::agent(provider, reference).await?;
    provider.capabilities.logs(&container.id, options).await
}

/// Copies into an agent, running or not, as `docker cp` does.
///
/// # Errors
/// `invalid-argument` for a path that can not be meant, `not-found` for one whose directory is not there, and whatever the
/// engine answers.
pub async fn copy_in<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    reference: &str,
    path: &str,
    archive: C::Archive,
    contents_only: bool,
) -> Result<()> {
    let path = absolute(path)?;
    let container = lookup::agent(provider, reference).await?;
    let (directory, root_name) = destination(provider, &container.id, path, contents_only).await?;
    provider
        .capabilities
        .archive_put(&container.id, &directory, root_name, archive)
        .await
}

/// Copies a file or directory out of an agent, running or not. A symbolic link is copied as it is.
///
/// # Errors
/// `not-found` for a path that is not there, and whatever the engine answers.
pub async fn copy_out<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    reference: &str,
    path: &str,
) -> Result<(PathStat, C::Archive)> {
    let path = absolute(path)?;
    let container = lookup::agent(provider, reference).await?;
    let Some(stat) = stat(provider, &container.id, &path).await? else {
        return Err(no_path(
            &path,
            "check the path: mngr-docker exec NAME -- ls -la DIRECTORY",
        ));
    };
    let archive = provider.capabilities.archive_get(&container.id, &path).await?;
    Ok((stat, archive))
}

/// The directory to unpack in, and the name that the topmost entry gets.
async fn destination<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    id: &str,
    mut path: String,
    contents_only: bool,
) -> Result<(String, Option<String>)> {
    for _ in 0..MAX_LINKS {
        let found = stat(provider, id, &path).await?;
        let (parent, name) = split(&path);
        match found {
            Some(stat) if stat.is_directory => return Ok((path, contents_only.then(|| ".".to_owned()))),
            Some(stat) if !stat.link_target.is_empty() => path = join(parent, &stat.link_target),
            Some(_) if contents_only || path.ends_with('/') => {
                return Err(no_directory(&path));
            }
            Some(_) => return Ok((parent.to_owned(), Some(name.to_owned()))),
            None => {
                match stat(provider, id, parent).await? {
                    Some(stat) if stat.is_directory || !stat.link_target.is_empty() => {}
                    Some(_) => return Err(no_directory(parent)),
                    None => {
                        return Err(no_path(
                            parent,
                            "make the directory first: mngr-docker exec NAME -- mkdir -p DIRECTORY",
                        ));
                    }
                }
                // The slash says that a directory is meant, which what is copied has to be then.
                let slash = if path.ends_with('/') { "/" } else { "" };
                return Ok((parent.to_owned(), Some(format!("{name}{slash}"))));
            }
        }
    }
    let remedy = "name the file or directory that the links lead to";
    Err(invalid(
        "path",
        &path,
        "its symbolic links do not come to an end",
        remedy,
    ))
}

async fn stat<C: Capabilities>(provider: &DockerProviderInstance<C>, id: &str, path: &str) -> Result<Option<PathStat>> {
    match provider.capabilities.archive_stat(id, path).await {
        Ok(stat) => Ok(Some(stat)),
        Err(ProviderError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn no_directory(path: &str) -> ProviderError {
    conflict(
        format!("path `{}`", shown(path)),
        "a file",
        "a directory is needed",
        "name a directory, or a path that is not there yet",
    )
}

fn no_path(path: &str, remedy: &str) -> ProviderError {
    not_found(
        format!("path `{}`", shown(path)),
        "the agent has no such file or directory",
        remedy,
    )
}

/// A path in a container; a relative one is taken from its root, as `docker cp` does.
fn absolute(path: &str) -> Result<String> {
    if path.is_empty() || path.contains('\0') {
        return Err(invalid(
            "path",
            path,
            "it is empty or holds a NUL character",
            "write an absolute path",
        ));
    }
    Ok(if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    })
}

/// The directory a path is in, and its last part.
fn split(path: &str) -> (&str, &str) {
    match path.trim_end_matches('/').rsplit_once('/') {
        Some(("", name)) => ("/", name),
        Some((parent, name)) => (parent, name),
        None => ("/", ""),
    }
}

fn join(directory: &str, target: &str) -> String {
    if target.starts_with('/') {
        target.to_owned()
    } else {
        format!("{}/{target}", directory.trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_apart_and_together() {
        assert_eq!(split("/a/b/"), ("/a", "b"));
        assert_eq!(split("/a"), ("/", "a"));
        assert_eq!(split("/"), ("/", ""));
        assert_eq!(join("/a", "b"), "/a/b");
        assert_eq!(join("/", "b"), "/b");
        assert_eq!(join("/a", "/c"), "/c");
    }
}
