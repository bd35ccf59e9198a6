//! The two sides of a comparison: the Docker CLI with a container, and `mngr-docker` with an agent.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use mngr_docker_tests::{DockerCli, IMAGE, cache_home, program};
use uuid::Uuid;

use super::rows::{Row, SCENE};

/// When everything was changed last before a copy: seconds since the epoch.
pub const TIME: i64 = 1_600_000_000;
/// The same for `touch`, in UTC.
const TOUCHED: &str = "find . -exec touch -h -d '2020-09-13 12:26:40' {} +";

/// Who copies, and between what.
pub trait Side {
    /// The container's name.
    fn container(&self) -> &str;
    /// The folder on this machine that has a directory for each row.
    fn here(&self) -> &Path;
    /// Its program with these arguments. `A:` has become what it calls the container.
    fn program(&self) -> Command;
    /// What it calls the container.
    fn name(&self) -> &str;
    /// To look past it.
    fn docker(&self) -> &DockerCli;

    /// Makes the files of every row, here and there.
    fn prepare(&self, rows: &[Row]) {
        let there = script("/scene", "/rows", rows.iter().map(|row| row.there));
        let here = self.here().display().to_string();
        let here = script(&format!("{here}/scene"), &here, rows.iter().map(|row| row.here));
        ran(Command::new("sh"), &here);
        let mut inside = self.docker().command();
        inside.args(["exec", "-i", self.container(), "sh"]);
        ran(inside, &there);
    }

    /// Makes one row's copy.
    fn copy(&self, number: usize, row: &Row) -> Output {
        let directory = self.here().join(number.to_string());
        let mut command = self.program();
        command.arg("cp").current_dir(&directory).stdin(Stdio::null());
        for argument in &row.arguments {
            let argument = argument
                .replace("A:", &format!("{}:", self.name()))
                .replace('@', &format!("/rows/{number}"))
                .replace('~', &format!("rows/{number}"))
                .replace("HERE", &directory.display().to_string());
            command.arg(argument);
        }
        if let Ok(archive) = File::open(directory.join("in.tar")) {
            command.stdin(archive);
        }
        let output = command.output().expect("it runs");
        if row.arguments.last().is_some_and(|destination| destination == "-") && output.status.success() {
            fs::write(directory.join("stdout"), &output.stdout).expect("written");
        }
        output
    }

    /// All that there is in the container, as the engine itself packs it.
    fn archive(&self) -> Vec<u8> {
        let output = self.docker().run(&["cp", &format!("{}:/rows", self.container()), "-"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }
}

/// Makes a directory for each row, with the scene in it and what the row adds.
fn script<'a>(scene: &str, rows: &str, more: impl Iterator<Item = &'a str>) -> String {
    let mut script = format!(
        "set -e; umask 022; export TZ=UTC\nmkdir -p {scene} {rows}\ncd {scene}\n{SCENE}\n{TOUCHED}\ncd {rows}\n"
    );
    for (number, more) in more.enumerate() {
        script.push_str(&format!("cp -a {scene} {number}\n"));
        if !more.is_empty() {
            script.push_str(&format!("(cd {number}\n{more})\n"));
        }
    }
    script.push_str(TOUCHED);
    script
}

fn ran(mut command: Command, script: &str) {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut stdin = child.stdin.take().expect("stdin");
    stdin.write_all(script.as_bytes()).expect("written");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The Docker CLI, with a container.
pub struct Container {
    docker: DockerCli,
    name: String,
    here: tempfile::TempDir,
}

impl Container {
    pub fn start() -> Self {
        let docker = DockerCli::on(None);
        let name = format!("mngr-test-copies-{}", Uuid::new_v4().simple());
        let this = Self {
            docker,
            name,
            here: tempfile::tempdir().expect("a directory"),
        };
        let made = this.docker.read(&[
            "run",
            "--detach",
            "--init",
            "--network",
            "none",
            "--name",
            &this.name,
            IMAGE,
            "sleep",
            "1000000",
        ]);
        made.expect("a container");
        this
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        drop(self.docker.run(&["rm", "--force", "--volumes", &self.name]));
    }
}

impl Side for Container {
    fn container(&self) -> &str {
        &self.name
    }

    fn here(&self) -> &Path {
        self.here.path()
    }

    fn program(&self) -> Command {
        self.docker.command()
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn docker(&self) -> &DockerCli {
        &self.docker
    }
}

/// `mngr-docker`, with an agent.
pub struct Agent {
    docker: DockerCli,
    container: String,
    home: tempfile::TempDir,
    here: tempfile::TempDir,
}

impl Agent {
    pub fn start() -> Self {
        let (home, here) = (
            tempfile::tempdir().expect("a home"),
            tempfile::tempdir().expect("a directory"),
        );
        let provider = format!("copies-{}", &Uuid::new_v4().simple().to_string()[..12]);
        let settings: PathBuf = home.path().join(".mngr");
        fs::create_dir(&settings).expect("made");
        let text = format!("[providers.{provider}]\nbackend = \"docker\"\ndefault_image = \"{IMAGE}\"\n");
        fs::write(settings.join("settings.toml"), text).expect("written");
        let mut this = Self {
            docker: DockerCli::on(None),
            container: String::new(),
            home,
            here,
        };
        let output = this
            .program()
            .args(["create", "a", "--json"])
            .output()
            .expect("it runs");
        let agent: serde_json::Value = serde_json::from_slice(&output.stdout).expect("an agent");
        this.container = agent["container_id"].as_str().expect("a container").to_owned();
        this
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.program().args(["destroy", "a"]).output());
    }
}

impl Side for Agent {
    fn container(&self) -> &str {
        &self.container
    }

    fn here(&self) -> &Path {
        self.here.path()
    }

    fn program(&self) -> Command {
        let mut command = Command::new(program());
        command
            .env("HOME", self.home.path())
            .env("XDG_CACHE_HOME", cache_home())
            .current_dir(self.home.path())
            .stdin(Stdio::null());
        for name in ["MNGR_CONFIG", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"] {
            command.env_remove(name);
        }
        command
    }

    fn name(&self) -> &str {
        "a"
    }

    fn docker(&self) -> &DockerCli {
        &self.docker
    }
}
