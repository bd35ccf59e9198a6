//! Findings: what their kinds and severities are called, and how a snapshot's label holds them.

use mngr_docker_grammar::words::{did_you_mean, nearest, shown};
use serde::{Deserialize, Serialize};

use crate::contract::types::{Finding, FindingKind, Severity};

/// Every kind and its name in settings, labels and `--json`.
pub const KINDS: [(FindingKind, &str); 11] = [
    (FindingKind::BindMount, "bind_mount"),
    (FindingKind::NamedVolume, "named_volume"),
    (FindingKind::AnonymousVolume, "anonymous_volume"),
    (FindingKind::SharedVolume, "shared_volume"),
    (FindingKind::Tmpfs, "tmpfs"),
    (FindingKind::NetworkStorage, "network_storage"),
    (FindingKind::Gpu, "gpu"),
    (FindingKind::Device, "device"),
    (FindingKind::Environment, "environment"),
    (FindingKind::LayerLimit, "layer_limit"),
    (FindingKind::FreeSpace, "free_space"),
];

/// Every severity and its name.
const SEVERITIES: [(Severity, &str); 3] = [
    (Severity::Ignore, "ignore"),
    (Severity::Warn, "warn"),
    (Severity::Block, "block"),
];

/// The name of a kind.
pub(crate) fn kind_name(kind: FindingKind) -> &'static str {
    KINDS
        .iter()
        .find(|(each, _)| *each == kind)
        .map_or("", |(_, name)| name)
}

/// The kind of that name, also with dashes.
pub(crate) fn kind(name: &str) -> Option<FindingKind> {
    let name = name.replace('-', "_");
    KINDS.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
}

/// The name of a severity.
pub(crate) fn severity_name(severity: Severity) -> &'static str {
    SEVERITIES
        .iter()
        .find(|(each, _)| *each == severity)
        .map_or("", |(_, name)| name)
}

/// The severity of that name.
pub(crate) fn severity(name: &str) -> Option<Severity> {
    SEVERITIES
        .iter()
        .find(|(_, known)| *known == name)
        .map(|(severity, _)| *severity)
}

/// What is wrong with one line of the setting `snapshot_findings`, and the remedy.
pub fn check_setting(kind_given: &str, severity_given: &str) -> Option<(String, String)> {
    if kind(kind_given).is_none() {
        let names = KINDS.map(|(_, name)| name);
        let near = did_you_mean(&nearest(kind_given, names));
        return Some((
            format!("`{}` is not a kind of finding", shown(kind_given)),
            format!("{near}use one of: {}", names.join(", ")),
        ));
    }
    if severity(severity_given).is_none() {
        let names = SEVERITIES.map(|(_, name)| name);
        let near = did_you_mean(&nearest(severity_given, names));
        return Some((
            format!("`{}` for {kind_given} is not a severity", shown(severity_given)),
            format!("{near}use one of: {}", names.join(", ")),
        ));
    }
    None
}

/// A finding without a place, to be judged later.
pub(crate) fn finding(kind: FindingKind, reason: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding {
        kind,
        path: None,
        source: None,
        read_only: false,
        size_bytes: None,
        covered: false,
        severity: Severity::Warn,
        reason: reason.into(),
        remedy: remedy.into(),
    }
}

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
            kind: kind_name(finding.kind).to_owned(),
            path: finding.path.clone(),
            source: finding.source.clone(),
            read_only: finding.read_only,
            size_bytes: finding.size_bytes,
            severity: severity_name(finding.severity).to_owned(),
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
            kind: kind(&written.kind)?,
            path: written.path,
            source: written.source,
            read_only: written.read_only,
            size_bytes: written.size_bytes,
            covered: false,
            severity: severity(&written.severity).unwrap_or(Severity::Warn),
            reason: written.reason,
            remedy: written.remedy,
        })
    };
    written.into_iter().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: String) -> Finding {
        Finding {
            path: Some(path),
            read_only: true,
            size_bytes: Some(7),
            severity: Severity::Block,
            ..finding(FindingKind::NetworkStorage, "why", "what \"to\" do")
        }
    }

    #[test]
    fn findings_come_back_as_they_were() {
        let findings = vec![at("/a".to_owned()), at("/b\n".to_owned())];
        let (text, left_out) = encode(&findings);
        assert!(decode(&text) == findings && left_out == 0);
        assert_eq!(encode(&[]), (String::new(), 0));
        assert!(decode("").is_empty() && decode("nonsense").is_empty());
    }

    #[test]
    fn a_label_that_would_be_too_long_keeps_the_first_ones() {
        let many: Vec<_> = (0..1000).map(|at| self::at(format!("/{at}"))).collect();
        let (text, left_out) = encode(&many);
        assert!(text.len() <= MAX_BYTES);
        let kept = decode(&text);
        assert!(!kept.is_empty() && kept.len() + left_out == 1000 && kept[0].path.as_deref() == Some("/0"));
    }

    #[test]
    fn a_misspelt_kind_or_severity_is_answered_with_the_nearest() {
        let (_, remedy) = check_setting("bind_mont", "warn").expect("wrong");
        assert!(remedy.contains("did you mean `bind_mount`"), "{remedy}");
        let (_, remedy) = check_setting("bind_mount", "blok").expect("wrong");
        assert!(remedy.contains("did you mean `block`"), "{remedy}");
        assert!(check_setting("gpu", "ignore").is_none());
    }
}
