//! Somebody with a provider of their own, whose every acknowledgement is written down.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use mngr_docker_tests::{IMAGE, cache_home, remove_all};
use mngr_host_shim::check::{Ledger, LedgerEntry};
use mngr_host_shim::contract::docker::ContainerFilter;
use mngr_host_shim::engine::Engine;
use mngr_host_shim::engine::connect::connect;
use mngr_host_shim::engine::ssh::Tunnels;
use mngr_host_shim::environment::Environment;
use mngr_host_shim::policy::PROVIDER_LABEL;
use serde_json::Value;

/// The agent that is always there, and its snapshot.
pub const KEPT: &str = "kept";
/// The snapshot's name.
pub const FIRST: &str = "first";
/// The file that both hold, what is in it, and that text's SHA-256.
const FILE: &str = "/root/file";
const CONTENT: &str = "kept\n";
const DIGEST: &str = "78051faade059d70866df6a3fb83ef348721fd74a87e93ef95c493f87d0d236b";
/// How long the engine may take to end what a dead caller asked it for.
const LATE: Duration = Duration::from_secs(60);
/// With more agents than these the others are removed between two harms.
const CROWD: usize = 12;

/// One provider, on one engine.
pub struct World {
    program: PathBuf,
    home: tempfile::TempDir,
    /// Its instance name.
    pub provider: String,
    host: String,
    /// What is chosen by chance is chosen by this.
    pub random: fastrand::Rng,
    names: u32,
}

/// What `check` had to say after a harm.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Aftermath {
    /// Nothing after one `reconcile`; else after how many.
    pub reconciles: u32,
    /// What it still says.
    pub violations: Vec<String>,
}

/// What a program has printed, in one line.
pub fn words(output: &Output) -> String {
    let printed = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    printed.concat().split_whitespace().collect::<Vec<_>>().join(" ")
}

impl World {
    /// With an agent that runs, a snapshot of it, and a file in both.
    ///
    /// # Panics
    /// Where the engine at `host` does not let it have them.
    pub fn new(program: &Path, host: &str, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let provider = format!("soak-{:08x}", random.u32(..));
        let world = Self {
            program: program.to_owned(),
            home: tempfile::tempdir().expect("a home"),
            provider,
            host: host.to_owned(),
            random,
            names: 0,
        };
        world.use_engine(host, 30);
        world.must(&["create", KEPT, "-s", "--volume=/data"]);
        let script = format!("printf '{}' > {FILE}", CONTENT.escape_default());
        world.must(&["exec", KEPT, "--", "sh", "-c", &script]);
        let taken = world.json(&["snapshot", "create", KEPT, "--name", FIRST, "--force"]);
        let entry = LedgerEntry::Content {
            snapshot: taken["id"].as_str().expect("an id").to_owned(),
            path: FILE.to_owned(),
            sha256: DIGEST.to_owned(),
        };
        world.ledger().write([entry]).expect("written");
        world
    }

    /// From now on the engine is asked at that address, and given up after so many seconds. Journals go by the address.
    ///
    /// # Panics
    /// Where the settings can not be written.
    pub fn use_engine(&self, host: &str, timeout_seconds: u32) {
        let settings = format!(
            "[providers.{}]\nbackend = \"docker\"\nhost = {host:?}\ndefault_image = {IMAGE:?}\nledger = {:?}\n\
             engine_timeout_seconds = {timeout_seconds}\n",
            self.provider,
            self.ledger().path(),
        );
        let directory = self.home.path().join(".mngr");
        std::fs::create_dir_all(&directory).expect("a folder");
        std::fs::write(directory.join("settings.toml"), settings).expect("written");
    }

