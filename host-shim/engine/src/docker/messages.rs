//! What an engine tells, a line of JSON each, while it works on something.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use bollard::errors::Error;
use bollard::models::ProgressDetail;
use futures::{Stream, StreamExt, TryStreamExt};
use http_body_util::BodyDataStream;
use hyper::body::Incoming;
use mngr_contract::Result;
use mngr_contract::limits::{Exceeded, LINE, PARTS};
use mngr_contract::system::Progress;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};
use tokio_util::io::StreamReader;

use super::convert_values::or_default;
use super::errors::OperationContext;
use super::{DockerEngine, errors};
use crate::ProgressSink;

/// Who pulls, pushes or loads tells how far it is; after this long without a word it hangs.
pub(super) const SILENCE: Duration = Duration::from_secs(600);

/// The lines of an answer, as they come. None may be longer than [`LINE`].
pub(super) fn lines<T: DeserializeOwned>(answer: Incoming) -> impl Stream<Item = std::result::Result<T, Error>> {
    let reader = StreamReader::new(BodyDataStream::new(answer).map_err(io::Error::other));
    let longest = usize::try_from(LINE.most).unwrap_or(usize::MAX);
    let lines = FramedRead::new(reader, LinesCodec::new_with_max_length(longest));
    lines.filter_map(async |line| match line {
        Ok(line) if line.trim().is_empty() => None,
        Ok(line) => Some(serde_json::from_str(&line).map_err(Error::from)),
        Err(LinesCodecError::MaxLineLengthExceeded) => Some(Err(io::Error::from(Exceeded(LINE)).into())),
        Err(LinesCodecError::Io(error)) => Some(Err(error.into())),
    })
}

/// One line of a pull, push or load.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Message {
    /// The layer it is about.
    id: Option<String>,
    /// What a load says.
    pub(super) stream: String,
    /// What a push says of a layer, and at its end of the whole.
    pub(super) status: String,
    error: Option<String>,
    #[serde(rename = "progressDetail")]
    amount: Option<ProgressDetail>,
    pub(super) aux: Option<Aux>,
}

/// What a push says of its result.
#[derive(Deserialize)]
pub(super) struct Aux {
    /// Of the manifest in the registry.
    #[serde(rename = "Digest")]
    pub(super) digest: Option<String>,
}

/// Adds the layers up and tells the sum.
pub(super) struct Report<'a> {
    step: &'static str,
    subject: &'a str,
    layers: HashMap<String, (u64, u64)>,
    progress: ProgressSink,
}

impl<'a> Report<'a> {
    pub(super) fn new(step: &'static str, subject: &'a str, progress: ProgressSink) -> Self {
        Self {
            step,
            subject,
            layers: HashMap::new(),
            progress,
        }
    }

    fn tell(&mut self, message: &Message) -> std::result::Result<(), Exceeded> {
        let bytes = |value: Option<i64>| value.and_then(|bytes| u64::try_from(bytes).ok());
        if let Some(amount) = &message.amount
            && let (Some(done), Some(total)) = (bytes(amount.current), bytes(amount.total))
        {
            self.layers.insert(or_default(message.id.clone()), (done, total));
            PARTS.check(self.layers.len())?;
        }
        let sum =
            |part: fn(&(u64, u64)) -> u64| (!self.layers.is_empty()).then(|| self.layers.values().map(part).sum());
        (self.progress)(Progress {
            step: self.step.to_owned(),
            subject: self.subject.to_owned(),
            done: sum(|layer| layer.0),
            total: sum(|layer| layer.1),
        });
        Ok(())
    }
}

/// Reads messages to their end, each within its deadline, and hands them to `take`.
pub(super) async fn follow(
    engine: &DockerEngine,
    operation: OperationContext<'_>,
    messages: impl Stream<Item = std::result::Result<Message, Error>>,
    mut report: Report<'_>,
    mut take: impl FnMut(Message),
) -> Result<()> {
    let mut messages = std::pin::pin!(messages);
    let operation = operation.within(operation.deadline.max(SILENCE));
    let _turn = engine.turn(&operation).await?;
    loop {
        let next = async { messages.next().await.transpose() };
        let Some(mut message) = engine.run_now(operation, next).await? else {
            return Ok(());
        };
        let failure = match message.error.take() {
            Some(error) => Some(Error::DockerStreamError { error }),
            None => report
                .tell(&message)
                .err()
                .map(|exceeded| io::Error::from(exceeded).into()),
        };
        if let Some(failure) = failure {
            return Err(errors::failed(engine.chosen(), &operation, &failure));
        }
        take(message);
    }
}
