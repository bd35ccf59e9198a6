//! Connecting to a socket of this machine.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::net::UnixStream;

/// How long to wait where the queue of new connections is full.
const BACKLOG_PAUSE: Duration = Duration::from_millis(20);

/// Connects. Where the socket's queue is full the kernel says so at once rather than waiting; the caller's deadline ends the
/// waiting here.
pub(super) async fn connect(path: &Path) -> io::Result<UnixStream> {
    loop {
        match UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => tokio::time::sleep(BACKLOG_PAUSE).await,
            result => return result,
        }
    }
}
