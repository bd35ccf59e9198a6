//! Files into and out of a container as tar.

use std::io::Read;
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use mngr_contract::Result;
use mngr_contract::docker::PathStat;
use mngr_contract::error::{invalid, not_found};
use mngr_contract::streams::Archive;
use tar::{Builder, EntryType, Header};

use super::filesystem::{Filesystem, FsError};
use super::tree::{Kind, Node, join, name};
use super::{SandboxEngine, errors};

impl SandboxEngine {
    fn files(&self, id: &str) -> Result<Filesystem> {
        Ok(self.state().container(id)?.files())
    }

    pub(super) fn stat_path(&self, id: &str, path: &str) -> Result<PathStat> {
        let files = self.files(id)?;
        let (at, node) = locate(&files, id, path)?;
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

    pub(super) fn get_archive(&self, id: &str, path: &str) -> Result<Archive> {
        let files = self.files(id)?;
        let (at, _) = locate(&files, id, path)?;
        let contents_only = path.ends_with("/.") || at == "/";
        let top = if contents_only { "." } else { name(&at) };
        let tar = pack(&files, &at, top).map_err(|error| errors::failed("container", id, error.to_string()))?;
        let chunk = futures::stream::once(async { Ok(Bytes::from(tar)) });
        Ok(Archive::Tar(chunk.boxed()))
    }

    pub(super) async fn put_archive(
        &self,
        id: &str,
        directory: &str,
        root_name: Option<&str>,
        archive: Archive,
    ) -> Result<()> {
        let files = self.files(id)?;
        let (at, _) = locate(&files, id, &format!("{directory}/."))?;
        let tar = bytes_of(archive).await?;
        unpack(&files, &at, root_name, &tar).map_err(|error| errors::failed("container", id, error.to_string()))
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

pub fn unpack(files: &Filesystem, directory: &str, root_name: Option<&str>, tar: &[u8]) -> std::io::Result<()> {
    let mut archive = tar::Archive::new(tar);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let Some(below) = renamed(&entry.path()?, root_name) else {
            continue;
        };
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
                let target = entry.link_name()?.unwrap_or_default();
                let target = renamed(&target, root_name).unwrap_or_default();
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
        node.uid = u32::try_from(uid).unwrap_or_default();
        node.gid = u32::try_from(gid).unwrap_or_default();
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

/// An entry's path below the directory, with the topmost component renamed, or left out where the name is `.`. None for
/// what is nothing then, and for a path that would lead out of the directory.
fn renamed(path: &Path, root_name: Option<&str>) -> Option<String> {
    let mut parts = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_string_lossy().into_owned()),
            Component::ParentDir => return None,
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    match root_name {
        Some(".") if !parts.is_empty() => {
            parts.remove(0);
        }
        Some(name) if !parts.is_empty() => name.clone_into(&mut parts[0]),
        _ => {}
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

pub async fn bytes_of(archive: Archive) -> Result<Vec<u8>> {
    let broken = |error: std::io::Error| {
        invalid(
            "archive",
            "",
            error.to_string(),
            "see whether the source can be read to its end",
        )
    };
    match archive {
        Archive::Tar(stream) | Archive::Context(stream, _) => {
            let chunks: Vec<Bytes> = stream.try_collect().await.map_err(broken)?;
            Ok(chunks.concat())
        }
        Archive::Path(path) => match tokio::task::spawn_blocking(move || pack_path(&path)).await {
            Ok(packed) => packed.map_err(broken),
            Err(error) => Err(broken(std::io::Error::other(error))),
        },
    }
}

fn pack_path(path: &PathBuf) -> std::io::Result<Vec<u8>> {
    let mut builder = Builder::new(Vec::new());
    builder.follow_symlinks(false);
    let whole = path.canonicalize()?;
    let top = path.file_name().or_else(|| whole.file_name()).unwrap_or_default();
    if path.is_dir() {
        builder.append_dir_all(top, path)?;
    } else {
        builder.append_path_with_name(path, top)?;
    }
    builder.into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_topmost_component_is_renamed_or_left_out() {
        let path = Path::new("./src/a/b");
        assert_eq!(renamed(path, None).as_deref(), Some("src/a/b"));
        assert_eq!(renamed(path, Some("dst")).as_deref(), Some("dst/a/b"));
        assert_eq!(renamed(path, Some(".")).as_deref(), Some("a/b"));
        assert_eq!(renamed(Path::new("src/"), Some(".")), None);
        assert_eq!(renamed(Path::new("src/../../etc"), None), None);
    }
}
