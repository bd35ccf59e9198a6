//! Single packages of other Debian suites than the machine's own, unpacked and not installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::{exists, read, run};

/// An apt of our own: its lists and sources do not touch the machine's.
pub struct Apt {
    folder: PathBuf,
}

impl Apt {
    /// With the packages of one suite; what it keeps is below `folder`.
    pub fn new(folder: &Path, suite: &str) -> Result<Self> {
        for program in ["apt-get", "apt-cache", "dpkg-deb"] {
            if !exists(program) {
                bail!("this machine has no {program}");
            }
        }
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

    /// What is in the package of which the upstream version is, or begins with, `version`, unpacked into a folder.
    pub fn unpacked(&self, package: &str, version: &str) -> Result<PathBuf> {
        let downloaded = self.downloaded(package, version)?;
        let unpacked = self.folder.join("unpacked").join(package);
        run(Command::new("dpkg-deb").arg("--extract").arg(downloaded).arg(&unpacked))?;
        Ok(unpacked)
    }

    fn downloaded(&self, package: &str, version: &str) -> Result<PathBuf> {
        let known = read(self.command("apt-cache").args(["madison", package]))?;
        let wanted = known
            .lines()
            .filter_map(|line| line.split('|').nth(1).map(str::trim))
            .find(|full| is_of(full, version))
            .with_context(|| format!("it has no {package} {version}"))?;
        run(self
            .command("apt-get")
            .args(["download", "-qq", &format!("{package}={wanted}")]))?;
        let prefix = format!("{package}_");
        let found = std::fs::read_dir(&self.folder)?
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .find(|path| {
                path.file_name()
                    .is_some_and(|name| name.to_string_lossy().starts_with(&prefix))
            });
        found.context("apt-get downloaded nothing")
    }
}

/// Whether a package's full version is of that upstream version, or of a release of it.
fn is_of(full: &str, version: &str) -> bool {
    let upstream = full.split(['+', '-', '~']).next().unwrap_or(full);
    let rest = upstream.strip_prefix(version);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The Debian mirror that this machine already uses.
fn mirror() -> Result<String> {
    let uris = read(Command::new("apt-get").args(["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]))?;
    let mirror = uris.lines().find(|uri| uri.trim_end_matches('/').ends_with("/debian"));
    Ok(mirror
        .context("none of this machine's apt sources is a Debian mirror")?
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_met_whole_or_by_its_releases() {
        assert!(is_of("1.95.0+dfsg1-2~bpo13+1", "1.95.0"));
        assert!(is_of("28.5.2+dfsg4-2", "28"));
        assert!(!is_of("1.95.01-1", "1.95.0"));
        assert!(!is_of("281.0-1", "28"));
    }
}
