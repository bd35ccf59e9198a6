//! A native library's host calls: submitted by number, run side by side, and handed back as they end.
//!
//! They run in the future of the call that they belong to, so whatever becomes of that, nothing goes on without it.

mod imports;
mod streams;

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use abi_stable::sabi_trait::TD_Opaque;
use abi_stable::std_types::{ROption, RSlice, RStr, RVec};
use futures::StreamExt;
use futures::future::{AbortHandle, Abortable, pending};
use futures::stream::FuturesUnordered;
use mngr_plugin_abi::{Answer, BoxedHost, Host};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::context::{CallContext, Request};
use super::meter::{Excess, Meter};
use mngr_contract::Result;
use mngr_contract::docker::EnginePlace;
pub(crate) use streams::Streams;

/// What a library asks for.
enum Submission {
    Call {
        ticket: u64,
        operation: String,
        arguments: Vec<u8>,
    },
    GiveUp(u64),
}

/// What one call of a native library may ask for. Once it is dropped nothing of that runs any more, nothing begins, and a library
/// that waits is told that it is not wanted.
pub(crate) struct HostCalls {
    offer: Offer,
    submissions: UnboundedReceiver<Submission>,
    answers: Sender<Answer>,
}

/// What host calls are answered with.
struct Offer {
    context: CallContext,
    streams: Arc<Streams>,
}

impl Offer {
    fn engine(&self) -> Result<Request> {
        self.context.engine()
    }

    /// Hands a host-owned stream to the library.
    fn lend(&self, stream: impl Into<streams::Stream>) -> Result<u64> {
        let limit = usize::try_from(self.context.meter.limits().handles).unwrap_or(usize::MAX);
        if self.streams.count() >= limit {
            return Err(self.context.meter.too_many_handles().error(&self.context.plugin));
        }
        Ok(self.streams.put(stream))
    }
}

/// What can not be meant, and what has no answer that can be written, ends the call.
fn unanswerable(meter: &Meter, operation: &str, reason: &str) {
    let reason = format!("it called {operation}, and that can not be answered: {reason}");
    meter.exceed(Excess::fixed(reason));
}

impl HostCalls {
    /// For one call, and what the library is handed for it.
    pub fn new(context: CallContext) -> (Self, BoxedHost) {
        let (submit, submissions) = unbounded_channel();
        let (answers, arrived) = channel();
        let streams = Arc::<Streams>::default();
        let host = Crossing {
            place: context.place(),
            // The engine is not for a thread that nobody can stop.
            context: CallContext {
                guard: None,
                ..context.clone()
            },
            streams: streams.clone(),
            submissions: submit,
            tickets: AtomicU64::new(0),
            arrived: Mutex::new(arrived),
        };
        let calls = Self {
            offer: Offer { context, streams },
            submissions,
            answers,
        };
        (calls, BoxedHost::from_value(host, TD_Opaque))
    }

    /// Streams that it holds.
    pub fn streams(&self) -> &Streams {
        &self.offer.streams
    }

    /// Answers what the library submits, for as long as this is polled.
    pub async fn serve(&mut self) -> Infallible {
        let Self {
            offer,
            submissions,
            answers,
        } = self;
        let (offer, meter) = (&*offer, &offer.context.meter);
        let mut under_way = FuturesUnordered::new();
        let mut tickets: HashMap<u64, AbortHandle> = HashMap::new();
        loop {
            tokio::select! {
                submission = submissions.recv() => match submission {
                    Some(Submission::Call { ticket, operation, arguments }) => {
                        if u64::try_from(tickets.len()).is_ok_and(|calls| calls >= meter.limits().handles) {
                            meter.too_many_handles();
                            continue;
                        }
                        let (handle, given_up) = AbortHandle::new_pair();
                        tickets.insert(ticket, handle);
                        let answering = async move {
                            let result = imports::answer(offer, &operation, &arguments).await;
                            (ticket, result.map_err(|reason| unanswerable(meter, &operation, &reason)))
                        };
                        under_way.push(Abortable::new(answering, given_up));
                    }
                    Some(Submission::GiveUp(ticket)) => {
                        if let Some(handle) = tickets.remove(&ticket) {
                            handle.abort();
                        }
                    }
                    // The library asks for nothing any more.
                    None => pending().await,
                },
                Some(ended) = under_way.next(), if !under_way.is_empty() => {
                    // What was given up ends, too.
                    let Ok((ticket, result)) = ended else { continue };
                    tickets.remove(&ticket);
                    if let Ok(result) = result {
                        let result = RVec::from(result);
                        let _ = answers.send(Answer { ticket, result });
                    }
                }
            }
        }
    }
}

impl Drop for HostCalls {
    fn drop(&mut self) {
        self.offer.streams.clear();
    }
}

/// The host in a library's hands.
struct Crossing {
    context: CallContext,
    place: EnginePlace,
    streams: Arc<Streams>,
    submissions: UnboundedSender<Submission>,
    tickets: AtomicU64,
    arrived: Mutex<Receiver<Answer>>,
}

impl Crossing {
    /// Whether a call with so many bytes of arguments may begin. Where it may not, the plugin's call ends, or has.
    fn may_begin(&self, bytes: usize) -> bool {
        let meter = &self.context.meter;
        if bytes > meter.share() {
            meter.too_much_data();
        }
        meter.check().is_ok() && !self.submissions.is_closed()
    }
}

