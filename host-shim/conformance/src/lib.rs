//! Whether a provider plugin does what the contract promises: each behaviour a rule with a name, seen on an engine.
//!
//! The rules are those of the documentation in `wit/`. They know of a plugin only what it says of itself, and of the engine what
//! anybody sees who looks past the plugin. What a provider says that it can not do is skipped, and never passed.
//!
//! ```
//! use mngr_conformance::Suite;
//! use mngr_host_shim::config::ProviderConfig;
//! use mngr_host_shim::host::Host;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> mngr_host_shim::contract::Result<()> {
//! // `Loader::load_file` gives any other.
//! let plugin = Host::new()?.plugin(&ProviderConfig::named("docker")).await?;
//! let report = Suite::in_memory().only(["get.*"]).run(&plugin).await?;
//! assert_eq!(report.failed().count(), 0);
//! # Ok(())
//! # }
//! ```

mod clean_up;
mod fixture;
mod observed;
mod report;
mod rule;
mod rules;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use mngr_docker_grammar::words;
use serde_json::{Map, Value};
use wildmatch::WildMatch;

pub use clean_up::remove_all;
use fixture::Fixture;
pub use report::{Outcome, Report, Tested, Verdict};
pub use rule::Rule;
use rule::Stop;

use mngr_host_shim::contract::Result;
use mngr_host_shim::contract::backend::Description;
use mngr_host_shim::engine::Engine;
use mngr_host_shim::error::invalid;
use mngr_host_shim::loader::Plugin;

/// What agents are made from in memory.
const IMAGE: &str = "debian:bookworm-slim";
/// How many rules are looked at side by side.
const AT_ONCE: usize = 4;
/// What a rule may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Every rule, group by group.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    let mut rules: Vec<_> = rules::ALL.iter().copied().flatten().collect();
    let mut groups = Vec::new();
    for rule in &rules {
        if !groups.contains(&rule.group()) {
            groups.push(rule.group());
        }
    }
    rules.sort_by_key(|rule| groups.iter().position(|group| *group == rule.group()));
    rules.into_iter()
}

/// Which rules are looked at, and on what.
#[derive(Clone)]
pub struct Suite {
    /// Absent for one in memory, fresh for each rule.
    engine: Option<Arc<dyn Engine>>,
    image: String,
    settings: Map<String, Value>,
    registry: Option<String>,
    only: Vec<String>,
    timeout: Duration,
}

impl Suite {
    /// All rules, each on a sandbox engine of its own.
    pub fn in_memory() -> Self {
        Self {
            engine: None,
            image: IMAGE.to_owned(),
            settings: Map::new(),
            registry: None,
            only: Vec::new(),
            timeout: TIMEOUT,
        }
    }

    /// All rules on this engine, with agents made from an image that is on it and has a shell. Each rule has a provider of its
    /// own, so that the engine's other agents are not touched, and what it made is removed by that provider's label.
    pub fn on(engine: Arc<dyn Engine>, image: impl Into<String>) -> Self {
        Self {
            engine: Some(engine),
            image: image.into(),
            ..Self::in_memory()
        }
    }

    /// The same with these settings of the provider.
    #[must_use]
    pub fn with_settings(self, settings: Map<String, Value>) -> Self {
        Self { settings, ..self }
    }

    /// The same with a registry that the engine reaches, as `host:port`; in memory there is always one.
    #[must_use]
    pub fn with_registry(self, registry: impl Into<String>) -> Self {
        Self {
            registry: Some(registry.into()),
            ..self
        }
    }

