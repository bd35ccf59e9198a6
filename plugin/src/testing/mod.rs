//! An engine in memory, just faithful enough for the decisions of this crate to be tried on it.
//!
//! It keeps containers and images, counts calls, and fails where a test has told it to: before the effect, or after it, as a
//! lost reply does.

mod behaviour;
pub mod fixtures;
mod forks;
mod garbage;
mod inside;
mod reconcile;
mod snapshots;

use std::cell::{Cell, RefCell};

use crate::contract::docker::{
    BuildOptions, CommitOptions, Container, ContainerChanges, ContainerFilter, ContainerSpec, ContainerStatus,
    ContainerSummary, CreatedContainer, EngineInfo, Event, ExecOptions, Image, ImageSummary, LogOptions, PathStat,
    StatsSample, Volume,
};
use crate::contract::ssh::{Command, CommandOutput};
use crate::contract::system::{LogLevel, Progress};
use crate::contract::types::{Limits, ProviderError, Timeout};
use crate::labels::Pair;
use crate::{Capabilities, Result, error};
use fixtures::{image, made};

/// The image that is there.
pub const BUSYBOX: &str = "busybox:latest";

/// What a test has told the engine to do wrong, once.
#[derive(Clone)]
pub enum Mishap {
    /// The call fails and nothing happens.
    Fails(ProviderError),
    /// The call takes effect and its answer is lost.
    Lost,
}

