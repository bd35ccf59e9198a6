//! The engine as the provider sees it: some of what it asks for is not done, and some of what it is told is not so.

use mngr_docker_plugin::bindings::wasm::Imports;
use mngr_docker_plugin::contract::docker::{
    Archive, BuildOptions, CommitOptions, Container, ContainerChanges, ContainerFilter, ContainerSpec,
    ContainerSummary, CreatedContainer, DeriveOptions, EngineInfo, EnginePlace, Event, ExecOptions, ExecSession,
    Filesystem, Image, ImageSummary, ImportOptions, LogOptions, LogStream, PathStat, StatsSample, Volume,
};
use mngr_docker_plugin::contract::gpu::{Depth, Inventory};
use mngr_docker_plugin::contract::ssh::{Command, CommandOutput};
use mngr_docker_plugin::contract::system::{LogLevel, Progress};
use mngr_docker_plugin::contract::types::{Limits, ProviderError};
use mngr_docker_plugin::{Capabilities, Result};

use crate::call::internal;

const PROVIDER: &str = "com.imbue.mngr.provider";
const AGENT: &str = "com.imbue.mngr.agent-id";

#[derive(Clone)]
pub struct Engine {
    pub fault: String,
    /// The function of the contract that asks.
    pub function: &'static str,
    /// The provider that asks.
    pub provider: String,
}

type Labels = Vec<(String, String)>;

impl Engine {
    /// Whether one of these rules is broken, by this function.
    fn breaks(&self, function: &str, rules: &[&str]) -> bool {
        self.function == function && rules.contains(&self.fault.as_str())
    }

    /// Whether what is everybody's passes for this provider's.
    fn claims_all(&self) -> bool {
        self.breaks("discover", &["labels.providers-do-not-see-each-other"])
            || self.breaks("snapshot_list", &["snapshot-list.providers-do-not-share"])
            || self.breaks("documents", &["documents.providers-do-not-share"])
            || self.breaks("volumes", &["volumes.foreign-ones-are-not-listed"])
            || self.breaks("gc", &["gc.spares-foreign"])
    }

    /// The labels by which something is looked for.
    fn wanted(&self, mut labels: Vec<String>) -> Vec<String> {
        if self.claims_all() {
            labels.retain(|label| !label.starts_with(PROVIDER) && label != AGENT);
        }
        labels
    }

    /// The labels of something that was found.
    fn found(&self, labels: &mut Labels) {
        if self.claims_all() {
            labels.retain(|(name, _)| name != PROVIDER);
            labels.push((PROVIDER.to_owned(), self.provider.clone()));
            if !labels.iter().any(|(name, _)| name == AGENT) {
                labels.push((AGENT.to_owned(), "agent-nobody".to_owned()));
            }
        }
    }
}

/// Calls of the engine that are passed on.
macro_rules! passed_on {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $result:ty;)*) => {
        $(async fn $name(&self, $($argument: $kind),*) -> Result<$result> {
            Imports.$name($($argument),*).await
        })*
    };
}

impl Capabilities for Engine {
    type ExecSession = ExecSession;
    type LogStream = LogStream;
    type Archive = Archive;

    fn place(&self) -> EnginePlace {
        Imports.place()
    }

    async fn container_list(&self, filter: ContainerFilter) -> Result<Vec<ContainerSummary>> {
        let labels = self.wanted(filter.labels);
        let mut found = Imports.container_list(ContainerFilter { labels, ..filter }).await?;
        if self.breaks("discover", &["discover.one-engine-call"]) {
            for container in &found {
                Imports.container_inspect(&container.id).await?;
            }
        }
        found.iter_mut().for_each(|container| self.found(&mut container.labels));
        Ok(found)
    }

    async fn container_create(&self, mut spec: ContainerSpec) -> Result<CreatedContainer> {
        for (name, value) in &mut spec.labels {
            match (self.fault.as_str(), name.as_str()) {
                ("labels.tell-the-agent", "com.imbue.mngr.agent-type") => *value = "other".to_owned(),
                ("labels.tags-are-a-json-object", "com.imbue.mngr.tags") => *value = "{\"other\":\"1\"}".to_owned(),
                _ => {}
            }
        }
        if self.fault == "labels.have-no-environment-values" {
            spec.labels.push(("com.imbue.mngr.env".to_owned(), spec.env.join(" ")));
        }
        let made = Imports.container_create(spec).await;
        match made {
            Err(ProviderError::Timeout(_)) if self.fault == "faults.lost-create-is-adopted" => Err(internal()),
            made => made,
        }
    }

    async fn container_start(&self, id: &str) -> Result<()> {
        match self.breaks("start", &["start.of-stopped-starts"]) {
            true => Ok(()),
            false => Imports.container_start(id).await,
        }
    }

    async fn container_rename(&self, id: &str, name: &str) -> Result<()> {
        match self.breaks("rename", &["rename.is-seen-everywhere"]) {
            true => Ok(()),
            false => Imports.container_rename(id, name).await,
        }
    }

