//! One live connection: the child, and what goes through it.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::process::{Child, ChildStdin};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::destination::{Destination, is_older};
use super::diagnostics::Diagnostics;
pub use super::diagnostics::Report;
use super::place::Place;
use super::session::{Session, SessionError, forward_port, forward_socket};
use super::stream::Stream;
use super::{command, failure};
use crate::machine;
use crate::unix::connect;
use mngr_contract::error::{internal, not_found};
use mngr_contract::log;
use mngr_contract::ssh::{Command, CommandOutput};
use mngr_contract::trace::{Name, io_kind};
use mngr_contract::{ProviderError, Result};

/// What the session prints when it is there. Without a session sshd delays small packets, so one is kept open.
const MARK: &str = "mngr-docker-connected";
/// Most bytes that a login shell may print before that.
const GREETING: u64 = 256 * 1024;
/// A server allows ten sessions on a connection where nobody changed that: one is held open, these are for streams to the
/// engine where they can not be forwarded…
const STREAMS: usize = 7;
/// …and these for commands.
const COMMANDS: usize = 2;
/// How long `ssh` may take to end when it has nothing more to do.
const ENDING: Duration = Duration::from_secs(5);
/// Asks an engine whether it is there, and to close the connection then.
const PING: &[u8] = b"GET /_ping HTTP/1.0\r\nHost: engine\r\n\r\n";
/// What is the matter with a socket that is there and may be used.
const LISTENING: &str = "the socket is there but nothing listens on it";
/// The most of an answer to it that is looked at.
const ANSWER: u64 = 1024;

/// A connection. Dropped, it takes its child and its directory with it.
pub(super) struct Link {
    destination: Destination,
    diagnostics: Arc<Diagnostics>,
    alive: watch::Receiver<bool>,
    /// The child was found not to do what it is for, though it has not ended yet.
    is_broken: AtomicBool,
    used: Mutex<Instant>,
    /// How the engine's sockets are reached, once that was tried.
    ways: tokio::sync::Mutex<HashMap<String, Way>>,
    /// Local sockets by what they lead to.
    forwards: tokio::sync::Mutex<HashMap<Target, PathBuf>>,
    streams: Arc<Semaphore>,
    /// How many streams the server allows, as far as is known.
    allowed: AtomicUsize,
    commands: Semaphore,
    _child: AbortOnDropHandle<()>,
    _heard: AbortOnDropHandle<()>,
    _stdin: ChildStdin,
    /// Goes last: the child has its sockets in it.
    place: Place,
}

#[derive(Debug, Clone, Copy)]
enum Way {
    Forward,
    DialStdio,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Target {
    Socket(String),
    Port(String, u16),
}

/// Why a command was not run.
pub(super) enum Refused {
    /// The server allows no second session on a connection.
    NoSession,
    /// The connection was cut before it was started.
    NotStarted(ProviderError),
    /// Anything else.
    Failed(ProviderError),
}

/// Why there is no connection.
enum Unstarted {
    /// `ssh` does not know an option, and is not given it the next time.
    IsOlder,
    Failed(Box<(Report, ProviderError)>),
}

impl Link {
    /// Connects. After an error nothing is left.
    pub(super) async fn start(to: &Destination) -> std::result::Result<Self, (Report, ProviderError)> {
        match Self::try_start(to).await {
            Err(Unstarted::IsOlder) => Self::try_start(to).await,
            other => other,
        }
        .map_err(|unstarted| match unstarted {
            Unstarted::Failed(failed) => *failed,
            Unstarted::IsOlder => (Report::default(), failure::explained(to, &Report::default(), &[])),
        })
    }

