//! A container's log: what its main command printed, line by line.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::StreamExt;
use jiff::Timestamp;
use mngr_contract::Result;
use mngr_contract::docker::LogOptions;
use mngr_contract::streams::{Channel, LogStream, Output};
use mngr_engine::Fractions;
use tokio::sync::watch;

use super::{SandboxEngine, locked};

#[derive(Debug, Clone)]
struct Line {
    time: Timestamp,
    channel: Channel,
    bytes: Bytes,
}

#[derive(Debug, Default)]
struct Lines {
    lines: Vec<Line>,
    /// What has no end of line yet, of stdout and stderr.
    partial: HashMap<bool, Vec<u8>>,
}

/// Lines as they were printed.
#[derive(Debug, Default)]
pub struct Log {
    lines: Mutex<Lines>,
    /// How many lines there are, and whether there may be more.
    grown: watch::Sender<(usize, bool)>,
}

impl Log {
    pub fn write(&self, channel: Channel, bytes: &[u8]) {
        let mut lines = locked(&self.lines);
        let mut pending = lines.partial.remove(&(channel == Channel::Stderr)).unwrap_or_default();
        pending.extend_from_slice(bytes);
        let mut rest = pending.as_slice();
        while let Some(end) = rest.iter().position(|b| *b == b'\n') {
            lines.push(channel, &rest[..=end]);
            rest = &rest[end + 1..];
        }
        let rest = rest.to_vec();
        lines.partial.insert(channel == Channel::Stderr, rest);
        self.grown.send_replace((lines.lines.len(), true));
    }

    pub fn open(&self) {
        self.grown.send_modify(|(_, open)| *open = true);
    }

    /// Nothing more comes until the next start; a line without an end is one all the same.
    pub fn close(&self) {
        let mut lines = locked(&self.lines);
        for (is_stderr, bytes) in std::mem::take(&mut lines.partial) {
            let channel = if is_stderr { Channel::Stderr } else { Channel::Stdout };
            if !bytes.is_empty() {
                lines.push(channel, &bytes);
            }
        }
        self.grown.send_replace((lines.lines.len(), false));
    }

    fn after(&self, index: usize) -> Vec<Line> {
        locked(&self.lines).lines.get(index..).unwrap_or_default().to_vec()
    }

    /// Where the last `tail` lines that are wanted begin.
    fn tail(&self, tail: Option<u64>, wanted: impl Fn(&Line) -> bool) -> usize {
        let Some(tail) = tail.and_then(|tail| usize::try_from(tail).ok()) else {
            return 0;
        };
        let lines = locked(&self.lines);
        let fitting = lines.lines.iter().enumerate().filter(|(_, line)| wanted(line));
        let indices: Vec<usize> = fitting.map(|(index, _)| index).collect();
        match indices.len().checked_sub(tail) {
            Some(skipped) => indices.get(skipped).copied().unwrap_or(lines.lines.len()),
            None => 0,
        }
    }
}

impl Lines {
    fn push(&mut self, channel: Channel, bytes: &[u8]) {
        self.lines.push(Line {
            time: Timestamp::now(),
            channel,
            bytes: Bytes::copy_from_slice(bytes),
        });
    }
}

impl SandboxEngine {
    pub(super) async fn logs(&self, id: &str, options: LogOptions, fractions: Fractions) -> Result<LogStream> {
        let log = self.state().container(id)?.log.clone();
        Ok(stream(log, options, fractions))
    }
}

fn nanoseconds(seconds: i64, more: u32) -> i128 {
    i128::from(seconds) * 1_000_000_000 + i128::from(more)
}

