//! An engine behind a proxy that records, with things on it that are this provider's, another's and nobody's.

use std::path::PathBuf;
use std::sync::Arc;

use mngr_docker_tests::{FaultProxy, IMAGE, remove_all};
use mngr_host_shim::config::ProviderConfig;
use mngr_host_shim::contract::docker::{CommitOptions, ContainerSpec, Mount, MountKind};
use mngr_host_shim::contract::{ProviderError, Result};
use mngr_host_shim::engine::connect::connect;
use mngr_host_shim::engine::ssh::Tunnels;
use mngr_host_shim::engine::{Engine, docker::DockerEngine};
use mngr_host_shim::environment::Environment;
use mngr_host_shim::guard::Guard;
use mngr_host_shim::policy::{Permissions, Policy, Preset};
use serde_json::Value;

use super::request::{Case, Request, commit, labels_of, pairs};

/// Names of what there is.
#[derive(Debug, Clone, Default)]
pub struct Things {
    /// The provider under test.
    pub provider: String,
    /// Another one on the same engine.
    pub other: String,
    /// Containers: ours, the other's, and one without labels of ours. None runs.
    pub own: String,
    pub theirs: String,
    pub plain: String,
    /// Images: a snapshot of ours, and one of the other's.
    pub own_image: String,
    pub their_image: String,
    /// Volumes: ours, the other's, and one without labels of ours.
    pub own_volume: String,
    pub their_volume: String,
    pub plain_volume: String,
    /// A directory that is safe to mount.
    pub directory: String,
}

impl Things {
    /// Names alone, to count requests by.
    pub fn named(provider: &str, directory: &str) -> Self {
        let name = |suffix: &str| format!("{provider}-{suffix}");
        Self {
            provider: provider.to_owned(),
            other: name("other"),
            own: name("own"),
            theirs: name("theirs"),
            plain: name("plain"),
            own_image: format!("mngr-snapshot:{provider}-own"),
            their_image: format!("mngr-snapshot:{provider}-theirs"),
            own_volume: name("own-volume"),
            their_volume: name("their-volume"),
            plain_volume: name("plain-volume"),
            directory: directory.to_owned(),
        }
    }

    /// A container that nothing can be said against.
    pub fn spec(&self) -> ContainerSpec {
        ContainerSpec {
            name: format!("{}-made", self.provider),
            image: IMAGE.to_owned(),
            labels: labels_of(&self.provider),
            command: Some(vec!["true".to_owned()]),
            ..ContainerSpec::default()
        }
    }

    /// A container like that but for one thing.
    pub fn create(&self, change: impl FnOnce(&mut ContainerSpec)) -> Request {
        let mut spec = self.spec();
        change(&mut spec);
        Request::Create(Box::new(spec))
    }
}

pub struct Room {
    pub things: Things,
    /// The engine itself, past the proxy.
    pub engine: DockerEngine,
    watched: Arc<dyn Engine>,
    proxy: FaultProxy,
    folder: tempfile::TempDir,
}

fn engine_at(host: Option<String>) -> DockerEngine {
    let config = ProviderConfig {
        host,
        ..ProviderConfig::named("test")
    };
    connect(&config, &Environment::of_process(), &Tunnels::default()).expect("an engine's address")
}

