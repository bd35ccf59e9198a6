//! The Docker CLI, which says what a hand that is used to it expects.

use std::path::PathBuf;
use std::process::{Command, Output};

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/docker-cli/docker");

/// The Docker CLI on one engine, with a configuration of its own.
#[derive(Debug)]
pub struct DockerCli {
    host: Option<String>,
    configuration: tempfile::TempDir,
}

impl DockerCli {
    /// On the engine of that address; without one, on the engine that it would use by itself.
    pub fn on(host: Option<&str>) -> Self {
        Self {
            host: host.map(str::to_owned),
            configuration: tempfile::tempdir().expect("a directory"),
        }
    }

    /// Where its `config.json` is looked for.
    pub fn configuration(&self) -> PathBuf {
        self.configuration.path().to_owned()
    }

    /// A command of it, to be run by the caller.
    ///
    /// # Panics
    /// Where there is no Docker CLI for tests.
    pub fn command(&self) -> Command {
        assert!(std::path::Path::new(PROGRAM).exists(), "run `cargo xtask setup` first");
        let mut command = Command::new(PROGRAM);
        command.env("DOCKER_CONFIG", self.configuration.path());
        if let Some(host) = &self.host {
            command.args(["--host", host]);
        }
        command
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// Where it can not be run.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().expect("the Docker CLI")
    }

    /// What it prints, without the line's end; a refusal is what it says of it.
    ///
    /// # Errors
    /// What it prints on stderr where it ends with a status other than 0.
    pub fn read(&self, arguments: &[&str]) -> Result<String, String> {
        let output = self.run(arguments);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        match output.status.success() {
            true => Ok(text(&output.stdout)),
            false => Err(text(&output.stderr)),
        }
    }
}
