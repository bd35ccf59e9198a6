//! What is there only for a while, and stayed: scratch containers and images, directories of `ssh`, drafts of files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use mngr_contract::Result;
use mngr_contract::docker::ContainerFilter;
use mngr_contract::environment::Environment;
use mngr_contract::labels::{AGENT_LABEL, PROVIDER_LABEL};
use mngr_engine::{scratch, ssh};
use mngr_guard::journal::UnfinishedCall;
use mngr_loader::ArtefactCache;

use super::{Belongings, Violation, value};
use crate::provider::Provider;

/// A draft that is younger is somebody's who is writing it.
const BEING_WRITTEN: Duration = Duration::from_secs(60);

/// Calls that died and that nobody has settled.
pub(super) fn open_calls(calls: &[UnfinishedCall]) -> Vec<Violation> {
    let dead = calls.iter().filter(|call| !call.alive);
    dead.map(|call| {
        Violation::new(
            call.path.display().to_string(),
            "the call that it belongs to is dead, and what it left is not settled",
            "settle it: mngr-docker reconcile",
        )
    })
    .collect()
}

/// What is left of no call, and how many things were looked at.
pub(super) async fn left(provider: &Provider, own: &Belongings) -> Result<(usize, Vec<Violation>)> {
    let engine = provider.engine();
    let names = names(provider, own).await?;
    let ours = |name: &str| names.iter().any(|known| name.contains(known));
    let everything = ContainerFilter {
        all: true,
        labels: Vec::new(),
    };
    let mut looked_at = 0;
    let mut left = Vec::new();
    let prefix = scratch::container("");
    for container in engine.container_list(everything).await? {
        looked_at += 1;
        let name = container.name;
        if name.strip_prefix(&prefix).is_some_and(ours) {
            let remedy = format!("remove it: docker rm -f {name}");
            left.push(Violation::new(
                format!("container {name}"),
                "no call needs it any more",
                remedy,
            ));
        }
    }
    let prefix = format!("{}:", scratch::REPOSITORY);
    for image in engine.image_list(Vec::new()).await? {
        looked_at += 1;
        for tag in image
            .tags
            .iter()
            .filter(|tag| tag.strip_prefix(&prefix).is_some_and(ours))
        {
            let remedy = format!("remove it: docker rmi {tag}");
            left.push(Violation::new(
                format!("image {tag}"),
                "no call needs it any more",
                remedy,
            ));
        }
    }
    // Only who speaks ssh is asked about it: a user's other providers may be in the middle of their own.
    let remote = engine.endpoint().starts_with("ssh://");
    for directory in remote.then(ssh::abandoned).into_iter().flatten() {
        left.push(Violation::new(
            directory.display().to_string(),
            "the process that kept a connection of ssh in it is dead",
            "the next call over ssh takes it away; or remove it yourself",
        ));
    }
    let cache = ArtefactCache::of_user(&Environment::of_process());
    for draft in drafts(cache.as_ref().map(ArtefactCache::directory)) {
        let remedy = format!("remove it: rm {}", draft.display());
        left.push(Violation::new(
            draft.display().to_string(),
            "nobody writes it any more",
            remedy,
        ));
    }
    Ok((looked_at, left))
}

/// What the names of this provider's scratch containers and images are made of.
async fn names(provider: &Provider, own: &Belongings) -> Result<BTreeSet<String>> {
    let containers = own.containers.iter().flat_map(|container| {
        let agent = value(&container.labels, AGENT_LABEL).map(str::to_owned);
        [Some(container.id.clone()), Some(container.name.clone()), agent]
    });
    let images = own
        .images
        .iter()
        .map(|image| value(&image.labels, AGENT_LABEL).map(str::to_owned));
    let mut names: BTreeSet<_> = containers.chain(images).flatten().collect();
    let label = format!("{PROVIDER_LABEL}={}", provider.name());
    let volumes = provider.engine().volume_list(vec![label]).await?;
    names.extend(volumes.into_iter().map(|volume| volume.name));
    Ok(names)
}

/// Files that somebody began to write and never finished.
fn drafts(directory: Option<&Path>) -> Vec<PathBuf> {
    let entries = directory.and_then(|directory| std::fs::read_dir(directory).ok());
    let entries = entries.into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(".tmp"));
    let old = |path: &PathBuf| {
        let written = std::fs::metadata(path).and_then(|metadata| metadata.modified());
        written.is_ok_and(|at| {
            SystemTime::now()
                .duration_since(at)
                .is_ok_and(|age| age > BEING_WRITTEN)
        })
    };
    named.map(|entry| entry.path()).filter(old).collect()
}
