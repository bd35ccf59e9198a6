//! Files into and out of a container as tar.

use std::ffi::OsStr;
use std::io::Read;
use std::path::Path;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use mngr_contract::Result;
use mngr_contract::docker::PathStat;
use mngr_contract::error::{conflict, not_found};
use mngr_contract::streams::{Archive, ByteStream};
use mngr_engine::docker::tarball;
use tar::{Builder, EntryType, Header};

use super::filesystem::{Filesystem, FsError};
use super::shell::User;
use super::tree::{Kind, Node, join, name};
use super::{SandboxEngine, errors};

impl SandboxEngine {
    fn files(&self, id: &str) -> Result<Filesystem> {
        Ok(self.state().container(id)?.files())
    }

    pub(super) async fn archive_stat(&self, id: &str, path: &str) -> Result<PathStat> {
        let files = self.files(id)?;
        // Of a path that leads through a file, or in a circle, an engine says no more than that it failed.
        let (at, node) = locate(&files, id, path).map_err(|_| {
            let reason = "there is no such path, a part of it is no directory, or its links lead in a circle";
            not_found(
                format!("`{path}` in container `{id}`"),
                reason,
                "see which files there are",
            )
        })?;
        Ok(PathStat {
            name: name(&at).to_owned(),
            size_bytes: node.size(),
            mode: node.mode & 0o7777,
            is_directory: node.is_directory(),
            link_target: match node.kind {
                Kind::Symlink(target) => files.resolve("/", &at, true).unwrap_or(target),
                _ => String::new(),
            },
        })
    }

    pub(super) async fn archive_get(&self, id: &str, path: &str) -> Result<Archive> {
        let files = self.files(id)?;
        let (at, _) = locate(&files, id, path)?;
        let contents_only = path.ends_with("/.") || at == "/";
        let top = if contents_only { "." } else { name(&at) };
        let tar = pack(&files, &at, top).map_err(|error| errors::failed("container", id, error.to_string()))?;
        let chunk = futures::stream::once(async { Ok(Bytes::from(tar)) });
        Ok(Archive::Tar(chunk.boxed()))
    }

    pub(super) async fn archive_put(
        &self,
        id: &str,
        directory: &str,
        root_name: Option<&str>,
        archive: Archive,
    ) -> Result<()> {
        let files = self.files(id)?;
        let (at, _) = locate(&files, id, &format!("{directory}/."))?;
        let owner = match archive {
            Archive::AsUser(_) => self.user_of(id, &files)?,
            _ => None,
        };
        let tar = bytes_of(tarball::bytes(archive, root_name.map(OsStr::new))?).await?;
        unpack(&files, &at, &tar, owner.as_ref()).map_err(|error| {
            let words = error.to_string();
            match words.starts_with("cannot overwrite ") {
                true => conflict(
                    format!("container `{id}`"),
                    "in the way",
                    words,
                    "remove what is in the way, or choose another name",
                ),
                false => errors::failed("container", id, words),
            }
        })
    }

    /// Who a container runs as, where it says so.
    fn user_of(&self, id: &str, files: &Filesystem) -> Result<Option<User>> {
        let user = self.state().container(id)?.config.user.clone();
        if user.is_empty() {
            return Ok(None);
        }
        let found = User::find(files, &user).ok_or_else(|| {
            let reason = format!("unable to find entry \"{user}\" in passwd database");
            errors::bad("container", id, reason)
        })?;
        Ok(Some(found))
    }
}

/// Where a path is, without following a link at its end unless a slash or a dot comes after it.
fn locate(files: &Filesystem, id: &str, path: &str) -> Result<(String, Node)> {
    let path = format!("/{}", path.trim_start_matches('/'));
    let is_directory = path.ends_with('/') || path.ends_with("/.");
    let found = files
        .resolve("/", &path, is_directory)
        .and_then(|at| files.stat("/", &at, is_directory).map(|node| (at, node)));
    match found {
        Ok((_, node)) if is_directory && !node.is_directory() => {
            Err(errors::bad("container", id, "extraction point is not a directory"))
        }
        Ok(found) => Ok(found),
        Err(FsError::NotFound) => {
            let path = path.strip_suffix("/.").filter(|path| !path.is_empty()).unwrap_or(&path);
            Err(not_found(
                format!("path `{path}` in container `{id}`"),
                format!("Could not find the file {path} in container {id}"),
                "see which files there are",
            ))
        }
        Err(error) => Err(errors::failed("container", id, format!("lstat {path}: {error}"))),
    }
}

