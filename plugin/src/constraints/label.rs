//! Findings in a snapshot's label: JSON, and never more than a label can well be.

use serde::{Deserialize, Serialize};

use super::kinds;
use crate::contract::types::{Finding, Severity};

/// Most bytes of the label. The engine hands labels out with every list.
const MAX_BYTES: usize = 32 * 1024;

#[derive(Serialize, Deserialize)]
struct Written {
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(default)]
    read_only: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size_bytes: Option<u64>,
    severity: String,
    reason: String,
    remedy: String,
}

/// The label's text, and how many findings it has no room for; those that block come first and are kept.
pub(crate) fn encode(findings: &[Finding]) -> (String, usize) {
    let mut kept: Vec<String> = Vec::new();
    let mut bytes = 2;
    for finding in findings {
        let written = serde_json::json!(Written {
            kind: kinds::kind_name(finding.kind).to_owned(),
            path: finding.path.clone(),
            source: finding.source.clone(),
            read_only: finding.read_only,
            size_bytes: finding.size_bytes,
            severity: kinds::severity_name(finding.severity).to_owned(),
            reason: finding.reason.clone(),
            remedy: finding.remedy.clone(),
        })
        .to_string();
        bytes += written.len() + 1;
        if bytes > MAX_BYTES {
            break;
        }
        kept.push(written);
    }
    match kept.len() {
        0 => (String::new(), findings.len()),
        count => (format!("[{}]", kept.join(",")), findings.len() - count),
    }
}

/// Reads the label back. What does not decode, or is of a kind that a later version knows, is left out.
pub(crate) fn decode(text: &str) -> Vec<Finding> {
    let written: Vec<Written> = serde_json::from_str(text).unwrap_or_default();
    let read = |written: Written| {
        Some(Finding {
            kind: kinds::kind(&written.kind)?,
            path: written.path,
            source: written.source,
            read_only: written.read_only,
            size_bytes: written.size_bytes,
            covered: false,
            severity: kinds::severity(&written.severity).unwrap_or(Severity::Warn),
            reason: written.reason,
            remedy: written.remedy,
        })
    };
    written.into_iter().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::types::FindingKind;

    fn finding(path: String) -> Finding {
        Finding {
            path: Some(path),
            read_only: true,
            size_bytes: Some(7),
            severity: Severity::Block,
            ..super::super::finding(FindingKind::NetworkStorage, "why", "what \"to\" do")
        }
    }

    #[test]
    fn findings_come_back_as_they_were() {
        let findings = vec![finding("/a".to_owned()), finding("/b\n".to_owned())];
        let (text, left_out) = encode(&findings);
        assert!(decode(&text) == findings && left_out == 0);
        assert_eq!(encode(&[]), (String::new(), 0));
        assert!(decode("").is_empty() && decode("nonsense").is_empty());
    }

    #[test]
    fn a_label_that_would_be_too_long_keeps_the_first_ones() {
        let many: Vec<_> = (0..1000).map(|at| finding(format!("/{at}"))).collect();
        let (text, left_out) = encode(&many);
        assert!(text.len() <= MAX_BYTES);
        let kept = decode(&text);
        assert!(!kept.is_empty() && kept.len() + left_out == 1000 && kept[0].path.as_deref() == Some("/0"));
    }
}
