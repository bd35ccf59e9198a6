//! `cp`: files in and out of agents, with the rules of `docker cp`.

mod place;
mod unpack;

use std::ffi::{OsStr, OsString};
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use clap::Args;
use futures::{StreamExt, TryStreamExt};
use mngr_host_shim::contract::docker::PathStat;
use mngr_host_shim::contract::{ProviderError, Result};
use mngr_host_shim::engine::docker::tarball;
use mngr_host_shim::error::{conflict, exhausted, internal, invalid, not_found};
use mngr_host_shim::provider::Provider;
use mngr_host_shim::streams::{Archive, ByteStream};
use tokio::io::AsyncWriteExt;
use tokio_util::io::{ReaderStream, StreamReader, SyncIoBridge};

use super::context::Context;
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::raw;
use super::progress::Spinner;
use place::{Place, means_contents};
use unpack::{Source, Target};

/// Copy files and directories between an agent and this machine
///
/// A path in an agent is written AGENT:PATH. The agent need not run. `-` is a tar archive on stdin or stdout.
#[derive(Debug, Args)]
#[command(
    after_help = "What exists as a directory is copied into; otherwise the copy gets the very name that was given. With
`/.` after a directory only what is in it is copied. Names that hold a colon are written ./NAME.
A directory never takes the place of anything else, and nothing takes the place of a directory.

Examples:
  mngr-docker cp notes.txt a1:/srv/
  mngr-docker cp a1:/srv/. results
  mngr-docker cp a1:/etc - | tar t"
)]
pub struct Cp {
    /// Give what is copied into an agent to the user that its container runs as, where one was set
    #[arg(short, long)]
    archive: bool,
    /// Copy what the link SOURCE leads to, under the link's name
    #[arg(short = 'L', long)]
    follow_link: bool,
    /// Show no progress
    #[arg(short, long)]
    quiet: bool,
    /// What to copy: AGENT:PATH, a local path, or `-`
    source: OsString,
    /// Where to: AGENT:PATH, a local path, or `-`
    destination: OsString,
}

impl Cp {
    /// Copies.
    pub async fn run(self, context: &Context) -> Outcome {
        let from = Place::parse("source", &self.source)?;
        let to = Place::parse("destination", &self.destination)?;
        let copying = async {
            match (from, to) {
                (Place::Agent { agent, path }, Place::Stream) => self.to_stdout(context, &agent, &path).await,
                (Place::Agent { agent, path }, Place::Local(to)) => self.copy_out(context, &agent, &path, &to).await,
                (Place::Local(from), Place::Agent { agent, path }) => {
                    let (archive, contents_only) = local_source(&from, self.follow_link)?;
                    self.send(context, &agent, &path, archive, contents_only).await
                }
                (Place::Stream, Place::Agent { agent, path }) => {
                    let archive = Archive::Tar(ReaderStream::new(tokio::io::stdin()).boxed());
                    // What is in the archive keeps its names, so this must be a directory that is there.
                    let directory = format!("{}/.", path.trim_end_matches('/'));
                    self.send(context, &agent, &directory, archive, false).await
                }
                (Place::Agent { .. }, Place::Agent { .. }) => Err(one_side("both sides are agents").into()),
                (_, _) => Err(one_side("neither side is an agent").into()),
            }
        };
        copying.await?;
        Ok(Exit::OK)
    }

    fn spinner(&self, context: &Context) -> Spinner {
        match self.quiet {
            true => Spinner::silent(),
            false => context.spinner("copying"),
        }
    }

    async fn send(&self, context: &Context, agent: &str, path: &str, archive: Archive, contents: bool) -> Done<()> {
        let archive = match self.archive {
            true => Archive::AsUser(Box::new(archive)),
            false => archive,
        };
        let spinner = self.spinner(context);
        let provider = context.provider(&spinner).await?;
        let copied = provider.copy_in(agent, path, archive, contents).await;
        copied.map_err(|error| context.failure(error))
    }

    async fn fetch(&self, context: &Context, agent: &str, path: &str) -> Done<(PathStat, ByteStream)> {
        let spinner = self.spinner(context);
        let provider = context.provider(&spinner).await?;
        let fetched = self.fetch_from(&provider, agent, path).await;
        match fetched.map_err(|error| context.failure(error))? {
            (stat, Archive::Tar(bytes)) => Ok((stat, bytes)),
            (_, archive) => {
                let reason = format!("it answered with {archive:?}, which is no archive out of an agent");
                Err(internal("the plugin", reason, "report this to its author").into())
            }
        }
    }

