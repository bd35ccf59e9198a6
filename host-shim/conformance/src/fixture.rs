//! What one rule is looked at on: a provider of its own, and the engine behind it.

use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use mngr_host_shim::contract::Result;
use mngr_host_shim::contract::backend::Description;
use mngr_host_shim::contract::docker::{ContainerFilter, ContainerSpec, ContainerSummary, ExecOptions, LogOptions};
use mngr_host_shim::contract::instance::{DestroyRequest, DiscoverRequest, SnapshotRequest};
use mngr_host_shim::contract::types::{Agent, AgentState, Snapshot};
use mngr_host_shim::engine::Engine;
use mngr_host_shim::guard::journal::Store;
use mngr_host_shim::loader::Plugin;
use mngr_host_shim::policy::{PROVIDER_LABEL, Permissions, Policy, Preset};
use mngr_host_shim::provider::{NewAgent, Provider};
use mngr_host_shim::streams::{Archive, Channel, ExecSession, OutputStream};
use mngr_sandbox::{SandboxEngine, SandboxRegistry};
use serde_json::{Map, Value};

use super::observed::Observed;
use super::rule::{Comes, Stop};
use super::{Suite, remove_all};

/// The file that rules write in agents and look for later.
pub const FILE: &str = "/tmp/mngr-kept";
/// Between two looks at what happens elsewhere, so that the processor is free for it.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// What a rule works with: the provider that is tested, and its engine.
pub struct Fixture {
    /// What is tested.
    pub provider: Provider,
    /// What it says of itself.
    pub description: Arc<Description>,
    /// The engine as the provider reaches it.
    pub observed: Arc<Observed>,
    /// The engine past the provider.
    pub engine: Arc<dyn Engine>,
    /// The same, where it is one in memory.
    sandbox: Option<SandboxEngine>,
    /// What agents are made from.
    pub image: String,
    pub plugin: Plugin,
    /// The settings that it is tested with.
    pub given: Map<String, Value>,
    /// The same with the image.
    settings: Map<String, Value>,
    registry: Option<String>,
    /// Where journals are kept.
    state: tempfile::TempDir,
    /// Every provider that was opened, to remove what they made.
    names: Mutex<Vec<String>>,
}

/// The rules are about the plugin, and the policy lets it do what users ask for with start arguments.
fn policy(provider: &str) -> Policy {
    Policy::new(provider, Preset::Standard, &Permissions::default())
}

impl Fixture {
    pub async fn new(suite: &Suite, plugin: &Plugin, description: &Arc<Description>) -> Result<Self> {
        let sandbox = suite.engine.is_none().then(|| {
            let sandbox = SandboxEngine::new().with_image(&suite.image);
            sandbox.use_registry(&SandboxRegistry::default());
            sandbox
        });
        let engine: Arc<dyn Engine> = match (&suite.engine, &sandbox) {
            (Some(engine), _) => engine.clone(),
            (None, sandbox) => Arc::new(sandbox.clone().unwrap_or_default()),
        };
        let mut settings = suite.settings.clone();
        if description
            .settings
            .iter()
            .any(|setting| setting.key == "default_image")
        {
            settings
                .entry("default_image")
                .or_insert_with(|| Value::from(suite.image.as_str()));
        }
        let state = tempfile::tempdir().map_err(|error| {
            let remedy = "make room in the directory for temporary files";
            mngr_host_shim::error::internal("the journal", error.to_string(), remedy)
        })?;
        let observed = Arc::new(Observed::new(engine.clone()));
        let name = format!("test-{}", &uuid::Uuid::new_v4().simple().to_string()[..12]);
        let provider = open(plugin, &observed, &name, &settings, &state).await?;
        Ok(Self {
            provider,
            description: description.clone(),
            observed,
            engine,
            registry: match &sandbox {
                Some(_) => Some("registry.test:5000".to_owned()),
                None => suite.registry.clone(),
            },
            sandbox,
            image: suite.image.clone(),
            plugin: plugin.clone(),
            given: suite.settings.clone(),
            settings,
            state,
            names: Mutex::new(vec![name]),
        })
    }

    /// Removes all that was made, and says what could not be.
    pub async fn clean_up(&self) -> Vec<String> {
        if self.sandbox.is_some() {
            // It goes with this.
            return Vec::new();
        }
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut left = Vec::new();
        for name in names {
            left.extend(remove_all(&*self.engine, &name).await);
        }
        left
    }

    /// The engine in memory.
    pub fn sandbox(&self, why: &str) -> std::result::Result<&SandboxEngine, Stop> {
        self.sandbox
            .as_ref()
            .ok_or_else(|| Stop::Skipped(format!("only in memory: {why}")))
    }

    /// A registry that the engine reaches.
    pub fn registry(&self) -> std::result::Result<&str, Stop> {
        let none = || Stop::Skipped("there is no registry to go by; name one with --registry".to_owned());
        self.registry.as_deref().ok_or_else(none)
    }

