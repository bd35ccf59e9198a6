//! Tar archives as they are sent: a path is packed, an archive's topmost entry renamed, both as the bytes are asked for.

mod entries;
mod opened;
mod pack;
mod rename;
mod unpack;

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use mngr_contract::error::{invalid, not_found};
use mngr_contract::streams::{Archive, ByteStream};
use mngr_contract::{ProviderError, Result};
use tar::Builder;
use tokio_util::io::{ReaderStream, StreamReader, SyncIoBridge};

pub use entries::each;
pub(crate) use opened::Opened;
pub(crate) use pack::{append, pack};
pub use rename::{inside, rename};
pub use unpack::unpack;

/// Bytes between the thread that packs and the connection.
const BUFFER: usize = 256 << 10;

/// The root name that stands for no topmost entry at all.
pub const CONTENTS_ONLY: &str = ".";

/// The error of a source that can not be read to its end.
pub fn unreadable(error: &io::Error) -> ProviderError {
    if error.kind() == io::ErrorKind::NotADirectory {
        return no_such_directory(error.to_string());
    }
    invalid(
        "archive",
        "",
        format!("it can not be read: {error}"),
        "see whether the files are there and may be read, and whether the archive is whole",
    )
}

/// The error of what is no directory, and is to get the name of one.
fn no_such_directory(reason: String) -> ProviderError {
    not_found(
        "the directory to copy to",
        reason,
        "make it first, or leave out the slash at its end",
    )
}

/// The bytes to send: `archive`, its topmost entry called `root_name`. A name that ends with a slash is a directory's.
///
/// # Errors
/// `invalid-argument` for a path that cannot be packed, `not-found` where what is no directory is to have a directory's name.
/// What is wrong further down shows in the stream.
pub fn bytes(archive: Archive, root_name: Option<&OsStr>) -> Result<ByteStream> {
    match (archive, root_name) {
        (Archive::AsUser(archive), name) => bytes(*archive, name),
        (Archive::Context(context, _), name) => bytes(Archive::Tar(context.tar()), name),
        (Archive::Tar(bytes), None) => Ok(bytes),
        (Archive::Tar(bytes), Some(name)) => {
            let source = SyncIoBridge::new(StreamReader::new(bytes));
            let name = name.to_owned();
            Ok(written(move |to| rename(source, to, &name, |_, _| true)))
        }
        (Archive::Path(path), name) => packed(&path, name),
    }
}

/// The bytes of a path, packed as they are asked for.
fn packed(path: &Path, name: Option<&OsStr>) -> Result<ByteStream> {
    let name = match name {
        Some(name) => name.to_owned(),
        None => last_component(path)?,
    };
    let root = Opened::at(path).map_err(|error| unreadable(&error))?;
    let is_directory = root.metadata().is_dir();
    if name == CONTENTS_ONLY && !is_directory {
        return Err(invalid(
            "path",
            path.display().to_string(),
            "only a directory has contents to copy, and this is none",
            "leave `/.` off its end",
        ));
    }
    if name.as_bytes().ends_with(b"/") && !is_directory {
        return Err(no_such_directory(rename::no_such_directory(&name).to_string()));
    }
    let top = if name == CONTENTS_ONLY { OsString::new() } else { name };
    Ok(written(move |to| {
        let mut builder = Builder::new(to);
        pack(root, Path::new(&top), &mut builder, |_| {})?;
        builder.into_inner()?.flush()
    }))
}

/// The bytes of an archive, its topmost entry called `root_name`, without what lies in the directories `exclude` below that.
pub fn without(archive: Archive, root_name: &str, exclude: Vec<String>) -> Result<ByteStream> {
    let Archive::Tar(bytes) = archive else {
        return self::bytes(archive, Some(OsStr::new(root_name)));
    };
    let name = root_name.to_owned();
    let inside: Vec<_> = exclude.iter().map(|path| Path::new(&name).join(path)).collect();
    let source = SyncIoBridge::new(StreamReader::new(bytes));
    // A left-out directory itself stays, as the empty place of what was in it.
    let kept = move |path: &Path, _| !inside.iter().any(|out| path != out && path.starts_with(out));
    Ok(written(move |to| rename(source, to, OsStr::new(&name), kept)))
}