impl Room {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let safe = folder.path().join("safe");
        std::fs::create_dir(&safe).expect("a folder");
        // In a directory of its own: who mounts that of the socket mounts the socket.
        let beside = folder.path().join("engine");
        std::fs::create_dir(&beside).expect("a folder");
        let proxy = FaultProxy::before_the_engine(beside.join("proxy.sock"));
        let watched = engine_at(Some(format!("unix://{}", proxy.socket().display())));
        let provider = format!("policy-{}", &uuid::Uuid::new_v4().simple().to_string()[..12]);
        let room = Self {
            things: Things::named(&provider, &safe.display().to_string()),
            engine: engine_at(None),
            watched: Arc::new(watched),
            proxy,
            folder,
        };
        room.furnish().await;
        room
    }

    async fn furnish(&self) {
        let things = &self.things;
        for (name, provider) in [
            (&things.own, Some(&things.provider)),
            (&things.theirs, Some(&things.other)),
            (&things.plain, None),
        ] {
            let spec = ContainerSpec {
                name: name.clone(),
                image: IMAGE.to_owned(),
                labels: provider.map(|provider| labels_of(provider)).unwrap_or_default(),
                command: Some(vec!["true".to_owned()]),
                ..ContainerSpec::default()
            };
            self.engine.container_create(spec).await.expect("a container");
        }
        for (container, image) in [(&things.own, &things.own_image), (&things.theirs, &things.their_image)] {
            let (repository, tag) = image.split_once(':').expect("a tag");
            let options: CommitOptions = commit(repository, tag, Vec::new());
            self.engine
                .container_commit(container, options)
                .await
                .expect("an image");
        }
        for (name, labels) in [
            (&things.own_volume, labels_of(&things.provider)),
            (&things.their_volume, labels_of(&things.other)),
            (&things.plain_volume, Vec::new()),
        ] {
            let made = self.engine.volume_create(name, "local", Vec::new(), labels).await;
            made.expect("a volume");
        }
    }

    /// Removes all that was made.
    pub async fn clear(self) {
        let things = &self.things;
        let mut left = remove_all(&self.engine, &things.provider).await;
        left.extend(remove_all(&self.engine, &things.other).await);
        self.engine
            .container_remove(&things.plain, true, true)
            .await
            .expect("removed");
        self.engine
            .volume_remove(&things.plain_volume, true)
            .await
            .expect("removed");
        assert!(left.is_empty(), "left behind: {left:?}");
    }

    /// One call's view, under a preset and permissions on top of it.
    pub fn guard(&self, preset: Preset, permissions: &Value) -> Guard {
        let permissions = Permissions::of(permissions).expect("permissions");
        let policy = Policy::new(&self.things.provider, preset, &permissions);
        Guard::new(self.watched.clone(), Arc::new(policy), None)
    }

    pub fn standard(&self) -> Guard {
        self.guard(Preset::Standard, &Value::Null)
    }

    /// A path in the room's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A link in the room's folder, by its whole path.
    pub fn link(&self, name: &str, target: &str) -> String {
        let path = self.path(name);
        std::os::unix::fs::symlink(target, &path).expect("a link");
        path.display().to_string()
    }

    /// A container that is to have a place of the machine by `--volume`.
    pub fn bound(&self, source: &str) -> Request {
        let bind = format!("{source}:/data");
        self.things.create(|spec| spec.binds = vec![bind])
    }

    /// A container that is to have a place of the machine by `--mount`.
    pub fn mounted(&self, source: &str) -> Request {
        let source = source.to_owned();
        self.things.create(|spec| {
            spec.mounts = vec![Mount {
                kind: MountKind::Bind,
                source,
                target: "/data".to_owned(),
                ..Mount::default()
            }];
        })
    }

    /// A volume that is to be a place of the machine.
    pub fn laid_over(&self, device: &str) -> Request {
        let options = pairs(&[("type", "none"), ("o", "bind"), ("device", device)]);
        let labels = labels_of(&self.things.provider);
        let name = format!("{}-bound", self.things.provider);
        Request::Volume(name, "local".to_owned(), options, labels)
    }

    /// Makes a request, and says what came of it and which requests went out that change something.
    pub async fn outcome(&self, guard: &Guard, request: Request) -> (Result<()>, Vec<String>) {
        let before = self.proxy.requests().len();
        let outcome = request.make(guard).await;
        let mut sent = self.proxy.requests().split_off(before);
        sent.retain(|request| !request.starts_with("GET ") && !request.starts_with("HEAD "));
        (outcome, sent)
    }

    /// Each of these is refused by its rule, and nothing that changes anything has gone out.
    pub async fn all_refused(&self, cases: Vec<Case>) {
        for Case { rule, request } in cases {
            let shown = format!("{request:?}");
            let (outcome, sent) = self.outcome(&self.standard(), request).await;
            match outcome {
                Err(ProviderError::Denied(denied)) => assert_eq!(denied.rule, rule.name(), "{shown}"),
                other => panic!("not refused but {other:?}: {shown}"),
            }
            assert_eq!(sent, [""; 0], "went out though refused: {shown}");
        }
    }
}

/// Runs a test in a room of its own.
pub fn within(test: impl AsyncFnOnce(&Room)) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        use futures::FutureExt;
        let room = Room::new().await;
        let outcome = std::panic::AssertUnwindSafe(test(&room)).catch_unwind().await;
        room.clear().await;
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
}
