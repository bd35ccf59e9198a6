//! Files in and out, by the rules of `docker cp`.

use std::io::Read;

use futures::StreamExt;
use mngr_docker_tests::{behaviours, error_kind, tar_of};
use mngr_host_shim::provider::NewAgent;
use mngr_host_shim::streams::Archive;

async fn bytes(archive: Archive) -> Vec<u8> {
    let Archive::Tar(mut stream) = archive else {
        panic!("an agent's files come as tar");
    };
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await {
        bytes.extend_from_slice(&piece.expect("bytes"));
    }
    bytes
}

async fn unpacked(archive: Archive) -> Vec<(String, String)> {
    let bytes = bytes(archive).await;
    let mut tar = tar::Archive::new(&bytes[..]);
    let mut files = Vec::new();
    for entry in tar.entries().expect("a tar") {
        let mut entry = entry.expect("an entry");
        let path = entry
            .path()
            .expect("a path")
            .to_string_lossy()
            .trim_end_matches('/')
            .to_owned();
        let mut content = String::new();
        entry.read_to_string(&mut content).expect("text");
        files.push((path, content));
    }
    files.sort();
    files
}

/// A tar archive of one file.
fn file(name: &str) -> Archive {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_uid(7);
    header.set_gid(8);
    header.set_size(3);
    builder.append_data(&mut header, name, &b"new"[..]).expect("a file");
    let bytes = builder.into_inner().expect("a tar").into();
    Archive::Tar(Box::pin(futures::stream::once(async { Ok(bytes) })))
}

