//! What of an agent's environment may leave the engine with its image.
//!
//! An image keeps the values of its environment variables, readable by all who get it. Those that the setting `secret_env`
//! names never leave. Of the others only those go without a word that the image had which the agent was first made from.

use std::collections::BTreeSet;

use wildmatch::WildMatch;

use crate::contract::types::{Finding, FindingKind, ProviderError, Severity, Snapshot};
use crate::error::unsupported_because;
use crate::{Capabilities, DockerProviderInstance, Result, findings, labels};

/// Longest chain of snapshots made of snapshots that is followed.
const LONGEST_CHAIN: usize = 200;

/// The names among `names` that stay behind. The image is the one that has these variables, or that a container with them was
/// made from.
///
/// # Errors
/// `snapshot-blocked` naming those that would be given away and that nobody has agreed to, and whatever the engine answers.
pub(crate) async fn stay_behind<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    image: &str,
    names: &[String],
    agreed: bool,
) -> Result<Vec<String>> {
    let (secret, others): (Vec<_>, Vec<_>) = names
        .iter()
        .cloned()
        .partition(|name| is_secret(&provider.settings.secret_env, name));
    if agreed || others.is_empty() {
        return Ok(secret);
    }
    let base = of_base(provider, image).await?;
    let given_away: Vec<_> = others
        .into_iter()
        .filter(|name| name != "PATH" && !base.contains(name))
        .collect();
    match given_away.is_empty() {
        true => Ok(secret),
        false => Err(ProviderError::SnapshotBlocked(vec![finding(&given_away)])),
    }
}

/// The findings of a snapshot, as they are of one that lacks these variables.
pub(crate) fn less(findings: &[Finding], left_out: &[String]) -> Vec<Finding> {
    let rest = |finding: &Finding| {
        let names = finding.source.as_deref().unwrap_or_default().split(", ");
        let names: Vec<_> = names.filter(|name| !left_out.iter().any(|out| out == name)).collect();
        Finding {
            source: Some(names.join(", ")),
            ..finding.clone()
        }
    };
    let mut findings: Vec<_> = findings
        .iter()
        .map(|finding| match finding.kind {
            FindingKind::Environment => rest(finding),
            _ => finding.clone(),
        })
        .collect();
    findings.retain(|finding| finding.kind != FindingKind::Environment || finding.source.as_deref() != Some(""));
    findings
}

/// Refuses a snapshot that is more than its image: of one that holds volumes only a part would arrive.
///
/// # Errors
/// `unsupported`, naming the volumes' paths.
pub(crate) fn whole(snapshot: &Snapshot) -> Result<()> {
    if snapshot.volumes.is_empty() {
        return Ok(());
    }
    let paths: Vec<_> = snapshot.volumes.iter().map(|volume| volume.path.as_str()).collect();
    Err(unsupported_because(
        format!("snapshot {}", snapshot.id),
        format!(
            "it holds volumes ({}), which do not leave the engine with it",
            paths.join(", ")
        ),
        "take one without --include-volumes, and carry the volumes over with `mngr-docker cp`",
    ))
}

/// Whether a setting's pattern fits a name, in upper or lower case.
fn is_secret(patterns: &[String], name: &str) -> bool {
    let fits = |pattern: &String| WildMatch::new_case_insensitive(pattern).matches(name);
    patterns.iter().any(fits)
}

fn finding(names: &[String]) -> Finding {
    Finding {
        source: Some(names.join(", ")),
        severity: Severity::Block,
        ..findings::finding(
            FindingKind::Environment,
            "the values of these environment variables would leave with the image, readable by all who get it",
            "keep secrets out of it: pass them to `exec`, or in a file of a tmpfs",
        )
    }
}

/// The variables of the first image below that is no snapshot. One that has come from elsewhere has nothing below it, so that
/// nothing is known to be harmless.
async fn of_base<C: Capabilities>(provider: &DockerProviderInstance<C>, image: &str) -> Result<BTreeSet<String>> {
    let mut next = image.to_owned();
    for _ in 0..LONGEST_CHAIN {
        let image = match provider.capabilities.image_inspect(&next).await {
            Ok(image) => image,
            Err(ProviderError::NotFound(_)) => break,
            Err(error) => return Err(error),
        };
        if labels::value(&image.labels, labels::SNAPSHOT_ID).is_none() {
            return Ok(image.env_names.into_iter().collect());
        }
        if image.parent_id.is_empty() {
            break;
        }
        next = image.parent_id;
    }
    Ok(BTreeSet::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_tells_of_what_is_still_there() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let findings = [finding(&names(&["A_TOKEN", "B"]))];
        let rest = less(&findings, &names(&["A_TOKEN"]));
        assert_eq!(rest[0].source.as_deref(), Some("B"));
        assert!(less(&findings, &names(&["A_TOKEN", "B"])).is_empty());
    }

    #[test]
    fn patterns_fit_whole_names_in_any_case() {
        let patterns = ["*_TOKEN".to_owned(), "AWS_*".to_owned(), "PIN".to_owned()];
        for secret in ["GITHUB_TOKEN", "github_token", "AWS_REGION", "PIN"] {
            assert!(is_secret(&patterns, secret), "{secret}");
        }
        for open in ["TOKENS", "GITHUB_TOKEN_FILE", "PINK", ""] {
            assert!(!is_secret(&patterns, open), "{open}");
        }
    }
}
