//! Which plugins are installed, in which versions, and where they come from.
//!
//! `plugins.toml` says what is wanted (a range of versions, a source, perhaps a key), `plugins.lock` what was got (the exact
//! version, its contract, form, SHA-256, size and source). The plugins themselves lie in a store under their SHA-256, in as many
//! versions as there are; what is loaded is what was hashed. Nothing here is asked of the network but to install and to
//! update.

mod consent;
mod install;
mod installation;
mod lock;
mod name;
mod place;
mod signature;
mod source;
mod store;
mod switch;
mod wanted;

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use semver::{Version, VersionReq};

use mngr_contract::environment::Environment;
use mngr_contract::error::{invalid, unavailable};
use mngr_contract::{Result, directories};
use mngr_engine::credentials::CredentialStore;

pub use consent::Consent;
pub use install::{Installed, Request};
pub use installation::Pinned;
pub use lock::{Form, Lock, LockedPlugin, LockedVersion};
pub use name::{PluginChoice, PluginName, PluginPin};
pub use signature::read_public_key;
pub use source::Source;
pub use switch::{Removed, Switched, Verified};
pub use wanted::{Wanted, WantedPlugin};

/// The longest `plugins.toml` or `plugins.lock`, in bytes.
const FILE_LIMIT: u64 = 4 << 20;

/// The plugins of one user.
#[derive(Debug, Clone)]
pub struct Registry {
    wanted: PathBuf,
    lock: PathBuf,
    data: PathBuf,
    home: Option<PathBuf>,
    credentials: CredentialStore,
}

impl Registry {
    /// The user's own: `plugins.toml` and `plugins.lock` in `$XDG_CONFIG_HOME/mngr-docker` (else `~/.config/mngr-docker`), the
    /// components below `$XDG_DATA_HOME/mngr-docker/plugins` (else `~/.local/share/mngr-docker/plugins`).
    ///
    /// # Errors
    /// `unavailable` where neither those variables nor the home directory are known.
    pub fn of_user(environment: &Environment) -> Result<Self> {
        let (Some(config), Some(data)) = (directories::config(environment), directories::data(environment)) else {
            return Err(unavailable(
                "the registry of plugins",
                "this user's directories are not known",
                "set HOME, or XDG_CONFIG_HOME and XDG_DATA_HOME",
            ));
        };
        Ok(Self {
            home: environment.home().map(Path::to_owned),
            credentials: CredentialStore::of_user(environment),
            ..Self::at(&config, &data.join("plugins"))
        })
    }

    /// One in directories of the caller's choice; they are made when they are first needed.
    pub fn at(configuration: &Path, data: &Path) -> Self {
        Self {
            wanted: configuration.join("plugins.toml"),
            lock: configuration.join("plugins.lock"),
            data: data.to_owned(),
            home: None,
            credentials: CredentialStore::default(),
        }
    }

    /// Where `plugins.toml` is, or would be.
    pub fn wanted_path(&self) -> &Path {
        &self.wanted
    }

    /// Where `plugins.lock` is, or would be.
    pub fn lock_path(&self) -> &Path {
        &self.lock
    }

    /// What is wanted.
    ///
    /// # Errors
    /// `invalid-argument` for the file's line at fault.
    pub fn wanted(&self) -> Result<Wanted> {
        Wanted::parse(&self.wanted, &read_text(&self.wanted, "plugins.toml")?)
    }

    /// What is installed.
    ///
    /// # Errors
    /// `invalid-argument` where the file was damaged, or is of a format that is not known.
    pub fn lock(&self) -> Result<Lock> {
        let text = read_text(&self.lock, "plugins.lock")?;
        match text.is_empty() {
            true => Ok(Lock::default()),
            false => Lock::parse(&self.lock.display().to_string(), &text),
        }
    }

