//! Processes: signals, and what a container is while it runs.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::filesystem::Filesystem;
use super::locked;

pub const SIGINT: i32 = 2;
pub const SIGKILL: i32 = 9;
pub const SIGTERM: i32 = 15;

/// Linux's names and numbers; what a program does with one it has no handler for is to end, but for those of
/// [`IGNORED`].
const SIGNALS: [(&str, i32); 17] = [
    ("HUP", 1),
    ("INT", SIGINT),
    ("QUIT", 3),
    ("ABRT", 6),
    ("KILL", SIGKILL),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", SIGTERM),
    ("CHLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("URG", 23),
    ("WINCH", 28),
];

/// Stopping with SIGSTOP and SIGTSTP is not modelled.
const IGNORED: [i32; 6] = [17, 18, 19, 20, 23, 28];

/// The number of a signal given as `TERM`, `SIGTERM`, `term` or `15`.
pub fn signal_number(text: &str) -> Option<i32> {
    if let Ok(number) = text.parse::<i32>() {
        return (1..=64).contains(&number).then_some(number);
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    SIGNALS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, number)| *number)
}

/// What receives signals: a container's main command, or an exec.
#[derive(Debug, Default)]
pub struct Process {
    /// PID 1 of its namespace: the kernel drops signals it has no handler for.
    is_init: bool,
    traps: Mutex<Traps>,
    arrived: Notify,
    /// Set once a signal has ended it.
    killed_by: AtomicI64,
    killed: CancellationToken,
}

#[derive(Debug, Default)]
struct Traps {
    handlers: HashMap<i32, String>,
    pending: VecDeque<i32>,
}

impl Process {
    pub fn new(is_init: bool) -> Self {
        Self {
            is_init,
            ..Self::default()
        }
    }

    /// Delivers a signal. SIGKILL from within the namespace does nothing to PID 1.
    pub fn signal(&self, number: i32, from_inside: bool) {
        let mut traps = locked(&self.traps);
        if number == SIGKILL {
            if !(self.is_init && from_inside) {
                self.end(number);
            }
        } else if let Some(handler) = traps.handlers.get(&number) {
            if !handler.is_empty() {
                traps.pending.push_back(number);
                self.arrived.notify_one();
            }
        } else if !self.is_init && !IGNORED.contains(&number) {
            self.end(number);
        }
    }

    fn end(&self, number: i32) {
        self.killed_by.store(i64::from(number), Ordering::Release);
        self.killed.cancel();
    }

    /// Sets what a signal does; an empty handler ignores it, none is the default.
    pub fn trap(&self, number: i32, handler: Option<String>) {
        let mut traps = locked(&self.traps);
        match handler {
            Some(handler) => traps.handlers.insert(number, handler),
            None => traps.handlers.remove(&number),
        };
    }

    /// Another program takes the process's place: handlers go, what is ignored stays ignored.
    pub fn replace(&self) {
        locked(&self.traps).handlers.retain(|_, handler| handler.is_empty());
    }

    /// A trapped signal's number and handler.
    pub fn next_trap(&self) -> Option<(i32, String)> {
        let mut traps = locked(&self.traps);
        let number = traps.pending.pop_front()?;
        traps.handlers.get(&number).map(|handler| (number, handler.clone()))
    }

    /// The handler of `EXIT`, once.
    pub fn exit_trap(&self) -> Option<String> {
        locked(&self.traps).handlers.remove(&0)
    }

    /// Returns once a trapped signal waits to be handled.
    pub async fn trapped(&self) {
        loop {
            if !locked(&self.traps).pending.is_empty() {
                return;
            }
            self.arrived.notified().await;
        }
    }

    /// Runs a program to its end, or to the signal that ends it.
    pub async fn run(&self, program: impl Future<Output = i64>) -> i64 {
        tokio::select! {
            biased;
            () = self.killed.cancelled() => 128 + self.killed_by.load(Ordering::Acquire),
            code = program => code,
        }
    }
}

/// A container from start to exit.
#[derive(Debug)]
pub struct Life {
    pub main: Arc<Process>,
    /// An init is PID 1 and the main command its child.
    pub init: bool,
    pub files: Filesystem,
    pub hostname: String,
    /// Cancelled when the main command has ended: everything else in the container ends with it.
    pub ended: CancellationToken,
    /// Whether the freezer holds it.
    pub frozen: watch::Sender<bool>,
    /// Commands run so far, which is what it counts as CPU time.
    pub commands: AtomicU64,
    /// Processes besides the main command.
    pub others: AtomicI64,
    next_pid: AtomicI64,
}

impl Life {
    pub fn new(init: bool, files: Filesystem, hostname: String) -> Self {
        Self {
            main: Arc::new(Process::new(!init)),
            init,
            files,
            hostname,
            ended: CancellationToken::new(),
            frozen: watch::Sender::new(false),
            commands: AtomicU64::new(0),
            others: AtomicI64::new(0),
            next_pid: AtomicI64::new(7),
        }
    }

    pub fn main_pid(&self) -> i64 {
        if self.init { 7 } else { 1 }
    }

    pub fn next_pid(&self) -> i64 {
        self.next_pid.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Returns at once, or when the freezer lets go.
    pub async fn thawed(&self) {
        // The sender is `self`'s own, so it can not be gone.
        let _ = self.frozen.subscribe().wait_for(|frozen| !frozen).await;
    }

    /// `kill` from inside the container.
    pub fn kill(&self, pid: i64, number: i32) -> bool {
        if pid != 1 && pid != self.main_pid() {
            return false;
        }
        if pid == 1 && self.init && number == SIGKILL {
            // The init has no handler either, and the kernel protects it; other signals it passes on.
            return true;
        }
        self.main.signal(number, true);
        true
    }

    /// Runs a process beside the main command: it ends by itself or with the container.
    pub async fn beside(&self, program: impl Future<Output = i64>) -> i64 {
        self.others.fetch_add(1, Ordering::Relaxed);
        let code = tokio::select! {
            biased;
            () = self.ended.cancelled() => 128 + i64::from(SIGKILL),
            code = program => code,
        };
        self.others.fetch_sub(1, Ordering::Relaxed);
        code
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_go_by_name_and_by_number() {
        assert_eq!(signal_number("SIGTERM"), Some(15));
        assert_eq!(signal_number("usr1"), Some(10));
        assert_eq!(signal_number("9"), Some(9));
        assert_eq!(signal_number("FOO"), None);
        assert_eq!(signal_number("99"), None);
    }

    #[tokio::test]
    async fn pid_1_drops_what_it_does_not_handle_and_a_child_of_an_init_does_not() {
        let init = Process::new(true);
        init.signal(SIGTERM, true);
        init.signal(SIGKILL, true);
        assert_eq!(init.run(async { 3 }).await, 3);
        let child = Process::new(false);
        child.signal(SIGTERM, true);
        assert_eq!(child.run(std::future::pending()).await, 143);
        init.signal(SIGKILL, false);
        assert_eq!(init.run(std::future::pending()).await, 137);
    }

    #[tokio::test]
    async fn a_trap_is_kept_until_it_is_handled() {
        let process = Process::new(false);
        process.trap(SIGTERM, Some("exit 0".to_owned()));
        process.signal(SIGTERM, false);
        process.trapped().await;
        assert_eq!(process.next_trap(), Some((SIGTERM, "exit 0".to_owned())));
        assert_eq!(process.next_trap(), None);
    }
}
