//! Builds, through the engine's own BuildKit. It asks for the files of the context, for secrets and for SSH agents by way of a
//! session, while the log comes back. An engine that opens none builds with its classic builder, which cannot ask: it gets the
//! context as tar.

use std::any::Any;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bollard::errors::Error;
use bollard_buildkit_proto::moby::buildkit::v1::StatusResponse;
use futures::{StreamExt, TryStreamExt};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method};
use http_body_util::{Either, StreamBody};
use hyper::body::Frame;
use mngr_contract::docker::BuildOptions;
use mngr_contract::error::{internal, invalid};
use mngr_contract::limits::{BUILD_LOG, Exceeded, PARTS};
use mngr_contract::streams::Archive;
use mngr_contract::system::Progress;
use mngr_contract::{ProviderError, Result};
use prost::Message as _;
use serde::Deserialize;
use serde_json::Value;

use super::messages::lines;
use super::requests::empty;
use super::session::Session;
use super::{DockerEngine, errors, references, tarball};
use crate::ProgressSink;
use crate::build::Files;
use mngr_contract::streams::Withheld;

/// How long a build may take that says nothing of it.
const PATIENCE: Duration = Duration::from_secs(600);
/// Lines of the log that an error shows; all of them are in the file that it names.
const SHOWN: usize = 12;
/// What a log has in place of a secret that a step has printed.
const HIDDEN: &str = "(secret)";
/// Shorter ones are found everywhere.
const HIDDEN_FROM: usize = 4;

/// One line of what the engine tells.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Message {
    stream: String,
    status: String,
    error: Option<String>,
    /// An object with the image's id; of BuildKit a text with its status.
    aux: Value,
}

pub(super) async fn image_build(
    engine: &DockerEngine,
    mut context: Archive,
    options: BuildOptions,
    progress: ProgressSink,
) -> Result<String> {
    let tag = references::image(&options.tag)?.to_owned();
    let limit = options
        .timeout_seconds
        .map_or(PATIENCE, |seconds| Duration::from_secs(seconds.into()));
    let operation = engine.changes("build", "image", &tag).within(limit);
    engine.check().await?;
    let (files, withheld) = match &mut context {
        Archive::Context(files, withheld) => {
            let files: Arc<dyn Any + Send + Sync> = files.clone();
            (files.downcast::<Files>().ok(), std::mem::take(withheld))
        }
        Archive::Path(_) | Archive::Tar(_) | Archive::AsUser(_) => (None, Withheld::default()),
    };
    let files = files.map(Arc::unwrap_or_clone);
    let withheld = asked_for(withheld, &options)?;
    let mut log = Log::new(&tag, progress);
    log.hide(&withheld);
    let built = tokio::time::timeout(limit, run(engine, context, files.clone(), withheld, options, &mut log)).await;
    // The engine only sees that its files do not come, and says so in one of many ways.
    if let Some(fault) = files.and_then(|files| files.fault()) {
        return Err(fault);
    }
    match built {
        Err(_) => Err(late(errors::late(engine.chosen(), &operation), &log)),
        Ok(Err(error)) => Err(errors::failed(engine.chosen(), &operation, &error)),
        Ok(Ok(())) => log.outcome(),
    }
}

/// Of what came with the context, that which the build asks for.
fn asked_for(mut withheld: Withheld, options: &BuildOptions) -> Result<Withheld> {
    let missing = |field: &str, id: &String| {
        let reason = "nothing of that id came with the context";
        invalid(
            field,
            id,
            reason,
            "this is a fault of the plugin; report it to its author",
        )
    };
    if let Some(id) = options.secrets.iter().find(|id| !withheld.secrets.contains_key(*id)) {
        return Err(missing("secrets", id));
    }
    if let Some(id) = options.ssh.iter().find(|id| !withheld.agents.contains_key(*id)) {
        return Err(missing("ssh", id));
    }
    withheld.secrets.retain(|id, _| options.secrets.contains(id));
    withheld.agents.retain(|id, _| options.ssh.contains(id));
    Ok(withheld)
}

/// The file with the log is named where a person looks first.
fn late(error: ProviderError, log: &Log) -> ProviderError {
    match error {
        ProviderError::Timeout(mut timeout) => {
            timeout.remedy = format!(
                "raise `build_timeout_seconds`, or see what it waits for: {}",
                log.kept()
            );
            ProviderError::Timeout(timeout)
        }
        other => other,
    }
}

