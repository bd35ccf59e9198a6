//! One provider on one engine, for one test.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use mngr_conformance::remove_all;
use mngr_host_shim::config::ProviderConfig;
use mngr_host_shim::contract::Result;
use mngr_host_shim::contract::docker::{ContainerSpec, ExecOptions};
use mngr_host_shim::contract::types::Agent;
use mngr_host_shim::engine::ssh::Tunnels;
use mngr_host_shim::engine::{Engine, connect};
use mngr_host_shim::environment::Environment;
use mngr_host_shim::host::Host;
use mngr_host_shim::loader::Loader;
use mngr_host_shim::policy::{PROVIDER_LABEL, Preset};
use mngr_host_shim::provider::{NewAgent, Provider};
use mngr_host_shim::registry::PluginChoice;
use mngr_host_shim::sandbox::SandboxEngine;
use mngr_host_shim::streams::{Archive, Channel};
use serde_json::{Value, json};

use crate::component::{library, plugin_cache};
use crate::private_engine::{PrivateEngine, Setup};
use crate::registry::Registry;
use crate::sshd::Sshd;

/// The image that agents are made from; `cargo xtask setup` puts it on a real engine.
pub const IMAGE: &str = "mngr-test:busybox";

/// Which engine a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The one in memory.
    Sandbox,
    /// The same one, for a plugin that is a dynamic library.
    Native,
    /// The one that the Docker CLI would use.
    Real,
    /// The same one, behind an SSH server on this machine.
    Remote,
}

/// Which form a plugin has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The component that is built in.
    Component,
    /// The same as a dynamic library.
    Library,
}

/// A provider instance of its own, on an engine that others may use too.
pub struct Testbed {
    /// What is tested.
    pub provider: Provider,
    /// The engine behind it, to look past the provider.
    pub engine: Arc<dyn Engine>,
    /// The sandbox engine, where it is one, to make it fail.
    pub sandbox: Option<SandboxEngine>,
    host: Host,
    /// Which form its plugin has.
    form: Form,
    /// What the engine is behind.
    _sshd: Option<Sshd>,
    /// Where journals are kept, and the Docker CLI's configuration.
    state: tempfile::TempDir,
}

/// Runs one test and cleans up after it.
///
/// # Panics
/// Where the test does, and where there is no engine: a test on a real engine is never skipped.
pub fn run(kind: Kind, test: impl AsyncFnOnce(&Testbed)) {
    runtime().block_on(async {
        let bed = Testbed::new(kind).await;
        let outcome = AssertUnwindSafe(test(&bed)).catch_unwind().await;
        bed.close(outcome).await;
    });
}

/// Runs one test on an engine that is its own, to be killed and started again. The engine is gone afterwards.
///
/// # Panics
/// Where the test does, and where no engine can be started.
pub fn run_private(test: impl AsyncFnOnce(&Testbed, &mut PrivateEngine)) {
    runtime().block_on(async {
        let mut private = PrivateEngine::start(Setup::default()).await;
        let config = ProviderConfig {
            host: Some(private.host()),
            ..ProviderConfig::named("test")
        };
        let bed = Testbed::on(&config, None, Form::Component).await;
        let outcome = AssertUnwindSafe(test(&bed, &mut private)).catch_unwind().await;
        bed.close(outcome).await;
    });
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
}

impl Testbed {
    async fn new(kind: Kind) -> Self {
        let sshd = (kind == Kind::Remote).then(|| Sshd::start(&[]));
        let config = match &sshd {
            Some(sshd) => sshd.provider("test"),
            None => ProviderConfig::named("test"),
        };
        let sandbox = matches!(kind, Kind::Sandbox | Kind::Native).then(SandboxEngine::new);
        let form = match kind {
            Kind::Native => Form::Library,
            Kind::Sandbox | Kind::Real | Kind::Remote => Form::Component,
        };
        Self {
            _sshd: sshd,
            ..Self::on(&config, sandbox, form).await
        }
    }

