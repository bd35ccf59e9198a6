//! What the engine knows: containers, images, volumes and what happened.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use mngr_contract::Result;
use mngr_contract::docker::{ContainerSpec, ContainerStatus, Event, MountKind, MountPoint};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use uuid::Uuid;

use super::errors;
use super::filesystem::{Filesystem, Layer, SharedTree};
use super::log::Log;
use super::process::{Life, SIGKILL};
use super::tree::Tree;

/// What an image says about the containers made from it, and a container about the image made from it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ImageConfig {
    pub command: Vec<String>,
    pub entrypoint: Vec<String>,
    pub env: Vec<String>,
    pub working_dir: String,
    pub user: String,
    pub labels: BTreeMap<String, String>,
    pub volumes: BTreeSet<String>,
    pub exposed_ports: BTreeSet<String>,
    pub stop_signal: Option<String>,
}

#[derive(Debug, Clone)]
pub struct ImageRecord {
    pub id: String,
    /// Empty for an image that was not committed from another.
    pub parent: String,
    pub config: ImageConfig,
    pub created: Timestamp,
    pub tree: Arc<Tree>,
    pub layers: u32,
}

#[derive(Debug, Clone)]
pub struct VolumeRecord {
    pub name: String,
    pub driver: String,
    pub options: Vec<(String, String)>,
    pub labels: Vec<(String, String)>,
    pub created: Timestamp,
    pub tree: SharedTree,
    /// Made for one container, and removed with it where asked for.
    pub anonymous: bool,
}

#[derive(Debug, Clone)]
pub struct MountRecord {
    pub point: MountPoint,
    pub tree: SharedTree,
}

#[derive(Debug)]
pub struct ContainerRecord {
    pub id: String,
    pub name: String,
    pub image_id: String,
    pub created: Timestamp,
    /// What it was made from; its limits are the present ones.
    pub spec: ContainerSpec,
    /// The spec over the image's config.
    pub config: ImageConfig,
    pub root: SharedTree,
    pub mounts: Vec<MountRecord>,
    /// The `--tmpfs` ones, which are no mounts to inspect.
    pub scratch: Vec<Layer>,
    pub status: ContainerStatus,
    pub exit_code: i64,
    pub error: String,
    pub started: Option<Timestamp>,
    pub finished: Option<Timestamp>,
    /// There while it runs or is paused.
    pub life: Option<Arc<Life>>,
    pub log: Arc<Log>,
    pub running: watch::Sender<bool>,
    /// Somebody asked for its end, so no restart policy applies.
    pub stopped_by_hand: bool,
    pub restarts: u32,
}

impl ContainerRecord {
    pub fn is_running(&self) -> bool {
        self.life.is_some()
    }

    /// What a process in it sees.
    pub fn files(&self) -> Filesystem {
        let layers = self.mounts.iter().map(|mount| Layer {
            path: mount.point.destination.clone(),
            tree: mount.tree.clone(),
            read_only: mount.point.read_only,
        });
        let layers = layers.chain(self.scratch.iter().cloned()).collect();
        Filesystem::new(self.root.clone(), self.spec.read_only_rootfs, layers)
    }

    /// What is in memory only is empty at every start.
    pub fn clear_tmpfs(&mut self) {
        let empty = || Arc::new(Mutex::new(Tree::new()));
        for mount in self
            .mounts
            .iter_mut()
            .filter(|mount| mount.point.kind == MountKind::Tmpfs)
        {
            mount.tree = empty();
        }
        let scratch = self.spec.tmpfs.iter().map(|(path, _)| Layer {
            path: path.clone(),
            tree: empty(),
            read_only: false,
        });
        self.scratch = scratch.collect();
    }

    pub fn hostname(&self) -> String {
        self.spec.hostname.clone().unwrap_or_else(|| self.id[..12].to_owned())
    }

    /// Of an entrypoint and a command, what is run.
    pub fn argv(&self) -> Vec<String> {
        [self.config.entrypoint.as_slice(), &self.config.command].concat()
    }
}

