//! A native library's host calls: submitted by number, run side by side, and handed back as they end.

mod imports;
mod streams;

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use abi_stable::sabi_trait::TD_Opaque;
use abi_stable::std_types::{ROption, RSlice, RStr, RVec};
use mngr_plugin_abi::{Answer, BoxedHost, Host};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::meter::Excess;
use super::reach::{Reach, Request};
use crate::contract::Result;
pub(crate) use streams::Streams;

/// What one call of a native library may ask for, and what of it is under way.
pub(crate) struct HostCalls {
    reach: Reach,
    streams: Streams,
    runtime: Handle,
    tasks: TaskTracker,
    under_way: Mutex<UnderWay>,
    /// None: there will be no more.
    answers: Sender<Option<Answer>>,
    arrived: Mutex<Receiver<Option<Answer>>>,
}

#[derive(Default)]
struct UnderWay {
    /// The call has come to its end: nothing begins any more.
    over: bool,
    tickets: u64,
    calls: HashMap<u64, AbortHandle>,
}

impl HostCalls {
    /// For one call, made in a runtime.
    pub fn new(reach: Reach) -> Arc<Self> {
        let (answers, arrived) = channel();
        Arc::new(Self {
            reach,
            streams: Streams::default(),
            runtime: Handle::current(),
            tasks: TaskTracker::new(),
            under_way: Mutex::default(),
            answers,
            arrived: Mutex::new(arrived),
        })
    }

    /// The same, as it crosses.
    pub fn boxed(self: &Arc<Self>) -> BoxedHost {
        BoxedHost::from_value(Crossing(self.clone()), TD_Opaque)
    }

    /// Streams that it holds.
    pub fn streams(&self) -> &Streams {
        &self.streams
    }