async fn run(
    engine: &DockerEngine,
    context: Archive,
    files: Option<Files>,
    withheld: Withheld,
    options: BuildOptions,
    log: &mut Log,
) -> std::result::Result<(), Error> {
    let mut query = query(&options)?;
    // Held to the build's end.
    let needed = !withheld.is_empty();
    let session = match Session::open(engine, files.clone(), withheld).await {
        Ok(session) => Some(session),
        Err(error) if needed => return Err(error),
        Err(_) => None,
    };
    if let Some(session) = &session {
        query.extend([("version", "2".to_owned()), ("session", session.id.clone())]);
    }
    let body = match (&session, files) {
        (Some(_), Some(_)) => {
            query.push(("remote", "client-session".to_owned()));
            empty()
        }
        _ => {
            // A directory's own name is no part of the context's paths; an archive has the paths already.
            let root_name = matches!(context, Archive::Path(_)).then(|| OsStr::new("."));
            let bytes = tarball::bytes(context, root_name)
                .map_err(|error| Error::from(std::io::Error::other(error.message())))?;
            Either::Right(StreamBody::new(bytes.map_ok(Frame::data).boxed()))
        }
    };
    let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut request = engine.request(Method::POST, "/build", &query, body)?;
    request
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/x-tar"));
    let mut told = std::pin::pin!(lines(engine.stream(request).await?.into_body()));
    while let Some(message) = told.try_next().await? {
        log.take(message).map_err(std::io::Error::from)?;
    }
    Ok(())
}

fn query(options: &BuildOptions) -> std::result::Result<Vec<(&'static str, String)>, Error> {
    let object = |pairs: &[(String, String)]| {
        let object: serde_json::Map<_, _> = pairs
            .iter()
            .map(|(name, value)| (name.clone(), value.clone().into()))
            .collect();
        serde_json::to_string(&object)
    };
    let mut query = vec![
        ("t", options.tag.clone()),
        ("dockerfile", options.dockerfile.clone()),
        ("labels", object(&options.labels)?),
        ("buildargs", object(&options.args)?),
        ("rm", "1".to_owned()),
        ("forcerm", "1".to_owned()),
    ];
    let words = [
        ("target", &options.target),
        ("platform", &options.platform),
        ("networkmode", &options.network),
    ];
    query.extend(
        words
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.clone()?))),
    );
    let switches = [("nocache", options.no_cache), ("pull", options.pull)];
    query.extend(
        switches
            .into_iter()
            .filter(|(_, on)| *on)
            .map(|(name, _)| (name, "1".to_owned())),
    );
    Ok(query)
}

/// What the engine has said so far.
struct Log {
    tag: String,
    /// Its end, no longer than [`BUILD_LOG`].
    text: String,
    /// Whether the beginning was dropped.
    is_cut: bool,
    image: Option<String>,
    error: Option<String>,
    progress: ProgressSink,
    /// Steps of BuildKit that have been told of.
    begun: BTreeSet<String>,
    /// What no one is to read in it.
    hidden: Vec<String>,
}

impl Log {
    fn new(tag: &str, progress: ProgressSink) -> Self {
        Self {
            tag: tag.to_owned(),
            text: String::new(),
            is_cut: false,
            image: None,
            error: None,
            progress,
            begun: BTreeSet::new(),
            hidden: Vec::new(),
        }
    }

    fn hide(&mut self, withheld: &Withheld) {
        let texts = withheld
            .secrets
            .values()
            .filter_map(|secret| std::str::from_utf8(secret).ok());
        let lines = texts.flat_map(str::lines).map(str::trim);
        self.hidden = lines
            .filter(|line| line.len() >= HIDDEN_FROM)
            .map(str::to_owned)
            .collect();
    }

    fn shown(&self, text: &str) -> String {
        let hide = |text: String, secret: &String| text.replace(secret, HIDDEN);
        self.hidden.iter().fold(text.to_owned(), hide)
    }

    fn write(&mut self, text: &str) {
        self.text.push_str(text);
        if self.text.len() > BUILD_LOG {
            // A good part of it at once, and whole lines: half a secret would not be found again.
            let cut = self.text.floor_char_boundary(self.text.len() - BUILD_LOG / 2);
            let cut = self.text[cut..].find('\n').map_or(self.text.len(), |end| cut + end + 1);
            self.text.drain(..cut);
            self.is_cut = true;
        }
    }

    fn take(&mut self, message: Message) -> std::result::Result<(), Exceeded> {
        self.write(&message.stream);
        if !message.status.is_empty() {
            self.write(&format!("{}\n", message.status));
        }
        if let Some(step) = message.stream.strip_prefix("Step ") {
            self.tell(step);
        }
        match &message.aux {
            Value::String(status) => {
                let status = STANDARD.decode(status).ok();
                if let Some(status) = status.and_then(|status| StatusResponse::decode(&*status).ok()) {
                    self.take_status(status)?;
                }
            }
            aux => {
                let image = aux["ID"].as_str().map(str::to_owned);
                self.image = image.or(self.image.take());
            }
        }
        self.error = message.error.or(self.error.take());
        Ok(())
    }

    fn tell(&self, step: &str) {
        let (done, total) = step_of(step);
        (self.progress)(Progress {
            step: "building".to_owned(),
            subject: self.shown(&format!("{} {}", self.tag, step.trim_end())),
            done,
            total,
        });
    }

