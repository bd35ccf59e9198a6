//! Files in and out of a container, as tar streams that are never held whole.

use std::ffi::OsStr;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use bollard::container::PathStatResponse;
use bollard::errors::Error;
use bollard::query_parameters::ContainerArchiveInfoOptions;
use futures::{StreamExt, TryStreamExt};
use http::Method;
use http_body_util::{BodyDataStream, Either, StreamBody};
use hyper::body::Frame;
use mngr_contract::docker::PathStat;
use mngr_contract::error::{conflict, not_found};
use mngr_contract::streams::{Archive, ByteStream};
use mngr_contract::{ProviderError, Result};
use tokio::time::Instant;

use super::convert_values::unsigned;
use super::requests::empty;
use super::{DockerEngine, errors, references, tarball};

/// Bits of Go's `FileMode`, in which the engine writes modes, and those of `chmod` that they stand for.
const DIRECTORY: u32 = 1 << 31;
const DEVICE: u32 = 1 << 26;
const SPECIAL: [(u32, u32); 3] = [(1 << 23, 0o4000), (1 << 22, 0o2000), (1 << 20, 0o1000)];
const PERMISSIONS: u32 = 0o777;

/// An engine that takes no byte for this long hangs, however slow its disk.
const STALL: Duration = Duration::from_secs(60);

pub(super) async fn archive_stat(engine: &DockerEngine, id: &str, path: &str) -> Result<PathStat> {
    let id = references::name("container", id)?;
    let none = |reason: &str| {
        let remedy = "see what is there with `ls` in the container";
        Err(not_found(format!("`{path}` in container `{id}`"), reason, remedy))
    };
    match described(engine, id, path).await {
        // This answer has no body, so not even the engine's words.
        Err(ProviderError::NotFound(_)) => none("there is no such path, or no such container"),
        Ok(None) => none("a part of the path is no directory, or its links lead in a circle"),
        Ok(Some(described)) => Ok(path_stat(described)),
        Err(error) => Err(error),
    }
}

/// What an engine says of a path; none where it cannot follow it, which it calls a failure of its own.
async fn described(engine: &DockerEngine, id: &str, path: &str) -> Result<Option<PathStatResponse>> {
    let options = ContainerArchiveInfoOptions { path: path.to_owned() };
    let request = async {
        match engine.docker().get_container_archive_info(id, Some(options)).await {
            Err(Error::DockerResponseServerError { status_code: 500, .. }) => Ok(None),
            described => described.map(Some),
        }
    };
    engine.run(engine.reads("look into", "container", id), request).await
}

fn path_stat(described: PathStatResponse) -> PathStat {
    let mode = described.file_mode;
    let special = SPECIAL
        .iter()
        .filter(|(go, _)| mode & go != 0)
        .map(|(_, chmod)| chmod)
        .sum::<u32>();
    PathStat {
        name: described.name,
        size_bytes: unsigned(Some(described.size)),
        mode: mode & PERMISSIONS | special,
        is_directory: mode & DIRECTORY != 0,
        link_target: described.link_target,
    }
}

pub(super) async fn archive_get(engine: &DockerEngine, id: &str, path: &str) -> Result<Archive> {
    let id = references::name("container", id)?;
    let target = format!("/containers/{id}/archive");
    let request = async {
        let request = engine.request(Method::GET, &target, &[("path", path)], empty())?;
        engine.stream(request).await
    };
    let answer = engine
        .run(engine.reads("copy out of", "container", id), request)
        .await?;
    let bytes = BodyDataStream::new(answer.into_body()).map_err(io::Error::other);
    Ok(Archive::Tar(bytes.boxed()))
}

pub(super) async fn archive_put(
    engine: &DockerEngine,
    id: &str,
    directory: &str,
    root_name: Option<&str>,
    archive: Archive,
) -> Result<()> {
    let id = references::name("container", id)?;
    engine.check().await?;
    if let Some(name) = root_name.filter(|name| *name != tarball::CONTENTS_ONLY) {
        no_device(engine, id, &format!("{}/{name}", directory.trim_end_matches('/'))).await?;
    }
    let upload = Upload::default();
    // Nothing of another kind than what is there takes its place.
    let mut query = vec![("path", directory), ("noOverwriteDirNonDir", "true")];
    if matches!(archive, Archive::AsUser(_)) {
        query.push(("copyUIDGID", "true"));
    }
    let bytes = upload.watch(tarball::bytes(archive, root_name.map(OsStr::new))?);
    let target = format!("/containers/{id}/archive");
    let request = async {
        let body = Either::Right(StreamBody::new(bytes.map_ok(Frame::data).boxed()));
        let request = engine.request(Method::PUT, &target, &query, body)?;
        engine.headers(request).await.map(drop)
    };
    let operation = engine.changes("copy into", "container", id);
    let operation = operation.within(operation.deadline.max(STALL));
    let result = tokio::select! {
        result = request => result,
        () = upload.stalled(operation.deadline) => return Err(errors::late(engine.chosen(), &operation)),
    };
    match (result, upload.failure()) {
        (Ok(()), _) => Ok(()),
        (Err(answer @ Error::DockerResponseServerError { .. }), _) | (Err(answer), None) => {
            Err(errors::failed(engine.chosen(), &operation, &answer))
        }
        (Err(_), Some(failure)) => Err(tarball::unreadable(&failure)),
    }
}