    /// Ends what is under way: when this returns nothing that the library has asked for runs any more, and nothing begins. A
    /// library that waits is told that it is not wanted.
    pub async fn end(&self) {
        {
            let mut under_way = self.under_way();
            under_way.over = true;
            under_way.calls.drain().for_each(|(_, task)| task.abort());
        }
        let _ = self.answers.send(None);
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn under_way(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn engine(&self) -> Result<Request> {
        self.reach.engine()
    }

    /// Hands a host-owned stream to the library.
    fn lend(&self, stream: impl Into<streams::Stream>) -> Result<u64> {
        let limit = usize::try_from(self.reach.meter.limits().handles).unwrap_or(usize::MAX);
        if self.streams.count() >= limit {
            return Err(self.reach.meter.too_many_handles().error(&self.reach.plugin));
        }
        Ok(self.streams.put(stream))
    }

    /// Whether a call with so many bytes of arguments may begin. Where it may not, the plugin's call ends.
    fn may_begin(&self, under_way: &UnderWay, bytes: usize) -> bool {
        let meter = &self.reach.meter;
        if u64::try_from(under_way.calls.len()).is_ok_and(|calls| calls >= meter.limits().handles) {
            meter.too_many_handles();
        }
        if bytes > meter.share() {
            meter.too_much_data();
        }
        !under_way.over && meter.check().is_ok()
    }

    /// What can not be meant ends the call.
    fn misunderstood(&self, operation: &str, reason: &str) {
        let reason = format!("it called {operation}, and that can not be understood: {reason}");
        self.reach.meter.exceed(Excess::fixed(reason));
    }

    fn submit(self: &Arc<Self>, operation: &str, arguments: &[u8]) -> u64 {
        let mut under_way = self.under_way();
        under_way.tickets += 1;
        let ticket = under_way.tickets;
        if !self.may_begin(&under_way, arguments.len()) {
            return ticket;
        }
        let (this, operation, arguments) = (self.clone(), operation.to_owned(), arguments.to_vec());
        let answering = async move {
            match imports::answer(&this, &operation, &arguments).await {
                Ok(result) => this.answer(ticket, result),
                Err(reason) => this.misunderstood(&operation, &reason),
            }
        };
        let task = self.tasks.spawn_on(answering.in_current_span(), &self.runtime);
        under_way.calls.insert(ticket, task.abort_handle());
        ticket
    }

    fn answer(&self, ticket: u64, result: Vec<u8>) {
        if self.under_way().calls.remove(&ticket).is_some() {
            let result = result.into();
            let _ = self.answers.send(Some(Answer { ticket, result }));
        }
    }

    fn wait(&self) -> Option<Answer> {
        let arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = arrived.recv().ok().flatten();
        if answer.is_none() {
            // Also for whoever asks once more.
            let _ = self.answers.send(None);
        }
        answer
    }

    fn give_up(&self, ticket: u64) {
        if let Some(task) = self.under_way().calls.remove(&ticket) {
            task.abort();
        }
    }

    fn ask(&self, operation: &str, arguments: &[u8]) -> Vec<u8> {
        let may_begin = self.may_begin(&self.under_way(), arguments.len());
        if !may_begin {
            return Vec::new();
        }
        imports::answer_at_once(self, operation, arguments).unwrap_or_else(|reason| {
            self.misunderstood(operation, &reason);
            Vec::new()
        })
    }
}

/// [`HostCalls`] in the library's hands.
struct Crossing(Arc<HostCalls>);

impl Host for Crossing {
    fn submit(&self, operation: RStr<'_>, arguments: RSlice<'_, u8>) -> u64 {
        self.0.submit(operation.as_str(), arguments.as_slice())
    }

    fn wait(&self) -> ROption<Answer> {
        self.0.wait().into()
    }

    fn give_up(&self, ticket: u64) {
        self.0.give_up(ticket);
    }

    fn ask(&self, operation: RStr<'_>, arguments: RSlice<'_, u8>) -> RVec<u8> {
        self.0.ask(operation.as_str(), arguments.as_slice()).into()
    }

    fn release(&self, handle: u64) {
        self.0.streams.release(handle);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use mngr_plugin_abi::{decode, encode};

    use super::*;
    use crate::bridge::Meter;
    use crate::loader::CallLimits;

    fn limited(limits: CallLimits) -> Arc<HostCalls> {
        HostCalls::new(Reach {
            guard: None,
            progress: Arc::new(|_| {}),
            plugin: "mine".into(),
            meter: Arc::new(Meter::new(limits)),
        })
    }

    pub fn calls() -> Arc<HostCalls> {
        limited(CallLimits::default())
    }

    fn sleep(calls: &Arc<HostCalls>, milliseconds: u64) -> u64 {
        calls.submit("system.sleep", &encode(&(milliseconds,)))
    }

    async fn waited(calls: &Arc<HostCalls>) -> Option<u64> {
        let calls = calls.clone();
        let waiting = tokio::task::spawn_blocking(move || calls.wait());
        waiting.await.expect("it waits").map(|answer| answer.ticket)
    }

    #[tokio::test]
    async fn what_was_submitted_together_is_under_way_together_and_the_first_to_end_comes_first() {
        let calls = calls();
        let slow = sleep(&calls, 60_000);
        let fast = sleep(&calls, 1);
        let begun = Instant::now();
        assert_eq!(waited(&calls).await, Some(fast));
        assert!(begun.elapsed() < Duration::from_secs(30));
        assert!(calls.under_way().calls.contains_key(&slow));
    }

    #[tokio::test]
    async fn at_the_end_nothing_is_under_way_and_nothing_begins() {
        let calls = calls();
        sleep(&calls, 60_000);
        calls.end().await;
        assert_eq!((waited(&calls).await, waited(&calls).await), (None, None));
        sleep(&calls, 1);
        assert!(calls.under_way().calls.is_empty());
        assert!(calls.ask("system.now", &[]).is_empty());
    }

    #[tokio::test]
    async fn a_call_that_is_given_up_is_not_answered() {
        let calls = calls();
        let given_up = sleep(&calls, 60_000);
        calls.give_up(given_up);
        let other = sleep(&calls, 1);
        assert_eq!(waited(&calls).await, Some(other));
    }

    #[tokio::test]
    async fn what_goes_beyond_a_limit_ends_the_call() {
        let few = limited(CallLimits {
            handles: 2,
            ..CallLimits::default()
        });
        for _ in 0..3 {
            sleep(&few, 60_000);
        }
        assert_eq!(few.under_way().calls.len(), 2);
        assert!(few.reach.meter.exceeded().await.to_string().contains("2 handles"));

        let little = limited(CallLimits {
            transfer: 100,
            ..CallLimits::default()
        });
        little.ask("system.log", &[0; 200]);
        assert!(little.reach.meter.exceeded().await.to_string().contains("100 bytes at once"));

        let odd = calls();
        odd.submit("docker.no-such", &[]);
        assert!(odd.reach.meter.exceeded().await.to_string().contains("docker.no-such"));
    }

    #[tokio::test]
    async fn what_does_not_wait_is_answered_at_once() {
        let calls = calls();
        let id: String = decode(&calls.ask("system.random-id", &[])).expect("an id");
        assert_eq!(id.len(), 32);
    }
}
