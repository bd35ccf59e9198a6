//! What is not this provider's: containers, images and volumes, as they were and as they are.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io;
use std::path::Path;

use mngr_contract::docker::{ContainerFilter, ContainerStatus};
use mngr_contract::labels::{DOCUMENT_LABEL, PROVIDER_LABEL, are_own};
use mngr_contract::{ProviderError, Result};
use mngr_engine::Engine;
use serde::{Deserialize, Serialize};

use super::{Violation, value};
use crate::provider::Provider;

/// Everything on an engine that is not of one provider: line by line, all that inspect tells. Of an environment that is the
/// names alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// By kind and id.
    things: BTreeMap<String, Thing>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Thing {
    name: String,
    lines: Vec<String>,
}

impl Baseline {
    /// As it is now.
    ///
    /// # Errors
    /// Where the engine does not answer.
    pub async fn of(provider: &Provider) -> Result<Self> {
        Self::taken(provider, |_| true).await
    }

    /// Of the same things, as they are now. Nothing else is looked at: others come and go.
    pub(super) async fn now(&self, provider: &Provider) -> Result<Self> {
        Self::taken(provider, |key| self.things.contains_key(key)).await
    }

    async fn taken(provider: &Provider, wanted: impl Fn(&str) -> bool) -> Result<Self> {
        let engine = provider.engine();
        let foreign = |labels: &[(String, String)]| value(labels, PROVIDER_LABEL) != Some(provider.name());
        let mut things = BTreeMap::new();
        let all = ContainerFilter {
            all: true,
            labels: Vec::new(),
        };
        for container in engine.container_list(all).await? {
            let key = format!("container {}", container.id);
            let is_own = are_own(
                &container.labels,
                &container.name,
                &container.image,
                &container.image_id,
            );
            if is_own && !foreign(&container.labels) || !wanted(&key) {
                continue;
            }
            let Some(inspected) = there(engine.container_inspect(&container.id, false).await)? else {
                continue;
            };
            let mut lines = lines(&inspected);
            // What runs inside changes its own files.
            if inspected.state.pid == 0 {
                match engine.container_diff(&container.id).await {
                    Ok(changed) => lines.extend(self::lines(&changed)),
                    // Its files go first when somebody takes it away.
                    Err(_) if is_going(&**engine, &container.id).await? => continue,
                    Err(error) => return Err(error),
                }
            }
            let name = inspected.name;
            things.insert(key, Thing { name, lines });
        }
        for image in engine.image_list(Vec::new()).await? {
            let key = format!("image {}", image.id);
            if foreign(&image.labels) && wanted(&key) {
                let (name, lines) = (image.tags.join(", "), lines(&image));
                things.insert(key, Thing { name, lines });
            }
        }
        for volume in engine.volume_list(Vec::new()).await? {
            let key = format!("volume {}", volume.name);
            if foreign(&volume.labels) && value(&volume.labels, DOCUMENT_LABEL).is_none() && wanted(&key) {
                let (name, lines) = (String::new(), lines(&volume));
                things.insert(key, Thing { name, lines });
            }
        }
        Ok(Self { things })
    }

    /// Reads one that was kept.
    ///
    /// # Errors
    /// Where the file can not be read, or holds something else.
    pub fn read(path: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&std::fs::read(path)?)?)
    }

    /// Keeps it in a file.
    ///
    /// # Errors
    /// Where the file can not be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        std::fs::write(path, serde_json::to_vec(self)?)
    }

    /// How many things there are.
    pub fn len(&self) -> usize {
        self.things.len()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.things.is_empty()
    }

    /// What was there and is gone or another. What came since is nobody's loss.
    pub(super) fn changes(&self, now: &Self) -> Vec<Violation> {
        let remedy = "find out who did it: docker events --since 24h";
        let changed = self.things.iter().filter_map(|(subject, before)| {
            let reason = match now.things.get(subject) {
                None => "it is gone".to_owned(),
                Some(after) if after == before => return None,
                Some(after) => {
                    let (before, after) = (&before.lines, &after.lines);
                    let gone = before.iter().find(|line| !after.contains(line));
                    let come = after.iter().find(|line| !before.contains(line));
                    let shown = |line: Option<&String>| line.map_or("nothing", |line| line.trim()).to_owned();
                    format!("`{}` is `{}` now", shown(gone), shown(come))
                }
            };
            let name = &before.name;
            let subject = if name.is_empty() {
                subject.clone()
            } else {
                format!("{subject} ({name})")
            };
            Some(Violation::new(subject, reason, remedy))
        });
        changed.collect()
    }
}

fn lines(value: &impl Debug) -> Vec<String> {
    format!("{value:#?}").lines().map(str::to_owned).collect()
}

/// Whether a container is gone, or being taken away.
async fn is_going(engine: &dyn Engine, id: &str) -> Result<bool> {
    let container = there(engine.container_inspect(id, false).await)?;
    Ok(container.is_none_or(|container| {
        matches!(
            container.state.status,
            ContainerStatus::Removing | ContainerStatus::Dead
        )
    }))
}

/// What went away while it was looked at.
fn there<T>(found: Result<T>) -> Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(ProviderError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