    /// On the sandbox where there is one, else on the engine of that provider.
    async fn on(config: &ProviderConfig, sandbox: Option<SandboxEngine>, form: Form) -> Self {
        let engine: Arc<dyn Engine> = match &sandbox {
            Some(sandbox) => {
                sandbox.add_image(IMAGE);
                Arc::new(sandbox.clone())
            }
            None => {
                let engine = connect::connect(config, &Environment::of_process(), &Tunnels::default());
                Arc::new(engine.expect("an engine's address"))
            }
        };
        if let Err(error) = engine.image_inspect(IMAGE).await {
            panic!(
                "{}\nrun `cargo xtask setup` first ({})",
                error.message(),
                error.remedy()
            );
        }
        let loader = Loader::new(Some(plugin_cache())).expect("a loader");
        let state = tempfile::tempdir().expect("a directory");
        let state_home = state.path().display().to_string();
        let variables = [("DOCKER_CONFIG", state_home.clone()), ("XDG_STATE_HOME", state_home)];
        let host = Host::with(loader, Environment::new(variables, "/"));
        let name = format!("test-{}", &uuid::Uuid::new_v4().simple().to_string()[..12]);
        let provider = open(&host, engine.clone(), &name, form).await;
        Self {
            provider,
            engine,
            sandbox,
            host,
            form,
            _sshd: None,
            state,
        }
    }

    /// Cleans up after a test, and ends as it did.
    async fn close(&self, outcome: std::thread::Result<()>) {
        let left = remove_all(&*self.engine, self.provider.name()).await;
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
        assert!(left.is_empty(), "the test left behind: {left:?}");
    }

    /// The same provider as another process would open it.
    pub async fn again(&self) -> Provider {
        open(&self.host, self.engine.clone(), self.provider.name(), self.form).await
    }

    /// A second provider instance on the same engine.
    pub async fn another_provider(&self, suffix: &str) -> Provider {
        open(
            &self.host,
            self.engine.clone(),
            &format!("{}-{suffix}", self.provider.name()),
            self.form,
        )
        .await
    }

    /// A provider on an engine of the caller's choice, configured by `change`.
    ///
    /// # Panics
    /// Where the configuration is refused.
    pub async fn provider_on(
        &self,
        engine: Arc<dyn Engine>,
        name: &str,
        change: impl FnOnce(&mut ProviderConfig),
    ) -> Provider {
        let mut config = config_of(name, self.form);
        change(&mut config);
        self.host.open_on(&config, engine).await.expect("a provider")
    }

    /// A registry that the engine reaches, for the length of the test.
    pub fn registry(&self) -> Registry {
        match &self.sandbox {
            Some(sandbox) => Registry::in_memory(sandbox),
            None => Registry::start(None),
        }
    }

    /// What `docker login` leaves behind.
    ///
    /// # Panics
    /// Where it can not be written.
    pub fn log_in(&self, registry: &Registry, auth: &str) {
        self.docker_config(&json!({ "auths": { registry.address(): { "auth": auth } } }));
    }

    /// Makes this the Docker CLI's configuration of the provider's user.
    ///
    /// # Panics
    /// Where it can not be written.
    pub fn docker_config(&self, config: &Value) {
        std::fs::write(self.state.path().join("config.json"), config.to_string()).expect("written");
    }

    /// Destroys agents, and removes volumes that were made past the provider.
    ///
    /// # Panics
    /// Where one of them stays.
    pub async fn remove(&self, agents: &[&str], volumes: &[&String]) {
        for agent in agents {
            let destroyed = self.provider.destroy(agent, Default::default()).await;
            destroyed.expect("destroyed");
        }
        for volume in volumes {
            let removed = self.engine.volume_remove(volume, false).await;
            removed.expect("the volume is removed");
        }
    }

    /// Removes what another provider instance made.
    pub async fn remove_all_of(&self, provider: &Provider) {
        let left = remove_all(&*self.engine, provider.name()).await;
        assert!(left.is_empty(), "left behind: {left:?}");
    }

    /// The same provider with these settings over its own.
    ///
    /// # Panics
    /// Where the settings are refused.
    pub async fn with_settings(&self, settings: Value) -> Provider {
        self.try_settings(settings).await.expect("settings that are accepted")
    }

    /// As [`Testbed::with_settings`], for settings that may be refused.
    ///
    /// # Errors
    /// The plugin's refusal.
    pub async fn try_settings(&self, settings: Value) -> Result<Provider> {
        let mut config = config(self.provider.name());
        config
            .settings
            .extend(settings.as_object().cloned().unwrap_or_default());
        self.host.open_on(&config, self.engine.clone()).await
    }

