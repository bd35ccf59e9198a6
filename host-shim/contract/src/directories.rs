//! The user's own directories for this program, by the XDG base directory specification.
//!
//! No crate fits, because the environment is a value here and every crate reads the process's: `directories`, `dirs`, `etcetera`,
//! `xdg` and `microxdg` take their variables from `std::env`. `xdg-basedir` takes a closure for them, but asks the process for
//! the home, does not know the directory for state, and has not been kept up.

use std::path::PathBuf;

use crate::environment::Environment;

/// This program's name in each directory.
const PROGRAM: &str = "mngr-docker";

/// What the user has chosen: `$XDG_CONFIG_HOME/mngr-docker`, else `~/.config/mngr-docker`. None where neither is known.
pub fn config(environment: &Environment) -> Option<PathBuf> {
    of_program(environment, "XDG_CONFIG_HOME", ".config")
}

/// What was installed: `$XDG_DATA_HOME/mngr-docker`, else `~/.local/share/mngr-docker`. None where neither is known.
pub fn data(environment: &Environment) -> Option<PathBuf> {
    of_program(environment, "XDG_DATA_HOME", ".local/share")
}

/// What lasts and is neither chosen nor installed: `$XDG_STATE_HOME/mngr-docker`, else `~/.local/state/mngr-docker`. None where
/// neither is known.
pub fn state(environment: &Environment) -> Option<PathBuf> {
    of_program(environment, "XDG_STATE_HOME", ".local/state")
}

/// What can be made again: `$XDG_CACHE_HOME/mngr-docker`, else `~/.cache/mngr-docker`. None where neither is known.
pub fn cache(environment: &Environment) -> Option<PathBuf> {
    of_program(environment, "XDG_CACHE_HOME", ".cache")
}

/// What goes with the user's last session, sockets for one: `$XDG_RUNTIME_DIR`, which all programs share. It has no default.
pub fn runtime(environment: &Environment) -> Option<PathBuf> {
    absolute(environment, "XDG_RUNTIME_DIR")
}

fn of_program(environment: &Environment, variable: &str, below_home: &str) -> Option<PathBuf> {
    let base = absolute(environment, variable).or_else(|| Some(absolute(environment, "HOME")?.join(below_home)))?;
    Some(base.join(PROGRAM))
}

/// The path in a variable. The specification says to ignore one that is relative: it would be another directory for each
/// working directory, and code is loaded from there.
fn absolute(environment: &Environment, variable: &str) -> Option<PathBuf> {
    environment
        .var(variable)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    type Directory = fn(&Environment) -> Option<PathBuf>;

    const WITH_DEFAULT: [(Directory, &str, &str); 4] = [
        (config, "XDG_CONFIG_HOME", "/home/me/.config/mngr-docker"),
        (data, "XDG_DATA_HOME", "/home/me/.local/share/mngr-docker"),
        (state, "XDG_STATE_HOME", "/home/me/.local/state/mngr-docker"),
        (cache, "XDG_CACHE_HOME", "/home/me/.cache/mngr-docker"),
    ];

    #[test]
    fn a_directory_is_where_its_variable_says_and_else_below_the_home() {
        for (directory, variable, default) in WITH_DEFAULT {
            let of = |variables: &[(&str, &str)]| directory(&Environment::new(variables.iter().copied(), "/work"));
            let home = ("HOME", "/home/me");
            assert_eq!(of(&[home]).as_deref(), Some(Path::new(default)), "{variable}");
            assert_eq!(
                of(&[home, (variable, "/x")]),
                Some("/x/mngr-docker".into()),
                "{variable}"
            );
            assert_eq!(of(&[(variable, "/x")]), Some("/x/mngr-docker".into()), "{variable}");
            assert_eq!(of(&[]), None, "{variable}");
        }
    }

    #[test]
    fn a_relative_or_empty_value_is_ignored() {
        for (directory, variable, default) in WITH_DEFAULT {
            for value in ["x", "./x", ""] {
                let environment = Environment::new([("HOME", "/home/me"), (variable, value)], "/work");
                assert_eq!(directory(&environment), Some(default.into()), "{variable}={value}");
                let environment = Environment::new([("HOME", value)], "/work");
                assert_eq!(directory(&environment), None, "HOME={value}");
            }
        }
    }

    #[test]
    fn the_directory_for_sockets_is_the_users_and_has_no_default() {
        let of = |variables: &[(&str, &str)]| runtime(&Environment::new(variables.iter().copied(), "/work"));
        assert_eq!(
            of(&[("XDG_RUNTIME_DIR", "/run/user/1000")]),
            Some("/run/user/1000".into())
        );
        assert_eq!(of(&[("XDG_RUNTIME_DIR", "run")]), None);
        assert_eq!(of(&[("HOME", "/home/me")]), None);
    }
}