impl Host for Crossing {
    fn submit(&self, operation: RStr<'_>, arguments: RSlice<'_, u8>) -> u64 {
        let ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
        if self.may_begin(arguments.len()) {
            let _ = self.submissions.send(Submission::Call {
                ticket,
                operation: operation.into(),
                arguments: arguments.to_vec(),
            });
        }
        ticket
    }

    fn wait(&self) -> ROption<Answer> {
        let arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        arrived.recv().ok().into()
    }

    fn give_up(&self, ticket: u64) {
        let _ = self.submissions.send(Submission::GiveUp(ticket));
    }

    fn ask(&self, operation: RStr<'_>, arguments: RSlice<'_, u8>) -> RVec<u8> {
        if !self.may_begin(arguments.len()) {
            return RVec::new();
        }
        let answer = imports::answer_at_once(&self.context, self.place, &operation, &arguments);
        let answer = answer.map_err(|reason| unanswerable(&self.context.meter, &operation, &reason));
        answer.unwrap_or_default().into()
    }

    fn release(&self, handle: u64) {
        self.streams.release(handle);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use mngr_plugin_abi::{decode, encode};

    use super::*;
    use crate::CallLimits;

    /// In milliseconds: longer than any test runs.
    const HOUR: u64 = 3_600_000;

    fn context(limits: CallLimits) -> CallContext {
        CallContext {
            guard: None,
            progress: Arc::new(|_| {}),
            plugin: "mine".into(),
            meter: Arc::new(Meter::new(limits)),
        }
    }

    pub fn offer() -> Offer {
        Offer {
            context: context(CallLimits::default()),
            streams: Arc::default(),
        }
    }

    fn sleep(host: &BoxedHost, milliseconds: u64) -> u64 {
        let arguments = encode(&(milliseconds,)).expect("it has a form");
        host.submit("system.sleep".into(), RSlice::from_slice(&arguments))
    }

    /// Serves while a library's thread does this.
    async fn served<R: Send + 'static>(
        limits: CallLimits,
        work: impl FnOnce(BoxedHost) -> R + Send + 'static,
    ) -> std::result::Result<R, Excess> {
        let context = context(limits);
        let meter = context.meter.clone();
        let (mut calls, host) = HostCalls::new(context);
        tokio::select! {
            never = calls.serve() => match never {},
            excess = meter.exceeded() => Err(excess),
            done = tokio::task::spawn_blocking(move || work(host)) => Ok(done.expect("it works")),
        }
    }

    fn answered(host: &BoxedHost) -> Option<u64> {
        host.wait().into_option().map(|answer| answer.ticket)
    }

    #[tokio::test]
    async fn what_was_submitted_together_is_under_way_together_and_the_first_to_end_comes_first() {
        let work = |host: BoxedHost| {
            let _slow = sleep(&host, HOUR);
            let fast = sleep(&host, 0);
            (answered(&host), fast)
        };
        let (first, fast) = served(CallLimits::default(), work).await.expect("no limit");
        assert_eq!(first, Some(fast));
    }

    #[tokio::test]
    async fn a_call_that_is_given_up_makes_room_for_another_and_is_not_answered() {
        let one_at_a_time = CallLimits {
            handles: 1,
            ..CallLimits::default()
        };
        let work = |host: BoxedHost| {
            host.give_up(sleep(&host, HOUR));
            let other = sleep(&host, 0);
            (answered(&host), other)
        };
        let (first, other) = served(one_at_a_time, work).await.expect("there is room");
        assert_eq!(first, Some(other));
    }

    #[tokio::test]
    async fn once_the_call_is_gone_nothing_begins_and_who_waits_is_told() {
        let (mut calls, host) = HostCalls::new(context(CallLimits::default()));
        let number = calls.streams().put(mngr_contract::streams::Archive::Path("/a".into()));
        sleep(&host, HOUR);
        assert!(calls.serve().now_or_never().is_none(), "it is under way");
        let streams = calls.offer.streams.clone();
        drop(calls);
        sleep(&host, 0);
        assert_eq!((answered(&host), answered(&host)), (None, None));
        assert!(host.ask("system.now".into(), RSlice::from_slice(&[])).is_empty());
        assert!(streams.take::<mngr_contract::streams::Archive>(number).is_err());
    }

    #[tokio::test]
    async fn what_goes_beyond_a_limit_ends_the_call() {
        let few = CallLimits {
            handles: 2,
            ..CallLimits::default()
        };
        let work = |host: BoxedHost| {
            (0..3).map(|_| sleep(&host, HOUR)).for_each(drop);
            answered(&host)
        };
        let excess = served(few, work).await.expect_err("too many");
        assert!(excess.to_string().contains("2 handles"), "{excess}");

        let little = CallLimits {
            transfer: 100,
            ..CallLimits::default()
        };
        let work = |host: BoxedHost| {
            host.ask("system.log".into(), RSlice::from_slice(&[0; 200]));
            answered(&host)
        };
        let excess = served(little, work).await.expect_err("too much");
        assert!(excess.to_string().contains("100 bytes at once"), "{excess}");

        let work = |host: BoxedHost| {
            host.submit("docker.no-such".into(), RSlice::from_slice(&[]));
            answered(&host)
        };
        let excess = served(CallLimits::default(), work).await.expect_err("it is unknown");
        assert!(excess.to_string().contains("docker.no-such"), "{excess}");
    }

    #[tokio::test]
    async fn what_does_not_wait_is_answered_at_once() {
        let (_calls, host) = HostCalls::new(context(CallLimits::default()));
        let id = host.ask("system.random-id".into(), RSlice::from_slice(&[]));
        let id: String = decode(&id).expect("an id");
        assert_eq!(id.len(), 32);
    }
}
