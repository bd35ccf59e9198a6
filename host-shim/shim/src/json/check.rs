//! What a check has found out.

use serde::Serialize;

use crate::check::{Verdict, Violation};

/// One rule and where it is broken.
#[derive(Serialize)]
pub struct VerdictJson<'a> {
    rule: &'static str,
    statement: &'static str,
    /// Absent where it was not looked at.
    looked_at: Option<usize>,
    violations: Vec<ViolationJson<'a>>,
}

#[derive(Serialize)]
struct ViolationJson<'a> {
    subject: &'a str,
    reason: &'a str,
    remedy: &'a str,
}

impl<'a> From<&'a Verdict> for VerdictJson<'a> {
    fn from(verdict: &'a Verdict) -> Self {
        let violation = |violation: &'a Violation| ViolationJson {
            subject: &violation.subject,
            reason: &violation.reason,
            remedy: &violation.remedy,
        };
        Self {
            rule: verdict.rule.name,
            statement: verdict.rule.statement,
            looked_at: verdict.looked_at,
            violations: verdict.violations.iter().map(violation).collect(),
        }
    }
}
