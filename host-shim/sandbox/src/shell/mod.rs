//! A small POSIX shell that runs over a container's files: enough for entry scripts and for what tests and the demo type.

pub mod builtins;
pub mod expand;
pub mod io;
pub mod parse;
pub mod program;
pub mod run;
mod word;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::filesystem::Filesystem;
use super::process::{Life, Process};
use io::{Io, Sink};

/// Who a process runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    pub home: String,
}

impl User {
    /// Finds a user as Docker does: `name`, `uid`, either with `:group`; root where none is given.
    pub fn find(files: &Filesystem, wanted: &str) -> Option<Self> {
        let (user, group) = wanted.split_once(':').unwrap_or((wanted, ""));
        let user = if user.is_empty() { "0" } else { user };
        let passwd = files.read("/", "/etc/passwd").unwrap_or_default();
        let passwd = String::from_utf8_lossy(&passwd).into_owned();
        let known = passwd
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>())
            .find(|fields| fields.len() > 5 && (fields[0] == user || fields[2] == user));
        let mut found = match known {
            Some(fields) => Self {
                name: fields[0].to_owned(),
                uid: fields[2].parse().ok()?,
                gid: fields[3].parse().ok()?,
                home: fields[5].to_owned(),
            },
            None => Self {
                name: user.to_owned(),
                uid: user.parse().ok()?,
                gid: 0,
                home: "/".to_owned(),
            },
        };
        if let Ok(gid) = group.parse() {
            found.gid = gid;
        }
        Some(found)
    }
}

#[derive(Debug, Clone)]
pub struct Variable {
    pub value: String,
    pub exported: bool,
}

/// A command run with `&`.
#[derive(Debug, Clone)]
pub struct Job {
    pub pid: i64,
    pub status: watch::Receiver<Option<i64>>,
    pub stop: CancellationToken,
}

/// One shell: its variables, its place, its descriptors. A clone is a subshell.
#[derive(Clone)]
pub struct Shell {
    pub life: Arc<Life>,
    pub process: Arc<Process>,
    pub files: Filesystem,
    pub variables: BTreeMap<String, Variable>,
    pub cwd: String,
    pub user: User,
    /// `$0` and the positional parameters.
    pub arguments: Vec<String>,
    pub io: Io,
    pub pid: i64,
    pub status: i64,
    pub jobs: Vec<Job>,
    /// `set -e`.
    pub exit_on_error: bool,
    /// How many conditions are being evaluated, in which `set -e` does not count.
    pub testing: u32,
    /// Columns and rows of its terminal.
    pub terminal: Option<Arc<Mutex<(u16, u16)>>>,
}

impl Shell {
    /// A process at its start. `environment` is of the form `KEY=value`.
    pub fn new(
        life: Arc<Life>,
        process: Arc<Process>,
        pid: i64,
        environment: &[String],
        cwd: String,
        user: User,
        io: Io,
    ) -> Self {
        let variables = environment
            .iter()
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| {
                let variable = Variable {
                    value: value.to_owned(),
                    exported: true,
                };
                (name.to_owned(), variable)
            })
            .collect();
        Self {
            files: life.files.clone(),
            life,
            process,
            variables,
            cwd,
            user,
            arguments: vec!["sh".to_owned()],
            io,
            pid,
            status: 0,
            jobs: Vec::new(),
            exit_on_error: false,
            testing: 0,
            terminal: None,
        }
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(|variable| variable.value.as_str())
    }

    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        let exported = self.variables.get(name).is_some_and(|variable| variable.exported);
        let variable = Variable {
            value: value.into(),
            exported,
        };
        self.variables.insert(name.to_owned(), variable);
    }

    pub fn export(&mut self, name: &str, value: Option<String>) {
        let value = value.or_else(|| self.get(name).map(str::to_owned)).unwrap_or_default();
        self.variables
            .insert(name.to_owned(), Variable { value, exported: true });
    }

    pub fn out(&self, text: &str) {
        self.io.stdout.line(text);
    }

    /// Complains on stderr, and is the status of whoever does.
    pub fn fail(&self, text: &str) -> i64 {
        self.io.stderr.line(text);
        1
    }

    /// A shell whose output is collected.
    pub fn captured(&self) -> (Self, Arc<Mutex<Vec<u8>>>) {
        let collected: Arc<Mutex<Vec<u8>>> = Arc::default();
        let mut shell = self.clone();
        let into = collected.clone();
        shell.io.stdout = Sink::new(move |bytes| super::locked(&into).extend_from_slice(&bytes));
        (shell, collected)
    }
}