    async fn try_start(to: &Destination) -> std::result::Result<Self, Unstarted> {
        let fail = |report, error| Unstarted::Failed(Box::new((report, error)));
        let mut place = Place::new().map_err(|error| fail(Report::default(), no_place(&error)))?;
        let mut child = to
            .master(&place.control(), &format!("echo {MARK}; exec cat"))
            .spawn()
            .map_err(|error| fail(Report::default(), not_started(&error)))?;
        if let Some(pid) = child.id() {
            place
                .belongs_to(pid)
                .map_err(|error| fail(Report::default(), no_place(&error)))?;
        }
        let streams = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = streams else {
            let error = internal("ssh", "it has no streams", "report this");
            return Err(fail(Report::default(), error));
        };
        let diagnostics = Arc::new(Diagnostics::default());
        let hearing = diagnostics.clone();
        let mut heard = AbortOnDropHandle::new(tokio::spawn(async move { hearing.read(stderr).await }));
        let mut stdout = BufReader::new(stdout);
        let marked = tokio::select! {
            marked = marked(&mut stdout) => marked,
            _ = diagnostics.exceeded() => false,
        };
        if !marked {
            drop(stdin);
            let _ = tokio::time::timeout(ENDING, child.wait()).await;
            let _ = tokio::time::timeout(ENDING, &mut heard).await;
            let (report, said) = (diagnostics.report(), diagnostics.said());
            if is_older(&said) {
                return Err(Unstarted::IsOlder);
            }
            let error = match (diagnostics.exceeded().now_or_never(), &report.authenticated) {
                (Some(exceeded), _) => exceeded.about(format!("the machine {to}")),
                (None, Some(_)) => failure::no_shell(to, &said),
                (None, None) => failure::explained(to, &report, &said),
            };
            return Err(fail(report, error));
        }
        let (is_alive, alive) = watch::channel(true);
        let watching = watch_over(child, stdout, diagnostics.clone(), is_alive);
        Ok(Self {
            destination: to.clone(),
            diagnostics,
            alive,
            is_broken: AtomicBool::new(false),
            used: Mutex::new(Instant::now()),
            ways: tokio::sync::Mutex::default(),
            forwards: tokio::sync::Mutex::default(),
            streams: Arc::new(Semaphore::new(STREAMS)),
            allowed: AtomicUsize::new(STREAMS),
            commands: Semaphore::new(COMMANDS),
            _child: AbortOnDropHandle::new(tokio::spawn(watching)),
            _heard: heard,
            _stdin: stdin,
            place,
        })
    }

    pub(super) fn is_alive(&self) -> bool {
        *self.alive.borrow() && !self.is_broken.load(Ordering::Relaxed)
    }

    /// What was learnt while it was connected.
    pub(super) fn report(&self) -> Report {
        self.diagnostics.report()
    }

