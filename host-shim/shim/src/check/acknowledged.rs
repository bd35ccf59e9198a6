//! What callers have been told against what is there.

use std::collections::{BTreeMap, BTreeSet};

use mngr_contract::docker::ContainerStatus;
use mngr_contract::labels::AGENT_LABEL;
use mngr_contract::{ProviderError, Result};
use mngr_engine::Engine;

use super::{Account, Belongings, Violation, value};

const SNAPSHOT_ID: &str = "com.imbue.mngr.snapshot.id";
/// On an image that holds a volume of a snapshot, and not the snapshot itself.
const VOLUME_PATH: &str = "com.imbue.mngr.snapshot.volume-path";

/// Agents and snapshots that a caller was told of, that nobody wished away, and that are not there; snapshots that are
/// another image by now.
pub(super) fn lost(account: &Account, own: &Belongings) -> Vec<Violation> {
    let containers: BTreeSet<_> = own
        .containers
        .iter()
        .filter_map(|container| value(&container.labels, AGENT_LABEL))
        .collect();
    let images: BTreeMap<_, _> = own
        .images
        .iter()
        .filter(|image| value(&image.labels, VOLUME_PATH).is_none())
        .filter_map(|image| Some((value(&image.labels, SNAPSHOT_ID)?, image.id.as_str())))
        .collect();
    let agents = account
        .agents
        .iter()
        .filter(|(id, known)| !known.doubtful && !containers.contains(id.as_str()));
    let agents = agents.map(|(id, known)| {
        let name = &known.name;
        Violation::new(
            format!("agent {id} ({name})"),
            "its caller was told that it is there, and it has no container",
            format!("bring it back where there is a snapshot of it: mngr-docker start {id} --snapshot SNAPSHOT"),
        )
    });
    let snapshots = account.snapshots.iter().filter_map(|(id, known)| {
        let reason = match images.get(id.as_str()) {
            None if known.doubtful => return None,
            None => "its caller was told that it is there, and there is no image of it".to_owned(),
            Some(image) if *image != known.image_id => {
                format!("it was the image {} and is {image} by now", known.image_id)
            }
            Some(_) => return None,
        };
        let remedy = "get it again from where it was pushed to: mngr-docker snapshot pull";
        Some(Violation::new(format!("snapshot {id}"), reason, remedy))
    });
    agents.chain(snapshots).collect()
}

/// Containers that are paused, and whose users have not paused them. An engine that could not write down that it thawed one, for
/// want of room, goes on listing it as paused; so each is looked at.
///
/// # Errors
/// Whatever the engine answers.
pub(super) async fn frozen(engine: &dyn Engine, account: &Account, own: &Belongings) -> Result<Vec<Violation>> {
    let mut violations = Vec::new();
    for container in &own.containers {
        let Some(id) = value(&container.labels, AGENT_LABEL) else {
            continue;
        };
        // Of an agent that nobody was told of nobody can say.
        let is_to_run = account.agents.get(id).is_some_and(|known| known.frozen == Some(false));
        if container.status != ContainerStatus::Paused || !is_to_run {
            continue;
        }
        match engine.container_inspect(&container.id, false).await {
            Ok(found) if found.state.status == ContainerStatus::Paused => violations.push(Violation::new(
                format!("agent {id} ({})", container.name),
                "it is paused, and no caller has paused it",
                format!("thaw it: mngr-docker resume {id}"),
            )),
            Ok(_) | Err(ProviderError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(violations)
}

#[cfg(test)]
mod tests {
    use mngr_contract::docker::{ContainerFilter, ContainerSpec};
    use mngr_sandbox::SandboxEngine;

    use super::super::LedgerEntry;
    use super::*;

    const IMAGE: &str = "busybox";

    #[tokio::test]
    async fn what_is_listed_as_paused_is_only_frozen_where_it_is_still_so_when_looked_at() {
        let engine = SandboxEngine::new().with_image(IMAGE);
        let spec = ContainerSpec {
            name: "agent".to_owned(),
            image: IMAGE.to_owned(),
            command: Some(["sleep", "infinity"].map(str::to_owned).to_vec()),
            labels: vec![(AGENT_LABEL.to_owned(), "a1".to_owned())],
            ..ContainerSpec::default()
        };
        let id = engine.container_create(spec).await.expect("made").id;
        engine.container_start(&id).await.expect("started");
        engine.container_pause(&id).await.expect("paused");
        let filter = ContainerFilter {
            all: true,
            labels: Vec::new(),
        };
        let listed = Belongings {
            containers: engine.container_list(filter).await.expect("a list"),
            images: Vec::new(),
        };
        let mut account = Account::default();
        account.take(LedgerEntry::Agent {
            id: "a1".to_owned(),
            name: "a".to_owned(),
            again: false,
        });
        account.take(LedgerEntry::Frozen {
            id: "a1".to_owned(),
            frozen: false,
        });
        let found = frozen(&engine, &account, &listed).await.expect("looked at");
        assert_eq!(found.len(), 1, "{found:?}");
        // The list says what it said.
        engine.container_unpause(&id).await.expect("thawed");
        let found = frozen(&engine, &account, &listed).await.expect("looked at");
        assert!(found.is_empty(), "{found:?}");
    }
}
