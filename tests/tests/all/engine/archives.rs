use std::fs;

use futures::{StreamExt, TryStreamExt};
use mngr_host_shim::contract::Result;
use mngr_host_shim::engine::Engine;
use mngr_host_shim::streams::Archive;

use super::fixture::{Own, engine, spec, unique};

async fn bytes(archive: Archive) -> Vec<u8> {
    let Archive::Tar(stream) = archive else {
        panic!("{archive:?}")
    };
    stream
        .try_fold(Vec::new(), |mut all, piece| async move {
            all.extend_from_slice(&piece);
            Ok(all)
        })
        .await
        .expect("a whole archive")
}

fn tree() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    fs::create_dir_all(directory.path().join("top/sub")).expect("made");
    fs::write(directory.path().join("top/sub/file"), "content").expect("written");
    std::os::unix::fs::symlink("sub/file", directory.path().join("top/link")).expect("linked");
    directory
}

#[tokio::test]
async fn a_directory_goes_in_and_comes_out_again() {
    let own = Own::started("archive").await;
    let tree = tree();
    let put = async |root: Option<&str>, to| {
        own.engine
            .archive_put(&own.id, to, root, Archive::Path(tree.path().join("top")))
            .await
    };
    put(None, "/tmp").await.expect("copied");
    put(Some("other"), "/tmp").await.expect("copied");
    let (_, out, _) = own
        .ran(&[
            "sh",
            "-c",
            "cat /tmp/top/link /tmp/other/sub/file; readlink /tmp/top/link",
        ])
        .await;
    assert_eq!(out, "contentcontentsub/file\n");

    own.ran(&["mkdir", "/tmp/inside"]).await;
    put(Some("."), "/tmp/inside").await.expect("copied");
    assert_eq!(own.ran(&["cat", "/tmp/inside/link"]).await.1, "content");

    let archive = own.engine.archive_get(&own.id, "/tmp/top").await.expect("an archive");
    own.engine
        .archive_put(&own.id, "/tmp", Some("again"), archive)
        .await
        .expect("copied");
    assert_eq!(own.ran(&["cat", "/tmp/again/link"]).await.1, "content");
}

#[tokio::test]
async fn a_large_file_goes_through_in_pieces_and_whole() {
    let own = Own::started("archive-large").await;
    let tree = tree();
    let large: Vec<u8> = (0..20_000_000_u32).map(|n| n.to_le_bytes()[(n % 3) as usize]).collect();
    fs::write(tree.path().join("large"), &large).expect("written");
    let archive = Archive::Path(tree.path().join("large"));
    own.engine
        .archive_put(&own.id, "/tmp", None, archive)
        .await
        .expect("copied");
    let archive = bytes(own.engine.archive_get(&own.id, "/tmp/large").await.expect("an archive")).await;
    let mut entries = tar::Archive::new(archive.as_slice());
    let mut back = Vec::new();
    for entry in entries.entries().expect("an archive") {
        std::io::copy(&mut entry.expect("an entry"), &mut back).expect("read");
    }
    assert!(back == large);
}

#[tokio::test]
async fn a_path_is_described() {
    let own = Own::started("stat").await;
    own.ran(&[
        "sh",
        "-c",
        "echo hello > /tmp/f; chmod 4751 /tmp/f; ln -s f /tmp/l; chmod 1777 /tmp",
    ])
    .await;
    let stat = async |path| own.engine.archive_stat(&own.id, path).await;
    let file = stat("/tmp/f").await.expect("it is there");
    assert_eq!(
        (file.name.as_str(), file.size_bytes, file.mode, file.is_directory),
        ("f", 6, 0o4751, false)
    );
    let directory = stat("/tmp").await.expect("it is there");
    assert!(directory.is_directory && directory.mode == 0o1777);
    assert_eq!(stat("/tmp/l").await.expect("it is there").link_target, "/tmp/f");
    let missing = stat("/tmp/none").await.expect_err("none");
    assert_eq!(missing.kind(), "not_found");
    assert!(missing.message().contains("/tmp/none"));
}

#[tokio::test]
async fn a_path_with_strange_characters_stays_one_path() {
    let own = Own::started("strange").await;
    let path = "/tmp/a b&c=d?e#f%41ü";
    assert_eq!(own.ran(&["touch", path]).await.0, 0);
    assert_eq!(
        own.engine.archive_stat(&own.id, path).await.expect("it is there").name,
        &path[5..]
    );
    assert!(own.engine.archive_get(&own.id, path).await.is_ok());
}

#[tokio::test]
async fn what_is_not_there_can_not_be_copied() {
    let own = Own::created(spec(&unique("no-path"))).await;
    let kind = |result: Result<()>| result.expect_err("it is not there").kind();
    let get = async |path| own.engine.archive_get(&own.id, path).await.map(drop);
    assert_eq!(kind(get("/no/such").await), "not_found");
    let stat = own.engine.archive_stat(&own.id, "/etc/passwd/x").await;
    assert_eq!(kind(stat.map(drop)), "not_found");
    let tree = tree();
    let put = async |to| {
        let archive = Archive::Path(tree.path().join("top"));
        own.engine.archive_put(&own.id, to, None, archive).await
    };
    assert_eq!(kind(put("/no/such").await), "not_found");
    assert_eq!(kind(put("/etc/passwd").await), "invalid_argument");
    let none = Archive::Path("/no/such/path".into());
    assert_eq!(
        kind(own.engine.archive_put(&own.id, "/", None, none).await),
        "invalid_argument"
    );
}

#[tokio::test]
async fn a_source_that_breaks_off_is_blamed_and_not_the_engine() {
    let own = Own::created(spec(&unique("broken"))).await;
    let broken = futures::stream::iter([
        Ok(bytes::Bytes::from(vec![0; 512])),
        Err(std::io::Error::other("the pipe broke")),
    ]);
    let error = own
        .engine
        .archive_put(&own.id, "/", None, Archive::Tar(broken.boxed()))
        .await
        .expect_err("broken");
    assert_eq!(error.kind(), "invalid_argument");
    assert!(error.message().contains("the pipe broke"));
}

#[tokio::test]
async fn what_differs_from_the_image_is_listed() {
    let own = Own::started("diff").await;
    own.ran(&["touch", "/added"]).await;
    let changes = own.engine.container_diff(&own.id).await.expect("changes");
    assert!(changes.added.contains(&"/added".into()));
    assert!(engine().container_diff("mngr-test-none").await.is_err());
}
