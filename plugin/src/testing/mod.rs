//! An engine in memory, just faithful enough for the decisions of this crate to be tried on it.
//!
//! It keeps containers and images, counts calls, and fails where a test has told it to: before the effect, or after it, as a
//! lost reply does.

mod behaviour;
mod capabilities;
mod companions;
pub mod fixtures;
mod forks;
mod garbage;
mod inside;
mod moves;
mod reconcile;
mod rooms;
mod snapshots;
mod ssh;

use std::cell::{Cell, RefCell};

use crate::contract::docker::{
    BuildOptions, CommitOptions, Container, ContainerChanges, ContainerFilter, ContainerSpec, ContainerStatus,
    ContainerSummary, CreatedContainer, DeriveOptions, EngineInfo, EnginePlace, Event, ExecOptions, Filesystem, Image,
    ImageSummary, ImportOptions, LogOptions, PathStat, StatsSample, Volume,
};
use crate::contract::gpu::{Depth, Device, Inventory};
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

/// What others do in the middle of a call.
type Meanwhile = Box<dyn FnOnce(&Fake)>;

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
    /// Whether it is on another machine than the host.
    pub is_elsewhere: Cell<bool>,
    /// Whether the last commit was to flatten.
    pub flattened: Cell<bool>,
    pub logged: RefCell<Vec<String>>,
    /// Programs of the engine's machine and what they print.
    pub programs: RefCell<Vec<(&'static str, &'static str)>>,
    /// What calls of `events` answer first, in turn.
    pub happening: RefCell<Vec<Vec<Event>>>,
    /// Volumes and the names of the containers that use them.
    pub volumes: RefCell<Vec<(Volume, Vec<String>)>>,
    /// The machine's GPUs, each with an NVIDIA hook to hand it out.
    pub gpus: RefCell<Vec<Device>>,
    /// What happens, once, after the next container with GPUs is made.
    pub meanwhile: RefCell<Option<Meanwhile>>,
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

fn run(container: &mut Container) {
    container.state.status = ContainerStatus::Running;
    container.state.pid = 1;
}