fn last_component(path: &Path) -> Result<OsString> {
    // `.` and `..` have no name of their own.
    let whole = match path.components().next_back() {
        Some(Component::Normal(_)) => path.to_path_buf(),
        _ => path.canonicalize().map_err(|error| unreadable(&about(path, &error)))?,
    };
    whole.file_name().map(OsStr::to_owned).ok_or_else(|| {
        let reason = "it has no name";
        invalid("path", path.display().to_string(), reason, "name another path")
    })
}

/// An error that says which file.
fn about(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Bytes that a thread of its own writes. It ends when the reader goes away.
pub fn written(write: impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static) -> ByteStream {
    let (near, far) = tokio::io::duplex(BUFFER);
    let task = tokio::task::spawn_blocking({
        let mut far = SyncIoBridge::new(far);
        move || {
            write(&mut far)?;
            far.flush()
        }
    });
    let ended = async move { task.await.map_err(io::Error::other)? };
    // A failed writer just stops; its error comes after the last of its bytes.
    let failure = futures::StreamExt::filter_map(futures::stream::once(ended), async |end| end.err().map(Err));
    Box::pin(futures::StreamExt::chain(
        ReaderStream::with_capacity(near, BUFFER),
        failure,
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use futures::{StreamExt, TryStreamExt};
    use tar::{EntryType, Header};

    use super::*;

    /// What an archive holds: by path, the kind, the mode and the content or the link's target.
    type Listing = BTreeMap<String, (char, u32, String)>;

    fn listing(bytes: &[u8]) -> Listing {
        let mut listing = Listing::new();
        for entry in tar::Archive::new(bytes).entries().expect("an archive") {
            let mut entry = entry.expect("an entry");
            let path = entry.path().expect("a path").display().to_string();
            let mode = entry.header().mode().expect("a mode") & 0o7777;
            let link = entry
                .link_name()
                .expect("a link")
                .map(|link| link.display().to_string());
            let mut content = String::new();
            entry.read_to_string(&mut content).expect("content");
            let kind = char::from(entry.header().entry_type().as_byte());
            listing.insert(
                path.trim_end_matches('/').to_owned(),
                (kind, mode, link.unwrap_or(content)),
            );
        }
        listing
    }

    async fn collected(stream: ByteStream) -> io::Result<Vec<u8>> {
        stream
            .try_fold(Vec::new(), |mut all, piece| async move {
                all.extend_from_slice(&piece);
                Ok(all)
            })
            .await
    }

    /// `top/` with a file, a directory, a symbolic and, in an archive, a hard link.
    fn tree() -> tempfile::TempDir {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let top = directory.path().join("top");
        fs::create_dir_all(top.join("sub")).expect("made");
        fs::write(top.join("file"), "content").expect("written");
        fs::set_permissions(top.join("file"), fs::Permissions::from_mode(0o640)).expect("set");
        fs::write(top.join("sub/deep"), "deep").expect("written");
        symlink("file", top.join("link")).expect("linked");
        symlink("nowhere", top.join("dangling")).expect("linked");
        directory
    }

    fn archived(entries: &[(&str, &str)]) -> ByteStream {
        let mut builder = Builder::new(Vec::new());
        for (path, content) in entries {
            let mut header = Header::new_gnu();
            header.set_mode(0o644);
            header.set_size(content.len() as u64);
            let kind = if path.ends_with('/') {
                EntryType::Directory
            } else {
                EntryType::Regular
            };
            header.set_entry_type(kind);
            builder
                .append_data(&mut header, path, content.as_bytes())
                .expect("appended");
        }
        let bytes = builder.into_inner().expect("an archive");
        // In small pieces, as a connection would deliver them.
        let pieces: Vec<_> = bytes
            .chunks(100)
            .map(|piece| Ok(bytes::Bytes::copy_from_slice(piece)))
            .collect();
        futures::stream::iter(pieces).boxed()
    }

    #[tokio::test]
    async fn a_directory_is_packed_under_its_own_name_with_links_and_modes() {
        let tree = tree();
        let stream = bytes(Archive::Path(tree.path().join("top")), None).expect("a stream");
        let listing = listing(&collected(stream).await.expect("bytes"));
        assert_eq!(listing.keys().next().map(String::as_str), Some("top"));
        assert_eq!(listing["top/file"], ('0', 0o640, "content".into()));
        assert_eq!(listing["top/link"].2, "file");
        assert_eq!(listing["top/dangling"].0, '2');
        assert_eq!(listing["top/sub/deep"].2, "deep");
    }

    #[tokio::test]
    async fn a_root_name_renames_the_topmost_entry_and_a_dot_leaves_it_out() {
        let tree = tree();
        let pack = async |name: &str| {
            let stream = bytes(Archive::Path(tree.path().join("top")), Some(OsStr::new(name))).expect("a stream");
            listing(&collected(stream).await.expect("bytes"))
        };
        let renamed = pack("other").await;
        assert!(renamed.contains_key("other/sub/deep") && !renamed.contains_key("top"));
        let contents = pack(".").await;
        assert!(contents.contains_key("sub/deep") && contents.len() == 5);
    }

    #[tokio::test]
    async fn a_file_has_no_contents_to_copy() {
        let tree = tree();
        let path = tree.path().join("top/file");
        assert!(bytes(Archive::Path(path), Some(OsStr::new("."))).is_err());
        let stream = bytes(Archive::Tar(archived(&[("file", "x")])), Some(OsStr::new("."))).expect("a stream");
        assert!(collected(stream).await.is_err());
    }

    #[tokio::test]
    async fn a_path_that_is_not_there_is_named() {
        let error = bytes(Archive::Path("/no/such/path".into()), None)
            .err()
            .expect("an error");
        assert_eq!(error.kind(), "invalid_argument");
        assert!(error.message().contains("/no/such/path"));
    }

    #[tokio::test]
    async fn an_archive_without_a_new_name_passes_untouched() {
        let entries = [("a/", ""), ("b", "x")];
        let same = collected(bytes(Archive::Tar(archived(&entries)), None).expect("a stream"))
            .await
            .expect("bytes");
        assert_eq!(same, collected(archived(&entries)).await.expect("bytes"));
    }

    #[tokio::test]
    async fn an_archives_topmost_entry_is_renamed_as_it_streams() {
        let long = format!("top/{}/file", "d".repeat(120));
        let entries = [("top/", ""), ("top/file", "content"), (long.as_str(), "deep")];
        let rename = async |name: &str| {
            let stream = bytes(Archive::Tar(archived(&entries)), Some(OsStr::new(name))).expect("a stream");
            listing(&collected(stream).await.expect("bytes"))
        };
        let renamed = rename("other").await;
        assert_eq!(renamed["other/file"].2, "content");
        assert_eq!(renamed[&long.replace("top/", "other/")].2, "deep");
        assert!(rename(".").await.contains_key("file"));
    }

    #[tokio::test]
    async fn a_directorys_contents_are_put_under_the_new_name() {
        let archive = archived(&[("./", ""), ("./a", "1"), ("./b/c", "2")]);
        let stream = bytes(Archive::Tar(archive), Some(OsStr::new("new"))).expect("a stream");
        let listing = listing(&collected(stream).await.expect("bytes"));
        assert!(listing.contains_key("new/a") && listing.contains_key("new/b/c"));
    }

    #[tokio::test]
    async fn an_archive_with_two_topmost_entries_can_not_be_renamed() {
        let stream = bytes(Archive::Tar(archived(&[("a", "1"), ("b", "2")])), Some(OsStr::new("c"))).expect("a stream");
        let error = collected(stream).await.expect_err("two");
        assert!(error.to_string().contains('b'));
    }
}
