//! `plugins.lock`: what is installed, and which version of each plugin is in use.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use mngr_contract::Result;
use mngr_contract::error::invalid;
use mngr_loader::is_library;
use semver::Version;
use serde::{Deserialize, Serialize};

use super::{PluginName, PluginPin};

/// The format of the file.
const FORMAT: u32 = 1;
const HEADER: &str = "\
# What `mngr-docker plugin` has installed, and which version of each plugin is in use.
# It is written by that command; what you want is in plugins.toml.
";
/// How many versions back `rollback` can go.
const PREVIOUS: usize = 16;

/// Everything that is installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    format: u32,
    /// By name.
    #[serde(default)]
    pub plugins: BTreeMap<PluginName, LockedPlugin>,
}

/// One plugin in all its installed versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedPlugin {
    /// The version in use.
    pub active: Version,
    /// Those that were in use before it, the latest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previous: Vec<Version>,
    /// All that are installed, the oldest version first.
    pub versions: Vec<LockedVersion>,
}

/// What a plugin is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// A WebAssembly component, which runs in the sandbox and on any machine.
    #[default]
    Component,
    /// A dynamic library, which runs outside it and on one kind of machine.
    Native,
}

impl Form {
    /// That of a plugin's bytes.
    pub(super) fn of(bytes: &[u8]) -> Self {
        match is_library(bytes) {
            true => Self::Native,
            false => Self::Component,
        }
    }

    fn is_component(&self) -> bool {
        *self == Self::Component
    }
}

impl std::fmt::Display for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Component => "component",
            Self::Native => "native",
        })
    }
}

/// One installed version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedVersion {
    /// What the plugin says of itself.
    pub version: Version,
    /// The version of the contract that it was built against.
    pub contract: Version,
    /// What it is: a component where nothing is said.
    #[serde(default, skip_serializing_if = "Form::is_component")]
    pub form: Form,
    /// What it is built for, where it is a native library.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// SHA-256 of its file, in hexadecimal.
    pub sha256: String,
    /// Bytes of its file.
    pub size: u64,
    /// Where it was got from.
    pub source: String,
    /// The interfaces of the contract that it imports, sorted: what it may ask the shim for.
    pub interfaces: Vec<String>,
    /// The key that its signature was checked with, where one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// When it was installed, RFC 3339, UTC.
    pub installed_at: String,
}

impl Default for Lock {
    fn default() -> Self {
        Self {
            format: FORMAT,
            plugins: BTreeMap::new(),
        }
    }
}

impl Lock {
    /// Reads the file's text; `path` is for the error.
    pub(super) fn parse(path: &str, text: &str) -> Result<Self> {
        let fault = |reason: String| {
            invalid(
                "plugins.lock",
                path,
                reason,
                "put it back from a copy, or remove it and run `mngr-docker plugin install`",
            )
        };
        let lock: Self = toml::from_str(text).map_err(|error| {
            let line = error
                .span()
                .map_or(1, |span| 1 + text[..span.start].matches('\n').count());
            fault(format!("line {line}: {}", error.message()))
        })?;
        if lock.format != FORMAT {
            return Err(invalid(
                "plugins.lock",
                path,
                format!("it has format {}; this mngr-docker reads {FORMAT}", lock.format),
                "use the mngr-docker that wrote it, or a newer one",
            ));
        }
        for (name, plugin) in &lock.plugins {
            if plugin.version(&plugin.active).is_none() {
                return Err(fault(format!(
                    "{name}: the active version {} is not among its versions",
                    plugin.active
                )));
            }
            if let Some(odd) = plugin.versions.iter().find(|locked| !is_sha256(&locked.sha256)) {
                return Err(fault(format!("{name} {}: its sha256 is no SHA-256", odd.version)));
            }
        }
        Ok(lock)
    }

    /// The file's text.
    pub(super) fn text(&self) -> Result<String> {
        let body = toml_edit::ser::to_string_pretty(self)
            .map_err(|error| mngr_contract::error::internal("plugins.lock", error.to_string(), "report this"))?;
        Ok(format!("{HEADER}\n{body}"))
    }

    /// The version that a pin means: the active one where it fits, else the newest that does.
    pub fn resolve(&self, pin: &PluginPin) -> Option<&LockedVersion> {
        let plugin = self.plugins.get(&pin.name)?;
        let newest = || plugin.versions.iter().rfind(|locked| pin.fits(&locked.version));
        plugin
            .version(&plugin.active)
            .filter(|active| pin.fits(&active.version))
            .or_else(newest)
    }

    /// Whether a component of that digest is installed.
    pub(super) fn holds(&self, sha256: &str) -> bool {
        let mut versions = self.plugins.values().flat_map(|plugin| &plugin.versions);
        versions.any(|locked| locked.sha256 == sha256)
    }

    /// The installed versions of a plugin, for an error.
    pub(super) fn installed(&self, name: &PluginName) -> String {
        match self.plugins.get(name) {
            Some(plugin) => {
                let versions: Vec<_> = plugin
                    .versions
                    .iter()
                    .map(|locked| locked.version.to_string())
                    .collect();
                format!("installed: {}", versions.join(", "))
            }
            None => {
                let mut text = format!("{name} is not installed");
                let names: Vec<_> = self.plugins.keys().map(PluginName::as_str).collect();
                if !names.is_empty() {
                    let _ = write!(text, "; installed: {}", names.join(", "));
                }
                text
            }
        }
    }
}

