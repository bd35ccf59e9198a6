//! How a plugin is named: by a file, or by `NAME[@RANGE]` for one that is installed.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use mngr_contract::error::invalid;
use mngr_contract::{ProviderError, Result};
use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};

/// The name of a plugin in the registry: small letters, digits, `-` and `_`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PluginName(String);

impl PluginName {
    /// The plugin that is built in. One of that name which is installed takes its place where it is named.
    pub const BUILT_IN: &str = "mngr-docker";
    /// What mngr calls the backend, which always stands for the plugin that is built in.
    pub const BACKEND: &str = "docker";
    /// Longer names are no names.
    const LONGEST: usize = 64;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn is_plain(text: &str) -> bool {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        text.len() <= Self::LONGEST && text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(plain)
    }
}

impl fmt::Display for PluginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PluginName {
    type Err = ProviderError;

    fn from_str(text: &str) -> Result<Self> {
        if !Self::is_plain(text) {
            return Err(invalid(
                "plugin",
                text,
                "is not the name of a plugin",
                format!("use small letters, digits, - and _, {} at most", Self::LONGEST),
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for PluginName {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        text.parse().map_err(|error: ProviderError| error.message())
    }
}

impl From<PluginName> for String {
    fn from(name: PluginName) -> Self {
        name.0
    }
}

/// `NAME[@RANGE]`: a plugin, and which of its versions will do. Ranges are Cargo's: `^0.1`, `0.1` (the same), `=0.1.2`,
/// `>=0.1, <0.3`, `*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PluginPin {
    /// Which plugin.
    pub name: PluginName,
    /// Which versions; any where absent.
    pub range: Option<VersionReq>,
}

impl PluginPin {
    /// Whether this version will do.
    pub fn fits(&self, version: &Version) -> bool {
        self.range.as_ref().is_none_or(|range| range.matches(version))
    }
}

impl fmt::Display for PluginPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.range {
            Some(range) => write!(f, "{}@{range}", self.name),
            None => write!(f, "{}", self.name),
        }
    }
}

impl FromStr for PluginPin {
    type Err = ProviderError;

    fn from_str(text: &str) -> Result<Self> {
        let (name, range) = match text.split_once('@') {
            Some((name, range)) => (name, Some(range)),
            None => (text, None),
        };
        let range = range.map(|range| {
            VersionReq::parse(range).map_err(|error| {
                invalid(
                    "plugin",
                    text,
                    format!("`{range}` is not a range of versions: {error}"),
                    "write NAME@^0.1, NAME@=0.1.2 or NAME@\">=0.1, <0.3\"; a file of that name is written ./FILE",
                )
            })
        });
        Ok(Self {
            name: name.parse()?,
            range: range.transpose()?,
        })
    }
}

/// Which plugin a provider uses, where it is not the one that is built in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PluginChoice {
    /// A file: loaded anew whenever it changes.
    File(PathBuf),
    /// One that is installed: the version that the lock file has for it.
    Installed(PluginPin),
}

impl PluginChoice {
    /// What a setting or a flag means; none for the plugin that is built in. What begins like a plugin's name up to the end
    /// or an `@` is one; all else is a path, as it is written.
    ///
    /// # Errors
    /// `invalid-argument` for a range that is none.
    pub fn parse(text: &str) -> Result<Option<Self>> {
        let name = text.split_once('@').map_or(text, |(name, _)| name);
        Ok(match PluginName::is_plain(name) {
            true if text == PluginName::BACKEND => None,
            true => Some(Self::Installed(text.parse()?)),
            false => Some(Self::File(text.into())),
        })
    }
}

impl fmt::Display for PluginChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Installed(pin) => write!(f, "{pin}"),
        }
    }
}

impl From<PathBuf> for PluginChoice {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<PluginChoice> {
        PluginChoice::parse(text).expect("it can be meant")
    }

    #[test]
    fn names_ranges_and_paths_are_told_apart() {
        assert_eq!(parse("docker"), None);
        for text in ["mngr-docker", "mngr-docker@^0.1", "null@>=0.1, <0.3", "x@=1.2.3"] {
            let Some(PluginChoice::Installed(pin)) = parse(text) else {
                panic!("{text} names a plugin")
            };
            assert_eq!(pin.to_string(), text);
        }
        for text in ["./mngr-docker", "/x/p.wasm", "p.wasm", "~/p", "Plugin", "a.b@1"] {
            assert_eq!(parse(text), Some(PluginChoice::File(text.into())));
        }
    }

    #[test]
    fn a_range_that_is_none_is_refused_and_the_way_to_name_a_file_is_told() {
        let error = PluginChoice::parse("foo@bar.wasm").expect_err("no range");
        assert_eq!(error.field(), Some("plugin"));
        assert!(error.message().contains("`bar.wasm`") && error.remedy().contains("./FILE"));
        assert!("Foo@1".parse::<PluginPin>().is_err());
        assert!("x".repeat(65).parse::<PluginName>().is_err());
    }

    #[test]
    fn a_pin_without_a_range_takes_any_version() {
        let fits = |pin: &str, version: &str| {
            let pin: PluginPin = pin.parse().expect("a pin");
            pin.fits(&version.parse().expect("a version"))
        };
        assert!(fits("x", "0.9.0") && fits("x@^0.1", "0.1.9"));
        assert!(!fits("x@^0.1", "0.2.0") && !fits("x@=0.1.2", "0.1.3"));
    }
}