    /// Only the rules whose ids fit one of these, with `*` for any part of them. None: all.
    #[must_use]
    pub fn only(self, ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            only: ids.into_iter().map(Into::into).collect(),
            ..self
        }
    }

    /// The same, with this time for each rule, in place of a minute.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Looks at every rule, several at once. A rule that traps, panics or comes to no end is failed like any other.
    ///
    /// # Errors
    /// `invalid-argument` for an id that fits no rule, and what the plugin answers where it can not even say what it is.
    pub async fn run(&self, plugin: &Plugin) -> Result<Report> {
        self.run_telling(plugin, |_| {}).await
    }

    /// The same, and tells of each rule when it is done.
    ///
    /// # Errors
    /// As [`Suite::run`].
    pub async fn run_telling(&self, plugin: &Plugin, tell: impl Fn(&Outcome)) -> Result<Report> {
        let chosen = self.chosen()?;
        let description = Arc::new(plugin.describe().await?);
        let mut outcomes = Vec::new();
        let mut running = futures::stream::iter(chosen.iter().copied())
            .map(|rule| self.look(plugin, &description, rule))
            .buffer_unordered(AT_ONCE);
        while let Some(outcome) = running.next().await {
            tell(&outcome);
            outcomes.push(outcome);
        }
        drop(running);
        let place = |outcome: &Outcome| chosen.iter().position(|rule| rule.id == outcome.rule.id);
        outcomes.sort_by_key(place);
        Ok(Report {
            tested: Tested {
                name: description.name.clone(),
                version: description.version.clone(),
                contract: plugin.contract().to_string(),
                sha256: plugin.digest().to_owned(),
                origin: plugin.origin().to_owned(),
            },
            engine: self
                .engine
                .as_ref()
                .map_or_else(|| "sandbox".to_owned(), |engine| engine.endpoint()),
            outcomes,
        })
    }

    fn chosen(&self) -> Result<Vec<&'static Rule>> {
        let fits = |pattern: &str, rule: &Rule| WildMatch::new(pattern).matches(rule.id);
        for pattern in &self.only {
            if !rules().any(|rule| fits(pattern, rule)) {
                let mut near = words::nearest(pattern, rules().map(|rule| rule.id));
                near.truncate(1);
                let near = words::did_you_mean(&near);
                return Err(invalid(
                    "rule",
                    pattern,
                    "no rule is called so",
                    format!("{near}`*` stands for any part of an id, as in `create.*`"),
                ));
            }
        }
        let is_chosen = |rule: &&Rule| self.only.is_empty() || self.only.iter().any(|pattern| fits(pattern, rule));
        Ok(rules().filter(is_chosen).collect())
    }

    async fn look(&self, plugin: &Plugin, description: &Arc<Description>, rule: &'static Rule) -> Outcome {
        let began = Instant::now();
        let verdict = match rule.lacks(description) {
            Some(reason) => Verdict::Skipped { reason },
            None => self.verdict(plugin, description, rule).await,
        };
        Outcome {
            rule,
            verdict,
            took: began.elapsed(),
        }
    }

    async fn verdict(&self, plugin: &Plugin, description: &Arc<Description>, rule: &'static Rule) -> Verdict {
        let fixture = match Fixture::new(self, plugin, description).await {
            Ok(fixture) => Arc::new(fixture),
            Err(error) => {
                return Verdict::Failed {
                    reason: format!(
                        "the provider can not be opened: {}; {}",
                        error.message(),
                        error.remedy()
                    ),
                };
            }
        };
        // In a task of its own, so that a panic is no more than this rule's.
        let check = tokio::spawn({
            let fixture = fixture.clone();
            async move { (rule.check)(&fixture).await }
        });
        let stop = check.abort_handle();
        let verdict = match tokio::time::timeout(self.timeout, check).await {
            Ok(Ok(Ok(()))) => Verdict::Passed,
            Ok(Ok(Err(Stop::Failed(reason)))) => Verdict::Failed { reason },
            Ok(Ok(Err(Stop::Skipped(reason)))) => Verdict::Skipped { reason },
            Ok(Err(panic)) => Verdict::Failed {
                reason: format!("the rule came to no answer: {panic}"),
            },
            Err(_) => {
                stop.abort();
                Verdict::Failed {
                    reason: format!("there is no answer after {:?}", self.timeout),
                }
            }
        };
        let left = fixture.clean_up().await;
        match (verdict, left.is_empty()) {
            (Verdict::Passed, false) => Verdict::Failed {
                reason: format!("what it made could not be removed: {}", left.join("; ")),
            },
            (verdict, _) => verdict,
        }
    }
}