impl LockedPlugin {
    /// An installed version.
    pub fn version(&self, version: &Version) -> Option<&LockedVersion> {
        self.versions.iter().find(|locked| locked.version == *version)
    }

    /// The version in use.
    pub(super) fn in_use(&self) -> Option<&LockedVersion> {
        self.version(&self.active)
    }

    /// Adds a version, in place of one of the same number.
    pub(super) fn add(&mut self, locked: LockedVersion) {
        self.versions.retain(|other| other.version != locked.version);
        self.versions.push(locked);
        self.versions.sort_by(|a, b| a.version.cmp(&b.version));
    }

    /// Makes an installed version the active one, and keeps in mind what it was before.
    pub(super) fn switch(&mut self, to: &Version) {
        if self.active == *to {
            return;
        }
        let before = std::mem::replace(&mut self.active, to.clone());
        self.previous.retain(|version| *version != before && version != to);
        self.previous.push(before);
        let excess = self.previous.len().saturating_sub(PREVIOUS);
        self.previous.drain(..excess);
    }

    /// Takes a version away that is not the active one.
    pub(super) fn remove(&mut self, version: &Version) {
        self.versions.retain(|locked| locked.version != *version);
        self.previous.retain(|previous| previous != version);
    }
}

/// Whether this is 64 small hexadecimal digits.
pub(super) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn locked(version: &str) -> LockedVersion {
        LockedVersion {
            version: version.parse().expect("a version"),
            contract: Version::new(0, 1, 0),
            form: Form::Component,
            target: None,
            sha256: "ab".repeat(32),
            size: 1000,
            source: format!("/srv/plugins/x/{version}.wasm"),
            interfaces: vec!["docker".to_owned(), "system".to_owned()],
            public_key: None,
            installed_at: "2026-01-02T03:04:05Z".to_owned(),
        }
    }

    pub fn lock(active: &str, versions: &[&str]) -> Lock {
        let plugin = LockedPlugin {
            active: active.parse().expect("a version"),
            previous: Vec::new(),
            versions: versions.iter().map(|version| locked(version)).collect(),
        };
        Lock {
            plugins: BTreeMap::from([("x".parse().expect("a name"), plugin)]),
            ..Lock::default()
        }
    }

    fn resolved(lock: &Lock, pin: &str) -> Option<String> {
        let found = lock.resolve(&pin.parse().expect("a pin"));
        found.map(|locked| locked.version.to_string())
    }

    #[test]
    fn the_file_reads_as_it_was_written() {
        let lock = lock("0.1.1", &["0.1.0", "0.1.1"]);
        let text = lock.text().expect("text");
        insta::assert_snapshot!(text);
        assert_eq!(Lock::parse("l", &text).expect("a lock"), lock);
        assert_eq!(Lock::parse("l", "format = 1\n").expect("a lock"), Lock::default());
    }

    #[test]
    fn a_pin_takes_the_active_version_where_it_fits_and_else_the_newest_that_does() {
        let lock = lock("0.1.1", &["0.1.0", "0.1.1", "0.1.2", "0.2.0"]);
        assert_eq!(resolved(&lock, "x@^0.1").as_deref(), Some("0.1.1"));
        assert_eq!(resolved(&lock, "x").as_deref(), Some("0.1.1"));
        assert_eq!(resolved(&lock, "x@>=0.1.2").as_deref(), Some("0.2.0"));
        assert_eq!(resolved(&lock, "x@=0.1.0").as_deref(), Some("0.1.0"));
        assert_eq!(resolved(&lock, "x@^0.3"), None);
        assert_eq!(resolved(&lock, "y"), None);
    }

    #[test]
    fn a_file_that_is_cut_short_or_of_another_format_is_refused() {
        let text = lock("0.1.0", &["0.1.0"]).text().expect("text");
        for length in [20 + HEADER.len(), text.len() - 40, text.len() - 4] {
            assert!(Lock::parse("l", &text[..length]).is_err(), "cut at {length}");
        }
        let later = Lock::parse("l", "format = 2\n").expect_err("a later format");
        assert!(later.message().contains("format 2"), "{}", later.message());
        let lost = text.replace("active = \"0.1.0\"", "active = \"0.3.0\"");
        assert!(
            Lock::parse("l", &lost)
                .expect_err("not there")
                .message()
                .contains("0.3.0")
        );
        let odd = text.replace(&"ab".repeat(32), "../../etc/passwd");
        assert!(Lock::parse("l", &odd).is_err());
    }

    #[test]
    fn a_switch_keeps_in_mind_what_was_before() {
        let mut lock = lock("0.1.0", &["0.1.0", "0.1.1", "0.1.2"]);
        let plugin = lock.plugins.values_mut().next().expect("one");
        for version in ["0.1.1", "0.1.2", "0.1.2", "0.1.0"] {
            plugin.switch(&version.parse().expect("a version"));
        }
        let previous: Vec<_> = plugin.previous.iter().map(ToString::to_string).collect();
        assert_eq!(
            (plugin.active.to_string().as_str(), previous.join(" ").as_str()),
            ("0.1.0", "0.1.1 0.1.2")
        );
    }
}