    pub(super) fn last_used(&self) -> Instant {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It has just been used.
    pub(super) fn touch(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// A stream to the engine's socket.
    pub(super) async fn dial(self: &Arc<Self>, socket: &str) -> Result<Stream> {
        self.touch();
        match self.way(socket).await? {
            Way::Forward => self.forwarded(Target::Socket(socket.to_owned())).await,
            Way::DialStdio => self.dial_stdio(socket, null()?).await,
        }
    }

    /// Whether the engine's socket is reached as a forwarded stream; else it is by the engine's own command.
    pub(super) async fn is_forwarded(self: &Arc<Self>, socket: &str) -> Result<bool> {
        Ok(matches!(self.way(socket).await?, Way::Forward))
    }

    /// A stream to a TCP port as that machine sees it.
    pub(super) async fn dial_port(self: &Arc<Self>, host: &str, port: u16) -> Result<Stream> {
        self.touch();
        self.forwarded(Target::Port(host.to_owned(), port)).await
    }

    /// How a socket is reached: tried once, with a question that every engine answers.
    async fn way(self: &Arc<Self>, socket: &str) -> Result<Way> {
        let mut ways = self.ways.lock().await;
        if let Some(way) = ways.get(socket) {
            return Ok(*way);
        }
        let stream = self.forwarded(Target::Socket(socket.to_owned())).await?;
        let way = match answers(stream).await {
            true => Way::Forward,
            false => self.try_dial_stdio(socket).await?,
        };
        ways.insert(socket.to_owned(), way);
        Ok(way)
    }

    async fn forwarded(self: &Arc<Self>, target: Target) -> Result<Stream> {
        let mut forwards = self.forwards.lock().await;
        let local = match forwards.get(&target) {
            Some(local) => local.clone(),
            None => {
                let local = self.place.forward(forwards.len());
                let control = self.place.control();
                match &target {
                    Target::Socket(socket) => forward_socket(&control, &local, socket).await,
                    Target::Port(host, port) => forward_port(&control, &local, host, *port).await,
                }
                .map_err(|error| self.broken(&error))?;
                forwards.insert(target, local.clone());
                local
            }
        };
        drop(forwards);
        let stream = connect(&local).await.map_err(|error| self.broken(&error))?;
        Ok(Stream::new(stream, self.clone(), None))
    }

    /// Where a forwarded stream comes to nothing: the server may forbid it, or there may be no engine. sshd says the same in
    /// either case, so the engine's own command is tried before anything is said.
    async fn try_dial_stdio(self: &Arc<Self>, socket: &str) -> Result<Way> {
        let (complaints, stderr) = std::io::pipe().map_err(|error| self.broken(&error))?;
        let detail = match self.dial_stdio(socket, stderr.into()).await {
            Ok(stream) => {
                if answers(stream).await {
                    return Ok(Way::DialStdio);
                }
                let read = pipe::Receiver::from_owned_fd(complaints.into()).map_err(|error| self.broken(&error))?;
                let mut detail = String::new();
                let _ = tokio::time::timeout(ENDING, read.take(ANSWER).read_to_string(&mut detail)).await;
                detail.trim().to_owned()
            }
            Err(_) => "the server allows no session for it".to_owned(),
        };
        let why = self.why_no_socket(socket).await;
        let tried = ["Cannot connect to the Docker daemon", "dial unix"]
            .iter()
            .any(|words| detail.contains(words));
        let is_no_engine = why != LISTENING || tried;
        Err(match is_no_engine {
            true => failure::no_socket(&self.destination, socket, why),
            false => failure::no_stream(&self.destination, &detail),
        })
    }

    /// A stream that the engine's own command on the other side passes on.
    async fn dial_stdio(self: &Arc<Self>, socket: &str, stderr: OwnedFd) -> Result<Stream> {
        // A socket's path was checked to hold nothing that a shell reads.
        let line = format!("echo {MARK}; exec docker --host unix://{socket} system dial-stdio");
        loop {
            let Ok(permit) = self.streams.clone().acquire_owned().await else {
                return Err(failure::no_stream(
                    &self.destination,
                    "the server allows no session for it",
                ));
            };
            let start = async {
                let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
                ours.set_nonblocking(true)?;
                let streams = [theirs.try_clone()?.into(), theirs.into(), stderr.try_clone()?];
                Ok::<_, io::Error>((UnixStream::from_std(ours)?, streams))
            };
            let (ours, streams) = start.await.map_err(|error| self.broken(&error))?;
            match Session::start(&self.place.control(), &line, streams).await {
                Ok(session) => {
                    let mut ours = BufReader::new(ours);
                    // The engine says nothing until it is asked, so that nothing is read beyond the mark.
                    if !marked(&mut ours).await {
                        return Err(failure::no_stream(&self.destination, "the shell there runs no command"));
                    }
                    return Ok(Stream::new(ours.into_inner(), self.clone(), Some((session, permit))));
                }
                Err(SessionError::Refused) => {
                    // One fewer is allowed than was thought. The next waits until one of those that there are ends.
                    permit.forget();
                    if self.allowed.fetch_sub(1, Ordering::Relaxed) == 1 {
                        self.streams.close();
                    }
                }
                Err(error) => return Err(self.broken(&error)),
            }
        }
    }

    /// Runs a line of the other side's shell.
    pub(super) async fn run(&self, line: &str, command: &Command) -> std::result::Result<CommandOutput, Refused> {
        self.touch();
        let _permit = self.commands.acquire().await;
        let pipes = || Ok::<_, io::Error>((std::io::pipe()?, std::io::pipe()?, std::io::pipe()?));
        let ((stdin, feed), (read_out, stdout), (read_err, stderr)) =
            pipes().map_err(|error| Refused::Failed(self.broken(&error)))?;
        let streams = [stdin.into(), stdout.into(), stderr.into()];
        let session = match Session::start(&self.place.control(), line, streams).await {
            Ok(session) => session,
            Err(SessionError::Refused) => return Err(Refused::NoSession),
            Err(error) => return Err(Refused::NotStarted(self.broken(&error))),
        };
        let ends = || {
            Ok::<_, io::Error>((
                pipe::Sender::from_owned_fd(feed.into())?,
                pipe::Receiver::from_owned_fd(read_out.into())?,
                pipe::Receiver::from_owned_fd(read_err.into())?,
            ))
        };
        let (feed, out, err) = ends().map_err(|error| Refused::Failed(self.broken(&error)))?;
        let status = async { Ok(session.wait().await.and_then(|status| i32::try_from(status).ok())) };
        match machine::drive(command, feed, out, err, status).await {
            Ok((Some(exit_status), output)) => Ok(CommandOutput { exit_status, ..output }),
            Ok((None, _)) => Err(Refused::Failed(failure::cut(&self.destination))),
            Err(error) => Err(Refused::Failed(error)),
        }
    }

    /// What is the matter with a socket that can not be connected to.
    async fn why_no_socket(&self, socket: &str) -> &'static str {
        let passes = async |test: &str| {
            let question = Command {
                argv: vec!["test".into(), test.into(), socket.into()],
                stdin: Vec::new(),
                timeout_ms: u64::try_from(ENDING.as_millis()).unwrap_or(u64::MAX),
                max_output_bytes: ANSWER,
            };
            let line = command::words(&question).unwrap_or_default();
            self.run(&line, &question).await.map(|output| output.exit_status == 0)
        };
        match (passes("-S").await, passes("-w").await) {
            (Ok(false), _) => "there is no such socket",
            (Ok(true), Ok(false)) => "you may not use that socket",
            _ => LISTENING,
        }
    }

    fn broken(&self, error: &(dyn std::error::Error + 'static)) -> ProviderError {
        let to = self.destination.to_string();
        log!(
            DEBUG,
            "the connection does not do",
            to = Name(&to),
            error = io_kind(error)
        );
        self.is_broken.store(true, Ordering::Relaxed);
        failure::cut(&self.destination)
    }
}

/// Reads up to the mark, past whatever a login shell prints.
async fn marked(stdout: &mut (impl AsyncBufRead + Unpin)) -> bool {
    let mut greeting = stdout.take(GREETING);
    let mut line = Vec::new();
    while let Ok(1..) = greeting.read_until(b'\n', &mut line).await {
        // A greeting may end without a line's end.
        if line.trim_ascii_end().ends_with(MARK.as_bytes()) {
            return true;
        }
        line.clear();
    }
    false
}

/// Owns the child until it ends, or its session does, or it says more than anybody reads, or nobody needs it.
async fn watch_over(
    mut child: Child,
    mut stdout: impl AsyncRead + Unpin,
    diagnostics: Arc<Diagnostics>,
    is_alive: watch::Sender<bool>,
) {
    let mut nowhere = tokio::io::sink();
    tokio::select! {
        _ = child.wait() => {}
        _ = tokio::io::copy(&mut stdout, &mut nowhere) => {}
        _ = diagnostics.exceeded() => {}
    }
    is_alive.send_replace(false);
}

/// Whether an engine answers on a stream.
async fn answers(mut stream: Stream) -> bool {
    let mut answer = Vec::new();
    let asked = async {
        stream.write_all(PING).await?;
        (&mut stream).take(ANSWER).read_to_end(&mut answer).await
    };
    let _ = asked.await;
    answer.starts_with(b"HTTP/")
}

fn null() -> Result<OwnedFd> {
    let file = std::fs::OpenOptions::new().write(true).open("/dev/null");
    file.map(Into::into)
        .map_err(|error| internal("/dev/null", error.to_string(), "see what is wrong with this machine"))
}

fn no_place(error: &io::Error) -> ProviderError {
    internal(
        "a directory for ssh",
        error.to_string(),
        "make room in $XDG_RUNTIME_DIR or /tmp, and see that you may write there",
    )
}

fn not_started(error: &io::Error) -> ProviderError {
    match error.kind() {
        io::ErrorKind::NotFound => not_found(
            "program `ssh`",
            "it is not on this machine",
            "install the OpenSSH client (`apt install openssh-client`)",
        ),
        _ => internal(
            "program `ssh`",
            error.to_string(),
            "run it yourself to see what is wrong",
        ),
    }
}
