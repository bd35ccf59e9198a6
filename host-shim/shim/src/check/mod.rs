//! Whether what must always be true is true: of the engine, of what callers have been told, and of what is kept here.
//!
//! Nothing of it is asked of the plugin, whose mistakes it is to find: the engine is asked directly, and changed by nothing
//! but [`Checker::booting`], which comes last. Each rule has a file of its own and finds [`Violation`]s; a rule that can not be looked at fails
//! the whole check, so that silence means that all is well.

mod acknowledged;
mod boot;
mod foreign;
mod labels;
mod leftovers;

use std::sync::Arc;

use crate::provider::Provider;
use mngr_contract::Result;
use mngr_contract::docker::{ContainerFilter, ContainerSummary, ImageSummary};
use mngr_contract::error::invalid;
use mngr_contract::labels::{AGENT_LABEL, PROVIDER_LABEL, are_own};
use mngr_contract::types::Snapshot;
use mngr_engine::{Engine, scratch};

pub use foreign::Baseline;
pub use mngr_guard::ledger::{Account, KnownAgent, KnownSnapshot, Ledger, LedgerEntry};

/// Something that must be true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// What it is called.
    pub name: &'static str,
    /// What it says.
    pub statement: &'static str,
}

macro_rules! rules {
    ($($name:ident = $text:literal: $statement:literal;)*) => {
        $(pub(crate) const $name: Rule = Rule { name: $text, statement: $statement };)*
        /// Every rule, in the order in which they are looked at.
        pub const RULES: &[Rule] = &[$($name),*];
    };
}

rules! {
    LABELS = "labels": "every container and snapshot of this provider is fully labelled";
    ONE_CONTAINER = "one-container": "an agent has one container, and a name one agent";
    ACKNOWLEDGED = "acknowledged": "every agent and snapshot that a caller was told of and nobody deleted is there";
    PAUSED = "paused": "nothing is paused that nobody paused";
    JOURNAL = "journal": "no call is left half done";
    LEFTOVERS = "leftovers": "no scratch container or image, no ssh and no temporary file is left";
    FOREIGN = "foreign": "what is not this provider's is as it was";
    SNAPSHOTS = "snapshots": "every snapshot starts, with the content it had";
}

/// Where a rule is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// What breaks it.
    pub subject: String,
    /// How.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

impl Violation {
    fn new(subject: impl Into<String>, reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            reason: reason.into(),
            remedy: remedy.into(),
        }
    }
}

/// What was found out about one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Which one.
    pub rule: Rule,
    /// How many things were looked at; absent where the rule was not, for want of what it is compared with.
    pub looked_at: Option<usize>,
    /// Empty where it holds.
    pub violations: Vec<Violation>,
}

/// A look at one provider.
pub struct Checker<'a> {
    provider: &'a Provider,
    account: Option<Account>,
    baseline: Option<Baseline>,
    boot: bool,
}

/// What the engine has of one provider.
struct Belongings {
    /// Every container with its label.
    containers: Vec<ContainerSummary>,
    /// Every image with its label.
    images: Vec<ImageSummary>,
}

impl<'a> Checker<'a> {
    /// Of the provider, with nothing to compare with.
    pub fn new(provider: &'a Provider) -> Self {
        Self {
            provider,
            account: None,
            baseline: None,
            boot: false,
        }
    }

    /// Also whether all is there that callers have been told of.
    ///
    /// # Errors
    /// `invalid-argument` for the field `ledger`: it can not be read.
    pub fn with_ledger(mut self, ledger: &Ledger) -> Result<Self> {
        let account = ledger.read().map_err(|error| {
            invalid(
                "ledger",
                ledger.path().display().to_string(),
                error.to_string(),
                "name the file that the setting `ledger` names",
            )
        })?;
        self.account = Some(account);
        Ok(self)
    }

    /// Also whether what is not this provider's is as it was.
    #[must_use]
    pub fn with_baseline(self, baseline: Baseline) -> Self {
        Self {
            baseline: Some(baseline),
            ..self
        }
    }

