//! From a command's name to what runs: a tool of the sandbox, or a script.

use futures::future::BoxFuture;

use super::{Shell, Variable};
use crate::commands;
use crate::tree::{Kind, join, name};

/// What the sandbox's own binaries hold. A file with anything else in it does not run, unless it begins with `#!`.
pub const BINARY: &[u8] = b"\x7fELF of the mngr sandbox\n";

/// Why a command does not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaunchError {
    NotInPath,
    NoSuchFile,
    NotPermitted,
    BadFormat,
}

impl LaunchError {
    /// The engine's words, after `exec: "…": `.
    pub fn in_engine(self) -> &'static str {
        match self {
            Self::NotInPath => "executable file not found in $PATH",
            Self::NoSuchFile => "no such file or directory",
            Self::NotPermitted => "permission denied",
            Self::BadFormat => "exec format error",
        }
    }

    /// An init's words.
    pub fn in_init(self) -> &'static str {
        match self {
            Self::NotInPath | Self::NoSuchFile => "No such file or directory",
            Self::NotPermitted => "Permission denied",
            Self::BadFormat => "Exec format error",
        }
    }

    /// A shell's words.
    pub fn in_shell(self) -> &'static str {
        match self {
            Self::NotInPath | Self::NoSuchFile => "not found",
            Self::NotPermitted => "Permission denied",
            Self::BadFormat => "Exec format error",
        }
    }

    /// A shell's exit status for it.
    pub fn status(self) -> i64 {
        match self {
            Self::NotInPath | Self::NoSuchFile => 127,
            Self::NotPermitted | Self::BadFormat => 126,
        }
    }
}

/// Something that can be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    Tool(&'static str),
    Script { path: String, source: String },
}

impl Program {
    /// Looks a command up along `PATH`, or at its path where it has a slash.
    pub fn find(shell: &Shell, command: &str) -> Result<Self, LaunchError> {
        if command.contains('/') {
            return Self::at(shell, command);
        }
        let path = shell.get("PATH").unwrap_or("/usr/bin:/bin");
        let mut found = LaunchError::NotInPath;
        for directory in path.split(':').filter(|directory| !directory.is_empty()) {
            match Self::at(shell, &join(directory.trim_end_matches('/'), command)) {
                Ok(program) => return Ok(program),
                Err(LaunchError::NoSuchFile) => {}
                Err(other) => found = other,
            }
        }
        Err(found)
    }

    fn at(shell: &Shell, path: &str) -> Result<Self, LaunchError> {
        let node = shell
            .files
            .stat(&shell.cwd, path, true)
            .map_err(|_| LaunchError::NoSuchFile)?;
        let Kind::File(content) = node.kind else {
            return Err(LaunchError::NotPermitted);
        };
        if node.mode & 0o111 == 0 {
            return Err(LaunchError::NotPermitted);
        }
        if content == BINARY {
            return commands::find(name(path)).map(Self::Tool).ok_or(LaunchError::BadFormat);
        }
        if content.starts_with(b"#!") {
            return Ok(Self::Script {
                path: path.to_owned(),
                source: String::from_utf8_lossy(&content).into_owned(),
            });
        }
        Err(LaunchError::BadFormat)
    }

    /// Runs it in a shell that is its process: only what is exported gets through.
    pub fn run<'a>(&'a self, process: &'a mut Shell, argv: &'a [String]) -> BoxFuture<'a, i64> {
        Box::pin(async move {
            process.variables.retain(|_, Variable { exported, .. }| *exported);
            process.jobs.clear();
            process.exit_on_error = false;
            process.testing = 0;
            let arguments = argv.get(1..).unwrap_or_default();
            match self {
                Self::Tool(tool) => commands::run(process, tool, arguments).await,
                Self::Script { path, source } => {
                    process.arguments = std::iter::once(path.clone()).chain(arguments.iter().cloned()).collect();
                    process.program(source).await
                }
            }
        })
    }
}
