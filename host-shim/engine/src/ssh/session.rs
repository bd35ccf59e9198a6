//! What the child is asked to do over its control socket: OpenSSH's multiplexing protocol (PROTOCOL.mux).

use std::borrow::Cow;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use openssh_mux_client::{Connection, Error, EstablishedSession, ForwardType, NonZeroByteVec, SessionStatus, Socket};

/// A command that runs on the other side.
pub(super) struct Session(EstablishedSession);

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    /// The server allows no further session on this connection.
    #[error("the server allows no further session on a connection")]
    Refused,
    /// The child does not do it.
    #[error("ssh's control socket: {0}")]
    Control(Error),
}

impl Session {
    /// Starts a line of the other side's shell with these ends of pipes or sockets as its standard streams.
    pub(super) async fn start(control: &Path, line: &str, streams: [OwnedFd; 3]) -> Result<Self, SessionError> {
        let connection = Connection::connect(control).await.map_err(SessionError::Control)?;
        let session = openssh_mux_client::Session::builder()
            .term(Cow::Owned(NonZeroByteVec::from_bytes_remove_nul(Vec::new())))
            .cmd(Cow::Owned(NonZeroByteVec::from_bytes_remove_nul(
                line.as_bytes().to_vec(),
            )))
            .build();
        let numbers = [&streams[0], &streams[1], &streams[2]].map(|stream| stream.as_raw_fd());
        match connection.open_new_session(&session, &numbers).await {
            Ok(session) => Ok(Self(session)),
            Err(Error::RequestFailure(_) | Error::PermissionDenied(_)) => Err(SessionError::Refused),
            Err(error) => Err(SessionError::Control(error)),
        }
    }

    /// Its exit status; none where the connection ended first.
    pub(super) async fn wait(self) -> Option<u32> {
        match self.0.wait().await {
            Ok(SessionStatus::Exited { exit_value }) => exit_value,
            Ok(SessionStatus::TtyAllocFail(_)) | Err(_) => None,
        }
    }
}

/// Makes a local socket that leads to a socket of the other side.
pub(super) async fn forward_socket(control: &Path, local: &Path, remote: &str) -> Result<(), SessionError> {
    forward(
        control,
        local,
        &Socket::UnixSocket {
            path: Path::new(remote).into(),
        },
    )
    .await
}

/// Makes a local socket that leads to a TCP port as the other side sees it.
pub(super) async fn forward_port(control: &Path, local: &Path, host: &str, port: u16) -> Result<(), SessionError> {
    let (port, host) = (u32::from(port), host.into());
    forward(control, local, &Socket::TcpSocket { port, host }).await
}

async fn forward(control: &Path, local: &Path, remote: &Socket<'_>) -> Result<(), SessionError> {
    let mut connection = Connection::connect(control).await.map_err(SessionError::Control)?;
    let local = Socket::UnixSocket { path: local.into() };
    connection
        .request_port_forward(ForwardType::Local, &local, remote)
        .await
        .map_err(SessionError::Control)
}
