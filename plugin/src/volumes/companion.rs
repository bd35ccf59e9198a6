//! Companions of a snapshot: what each volume held, as an image of its own.
//!
//! Such an image has no command and nothing but the content, in one directory of its root. Its labels say whose it is, so
//! that it is kept as long as its snapshot and removed with it, and how the volume was mounted, so that it can be again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::contract::docker::ImportOptions;
use crate::contract::types::{Finding, SnapshotVolume};
use crate::findings::{kind, kind_name};
use crate::labels::{self, Identity, Pair};

/// The repository of all companions.
const REPOSITORY: &str = "mngr-snapshot-volume";
/// The directory of the image's root that the content lies in.
pub(crate) const CONTENT: &str = "content";

/// Where the agent had a volume, and how it came there.
pub(super) struct Place<'a> {
    /// What was found there.
    pub finding: &'a Finding,
    /// The flag of `docker run` that mounts it.
    pub mount: String,
    /// Of the volume's driver.
    pub options: Vec<Pair>,
    /// Other mounts below it that would be read as well, which are not its content.
    pub exclude: Vec<String>,
}

/// How the companion with this number is made.
pub(super) fn import(
    identity: &Identity,
    provider: &str,
    snapshot: &str,
    number: usize,
    place: Place<'_>,
) -> ImportOptions {
    let finding = place.finding;
    let options: BTreeMap<_, _> = place.options.into_iter().collect();
    let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    ImportOptions {
        repository: REPOSITORY.to_owned(),
        tag: format!("{}-{snapshot}-{number}", identity.id),
        labels: vec![
            label(labels::AGENT_ID, &identity.id),
            label(labels::AGENT_NAME, &identity.name),
            label(labels::PROVIDER, provider),
            label(labels::SNAPSHOT_ID, snapshot),
            label(labels::VOLUME_PATH, finding.path.as_deref().unwrap_or_default()),
            label(labels::VOLUME_KIND, kind_name(finding.kind)),
            label(labels::VOLUME_SOURCE, finding.source.as_deref().unwrap_or_default()),
            label(labels::VOLUME_MOUNT, &place.mount),
            label(labels::VOLUME_OPTIONS, &serde_json::json!(options).to_string()),
        ],
        root_name: CONTENT.to_owned(),
        exclude: place.exclude,
    }
}

/// The volume driver's options as a companion has them.
pub(super) fn options(labels: &[Pair]) -> Vec<Pair> {
    let text = labels::value(labels, labels::VOLUME_OPTIONS).unwrap_or_default();
    let options: BTreeMap<String, String> = serde_json::from_str(text).unwrap_or_default();
    options.into_iter().collect()
}

/// Whether an image of ours with these names is a companion.
pub(crate) fn is_companion(tags: &[String]) -> bool {
    let own = |tag: &String| tag.strip_prefix(REPOSITORY).is_some_and(|rest| rest.starts_with(':'));
    tags.iter().any(own)
}

#[derive(Serialize, Deserialize)]
struct Written {
    path: String,
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    size_bytes: u64,
    image: String,
}

/// The label of a snapshot; empty for none.
pub(crate) fn encode(volumes: &[SnapshotVolume]) -> String {
    let write = |volume: &SnapshotVolume| Written {
        path: volume.path.clone(),
        kind: kind_name(volume.kind).to_owned(),
        source: volume.source.clone(),
        size_bytes: volume.size_bytes,
        image: volume.image.clone(),
    };
    match volumes {
        [] => String::new(),
        volumes => serde_json::json!(volumes.iter().map(write).collect::<Vec<_>>()).to_string(),
    }
}

/// Reads the label back. What does not decode, or is of a kind that a later version knows, is left out.
pub(crate) fn decode(labels: &[Pair]) -> Vec<SnapshotVolume> {
    let text = labels::value(labels, labels::SNAPSHOT_VOLUMES).unwrap_or_default();
    let written: Vec<Written> = serde_json::from_str(text).unwrap_or_default();
    let read = |written: Written| {
        Some(SnapshotVolume {
            kind: kind(&written.kind)?,
            path: written.path,
            source: written.source,
            size_bytes: written.size_bytes,
            image: written.image,
        })
    };
    written.into_iter().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::types::FindingKind;

    #[test]
    fn the_label_comes_back_as_it_was() {
        let volumes = [SnapshotVolume {
            path: "/data \"x\"".to_owned(),
            kind: FindingKind::NamedVolume,
            source: Some("data".to_owned()),
            size_bytes: 7,
            image: "mngr-snapshot-volume:a-b-1".to_owned(),
        }];
        let label = |text| vec![(labels::SNAPSHOT_VOLUMES.to_owned(), text)];
        assert!(decode(&label(encode(&volumes))) == volumes);
        assert_eq!(encode(&[]), "");
        assert!(decode(&[]).is_empty() && decode(&label("nonsense".to_owned())).is_empty());
    }

    #[test]
    fn a_companion_is_told_by_its_repository_and_not_by_its_beginning() {
        assert!(is_companion(&["mngr-snapshot-volume:a".to_owned()]));
        assert!(!is_companion(&[
            "mngr-snapshot:a".to_owned(),
            "mngr-snapshot-volumes:a".to_owned()
        ]));
    }
}
