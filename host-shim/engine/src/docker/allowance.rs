//! How much may still be read from a connection. It is counted at the socket, below everything that reads an answer, so that no
//! reader has to count and none can forget to.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bollard::errors::Error;
use mngr_contract::limits::{Exceeded, HEAD, Limit};

/// What may come before the head of an answer has been looked at: the head, and what the connection reads ahead of the one who
/// looks, which is no more than three of its buffers.
const UNTIL_HEAD: u64 = 4 * HEAD.most;

/// How much of an answer is taken.
#[derive(Debug, Clone, Copy)]
pub(super) enum Extent {
    /// All of it, so long as it is no longer than that.
    Whole(Limit),
    /// Piece by piece for as long as it comes, because nobody holds more than a piece of it.
    Stream,
}

/// What may still be read from one connection. The socket and whoever waits for an answer share it.
#[derive(Debug, Clone)]
pub(super) struct Allowance(Arc<Mutex<Left>>);

#[derive(Debug)]
struct Left {
    bytes: u64,
    limit: Limit,
}

impl Allowance {
    /// Of a new connection.
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Left {
            bytes: UNTIL_HEAD,
            limit: HEAD,
        })))
    }

    fn set(&self, bytes: u64, limit: Limit) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Left { bytes, limit };
    }

    /// A request begins: the head of its answer may come.
    pub(super) fn begin(&self) {
        self.set(UNTIL_HEAD, HEAD);
    }

    /// The head has come, and so much may follow it.
    pub(super) fn allow(&self, extent: Extent) {
        match extent {
            Extent::Whole(limit) => self.set(limit.most, limit),
            Extent::Stream => self.set(u64::MAX, HEAD),
        }
    }

    /// Counts what was read.
    ///
    /// # Errors
    /// [`Exceeded`] inside, where that is more than may be read.
    pub(super) fn take(&self, length: usize) -> io::Result<()> {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match left.bytes.checked_sub(length as u64) {
            Some(bytes) => {
                left.bytes = bytes;
                Ok(())
            }
            None => Err(Exceeded(left.limit).into()),
        }
    }
}

/// The limit that an answer has exceeded, if that is what is wrong.
pub(super) fn exceeded(error: &Error) -> Option<Exceeded> {
    match error {
        // These two do not show what they hold in their chain.
        Error::HyperResponseError { err } => limit_in(err),
        Error::IOError { err } => limit_in(err),
        error => limit_in(error),
    }
}

fn limit_in(error: &(dyn std::error::Error + 'static)) -> Option<Exceeded> {
    let mut chain = Some(error);
    while let Some(error) = chain {
        if let Some(exceeded) = error.downcast_ref::<Exceeded>() {
            return Some(*exceeded);
        }
        if error.downcast_ref().is_some_and(hyper::Error::is_parse_too_large) {
            return Some(Exceeded(HEAD));
        }
        if let Some(inner) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            return limit_in(inner);
        }
        chain = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use mngr_contract::limits::ANSWER;

    use super::*;

    #[test]
    fn so_much_may_be_read_as_the_kind_of_answer_allows() {
        let allowance = Allowance::new();
        let piece = 256 << 10;
        assert!((0..4).all(|_| allowance.take(piece).is_ok()));
        let error = allowance.take(1).expect_err("no head is so long");
        assert_eq!(Exceeded::of(&error), Some(Exceeded(HEAD)));

        allowance.allow(Extent::Whole(ANSWER));
        assert!((0..16).all(|_| allowance.take(piece).is_ok()));
        let error = allowance.take(1).expect_err("too long");
        assert_eq!(Exceeded::of(&error), Some(Exceeded(ANSWER)));

        allowance.begin();
        assert!(allowance.take(piece).is_ok());
        allowance.allow(Extent::Stream);
        assert!((0..1000).all(|_| allowance.take(1 << 30).is_ok()));
    }
}
