//! The image that agents are made from in tests: one that is there, else a pulled one, else a busybox packed here.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bollard::Docker;
use bollard::errors::Error;
use bollard::query_parameters::{CreateImageOptionsBuilder, TagImageOptionsBuilder};
use bytes::Bytes;
use futures::TryStreamExt;

use crate::command::{apt_install, read};
use crate::engine::{Engine, block_on};

/// Its name on the engine.
pub const TEST_IMAGE: &str = "mngr-test:busybox";
const REPOSITORY: &str = "mngr-test";
const TAG: &str = "busybox";
/// How long a registry may take to hand out some two megabytes.
const PULL: Duration = Duration::from_secs(30);

/// Makes sure that it is there, and says how it came there.
pub fn ensure(engine: &Engine) -> Result<&'static str> {
    let docker = engine.connect()?;
    block_on(async {
        if exists(&docker).await? {
            return Ok("already there");
        }
        if tokio::time::timeout(PULL, pull(&docker))
            .await
            .is_ok_and(|pulled| pulled.is_ok())
        {
            return Ok("pulled");
        }
        import(&docker).await.context("cannot make the test image")?;
        Ok("packed from this machine's busybox")
    })
}

async fn exists(docker: &Docker) -> Result<bool> {
    match docker.inspect_image(TEST_IMAGE).await {
        Ok(_) => Ok(true),
        Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn pull(docker: &Docker) -> Result<()> {
    let options = CreateImageOptionsBuilder::default()
        .from_image("busybox")
        .tag("latest")
        .build();
    docker
        .create_image(Some(options), None, None)
        .try_collect::<Vec<_>>()
        .await?;
    let tag = TagImageOptionsBuilder::default().repo(REPOSITORY).tag(TAG).build();
    docker.tag_image("busybox:latest", Some(tag)).await?;
    Ok(())
}

async fn import(docker: &Docker) -> Result<()> {
    let rootfs = Bytes::from(rootfs(&busybox()?)?);
    let options = CreateImageOptionsBuilder::default()
        .from_src("-")
        .repo(REPOSITORY)
        .tag(TAG)
        .changes(vec!["CMD [\"sh\"]".to_owned(), "ENV PATH=/usr/bin:/bin".to_owned()])
        .build();
    let body = bollard::body_full(rootfs);
    docker
        .create_image(Some(options), Some(body), None)
        .try_collect::<Vec<_>>()
        .await?;
    Ok(())
}

/// A busybox that needs no libraries, installed where apt can.
fn busybox() -> Result<PathBuf> {
    let is_static = |path: &Path| {
        let listed = std::fs::read(path).is_ok_and(|bytes| {
            !bytes
                .windows(10)
                .any(|part| part == b"/ld-linux-" || part == b"ld-musl-x8")
        });
        path.is_file() && listed
    };
    let path = PathBuf::from("/bin/busybox");
    if !is_static(&path) {
        apt_install(&["busybox-static"])?;
    }
    if !is_static(&path) {
        bail!("{} is not linked statically; install busybox-static", path.display());
    }
    Ok(path)
}

fn rootfs(busybox: &Path) -> Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut entry = |path: &str, kind: tar::EntryType, mode: u32, content: &[u8], link: Option<&str>| -> Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(content.len() as u64);
        match link {
            Some(link) => tar.append_link(&mut header, path, link)?,
            None => tar.append_data(&mut header, path, content)?,
        }
        Ok(())
    };
    for folder in ["bin", "dev", "etc", "proc", "root", "sys", "usr", "usr/bin", "var"] {
        entry(folder, tar::EntryType::Directory, 0o755, &[], None)?;
    }
    entry("tmp", tar::EntryType::Directory, 0o1777, &[], None)?;
    entry(
        "etc/passwd",
        tar::EntryType::Regular,
        0o644,
        b"root:x:0:0:root:/root:/bin/sh\n",
        None,
    )?;
    entry("etc/group", tar::EntryType::Regular, 0o644, b"root:x:0:\n", None)?;
    entry(
        "bin/busybox",
        tar::EntryType::Regular,
        0o755,
        &std::fs::read(busybox)?,
        None,
    )?;
    for applet in read(Command::new(busybox).arg("--list"))?
        .lines()
        .filter(|name| *name != "busybox")
    {
        entry(
            &format!("bin/{applet}"),
            tar::EntryType::Symlink,
            0o777,
            &[],
            Some("busybox"),
        )?;
    }
    Ok(tar.into_inner()?)
}
