//! Files in and out, by the rules of `docker cp`.

use std::io::Read;

use futures::StreamExt;
use mngr_docker_tests::{behaviours, error_kind, tar_of};
use mngr_host_shim::streams::Archive;

async fn unpacked(archive: Archive) -> Vec<(String, String)> {
    let Archive::Tar(mut stream) = archive else {
        panic!("an agent's files come as tar");
    };
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await {
        bytes.extend_from_slice(&piece.expect("bytes"));
    }
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

behaviours! {
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