    async fn fetch_from(&self, provider: &Provider, agent: &str, path: &str) -> Result<(PathStat, Archive)> {
        let (link, archive) = provider.copy_out(agent, path).await?;
        if !self.follow_link || link.link_target.is_empty() {
            return Ok((link, archive));
        }
        // The engine says where a link leads in the end, from the root.
        let (stat, archive) = provider.copy_out(agent, &link.link_target).await?;
        Ok((
            PathStat {
                name: link.name,
                ..stat
            },
            archive,
        ))
    }

    async fn to_stdout(&self, context: &Context, agent: &str, path: &str) -> Done<()> {
        let (_, mut bytes) = self.fetch(context, agent, path).await?;
        let mut stdout = raw::stdout();
        while let Some(chunk) = or_interrupted(context, bytes.next()).await? {
            let chunk = chunk.map_err(|error| cut_short(agent, path, &error))?;
            stdout.write_all(&chunk).await?;
        }
        stdout.flush().await?;
        Ok(())
    }

    async fn copy_out(&self, context: &Context, agent: &str, path: &str, to: &Path) -> Done<()> {
        let to = local(to, "destination")?;
        let (stat, bytes) = self.fetch(context, agent, path).await?;
        let spinner = self.spinner(context);
        let source = Source {
            name: stat.name.into(),
            is_directory: stat.is_directory,
            contents_only: means_contents(OsStr::new(path)),
        };
        let target = Target::choose(&source, &to)?;
        let reader = SyncIoBridge::new(StreamReader::new(bytes.map_err(Error::other)));
        let unpacking = tokio::task::spawn_blocking(move || target.unpack(reader));
        let unpacked = or_interrupted(context, unpacking).await?;
        drop(spinner);
        unpacked
            .map_err(|panic| internal("unpacking", panic.to_string(), "report this"))?
            .map_err(|error| cut_short(agent, path, &error).into())
    }
}

type Done<T> = std::result::Result<T, Failure>;

fn one_side(reason: &str) -> ProviderError {
    invalid(
        "destination",
        "",
        reason,
        "write one side as AGENT:PATH and the other as a local path or `-`",
    )
}

fn local(given: &Path, field: &str) -> Result<PathBuf> {
    place::absolute(given).map_err(|error| {
        let remedy = "write the path from the root";
        invalid(field, given.display().to_string(), error.to_string(), remedy)
    })
}

/// What to send of a local path, and whether only what is in it is meant.
fn local_source(given: &Path, follow_link: bool) -> Result<(Archive, bool)> {
    let shown = given.display().to_string();
    let fault = |error: Error| {
        not_found(
            format!("the local path {shown}"),
            error.to_string(),
            "name a path that is there",
        )
    };
    let path = local(given, "source")?;
    let contents_only = means_contents(path.as_os_str());
    let metadata = std::fs::symlink_metadata(&path).map_err(fault)?;
    if !metadata.is_dir() && contents_only {
        return Err(invalid(
            "source",
            shown,
            "is not a directory",
            "leave out what follows its name",
        ));
    }
    if contents_only {
        return Ok((Archive::Path(path.canonicalize().map_err(fault)?), true));
    }
    if follow_link && metadata.is_symlink() {
        let behind = path.canonicalize().map_err(fault)?;
        let bytes = tarball::bytes(Archive::Path(behind), path.file_name())?;
        return Ok((Archive::Tar(bytes), false));
    }
    Ok((Archive::Path(path), false))
}

fn cut_short(agent: &str, path: &str, error: &Error) -> ProviderError {
    let (subject, reason) = (format!("copying {agent}:{path}"), error.to_string());
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            exhausted(subject, reason, "make room on this machine's disk and copy again")
        }
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory | ErrorKind::IsADirectory => conflict(
            subject,
            "in the way",
            reason,
            "remove what is in the way, or choose another destination",
        ),
        ErrorKind::PermissionDenied => invalid("destination", "", reason, "choose a directory that you may write to"),
        _ => internal(subject, reason, "what was copied so far is left as it is; copy again"),
    }
}

async fn or_interrupted<T>(context: &Context, work: impl Future<Output = T>) -> Done<T> {
    tokio::select! {
        done = work => Ok(done),
        failure = context.interrupted() => Err(failure),
    }
}
