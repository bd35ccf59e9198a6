//! Which of the configured providers is meant.

use mngr_contract::error::{conflict, not_found};
use mngr_contract::types::Ambiguous;
use mngr_contract::{ProviderError, Result};

use super::spelling::nearest;
use super::{BACKEND, Config, ProviderConfig};

impl Config {
    /// The provider of that name; without a name the only one that is enabled, else the one called `docker`.
    ///
    /// # Errors
    /// `not-found` for a name that is not configured, `conflict` for one that is disabled or where all are, and `ambiguous`
    /// where a name is needed.
    pub fn provider(&self, name: Option<&str>) -> Result<&ProviderConfig> {
        match name {
            Some(name) => self.named(name),
            None => self.chosen(),
        }
    }

    fn named(&self, name: &str) -> Result<&ProviderConfig> {
        match self.providers.get(name) {
            Some(provider) if provider.is_enabled => Ok(provider),
            Some(_) => Err(disabled(name)),
            None => Err(self.unknown(name)),
        }
    }

    fn chosen(&self) -> Result<&ProviderConfig> {
        let enabled: Vec<_> = self.providers.values().filter(|provider| provider.is_enabled).collect();
        if let [only] = enabled.as_slice() {
            return Ok(only);
        }
        if let Some(docker) = enabled.iter().find(|provider| provider.name == BACKEND) {
            return Ok(docker);
        }
        if enabled.is_empty() {
            return Err(match self.providers.keys().next() {
                Some(name) => disabled(name),
                None => not_found(
                    "provider",
                    "the configuration has none of the backend `docker`",
                    "add one: [providers.NAME] with backend = \"docker\"",
                ),
            });
        }
        Err(ProviderError::Ambiguous(Ambiguous {
            given: "the provider".to_owned(),
            candidates: enabled.iter().map(|provider| provider.name.clone()).collect(),
            remedy: "name one with --provider".to_owned(),
        }))
    }

    fn unknown(&self, name: &str) -> ProviderError {
        if let Some(backend) = self.others.get(name) {
            return not_found(
                format!("provider `{name}`"),
                format!("is configured with the backend `{backend}`, which is not this one's"),
                "set backend = \"docker\" for it, or name another provider",
            );
        }
        let names: Vec<_> = self.providers.keys().map(String::as_str).collect();
        let list = names.join(", ");
        not_found(
            format!("provider `{name}`"),
            match &self.path {
                Some(path) => format!("is not configured in {}", path.display()),
                None => "is not configured: no configuration file was found".to_owned(),
            },
            match nearest(name, names) {
                Some(near) => format!("did you mean `{near}`? There are: {list}"),
                None => format!("use one of these or add it to the configuration: {list}"),
            },
        )
    }
}

fn disabled(name: &str) -> ProviderError {
    conflict(
        format!("provider `{name}`"),
        "disabled",
        "its configuration has is_enabled = false",
        format!(
            "remove that line, set MNGR__PROVIDERS__{}__IS_ENABLED=true, or name another provider",
            segment(name)
        ),
    )
}

/// The provider's name as environment variables spell it.
fn segment(name: &str) -> String {
    name.to_uppercase().replace('-', "_")
}
