//! One request of a plugin, as a value.

use mngr_docker_tests::{argv, tar_of};
use mngr_host_shim::contract::Result;
use mngr_host_shim::contract::docker::{BuildOptions, CommitOptions, ContainerSpec, DeriveOptions, ImportOptions};
use mngr_host_shim::contract::ssh::Command;
use mngr_host_shim::contract::types::{DeviceRequest, Limits};
use mngr_host_shim::guard::Guard;
use mngr_host_shim::policy::{AGENT_LABEL, PROVIDER_LABEL, Rule};

pub type Pairs = Vec<(String, String)>;

/// What is asked for.
#[derive(Debug, Clone)]
pub enum Request {
    Create(Box<ContainerSpec>),
    Start(String),
    Stop(String),
    Kill(String),
    Pause(String),
    Unpause(String),
    Rename(String, String),
    Remove(String),
    Update(String, Box<Limits>),
    Exec(String),
    Unpack(String, String),
    PutFiles(String),
    GetFiles(String),
    Commit(String, Box<CommitOptions>),
    Build(Box<BuildOptions>),
    Tag(String, String, String),
    RemoveImage(String),
    Import(Box<ImportOptions>),
    Derive(String, Box<DeriveOptions>),
    Push(String, String),
    Save(String),
    Volume(String, String, Pairs, Pairs),
    RemoveVolume(String),
    FillVolume(String, String),
    ReadVolume(String, Box<ImportOptions>),
    Run(Vec<String>),
}

/// A request, and the rule that decides on it.
#[derive(Debug, Clone)]
pub struct Case {
    pub rule: Rule,
    pub request: Request,
}

pub fn case(rule: Rule, request: Request) -> Case {
    Case { rule, request }
}

pub fn pairs(pairs: &[(&str, &str)]) -> Pairs {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

pub fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The labels of an agent of that provider.
pub fn labels_of(provider: &str) -> Pairs {
    pairs(&[(AGENT_LABEL, "agent-1"), (PROVIDER_LABEL, provider)])
}

pub fn build(tag: &str, labels: Pairs, network: Option<&str>) -> BuildOptions {
    BuildOptions {
        tag: tag.to_owned(),
        dockerfile: "Dockerfile".to_owned(),
        args: Vec::new(),
        target: None,
        labels,
        no_cache: false,
        pull: false,
        platform: None,
        network: network.map(str::to_owned),
        timeout_seconds: None,
        secrets: Vec::new(),
        ssh: Vec::new(),
    }
}

pub fn commit(repository: &str, tag: &str, labels: Pairs) -> CommitOptions {
    CommitOptions {
        repository: repository.to_owned(),
        tag: tag.to_owned(),
        comment: String::new(),
        author: String::new(),
        pause: false,
        labels,
        flatten: false,
        without_env: Vec::new(),
    }
}

pub fn import(repository: &str, tag: &str, labels: Pairs) -> ImportOptions {
    ImportOptions {
        repository: repository.to_owned(),
        tag: tag.to_owned(),
        labels,
        root_name: "root".to_owned(),
        exclude: Vec::new(),
    }
}

pub fn derive(repository: &str, tag: &str, labels: Pairs) -> DeriveOptions {
    DeriveOptions {
        repository: repository.to_owned(),
        tag: tag.to_owned(),
        labels,
        without_env: Vec::new(),
    }
}

pub fn gpus(count: Option<i64>, ids: &[&str]) -> DeviceRequest {
    DeviceRequest {
        driver: String::new(),
        count,
        device_ids: words(ids),
        capabilities: vec![words(&["gpu"])],
        options: Vec::new(),
    }
}

impl Request {
    /// Makes it, as a plugin's call does.
    pub async fn make(self, guard: &Guard) -> Result<()> {
        let quiet = std::sync::Arc::new(|_| {});
        match self {
            Self::Create(spec) => guard.container_create(*spec).await.map(drop),
            Self::Start(id) => guard.container_start(&id).await,
            Self::Stop(id) => guard.container_stop(&id, Some(0)).await,
            Self::Kill(id) => guard.container_kill(&id, "KILL").await,
            Self::Pause(id) => guard.container_pause(&id).await,
            Self::Unpause(id) => guard.container_unpause(&id).await,
            Self::Rename(id, name) => guard.container_rename(&id, &name).await,
            Self::Remove(id) => guard.container_remove(&id, true, true).await,
            Self::Update(id, limits) => guard.container_update(&id, *limits).await.map(drop),
            Self::Exec(id) => guard.exec(&id, argv(&["true"])).await.map(drop),
            Self::Unpack(id, image) => guard.exec_unpack(&id, argv(&["true"]), &image, "root", "root").await,
            Self::PutFiles(id) => guard.archive_put(&id, "/", None, tar_of("a", &[("b", "c")])).await,
            Self::GetFiles(id) => guard.archive_get(&id, "/bin").await.map(drop),
            Self::Commit(id, options) => guard.container_commit(&id, *options).await.map(drop),
            Self::Build(options) => {
                let context = tar_of("context", &[("Dockerfile", "FROM scratch\n")]);
                guard.image_build(context, *options, quiet).await.map(drop)
            }
            Self::Tag(image, repository, tag) => guard.image_tag(&image, &repository, &tag).await,
            Self::RemoveImage(image) => guard.image_remove(&image, true).await.map(drop),
            Self::Import(options) => guard.image_import(tar_of("a", &[]), *options).await.map(drop),
            Self::Derive(image, options) => guard.image_derive(&image, *options).await.map(drop),
            Self::Push(image, name) => guard.image_push(&image, &name, quiet).await.map(drop),
            Self::Save(image) => guard.image_save(&image).await.map(drop),
            Self::Volume(name, driver, options, labels) => {
                guard.volume_create(&name, &driver, options, labels).await.map(drop)
            }
            Self::RemoveVolume(name) => guard.volume_remove(&name, true).await,
            Self::FillVolume(name, image) => guard.volume_fill(&name, &image, "root").await,
            Self::ReadVolume(container, options) => {
                guard.volume_import(&container, "/data", None, *options).await.map(drop)
            }
            Self::Run(argv) => {
                let command = Command {
                    argv,
                    stdin: Vec::new(),
                    timeout_ms: 10_000,
                    max_output_bytes: 1 << 20,
                };
                guard.machine_run(command).await.map(drop)
            }
        }
    }
}
