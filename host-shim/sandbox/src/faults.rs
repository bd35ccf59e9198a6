//! Faults on order: the next call of an operation fails, loses its reply, or hangs.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Mutex;

use mngr_contract::{ProviderError, Result};
use mngr_engine::Operation;

use super::locked;

/// What goes wrong.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The call fails and nothing happens.
    Error(ProviderError),
    /// The call does what it is there for, and its reply is lost: the caller sees this error.
    AfterEffect(ProviderError),
    /// The call never answers, and nothing happens.
    Hang,
}

/// Faults that wait for their calls.
#[derive(Debug, Default)]
pub struct Faults(Mutex<HashMap<Operation, VecDeque<Option<Fault>>>>);

impl Faults {
    /// The next call of the operation that none waits for goes wrong.
    pub fn push(&self, operation: Operation, fault: Fault) {
        locked(&self.0).entry(operation).or_default().push_back(Some(fault));
    }

    /// The next call of the operation that none waits for is left alone.
    pub fn pass(&self, operation: Operation) {
        locked(&self.0).entry(operation).or_default().push_back(None);
    }

    /// None waits any more.
    pub fn clear(&self) {
        locked(&self.0).clear();
    }

    /// Makes a call, with the fault that waits for it.
    pub async fn around<T>(&self, operation: Operation, call: impl Future<Output = Result<T>>) -> Result<T> {
        let waiting = locked(&self.0).get_mut(&operation).and_then(VecDeque::pop_front);
        match waiting.flatten() {
            None => call.await,
            Some(Fault::Error(error)) => Err(error),
            Some(Fault::AfterEffect(error)) => {
                // The reply is lost, whatever it was.
                let _ = call.await;
                Err(error)
            }
            Some(Fault::Hang) => std::future::pending().await,
        }
    }
}