    /// Where sockets may be put.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    fn ledger(&self) -> Ledger {
        Ledger::at(self.home.path().join("ledger"), &self.provider)
    }

    /// `mngr-docker` with these arguments. Compiled plugins are shared by all.
    pub fn command(&self, arguments: &[impl AsRef<std::ffi::OsStr>]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(self.home.path())
            .env("HOME", self.home.path())
            .env("XDG_CACHE_HOME", cache_home())
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for variable in [
            "MNGR_CONFIG",
            "XDG_CONFIG_HOME",
            "XDG_DATA_HOME",
            "XDG_STATE_HOME",
            "FAILPOINTS",
            "RUST_LOG",
        ] {
            command.env_remove(variable);
        }
        command
    }

    /// Runs it to its end, however that is.
    ///
    /// # Panics
    /// Where it can not be started.
    pub fn run(&self, arguments: &[impl AsRef<std::ffi::OsStr>]) -> Output {
        self.command(arguments).output().expect("mngr-docker runs")
    }

    /// Runs it, which must succeed.
    ///
    /// # Panics
    /// Where it does not.
    pub fn must(&self, arguments: &[impl AsRef<std::ffi::OsStr> + std::fmt::Debug]) -> String {
        let output = self.run(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {}\n{stderr}", output.status);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs it with `--json`, which must succeed.
    ///
    /// # Panics
    /// Where it does not.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let text = self.must(&[&["--json"], arguments].concat());
        serde_json::from_str(&text).expect("one JSON value")
    }

    /// A name that no agent has had.
    pub fn name(&mut self) -> String {
        self.names += 1;
        format!("w{}", self.names)
    }

    /// An agent in that state, one that may be harmed: made where there is none.
    pub fn agent_that_is(&mut self, state: &str) -> String {
        let agents = self.json(&["list"]);
        let fit = |agent: &&Value| agent["state"] == state && agent["name"] != KEPT;
        let fitting: Vec<_> = agents.as_array().into_iter().flatten().filter(fit).collect();
        if let Some(agent) = self.random.choice(fitting) {
            return agent["name"].as_str().expect("a name").to_owned();
        }
        let name = self.name();
        self.must(&["create", &name]);
        match state {
            "stopped" => drop(self.must(&["stop", &name, "--timeout", "0"])),
            "paused" => drop(self.must(&["pause", &name])),
            _ => {}
        }
        name
    }

    /// A snapshot that may be harmed, by its id: made where there is none.
    pub fn snapshot(&mut self) -> String {
        let snapshots = self.json(&["snapshot", "list"]);
        let fit = |snapshot: &&Value| snapshot["name"] != FIRST;
        let fitting: Vec<_> = snapshots.as_array().into_iter().flatten().filter(fit).collect();
        if let Some(snapshot) = self.random.choice(fitting) {
            return snapshot["id"].as_str().expect("an id").to_owned();
        }
        let agent = self.agent_that_is("running");
        let taken = self.json(&["snapshot", "create", &agent]);
        taken["id"].as_str().expect("an id").to_owned()
    }

    /// Settles what a harm has left and checks. The engine may still be at what a dead caller asked it for; so the first time
    /// counts, and then it is asked until it is done.
    ///
    /// # Panics
    /// Where `check` itself does not work.
    pub fn aftermath(&mut self) -> Aftermath {
        let begun = Instant::now();
        let mut aftermath = Aftermath::default();
        let mut said = BTreeSet::new();
        loop {
            let reconciled = self.run(&["reconcile"]);
            aftermath.reconciles += 1;
            aftermath.violations = self.check(&[]);
            if aftermath.violations.is_empty() {
                break;
            }
            if aftermath.reconciles == 1 {
                let (said, violations) = (words(&reconciled), &aftermath.violations);
                eprintln!("after one reconcile, which said `{said}`: {violations:?}");
            }
            said.insert(words(&reconciled));
            if begun.elapsed() > LATE {
                let said: Vec<_> = said.into_iter().collect();
                aftermath.violations.push(format!("reconcile: {}", said.join(" | ")));
                break;
            }
        }
        self.thin_out();
        aftermath
    }

    /// What `check` says.
    ///
    /// # Panics
    /// Where it does not work.
    pub fn check(&self, arguments: &[&str]) -> Vec<String> {
        let output = self.run(&[&["--json", "check"], arguments].concat());
        let verdicts: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!(
                "check: {error}: {}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            )
        });
        assert!(verdicts.is_array(), "check: {verdicts}");
        let mut said = Vec::new();
        for verdict in verdicts.as_array().into_iter().flatten() {
            for violation in verdict["violations"].as_array().into_iter().flatten() {
                said.push(format!(
                    "{}: {}: {}",
                    verdict["rule"], violation["subject"], violation["reason"]
                ));
            }
        }
        said
    }

    /// Removes agents and snapshots where there are many.
    fn thin_out(&mut self) {
        let agents = self.json(&["list"]);
        let names = agents
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|agent| agent["name"].as_str());
        let names: Vec<_> = names.filter(|name| *name != KEPT).collect();
        if names.len() > CROWD {
            self.run(&[&["destroy", "-y", "--snapshots"], names.as_slice()].concat());
            self.run(&["gc", "-y", "--snapshots"]);
        }
    }

    /// How many containers there are, past `mngr-docker`.
    ///
    /// # Panics
    /// Where the engine does not answer.
    pub fn containers(&self) -> usize {
        self.on_the_engine(async |engine| {
            let filter = ContainerFilter {
                all: true,
                labels: vec![format!("{PROVIDER_LABEL}={}", self.provider)],
            };
            engine.container_list(filter).await.expect("a list").len()
        })
    }

    fn on_the_engine<R>(&self, work: impl AsyncFnOnce(&dyn Engine) -> R) -> R {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let mut config = mngr_host_shim::config::ProviderConfig::named("soak");
            config.host = Some(self.host.clone());
            let engine = connect(&config, &Environment::of_process(), &Tunnels::default()).expect("an address");
            work(&engine).await
        })
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let left = self.on_the_engine(async |engine| remove_all(engine, &self.provider).await);
        if !left.is_empty() && !std::thread::panicking() {
            eprintln!("left behind: {left:?}");
        }
    }
}
