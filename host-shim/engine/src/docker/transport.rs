//! Connections to an engine: kept open between calls, since a new one for each call doubles its latency.
//!
//! An engine that restarted between two calls has closed the idle connections. That must not fail the next call, whatever it
//! is: before the first byte of a request is written to an idle connection the socket is asked whether its other end is
//! still there. If not, nothing of the request has left, so it goes to another connection.

use std::error::Error as _;
use std::io;
use std::mem::MaybeUninit;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bollard::BollardRequest;
use bollard::errors::Error;
use bytes::Bytes;
use futures::Stream;
use futures::future::BoxFuture;
use http::header::{HOST, UPGRADE};
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{Either, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use mngr_contract::limits::{HEAD, REFUSAL};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::client::TlsStream;
use tower_service::Service;

use super::allowance::{Allowance, Extent};
use crate::failpoint;
use crate::ssh::{self, Tunnel};
use crate::tls::Tls;
use crate::unix::connect;

/// Idle connections that are kept. A discovery asks for no more than this many things at once.
const IDLE_CONNECTIONS: usize = 32;

/// How long an idle connection is kept.
const IDLE_TIME: Duration = Duration::from_secs(90);

/// The longest head of an answer, in bytes.
const LONGEST_HEAD: usize = HEAD.most as usize;

/// A request's body as bollard makes it.
pub(super) type Body = Either<Full<Bytes>, StreamBody<Pin<Box<dyn Stream<Item = io::Result<Frame<Bytes>>> + Send>>>>;

/// What to connect to.
pub(crate) enum Target {
    /// Path of a socket.
    Unix(PathBuf),
    /// `host:port`.
    Tcp(String),
    /// `host:port`, and how the two ends prove who they are.
    Tls(String, Tls),
    /// A socket of a machine behind SSH.
    Ssh(Arc<Tunnel>, String),
}

impl Target {
    /// Idle connections that are kept. Where SSH carries each as a session of its own, some must be left for those that can
    /// not wait for an idle one.
    fn idle_connections(&self) -> usize {
        match self {
            Self::Ssh(..) => 4,
            _ => IDLE_CONNECTIONS,
        }
    }
}

/// Sends requests to one engine.
#[derive(Clone)]
pub(super) struct Transport {
    target: Arc<Target>,
    /// What stands before the path of each request.
    path: Arc<str>,
    pooled: Client<Connector, Body>,
    /// Never reuses a connection: for bodies that can not be sent twice and for connections that are taken over.
    fresh: Client<Connector, Body>,
}

impl Transport {
    pub(super) fn new(target: Target, path: String) -> Self {
        let idle = target.idle_connections();
        let target = Arc::new(target);
        let client = |pooled: bool| {
            Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(IDLE_TIME)
                .pool_max_idle_per_host(if pooled { idle } else { 0 })
                .http1_max_buf_size(LONGEST_HEAD)
                .build(Connector {
                    target: target.clone(),
                    pooled,
                })
        };
        Self {
            pooled: client(true),
            fresh: client(false),
            path: path.into(),
            target,
        }
    }

    /// Opens a connection for one request that is still to come, so that it need not wait for that then. None where nothing is
    /// gained, and where it can not be had: the request itself will say why.
    pub(super) async fn open_ahead(&self) -> Option<Ahead> {
        match &*self.target {
            Target::Unix(_) => return None,
            // Of sessions there are few, and the request before that one may have to wait for one.
            Target::Ssh(tunnel, socket) if !tunnel.is_forwarded(socket).await.ok()? => return None,
            _ => {}
        }
        let mut connector = Connector {
            target: self.target.clone(),
            pooled: false,
        };
        let socket = connector.call(Uri::default()).await.ok()?;
        let allowance = socket.inner().allowance.clone();
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(LONGEST_HEAD)
            .handshake(socket)
            .await
            .ok()?;
        tokio::spawn(connection.with_upgrades());
        Some(Ahead(sender, allowance))
    }

    /// Sends a request and waits for the head of the answer, however long that takes. So much of the answer can then be read,
    /// or of a refusal as much as one may be long.
    pub(super) async fn send(&self, request: BollardRequest, extent: Extent) -> Result<Response<Incoming>, Error> {
        self.send_on(None, request, extent).await
    }

    /// The same on a connection that was opened for it.
    pub(super) async fn send_on(
        &self,
        ahead: Option<Ahead>,
        request: BollardRequest,
        extent: Extent,
    ) -> Result<Response<Incoming>, Error> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        failpoint::pass_request(&method, &path, "before")?;
        let request = self.below_path(request)?;
        let answer = match ahead {
            Some(ahead) => ahead.send(request).await,
            None => self.exchange(request).await,
        };
        failpoint::pass_request(&method, &path, "after")?;
        let answer = answer?;
        if let Some(allowance) = answer.extensions().get::<Allowance>() {
            allowance.allow(match is_refusal(answer.status()) {
                true => Extent::Whole(REFUSAL),
                false => extent,
            });
        }
        Ok(answer)
    }

    fn below_path(&self, mut request: BollardRequest) -> Result<BollardRequest, Error> {
        if !self.path.is_empty() {
            let mut parts = request.uri().clone().into_parts();
            let asked = parts.path_and_query.as_ref().map_or("/", |path| path.as_str());
            parts.path_and_query = Some(format!("{}{asked}", self.path).parse().map_err(http::Error::from)?);
            *request.uri_mut() = Uri::from_parts(parts).map_err(http::Error::from)?;
        }
        Ok(request)
    }

    async fn exchange(&self, request: BollardRequest) -> Result<Response<Incoming>, Error> {
        let (parts, body) = request.into_parts();
        if let (Either::Left(body), false) = (&body, parts.headers.contains_key(UPGRADE)) {
            for _ in 0..=IDLE_CONNECTIONS {
                let attempt = Request::from_parts(parts.clone(), Either::Left(body.clone()));
                match self.pooled.request(attempt).await {
                    Err(error) if is_stale(&error) => {}
                    answer => return Ok(answer?),
                }
            }
        }
        Ok(self.fresh.request(Request::from_parts(parts, body)).await?)
    }
}

