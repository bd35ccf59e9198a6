//! The provider as a kind, and one configured instance of it. What each call does is elsewhere: `calls.rs` knows where.

use crate::contract::types::Provider;
use crate::settings::Settings;
use crate::{Capabilities, Result, agent};

/// The provider as a kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DockerProviderBackend;

/// One configured provider, for the length of one call.
#[derive(Debug, Clone)]
pub struct DockerProviderInstance<C> {
    pub(crate) capabilities: C,
    pub(crate) name: String,
    pub(crate) settings: Settings,
}

impl<C> DockerProviderInstance<C> {
    /// What the container of the agent of that name is called.
    pub(crate) fn container_name(&self, name: &str) -> String {
        agent::container_name(&self.settings.container_prefix, &self.name, name)
    }
}

impl<C: Capabilities> DockerProviderInstance<C> {
    /// The provider that a call is for.
    ///
    /// # Errors
    /// `invalid-argument` for a name that can not be part of a container's, and for settings that do not decode.
    pub fn open(capabilities: C, provider: Provider) -> Result<Self> {
        agent::check_provider_name(&provider.name)?;
        let settings = Settings::read(&provider.settings)?;
        Ok(Self {
            capabilities,
            name: provider.name,
            settings,
        })
    }
}