fn stream(log: Arc<Log>, options: LogOptions, fractions: Fractions) -> LogStream {
    let follow = options.follow;
    let timestamps = options.timestamps;
    let (since, until) = (
        nanoseconds(options.since, fractions.since),
        nanoseconds(options.until, fractions.until),
    );
    let wanted = move |line: &Line| {
        let time = line.time.as_nanosecond();
        let channel = match line.channel {
            Channel::Stdout => options.stdout,
            Channel::Stderr => options.stderr,
        };
        channel && time >= since && (until == 0 || time <= until)
    };
    let start = log.tail(options.tail, wanted);
    let grown = log.grown.subscribe();
    let chunks = futures::stream::unfold(
        (log, grown, start, false),
        move |(log, mut grown, at, last)| async move {
            if last {
                return None;
            }
            let (_, open) = if follow {
                // The log holds the sender, so waiting can not fail.
                *grown.wait_for(|(lines, open)| *lines > at || !open).await.ok()?
            } else {
                (0, false)
            };
            let lines = log.after(at);
            let next = at + lines.len();
            Some((lines, (log, grown, next, !open)))
        },
    );
    let output = chunks
        .flat_map(futures::stream::iter)
        .filter(move |line| futures::future::ready(wanted(line)))
        .map(move |line| {
            let mut bytes = Vec::new();
            if timestamps {
                bytes.extend_from_slice(format!("{:.9} ", line.time).as_bytes());
            }
            bytes.extend_from_slice(&line.bytes);
            Ok(Output {
                channel: line.channel,
                bytes: bytes.into(),
            })
        });
    LogStream {
        output: Box::pin(output),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn options(follow: bool, tail: Option<u64>) -> LogOptions {
        LogOptions {
            follow,
            stdout: true,
            stderr: true,
            timestamps: false,
            since: 0,
            until: 0,
            tail,
        }
    }

    async fn text(stream: LogStream) -> String {
        let pieces: Vec<_> = stream.output.map(|output| output.unwrap().bytes).collect().await;
        String::from_utf8(pieces.concat()).unwrap()
    }

    #[tokio::test]
    async fn a_log_is_kept_by_lines_and_a_tail_is_its_last_ones() {
        let log = Arc::new(Log::default());
        log.write(Channel::Stdout, b"one\ntw");
        log.write(Channel::Stdout, b"o\nthree");
        log.close();
        assert_eq!(
            text(stream(log.clone(), options(false, None), Fractions::default())).await,
            "one\ntwo\nthree"
        );
        assert_eq!(
            text(stream(log.clone(), options(false, Some(2)), Fractions::default())).await,
            "two\nthree"
        );
        assert_eq!(
            text(stream(log, options(false, Some(0)), Fractions::default())).await,
            ""
        );
    }

    #[tokio::test]
    async fn times_between_which_a_log_is_asked_for_hold_to_the_nanosecond() {
        let log = Arc::new(Log::default());
        log.write(Channel::Stdout, b"one\ntwo\n");
        log.close();
        let times: Vec<_> = log.after(0).iter().map(|line| line.time).collect();
        let between = |since: Timestamp, until: Timestamp| {
            let options = LogOptions {
                since: since.as_second(),
                until: until.as_second(),
                ..options(false, None)
            };
            let nanoseconds = |time: Timestamp| u32::try_from(time.subsec_nanosecond()).unwrap();
            let fractions = Fractions {
                since: nanoseconds(since),
                until: nanoseconds(until),
            };
            text(stream(log.clone(), options, fractions))
        };
        let just = jiff::SignedDuration::from_nanos(1);
        assert_eq!(between(times[0], times[0] - just).await, "");
        assert_eq!(between(times[1] + just, times[1] + just).await, "");
        assert!(between(times[1], times[1]).await.ends_with("two\n"));
    }

    #[tokio::test]
    async fn following_ends_when_the_log_is_closed() {
        let log = Arc::new(Log::default());
        log.open();
        log.write(Channel::Stdout, b"early\n");
        let reader = tokio::spawn(text(stream(log.clone(), options(true, None), Fractions::default())));
        tokio::task::yield_now().await;
        log.write(Channel::Stderr, b"late\n");
        log.close();
        assert_eq!(reader.await.unwrap(), "early\nlate\n");
    }
}
