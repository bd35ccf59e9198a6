//! Streams that a native library holds the numbers of.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mngr_contract::Result;
use mngr_contract::error::internal;
use mngr_contract::streams::{Archive, ExecSession, LogStream};

/// Any of them.
pub(crate) enum Stream {
    Exec(ExecSession),
    Log(LogStream),
    Archive(Archive),
}

/// Those of one call, by number.
#[derive(Default)]
pub(crate) struct Streams {
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    last: u64,
    streams: HashMap<u64, Stream>,
}

impl Streams {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a stream, and returns its number.
    pub fn put(&self, stream: impl Into<Stream>) -> u64 {
        let mut held = self.held();
        held.last += 1;
        let number = held.last;
        held.streams.insert(number, stream.into());
        number
    }

    /// Drops all of them.
    pub fn clear(&self) {
        let streams = std::mem::take(&mut self.held().streams);
        drop(streams);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.held().streams.len()
    }

    /// Takes back what the library was handed.
    ///
    /// # Errors
    /// `internal` where it never was, or was something else.
    pub fn take<S: TryFrom<Stream>>(&self, number: u64) -> Result<S> {
        let stream = self.held().streams.remove(&number);
        stream.and_then(|stream| S::try_from(stream).ok()).ok_or_else(|| {
            internal(
                "a stream's handle",
                format!("the plugin holds no such stream as {number}"),
                "this is a fault of the plugin; report it to its author",
            )
        })
    }

    /// What the number in an answer stands for.
    ///
    /// # Errors
    /// The answer's own, and those of [`Streams::take`].
    pub fn redeem<S: TryFrom<Stream>>(answer: Result<u64>, streams: &Self) -> Result<S> {
        streams.take(answer?)
    }

    /// Drops one that is not passed on. Of one that is not there: nothing.
    pub fn release(&self, number: u64) {
        let stream = self.held().streams.remove(&number);
        drop(stream);
    }
}

macro_rules! kinds {
    ($($kind:ident of $stream:ty;)*) => {
        $(impl From<$stream> for Stream {
            fn from(stream: $stream) -> Self {
                Self::$kind(stream)
            }
        }

        impl TryFrom<Stream> for $stream {
            type Error = Stream;

            fn try_from(stream: Stream) -> std::result::Result<Self, Stream> {
                match stream {
                    Stream::$kind(stream) => Ok(stream),
                    other => Err(other),
                }
            }
        })*
    };
}

kinds! {
    Exec of ExecSession;
    Log of LogStream;
    Archive of Archive;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_handed_back_once_and_only_as_what_it_is() {
        let streams = Streams::default();
        let first = streams.put(Archive::Path("/a".into()));
        let second = streams.put(Archive::Path("/b".into()));
        assert!(matches!(streams.take::<Archive>(second), Ok(Archive::Path(path)) if path.ends_with("b")));
        assert!(streams.take::<Archive>(second).is_err());
        assert!(streams.take::<LogStream>(first).is_err());
        assert_eq!(streams.count(), 0);
    }
}