#[derive(Debug, Default)]
pub struct State {
    pub containers: HashMap<String, ContainerRecord>,
    pub images: HashMap<String, ImageRecord>,
    /// `repository:tag` to image id.
    pub tags: BTreeMap<String, String>,
    pub volumes: BTreeMap<String, VolumeRecord>,
    /// Directories of the engine's machine, which are as much in memory as the rest.
    pub binds: BTreeMap<String, SharedTree>,
    pub events: Vec<Event>,
    /// How many events there are.
    pub happened: watch::Sender<usize>,
}

impl State {
    /// A container by id, by name, or by a prefix of an id that only one has.
    pub fn container(&self, given: &str) -> Result<&ContainerRecord> {
        let id = self.container_id(given)?;
        self.containers.get(&id).ok_or_else(|| errors::no_container(given))
    }

    pub fn container_mut(&mut self, given: &str) -> Result<&mut ContainerRecord> {
        let id = self.container_id(given)?;
        self.containers.get_mut(&id).ok_or_else(|| errors::no_container(given))
    }

    fn container_id(&self, given: &str) -> Result<String> {
        errors::check_plain("container", given)?;
        if self.containers.contains_key(given) {
            return Ok(given.to_owned());
        }
        if let Some(named) = self.containers.values().find(|container| container.name == given) {
            return Ok(named.id.clone());
        }
        let mut fitting = self.containers.keys().filter(|id| id.starts_with(given));
        match (fitting.next(), fitting.next()) {
            (Some(id), None) => Ok(id.clone()),
            (Some(_), Some(_)) => Err(errors::failed(
                "container",
                given,
                format!("Multiple IDs found with provided prefix: {given}"),
            )),
            _ => Err(errors::no_container(given)),
        }
    }

    /// Records what happened to a container, and wakes who waits for it.
    pub fn record(&mut self, id: &str, action: &str, extra: &[(&str, String)]) {
        let Some(container) = self.containers.get(id) else {
            return;
        };
        let mut attributes: BTreeMap<String, String> = container.config.labels.clone();
        attributes.insert("image".to_owned(), container.spec.image.clone());
        attributes.insert("name".to_owned(), container.name.clone());
        attributes.extend(extra.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
        let now = u64::try_from(Timestamp::now().as_nanosecond()).unwrap_or_default();
        let last = self.events.last().map_or(0, |event| event.time);
        self.events.push(Event {
            action: action.to_owned(),
            container_id: id.to_owned(),
            attributes: attributes.into_iter().collect(),
            time: now.max(last + 1),
        });
        self.happened.send_replace(self.events.len());
    }

    /// A directory of the engine's machine.
    pub fn bind(&mut self, source: &str) -> SharedTree {
        let empty = || Arc::new(Mutex::new(Tree::new()));
        self.binds.entry(source.to_owned()).or_insert_with(empty).clone()
    }

    /// The containers that have a volume mounted.
    pub fn volume_users(&self, name: &str) -> Vec<String> {
        self.users_of_volume(name)
            .map(|container| container.id.clone())
            .collect()
    }

    /// Names of the containers that use a volume.
    pub fn volume_user_names(&self, name: &str) -> Vec<String> {
        let mut names: Vec<_> = self
            .users_of_volume(name)
            .map(|container| container.name.clone())
            .collect();
        names.sort();
        names
    }

    fn users_of_volume(&self, name: &str) -> impl Iterator<Item = &ContainerRecord> {
        let uses = move |container: &&ContainerRecord| {
            container
                .mounts
                .iter()
                .any(|mount| mount.point.kind == MountKind::Volume && mount.point.name.as_deref() == Some(name))
        };
        self.containers.values().filter(uses)
    }
}

impl Drop for State {
    fn drop(&mut self) {
        for life in self.containers.values().filter_map(|container| container.life.as_ref()) {
            life.main.signal(SIGKILL, false);
            life.ended.cancel();
        }
    }
}

/// Sixty-four hexadecimal digits.
pub fn new_id() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

/// Whether labels fit a filter: each `key` or `key=value`, and all must match.
pub fn labels_fit<'a>(labels: impl Fn(&str) -> Option<&'a str>, filter: &[String]) -> bool {
    filter.iter().all(|wanted| match wanted.split_once('=') {
        Some((key, value)) => labels(key) == Some(value),
        None => labels(wanted).is_some(),
    })
}
