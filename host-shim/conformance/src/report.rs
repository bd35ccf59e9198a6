//! What came of a run, for programs.

use std::time::Duration;

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};
use serde::Serialize;

use super::Rule;

/// What a rule came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The provider does what is promised.
    Passed,
    /// It does something else.
    Failed {
        /// What was found and what is promised.
        reason: String,
    },
    /// The provider says that it can not do this, or it can not be seen on this engine.
    Skipped {
        /// Which of it.
        reason: String,
    },
}

/// A rule that was looked at.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Which.
    pub rule: &'static Rule,
    /// What came of it.
    pub verdict: Verdict,
    /// How long it took.
    pub took: Duration,
}

/// Which plugin it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tested {
    /// The backend's name, as the plugin says.
    pub name: String,
    /// Its version, as the plugin says.
    pub version: String,
    /// The version of the contract that it was built against.
    pub contract: String,
    /// Of its bytes, in hexadecimal.
    pub sha256: String,
    /// Where it is from.
    pub origin: String,
}

/// What came of every rule.
#[derive(Debug, Clone)]
pub struct Report {
    /// Which plugin it was.
    pub tested: Tested,
    /// The engine's address, or `sandbox`.
    pub engine: String,
    /// One for each rule, in the rules' order.
    pub outcomes: Vec<Outcome>,
}

#[derive(Serialize)]
struct OutcomeJson<'a> {
    id: &'a str,
    statement: &'a str,
    source: &'a str,
    verdict: &'a str,
    reason: Option<&'a str>,
    duration_ms: u64,
}

#[derive(Serialize)]
struct ReportJson<'a> {
    plugin: &'a Tested,
    engine: &'a str,
    passed: usize,
    failed: usize,
    skipped: usize,
    rules: Vec<OutcomeJson<'a>>,
}

impl Verdict {
    /// `passed`, `failed` or `skipped`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed { .. } => "failed",
            Self::Skipped { .. } => "skipped",
        }
    }

    /// Why, where it did not pass.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Passed => None,
            Self::Failed { reason } | Self::Skipped { reason } => Some(reason),
        }
    }
}

impl Report {
    fn with(&self, word: &'static str) -> impl Iterator<Item = &Outcome> {
        self.outcomes
            .iter()
            .filter(move |outcome| outcome.verdict.word() == word)
    }

    /// The rules that the provider keeps.
    pub fn passed(&self) -> impl Iterator<Item = &Outcome> {
        self.with("passed")
    }

    /// The rules that it breaks.
    pub fn failed(&self) -> impl Iterator<Item = &Outcome> {
        self.with("failed")
    }

    /// The rules that could not be looked at.
    pub fn skipped(&self) -> impl Iterator<Item = &Outcome> {
        self.with("skipped")
    }

    /// As one JSON value.
    pub fn json(&self) -> impl Serialize + '_ {
        ReportJson {
            plugin: &self.tested,
            engine: &self.engine,
            passed: self.passed().count(),
            failed: self.failed().count(),
            skipped: self.skipped().count(),
            rules: self
                .outcomes
                .iter()
                .map(|Outcome { rule, verdict, took }| OutcomeJson {
                    id: rule.id,
                    statement: rule.statement,
                    source: rule.source,
                    verdict: verdict.word(),
                    reason: verdict.reason(),
                    duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
                })
                .collect(),
        }
    }

    /// As XML that tools for continuous integration read: a suite for each group of rules, a case for each rule.
    pub fn junit(&self) -> String {
        let mut report = quick_junit::Report::new(format!("{} {}", self.tested.name, self.tested.version));
        for group in self
            .outcomes
            .chunk_by(|one, next| one.rule.group() == next.rule.group())
        {
            let Some(first) = group.first() else { continue };
            let mut suite = TestSuite::new(first.rule.group());
            suite.add_property(("engine", self.engine.as_str()));
            suite.add_property(("sha256", self.tested.sha256.as_str()));
            for outcome in group {
                suite.add_test_case(case(outcome));
            }
            report.add_test_suite(suite);
        }
        // Only a writer that refuses bytes can fail, and a string takes all.
        report.to_string().unwrap_or_default()
    }
}

fn case(outcome: &Outcome) -> TestCase {
    let status = match &outcome.verdict {
        Verdict::Passed => TestCaseStatus::success(),
        Verdict::Failed { reason } => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status
                .set_type(outcome.rule.source)
                .set_message(reason.as_str())
                .set_description(outcome.rule.statement);
            status
        }
        Verdict::Skipped { reason } => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(reason.as_str());
            status
        }
    };
    let mut case = TestCase::new(outcome.rule.id, status);
    case.set_classname(format!("mngr:provider/{}", outcome.rule.source))
        .set_time(outcome.took);
    case
}
