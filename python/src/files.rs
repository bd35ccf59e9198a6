//! Files in and out of agents, running or not: whole archives, and single files out of archives of one.

use std::io::Read;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use mngr_host_shim::contract::Result;
use mngr_host_shim::contract::limits::COPY;
use mngr_host_shim::error::{internal, invalid};
use mngr_host_shim::provider::Provider;
use mngr_host_shim::streams::Archive;
use tar::{Builder, EntryType, Header};
use tokio_util::sync::CancellationToken;

use crate::call::unless_cancelled;

/// Symbolic links that are followed one after the other; as many as Linux follows.
const LINKS: usize = 40;
/// What a file that is written is like.
pub struct Attributes {
    /// Permission bits, as `chmod` takes them.
    pub mode: u32,
    /// Its owner.
    pub uid: u64,
    /// Its group.
    pub gid: u64,
}

/// The file or directory at a path, as tar.
pub async fn copy_out(provider: &Provider, cancel: &CancellationToken, agent: &str, path: &str) -> Result<Vec<u8>> {
    let (_, archive) = provider.copy_out(agent, path).await?;
    collect(archive, cancel, agent, path).await
}

/// The content of the file at a path. Symbolic links are followed.
pub async fn read(provider: &Provider, cancel: &CancellationToken, agent: &str, path: &str) -> Result<Vec<u8>> {
    let mut at = path.to_owned();
    for _ in 0..LINKS {
        let (stat, archive) = provider.copy_out(agent, &at).await?;
        if !stat.link_target.is_empty() {
            let (parent, _) = split(&at).unwrap_or_default();
            at = match stat.link_target.starts_with('/') {
                true => stat.link_target,
                false => format!("{parent}/{}", stat.link_target),
            };
            continue;
        }
        if stat.is_directory {
            return Err(invalid(
                "path",
                path,
                "is a directory",
                "name a file, or take all of it: copy_out",
            ));
        }
        let archive = collect(archive, cancel, agent, path).await?;
        return content(&archive, agent, path);
    }
    Err(invalid(
        "path",
        path,
        "is a link that leads in a circle",
        "name the file itself",
    ))
}

/// Makes or replaces one file. The directory must be there.
pub async fn write(provider: &Provider, agent: &str, path: &str, data: &[u8], attributes: &Attributes) -> Result<()> {
    let Some((directory, name)) = split(path) else {
        return Err(invalid(
            "path",
            path,
            "does not name a file",
            "write an absolute path: /root/notes.txt",
        ));
    };
    let packed = pack(name, data, attributes).map_err(|error| internal("packing", error.to_string(), "report this"))?;
    let archive = Archive::Tar(futures::stream::iter([Ok(Bytes::from(packed))]).boxed());
    provider.copy_in(agent, &format!("{directory}/."), archive, false).await
}

/// An absolute path's directory and name.
fn split(path: &str) -> Option<(&str, &str)> {
    let (directory, name) = path.rsplit_once('/').filter(|_| path.starts_with('/'))?;
    (!matches!(name, "" | "." | "..")).then_some((directory, name))
}

fn pack(name: &str, data: &[u8], attributes: &Attributes) -> std::io::Result<Vec<u8>> {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(attributes.mode);
    header.set_uid(attributes.uid);
    header.set_gid(attributes.gid);
    header.set_size(data.len() as u64);
    let now = jiff::Timestamp::now().as_second();
    header.set_mtime(u64::try_from(now).unwrap_or_default());
    let mut builder = Builder::new(Vec::with_capacity(data.len() + 2048));
    builder.append_data(&mut header, name, data)?;
    builder.into_inner()
}

async fn collect(archive: Archive, cancel: &CancellationToken, agent: &str, path: &str) -> Result<Vec<u8>> {
    let mut pieces = match archive {
        Archive::Tar(pieces) => pieces,
        Archive::Context(context, _) => context.tar(),
        Archive::Path(_) | Archive::AsUser(_) => {
            return Err(internal(
                "the plugin",
                "it answered with a path of this machine",
                "report this to its author",
            ));
        }
    };
    let collecting = async {
        let mut bytes = Vec::new();
        while let Some(piece) = pieces.try_next().await.map_err(|error| broken(agent, path, &error))? {
            COPY.check(bytes.len() + piece.len())
                .map_err(|exceeded| exceeded.about(format!("copying {agent}:{path}")))?;
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    };
    unless_cancelled(cancel, "the copy", collecting).await
}

fn content(archive: &[u8], agent: &str, path: &str) -> Result<Vec<u8>> {
    let first = || {
        let mut archive = tar::Archive::new(archive);
        let mut entry = archive.entries()?.next().ok_or(std::io::ErrorKind::UnexpectedEof)??;
        if entry.header().entry_type() != EntryType::Regular {
            return Ok(None);
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map(|_| Some(content))
    };
    match first() {
        Ok(Some(content)) => Ok(content),
        Ok(None) => Err(invalid("path", path, "is no regular file", "name a file")),
        Err(error) => Err(broken(agent, path, &error)),
    }
}

fn broken(agent: &str, path: &str, error: &std::io::Error) -> mngr_host_shim::contract::ProviderError {
    internal(format!("copying {agent}:{path}"), error.to_string(), "copy again")
}
