//! A container's log, and the output streams that an exec shares with it.

use futures::{StreamExt, TryStreamExt};
use http::Method;
use http_body_util::BodyDataStream;
use hyper::body::Incoming;
use mngr_contract::docker::LogOptions;
use mngr_contract::error::unavailable;
use mngr_contract::streams::{Channel, LogStream, Output, OutputStream};
use mngr_contract::{ProviderError, Result};
use tokio::io::AsyncRead;
use tokio_util::codec::FramedRead;
use tokio_util::io::{ReaderStream, StreamReader};

use super::DockerEngine;
use super::frames::Frames;
use super::references;
use super::requests::empty;
use crate::Fractions;

/// Most bytes taken from a connection at once.
const BUFFER: usize = 64 << 10;

pub(super) async fn logs(
    engine: &DockerEngine,
    id: &str,
    options: LogOptions,
    fractions: Fractions,
) -> Result<LogStream> {
    let id = references::name("container", id)?;
    let operation = engine.reads("read the log of", "container", id);
    let container = engine
        .run(operation, engine.docker().inspect_container(id, None))
        .await?;
    let tty = container.config.and_then(|config| config.tty).unwrap_or_default();

    let tail = options.tail.map_or("all".to_owned(), |lines| lines.to_string());
    let (since, until) = (
        moment(options.since, fractions.since),
        moment(options.until, fractions.until),
    );
    let flag = |set| if set { "1" } else { "0" };
    let query = [
        ("follow", flag(options.follow)),
        ("stdout", flag(options.stdout)),
        ("stderr", flag(options.stderr)),
        ("timestamps", flag(options.timestamps)),
        ("since", &since),
        ("until", &until),
        ("tail", &tail),
    ];
    let request = async {
        let request = engine.request(Method::GET, &format!("/containers/{id}/logs"), &query, empty())?;
        engine.stream(request).await
    };
    let body = engine.run(operation, request).await?.into_body();
    let subject = format!("the log of container `{id}`");
    Ok(LogStream {
        output: output(reader(body), tty, subject),
    })
}

/// A time as engines read it: seconds since the epoch, with nanoseconds after a point.
fn moment(seconds: i64, nanoseconds: u32) -> String {
    match nanoseconds {
        0 => seconds.to_string(),
        nanoseconds => format!("{seconds}.{nanoseconds:09}"),
    }
}

fn reader(body: Incoming) -> impl AsyncRead + Send + 'static {
    StreamReader::new(BodyDataStream::new(body).map_err(std::io::Error::other))
}

/// A process's output: as it is where it has a terminal, else taken out of its frames.
pub(super) fn output(reader: impl AsyncRead + Send + 'static, tty: bool, subject: String) -> OutputStream {
    let lost = move |error: std::io::Error| lost(&subject, &error);
    if tty {
        let plain = |bytes| Output {
            channel: Channel::Stdout,
            bytes,
        };
        ReaderStream::with_capacity(reader, BUFFER)
            .map_ok(plain)
            .map_err(lost)
            .boxed()
    } else {
        FramedRead::with_capacity(reader, Frames::default(), BUFFER)
            .map_err(lost)
            .boxed()
    }
}

fn lost(subject: &str, error: &std::io::Error) -> ProviderError {
    unavailable(
        subject,
        format!("the connection to the engine was lost: {error}"),
        "see whether the engine runs (`systemctl status docker`), then try again",
    )
}
