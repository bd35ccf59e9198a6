//! The Docker engine that demo, test and bench use: the one that answers, else one that is started.

use std::fmt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bollard::Docker;

use crate::command::{apt_install, exists, run};

/// How long a started engine may take until it answers.
const START: Duration = Duration::from_secs(60);
const LOCAL: &str = "unix:///var/run/docker.sock";

/// An engine that answered.
pub struct Engine {
    address: String,
    version: String,
}

impl Engine {
    /// As `host` and `DOCKER_HOST` have it.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A connection to it.
    pub fn connect(&self) -> Result<Docker> {
        Ok(Docker::connect_with_host(&self.address)?)
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.version, self.address)
    }
}

/// Runs asynchronous work to its end.
pub fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

/// The engine of `DOCKER_HOST`, else the local one, if it answers.
pub fn find() -> Result<Engine> {
    let address = std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty());
    let address = address.unwrap_or_else(|| LOCAL.to_owned());
    let version = block_on(async {
        let docker = Docker::connect_with_host(&address)?;
        Ok(tokio::time::timeout(Duration::from_secs(10), docker.version()).await??)
    });
    let version = version.with_context(|| format!("no Docker engine answers at {address}"))?;
    let version = format!("Docker Engine {}", version.version.unwrap_or_default());
    Ok(Engine { address, version })
}

/// The engine that answers; where none does, the machine's own is installed and started if that can be done.
pub fn find_or_start() -> Result<Engine> {
    let reason = match find() {
        Ok(engine) => return Ok(engine),
        Err(reason) => reason,
    };
    if std::env::var_os("DOCKER_HOST").is_some() {
        return Err(reason.context("DOCKER_HOST names an engine that can not be used; start it, or unset DOCKER_HOST"));
    }
    eprintln!("setup: {reason:#}; starting one");
    if !exists("dockerd") {
        apt_install(&["docker.io"]).context("there is no Docker engine")?;
    }
    if find().is_err() {
        start()?;
    }
    let deadline = Instant::now() + START;
    loop {
        match find() {
            Ok(engine) => return Ok(engine),
            Err(reason) if Instant::now() > deadline => {
                return Err(reason.context("the engine was started and does not answer; see `journalctl -u docker`"));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(200)),
        }
    }
}

fn start() -> Result<()> {
    if std::path::Path::new("/run/systemd/system").is_dir()
        && run(Command::new("systemctl").args(["start", "docker"])).is_ok()
    {
        return Ok(());
    }
    let log = std::env::temp_dir().join("mngr-docker-dockerd.log");
    let file = std::fs::File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    let dockerd = Command::new("dockerd")
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .spawn();
    match dockerd {
        Ok(_) => Ok(()),
        Err(error) => bail!("cannot start dockerd ({error}); start the engine yourself, or run this as root"),
    }
}
