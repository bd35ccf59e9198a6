//! Engines behind SSH: the system's `ssh`, one child for a machine however many providers and calls name it.
//!
//! The child is a multiplexing master with a control socket in a directory of its own. Everything goes over its one
//! connection: the engine's socket as a forwarded stream (or, where the server forbids that, `docker system dial-stdio`),
//! commands on the machine as sessions, ports of agents as forwarded streams. It is closed when it has not been used for a
//! while, and made again when it was cut.

mod command;
mod destination;
mod diagnostics;
mod failure;
mod link;
mod place;
mod session;
mod stream;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;

pub use destination::{Destination, OPTIONS, Settings, check_option};
pub use failure::Unreachable;
pub use link::Report;
use link::{Link, Refused};
pub use place::abandoned;
pub use stream::Stream;

use super::machine;
use mngr_contract::ssh::{Command, CommandOutput};
use mngr_contract::{ProviderError, Result};

/// How long a connection that nothing uses is kept.
const IDLE: Duration = Duration::from_secs(300);
/// The wait after the first failed attempt to connect; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// The longest wait between two attempts to connect.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// The connections of a process: one for each machine and way to it.
pub struct Tunnels {
    idle: Duration,
    tunnels: Mutex<HashMap<Destination, Weak<Tunnel>>>,
}

impl Default for Tunnels {
    /// Connections that are closed five minutes after their last use.
    fn default() -> Self {
        Self::closed_after(IDLE)
    }
}

impl Tunnels {
    /// Connections that are closed when nothing has used them for so long.
    pub fn closed_after(idle: Duration) -> Self {
        Self {
            idle,
            tunnels: Mutex::default(),
        }
    }

    /// The connection to a machine, shared with whoever else asks for it. Nothing is sent yet.
    pub fn to(&self, destination: Destination) -> Arc<Tunnel> {
        let mut tunnels = self.tunnels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tunnel) = tunnels.get(&destination).and_then(Weak::upgrade) {
            return tunnel;
        }
        tunnels.retain(|_, tunnel| tunnel.strong_count() > 0);
        let tunnel = Arc::new(Tunnel::new(destination.clone(), self.idle));
        tunnels.insert(destination, Arc::downgrade(&tunnel));
        tunnel
    }
}

/// A machine that is reached by SSH, connected or not.
pub struct Tunnel {
    destination: Destination,
    idle: Duration,
    state: tokio::sync::Mutex<State>,
}

#[derive(Default)]
struct State {
    link: Option<Arc<Link>>,
    failed: Option<Failed>,
}

/// Attempts that failed, one after the other.
struct Failed {
    report: Report,
    error: ProviderError,
    again: Instant,
    wait: Duration,
}

impl Tunnel {
    fn new(destination: Destination, idle: Duration) -> Self {
        Self {
            destination,
            idle,
            state: tokio::sync::Mutex::default(),
        }
    }

    /// Where it leads, for people.
    pub fn destination(&self) -> &Destination {
        &self.destination
    }

    /// The live connection, made now where there is none. Of callers that come at once, one makes it.
    async fn link(self: &Arc<Self>) -> Result<Arc<Link>> {
        let mut state = self.state.lock().await;
        if let Some(link) = state.link.as_ref().filter(|link| link.is_alive()) {
            return Ok(link.clone());
        }
        state.link = None;
        if let Some(failed) = state.failed.as_ref().filter(|failed| Instant::now() < failed.again) {
            return Err(failed.error.clone());
        }
        match Link::start(&self.destination).await {
            Ok(link) => {
                let link = Arc::new(link);
                state.failed = None;
                state.link = Some(link.clone());
                tokio::spawn(close_when_idle(Arc::downgrade(self), self.idle));
                Ok(link)
            }
            Err((report, error)) => {
                let wait = state.failed.as_ref().map_or(FIRST_WAIT, |failed| failed.wait * 2);
                let wait = wait.min(LONGEST_WAIT);
                state.failed = Some(Failed {
                    report,
                    error: error.clone(),
                    again: Instant::now() + wait,
                    wait,
                });
                Err(error)
            }
        }
    }

    /// A stream to the engine's socket on that machine.
    ///
    /// # Errors
    /// [`Unreachable`] inside, with what is wrong and what to do.
    pub async fn open(self: &Arc<Self>, socket: &str) -> io::Result<Stream> {
        for _ in 0..2 {
            let link = self.link().await.map_err(Unreachable::io)?;
            match link.dial(socket).await {
                Ok(stream) => return Ok(stream),
                Err(_) if !link.is_alive() => {}
                Err(error) => return Err(Unreachable::io(error)),
            }
        }
        Err(Unreachable::io(failure::cut(&self.destination)))
    }

    /// A stream to a TCP port as that machine sees it.
    ///
    /// # Errors
    /// `unavailable` where the machine can not be reached, forbids it, or nothing listens on the port.
    pub async fn open_port(self: &Arc<Self>, host: &str, port: u16) -> Result<Stream> {
        self.link().await?.dial_port(host, port).await
    }

    /// Runs a command on that machine.
    ///
    /// # Errors
    /// As the contract's `ssh.run`.
    pub async fn run(self: &Arc<Self>, command: Command) -> Result<CommandOutput> {
        let words = command::words(&command)?;
        let greeted = command::with_greeting(&command);
        let mut ran = self.link().await?.run(&words, &greeted).await;
        if let Err(Refused::NotStarted(_)) = ran {
            ran = self.link().await?.run(&words, &greeted).await;
        }
        match ran {
            Ok(output) => command::ended(&self.destination, &command, output),
            Err(Refused::NotStarted(error) | Refused::Failed(error)) => Err(error),
            // The server allows no second session on a connection, so this one command gets a connection of its own.
            Err(Refused::NoSession) => {
                let output = machine::run_child(self.destination.apart(&words), &greeted).await?;
                command::ended(&self.destination, &command, output)
            }
        }
    }

    /// Connects, and tells what was learnt on the way.
    pub async fn examine(self: &Arc<Self>) -> (Report, Result<()>) {
        match self.link().await {
            Ok(link) => (link.report(), Ok(())),
            Err(error) => {
                let state = self.state.lock().await;
                let report = state.failed.as_ref().map(|failed| failed.report.clone());
                (report.unwrap_or_default(), Err(error))
            }
        }
    }

    /// Whether the engine's socket can be forwarded; where not, `docker system dial-stdio` passes it on.
    ///
    /// # Errors
    /// `unavailable` where neither does.
    pub async fn is_forwarded(self: &Arc<Self>, socket: &str) -> Result<bool> {
        self.link().await?.is_forwarded(socket).await
    }
}

/// Closes the connection when nothing has used it for `idle`.
async fn close_when_idle(tunnel: Weak<Tunnel>, idle: Duration) {
    loop {
        tokio::time::sleep(idle / 4).await;
        let Some(tunnel) = tunnel.upgrade() else { return };
        let mut state = tunnel.state.lock().await;
        let Some(link) = &state.link else { return };
        let is_unused = Arc::strong_count(link) == 1 && link.last_used().elapsed() >= idle;
        if is_unused || !link.is_alive() {
            state.link = None;
            return;
        }
    }
}