    /// The same provider as another process would open it.
    pub async fn again(&self) -> std::result::Result<Provider, Stop> {
        self.named(self.provider.name()).await
    }

    /// Another provider on the same engine.
    pub async fn another(&self) -> std::result::Result<Provider, Stop> {
        self.named(&format!("{}-b", self.provider.name())).await
    }

    async fn named(&self, name: &str) -> std::result::Result<Provider, Stop> {
        self.names
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(name.to_owned());
        let opened = open(&self.plugin, &self.observed, name, &self.settings, &self.state).await;
        opened.succeeds("to open another provider")
    }

    /// Ids of calls of the provider that are not settled.
    pub fn unsettled(&self) -> Vec<String> {
        let stale = Store::at(self.state.path().join(self.provider.name())).stale();
        stale.iter().map(|call| call.id()).collect()
    }

    /// An agent to be made of the image, with these start arguments.
    pub fn new_agent(&self, name: &str, start_args: &[&str]) -> NewAgent {
        NewAgent {
            start_args: start_args.iter().map(|arg| (*arg).to_owned()).collect(),
            ..NewAgent::named(name).image(self.image.as_str())
        }
    }

    /// An agent that runs.
    pub async fn agent(&self, name: &str) -> std::result::Result<Agent, Stop> {
        self.agent_with(name, &[]).await
    }

    /// The same with these start arguments.
    pub async fn agent_with(&self, name: &str, start_args: &[&str]) -> std::result::Result<Agent, Stop> {
        let agent = self.new_agent(name, start_args);
        self.provider.create(agent).await.succeeds("to create an agent")
    }

    /// An agent whose main command is this shell script.
    pub async fn running(&self, name: &str, script: &str) -> std::result::Result<Agent, Stop> {
        let command = ["sh", "-c", script].map(str::to_owned).to_vec();
        let agent = NewAgent {
            command,
            ..self.new_agent(name, &[])
        };
        self.provider
            .create(agent)
            .await
            .succeeds("to create an agent with a main command")
    }

    pub async fn get(&self, agent: &str) -> std::result::Result<Agent, Stop> {
        self.provider.get(agent).await.succeeds("to get an agent")
    }

    pub async fn stop(&self, agent: &str) -> std::result::Result<Agent, Stop> {
        let stopped = self.provider.stop(agent, Default::default()).await;
        Ok(stopped.succeeds("to stop an agent")?.agent)
    }

    pub async fn destroy(&self, agent: &str) -> std::result::Result<(), Stop> {
        let request = DestroyRequest { snapshots: false };
        self.provider
            .destroy(agent, request)
            .await
            .succeeds("to destroy an agent")?;
        Ok(())
    }

    pub async fn snapshot(&self, agent: &str) -> std::result::Result<Snapshot, Stop> {
        let taken = self.provider.snapshot_create(agent, SnapshotRequest::default()).await;
        taken.succeeds("to take a snapshot")
    }

    /// Every agent that the provider lists.
    pub async fn listed(&self) -> std::result::Result<Vec<Agent>, Stop> {
        let listed = self.provider.discover(DiscoverRequest::default()).await;
        listed.succeeds("to list agents")
    }

    /// One of them.
    pub async fn listed_as(&self, name: &str) -> std::result::Result<Agent, Stop> {
        let found = self.listed().await?.into_iter().find(|agent| agent.name == name);
        found.ok_or_else(|| Stop::Failed(format!("the agent `{name}` is not listed")))
    }