/// Refuses where there is a device, which the engine would remove for a file of its name.
async fn no_device(engine: &DockerEngine, id: &str, path: &str) -> Result<()> {
    match described(engine, id, path).await {
        Ok(Some(there)) if there.file_mode & DEVICE != 0 => Err(conflict(
            format!("`{path}` in container `{id}`"),
            "a device",
            "it must be a directory or a file to be copied to",
            "choose another name",
        )),
        // What else is wrong shows in the copy.
        _ => Ok(()),
    }
}

/// What becomes of the bytes that are sent. The sender's source may take its time; the engine may not.
#[derive(Clone, Default)]
pub(super) struct Upload(Arc<Mutex<UploadState>>);

#[derive(Default)]
struct UploadState {
    /// Since when it has been the engine's turn; none while the source is waited for.
    engines_turn: Option<Instant>,
    /// Why the source failed.
    failure: Option<io::Error>,
}

impl Upload {
    pub(super) fn watch(&self, mut bytes: ByteStream) -> ByteStream {
        let upload = self.clone();
        upload.set_turn(true);
        futures::stream::poll_fn(move |cx| {
            let polled = bytes.poll_next_unpin(cx);
            upload.set_turn(polled.is_ready());
            match polled {
                Poll::Ready(Some(Err(error))) => {
                    let again = io::Error::new(error.kind(), error.to_string());
                    upload.lock().failure = Some(error);
                    Poll::Ready(Some(Err(again)))
                }
                polled => polled,
            }
        })
        .boxed()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, UploadState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_turn(&self, engines: bool) {
        self.lock().engines_turn = engines.then(Instant::now);
    }

    pub(super) fn failure(&self) -> Option<io::Error> {
        self.lock().failure.take()
    }

    /// When to look again at `now`; none where the engine has had its turn for longer than `limit`.
    fn next_look(&self, now: Instant, limit: Duration) -> Option<Instant> {
        let due = self.lock().engines_turn.unwrap_or(now) + limit;
        (due > now).then_some(due)
    }

    /// Ends when the engine has had its turn for longer than `limit`.
    pub(super) async fn stalled(&self, limit: Duration) {
        while let Some(due) = self.next_look(Instant::now(), limit) {
            tokio::time::sleep_until(due).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_given_as_chmod_takes_it() {
        let of = |mode: u32| {
            let json = format!(r#"{{"name":"n","size":4096,"mode":{mode},"mtime":null,"linkTarget":""}}"#);
            path_stat(serde_json::from_str(&json).expect("a description"))
        };
        let directory = of(DIRECTORY | 1 << 20 | 0o777);
        assert!(directory.is_directory);
        assert_eq!(directory.mode, 0o1777);
        assert_eq!(of(1 << 23 | 0o755).mode, 0o4755);
        assert!(!of(0o644).is_directory);
    }

    const LIMIT: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_slow_source_is_not_held_against_the_engine() {
        let upload = Upload::default();
        let mut bytes = upload.watch(futures::stream::pending().boxed());
        assert!(futures::poll!(bytes.next()).is_pending());
        let later = Instant::now() + 10 * LIMIT;
        assert_eq!(upload.next_look(later, LIMIT), Some(later + LIMIT));
    }

    #[tokio::test]
    async fn an_engine_that_takes_nothing_for_too_long_is_late() {
        let upload = Upload::default();
        let mut bytes = upload.watch(futures::stream::repeat_with(|| Ok(bytes::Bytes::new())).boxed());
        assert!(futures::poll!(bytes.next()).is_ready());
        assert!(upload.next_look(Instant::now(), LIMIT).is_some());
        assert!(upload.next_look(Instant::now() + 2 * LIMIT, LIMIT).is_none());
    }
}
