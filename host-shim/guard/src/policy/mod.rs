//! What a plugin may ask the engine for.
//!
//! The plugin decides what *should* happen; this decides what *may*. It is checked in the shim, on the typed request, so a
//! plugin can not talk its way around it. What is granted is a preset, and over it the permissions that the provider's
//! configuration names. A refusal names the permission, and the line of the configuration that would grant it.
//!
//! Here is what the request alone tells. What only the engine or its machine knows (whose a container is, where a path leads)
//! is asked by the guard, which then asks here.

mod audit;
mod container;
mod grant;
mod images;
mod labels;
mod machine;
mod permissions;
mod places;
mod security;
mod volumes;

pub use audit::{AuditChoice, AuditLog, Caller};
pub use container::{Link, NamedVolume, Needs};
pub use grant::{Grant, Permissions, Which, Wrong};
pub use permissions::{Kind, PERMISSIONS, Permission, Preset, Rule};
pub use places::{Belongings, LeadsTo, Machine, MeaningOfSafe, Wanted, meaning_of_safe};

use grant::Need;
use mngr_contract::error::denied;
pub use mngr_contract::labels::{AGENT_LABEL, DOCUMENT_LABEL, HOST_LABEL, PROVIDER_LABEL, is_agent};
pub use mngr_contract::paths::plain;
use mngr_contract::{ProviderError, Result};

/// The rules for one provider instance.
#[derive(Debug, Clone)]
pub struct Policy {
    provider: String,
    preset: Preset,
    named: Permissions,
    /// One for each rule, in their order.
    grants: Vec<Grant>,
    belongings: Belongings,
}

impl Policy {
    /// The rules for the provider of that name: a preset, and over it what is named.
    pub fn new(provider: &str, preset: Preset, named: &Permissions) -> Self {
        let grant = |permission: &Permission| match named.get(permission.rule) {
            Some(grant) => grant.clone(),
            None => permission.preset(preset),
        };
        Self {
            provider: provider.to_owned(),
            preset,
            named: named.clone(),
            grants: PERMISSIONS.iter().map(grant).collect(),
            belongings: Belongings::default(),
        }
    }

    /// The same, which gives no agent what is the provider's own.
    #[must_use]
    pub fn keeping(self, belongings: Belongings) -> Self {
        Self { belongings, ..self }
    }

    /// What is the provider's own, and whose it is.
    pub fn belongings(&self) -> &Belongings {
        &self.belongings
    }

    /// What `standard` says and nothing else.
    pub fn standard(provider: &str) -> Self {
        Self::new(provider, Preset::Standard, &Permissions::default())
    }

    /// The provider's name.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The preset.
    pub fn preset(&self) -> Preset {
        self.preset
    }

    /// What holds for a rule.
    pub fn grant(&self, rule: Rule) -> &Grant {
        &self.grants[rule as usize]
    }

    /// Whether that is named by the configuration and not the preset's.
    pub fn is_named(&self, rule: Rule) -> bool {
        self.named.get(rule).is_some()
    }

    fn among(&self, rule: Rule) -> &Which {
        match self.grant(rule) {
            Grant::Among(which) => which,
            // Not reached: the table says of what kind each rule is.
            Grant::Flag(_) | Grant::Count(_) => &grant::NONE,
        }
    }

    /// Whether something is granted of what a rule is about.
    ///
    /// # Errors
    /// `denied` where nothing is.
    pub fn may(&self, rule: Rule, what: &str) -> Result<()> {
        match self.grant(rule) {
            grant if !grant.is_nothing() => Ok(()),
            Grant::Flag(_) => Err(self.refusal(rule, Need::Yes, what)),
            Grant::Count(_) => Err(self.refusal(rule, Need::Count(1), what)),
            Grant::Among(_) => {
                let part = rule.permission().kind.part();
                Err(self.refusal(rule, part.map_or(Need::Any, Need::Word), what))
            }
        }
    }

    /// Whether this one thing, by any of its names, is granted.
    ///
    /// # Errors
    /// `denied` where it is not; the first name is the one to write.
    pub fn may_name(&self, rule: Rule, names: &[&str], what: &str) -> Result<()> {
        match self.among(rule).names(names.iter().copied()) {
            true => Ok(()),
            false => Err(self.refusal(rule, names.first().map_or(Need::Any, |name| Need::Word(name)), what)),
        }
    }

    /// Whether this one thing is granted, which is this provider's or is not.
    ///
    /// # Errors
    /// `denied` where it is not.
    pub fn may_touch(&self, rule: Rule, name: &str, is_own: bool, what: &str) -> Result<()> {
        let which = self.among(rule);
        if which.names([name]) || (is_own && which.has_part) {
            return Ok(());
        }
        let need = if is_own { "own" } else { name };
        Err(self.refusal(rule, Need::Word(need), what))
    }

    /// The refusal of what a rule does not grant.
    fn refusal(&self, rule: Rule, need: Need<'_>, what: &str) -> ProviderError {
        let (name, line) = (rule.name(), self.grant(rule).with(need).to_json());
        let provider = &self.provider;
        let preset = match self.preset {
            Preset::Strict => " (`policy: standard` grants what agents usually need)",
            Preset::Standard | Preset::Open => "",
        };
        denied(
            name,
            format!(
                "{what} is not allowed for the provider `{provider}`, whose policy is `{}`",
                self.preset.name()
            ),
            format!(
                "if you trust its plugin and every agent with that, write `{name}: {line}` under providers.{provider}.permissions \
                 (in TOML `{name} = {line}`){preset}"
            ),
        )
    }
}
