//! A standard library for wasm32-unknown-unknown: the installed one, else rustup's, else built from Debian's `rust-src`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::{exists, read, run};
use crate::target;

/// The plugin's target: WebAssembly with nothing around it.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Where suites with a recent `rust-src` are looked for, smallest index first.
const SUITES: [&str; 3] = ["trixie-backports", "sid", "trixie"];

/// Where the target's standard library comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Std {
    /// It lies in the toolchain's sysroot, compiled.
    Installed,
    /// Its source does; cargo compiles it along (`-Zbuild-std`), once per target folder.
    Source,
}

/// Finds or gets one.
pub fn ensure(root: &Path) -> Result<Std> {
    let sysroot = PathBuf::from(read(rustc().args(["--print", "sysroot"]))?);
    let installed = sysroot.join("lib/rustlib").join(TARGET).join("lib");
    if installed.is_dir() {
        return Ok(Std::Installed);
    }
    let source = sysroot.join("lib/rustlib/src/rust/library");
    if source.join("std/Cargo.toml").is_file() {
        return Ok(Std::Source);
    }
    if exists("rustup") {
        eprintln!("setup: rustup target add {TARGET}");
        match run(Command::new("rustup").args(["target", "add", TARGET])) {
            Ok(()) if installed.is_dir() => return Ok(Std::Installed),
            Ok(()) => eprintln!("setup: rustup added it to another toolchain than the one in use"),
            Err(error) => eprintln!("setup: {error:#}"),
        }
    }
    from_debian(root, &source).with_context(|| {
        format!(
            "there is no standard library for {TARGET}: run `rustup target add {TARGET}`, or put the library folder of \
             exactly this rustc's source at {}",
            source.display()
        )
    })?;
    Ok(Std::Source)
}

fn rustc() -> Command {
    Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
}

/// Unpacks Debian's package of this very rustc's library source.
fn from_debian(root: &Path, source: &Path) -> Result<()> {
    for program in ["apt-get", "apt-cache", "dpkg-deb"] {
        if !exists(program) {
            bail!("this machine has no {program}");
        }
    }
    let version = read(rustc().arg("--version"))?;
    let version = version
        .split(' ')
        .nth(1)
        .context("`rustc --version` names no version")?;
    let folder = target(root, "rust-src")?;
    for suite in SUITES {
        eprintln!("setup: looking for rust-src {version} in Debian's {suite}");
        match Apt::new(&folder, suite).and_then(|apt| apt.fetch(version)) {
            Ok(package) => {
                let unpacked = folder.join("unpacked");
                run(Command::new("dpkg-deb").arg("--extract").arg(&package).arg(&unpacked))?;
                return install(&unpacked.join(format!("usr/src/rustc-{version}/library")), source);
            }
            Err(error) => eprintln!("setup: {error:#}"),
        }
    }
    bail!("no Debian suite has rust-src {version}")
}

fn install(library: &Path, source: &Path) -> Result<()> {
    let parent = source.parent().context("a sysroot has folders")?;
    std::fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    run(Command::new("cp").arg("-a").arg(library).arg(source))
}

/// An apt of our own: its lists and sources do not touch the machine's.
struct Apt {
    folder: PathBuf,
}

impl Apt {
    fn new(folder: &Path, suite: &str) -> Result<Self> {
        let folder = folder.join(suite);
        std::fs::create_dir_all(folder.join("lists/partial"))?;
        std::fs::create_dir_all(folder.join("cache/archives/partial"))?;
        let keyring = Path::new("/usr/share/keyrings/debian-archive-keyring.gpg");
        let trust = if keyring.exists() {
            format!("[signed-by={}] ", keyring.display())
        } else {
            String::new()
        };
        let mirror = mirror()?;
        std::fs::write(
            folder.join("sources.list"),
            format!("deb {trust}{mirror} {suite} main\n"),
        )?;
        let apt = Self { folder };
        run(apt.command("apt-get").args(["update", "-qq"]))?;
        Ok(apt)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let option = |name: &str, path: &Path| format!("-o{name}={}", path.display());
        command
            .arg(option("Dir::State::Lists", &self.folder.join("lists")))
            .arg(option("Dir::Cache", &self.folder.join("cache")))
            .arg(option("Dir::Etc::SourceList", &self.folder.join("sources.list")))
            .arg("-oDir::Etc::SourceParts=/dev/null")
            .arg("-oAPT::Sandbox::User=")
            .current_dir(&self.folder);
        command
    }

    /// The package whose upstream version is exactly `version`.
    fn fetch(&self, version: &str) -> Result<PathBuf> {
        let known = read(self.command("apt-cache").args(["madison", "rust-src"]))?;
        let wanted = known
            .lines()
            .filter_map(|line| line.split('|').nth(1).map(str::trim))
            .find(|full| full.split(['+', '-', '~']).next() == Some(version))
            .with_context(|| format!("it has no rust-src {version}"))?;
        run(self
            .command("apt-get")
            .args(["download", "-qq", &format!("rust-src={wanted}")]))?;
        let package = std::fs::read_dir(&self.folder)?
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .find(|path| path.extension().is_some_and(|extension| extension == "deb"));
        package.context("apt-get downloaded nothing")
    }
}

/// The Debian mirror that this machine already uses.
fn mirror() -> Result<String> {
    let uris = read(Command::new("apt-get").args(["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]))?;
    let mirror = uris.lines().find(|uri| uri.trim_end_matches('/').ends_with("/debian"));
    Ok(mirror
        .context("none of this machine's apt sources is a Debian mirror")?
        .to_owned())
}
