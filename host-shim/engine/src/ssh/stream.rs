//! A stream through a connection, which keeps it open.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;

use super::link::Link;
use super::session::Session;

/// How long a session may take to end when nothing more is sent.
const ENDING: Duration = Duration::from_secs(10);

/// Bytes to and from a socket or port of another machine. The connection stays as long as this does.
pub struct Stream {
    inner: UnixStream,
    link: Arc<Link>,
    /// The session that carries it, where it is no forwarded stream, and its place among those allowed.
    session: Option<(Session, OwnedSemaphorePermit)>,
}

impl Stream {
    pub(super) fn new(inner: UnixStream, link: Arc<Link>, session: Option<(Session, OwnedSemaphorePermit)>) -> Self {
        Self { inner, link, session }
    }

    /// The local socket beneath.
    pub fn socket(&self) -> &UnixStream {
        &self.inner
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.link.touch();
        // Its place is free when the other side has ended it, and not before.
        if let (Some((session, permit)), Ok(runtime)) = (self.session.take(), Handle::try_current()) {
            runtime.spawn(async move {
                let _ = tokio::time::timeout(ENDING, session.wait()).await;
                drop(permit);
            });
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
