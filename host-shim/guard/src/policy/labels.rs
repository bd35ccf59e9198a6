//! Labels say whose a thing is. What bears ours is this provider's, so nothing else may be given them.

use mngr_contract::docker::Container;
use mngr_contract::error::denied;
use mngr_contract::labels::{AGENT_LABEL, HOST_LABEL, PROVIDER_LABEL, are_own, is_agent};
use mngr_contract::{ProviderError, Result};

use super::{Policy, Rule};

/// Those that say whose a thing is.
const IDENTITY: [&str; 3] = [PROVIDER_LABEL, AGENT_LABEL, HOST_LABEL];

/// The provider that labels name, where they name one.
pub(super) fn provider_of(labels: &[(String, String)]) -> Option<&str> {
    let mut named = labels.iter().filter(|(key, _)| key == PROVIDER_LABEL);
    named
        .next()
        .map(|(_, name)| name.as_str())
        .filter(|name| !name.is_empty())
}

impl Policy {
    /// Whether a thing with these labels is an agent's of this provider.
    pub fn owns(&self, labels: &[(String, String)]) -> bool {
        is_agent(labels) && self.made(labels)
    }

    /// Whether a container is an agent of this provider: its labels say so, and no image has handed them down.
    pub fn owns_container(&self, container: &Container) -> bool {
        self.owns(&container.labels)
            && are_own(
                &container.labels,
                &container.name,
                &container.image,
                &container.image_id,
            )
    }

    /// Whether a thing with these labels was made for this provider, an agent's or not.
    pub fn made(&self, labels: &[(String, String)]) -> bool {
        // All of them: which of two an engine takes is its own choice.
        let mut named = labels.iter().filter(|(key, _)| key == PROVIDER_LABEL).peekable();
        named.peek().is_some() && named.all(|(_, name)| *name == self.provider)
    }

    /// Whether labels of ours that a new thing is to have are unambiguous, and this provider's.
    ///
    /// # Errors
    /// `denied` where one is there twice, and for another provider's.
    pub(super) fn identity(&self, labels: &[(String, String)], what: &str) -> Result<()> {
        let twice = IDENTITY
            .iter()
            .any(|identity| labels.iter().filter(|(key, _)| key == identity).count() > 1);
        let foreign = labels
            .iter()
            .any(|(key, name)| key == PROVIDER_LABEL && *name != self.provider);
        match twice || foreign {
            true => self.may(Rule::ForeignLabels, &format!("{what} with labels of another provider")),
            false => Ok(()),
        }
    }

    /// Whether what is made of a container keeps that container's identity.
    ///
    /// # Errors
    /// `denied` for the id of another agent.
    pub fn keeps_identity(&self, given: &[(String, String)], own: &[(String, String)], what: &str) -> Result<()> {
        self.identity(given, what)?;
        // An agent is a host of mngr with the same digits.
        let digits = |labels: &[(String, String)]| -> Vec<String> {
            let ids = labels.iter().filter(|(key, _)| key == AGENT_LABEL || key == HOST_LABEL);
            ids.map(|(_, id)| id.rsplit('-').next().unwrap_or_default().to_owned())
                .collect()
        };
        let own = digits(own);
        match digits(given).iter().any(|id| !own.contains(id)) {
            true => self.may(Rule::ForeignLabels, &format!("{what} with the id of another agent")),
            false => Ok(()),
        }
    }

    /// Whether a new thing would be this provider's own.
    ///
    /// # Errors
    /// `denied` for one without this provider's labels, where the rule grants only what is own, and for another's labels.
    pub(super) fn own_labels(&self, rule: Rule, labels: &[(String, String)], what: &str) -> Result<()> {
        self.may(rule, what)?;
        self.identity(labels, what)?;
        match self.owns(labels) || self.among(rule).any {
            true => Ok(()),
            false => Err(self.unlabelled(rule, what)),
        }
    }

    fn unlabelled(&self, rule: Rule, what: &str) -> ProviderError {
        denied(
            rule.name(),
            format!("{what} would not carry the labels of the provider `{}`", self.provider),
            format!(
                "this is a fault of the plugin; report it to its author, or write `{}: any` under providers.{}.permissions",
                rule.name(),
                self.provider
            ),
        )
    }
}
