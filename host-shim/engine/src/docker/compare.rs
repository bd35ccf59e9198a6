//! Two containers' files compared. Both are read as the engine exports them, once and in passing: what is kept of a file is
//! its digest.

use std::collections::BTreeMap;
use std::io::{self, Read};

use bollard::errors::Error;
use futures::{StreamExt, TryStreamExt};
use http::Method;
use http_body_util::BodyDataStream;
use mngr_contract::Result;
use mngr_contract::docker::ContainerChanges;
use mngr_contract::limits::{FILE_NAMES, FILES};
use sha2::{Digest, Sha256};
use tar::EntryType;
use tokio_util::io::{StreamReader, SyncIoBridge};
use tokio_util::sync::CancellationToken;

use super::images::COMMIT;
use super::requests::empty;
use super::{DockerEngine, references, tarball};
use crate::difference;

/// What the engine itself puts into every container where the image has nothing there. Its time is the container's.
const PUT_BY_THE_ENGINE: [&str; 7] = [
    "/.dockerenv",
    "/dev/console",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/mtab",
    "/etc/resolv.conf",
    "/sbin/docker-init",
];
/// How the names of a tar header's extended attributes begin.
const ATTRIBUTE: &str = "SCHILY.xattr.";

/// What is kept of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Node {
    kind: Kind,
    mode: u32,
    owner: (u64, u64),
    attributes: Vec<(String, Vec<u8>)>,
    /// Seconds since the epoch; 0 for directories, whose time changes with every file in them.
    modified: u64,
}

impl Node {
    /// Bytes of what has no fixed length.
    fn length(&self) -> usize {
        let target = match &self.kind {
            Kind::Symlink(target) => target.len(),
            _ => 0,
        };
        let attributes = self.attributes.iter().map(|(name, value)| name.len() + value.len());
        target + attributes.sum::<usize>()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    File {
        size: u64,
        digest: [u8; 32],
    },
    Directory,
    Symlink(Vec<u8>),
    /// A device or a FIFO: type and number.
    Special(u8, u32, u32),
}

type Files = BTreeMap<String, Node>;

pub(super) async fn container_compare(engine: &DockerEngine, older: &str, newer: &str) -> Result<ContainerChanges> {
    let (older, newer) = futures::try_join!(read(engine, older), read(engine, newer))?;
    Ok(difference::between(&older, &newer, differs))
}

fn differs(path: &str, before: &Node, now: &Node) -> bool {
    if PUT_BY_THE_ENGINE.contains(&path) {
        let modified = before.modified;
        return *before
            != Node {
                modified,
                ..now.clone()
            };
    }
    before != now
}

async fn read(engine: &DockerEngine, container: &str) -> Result<Files> {
    let id = references::name("container", container)?;
    let operation = engine.reads("read the files of", "container", id);
    let request = async {
        let request = engine.request(Method::GET, &format!("/containers/{id}/export"), &[], empty())?;
        let bytes = BodyDataStream::new(engine.stream(request).await?.into_body()).map_err(io::Error::other);
        // The thread that reads must not outlast the one who waits for it.
        let given_up = CancellationToken::new();
        let _guard = given_up.clone().drop_guard();
        let bytes = Box::pin(bytes.take_until(given_up.cancelled_owned()));
        let source = SyncIoBridge::new(StreamReader::new(bytes));
        let files = tokio::task::spawn_blocking(move || files(source)).await;
        files.map_err(io::Error::other)?.map_err(Error::from)
    };
    engine
        .run(operation.within(operation.deadline.max(COMMIT)), request)
        .await
}

/// Reads an archive to its end.
fn files(source: impl Read) -> io::Result<Files> {
    let (mut files, mut names) = (Files::new(), 0);
    let mut rest = tarball::each(source, |entry| {
        let path = absolute(&entry.path_bytes());
        if path == "/" {
            return Ok(());
        }
        let kind = entry.header().entry_type();
        let node = match kind {
            // The second name of a file has no content of its own.
            EntryType::Link => {
                let target = absolute(&entry.link_name_bytes().unwrap_or_default());
                let node = files.get(&target).cloned();
                node.ok_or_else(|| io::Error::other(format!("{path} is a link to {target}, which is not there")))?
            }
            _ => node(entry, kind)?,
        };
        names += path.len() + node.length();
        FILE_NAMES.check(names)?;
        files.insert(path, node);
        Ok(FILES.check(files.len())?)
    })?;
    io::copy(&mut rest, &mut io::sink())?;
    Ok(files)
}

fn node(entry: &mut tar::Entry<'_, impl Read>, kind: EntryType) -> io::Result<Node> {
    let mut attributes = Vec::new();
    for extension in entry.pax_extensions()?.into_iter().flatten() {
        let extension = extension?;
        if let Some(name) = extension.key().ok().and_then(|key| key.strip_prefix(ATTRIBUTE)) {
            attributes.push((name.to_owned(), extension.value_bytes().to_vec()));
        }
    }
    attributes.sort();
    let header = entry.header();
    let (mode, owner) = (header.mode()? & 0o7777, (header.uid()?, header.gid()?));
    let modified = match kind {
        EntryType::Directory => 0,
        _ => header.mtime()?,
    };
    let kind = match kind {
        EntryType::Directory => Kind::Directory,
        EntryType::Symlink => Kind::Symlink(entry.link_name_bytes().unwrap_or_default().into_owned()),
        EntryType::Char | EntryType::Block | EntryType::Fifo => {
            let number = |part: io::Result<Option<u32>>| part.map(Option::unwrap_or_default);
            Kind::Special(
                kind.as_byte(),
                number(header.device_major())?,
                number(header.device_minor())?,
            )
        }
        _ => {
            let mut digest = Sha256::new();
            let size = io::copy(entry, &mut digest)?;
            Kind::File {
                size,
                digest: digest.finalize().into(),
            }
        }
    };
    Ok(Node {
        kind,
        mode,
        owner,
        attributes,
        modified,
    })
}

/// `./a/b/` as `/a/b`. What is not UTF-8 is escaped, so that two names stay two.
fn absolute(path: &[u8]) -> String {
    let text = match std::str::from_utf8(path) {
        Ok(text) => text.to_owned(),
        Err(_) => path.escape_ascii().to_string(),
    };
    let parts = text.split('/').filter(|part| !matches!(*part, "" | "."));
    let whole = parts.fold(String::new(), |whole, part| whole + "/" + part);
    match whole.as_str() {
        "" => "/".to_owned(),
        _ => whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_counts_but_for_directories_and_what_the_engine_puts_there_itself() {
        let archive = |time: u64| {
            let mut tar = tar::Builder::new(Vec::new());
            for (path, kind) in [
                ("sbin/", EntryType::Directory),
                ("sbin/docker-init", EntryType::Regular),
                ("file", EntryType::Regular),
            ] {
                let mut header = tar::Header::new_gnu();
                header.set_entry_type(kind);
                header.set_mode(0o755);
                header.set_size(0);
                header.set_uid(0);
                header.set_gid(0);
                header.set_mtime(time);
                tar.append_data(&mut header, path, io::empty()).expect("an entry");
            }
            tar.into_inner().expect("an archive")
        };
        let read = |time| files(&archive(time)[..]).expect("files");
        let changes = difference::between(&read(1), &read(2), differs);
        assert_eq!(changes.modified, ["/file"]);
        assert!(changes.added.is_empty() && changes.deleted.is_empty());
    }
}
