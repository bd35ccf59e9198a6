//! The provider's own files, which no agent is given.

use std::path::{Path, PathBuf};

use mngr_contract::directories;
use mngr_contract::environment::Environment;

/// What of this machine belongs to the provider and to who runs it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Belongings {
    /// Files and directories of the provider's own, by absolute paths: settings, keys, plugins, caches, journals and logs.
    pub own: Vec<String>,
    /// Sockets of engines that are known besides the provider's own.
    pub sockets: Vec<String>,
    /// Directories of this program alone: what a link in one of them leads to is the provider's own as well.
    pub directories: Vec<String>,
    /// The home of who runs this program.
    pub home: Option<String>,
    /// The working directory of who runs this program.
    pub working_directory: Option<String>,
}

impl Belongings {
    /// Those of a user, and what settings and variables name besides. Relative paths start at the working directory.
    pub fn of_user(environment: &Environment, named: impl IntoIterator<Item = PathBuf>) -> Self {
        let below_home = |name: &str| environment.home().map(|home| home.join(name));
        let variable = |name: &str| {
            let path = environment.var(name)?;
            let at_home = path.strip_prefix("~/").and_then(below_home);
            Some(at_home.unwrap_or_else(|| PathBuf::from(path)))
        };
        let directories = [
            below_home(".mngr"),
            directories::config(environment),
            directories::data(environment),
            directories::state(environment),
            directories::cache(environment),
        ];
        let own = [
            variable("MNGR_CONFIG"),
            variable("DOCKER_CONFIG"),
            variable("DOCKER_CERT_PATH"),
            variable("SSH_AUTH_SOCK"),
            // The sockets of `ssh`, and whose else they are.
            directories::runtime(environment),
        ];
        let whole = |path: PathBuf| text(environment.directory().join(path));
        Self {
            own: own.into_iter().flatten().chain(named).filter_map(whole).collect(),
            sockets: Vec::new(),
            directories: directories.into_iter().flatten().filter_map(whole).collect(),
            home: environment.home().and_then(text),
            working_directory: text(environment.directory()),
        }
    }
}

/// An absolute path as text. What is not UTF-8 can not be asked for either.
fn text(path: impl AsRef<Path>) -> Option<String> {
    let path = path.as_ref();
    path.is_absolute().then(|| path.to_str().map(str::to_owned)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_variables_and_settings_name_belongs_to_the_provider() {
        let variables = [
            ("HOME", "/home/me"),
            ("XDG_STATE_HOME", "/data/state"),
            ("DOCKER_CONFIG", "docker"),
            ("MNGR_CONFIG", "~/own/mngr.toml"),
            ("SSH_AUTH_SOCK", "/data/agent.sock"),
        ];
        let environment = Environment::new(variables, "/project");
        let belongings = Belongings::of_user(
            &environment,
            [PathBuf::from("/data/key"), PathBuf::from("settings.toml")],
        );
        for own in [
            "/home/me/.mngr",
            "/data/state/mngr-docker",
            "/home/me/.cache/mngr-docker",
            "/project/docker",
            "/home/me/own/mngr.toml",
            "/data/agent.sock",
            "/data/key",
            "/project/settings.toml",
        ] {
            let all = belongings.own.iter().chain(&belongings.directories);
            assert!(all.clone().any(|path| path == own), "{own}: {belongings:?}");
        }
        assert_eq!(belongings.home.as_deref(), Some("/home/me"));
        assert_eq!(belongings.working_directory.as_deref(), Some("/project"));
    }
}