    /// BuildKit tells all of a step again with every change of it.
    fn take_status(&mut self, status: StatusResponse) -> std::result::Result<(), Exceeded> {
        for vertex in status.vertexes {
            if vertex.started.is_some() && self.begun.insert(vertex.digest) {
                PARTS.check(self.begun.len())?;
                self.write(&format!("{}\n", vertex.name));
                // `[2/5] RUN make`, of stages with a name `[stage 2/5] RUN make`; `[internal] …` is no step.
                let step = vertex.name.strip_prefix('[').and_then(|name| name.split_once("] "));
                if let Some((place, command)) = step.filter(|(place, _)| place.contains('/')) {
                    let place = place.rsplit(' ').next().unwrap_or(place);
                    self.tell(&format!("{place} : {command}"));
                }
            }
        }
        for log in status.logs {
            self.write(&String::from_utf8_lossy(&log.msg));
        }
        Ok(())
    }

    /// The image's id, or what went wrong.
    fn outcome(self) -> Result<String> {
        match (&self.error, &self.image) {
            (None, Some(image)) => Ok(image.clone()),
            (None, None) => Err(internal(
                format!("image `{}`", self.tag),
                "the engine ended the build without a word of how",
                self.kept(),
            )),
            (Some(error), _) => {
                let (text, error) = (self.shown(&self.text), self.shown(error));
                let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
                let last = lines[lines.len().saturating_sub(SHOWN)..].join("\n");
                Err(invalid(
                    "build",
                    "",
                    format!("the engine could not build it: {error}\n{last}"),
                    format!("correct the Dockerfile or the context; {}", self.kept()),
                ))
            }
        }
    }

    /// Keeps the log in a file and says where.
    fn kept(&self) -> String {
        let written = tempfile::Builder::new()
            .prefix("mngr-build-")
            .suffix(".log")
            .tempfile()
            .and_then(|mut file| {
                file.write_all(self.shown(&self.text).as_bytes())?;
                file.keep().map_err(|error| error.error)
            });
        let what = match self.is_cut {
            true => "the end of the log",
            false => "the whole log",
        };
        match written {
            Ok((_, path)) => format!("{what} is in {}", path.display()),
            Err(error) => format!("{what} could not be kept ({error})"),
        }
    }
}

/// `2/5 : RUN make`
fn step_of(text: &str) -> (Option<u64>, Option<u64>) {
    let numbers = text.split(' ').next().and_then(|numbers| numbers.split_once('/'));
    numbers.map_or((None, None), |(done, total)| (done.parse().ok(), total.parse().ok()))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use bollard_buildkit_proto::moby::buildkit::v1::Vertex;

    use super::*;

    fn message(json: &str) -> Message {
        serde_json::from_str(json).expect("a message")
    }

    #[test]
    fn steps_are_told_and_the_image_is_the_one_that_the_engine_names() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let sink = told.clone();
        let mut log = Log::new(
            "mngr-build:a",
            Arc::new(move |progress| sink.lock().expect("told").push(progress)),
        );
        for line in [
            r#"{"stream":"Step 2/3 : RUN true\n"}"#,
            r#"{"aux":{"ID":"sha256:1"}}"#,
            r#"{"stream":"done\n"}"#,
        ] {
            log.take(message(line)).expect("taken");
        }
        assert_eq!(log.outcome().expect("an image"), "sha256:1");
        let told = told.lock().expect("told");
        assert_eq!((told.len(), told[0].done, told[0].total), (1, Some(2), Some(3)));
    }

    #[test]
    fn a_failure_shows_the_last_lines_and_names_a_file_with_all_of_them() {
        let mut log = Log::new("mngr-build:a", Arc::new(|_| {}));
        for number in 0..40 {
            log.take(message(&format!(r#"{{"stream":"line {number}\n"}}"#)))
                .expect("taken");
        }
        let failed = message(r#"{"errorDetail":{"code":1},"error":"returned a non-zero code: 1"}"#);
        log.take(failed).expect("taken");
        let error = log.outcome().expect_err("a failure");
        assert!(error.message().contains("line 39") && !error.message().contains("line 2\n"));
        let remedy = error.remedy().to_owned();
        let path = remedy.rsplit(' ').next().expect("a path");
        assert!(std::fs::read_to_string(path).expect("the log").starts_with("line 0\n"));
        std::fs::remove_file(path).expect("removed");
    }

    #[test]
    fn of_a_log_without_an_end_the_end_is_kept_in_whole_lines() {
        let mut log = Log::new("mngr-build:a", Arc::new(|_| {}));
        let line = "x".repeat(1 << 16);
        for number in 0..600 {
            log.write(&format!("{number} {line}\n"));
            assert!(log.text.len() <= BUILD_LOG);
        }
        let first = log.text.split(' ').next().expect("a number");
        assert!(first.parse::<u32>().is_ok_and(|number| number > 300), "{first}");
        assert!(log.is_cut && log.text.contains("\n599 "));
    }

    #[test]
    fn a_build_of_more_steps_than_any_has_is_an_error_that_names_the_limit() {
        let vertex = |number: u32| Vertex {
            digest: format!("sha256:{number}"),
            started: Some(Default::default()),
            ..Vertex::default()
        };
        let mut log = Log::new("mngr-build:a", Arc::new(|_| {}));
        let status = StatusResponse {
            vertexes: (0..=10_000).map(vertex).collect(),
            ..StatusResponse::default()
        };
        assert_eq!(log.take_status(status), Err(Exceeded(PARTS)));
    }
}
