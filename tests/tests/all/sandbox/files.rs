use futures::StreamExt;
use mngr_host_shim::contract::docker::{Mount, MountKind};
use mngr_host_shim::engine::Engine;
use mngr_host_shim::streams::Archive;

use super::fixture::{engine, kind, run, sh, sleeper, words};

fn volume(source: &str, target: &str) -> Mount {
    Mount {
        kind: MountKind::Volume,
        source: source.to_owned(),
        target: target.to_owned(),
        ..Mount::default()
    }
}

#[tokio::test]
async fn a_named_volume_is_shared_and_outlives_its_containers() {
    let engine = engine();
    let with_volume = |name: &str, read_only| {
        let mut spec = sleeper(name);
        spec.mounts = vec![Mount {
            read_only,
            ..volume("shared", "/data")
        }];
        spec
    };
    let first = run(&engine, with_volume("a1", false)).await;
    let second = run(&engine, with_volume("a2", true)).await;
    sh(&engine, &first, "echo hi > /data/f").await;
    assert_eq!(sh(&engine, &second, "cat /data/f").await.stdout, "hi\n");
    let refused = sh(&engine, &second, "echo no > /data/g").await;
    assert_eq!(refused.stderr, "sh: can't create /data/g: Read-only file system\n");
    assert_eq!(kind(engine.volume_remove("shared", false).await), "conflict");
    for id in [first, second] {
        engine.container_remove(&id, true, true).await.unwrap();
    }
    let third = run(&engine, with_volume("a3", false)).await;
    assert_eq!(sh(&engine, &third, "cat /data/f").await.stdout, "hi\n");
    engine.container_remove(&third, true, true).await.unwrap();
    engine.volume_remove("shared", false).await.unwrap();
    assert_eq!(kind(engine.volume_inspect("shared").await), "not_found");
}

#[tokio::test]
async fn an_anonymous_volume_begins_with_the_images_files_and_goes_with_its_container() {
    let engine = engine();
    let mut spec = sleeper("a1");
    spec.volumes = words(&["/etc"]);
    let id = run(&engine, spec).await;
    assert!(sh(&engine, &id, "cat /etc/passwd").await.stdout.starts_with("root:"));
    let mounts = engine.container_inspect(&id, false).await.unwrap().mounts;
    let name = mounts[0].name.clone().expect("a volume has a name");
    assert_eq!((name.len(), mounts[0].kind), (64, MountKind::Volume));
    engine.container_remove(&id, true, true).await.unwrap();
    assert_eq!(kind(engine.volume_inspect(&name).await), "not_found");
}

async fn tar_of(archive: Archive) -> Vec<(String, Vec<u8>)> {
    let Archive::Tar(mut stream) = archive else {
        panic!("tar")
    };
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk.unwrap());
    }
    let mut archive = tar::Archive::new(bytes.as_slice());
    let mut entries = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_string_lossy().into_owned();
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
        entries.push((path, content));
    }
    entries
}

#[tokio::test]
async fn files_go_in_and_come_out_of_a_stopped_container() {
    let engine = engine();
    let id = engine.container_create(sleeper("a1")).await.unwrap().id;
    let here = tempfile::tempdir().unwrap();
    let source = here.path().join("src");
    std::fs::create_dir_all(source.join("sub")).unwrap();
    std::fs::write(source.join("sub/f"), "content").unwrap();
    std::os::unix::fs::symlink("sub/f", source.join("link")).unwrap();

    engine
        .archive_put(&id, "/root", None, Archive::Path(source.clone()))
        .await
        .unwrap();
    engine
        .archive_put(&id, "/root", Some("renamed"), Archive::Path(source.clone()))
        .await
        .unwrap();
    engine
        .archive_put(&id, "/tmp", Some("."), Archive::Path(source))
        .await
        .unwrap();
    for path in ["/root/src/sub/f", "/root/renamed/sub/f", "/tmp/sub/f"] {
        let stat = engine.archive_stat(&id, path).await.unwrap();
        assert_eq!(
            (stat.name.as_str(), stat.size_bytes, stat.is_directory),
            ("f", 7, false)
        );
    }
    let link = engine.archive_stat(&id, "/tmp/link").await.unwrap();
    assert_eq!(link.link_target, "/tmp/sub/f");

    let entries = tar_of(engine.archive_get(&id, "/root/renamed").await.unwrap()).await;
    let names: Vec<_> = entries.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["renamed/", "renamed/link", "renamed/sub/", "renamed/sub/f"]);
    assert_eq!(entries[3].1, b"content");
}

#[tokio::test]
async fn a_copy_to_or_from_nowhere_is_an_error() {
    let engine = engine();
    let id = engine.container_create(sleeper("a1")).await.unwrap().id;
    let here = tempfile::tempdir().unwrap();
    let put = |path: &'static str| engine.archive_put(&id, path, None, Archive::Path(here.path().to_owned()));
    assert_eq!(kind(put("/nope").await), "not_found");
    assert_eq!(kind(put("/etc/passwd").await), "invalid_argument");
    assert_eq!(kind(engine.archive_get(&id, "/nope").await.map(|_| ())), "not_found");
    assert_eq!(kind(engine.archive_stat(&id, "/etc/passwd/x").await), "not_found");
}

#[tokio::test]
async fn a_diff_names_what_is_not_as_in_the_image() {
    let engine = engine();
    let id = run(&engine, sleeper("a1")).await;
    sh(&engine, &id, "echo x > /root/new; echo y >> /etc/passwd; rm /etc/group").await;
    let changes = engine.container_diff(&id).await.unwrap();
    assert_eq!(changes.added, ["/root/new"]);
    assert_eq!(changes.modified, ["/etc", "/etc/passwd", "/root"]);
    assert_eq!(changes.deleted, ["/etc/group"]);
    assert!(
        engine
            .container_inspect(&id, true)
            .await
            .unwrap()
            .writable_bytes
            .is_some_and(|bytes| bytes > 0)
    );
}