pub fn pack(files: &Filesystem, at: &str, top: &str) -> std::io::Result<Vec<u8>> {
    let mut builder = Builder::new(Vec::new());
    for (path, node) in files.walk(at) {
        let below = path.strip_prefix(at).unwrap_or_default().trim_start_matches('/');
        let entry = if below.is_empty() {
            top.to_owned()
        } else {
            join(top, below)
        };
        let mut header = Header::new_gnu();
        header.set_mode(node.mode);
        header.set_uid(node.uid.into());
        header.set_gid(node.gid.into());
        header.set_mtime(u64::try_from(node.modified.as_second()).unwrap_or_default());
        header.set_size(0);
        match node.kind {
            Kind::File(content) => {
                header.set_size(content.len() as u64);
                header.set_entry_type(EntryType::Regular);
                builder.append_data(&mut header, entry, content.as_ref())?;
            }
            Kind::Directory => {
                header.set_entry_type(EntryType::Directory);
                builder.append_data(&mut header, format!("{entry}/"), std::io::empty())?;
            }
            Kind::Symlink(target) => {
                header.set_entry_type(EntryType::Symlink);
                builder.append_link(&mut header, entry, target)?;
            }
        }
    }
    builder.into_inner()
}

/// Unpacks an archive in a directory. What it holds becomes `owner`'s, where there is one.
pub fn unpack(files: &Filesystem, directory: &str, tar: &[u8], owner: Option<&User>) -> std::io::Result<()> {
    let mut archive = tar::Archive::new(tar);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let below = path_below(directory, &entry.path()?)?;
        if below.is_empty() {
            continue;
        }
        let at = files.resolve(directory, &below, false).map_err(std::io::Error::other)?;
        let header = entry.header();
        let mode = header.mode()? & 0o7777;
        let (uid, gid) = (header.uid().unwrap_or_default(), header.gid().unwrap_or_default());
        let modified = i64::try_from(header.mtime()?).unwrap_or_default();
        let present = files.stat("/", &at, false).ok();
        let was_directory = present.as_ref().is_some_and(Node::is_directory);
        let mut node = match header.entry_type() {
            EntryType::Directory => Node::directory(mode),
            EntryType::Symlink => {
                let target = entry.link_name()?.unwrap_or_default().to_string_lossy().into_owned();
                Node::symlink(target)
            }
            EntryType::Link => {
                let target = path_below(directory, &entry.link_name()?.unwrap_or_default())?;
                files.stat(directory, &target, false).map_err(std::io::Error::other)?
            }
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                let mut content = Vec::new();
                entry.read_to_end(&mut content)?;
                Node::file(content, mode)
            }
            _ => continue,
        };
        if was_directory && !node.is_directory() {
            let text = format!("cannot overwrite directory \"{at}\" with non-directory \"{below}\"");
            return Err(std::io::Error::other(text));
        }
        if node.is_directory() && present.is_some() && !was_directory {
            let text = format!("cannot overwrite non-directory \"{at}\" with directory \"{below}\"");
            return Err(std::io::Error::other(text));
        }
        node.uid = owner.map_or_else(|| u32::try_from(uid).unwrap_or_default(), |owner| owner.uid);
        node.gid = owner.map_or_else(|| u32::try_from(gid).unwrap_or_default(), |owner| owner.gid);
        node.modified = Timestamp::from_second(modified).unwrap_or_default();
        if let Some(above) = Path::new(&below).parent() {
            // An archive need not have entries for the directories of its files.
            files
                .make_directories(directory, &above.to_string_lossy())
                .map_err(std::io::Error::other)?;
        }
        files.put(&at, node).map_err(std::io::Error::other)?;
    }
    Ok(())
}

/// An entry's path below the directory; empty for the directory itself.
fn path_below(directory: &str, path: &Path) -> std::io::Result<String> {
    match tarball::inside(path) {
        Some(inside) => Ok(inside.to_string_lossy().into_owned()),
        None => {
            let text = format!("\"{}\" is outside of \"{directory}\"", path.display());
            Err(std::io::Error::other(text))
        }
    }
}

/// All bytes of a stream.
pub async fn bytes_of(stream: ByteStream) -> Result<Vec<u8>> {
    let chunks: Vec<Bytes> = stream
        .try_collect()
        .await
        .map_err(|error| tarball::unreadable(&error))?;
    Ok(chunks.concat())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::super::tree::Tree;
    use super::*;

    #[test]
    fn an_archive_cannot_lead_out_of_its_directory() {
        let files = Filesystem::new(Arc::new(Mutex::new(Tree::new())), false, Vec::new());
        files.make_directories("/", "srv").expect("made");
        let unpacked = |name: &str| {
            let mut header = Header::new_gnu();
            header.set_mode(0o644);
            header.set_size(2);
            // Byte for byte: the builder refuses such a name.
            header.as_gnu_mut().expect("a GNU header").name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            let mut tar = Builder::new(Vec::new());
            tar.append(&header, &b"hi"[..]).expect("appended");
            unpack(&files, "/srv", &tar.into_inner().expect("an archive"), None)
        };
        unpacked("a/../b").expect("unpacked");
        assert!(files.stat("/", "/srv/b", false).is_ok());
        let error = unpacked("a/../../etc").expect_err("refused");
        assert_eq!(error.to_string(), "\"a/../../etc\" is outside of \"/srv\"");
        assert!(files.stat("/", "/etc", false).is_err());
    }
}
