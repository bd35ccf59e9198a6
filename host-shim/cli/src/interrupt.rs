//! Ctrl-C and its kin: the first cancels the call and lets it clean up, the second leaves at once.

use std::sync::OnceLock;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::exit::Exit;
use super::output::Output;
use super::terminal;

/// A call that ends sooner than this after a Ctrl-C needs no word about it.
const PATIENCE: Duration = Duration::from_millis(300);

/// Whether a signal has asked the process to end, and with which status.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    cancel: CancellationToken,
    exit: std::sync::Arc<OnceLock<Exit>>,
}

impl Interrupt {
    /// Starts to listen. Needs a runtime.
    pub fn listen(output: Output) -> std::io::Result<Self> {
        let interrupt = Self::default();
        let mut signals = Signals::new()?;
        let listener = interrupt.clone();
        tokio::spawn(async move {
            let exit = signals.next().await;
            let _ = listener.exit.set(exit);
            listener.cancel.cancel();
            tokio::select! {
                exit = signals.next() => leave(exit),
                () = tokio::time::sleep(PATIENCE) => output.note("cleaning up… press Ctrl-C again to leave at once"),
            }
            leave(signals.next().await);
        });
        Ok(interrupt)
    }

    /// Cancelled by the first signal.
    pub fn token(&self) -> &CancellationToken {
        &self.cancel
    }

    /// The status to end with, once there was a signal.
    pub fn exit(&self) -> Option<Exit> {
        self.exit.get().copied()
    }
}

fn leave(exit: Exit) -> ! {
    terminal::restore();
    std::process::exit(exit.0.into())
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Exit {
        tokio::select! {
            _ = self.interrupt.recv() => Exit::INTERRUPTED,
            _ = self.terminate.recv() => Exit::TERMINATED,
            _ = self.hangup.recv() => Exit::HUNG_UP,
        }
    }
}