/// Whether an engine did not do what it was asked for.
pub(super) fn is_refusal(status: StatusCode) -> bool {
    !(status.is_success() || matches!(status, StatusCode::SWITCHING_PROTOCOLS | StatusCode::NOT_MODIFIED))
}

/// A connection that nothing was sent on yet.
pub(super) struct Ahead(SendRequest<Body>, Allowance);

impl Ahead {
    async fn send(mut self, mut request: BollardRequest) -> Result<Response<Incoming>, Error> {
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map(Uri::from).unwrap_or_default();
        request.headers_mut().insert(HOST, HeaderValue::from_static("docker"));
        let mut answer = self.0.send_request(request).await?;
        answer.extensions_mut().insert(self.1);
        Ok(answer)
    }
}

/// The other end of an idle connection is gone.
#[derive(Debug, thiserror::Error)]
#[error("the engine had closed the idle connection")]
struct Stale;

fn is_stale(error: &hyper_util::client::legacy::Error) -> bool {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return error.get_ref().is_some_and(|inner| inner.is::<Stale>());
        }
        source = error.source();
    }
    false
}

#[derive(Clone)]
struct Connector {
    target: Arc<Target>,
    pooled: bool,
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Socket>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let (target, pooled) = (self.target.clone(), self.pooled);
        Box::pin(async move {
            let stream = match &*target {
                Target::Unix(path) => Kind::Unix(connect(path).await?),
                Target::Tcp(address) => Kind::Tcp(tcp(address).await?),
                Target::Tls(address, tls) => Kind::Tls(Box::new(tls.connect(tcp(address).await?).await?)),
                Target::Ssh(tunnel, socket) => Kind::Ssh(tunnel.open(socket).await?),
            };
            Ok(TokioIo::new(Socket {
                stream,
                pooled,
                idle: false,
                allowance: Allowance::new(),
            }))
        })
    }
}

async fn tcp(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

enum Kind {
    Unix(UnixStream),
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Ssh(ssh::Stream),
}

impl Kind {
    /// The socket that shows whether the other end is gone.
    fn socket(&self) -> SockRef<'_> {
        match self {
            Self::Unix(stream) => SockRef::from(stream),
            Self::Tcp(stream) => SockRef::from(stream),
            Self::Tls(stream) => SockRef::from(stream.get_ref().0),
            Self::Ssh(stream) => SockRef::from(stream.socket()),
        }
    }

    fn reader(&mut self) -> Pin<&mut (dyn AsyncRead + Send + Unpin)> {
        match self {
            Self::Unix(stream) => Pin::new(stream),
            Self::Tcp(stream) => Pin::new(stream),
            Self::Tls(stream) => Pin::new(stream),
            Self::Ssh(stream) => Pin::new(stream),
        }
    }

    fn writer(&mut self) -> Pin<&mut (dyn AsyncWrite + Send + Unpin)> {
        match self {
            Self::Unix(stream) => Pin::new(stream),
            Self::Tcp(stream) => Pin::new(stream),
            Self::Tls(stream) => Pin::new(stream),
            Self::Ssh(stream) => Pin::new(stream),
        }
    }
}

/// A connection that knows whether it may have gone stale.
struct Socket {
    stream: Kind,
    pooled: bool,
    /// Something was read and nothing written since: the next write begins a request.
    idle: bool,
    allowance: Allowance,
}

impl Socket {
    /// Before a request's first byte: fails where the other end is gone.
    fn check(&mut self) -> io::Result<()> {
        if !self.pooled || !std::mem::take(&mut self.idle) {
            return Ok(());
        }
        let mut byte = [MaybeUninit::uninit()];
        match self.stream.socket().peek(&mut byte) {
            Ok(0) => Err(io::Error::other(Stale)),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(io::Error::other(Stale)),
            _ => {
                self.allowance.begin();
                Ok(())
            }
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = self.stream.reader().poll_read(cx, buf);
        let read = buf.filled().len() - before;
        if read > 0 {
            self.idle = true;
            self.allowance.take(read)?;
        }
        result
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        self.stream.writer().poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        self.stream.writer().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Kind::Unix(stream) => stream.is_write_vectored(),
            Kind::Tcp(stream) => stream.is_write_vectored(),
            Kind::Tls(stream) => stream.is_write_vectored(),
            Kind::Ssh(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.writer().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.writer().poll_shutdown(cx)
    }
}

impl Connection for Socket {
    fn connected(&self) -> Connected {
        Connected::new().extra(self.allowance.clone())
    }
}
