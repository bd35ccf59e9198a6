//! What the labels of an image say of the snapshot that it is.

use super::REPOSITORY;
use crate::contract::docker::{Image, ImageSummary};
use crate::contract::types::Snapshot;
use crate::labels::{self, Pair};
use crate::{findings, peer, volumes};

/// What an image of that name says of itself.
pub(crate) fn described(image: Image, name: String) -> Option<Snapshot> {
    of_image(ImageSummary {
        id: image.id,
        parent_id: image.parent_id,
        tags: vec![name],
        created: 0,
        size_bytes: image.size_bytes,
        labels: image.labels,
    })
}

/// What an image says of itself. An image made of a snapshot inherits its labels and not its tag, so only what bears the
/// tag is one.
pub(crate) fn of_image(image: ImageSummary) -> Option<Snapshot> {
    peer::snapshot(&image).or_else(|| ours(image))
}

fn ours(image: ImageSummary) -> Option<Snapshot> {
    let label = |key| labels::value(&image.labels, key);
    let id = label(labels::SNAPSHOT_ID)?.to_owned();
    let agent_id = label(labels::AGENT_ID)?.to_owned();
    let own = format!("{REPOSITORY}:{agent_id}-{id}");
    let tag = image.tags.iter().find(|tag| **tag == own)?.clone();
    Some(Snapshot {
        agent_name: label(labels::AGENT_NAME).unwrap_or_default().to_owned(),
        name: label(labels::SNAPSHOT_NAME).map(str::to_owned),
        created_at: created_at(&image.labels, image.created),
        parent: label(labels::SNAPSHOT_PARENT).map(str::to_owned),
        volumes: volumes::decode(&image.labels),
        id,
        agent_id,
        image: tag,
        image_id: image.id,
        size_bytes: image.size_bytes,
        findings: label(labels::SNAPSHOT_FINDINGS)
            .map(findings::decode)
            .unwrap_or_default(),
    })
}

fn created_at(labels: &[Pair], fallback_seconds: i64) -> String {
    labels::value(labels, labels::SNAPSHOT_CREATED_AT)
        .and_then(|text| labels::time(labels::SNAPSHOT_CREATED_AT, text).ok())
        .unwrap_or_else(|| {
            jiff::Timestamp::from_second(fallback_seconds)
                .unwrap_or_default()
                .to_string()
        })
}
