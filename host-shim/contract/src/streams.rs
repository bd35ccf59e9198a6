//! The data plane: streams that the host owns and a plugin only passes on.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;
use tokio::io::AsyncWrite;

use crate::Result;

/// Which of a process's two outputs some bytes came from. With a terminal everything is [`Channel::Stdout`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A piece of output, as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Where it was written to.
    pub channel: Channel,
    /// What was written.
    pub bytes: Bytes,
}

/// A stream of output. It ends when the process ends or the connection does; the two look alike, so ask
/// [`ExecControl::wait`] how a process ended.
pub type OutputStream = Pin<Box<dyn Stream<Item = Result<Output>> + Send>>;

/// A stream of tar bytes.
pub type ByteStream = Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send>>;

/// What can be asked of a running exec besides its bytes.
#[async_trait]
pub trait ExecControl: Send + Sync {
    /// Tells the terminal its new size.
    async fn resize(&self, columns: u16, rows: u16) -> Result<()>;

    /// Waits until the command runs. Gives its exit status where it has ended already, or could not be run.
    ///
    /// # Errors
    /// As [`ExecControl::wait`].
    async fn started(&self) -> Result<Option<i64>>;

    /// The exit status, once the output has ended: 126 where the command can not be run, 127 where it is
    /// not there (engines before 23.0 say 126 for both).
    ///
    /// # Errors
    /// `unavailable` where the engine has forgotten the exec (it restarted): the result is then unknown, not a success.
    async fn wait(&self) -> Result<i64>;
}

/// A command that runs in an agent.
pub struct ExecSession {
    /// Where its stdin goes, if one was asked for. Dropping it closes stdin.
    pub stdin: Option<Pin<Box<dyn AsyncWrite + Send>>>,
    /// What it prints.
    pub output: OutputStream,
    /// Its terminal and its exit status.
    pub control: Box<dyn ExecControl>,
}

/// A container's log.
pub struct LogStream {
    /// What was logged, in order.
    pub output: OutputStream,
}

/// Secrets and SSH agents that the steps of a build may use, by their ids. No image keeps them. Values are never shown.
#[derive(Clone, Default)]
pub struct Withheld {
    /// What each secret holds.
    pub secrets: BTreeMap<String, Vec<u8>>,
    /// The socket of each agent.
    pub agents: BTreeMap<String, PathBuf>,
}

impl fmt::Debug for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secrets: Vec<_> = self.secrets.keys().collect();
        f.debug_struct("Withheld")
            .field("secrets", &secrets)
            .field("agents", &self.agents)
            .finish()
    }
}

impl Withheld {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.secrets.is_empty() && self.agents.is_empty()
    }
}

/// The context of a build: files of this machine, read when an engine asks for them. An engine that knows its type may ask for one
/// file after another.
pub trait BuildContext: Any + Send + Sync {
    /// All of it, as tar.
    fn tar(&self) -> ByteStream;
}

/// A tar archive on its way into or out of a container, or the context of a build.
pub enum Archive {
    /// A file or directory on this machine, packed when it is sent. Its topmost entry is the path's last component.
    Path(PathBuf),
    /// Tar bytes as they come.
    Tar(ByteStream),
    /// The context of a build, with what its steps may use that no image is to keep.
    Context(Arc<dyn BuildContext>, Withheld),
    /// What is copied into a container, there to belong to the user that the container runs as, where it names one. `docker cp -a`
    /// asks for that.
    AsUser(Box<Archive>),
}

impl fmt::Debug for ExecSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecSession")
            .field("stdin", &self.stdin.is_some())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for LogStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogStream").finish_non_exhaustive()
    }
}

impl fmt::Debug for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => f.debug_tuple("Path").field(path).finish(),
            Self::Tar(_) => f.debug_tuple("Tar").finish_non_exhaustive(),
            Self::Context(_, withheld) => f.debug_tuple("Context").field(withheld).finish_non_exhaustive(),
            Self::AsUser(archive) => f.debug_tuple("AsUser").field(archive).finish(),
        }
    }
}
