//! Files into agents and out of them.

use crate::fixture::{FILE, Fixture, tar_of, unpacked};
use crate::rule::{Comes, Stop, ensure_same, rules};

/// The files at a path of the agent `a`, out through the provider.
async fn out(fixture: &Fixture, path: &str) -> Result<Vec<(String, String)>, Stop> {
    let (_, archive) = fixture
        .provider
        .copy_out("a", path)
        .await
        .succeeds("to copy out of an agent")?;
    unpacked(archive).await
}

/// The same past the provider.
async fn there(fixture: &Fixture, path: &str) -> Result<Vec<(String, String)>, Stop> {
    let container = fixture.get("a").await?.container_id;
    match fixture.engine.archive_get(&container, path).await {
        Ok(archive) => unpacked(archive).await,
        Err(_) => Ok(Vec::new()),
    }
}

fn files(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, content)| ((*name).to_owned(), (*content).to_owned()))
        .collect()
}

rules! {
    "copy.round-trip" of "instance.copy-out", ["create", "copy-in", "copy-out"], "What is copied into an agent comes out of it as it was", |fixture| {
        fixture.agent("a").await?;
        let archive = tar_of("project", &[("one", "1"), ("two", "größe\n")]);
        fixture.provider.copy_in("a", "/tmp", archive, false).await.succeeds("to copy into an agent")?;
        ensure_same!(out(fixture, "/tmp/project").await?, files(&[("project/one", "1"), ("project/two", "größe\n")]), "the files");
    }

    "copy-in.goes-into-a-directory" of "instance.copy-in", ["create", "get", "copy-in"], "Where the path is a directory the folder is made in it", |fixture| {
        fixture.agent("a").await?;
        fixture.provider.copy_in("a", "/tmp", tar_of("project", &[("one", "1")]), false).await.succeeds("to copy into a directory")?;
        ensure_same!(there(fixture, "/tmp/project").await?, files(&[("project/one", "1")]), "the files");
    }

    "copy-in.gets-the-name-of-a-new-path" of "instance.copy-in", ["create", "get", "copy-in"], "Where nothing is at the path the folder gets that very name", |fixture| {
        fixture.agent("a").await?;
        fixture.provider.copy_in("a", "/tmp/renamed", tar_of("project", &[("one", "1")]), false).await.succeeds("to copy to a new name")?;
        ensure_same!(there(fixture, "/tmp/renamed").await?, files(&[("renamed/one", "1")]), "the files");
    }

    "copy-in.contents-only-leaves-out-the-top" of "instance.copy-in", ["create", "get", "copy-in"], "With `contents-only` what the folder holds is made, and not the folder", |fixture| {
        fixture.agent("a").await?;
        fixture.provider.copy_in("a", "/tmp", tar_of("project", &[("one", "1")]), true).await.succeeds("to copy the contents of a folder")?;
        ensure_same!(there(fixture, "/tmp/one").await?, files(&[("one", "1")]), "the file");
        ensure_same!(there(fixture, "/tmp/project").await?, files(&[]), "the folder");
    }

    "copy-in.no-directory-is-not-found" of "instance.copy-in", ["create", "copy-in"], "A path whose directory is not there is `not-found`", |fixture| {
        fixture.agent("a").await?;
        let copied = fixture.provider.copy_in("a", "/no/such/directory", tar_of("project", &[]), false).await;
        copied.fails_as("not_found", "to copy to a path whose directory is not there")?;
    }

    "copy-out.of-stopped" of "instance.copy-out", ["create", "stop", "copy-in", "copy-out"], "Files come out of a stopped agent too", |fixture| {
        fixture.agent("a").await?;
        fixture.provider.copy_in("a", "/tmp", tar_of("project", &[("one", "1")]), false).await.succeeds("to copy into an agent")?;
        fixture.stop("a").await?;
        ensure_same!(out(fixture, "/tmp/project").await?, files(&[("project/one", "1")]), "the files");
    }

    "copy-out.says-what-it-is" of "docker.path-stat", ["create", "exec", "copy-out"], "It is told what is copied: its name, its size and whether it is a directory", |fixture| {
        fixture.agent("a").await?;
        fixture.keep("a", "12345").await?;
        let (file, _) = fixture.provider.copy_out("a", FILE).await.succeeds("to copy a file out")?;
        ensure_same!((file.name.as_str(), file.size_bytes, file.is_directory), ("mngr-kept", 5, false), "name, size and kind of a file");
        let (directory, _) = fixture.provider.copy_out("a", "/tmp").await.succeeds("to copy a directory out")?;
        ensure_same!((directory.name.as_str(), directory.is_directory), ("tmp", true), "name and kind of a directory");
    }

    "copy-out.missing-path-is-not-found" of "instance.copy-out", ["create", "copy-out"], "A path that is not there is `not-found`", |fixture| {
        fixture.agent("a").await?;
        fixture.provider.copy_out("a", "/no/such/file").await.fails_as("not_found", "to copy what is not there")?;
    }
}
