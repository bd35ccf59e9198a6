//! What goes out as it came, all in one place.
//!
//! - Streams of agents: `exec`, `connect`, `logs`, and `cp AGENT:PATH -`. They are bytes for whoever reads them: a program in an
//!   agent may colour its output and draw on the terminal that `exec -t` gave it, and the docker command line prints them so as
//!   well. `logs` prints those of one agent and puts no words of its own between them.
//! - Documents for programs: JSON, reports in XML, scripts of completions.

use std::io::{self, IsTerminal, Write};

/// Where the stdout of an agent goes.
pub fn stdout() -> tokio::io::Stdout {
    tokio::io::stdout()
}

/// Where the stderr of an agent goes.
pub fn stderr() -> tokio::io::Stderr {
    tokio::io::stderr()
}

/// A document on stdout.
pub fn document(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// A document on stderr.
pub fn document_on_stderr(bytes: &[u8]) -> io::Result<()> {
    io::stderr().lock().write_all(bytes)
}

/// Where the log goes, whose [texts](crate::log) are escaped one by one.
pub fn log() -> io::Stderr {
    io::stderr()
}

/// Whether stdout is a terminal.
pub fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether stderr is a terminal.
pub fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}
