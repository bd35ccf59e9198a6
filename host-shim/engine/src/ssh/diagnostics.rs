//! What `ssh` says on its error stream, of which the first debug level tells how far it has come.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use mngr_contract::limits::{Exceeded, SSH_LINE};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::sync::watch;

/// Lines that are kept of what is no debug message.
const KEPT: usize = 64;
/// Longest line that is kept, in characters.
const LONGEST: usize = 512;
/// Keys that are kept of those that were offered.
const KEYS: usize = 64;

/// How far a connection has come, and what was learnt on the way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// What the name was resolved to, with the port; absent behind a proxy.
    pub address: Option<String>,
    /// The proxy that the configuration of ssh puts in between.
    pub proxy: Option<String>,
    /// Whether a connection was made.
    pub is_connected: bool,
    /// Type and SHA-256 fingerprint of the machine's key.
    pub host_key: Option<String>,
    /// Whether that key is the one that known_hosts has.
    pub is_trusted: bool,
    /// By what means this user was let in.
    pub authenticated: Option<String>,
    /// The public keys that were offered.
    pub offered: Vec<String>,
}

#[derive(Debug, Default)]
struct Heard {
    report: Report,
    said: VecDeque<String>,
}

/// Everything `ssh` has said so far.
#[derive(Debug, Default)]
pub(super) struct Diagnostics {
    heard: Mutex<Heard>,
    exceeded: watch::Sender<Option<Exceeded>>,
}

impl Diagnostics {
    /// Reads to the end of the stream, or to a line without an end.
    pub(super) async fn read(&self, stream: impl AsyncRead + Unpin) {
        let mut lines = BufReader::new(stream);
        let mut line = Vec::new();
        while let Ok(1..) = (&mut lines).take(SSH_LINE.most + 1).read_until(b'\n', &mut line).await {
            if let Err(exceeded) = SSH_LINE.check(line.len()) {
                self.exceeded.send_replace(Some(exceeded));
                return;
            }
            self.hear(String::from_utf8_lossy(&line).trim_end());
            line.clear();
        }
    }

    /// Ends when there was a line without an end.
    pub(super) async fn exceeded(&self) -> Exceeded {
        let mut exceeded = self.exceeded.subscribe();
        loop {
            if let Some(exceeded) = *exceeded.borrow_and_update() {
                return exceeded;
            }
            // The other end is this value's own.
            let _ = exceeded.changed().await;
        }
    }

    fn hear(&self, line: &str) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(message) = line.strip_prefix("debug1: ") {
            return heard.report.learn(message);
        }
        if let Some(rest) = line.strip_prefix("Authenticated to ") {
            let method = rest.rsplit_once("using ").map_or(rest, |(_, method)| method);
            heard.report.authenticated = Some(method.trim_matches(['"', '.']).to_owned());
            return;
        }
        let noise = [
            "channel ",
            "Transferred: ",
            "Bytes per second: ",
            "debug",
            "Warning: Permanently added",
        ];
        if !line.is_empty() && !noise.iter().any(|start| line.starts_with(start)) {
            heard.said.push_back(line.chars().take(LONGEST).collect());
            if heard.said.len() > KEPT {
                heard.said.pop_front();
            }
        }
    }

    pub(super) fn report(&self) -> Report {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).report.clone()
    }

    /// What it said to people.
    pub(super) fn said(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.said.iter().cloned().collect()
    }
}

impl Report {
    fn learn(&mut self, message: &str) {
        if let Some(rest) = message.strip_prefix("Connecting to ") {
            // `NAME [ADDRESS] port PORT.`
            let address = rest.split_once('[').and_then(|(_, rest)| rest.split_once("] port "));
            self.address = address.map(|(address, port)| match address.contains(':') {
                true => format!("[{address}]:{}", port.trim_end_matches('.')),
                false => format!("{address}:{}", port.trim_end_matches('.')),
            });
        } else if message.starts_with("Executing proxy command: ") {
            self.proxy = Some(message.to_owned());
        } else if message.starts_with("Connection established") {
            self.is_connected = true;
        } else if message.starts_with("Remote protocol version") {
            // Behind a proxy there is no connection of its own.
            self.is_connected = true;
        } else if let Some(key) = message.strip_prefix("Server host key: ") {
            self.host_key = Some(key.to_owned());
        } else if message.starts_with("Host '") && message.contains("is known and matches") {
            self.is_trusted = true;
        } else if let Some(key) = message.strip_prefix("Offering public key: ")
            && self.offered.len() < KEYS
        {
            self.offered.push(key.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn how_far_it_came_is_told_from_what_it_says() {
        let diagnostics = Diagnostics::default();
        let said = b"debug1: Connecting to build1 [10.0.0.5] port 22.\r\n\
            debug1: Connection established.\r\n\
            debug1: Server host key: ssh-ed25519 SHA256:abc\r\n\
            debug1: Host 'build1' is known and matches the ED25519 host key.\r\n\
            debug1: Offering public key: /k ED25519 SHA256:def explicit\r\n\
            Authenticated to build1 ([10.0.0.5]:22) using \"publickey\".\r\n\
            a banner\r\n";
        diagnostics.read(&said[..]).await;
        let report = diagnostics.report();
        assert_eq!(report.address.as_deref(), Some("10.0.0.5:22"));
        assert_eq!(report.host_key.as_deref(), Some("ssh-ed25519 SHA256:abc"));
        assert_eq!(report.authenticated.as_deref(), Some("publickey"));
        assert!(report.is_connected && report.is_trusted && report.offered.len() == 1);
        assert_eq!(diagnostics.said(), ["a banner"]);
    }

    #[tokio::test]
    async fn what_is_kept_has_an_end() {
        let diagnostics = Diagnostics::default();
        let long = format!("{}\n", "x".repeat(10_000)).repeat(1000);
        diagnostics.read(long.as_bytes()).await;
        assert!(diagnostics.said().len() == KEPT && diagnostics.said()[0].len() == LONGEST);
        diagnostics
            .read("debug1: Offering public key: /k\n".repeat(1000).as_bytes())
            .await;
        assert_eq!(diagnostics.report().offered.len(), KEYS);
    }

    #[tokio::test]
    async fn a_line_without_an_end_is_told_of_and_not_read_on() {
        let diagnostics = Diagnostics::default();
        diagnostics.read(tokio::io::repeat(b'x')).await;
        assert_eq!(diagnostics.exceeded().await, Exceeded(SSH_LINE));
        assert!(diagnostics.said().is_empty());
    }
}