/// The engine.
#[derive(Default)]
pub struct Fake {
    pub containers: RefCell<Vec<(Container, ContainerSpec)>>,
    pub images: RefCell<Vec<Image>>,
    /// Paths in any container, and whether each is a directory, or where it links to.
    pub paths: RefCell<Vec<(String, bool, String)>>,
    /// Every call: the function and what it was about.
    pub calls: RefCell<Vec<(&'static str, String)>>,
    /// What the engine remembers of containers.
    pub events: RefCell<Vec<Event>>,
    /// Whether the last commit was to flatten.
    pub flattened: Cell<bool>,
    pub logged: RefCell<Vec<String>>,
    /// Programs of the engine's machine and what they print.
    pub programs: RefCell<Vec<(&'static str, &'static str)>>,
    /// What calls of `events` answer first, in turn.
    pub happening: RefCell<Vec<Vec<Event>>>,
    /// Volumes and the names of the containers that use them.
    pub volumes: RefCell<Vec<(Volume, Vec<String>)>>,
    mishaps: RefCell<Vec<(&'static str, Mishap)>>,
    counter: Cell<u64>,
}

impl Fake {
    /// An engine with one image, and a provider on it.
    pub fn new() -> Self {
        let fake = Self::default();
        fake.images
            .borrow_mut()
            .push(image("sha256:busybox", BUSYBOX, Vec::new()));
        fake
    }

    /// The next call of this function goes wrong.
    pub fn spoil(&self, function: &'static str, mishap: Mishap) {
        self.mishaps.borrow_mut().push((function, mishap));
    }

    /// How often a function was called.
    pub fn count(&self, function: &str) -> usize {
        self.calls.borrow().iter().filter(|(name, _)| *name == function).count()
    }

    /// PID 1 of a container ends.
    pub fn ends(&self, name: &str, exit_code: i64) {
        let mut containers = self.containers.borrow_mut();
        let (container, _) = containers
            .iter_mut()
            .find(|(c, _)| c.name == name)
            .expect("a container");
        container.state.status = ContainerStatus::Exited;
        container.state.exit_code = exit_code;
        container.state.pid = 0;
    }

    /// The names of all containers.
    pub fn names(&self) -> Vec<String> {
        self.containers
            .borrow()
            .iter()
            .map(|(container, _)| container.name.clone())
            .collect()
    }

    /// What a container was made from.
    pub fn spec(&self, name: &str) -> ContainerSpec {
        let containers = self.containers.borrow();
        containers
            .iter()
            .find(|(container, _)| container.name == name)
            .expect("a container")
            .1
            .clone()
    }

    fn next(&self) -> u64 {
        self.counter.set(self.counter.get() + 1);
        self.counter.get()
    }

    /// Books a call and runs it, unless a mishap is due.
    fn call<R>(&self, function: &'static str, about: &str, effect: impl FnOnce() -> Result<R>) -> Result<R> {
        self.calls.borrow_mut().push((function, about.to_owned()));
        let due = self.mishaps.borrow().iter().position(|(name, _)| *name == function);
        match due.map(|at| self.mishaps.borrow_mut().remove(at).1) {
            None => effect(),
            Some(Mishap::Fails(error)) => Err(error),
            Some(Mishap::Lost) => {
                effect()?;
                Err(ProviderError::Timeout(Timeout {
                    subject: function.to_owned(),
                    after_ms: 1,
                    may_have_happened: true,
                    remedy: "wait".to_owned(),
                }))
            }
        }
    }

    fn image(&self, reference: &str) -> Result<Image> {
        let images = self.images.borrow();
        let found = images.iter().find(|image| names(image, reference));
        found.cloned().ok_or_else(|| missing(reference))
    }

    /// A change that always succeeds.
    fn set(&self, id: &str, change: impl FnOnce(&mut Container)) -> Result<()> {
        self.change(id, |container| {
            change(container);
            Ok(())
        })
    }

    fn change<R>(&self, id: &str, change: impl FnOnce(&mut Container) -> Result<R>) -> Result<R> {
        let mut containers = self.containers.borrow_mut();
        let found = containers
            .iter_mut()
            .find(|(container, _)| container.id == id || container.name == id);
        change(&mut found.ok_or_else(|| missing(id))?.0)
    }
}

fn names(image: &Image, reference: &str) -> bool {
    image.id == reference || image.tags.iter().any(|tag| tag == reference)
}

/// There is no such thing.
pub fn missing(what: &str) -> ProviderError {
    error::not_found(what, "no such thing", "look again")
}

fn merged(base: &[Pair], over: Vec<Pair>) -> Vec<Pair> {
    let mut labels: Vec<_> = base
        .iter()
        .filter(|(key, _)| over.iter().all(|(k, _)| k != key))
        .cloned()
        .collect();
    labels.extend(over);
    labels
}

fn passes(labels: &[Pair], filters: &[String]) -> bool {
    filters.iter().all(|filter| match filter.split_once('=') {
        Some((key, value)) => labels.iter().any(|(k, v)| k == key && v == value),
        None => labels.iter().any(|(key, _)| key == filter),
    })
}

impl Capabilities for &Fake {
    type ExecSession = ExecOptions;
    type LogStream = LogOptions;
    type Archive = String;

    async fn info(&self) -> Result<EngineInfo> {
        self.call("info", "", || Ok(fixtures::machine()))
    }

    async fn container_list(&self, filter: ContainerFilter) -> Result<Vec<ContainerSummary>> {
        self.call("list", "", || {
            let containers = self.containers.borrow();
            let ours = containers
                .iter()
                .filter(|(container, _)| passes(&container.labels, &filter.labels));
            Ok(ours
                .map(|(container, _)| ContainerSummary {
                    id: container.id.clone(),
                    name: container.name.clone(),
                    image: container.image.clone(),
                    image_id: container.image_id.clone(),
                    created: 0,
                    status: container.state.status,
                    status_text: format!("Exited ({}) 5 minutes ago", container.state.exit_code),
                    labels: container.labels.clone(),
                })
                .collect())
        })
    }

    async fn container_inspect(&self, id: &str) -> Result<Container> {
        self.call("inspect", id, || self.change(id, |container| Ok(container.clone())))
    }

    async fn container_inspect_with_size(&self, id: &str) -> Result<Container> {
        self.container_inspect(id).await
    }

    async fn container_diff(&self, id: &str) -> Result<ContainerChanges> {
        self.call("diff", id, || {
            Ok(ContainerChanges {
                added: vec!["/new".to_owned()],
                modified: Vec::new(),
                deleted: Vec::new(),
            })
        })
    }

    async fn container_create(&self, spec: ContainerSpec) -> Result<CreatedContainer> {
        let name = spec.name.clone();
        self.call("create", &name, || {
            let base = self.image(&spec.image)?;
            if self.names().contains(&spec.name) {
                return Err(error::conflict(&spec.name, "in use", "the name is in use", "rename"));
            }
            let id = format!("{:064x}", self.next());
            let container = made(id.clone(), &base, &spec);
            self.containers.borrow_mut().push((container, spec));
            Ok(CreatedContainer {
                id,
                warnings: Vec::new(),
            })
        })
    }

    async fn container_start(&self, id: &str) -> Result<()> {
        self.call("start", id, || self.set(id, run))
    }

    async fn container_stop(&self, id: &str, _: Option<u32>) -> Result<()> {
        self.call("stop", id, || {
            self.change(id, |container| {
                container.state.status = ContainerStatus::Exited;
                container.state.exit_code = 143;
                container.state.pid = 0;
                Ok(())
            })
        })
    }

    async fn container_pause(&self, id: &str) -> Result<()> {
        self.call("pause", id, || {
            self.set(id, |container| container.state.status = ContainerStatus::Paused)
        })
    }

    async fn container_unpause(&self, id: &str) -> Result<()> {
        self.call("unpause", id, || self.set(id, run))
    }

    async fn container_rename(&self, id: &str, name: &str) -> Result<()> {
        self.call("rename", name, || {
            if self.names().iter().any(|taken| taken == name) {
                return Err(error::conflict(name, "in use", "the name is in use", "rename"));
            }
            self.set(id, |container| name.clone_into(&mut container.name))
        })
    }

    async fn container_remove(&self, id: &str) -> Result<()> {
        self.call("remove", id, || {
            self.change(id, |_| Ok(()))?;
            self.containers.borrow_mut().retain(|(container, _)| container.id != id);
            Ok(())
        })
    }

    async fn container_update(&self, id: &str, limits: Limits) -> Result<Vec<String>> {
        self.call("update", id, || {
            self.set(id, |container| {
                let current = &mut container.limits;
                current.cpus = limits.cpus.or(current.cpus);
                current.memory_bytes = limits.memory_bytes.or(current.memory_bytes);
                current.memory_swap_bytes = limits.memory_swap_bytes.or(current.memory_swap_bytes);
            })?;
            Ok(Vec::new())
        })
    }

    async fn container_commit(&self, id: &str, options: CommitOptions) -> Result<String> {
        self.call("commit", if options.pause { "paused" } else { "unpaused" }, || {
            let labels = self.change(id, |container| Ok(container.labels.clone()))?;
            let image_id = format!("sha256:{:064x}", self.next());
            let tag = format!("{}:{}", options.repository, options.tag);
            self.images
                .borrow_mut()
                .push(image(&image_id, &tag, merged(&labels, options.labels)));
            self.flattened.set(options.flatten);
            Ok(image_id)
        })
    }

    async fn image_inspect(&self, reference: &str) -> Result<Image> {
        self.call("image-inspect", reference, || self.image(reference))
    }

    async fn image_list(&self, labels: Vec<String>) -> Result<Vec<ImageSummary>> {
        self.call("image-list", "", || {
            let images = self.images.borrow();
            let fits = images.iter().filter(|image| passes(&image.labels, &labels));
            Ok(fits
                .map(|image| ImageSummary {
                    id: image.id.clone(),
                    parent_id: String::new(),
                    tags: image.tags.clone(),
                    created: 0,
                    size_bytes: image.size_bytes,
                    labels: image.labels.clone(),
                })
                .collect())
        })
    }

    async fn image_remove(&self, reference: &str) -> Result<Vec<String>> {
        self.call("image-remove", reference, || {
            self.images.borrow_mut().retain(|image| !names(image, reference));
            Ok(vec![reference.to_owned()])
        })
    }

    async fn image_pull(&self, reference: &str, _: Option<String>) -> Result<()> {
        self.call("image-pull", reference, || Err(missing(reference)))
    }

    async fn volume_list(&self, labels: Vec<String>) -> Result<Vec<Volume>> {
        self.call("volume-list", "", || {
            let volumes = self.volumes.borrow();
            Ok(volumes
                .iter()
                .map(|(volume, _)| volume)
                .filter(|volume| passes(&volume.labels, &labels))
                .cloned()
                .collect())
        })
    }

    async fn volume_remove(&self, name: &str) -> Result<()> {
        self.call("volume-remove", name, || {
            self.volumes.borrow_mut().retain(|(volume, _)| volume.name != name);
            Ok(())
        })
    }

    async fn stats(&self, id: &str) -> Result<StatsSample> {
        self.call("stats", id, || Err(missing(id)))
    }

    async fn events(&self, _: Vec<String>, since: u64, _: u64) -> Result<Vec<Event>> {
        self.call("events", &since.to_string(), || {
            let mut happening = self.happening.borrow_mut();
            if !happening.is_empty() {
                return Ok(happening.remove(0));
            }
            let events = self.events.borrow();
            Ok(events.iter().filter(|event| event.time > since).cloned().collect())
        })
    }

    async fn volume_inspect(&self, name: &str) -> Result<Volume> {
        let volumes = self.volumes.borrow();
        let found = volumes.iter().find(|(volume, _)| volume.name == name);
        found.map(|(volume, _)| volume.clone()).ok_or_else(|| missing(name))
    }

    async fn volume_users(&self, name: &str) -> Result<Vec<String>> {
        let volumes = self.volumes.borrow();
        let found = volumes.iter().find(|(volume, _)| volume.name == name);
        Ok(found.map(|(_, users)| users.clone()).unwrap_or_default())
    }

    async fn image_build(&self, _: String, options: BuildOptions) -> Result<String> {
        self.call("image-build", &options.tag.clone(), || Ok(options.tag))
    }

    async fn exec(&self, id: &str, options: ExecOptions) -> Result<ExecOptions> {
        self.call("exec", id, || Ok(options))
    }

    async fn logs(&self, id: &str, options: LogOptions) -> Result<LogOptions> {
        self.call("logs", id, || Ok(options))
    }

    async fn archive_stat(&self, _: &str, path: &str) -> Result<PathStat> {
        self.call("stat", path, || {
            let paths = self.paths.borrow();
            let found = paths
                .iter()
                .find(|(known, _, _)| known == path.trim_end_matches('/') || known == path);
            let (name, is_directory, link) = found.ok_or_else(|| missing(path))?;
            Ok(PathStat {
                name: name.clone(),
                size_bytes: 0,
                mode: 0o644,
                is_directory: *is_directory,
                link_target: link.clone(),
            })
        })
    }

    async fn archive_get(&self, _: &str, path: &str) -> Result<String> {
        self.call("get", path, || Ok(path.to_owned()))
    }

    async fn archive_put(&self, _: &str, directory: &str, root_name: Option<String>, _: String) -> Result<()> {
        self.call("put", &format!("{directory} as {root_name:?}"), || Ok(()))
    }

    async fn machine_run(&self, command: Command) -> Result<CommandOutput> {
        let programs = self.programs.borrow();
        let found = programs.iter().find(|(program, _)| *program == command.argv[0]);
        let (_, stdout) = found.ok_or_else(|| error::unsupported("ssh.run", "use another engine"))?;
        Ok(CommandOutput {
            exit_status: 0,
            stdout: stdout.as_bytes().to_vec(),
            stderr: Vec::new(),
            truncated: false,
        })
    }

    fn log(&self, _: LogLevel, message: &str) {
        self.logged.borrow_mut().push(message.to_owned());
    }

    fn report(&self, _: Progress) {}

    fn now(&self) -> String {
        format!("2026-01-31T09:30:{:02}.123Z", self.next() % 60)
    }

    async fn sleep(&self, milliseconds: u64) {
        self.calls.borrow_mut().push(("sleep", milliseconds.to_string()));
    }

    fn random_id(&self) -> String {
        // Different from the first digit on, as random ones are.
        format!(
            "{:032x}",
            u128::from(self.next()).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
        )
    }
}

fn run(container: &mut Container) {
    container.state.status = ContainerStatus::Running;
    container.state.pid = 1;
}
