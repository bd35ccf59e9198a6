//! The proxies that the Docker CLI hands to new containers and to builds: `proxies` of its config.json, by engine or for all
//! (<https://docs.docker.com/engine/cli/proxy/>).

use std::collections::BTreeMap;
use std::path::PathBuf;

use mngr_contract::environment::Environment;
use mngr_contract::log;
use serde::Deserialize;
use serde_json::Value;

use crate::credentials::config_of_user;

/// The entry for engines that have none of their own.
const DEFAULT: &str = "default";
/// What an entry may name, and the variable that programs look at. Some look for it in small letters.
const KEYS: [(&str, &str); 5] = [
    ("allProxy", "ALL_PROXY"),
    ("ftpProxy", "FTP_PROXY"),
    ("httpProxy", "HTTP_PROXY"),
    ("httpsProxy", "HTTPS_PROXY"),
    ("noProxy", "NO_PROXY"),
];

/// Where the user's proxies are looked up, anew for each agent that is made.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    config: Option<PathBuf>,
    /// The engine's address.
    engine: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Config {
    proxies: BTreeMap<String, BTreeMap<String, Value>>,
}

impl Proxies {
    /// Those of the user for the engine at an address.
    pub fn of_user(environment: &Environment, engine: String) -> Self {
        Self {
            config: config_of_user(environment),
            engine,
        }
    }

    /// Each variable and its value, in large letters and in small ones. Nothing where the configuration cannot be read, which is
    /// logged.
    pub fn variables(&self) -> Vec<(String, String)> {
        let Some(text) = self.config.as_ref().and_then(|path| std::fs::read(path).ok()) else {
            return Vec::new();
        };
        let Ok(config) = serde_json::from_slice::<Config>(&text) else {
            log!(
                WARN,
                "no proxies are handed on; see `proxies` in the Docker CLI's config.json"
            );
            return Vec::new();
        };
        let entry = config.proxies.get(&self.engine).or_else(|| config.proxies.get(DEFAULT));
        let value = |key: &str| entry?.get(key)?.as_str().filter(|value| !value.is_empty());
        let named = KEYS.into_iter().filter_map(|(key, name)| Some((name, value(key)?)));
        named
            .flat_map(|(name, value)| [name.to_owned(), name.to_lowercase()].map(|name| (name, value.to_owned())))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(config: &str, engine: &str) -> Vec<(String, String)> {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("config.json"), config).expect("written");
        let path = directory.path().display().to_string();
        let environment = Environment::new([("DOCKER_CONFIG", path.as_str())], "/");
        Proxies::of_user(&environment, engine.to_owned()).variables()
    }

    fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    #[test]
    fn an_engines_own_entry_goes_before_the_one_for_all_and_is_not_filled_up_from_it() {
        let config = r#"{"auths": {}, "proxies": {
            "default": {"httpProxy": "http://p", "noProxy": "a,b", "ftpProxy": ""},
            "tcp://h:1": {"httpsProxy": "http://q"}}}"#;
        let all = [
            ("HTTP_PROXY", "http://p"),
            ("http_proxy", "http://p"),
            ("NO_PROXY", "a,b"),
            ("no_proxy", "a,b"),
        ];
        assert_eq!(variables(config, "unix:///s"), pairs(all));
        let own = [("HTTPS_PROXY", "http://q"), ("https_proxy", "http://q")];
        assert_eq!(variables(config, "tcp://h:1"), pairs(own));
    }

    #[test]
    fn without_an_entry_or_with_one_that_can_not_be_read_there_are_none() {
        for config in [
            "{}",
            "",
            "{\"proxies\": 1}",
            r#"{"proxies": {"tcp://h:1": {"httpProxy": "p"}}}"#,
        ] {
            assert_eq!(variables(config, "unix:///s"), [], "{config}");
        }
        assert_eq!(Proxies::default().variables(), []);
    }
}
