//! Images made of archives, and their files put back where they came from: into a volume, or through a command.
//!
//! An image's files are read through a container of it that never starts. Into a volume the engine copies them itself, as it
//! does with what an image has at the place where an empty volume is mounted, so that they never leave its machine.

use bollard::errors::Error;
use bollard::models::ContainerCreateResponse;
use futures::{StreamExt, TryStreamExt};
use http::Method;
use http::header::CONTENT_TYPE;
use http_body_util::{Either, StreamBody};
use hyper::body::Frame;
use mngr_contract::Result;
use mngr_contract::docker::{ExecOptions, ImportOptions};
use mngr_contract::error::{invalid, not_found};
use mngr_contract::streams::{Archive, ByteStream};
use serde::Deserialize;
use serde_json::json;

use super::archive::{Upload, archive_get};
use super::containers::container_inspect;
use super::exec::exec;
use super::images::COMMIT;
use super::messages::lines;
use super::{DockerEngine, errors, references, tarball};
use crate::{exec_tar, scratch};

/// Where a volume is mounted to be read.
const SOURCE: &str = "mngr-volume";

/// One line of what the engine says of an import.
#[derive(Deserialize)]
struct Line {
    status: Option<String>,
    error: Option<String>,
}

/// Loads a tar stream as an image; what the engine says last is the image's id.
pub(super) async fn load(
    engine: &DockerEngine,
    bytes: ByteStream,
    options: &[(&str, &str)],
) -> std::result::Result<String, Error> {
    let query: Vec<_> = [("fromSrc", "-")].iter().chain(options).copied().collect();
    let body = Either::Right(StreamBody::new(bytes.map_ok(Frame::data).boxed()));
    let mut request = engine.request(Method::POST, "/images/create", &query, body)?;
    let kind = http::HeaderValue::from_static("application/x-tar");
    request.headers_mut().insert(CONTENT_TYPE, kind);
    let mut told = std::pin::pin!(lines::<Line>(engine.stream(request).await?.into_body()));
    let mut id = String::new();
    while let Some(line) = told.try_next().await? {
        if let Some(error) = line.error {
            return Err(Error::DockerStreamError { error });
        }
        id = line.status.unwrap_or(id);
    }
    Ok(id)
}

pub(super) async fn image_import(engine: &DockerEngine, archive: Archive, options: ImportOptions) -> Result<String> {
    references::new_tag(&options.repository, &options.tag)?;
    let mut changes = Vec::new();
    for (name, value) in &options.labels {
        changes.push(format!("LABEL {}={}", quoted(name)?, quoted(value)?));
    }
    let mut query = vec![("repo", options.repository.as_str()), ("tag", &options.tag)];
    query.extend(changes.iter().map(|change| ("changes", change.as_str())));
    let upload = Upload::default();
    let bytes = upload.watch(tarball::without(archive, &options.root_name, options.exclude)?);
    let reference = format!("{}:{}", options.repository, options.tag);
    let operation = engine.changes("import", "image", &reference);
    let operation = operation.within(operation.deadline.max(COMMIT));
    engine.check().await?;
    let loaded = tokio::time::timeout(operation.deadline, load(engine, bytes, &query)).await;
    match (loaded, upload.failure()) {
        (Err(_), _) => Err(errors::late(engine.chosen(), &operation)),
        (Ok(Ok(id)), None) => Ok(id),
        (Ok(_), Some(failure)) => Err(tarball::unreadable(&failure)),
        (Ok(Err(answer)), None) => Err(errors::failed(engine.chosen(), &operation, &answer)),
    }
}

/// A word in the engine's own grammar of changes, which takes it back apart.
fn quoted(word: &str) -> Result<String> {
    if word.chars().any(char::is_control) {
        return Err(invalid(
            "labels",
            word.escape_debug().to_string(),
            "a label of an imported image can not hold a control character",
            "use a name without one",
        ));
    }
    let mut quoted = String::from("\"");
    for c in word.chars() {
        if matches!(c, '"' | '\\' | '$') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    Ok(quoted)
}

/// A volume at a directory of a container's root.
struct Mounted<'a> {
    volume: &'a str,
    directory: &'a str,
    /// Leave an empty volume empty.
    no_copy: bool,
}

