//! What must be said of every container and snapshot, and of how many.
//!
//! The labels are those of the document that this provider was made after. They are named here once more, because a checker
//! that asked the plugin what it writes would find nothing wrong with what it does not write.

use std::collections::BTreeMap;

use mngr_contract::docker::ContainerSummary;
use mngr_contract::labels::{AGENT_LABEL, HOST_LABEL, PROVIDER_LABEL};

use super::{Belongings, Violation, value};

const AGENT_NAME: &str = "com.imbue.mngr.agent-name";
const AGENT_TYPE: &str = "com.imbue.mngr.agent-type";
const TAGS: &str = "com.imbue.mngr.tags";
const PARENT: &str = "com.imbue.mngr.parent-id";
const CREATED_AT: &str = "com.imbue.mngr.created-at";
const SPEC: &str = "com.imbue.mngr.spec";
const SNAPSHOT_ID: &str = "com.imbue.mngr.snapshot.id";
const SNAPSHOT_CREATED_AT: &str = "com.imbue.mngr.snapshot.created-at";
/// The repository of snapshots.
const SNAPSHOTS: &str = "mngr-snapshot:";

/// Containers and snapshots that lack a label, or have one that can not be read.
pub(super) fn incomplete(own: &Belongings) -> Vec<Violation> {
    let containers = own.containers.iter().filter_map(|container| {
        let fault = match value(&container.labels, AGENT_LABEL) {
            // One that mngr's own provider made, which writes other labels.
            None if value(&container.labels, HOST_LABEL).is_some() => return None,
            _ => container_fault(&container.labels)?,
        };
        let name = &container.name;
        let subject = format!("container {name}");
        Some(Violation::new(
            subject,
            fault,
            format!("look at it, and remove it if you do not need it: docker rm -f {name}"),
        ))
    });
    let images = own.images.iter().filter_map(|image| {
        let tag = image.tags.iter().find(|tag| tag.starts_with(SNAPSHOTS))?;
        let fault = image_fault(&image.labels)?;
        Some(Violation::new(
            format!("image {tag}"),
            fault,
            format!("look at it, and remove it if you do not need it: docker rmi {tag}"),
        ))
    });
    containers.chain(images).collect()
}

/// Agents with more than one container, and names with more than one agent.
pub(super) fn doubled(own: &Belongings) -> Vec<Violation> {
    let mut by_id: BTreeMap<&str, Vec<&ContainerSummary>> = BTreeMap::new();
    for container in &own.containers {
        let id = value(&container.labels, AGENT_LABEL).or_else(|| value(&container.labels, HOST_LABEL));
        if let Some(id) = id {
            by_id.entry(id).or_default().push(container);
        }
    }
    let several = by_id.into_iter().filter(|(_, containers)| containers.len() > 1);
    several
        .map(|(id, containers)| {
            let names: Vec<_> = containers.iter().map(|container| container.name.as_str()).collect();
            Violation::new(
                format!("agent {id}"),
                format!("it has {} containers: {}", names.len(), names.join(", ")),
                "settle what is half done: mngr-docker reconcile; else remove the one that you do not need",
            )
        })
        .collect()
}

fn container_fault(labels: &[(String, String)]) -> Option<String> {
    let missing = [
        AGENT_LABEL,
        AGENT_NAME,
        AGENT_TYPE,
        TAGS,
        CREATED_AT,
        PROVIDER_LABEL,
        SPEC,
    ]
    .into_iter()
    .find(|label| value(labels, label).is_none());
    if let Some(label) = missing {
        return Some(format!("the label {label} is missing or empty"));
    }
    // Empty where there is no parent, and there all the same: else it would be the image's.
    if !labels.iter().any(|(key, _)| key == PARENT) {
        return Some(format!("the label {PARENT} is missing"));
    }
    let tags = value(labels, TAGS).unwrap_or_default();
    if let Err(error) = serde_json::from_str::<BTreeMap<String, String>>(tags) {
        return Some(format!("the label {TAGS} is no JSON object of strings: {error}"));
    }
    if let Err(error) = serde_json::from_str::<serde_json::Value>(value(labels, SPEC).unwrap_or_default()) {
        return Some(format!("the label {SPEC} is no JSON: {error}"));
    }
    time_fault(labels, CREATED_AT)
}

fn image_fault(labels: &[(String, String)]) -> Option<String> {
    let missing = [AGENT_LABEL, SNAPSHOT_ID, SNAPSHOT_CREATED_AT]
        .into_iter()
        .find(|label| value(labels, label).is_none());
    match missing {
        Some(label) => Some(format!("the label {label} is missing or empty")),
        None => time_fault(labels, SNAPSHOT_CREATED_AT),
    }
}

fn time_fault(labels: &[(String, String)], label: &str) -> Option<String> {
    let text = value(labels, label).unwrap_or_default();
    let parsed = text.parse::<jiff::Timestamp>();
    parsed
        .is_err()
        .then(|| format!("the label {label} is no RFC 3339 time: `{text}`"))
}
