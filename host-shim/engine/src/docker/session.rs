//! A session of BuildKit: the engine's builder asks back over a connection of its own, for the files of the context, for secrets and
//! for SSH agents.

use std::path::PathBuf;
use std::pin::Pin;

use bollard::errors::Error;
use bollard_buildkit_proto::health::health_check_response::ServingStatus;
use bollard_buildkit_proto::health::health_server::{Health, HealthServer};
use bollard_buildkit_proto::health::{HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse};
use bollard_buildkit_proto::moby::buildkit::secrets::v1::secrets_server::{Secrets, SecretsServer};
use bollard_buildkit_proto::moby::buildkit::secrets::v1::{GetSecretRequest, GetSecretResponse};
use bollard_buildkit_proto::moby::filesync::v1::file_sync_server::FileSyncServer;
use bollard_buildkit_proto::moby::sshforward::v1::ssh_server::{Ssh, SshServer};
use bollard_buildkit_proto::moby::sshforward::v1::{BytesMessage, CheckAgentRequest, CheckAgentResponse};
use futures::{Stream, StreamExt};
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderName, HeaderValue, Method};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio_util::io::ReaderStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Request, Response, Status, Streaming};

use super::DockerEngine;
use super::file_sync::FileServer;
use super::requests::empty;
use crate::build::Files;
use mngr_contract::log;
use mngr_contract::streams::Withheld;

/// Bytes on their way between the engine and what answers it.
const BUFFER: usize = 64 << 10;
/// The header that names the session, and those that name what it answers.
const SESSION: HeaderName = HeaderName::from_static("x-docker-expose-session-uuid");
/// Files that were sent before in sessions of one key are not sent again where size and time are the same, whatever is in them.
const KEY: HeaderName = HeaderName::from_static("x-docker-expose-session-sharedkey");
const METHOD: HeaderName = HeaderName::from_static("x-docker-expose-session-grpc-method");
const METHODS: [&str; 4] = [
    "/moby.filesync.v1.FileSync/DiffCopy",
    "/moby.buildkit.secrets.v1.Secrets/GetSecret",
    "/moby.sshforward.v1.SSH/CheckAgent",
    "/moby.sshforward.v1.SSH/ForwardAgent",
];
/// The key of a request's metadata that says which agent is meant.
const SSH_ID: &str = "buildkit.ssh.id";

type Answer<T> = std::result::Result<Response<T>, Status>;

/// The session. It ends with this value.
pub(super) struct Session {
    pub(super) id: String,
    _ends: DropGuard,
}

impl Session {
    /// Opens one that answers with these files, secrets and agents and nothing else.
    pub(super) async fn open(
        engine: &DockerEngine,
        files: Option<Files>,
        withheld: Withheld,
    ) -> std::result::Result<Self, Error> {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let mut request = engine.request(Method::POST, "/session", &[], empty())?;
        let headers = request.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("h2c"));
        let named = HeaderValue::from_str(&id).map_err(http::Error::from)?;
        headers.insert(SESSION, named.clone());
        headers.insert(KEY, named);
        for method in METHODS {
            headers.append(METHOD, HeaderValue::from_static(method));
        }
        let mut engine = TokioIo::new(hyper::upgrade::on(engine.stream(request).await?).await?);
        let (mut far, near) = tokio::io::duplex(BUFFER);
        let held = Held(withheld);
        let server = tonic::transport::Server::builder()
            .add_service(HealthServer::new(held.clone()))
            .add_service(FileSyncServer::new(FileServer(files)))
            .add_service(SecretsServer::new(held.clone()))
            .add_service(SshServer::new(held))
            .serve_with_incoming(futures::stream::iter([Ok::<_, std::io::Error>(near)]));
        let ended = CancellationToken::new();
        let ends = ended.clone().drop_guard();
        tokio::spawn(async move {
            let passed = async { tokio::io::copy_bidirectional(&mut far, &mut engine).await.map(drop) };
            let served = async { tokio::join!(passed, server) };
            tokio::select! {
                () = ended.cancelled() => {}
                (passed, served) = served => {
                    log!(DEBUG, "the build's session has ended", passed = passed.is_ok(), served = served.is_ok());
                }
            }
        });
        Ok(Self { id, _ends: ends })
    }
}

/// What is answered with.
#[derive(Clone)]
struct Held(Withheld);

impl Held {
    fn agent(&self, id: &str) -> std::result::Result<PathBuf, Status> {
        let id = if id.is_empty() { "default" } else { id };
        let socket = self.0.agents.get(id).cloned();
        socket.ok_or_else(|| Status::not_found(format!("no SSH agent `{id}` was given to the build")))
    }
}

#[tonic::async_trait]
impl Secrets for Held {
    async fn get_secret(&self, request: Request<GetSecretRequest>) -> Answer<GetSecretResponse> {
        let id = &request.get_ref().id;
        match self.0.secrets.get(id) {
            Some(secret) => Ok(Response::new(GetSecretResponse { data: secret.clone() })),
            None => Err(Status::not_found(format!("no secret `{id}` was given to the build"))),
        }
    }
}

type Bytes = Pin<Box<dyn Stream<Item = std::result::Result<BytesMessage, Status>> + Send>>;

#[tonic::async_trait]
impl Ssh for Held {
    type ForwardAgentStream = Bytes;

    async fn check_agent(&self, request: Request<CheckAgentRequest>) -> Answer<CheckAgentResponse> {
        self.agent(&request.get_ref().id)?;
        Ok(Response::new(CheckAgentResponse {}))
    }

    async fn forward_agent(&self, request: Request<Streaming<BytesMessage>>) -> Answer<Bytes> {
        let id = request.metadata().get(SSH_ID).and_then(|id| id.to_str().ok());
        let socket = UnixStream::connect(self.agent(id.unwrap_or_default())?).await?;
        let (answers, mut questions) = socket.into_split();
        let mut asked = request.into_inner();
        tokio::spawn(async move {
            while let Ok(Some(message)) = asked.message().await {
                if questions.write_all(&message.data).await.is_err() {
                    break;
                }
            }
        });
        let answers = ReaderStream::new(answers).map(|bytes| Ok(BytesMessage { data: bytes?.to_vec() }));
        Ok(Response::new(answers.boxed()))
    }
}

#[tonic::async_trait]
impl Health for Held {
    type WatchStream = futures::stream::Empty<std::result::Result<HealthCheckResponse, Status>>;

    async fn check(&self, _: Request<HealthCheckRequest>) -> Answer<HealthCheckResponse> {
        let status = ServingStatus::Serving.into();
        Ok(Response::new(HealthCheckResponse { status }))
    }

    async fn list(&self, _: Request<HealthListRequest>) -> Answer<HealthListResponse> {
        Err(Status::unimplemented("ask for one"))
    }

    async fn watch(&self, _: Request<HealthCheckRequest>) -> Answer<Self::WatchStream> {
        Err(Status::unimplemented("ask again"))
    }
}