    async fn container_remove(&self, id: &str) -> Result<()> {
        let kept = self.breaks(
            "create",
            &["create.all-or-nothing", "create.name-is-free-after-an-error"],
        ) || self.breaks("fork", &["fork.all-or-nothing"]);
        match kept {
            true => Ok(()),
            false => Imports.container_remove(id).await,
        }
    }

    async fn container_update(&self, id: &str, limits: Limits) -> Result<Vec<String>> {
        match self.breaks("update_limits", &["update-limits.changes-the-engines"]) {
            true => Ok(Vec::new()),
            false => Imports.container_update(id, limits).await,
        }
    }

    async fn container_commit(&self, id: &str, options: CommitOptions) -> Result<String> {
        match Imports.container_commit(id, options).await {
            Err(ProviderError::Timeout(_)) if self.fault == "faults.lost-snapshot-is-found" => Err(internal()),
            made => made,
        }
    }

    async fn image_list(&self, labels: Vec<String>) -> Result<Vec<ImageSummary>> {
        let mut found = Imports.image_list(self.wanted(labels)).await?;
        found.iter_mut().for_each(|image| self.found(&mut image.labels));
        Ok(found)
    }

    async fn image_remove(&self, reference: &str) -> Result<Vec<String>> {
        match self.breaks("snapshot_delete", &["snapshot-delete.removes-the-image"]) {
            true => Ok(Vec::new()),
            false => Imports.image_remove(reference).await,
        }
    }

    async fn volume_list(&self, labels: Vec<String>) -> Result<Vec<Volume>> {
        if self.breaks("gc", &["gc.removes-volumes-of-the-gone"]) {
            return Ok(Vec::new());
        }
        let mut found = Imports.volume_list(self.wanted(labels)).await?;
        found.iter_mut().for_each(|volume| self.found(&mut volume.labels));
        Ok(found)
    }

    async fn volume_create(&self, name: &str, options: Labels, labels: Labels) -> Result<Volume> {
        Imports.volume_create(name, options, labels).await
    }

    async fn volume_remove(&self, name: &str) -> Result<()> {
        match self.breaks("volume_delete", &["volume-delete.removes-it"]) {
            true => Ok(()),
            false => Imports.volume_remove(name).await,
        }
    }

    async fn events(&self, labels: Vec<String>, since: u64, wait_ms: u64) -> Result<Vec<Event>> {
        let mut found = Imports.events(self.wanted(labels), since, wait_ms).await?;
        found.iter_mut().for_each(|event| self.found(&mut event.attributes));
        Ok(found)
    }

    passed_on! {
        info() -> EngineInfo;
        container_inspect(id: &str) -> Container;
        container_inspect_with_size(id: &str) -> Container;
        container_diff(id: &str) -> ContainerChanges;
        filesystem_diff(older: Filesystem, newer: Filesystem) -> ContainerChanges;
        container_stop(id: &str, timeout_seconds: Option<u32>) -> ();
        container_pause(id: &str) -> ();
        container_unpause(id: &str) -> ();
        image_inspect(reference: &str) -> Image;
        image_import(archive: Archive, options: ImportOptions) -> String;
        image_pull(reference: &str, platform: Option<String>) -> ();
        image_push(image: &str, name: &str) -> String;
        image_derive(reference: &str, options: DeriveOptions) -> String;
        image_save(reference: &str) -> Archive;
        image_load(archive: Archive) -> String;
        image_build(context: Archive, options: BuildOptions) -> String;
        volume_fill(name: &str, image: &str, directory: &str) -> ();
        volume_import(container: &str, path: &str, subpath: Option<String>, options: ImportOptions) -> String;
        volume_inspect(name: &str) -> Volume;
        volume_users(name: &str) -> Vec<String>;
        stats(id: &str) -> StatsSample;
        exec(id: &str, options: ExecOptions) -> ExecSession;
        exec_archive(id: &str, options: ExecOptions) -> Archive;
        exec_unpack(id: &str, options: ExecOptions, image: &str, directory: &str, root_name: &str) -> ();
        logs(id: &str, options: LogOptions) -> LogStream;
        archive_stat(id: &str, path: &str) -> PathStat;
        archive_get(id: &str, path: &str) -> Archive;
        archive_put(id: &str, directory: &str, root_name: Option<String>, archive: Archive) -> ();
        machine_run(command: Command) -> CommandOutput;
        gpu_probe(depth: Depth) -> Inventory;
    }

    fn log(&self, level: LogLevel, message: &str) {
        Imports.log(level, message);
    }

    fn report(&self, progress: Progress) {
        Imports.report(progress);
    }

    fn now(&self) -> String {
        Imports.now()
    }

    async fn sleep(&self, milliseconds: u64) {
        Imports.sleep(milliseconds).await;
    }

    fn random_id(&self) -> String {
        match self.breaks("create", &["create.ids-are-unique"]) {
            true => "0".repeat(32),
            false => Imports.random_id(),
        }
    }
}
