//! What the labels of an image say of the snapshot that it is.

use super::{ID_PREFIX, REPOSITORY};
use crate::contract::docker::{Image, ImageSummary};
use crate::contract::types::Snapshot;
use crate::labels::{self, Pair};
use crate::{findings, volumes};

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
    theirs(&image).or_else(|| ours(image))
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
        .unwrap_or_else(|| labels::rfc3339(fallback_seconds))
}

/// What an image that mngr's own provider committed is a snapshot of, by its tag.
fn theirs(image: &ImageSummary) -> Option<Snapshot> {
    let host_id = labels::value(&image.labels, labels::HOST_ID)?;
    let tagged = format!("{REPOSITORY}:{host_id}-");
    let (tag, name) = image
        .tags
        .iter()
        .find_map(|tag| Some((tag, tag.strip_prefix(&tagged)?)))?;
    Some(Snapshot {
        id: format!("{ID_PREFIX}{}", digits(&image.id)?),
        agent_id: labels::value(&image.labels, labels::AGENT_ID)?.to_owned(),
        agent_name: labels::value(&image.labels, labels::AGENT_NAME)
            .unwrap_or_default()
            .to_owned(),
        name: Some(name.to_owned()),
        image: tag.clone(),
        image_id: image.id.clone(),
        created_at: labels::rfc3339(image.created),
        size_bytes: image.size_bytes,
        parent: None,
        findings: Vec::new(),
        volumes: Vec::new(),
    })
}

/// As many digits of an image's id as an id of ours has.
fn digits(image_id: &str) -> Option<&str> {
    image_id.strip_prefix("sha256:")?.get(..32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer;

    #[test]
    fn an_image_with_its_tag_is_a_snapshot_and_one_built_on_it_is_not() {
        let mut image = ImageSummary {
            id: format!("sha256:{}", "ab".repeat(32)),
            parent_id: String::new(),
            tags: vec![format!("mngr-snapshot:host-{}-before", "0f".repeat(16))],
            created: 1_700_000_000,
            size_bytes: 5,
            labels: [
                (labels::HOST_ID, format!("host-{}", "0f".repeat(16))),
                (labels::HOST_NAME, "a1".to_owned()),
                (labels::PROVIDER, "docker".to_owned()),
            ]
            .map(|(key, value)| (key.to_owned(), value))
            .to_vec(),
        };
        peer::imaged(&mut image.labels, image.created);
        let found = of_image(image.clone()).expect("a snapshot");
        assert_eq!(
            (found.name.as_deref(), found.created_at.as_str()),
            (Some("before"), "2023-11-14T22:13:20Z")
        );
        assert_eq!(found.id, format!("snap-{}", "ab".repeat(16)));
        image.tags = vec!["mine:latest".to_owned()];
        assert!(of_image(image).is_none());
    }
}