    /// An agent that runs.
    ///
    /// # Panics
    /// Where it can not be made.
    pub async fn agent(&self, name: &str) -> Agent {
        self.provider.create(NewAgent::named(name)).await.expect("an agent")
    }

    /// Makes a container past the provider, with the provider's label and these, and returns its id.
    ///
    /// # Panics
    /// Where the engine refuses.
    pub async fn plant(&self, name: &str, labels: &[(&str, &str)]) -> String {
        let own = [(PROVIDER_LABEL, self.provider.name())];
        let labels = own
            .iter()
            .chain(labels)
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let spec = ContainerSpec {
            name: format!("mngr-{}.{name}", self.provider.name()),
            image: IMAGE.to_owned(),
            labels: labels.collect(),
            command: Some(vec!["true".to_owned()]),
            ..ContainerSpec::default()
        };
        self.engine.container_create(spec).await.expect("planted").id
    }

    /// Runs a shell command in an agent and returns its exit status and what it printed on both outputs.
    ///
    /// # Panics
    /// Where the command can not be started.
    pub async fn shell(&self, agent: &str, script: &str) -> (i64, String) {
        let session = self
            .provider
            .exec(agent, argv(&["sh", "-c", script]))
            .await
            .expect("an exec");
        let (status, stdout, stderr) = output_of(session).await;
        (status, stdout + &stderr)
    }
}

/// Options for a plain command.
pub fn argv(words: &[&str]) -> ExecOptions {
    ExecOptions {
        argv: words.iter().map(|word| (*word).to_owned()).collect(),
        ..ExecOptions::default()
    }
}

/// Waits for a command to end: its exit status, stdout and stderr.
///
/// # Panics
/// Where the connection breaks.
pub async fn output_of(mut session: mngr_host_shim::streams::ExecSession) -> (i64, String, String) {
    drop(session.stdin.take());
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    while let Some(piece) = session.output.next().await {
        let piece = piece.expect("output");
        match piece.channel {
            Channel::Stdout => stdout.extend_from_slice(&piece.bytes),
            Channel::Stderr => stderr.extend_from_slice(&piece.bytes),
        }
    }
    let status = session.control.wait().await.expect("an exit status");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (status, text(&stdout), text(&stderr))
}

/// A tar archive of one folder with these files in it.
///
/// # Panics
/// Where a path does not fit into a tar header.
pub fn tar_of(folder: &str, files: &[(&str, &str)]) -> Archive {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Directory);
    header.set_mode(0o755);
    header.set_size(0);
    builder
        .append_data(&mut header, format!("{folder}/"), &[][..])
        .expect("a folder");
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        builder
            .append_data(&mut header, format!("{folder}/{name}"), content.as_bytes())
            .expect("a file");
    }
    let bytes = Bytes::from(builder.into_inner().expect("a tar"));
    Archive::Tar(Box::pin(futures::stream::once(async { Ok(bytes) })))
}

/// The case of an error, to be compared.
///
/// # Panics
/// Where there is none.
pub fn error_kind<T>(result: Result<T>) -> &'static str {
    match result {
        Ok(_) => panic!("a call that should have failed did not"),
        Err(error) => {
            assert!(!error.message().is_empty(), "an error says what failed");
            assert!(
                !error.remedy().is_empty(),
                "an error says what to do: {}",
                error.message()
            );
            error.kind()
        }
    }
}

fn config(name: &str) -> ProviderConfig {
    let mut config = ProviderConfig::named(name);
    config.settings.insert("default_image".to_owned(), json!(IMAGE));
    config
}

fn config_of(name: &str, form: Form) -> ProviderConfig {
    match form {
        Form::Component => config(name),
        Form::Library => ProviderConfig {
            plugin: Some(PluginChoice::File(library())),
            allow_native: true,
            policy: Some(Preset::Standard),
            ..config(name)
        },
    }
}

async fn open(host: &Host, engine: Arc<dyn Engine>, name: &str, form: Form) -> Provider {
    host.open_on(&config_of(name, form), engine).await.expect("a provider")
}