    /// Also whether every snapshot starts: an agent is made of each, and removed again.
    #[must_use]
    pub fn booting(self) -> Self {
        Self { boot: true, ..self }
    }

    /// Looks at every rule.
    ///
    /// # Errors
    /// Where the engine does not answer, so that nothing can be said.
    pub async fn run(&self) -> Result<Vec<Verdict>> {
        let engine = self.provider.engine();
        let own = Belongings::of(engine, self.provider.name()).await?;
        let verdict = |rule, looked_at: usize, violations| Verdict {
            rule,
            looked_at: Some(looked_at),
            violations,
        };
        let unseen = |rule| Verdict {
            rule,
            looked_at: None,
            violations: Vec::new(),
        };
        let everything = own.containers.len() + own.images.len();
        let mut verdicts = vec![
            verdict(LABELS, everything, labels::incomplete(&own)),
            verdict(ONE_CONTAINER, own.containers.len(), labels::doubled(&own)),
        ];
        match &self.account {
            Some(account) => {
                let told = account.agents.len() + account.snapshots.len();
                let lost = acknowledged::lost(account, &own);
                verdicts.push(verdict(ACKNOWLEDGED, told, lost));
                let frozen = acknowledged::frozen(&**engine, account, &own).await?;
                verdicts.push(verdict(PAUSED, account.agents.len(), frozen));
            }
            None => verdicts.extend([unseen(ACKNOWLEDGED), unseen(PAUSED)]),
        }
        let calls = self.provider.journal_entries();
        let open = leftovers::open_calls(&calls);
        verdicts.push(verdict(JOURNAL, calls.len(), open));
        // What a call that lives is about to take away itself is no leftover.
        verdicts.push(match calls.iter().any(|call| call.alive) {
            true => unseen(LEFTOVERS),
            false => {
                let (looked_at, left) = leftovers::left(self.provider, &own).await?;
                verdict(LEFTOVERS, looked_at, left)
            }
        });
        verdicts.push(match &self.baseline {
            Some(before) => {
                let now = before.now(self.provider).await?;
                verdict(FOREIGN, before.len(), before.changes(&now))
            }
            None => unseen(FOREIGN),
        });
        verdicts.push(match self.boot {
            true => {
                let snapshots = self.snapshots().await?;
                let bad = boot::bad(self.provider, &snapshots, self.account.as_ref()).await?;
                verdict(SNAPSHOTS, snapshots.len(), bad)
            }
            false => unseen(SNAPSHOTS),
        });
        Ok(verdicts)
    }

    async fn snapshots(&self) -> Result<Vec<Snapshot>> {
        let all = mngr_contract::instance::SnapshotFilter { agent: None };
        self.provider.snapshot_list(all).await
    }
}

impl Belongings {
    async fn of(engine: &Arc<dyn Engine>, provider: &str) -> Result<Self> {
        let everything = ContainerFilter {
            all: true,
            labels: Vec::new(),
        };
        let label = format!("{PROVIDER_LABEL}={provider}");
        let mut containers = engine.container_list(everything).await?;
        let scratch = scratch::container("");
        containers.retain(|container| {
            // An agent that names no provider is nobody's, and nobody else would find it. What has the labels of a pushed image
            // on the way to another one is none.
            match value(&container.labels, PROVIDER_LABEL) {
                Some(of) => {
                    of == provider
                        && are_own(
                            &container.labels,
                            &container.name,
                            &container.image,
                            &container.image_id,
                        )
                }
                None => value(&container.labels, AGENT_LABEL).is_some() && !container.name.starts_with(&scratch),
            }
        });
        Ok(Self {
            containers,
            images: engine.image_list(vec![label]).await?,
        })
    }
}

/// The value of a label that says something.
fn value<'a>(labels: &'a [(String, String)], key: &str) -> Option<&'a str> {
    let found = labels.iter().find(|(name, _)| name == key);
    found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
}
