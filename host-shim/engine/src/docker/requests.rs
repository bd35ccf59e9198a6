//! Requests made without bollard, over the same connections and with the same errors.

use bollard::errors::Error;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::DockerEngine;
use super::transport::{Ahead, Body};

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
            .uri(format!("{}{path}{separator}{query}", self.0.url))
            .body(body)?)
    }

    /// Sends a request; an answer that is no success is an error.
    pub(super) async fn send(&self, request: Request<Body>) -> Result<Response<Incoming>, Error> {
        self.send_on(None, request).await
    }

    /// Opens a connection for one request that is still to come.
    pub(super) fn open_ahead(&self) -> impl Future<Output = Option<Ahead>> + Send + use<> {
        let transport = self.0.transport.clone();
        async move { transport.open_ahead().await }
    }

    /// The same as [`DockerEngine::send`], on a connection that was opened for it.
    pub(super) async fn send_on(
        &self,
        ahead: Option<Ahead>,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, Error> {
        let response = self.0.transport.send_on(ahead, request).await?;
        let status = response.status();
        if status.is_success() || status == StatusCode::SWITCHING_PROTOCOLS || status == StatusCode::NOT_MODIFIED {
            return Ok(response);
        }
        let body = response.into_body().collect().await?.to_bytes();
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
        let response = self.send(request).await?;
        let (parts, body) = response.into_parts();
        // Read to its end, so that the connection can be used again.
        body.collect().await?;
        Ok(parts.headers)
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
        let answer = self.send(request).await?.into_body().collect().await?.to_bytes();
        Ok(serde_json::from_slice(&answer)?)
    }
}
