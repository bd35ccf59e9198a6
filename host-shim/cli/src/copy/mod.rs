//! `cp`: files in and out of agents, with the rules of `docker cp`.

mod place;
mod unpack;

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use clap::Args;
use futures::{StreamExt, TryStreamExt};
use mngr_host_shim::contract::docker::PathStat;
use mngr_host_shim::contract::{ProviderError, Result};
use mngr_host_shim::error::{exhausted, internal, invalid, not_found};
use mngr_host_shim::streams::{Archive, ByteStream};
use tokio::io::AsyncWriteExt;
use tokio_util::io::{ReaderStream, StreamReader, SyncIoBridge};

use super::context::Context;
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::raw;
use place::Place;
use unpack::Target;

/// Copy files and directories between an agent and this machine
///
/// A path in an agent is written AGENT:PATH. The agent need not run. `-` is a tar archive on stdin or stdout.
#[derive(Debug, Args)]
#[command(
    after_help = "What exists as a directory is copied into; otherwise the copy gets the very name that was given. With
`/.` after a directory only what is in it is copied. Names that hold a colon are written ./NAME.

Examples:
  mngr-docker cp notes.txt a1:/srv/
  mngr-docker cp a1:/srv/. results
  mngr-docker cp a1:/etc - | tar t"
)]
pub struct Cp {
    /// What to copy: AGENT:PATH, a local path, or `-`
    source: String,
    /// Where to: AGENT:PATH, a local path, or `-`
    destination: String,
}

impl Cp {
    /// Copies.
    pub async fn run(self, context: &Context) -> Outcome {
        let from = Place::parse("source", &self.source)?;
        let to = Place::parse("destination", &self.destination)?;
        let copying = async {
            match (from, to) {
                (Place::Agent { agent, path }, Place::Stream) => to_stdout(context, &agent, &path).await,
                (Place::Agent { agent, path }, Place::Local(to)) => copy_out(context, &agent, &path, to).await,
                (Place::Local(from), Place::Agent { agent, path }) => copy_in(context, &from, &agent, &path).await,
                (Place::Stream, Place::Agent { agent, path }) => from_stdin(context, &agent, &path).await,
                (Place::Agent { .. }, Place::Agent { .. }) => Err(one_side("both sides are agents").into()),
                (_, _) => Err(one_side("neither side is an agent").into()),
            }
        };
        copying.await?;
        Ok(Exit::OK)
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

async fn copy_in(context: &Context, from: &Path, agent: &str, path: &str) -> Done<()> {
    let (from, contents_only) = local_source(from)?;
    send(context, agent, path, Archive::Path(from), contents_only).await
}

async fn from_stdin(context: &Context, agent: &str, path: &str) -> Done<()> {
    let archive = Archive::Tar(ReaderStream::new(tokio::io::stdin()).boxed());
    // What is in the archive keeps its names, so this must be a directory that is there.
    let directory = format!("{}/.", path.trim_end_matches('/'));
    send(context, agent, &directory, archive, false).await
}

async fn send(context: &Context, agent: &str, path: &str, archive: Archive, contents_only: bool) -> Done<()> {
    let spinner = context.spinner("copying");
    let provider = context.provider(&spinner).await?;
    let copied = provider.copy_in(agent, path, archive, contents_only).await;
    copied.map_err(|error| context.failure(error))
}

/// The path with a name at its end, and whether only what is in it is meant.
fn local_source(given: &Path) -> Result<(PathBuf, bool)> {
    let shown = given.display().to_string();
    let fault = |error: Error| {
        not_found(
            format!("the local path {shown}"),
            error.to_string(),
            "name a path that is there",
        )
    };
    let contents_only = place::means_contents(&shown);
    let metadata = std::fs::symlink_metadata(given).map_err(fault)?;
    if !metadata.is_dir() && (contents_only || shown.ends_with('/')) {
        return Err(invalid(
            "source",
            shown,
            "is not a directory",
            "leave out what follows its name",
        ));
    }
    let named = given.file_name().is_some() && !contents_only;
    let path = if named {
        given.to_owned()
    } else {
        given.canonicalize().map_err(fault)?
    };
    Ok((path, contents_only))
}

async fn fetch(context: &Context, agent: &str, path: &str) -> Done<(PathStat, ByteStream)> {
    let spinner = context.spinner("copying");
    let provider = context.provider(&spinner).await?;
    match provider
        .copy_out(agent, path)
        .await
        .map_err(|error| context.failure(error))?
    {
        (stat, Archive::Tar(bytes)) => Ok((stat, bytes)),
        (stat, Archive::Context(context, _)) => Ok((stat, context.tar())),
        (_, Archive::Path(path)) => {
            let reason = format!("it answered with the local path {}", path.display());
            Err(internal("the plugin", reason, "report this to its author").into())
        }
    }
}

async fn to_stdout(context: &Context, agent: &str, path: &str) -> Done<()> {
    let (_, mut bytes) = fetch(context, agent, path).await?;
    let mut stdout = raw::stdout();
    while let Some(chunk) = or_interrupted(context, bytes.next()).await? {
        let chunk = chunk.map_err(|error| cut_short(agent, path, &error))?;
        stdout.write_all(&chunk).await?;
    }
    stdout.flush().await?;
    Ok(())
}

async fn copy_out(context: &Context, agent: &str, path: &str, to: PathBuf) -> Done<()> {
    let (stat, bytes) = fetch(context, agent, path).await?;
    let spinner = context.spinner("copying");
    let target = Target::choose(&stat, place::means_contents(path), &to)?;
    let reader = SyncIoBridge::new(StreamReader::new(bytes.map_err(Error::other)));
    let unpacking = tokio::task::spawn_blocking(move || target.unpack(reader));
    let unpacked = or_interrupted(context, unpacking).await?;
    drop(spinner);
    unpacked
        .map_err(|panic| internal("unpacking", panic.to_string(), "report this"))?
        .map_err(|error| cut_short(agent, path, &error).into())
}

fn cut_short(agent: &str, path: &str, error: &Error) -> ProviderError {
    let (subject, reason) = (format!("copying {agent}:{path}"), error.to_string());
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            exhausted(subject, reason, "make room on this machine's disk and copy again")
        }
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