behaviours! {
    async fn a_copy_never_removes_what_is_of_another_kind(bed) {
        bed.agent("a").await;
        let made = "mkdir -p /v/f /v/real && echo x >/v/f/in && echo x >/v/file && ln -s real /v/link";
        assert_eq!(bed.shell("a", made).await.0, 0);
        for (path, archive) in [
            ("/v", file("f")),
            ("/v/.", file("f")),
            ("/v", tar_of("file", &[("in", "1")])),
            ("/v", tar_of("link", &[("in", "1")])),
            ("/v/file", tar_of("p", &[("in", "1")])),
        ] {
            assert_eq!(error_kind(bed.provider.copy_in("a", path, archive, false).await), "conflict", "{path}");
        }
        assert_eq!(error_kind(bed.provider.copy_in("a", "/v/new/", file("f"), false).await), "not_found");
        let there = "cat /v/f/in /v/file; readlink /v/link; ls /v /v/real";
        assert_eq!(bed.shell("a", there).await, (0, "x\nx\nreal\n/v:\nf\nfile\nlink\nreal\n\n/v/real:\n".to_owned()));
        bed.provider.copy_in("a", "/v/new/", tar_of("p", &[("in", "1")]), false).await.expect("a directory");
        bed.provider.copy_in("a", "/v/link", file("p"), false).await.expect("behind the link");
        assert_eq!(bed.shell("a", "cat /v/new/in /v/real/p").await, (0, "1new".to_owned()));
    }

    async fn what_is_copied_keeps_its_owner_or_becomes_the_user_s_of_the_container(bed) {
        // An engine of 20.10 looks for the user on its own machine, where 1 is `daemon`.
        let start_args = vec!["--user=1".to_owned()];
        bed.provider.create(NewAgent { start_args, ..NewAgent::named("a") }).await.expect("an agent");
        for (name, archive, owner) in [("kept", file("p"), 7), ("given", Archive::AsUser(Box::new(file("p"))), 1)] {
            let path = format!("/tmp/{name}");
            bed.provider.copy_in("a", &path, archive, false).await.expect("copied");
            let (_, archive) = bed.provider.copy_out("a", &path).await.expect("copied");
            let bytes = bytes(archive).await;
            let mut tar = tar::Archive::new(&bytes[..]);
            let entry = tar.entries().expect("a tar").next().expect("an entry").expect("an entry");
            assert_eq!(entry.header().uid().expect("an owner"), owner, "{name}");
        }
    }

    async fn a_folder_goes_into_a_directory_that_exists(bed) {
        bed.agent("a").await;
        let archive = tar_of("project", &[("one", "1"), ("two", "2")]);
        bed.provider.copy_in("a", "/tmp", archive, false).await.expect("copied");
        assert_eq!(bed.shell("a", "cat /tmp/project/one /tmp/project/two").await, (0, "12".to_owned()));
    }

    async fn a_folder_gets_the_name_of_a_path_that_does_not_exist(bed) {
        bed.agent("a").await;
        let archive = tar_of("project", &[("one", "1")]);
        bed.provider.copy_in("a", "/tmp/renamed", archive, false).await.expect("copied");
        assert_eq!(bed.shell("a", "cat /tmp/renamed/one").await, (0, "1".to_owned()));
    }

    async fn only_what_a_folder_holds_can_be_copied(bed) {
        bed.agent("a").await;
        let archive = tar_of("project", &[("one", "1")]);
        bed.provider.copy_in("a", "/tmp", archive, true).await.expect("copied");
        assert_eq!(bed.shell("a", "cat /tmp/one").await, (0, "1".to_owned()));
    }

    async fn a_path_whose_parent_does_not_exist_is_named(bed) {
        bed.agent("a").await;
        let error = bed.provider.copy_in("a", "/no/such/place", tar_of("p", &[]), false).await.expect_err("no such parent");
        assert_eq!(error.kind(), "not_found");
        assert!(error.message().contains("/no/such"), "{}", error.message());
    }

    async fn what_goes_in_comes_out(bed) {
        bed.agent("a").await;
        bed.provider.copy_in("a", "/root", tar_of("p", &[("x", "content")]), false).await.expect("copied");
        let (stat, archive) = bed.provider.copy_out("a", "/root/p").await.expect("copied");
        assert!(stat.is_directory);
        assert_eq!(stat.name, "p");
        let expected = [("p".to_owned(), String::new()), ("p/x".to_owned(), "content".to_owned())];
        assert_eq!(unpacked(archive).await, expected);
    }

    #[everywhere]
    async fn a_large_file_goes_in_and_comes_out_byte_for_byte(bed) {
        bed.agent("a").await;
        let content: String = (0..1_000_000).map(|number| number.to_string()).collect();
        bed.provider.copy_in("a", "/root", tar_of("p", &[("large", &content)]), false).await.expect("copied");
        let (stat, archive) = bed.provider.copy_out("a", "/root/p/large").await.expect("copied");
        assert_eq!(stat.size_bytes, content.len() as u64);
        assert!(unpacked(archive).await == [("large".to_owned(), content)], "it comes out otherwise than it went in");
    }

    async fn a_stopped_agents_files_can_be_copied(bed) {
        bed.agent("a").await;
        bed.shell("a", "printf inside > /root/file").await;
        bed.provider.stop("a", Default::default()).await.expect("stopped");
        let (stat, archive) = bed.provider.copy_out("a", "/root/file").await.expect("copied");
        assert_eq!((stat.size_bytes, stat.is_directory), (6, false));
        assert_eq!(unpacked(archive).await, [("file".to_owned(), "inside".to_owned())]);
        bed.provider.copy_in("a", "/root", tar_of("p", &[("x", "1")]), false).await.expect("copied");
    }

    async fn a_file_that_is_not_there_is_named(bed) {
        bed.agent("a").await;
        let error = bed.provider.copy_out("a", "/no/such/file").await.map(drop).expect_err("no such file");
        assert_eq!(error.kind(), "not_found");
        assert!(error.message().contains("/no/such/file"), "{}", error.message());
    }

    async fn a_relative_path_is_refused(bed) {
        bed.agent("a").await;
        assert_eq!(error_kind(bed.provider.copy_in("a", "", tar_of("p", &[]), false).await), "invalid_argument");
    }
}