/// Makes a container of an image that never starts.
async fn scratch_of(engine: &DockerEngine, name: &str, image: &str, mounted: Option<Mounted<'_>>) -> Result<()> {
    let mount = |mounted: Mounted<'_>| {
        json!({
            "Type": "volume",
            "Source": mounted.volume,
            "Target": format!("/{}", mounted.directory),
            "VolumeOptions": { "NoCopy": mounted.no_copy },
        })
    };
    let body = json!({
        "Image": references::image(image)?,
        // An image of files alone has no command, and the engine wants one.
        "Cmd": ["-"],
        "NetworkDisabled": true,
        "HostConfig": { "Mounts": mounted.map(mount).as_slice() },
    });
    let query = [("name", name)];
    let request = engine.post::<ContainerCreateResponse>("/containers/create", &query, &body);
    // The engine copies before it answers.
    let operation = engine.changes("create", "container", name);
    let operation = operation.within(operation.deadline.max(COMMIT));
    engine.run(operation, request).await.map(drop)
}

pub(super) async fn volume_fill(engine: &DockerEngine, volume: &str, image: &str, directory: &str) -> Result<()> {
    let volume = references::name("volume", volume)?;
    let name = scratch::container(volume);
    let mounted = Mounted {
        volume,
        directory,
        no_copy: false,
    };
    let made = scratch_of(engine, &name, image, Some(mounted)).await;
    let swept = scratch::remove(engine, &name).await;
    made.and(swept)
}

/// Reads a volume through a container that has nothing else mounted.
pub(super) async fn volume_import(
    engine: &DockerEngine,
    container: &str,
    path: &str,
    subpath: Option<&str>,
    options: ImportOptions,
) -> Result<String> {
    let used = container_inspect(engine, container, false).await?;
    let mount = used.mounts.iter().find(|mount| mount.destination == path);
    let volume = mount.and_then(|mount| mount.name.as_deref()).ok_or_else(|| {
        not_found(
            format!("volume at `{path}` in container `{container}`"),
            "no volume is mounted there",
            "see what is mounted in the container",
        )
    })?;
    let name = scratch::container(&options.tag);
    let read = async {
        let mounted = Mounted {
            volume,
            directory: SOURCE,
            no_copy: true,
        };
        scratch_of(engine, &name, &used.image_id, Some(mounted)).await?;
        let inside = subpath.map(|subpath| format!("/{subpath}")).unwrap_or_default();
        let files = archive_get(engine, &name, &format!("/{SOURCE}{inside}")).await?;
        image_import(engine, files, options).await
    };
    let imported = read.await;
    let swept = scratch::remove(engine, &name).await;
    imported.and_then(|id| swept.map(|()| id))
}

pub(super) async fn exec_unpack(
    engine: &DockerEngine,
    id: &str,
    options: ExecOptions,
    image: &str,
    directory: &str,
    root_name: &str,
) -> Result<()> {
    let name = scratch::container(references::name("container", id)?);
    let run = async {
        scratch_of(engine, &name, image, None).await?;
        let files = archive_get(engine, &name, &format!("/{directory}")).await?;
        let options = ExecOptions { stdin: true, ..options };
        exec_tar::unpack(exec(engine, id, options).await?, files, root_name).await
    };
    let unpacked = run.await;
    let swept = scratch::remove(engine, &name).await;
    unpacked.and(swept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_quoted_for_the_engine_and_never_ends_early() {
        assert_eq!(quoted(r#"a "b" $c \d"#).expect("quoted"), r#""a \"b\" \$c \\d""#);
        assert_eq!(quoted("a\nLABEL b=c").expect_err("two lines").field(), Some("labels"));
    }
}
