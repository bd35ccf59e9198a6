//! The steps by the Docker CLI, each a process or several.

use std::process::Stdio;

use anyhow::{Context, Result};
use tokio::process::Command;

use crate::side::{Scene, Step};

/// The program.
pub const PROGRAM: &str = "docker";

/// The Docker CLI on one engine.
pub struct Cli {
    scene: Scene,
}

impl Cli {
    /// None where it is not on the PATH.
    pub fn find(scene: &Scene) -> Option<Self> {
        let found = std::process::Command::new(PROGRAM).arg("--version").output().is_ok();
        found.then(|| Self { scene: scene.clone() })
    }

    pub async fn step(&self, step: Step, name: &str) -> Result<()> {
        let image = format!("mngr-snapshot:{name}");
        match step {
            Step::Create => self.create(name, &self.scene.image).await?,
            Step::Start => self.run(&["start", name]).await?,
            Step::Exec => self.run(&["exec", name, "true"]).await?,
            Step::Snapshot => {
                let label = format!("LABEL {}", self.label());
                self.run(&["commit", "--change", &label, name, &image]).await?
            }
            Step::Stop => self.run(&["stop", name]).await?,
            Step::Restore => {
                let old = format!("{name}.old");
                self.run(&["rename", name, &old]).await?;
                self.create(name, &image).await?;
                self.run(&["start", name]).await?;
                self.run(&["rm", "--force", "--volumes", &old]).await?
            }
            Step::Destroy => self.run(&["rm", "--force", "--volumes", name]).await?,
        };
        Ok(())
    }

    async fn create(&self, name: &str, image: &str) -> Result<String> {
        let label = self.label();
        let words = ["create", "--init", "--label", &label, "--name", name, image];
        self.run(&[&words[..], &["tail", "-f", "/dev/null"]].concat()).await
    }

    pub async fn list(&self, size: usize) -> Result<()> {
        let filter = format!("label={}", self.label());
        let listed = self.run(&list_arguments(&filter)).await?.lines().count();
        anyhow::ensure!(listed == size, "{listed} of {size} were listed");
        Ok(())
    }

    fn label(&self) -> String {
        format!("com.imbue.mngr.provider={}", self.scene.provider)
    }

    async fn run(&self, words: &[&str]) -> Result<String> {
        let mut command = Command::new(PROGRAM);
        command
            .args(["--host", &self.scene.host])
            .args(words)
            .stdin(Stdio::null());
        let output = command.output().await.context("docker does not run")?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "docker {}: {stderr}", words.join(" "));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// What lists every container that passes the filter, with every field of a list by default. `{{json .}}` would ask for sizes as well,
/// which takes the engine half a minute.
pub fn list_arguments(filter: &str) -> [&str; 7] {
    // The filter's value is made by the caller, so that it lives long enough.
    [
        "ps",
        "--all",
        "--no-trunc",
        "--format",
        "{{.ID}} {{.Names}} {{.Image}} {{.Status}} {{.Labels}}",
        "--filter",
        filter,
    ]
}
