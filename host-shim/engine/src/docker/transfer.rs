//! Whole images out of an engine and into another, as tar streams that are never held whole.

use std::io;

use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method};
use http_body_util::{BodyDataStream, Either, StreamBody};
use hyper::body::{Frame, Incoming};
use mngr_contract::Result;
use mngr_contract::error::invalid;
use mngr_contract::streams::Archive;

use super::archive::Upload;
use super::images::{COMMIT, image_inspect};
use super::messages::{Report, SILENCE, follow, lines};
use super::requests::empty;
use super::{DockerEngine, errors, references, tarball};
use crate::ProgressSink;

/// What a load says of an image without a name, and of one with.
const LOADED: [&str; 2] = ["Loaded image ID: ", "Loaded image: "];

pub(super) async fn image_save(engine: &DockerEngine, reference: &str) -> Result<Archive> {
    let reference = references::image(reference)?;
    // An archive of an image that was named by its id brings no names along, which could take them from other images.
    let id = image_inspect(engine, reference).await?.id;
    let request = async {
        let request = engine.request(Method::GET, &format!("/images/{id}/get"), &[], empty())?;
        engine.stream(request).await
    };
    // Engines write the whole archive to their disk before the first byte is sent.
    let operation = engine.reads("save", "image", reference);
    let answer = engine
        .run(operation.within(operation.deadline.max(COMMIT)), request)
        .await?;
    Ok(Archive::Tar(unless_silent(answer.into_body()).boxed()))
}

/// The bytes of an answer, and an error where they stop coming.
fn unless_silent(answer: Incoming) -> impl Stream<Item = io::Result<Bytes>> {
    futures::stream::try_unfold(
        BodyDataStream::new(answer),
        async |mut bytes| match tokio::time::timeout(SILENCE, bytes.try_next()).await {
            Ok(Ok(next)) => Ok(next.map(|piece| (piece, bytes))),
            Ok(Err(error)) => Err(io::Error::other(error)),
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("the engine sent nothing for {SILENCE:?}"),
            )),
        },
    )
}

/// Returns the image's id.
pub(super) async fn image_load(engine: &DockerEngine, archive: Archive, progress: ProgressSink) -> Result<String> {
    engine.check().await?;
    let upload = Upload::default();
    let bytes = upload.watch(tarball::bytes(archive, None)?);
    let operation = engine.changes("load", "image", "");
    let operation = operation.within(operation.deadline.max(COMMIT));
    let request = async {
        let body = Either::Right(StreamBody::new(bytes.map_ok(Frame::data).boxed()));
        let mut request = engine.request(Method::POST, "/images/load", &[("quiet", "0")], body)?;
        request
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/x-tar"));
        Ok(engine.stream(request).await?.into_body())
    };
    let mut loaded = Vec::new();
    let work = async {
        let answer = engine.run(operation, request).await?;
        let report = Report::new("loading", "image", progress);
        follow(engine, operation, lines(answer), report, |message| {
            let told = LOADED.iter().find_map(|words| message.stream.strip_prefix(words));
            loaded.extend(told.map(|image| image.trim().to_owned()));
        })
        .await
    };
    let result = tokio::select! {
        result = work => result,
        () = upload.stalled(SILENCE) => Err(errors::late(engine.chosen(), &operation)),
    };
    // Where the source failed, that is the reason for whatever the engine says.
    if let (Err(_), Some(failure)) = (&result, upload.failure()) {
        return Err(tarball::unreadable(&failure));
    }
    result?;
    match loaded.as_slice() {
        [id] if id.starts_with("sha256:") => Ok(id.clone()),
        _ => Err(invalid(
            "archive",
            loaded.join(", "),
            "it does not hold one image without a name",
            "make it with `snapshot-save`, or `docker save` of an image's id",
        )),
    }
}
