//! The image that mngr's hosts are made from in tests: a small Debian with what mngr needs of a host, made by debootstrap
//! where it is not there yet. The tar of it is kept below target/, so that another engine gets it in seconds.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use bollard::Docker;
use bollard::errors::Error;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures::TryStreamExt;
use tokio_util::io::ReaderStream;

use crate::command::{apt_install, exists, read, run};
use crate::engine::{Engine, block_on};
use crate::target;

/// Its name on the engine.
pub const HOST_IMAGE: &str = "mngr-test:host";
const REPOSITORY: &str = "mngr-test";
const TAG: &str = "host";
/// What mngr looks for on a host, and `ps`; what else it wants is part of every Debian.
const PACKAGES: &str = "openssh-server,tmux,ca-certificates,git,rsync,procps,jq,xxd,curl";
const SUITE: &str = "bookworm";
/// The label that says what is in an image of that name: one with other packages is made again.
const LABEL: &str = "mngr.test.packages";

/// Makes sure that it is there, and says how it came there.
pub fn ensure(root: &Path, engine: &Engine) -> Result<&'static str> {
    let docker = engine.connect()?;
    if block_on(fits(&docker))? {
        return Ok("already there");
    }
    let (tar, how) = match kept(root)? {
        tar if tar.is_file() => (tar, "from the tar that was kept"),
        tar => {
            make(root, &tar).with_context(|| {
                format!("cannot make the image {HOST_IMAGE}; as root on a Debian machine with a mirror it can be made")
            })?;
            (tar, "made by debootstrap")
        }
    };
    block_on(import(&docker, &tar)).with_context(|| format!("cannot import {}", tar.display()))?;
    Ok(how)
}

/// Whether the engine has it, with the packages that it has today.
async fn fits(docker: &Docker) -> Result<bool> {
    match docker.inspect_image(HOST_IMAGE).await {
        Ok(image) => {
            let labels = image.config.and_then(|config| config.labels).unwrap_or_default();
            Ok(labels.get(LABEL).is_some_and(|packages| packages == PACKAGES))
        }
        Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Where the tar is kept: a file for each choice of packages.
fn kept(root: &Path) -> Result<PathBuf> {
    let name = format!("{SUITE}-{}.tar", PACKAGES.replace(',', "-"));
    Ok(target(root, "host-image")?.join(name))
}

fn make(root: &Path, tar: &Path) -> Result<()> {
    if !exists("debootstrap") && !Path::new("/usr/sbin/debootstrap").is_file() {
        apt_install(&["debootstrap"])?;
    }
    eprintln!("setup: making a Debian for {HOST_IMAGE}; this is done once and takes a minute or two");
    // Below target/ and not in a temporary directory, which may be too small or forbid device files.
    let work = tempfile::tempdir_in(target(root, "host-image")?)?;
    let rootfs = work.path().join("rootfs");
    let mut debootstrap = Command::new("debootstrap");
    debootstrap
        .env("PATH", path_of_administrators())
        .args(["--variant=minbase", &format!("--include={PACKAGES}"), SUITE])
        .arg(&rootfs)
        .args(mirror())
        .stdout(Stdio::null());
    run(&mut debootstrap)?;
    let unfinished = work.path().join("unfinished.tar");
    let mut pack = Command::new("tar");
    pack.arg("--create")
        .arg("--directory")
        .arg(&rootfs)
        // Where the packages came from is this machine's business, and the packages' files are dead weight.
        .args([
            "--exclude=./etc/apt/sources.list",
            "--exclude=./etc/resolv.conf",
            "--exclude=./etc/hostname",
        ])
        .args([
            "--exclude=./var/cache/apt/*",
            "--exclude=./var/lib/apt/lists/*",
            "--exclude=./dev/*",
        ])
        .arg("--file")
        .arg(&unfinished)
        .arg(".");
    run(&mut pack)?;
    fs::rename(&unfinished, tar).with_context(|| format!("cannot write {}", tar.display()))
}

/// The mirror that this machine's apt is set up with, else debootstrap's own choice.
fn mirror() -> Option<String> {
    let mut apt = Command::new("apt-get");
    apt.args(["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"])
        .arg(format!("Codename: {SUITE}"));
    read(&mut apt).ok()?.lines().next().map(str::to_owned)
}

fn path_of_administrators() -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{path}:/usr/sbin:/sbin")
}

async fn import(docker: &Docker, tar: &Path) -> Result<()> {
    let options = CreateImageOptionsBuilder::default()
        .from_src("-")
        .repo(REPOSITORY)
        .tag(TAG)
        .changes(vec!["CMD [\"bash\"]".to_owned(), format!("LABEL {LABEL}={PACKAGES}")])
        .build();
    let file = tokio::fs::File::open(tar).await?;
    let body = bollard::body_try_stream(ReaderStream::with_capacity(file, 1 << 20));
    docker
        .create_image(Some(options), Some(body), None)
        .try_collect::<Vec<_>>()
        .await?;
    Ok(())
}
