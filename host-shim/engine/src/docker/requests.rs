//! Requests made without bollard, over the same connections and with the same errors.

use bollard::errors::Error;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Incoming;
use mngr_contract::limits::{ANSWER, Limit};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::allowance::Extent;
use super::transport::{Ahead, Body, is_refusal};
use super::{DockerEngine, rows};

/// What an engine says where it refuses.
#[derive(Deserialize)]
struct Refusal {
    message: String,
}

/// No body.
pub(super) fn empty() -> Body {
    Either::Left(Full::new(Bytes::new()))
}

impl DockerEngine {
    /// A request without headers of its own.
    pub(super) fn request(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Body,
    ) -> Result<Request<Body>, Error> {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(query)
            .finish();
        let separator = if query.is_empty() { "" } else { "?" };
        Ok(Request::builder()
            .method(method)
            .uri(format!("{}{path}{separator}{query}", self.shared.url))
            .body(body)?)
    }

    /// Sends a request whose answer is read piece by piece; one that is no success is an error.
    pub(super) async fn stream(&self, request: Request<Body>) -> Result<Response<Incoming>, Error> {
        self.send(None, request, Extent::Stream).await
    }

    /// Opens a connection for one request that is still to come.
    pub(super) fn open_ahead(&self) -> impl Future<Output = Option<Ahead>> + Send + use<> {
        let transport = self.shared.transport.clone();
        async move { transport.open_ahead().await }
    }

    /// The same as [`DockerEngine::stream`], on a connection that was opened for it.
    pub(super) async fn stream_on(
        &self,
        ahead: Option<Ahead>,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, Error> {
        self.send(ahead, request, Extent::Stream).await
    }

    async fn send(
        &self,
        ahead: Option<Ahead>,
        request: Request<Body>,
        extent: Extent,
    ) -> Result<Response<Incoming>, Error> {
        let response = self.shared.transport.send_on(ahead, request, extent).await?;
        let status = response.status();
        if !is_refusal(status) {
            return Ok(response);
        }
        let body = all(response.into_body()).await?;
        let message = match serde_json::from_slice::<Refusal>(&body) {
            Ok(refusal) => refusal.message,
            Err(_) => String::from_utf8_lossy(&body).into_owned(),
        };
        Err(Error::DockerResponseServerError {
            status_code: status.as_u16(),
            message,
        })
    }

    /// Asks for headers and reads no body.
    pub(super) async fn headers(&self, request: Request<Body>) -> Result<HeaderMap, Error> {
        let response = self.send(None, request, Extent::Whole(ANSWER)).await?;
        let (parts, body) = response.into_parts();
        // Read to its end, so that the connection can be used again.
        all(body).await?;
        Ok(parts.headers)
    }

    /// Sends a request and reads all of the answer, which is no longer than that.
    pub(super) async fn whole(&self, request: Request<Body>, limit: Limit) -> Result<Vec<u8>, Error> {
        all(self.send(None, request, Extent::Whole(limit)).await?.into_body()).await
    }

    /// Asks for JSON.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<T, Error> {
        let request = self.request(Method::GET, path, query, empty())?;
        Ok(serde_json::from_slice(&self.whole(request, ANSWER).await?)?)
    }

    /// Asks for a list, no longer and of no more entries than that, and keeps of each entry what `keep` makes of it.
    pub(super) async fn list<Row: DeserializeOwned, T: rows::Kept>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        [length, entries]: [Limit; 2],
        keep: impl FnMut(Row) -> T,
    ) -> Result<Vec<T>, Error> {
        let request = self.request(Method::GET, path, query, empty())?;
        rows::read(&self.whole(request, length).await?, entries, keep)
    }

    /// Posts JSON and reads JSON.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        body: &impl Serialize,
    ) -> Result<T, Error> {
        let body = Either::Left(Full::new(serde_json::to_vec(body)?.into()));
        let mut request = self.request(Method::POST, path, query, body)?;
        request
            .headers_mut()
            .insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
        Ok(serde_json::from_slice(&self.whole(request, ANSWER).await?)?)
    }
}

/// All of a body in one piece: an engine may send it in pieces of a byte, and each would take more than that.
async fn all(mut body: Incoming) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Some(data) = frame?.data_ref() {
            bytes.extend_from_slice(data);
        }
    }
    Ok(bytes)
}
