//! Somebody at a terminal: a home directory, a configuration, and a provider that nobody else uses.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use mngr_docker_tests::cache_home;
use mngr_host_shim::config::ProviderConfig;
use mngr_host_shim::contract::docker::{ContainerFilter, ContainerSpec};
use mngr_host_shim::engine::Engine;
use mngr_host_shim::engine::connect::connect;
use mngr_host_shim::engine::ssh::Tunnels;
use mngr_host_shim::environment::Environment;
use mngr_host_shim::policy::PROVIDER_LABEL;
use serde_json::Value;

/// The image that agents are made from; `cargo xtask setup` puts it on the engine.
pub const IMAGE: &str = "mngr-test:busybox";

/// One user. What their provider made is removed when the test ends.
pub struct Person {
    home: tempfile::TempDir,
    pub provider: String,
}

impl Person {
    /// With a provider on the engine that the Docker CLI would use.
    pub fn new() -> Self {
        let provider = format!("cli-{}", &uuid::Uuid::new_v4().simple().to_string()[..12]);
        let person = Self {
            home: tempfile::tempdir().expect("a home"),
            provider,
        };
        person.configure(&format!(
            "[providers.{}]\nbackend = \"docker\"\ndefault_image = \"{IMAGE}\"\n",
            person.provider
        ));
        person
    }

    /// Writes `~/.mngr/settings.toml`.
    pub fn configure(&self, text: &str) {
        std::fs::create_dir_all(self.home.path().join(".mngr")).expect("a folder");
        self.write(".mngr/settings.toml", text);
    }

    /// From now on the provider's engine is the one at this socket.
    pub fn use_engine(&self, socket: &Path) {
        self.configure(&format!(
            "[providers.{}]\nbackend = \"docker\"\ndefault_image = \"{IMAGE}\"\nhost = \"unix://{}\"\n",
            self.provider,
            socket.display()
        ));
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Writes a file in the home directory.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.home.path().join(path), content).expect("written");
    }

    /// `mngr-docker` with these arguments, in the home directory. Compiled plugins are shared by all tests.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mngr-docker"));
        command
            .args(arguments)
            .current_dir(self.home.path())
            .env("HOME", self.home.path())
            .env("XDG_CACHE_HOME", cache_home())
            .env_remove("MNGR_CONFIG")
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_DATA_HOME")
            .env_remove("XDG_STATE_HOME")
            .stdin(Stdio::null());
        command
    }

    /// The program as bash asks it when Tab is pressed behind these words, with another begun.
    pub fn typing(&self, words: &[&str]) -> Command {
        let mut command = self.command(&[&["--", "mngr-docker"], words, &[""]].concat());
        let index = (words.len() + 1).to_string();
        command.env("COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", index);
        command
    }

    /// What Tab offers there, besides flags.
    pub fn tab(&self, words: &[&str]) -> Vec<String> {
        offered(&mut self.typing(words))
    }

    /// Every file below the home, with what is in it.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.home().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a list").flatten() {
                let kind = entry.file_type().expect("a type");
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if kind.is_file() {
                    files.insert(entry.path(), std::fs::read(entry.path()).expect("content"));
                }
            }
        }
        files
    }

    /// Runs it to its end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::from(self.command(arguments).output().expect("it runs"))
    }

    /// Runs it with `--json`, which must succeed.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let ran = self.run(&[&["--json"], arguments].concat());
        assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
        serde_json::from_str(&ran.stdout).expect("one JSON value")
    }

    /// Volumes of this person's provider, past `mngr-docker`.
    pub fn volumes(&self) -> Vec<String> {
        let label = format!("{PROVIDER_LABEL}={}", self.provider);
        on_the_engine(async |engine| {
            let volumes = engine.volume_list(vec![label]).await.expect("a list");
            volumes.into_iter().map(|volume| volume.name).collect()
        })
    }

    /// Containers of this person's provider, past `mngr-docker`.
    pub fn containers(&self) -> Vec<String> {
        on_the_engine(async |engine| {
            let filter = ContainerFilter {
                all: true,
                labels: vec![format!("{PROVIDER_LABEL}={}", self.provider)],
            };
            let containers = engine.container_list(filter).await.expect("a list");
            containers.into_iter().map(|container| container.id).collect()
        })
    }

    /// Makes a container and starts it, past `mngr-docker`, and returns its name.
    pub fn start_container(&self, spec: ContainerSpec) -> String {
        let name = spec.name.clone();
        on_the_engine(async |engine| {
            let made = engine.container_create(spec).await.expect("made");
            engine.container_start(&made.id).await.expect("started");
        });
        name
    }

    /// How many containers there are of the images of this person's snapshots.
    pub fn containers_of_snapshots(&self) -> usize {
        on_the_engine(async |engine| {
            let label = format!("{PROVIDER_LABEL}={}", self.provider);
            let images = engine.image_list(vec![label]).await.expect("a list");
            let all = ContainerFilter {
                all: true,
                labels: Vec::new(),
            };
            let containers = engine.container_list(all).await.expect("a list");
            let of_ours = |id: &str| images.iter().any(|image| image.id == id);
            containers
                .iter()
                .filter(|container| of_ours(&container.image_id))
                .count()
        })
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        for id in self.containers() {
            on_the_engine(async |engine| drop(engine.container_remove(&id, true, true).await));
        }
        for name in self.volumes() {
            on_the_engine(async |engine| drop(engine.volume_remove(&name, true).await));
        }
        on_the_engine(async |engine| {
            let label = format!("{PROVIDER_LABEL}={}", self.provider);
            let images = engine.image_list(vec![label]).await.unwrap_or_default();
            for tag in images.into_iter().flat_map(|image| image.tags) {
                drop(engine.image_remove(&tag, true).await);
            }
        });
    }
}

/// What a program that was asked for candidates offers besides flags, which it does with no other word.
pub fn offered(command: &mut Command) -> Vec<String> {
    let ran = Ran::from(command.output().expect("it runs"));
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    let names = ran.stdout.lines().filter(|candidate| !candidate.starts_with('-'));
    names.map(str::to_owned).collect()
}

fn on_the_engine<R>(work: impl AsyncFnOnce(&dyn Engine) -> R) -> R {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let config = ProviderConfig::named("test");
        let engine = connect(&config, &Environment::of_process(), &Tunnels::default()).expect("an engine to test on");
        work(&engine).await
    })
}

/// What a run printed and how it ended.
pub struct Ran {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().expect("it was not killed"),
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr: String::from_utf8(output.stderr).expect("text"),
        }
    }
}