    /// The installed version that a pin means. None for one that the plugin which is built in meets, where no version that is
    /// installed does.
    ///
    /// # Errors
    /// `invalid-argument` for the field `plugin`, with what is installed.
    pub fn resolve(&self, pin: &PluginPin) -> Result<Option<LockedVersion>> {
        let lock = self.lock()?;
        if let Some(locked) = lock.resolve(pin) {
            return Ok(Some(locked.clone()));
        }
        if pin.name.as_str() == PluginName::BUILT_IN && pin.fits(&built_in()) {
            return Ok(None);
        }
        let mut reason = lock.installed(&pin.name);
        if lock.plugins.contains_key(&pin.name) {
            reason = format!("no version in that range is installed; {reason}");
        }
        if pin.name.as_str() == PluginName::BUILT_IN {
            reason = format!("{reason}; built in: {}", built_in());
        }
        Err(invalid(
            "plugin",
            pin.to_string(),
            reason,
            format!("install it: mngr-docker plugin install \"{pin}\" --from SOURCE; a file is written ./FILE"),
        ))
    }

    /// The very bytes that were installed as this version.
    ///
    /// # Errors
    /// `internal` where they are gone or are others.
    pub fn component(&self, name: &PluginName, locked: &LockedVersion) -> Result<Vec<u8>> {
        self.store().get(name.as_str(), locked)
    }

    /// A source as it is written in `plugins.toml`.
    ///
    /// # Errors
    /// `invalid-argument`.
    pub fn source(&self, text: &str) -> Result<Source> {
        let directory = self.wanted.parent().unwrap_or(Path::new("/"));
        Source::parse(text, directory, self.home.as_deref())
    }

    fn store(&self) -> store::Store {
        store::Store::below(&self.data)
    }

    fn write_lock(&self, lock: &Lock) -> Result<()> {
        if let Some(directory) = self.lock.parent() {
            place::sweep(directory);
        }
        place::write(&self.lock, lock.text()?.as_bytes())
    }

    fn want(&self, name: &PluginName, wanted: Option<&WantedPlugin>) -> Result<()> {
        let text = read_text(&self.wanted, "plugins.toml")?;
        let edited = wanted::edited(&self.wanted, &text, name, wanted)?;
        match edited == text {
            true => Ok(()),
            false => place::write(&self.wanted, edited.as_bytes()),
        }
    }

    /// Keeps other processes from changing anything for as long as the file is held. The kernel gives it up with the process.
    async fn exclusively(&self) -> Result<File> {
        let path = self.data.join("exclusive");
        let directory = self.data.clone();
        let locking = tokio::task::spawn_blocking(move || {
            let open = || {
                place::make_directory(&directory)?;
                let file = OpenOptions::new()
                    .create(true)
                    .truncate(false)
                    .write(true)
                    .mode(0o600)
                    .open(&path)?;
                file.lock()?;
                Ok(file)
            };
            open().map_err(|error| place::failed("locked", &path, &error))
        });
        match locking.await {
            Ok(locked) => locked,
            Err(broken) => Err(unavailable("the registry of plugins", broken.to_string(), "try again")),
        }
    }
}

/// The version of the plugin that is built in, which is released together with the shim.
fn built_in() -> Version {
    let version = Version::parse(env!("CARGO_PKG_VERSION"));
    version.unwrap_or(Version::new(0, 0, 0))
}

/// The range that holds what is compatible with a version.
fn compatible_with(version: &Version) -> VersionReq {
    VersionReq::parse(&format!("^{version}")).unwrap_or(VersionReq::STAR)
}

/// A small file's text; empty where there is none.
fn read_text(path: &Path, field: &str) -> Result<String> {
    let bytes = place::read(path, FILE_LIMIT)?.unwrap_or_default();
    String::from_utf8(bytes).map_err(|error| {
        invalid(
            field,
            path.display().to_string(),
            format!("is not UTF-8: {error}"),
            "save it as UTF-8",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_plugins_are_in_the_directories_for_configuration_and_data() {
        let variables = [("HOME", "/home/me"), ("XDG_CONFIG_HOME", "/c")];
        let registry = Registry::of_user(&Environment::new(variables, "/")).expect("a home");
        assert_eq!(registry.wanted_path(), Path::new("/c/mngr-docker/plugins.toml"));
        assert_eq!(registry.lock_path(), Path::new("/c/mngr-docker/plugins.lock"));
        assert_eq!(registry.data, Path::new("/home/me/.local/share/mngr-docker/plugins"));
        let nowhere = Registry::of_user(&Environment::default()).expect_err("no home");
        assert_eq!(nowhere.kind(), "unavailable");
    }
}
