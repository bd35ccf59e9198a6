//! How a call failed.

use mngr_contract::ProviderError;
use mngr_contract::types::Problem;
use serde::Serialize;

use super::snapshot::FindingJson;

/// `{"error": …}`.
#[derive(Serialize)]
pub struct ErrorJson<'a> {
    error: ErrorBody<'a>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    kind: &'a str,
    message: String,
    field: Option<&'a str>,
    remedy: &'a str,
    /// Only where several providers were asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a str>,
    /// Only where a reference is ambiguous.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    candidates: &'a [String],
    /// Only where a snapshot is blocked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<FindingJson<'a>>,
}

impl<'a> ErrorJson<'a> {
    /// An error that no provider made: wrong usage, a configuration at fault.
    pub fn new(kind: &'a str, message: String, field: Option<&'a str>, remedy: &'a str) -> Self {
        Self {
            error: ErrorBody {
                kind,
                message,
                field,
                remedy,
                provider: None,
                candidates: &[],
                findings: Vec::new(),
            },
        }
    }

    /// The same, of one of several providers.
    pub fn of_provider(mut self, provider: &'a str) -> Self {
        self.error.provider = Some(provider);
        self
    }
}

impl<'a> From<&'a ProviderError> for ErrorJson<'a> {
    fn from(error: &'a ProviderError) -> Self {
        let mut json = Self::new(error.kind(), error.message(), error.field(), error.remedy());
        match error {
            ProviderError::Ambiguous(ambiguous) => json.error.candidates = &ambiguous.candidates,
            ProviderError::SnapshotBlocked(findings) => {
                json.error.findings = findings.iter().map(FindingJson::from).collect();
            }
            _ => {}
        }
        json
    }
}

/// What one case of an error holds besides what all of them do.
#[derive(Serialize)]
#[serde(untagged)]
pub enum DetailsJson<'a> {
    /// Of `invalid_argument`.
    InvalidArgument {
        /// The value at fault, shortened.
        value: &'a str,
        /// What is wrong with it.
        reason: &'a str,
    },
    /// Of the cases that are about one thing.
    Problem {
        /// The thing.
        subject: &'a str,
        /// What is wrong with it.
        reason: &'a str,
    },
    /// Of `ambiguous`.
    Ambiguous {
        /// The reference.
        given: &'a str,
        /// All that it fits.
        candidates: &'a [String],
    },
    /// Of `conflict`.
    Conflict {
        /// What is in the way.
        subject: &'a str,
        /// The state it is in.
        state: &'a str,
        /// Why that does not do.
        reason: &'a str,
    },
    /// Of `denied`.
    Denied {
        /// The rule, as the configuration names it.
        rule: &'a str,
        /// What it refuses.
        reason: &'a str,
    },
    /// Of `timeout`.
    Timeout {
        /// What took too long.
        subject: &'a str,
        /// How long it was waited for.
        after_ms: u64,
        /// Whether the effect may still happen, or has happened unseen.
        may_have_happened: bool,
    },
    /// Of `snapshot_blocked`.
    SnapshotBlocked {
        /// What blocks it, and what else was found.
        findings: Vec<FindingJson<'a>>,
    },
}

impl<'a> From<&'a Problem> for DetailsJson<'a> {
    fn from(problem: &'a Problem) -> Self {
        Self::Problem {
            subject: &problem.subject,
            reason: &problem.reason,
        }
    }
}

impl<'a> From<&'a ProviderError> for DetailsJson<'a> {
    fn from(error: &'a ProviderError) -> Self {
        match error {
            ProviderError::InvalidArgument(e) => Self::InvalidArgument {
                value: &e.value,
                reason: &e.reason,
            },
            ProviderError::Ambiguous(e) => Self::Ambiguous {
                given: &e.given,
                candidates: &e.candidates,
            },
            ProviderError::Conflict(e) => Self::Conflict {
                subject: &e.subject,
                state: &e.state,
                reason: &e.reason,
            },
            ProviderError::Denied(e) => Self::Denied {
                rule: &e.rule,
                reason: &e.reason,
            },
            ProviderError::Timeout(e) => Self::Timeout {
                subject: &e.subject,
                after_ms: e.after_ms,
                may_have_happened: e.may_have_happened,
            },
            ProviderError::SnapshotBlocked(findings) => Self::SnapshotBlocked {
                findings: findings.iter().map(FindingJson::from).collect(),
            },
            ProviderError::NotFound(e)
            | ProviderError::AlreadyExists(e)
            | ProviderError::Unsupported(e)
            | ProviderError::Unavailable(e)
            | ProviderError::ResourceExhausted(e)
            | ProviderError::Internal(e) => e.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use mngr_contract::error;
    use mngr_contract::types::Ambiguous;

    use super::*;

    #[test]
    fn an_error_has_one_shape_for_programs() {
        let error = error::invalid("name", "a/b", "it holds '/'", "use letters");
        insta::assert_json_snapshot!(ErrorJson::from(&error), @r#"
        {
          "error": {
            "kind": "invalid_argument",
            "message": "name `a/b`: it holds '/'",
            "field": "name",
            "remedy": "use letters"
          }
        }
        "#);
    }

    #[test]
    fn the_details_are_those_of_the_case() {
        let ambiguous = ProviderError::Ambiguous(Ambiguous {
            given: "agent-1".to_owned(),
            candidates: vec!["agent-11".to_owned(), "agent-12".to_owned()],
            remedy: String::new(),
        });
        insta::assert_json_snapshot!(DetailsJson::from(&ambiguous), @r#"
        {
          "given": "agent-1",
          "candidates": [
            "agent-11",
            "agent-12"
          ]
        }
        "#);
        let missing = error::not_found("agent `a`", "there is none", "make it");
        insta::assert_json_snapshot!(DetailsJson::from(&missing), @r#"
        {
          "subject": "agent `a`",
          "reason": "there is none"
        }
        "#);
    }
}
