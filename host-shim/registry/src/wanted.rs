//! `plugins.toml`: what is wanted. People write it too, so what they wrote besides stays as it is.

use std::collections::BTreeMap;
use std::path::Path;

use mngr_contract::error::invalid;
use mngr_contract::{ProviderError, Result};
use semver::VersionReq;
use serde::Deserialize;
use toml_edit::{DocumentMut, Item, Table, value};

use super::PluginName;

/// Everything that is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// By name.
    #[serde(default)]
    pub plugins: BTreeMap<PluginName, WantedPlugin>,
}

/// One plugin that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WantedPlugin {
    /// Which versions will do.
    #[serde(default = "any")]
    pub version: VersionReq,
    /// Where it is got: a path of a component or of a directory of them, or `oci://REGISTRY/REPOSITORY`.
    pub source: String,
    /// The minisign key that every version must be signed with; none where signatures are not looked at.
    #[serde(default)]
    pub public_key: Option<String>,
}

fn any() -> VersionReq {
    VersionReq::STAR
}

fn fault(path: &Path, reason: String) -> ProviderError {
    invalid(
        "plugins.toml",
        path.display().to_string(),
        reason,
        "write [plugins.NAME] with version = \"^0.1\" and source = \"PATH or oci://REGISTRY/REPOSITORY\"",
    )
}

impl Wanted {
    /// Reads the file's text; `path` is for the error.
    pub(super) fn parse(path: &Path, text: &str) -> Result<Self> {
        toml::from_str(text).map_err(|error| {
            let line = error
                .span()
                .map_or(1, |span| 1 + text[..span.start].matches('\n').count());
            fault(path, format!("line {line}: {}", error.message()))
        })
    }
}

/// The text with one plugin wanted otherwise, or no more. All else stays as it was written.
pub(super) fn edited(path: &Path, text: &str, name: &PluginName, wanted: Option<&WantedPlugin>) -> Result<String> {
    let mut document: DocumentMut = text
        .parse()
        .map_err(|error: toml_edit::TomlError| fault(path, error.message().to_owned()))?;
    let plugins = document.entry("plugins").or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    let Some(plugins) = plugins.as_table_like_mut() else {
        return Err(fault(path, "`plugins` is not a table".to_owned()));
    };
    match wanted {
        None => drop(plugins.remove(name.as_str())),
        Some(wanted) => {
            let entry = plugins
                .entry(name.as_str())
                .or_insert_with(|| Item::Table(Table::new()));
            let Some(entry) = entry.as_table_like_mut() else {
                return Err(fault(path, format!("`plugins.{name}` is not a table")));
            };
            set(entry, "version", Some(&wanted.version.to_string()));
            set(entry, "source", Some(&wanted.source));
            set(entry, "public_key", wanted.public_key.as_deref());
        }
    }
    Ok(document.to_string())
}

/// Sets a key, and leaves it with its comments where it has that value already.
fn set(table: &mut dyn toml_edit::TableLike, key: &str, text: Option<&str>) {
    match text {
        None => drop(table.remove(key)),
        Some(text) if table.get(key).and_then(Item::as_str) == Some(text) => {}
        Some(text) => drop(table.insert(key, value(text))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(version: &str) -> WantedPlugin {
        WantedPlugin {
            version: version.parse().expect("a range"),
            source: "/srv/plugins".to_owned(),
            public_key: None,
        }
    }

    #[test]
    fn what_a_person_wrote_stays_where_another_plugin_changes() {
        let path = Path::new("plugins.toml");
        let text = "# mine\n[plugins.own] # here\nsource = \"./own.wasm\" # built by me\n";
        let name: PluginName = "mngr-docker".parse().expect("a name");
        let added = edited(path, text, &name, Some(&wanted("^0.1"))).expect("text");
        insta::assert_snapshot!(added, @r#"
        # mine
        [plugins.own] # here
        source = "./own.wasm" # built by me

        [plugins.mngr-docker]
        version = "^0.1"
        source = "/srv/plugins"
        "#);
        let parsed = Wanted::parse(path, &added).expect("it reads");
        assert_eq!(parsed.plugins[&name], wanted("^0.1"));
        let own = &parsed.plugins[&"own".parse::<PluginName>().expect("a name")];
        assert_eq!(own.version, VersionReq::STAR);
        assert_eq!(edited(path, &added, &name, None).expect("text"), text);
    }

    #[test]
    fn a_key_that_is_none_is_refused_by_its_line() {
        let refused = |text: &str| Wanted::parse(Path::new("p"), text).expect_err("refused").message();
        let unknown = refused("[plugins.x]\nsource = \"a\"\nkey = \"b\"\n");
        assert!(unknown.contains("line 3") && unknown.contains("key"), "{unknown}");
        assert!(refused("[plugins.x]\nversion = \"oops\"\nsource = \"a\"\n").contains("line 2"));
        assert!(refused("[plugins.x]\nversion = \"1\"\n").contains("source"));
        assert!(refused("[plugins.\"../x\"]\nsource = \"a\"\n").contains("../x"));
    }
}