    /// Asks until the agent has ended; the rule's deadline is that of this too.
    pub async fn ended(&self, name: &str) -> std::result::Result<Agent, Stop> {
        loop {
            let agent = self.get(name).await?;
            let goes_on = [AgentState::Running, AgentState::Stopping, AgentState::Starting];
            if !goes_on.contains(&agent.state) {
                return Ok(agent);
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }

    /// The provider's containers, past the provider.
    pub async fn containers(&self) -> std::result::Result<Vec<ContainerSummary>, Stop> {
        let filter = ContainerFilter {
            all: true,
            labels: vec![format!("{PROVIDER_LABEL}={}", self.provider.name())],
        };
        self.engine
            .container_list(filter)
            .await
            .succeeds("the engine to list containers")
    }

    /// Makes a container past the provider that is like an agent's but for these labels, and for its name, which is longer.
    pub async fn twin(&self, agent: &Agent, labels: &[(&str, &str)]) -> std::result::Result<String, Stop> {
        let like = self.engine.container_inspect(&agent.container_id, false).await;
        let like = like.succeeds("the engine to have the agent's container")?;
        let mut own = like.labels;
        for (name, value) in labels {
            own.retain(|(known, _)| known != name);
            own.push(((*name).to_owned(), (*value).to_owned()));
        }
        let spec = ContainerSpec {
            name: format!("{}-twin", like.name),
            image: self.image.clone(),
            labels: own,
            command: Some(vec!["true".to_owned()]),
            ..ContainerSpec::default()
        };
        let made = self.engine.container_create(spec).await;
        Ok(made.succeeds("the engine to make a container")?.id)
    }

    /// Runs a shell script in an agent: its exit status and what it printed on both outputs.
    pub async fn shell(&self, agent: &str, script: &str) -> std::result::Result<(i64, String), Stop> {
        let session = self.provider.exec(agent, argv(&["sh", "-c", script])).await;
        let (status, stdout, stderr) = output_of(session.succeeds("to run a command in an agent")?).await?;
        Ok((status, stdout + &stderr))
    }

    /// Writes the file that is looked for later.
    pub async fn keep(&self, agent: &str, content: &str) -> std::result::Result<(), Stop> {
        let (status, said) = self.shell(agent, &format!("printf %s {content} > {FILE}")).await?;
        match status {
            0 => Ok(()),
            _ => Err(Stop::Failed(format!(
                "{FILE} could not be written in the agent: {said}"
            ))),
        }
    }

    /// What that file holds, read past the provider.
    pub async fn kept(&self, container: &str) -> std::result::Result<String, Stop> {
        let file = self.engine.archive_get(container, FILE).await;
        let files = unpacked(file.succeeds("the engine to have the file that was written")?).await?;
        Ok(files.into_iter().map(|(_, content)| content).collect())
    }
}

async fn open(
    plugin: &Plugin,
    engine: &Arc<Observed>,
    name: &str,
    settings: &Map<String, Value>,
    state: &tempfile::TempDir,
) -> Result<Provider> {
    let provider = Provider::open(plugin.clone(), engine.clone(), name, settings, policy(name)).await?;
    Ok(provider.journaled_in(Some(Store::at(state.path().join(name)))))
}

/// Options for a plain command.
pub fn argv(words: &[&str]) -> ExecOptions {
    ExecOptions {
        argv: words.iter().map(|word| (*word).to_owned()).collect(),
        ..ExecOptions::default()
    }
}

/// Waits for a command to end: its exit status, stdout and stderr.
pub async fn output_of(mut session: ExecSession) -> std::result::Result<(i64, String, String), Stop> {
    drop(session.stdin.take());
    let (stdout, stderr) = texts(session.output).await?;
    let status = session
        .control
        .wait()
        .await
        .succeeds("a command to end with a status")?;
    Ok((status, stdout, stderr))
}

/// What is written to stdout and to stderr, to the end.
pub async fn texts(mut output: OutputStream) -> std::result::Result<(String, String), Stop> {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    while let Some(piece) = output.next().await {
        let piece = piece.succeeds("output to arrive")?;
        match piece.channel {
            Channel::Stdout => stdout.extend_from_slice(&piece.bytes),
            Channel::Stderr => stderr.extend_from_slice(&piece.bytes),
        }
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((text(&stdout), text(&stderr)))
}

/// What an agent has printed: stdout and stderr.
pub async fn logged(fixture: &Fixture, options: LogOptions) -> std::result::Result<(String, String), Stop> {
    let log = fixture.provider.logs("a", options).await.succeeds("to read a log")?;
    texts(log.output).await
}

/// A tar archive of one folder with these files in it.
pub fn tar_of(folder: &str, files: &[(&str, &str)]) -> Archive {
    let mut builder = tar::Builder::new(Vec::new());
    let mut append = |name: String, kind: tar::EntryType, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(0o755);
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, name, content)
    };
    let mut outcome = append(format!("{folder}/"), tar::EntryType::Directory, &[]);
    for (name, content) in files {
        outcome =
            outcome.and_then(|()| append(format!("{folder}/{name}"), tar::EntryType::Regular, content.as_bytes()));
    }
    let bytes = outcome.and_then(|()| builder.into_inner()).map(Bytes::from);
    Archive::Tar(Box::pin(futures::stream::once(async move { bytes })))
}

/// The names and the contents of an archive's files, without their folders.
pub async fn unpacked(archive: Archive) -> std::result::Result<Vec<(String, String)>, Stop> {
    let broken = |error: std::io::Error| Stop::Failed(format!("an archive can not be read: {error}"));
    let Archive::Tar(mut stream) = archive else {
        return Err(Stop::Failed("what comes out of an agent is to be tar".to_owned()));
    };
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await {
        bytes.extend_from_slice(&piece.map_err(broken)?);
    }
    let mut files = Vec::new();
    let mut tar = tar::Archive::new(&bytes[..]);
    for entry in tar.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = entry.path().map_err(broken)?.to_string_lossy().into_owned();
        let mut content = String::new();
        entry.read_to_string(&mut content).map_err(broken)?;
        files.push((path, content));
    }
    files.sort();
    Ok(files)
}
