//! The plugin's side of a call: futures of host calls, and what drives them on the one thread that a call has.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};
use std::task::{Context, Poll, Wake, Waker};

use abi_stable::std_types::{ROption, RSlice, RStr, RString};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::crossing::{BoxedHost, Outcome};
use crate::{decode, encode};

/// One call, as the plugin has it.
pub struct Guest {
    host: BoxedHost,
    /// Host calls that were submitted and have not been looked at again since they were answered.
    submitted: RefCell<BTreeMap<u64, Submitted>>,
}

enum Submitted {
    UnderWay(Waker),
    Answered(Vec<u8>),
}

impl Guest {
    /// Begins a host call.
    ///
    /// # Panics
    /// Where the arguments can not be written, which ends the call.
    pub fn submit<R: DeserializeOwned>(
        self: &Rc<Self>,
        operation: &'static str,
        arguments: &impl Serialize,
    ) -> HostCall<R> {
        let arguments = written(operation, arguments);
        let ticket = self.host.submit(operation.into(), RSlice::from_slice(&arguments));
        let under_way = Submitted::UnderWay(Waker::noop().clone());
        self.submitted.borrow_mut().insert(ticket, under_way);
        HostCall {
            guest: self.clone(),
            operation,
            ticket,
            result: PhantomData,
        }
    }

    /// Calls a function of the host that does not wait.
    ///
    /// # Panics
    /// Where the arguments can not be written or the answer can not be read, which ends the call.
    pub fn ask<R: DeserializeOwned>(&self, operation: &'static str, arguments: &impl Serialize) -> R {
        let arguments = written(operation, arguments);
        read(
            operation,
            &self.host.ask(operation.into(), RSlice::from_slice(&arguments)),
        )
    }

    /// A stream that the host owns, by the number that it has given it.
    pub fn stream(self: &Rc<Self>, number: u64) -> Stream {
        Stream {
            guest: self.clone(),
            number: Cell::new(Some(number)),
        }
    }

    /// Polls until there is nothing to do, then waits for the host. None where the call is not wanted any more.
    fn run<R>(&self, future: impl Future<Output = R>) -> Option<R> {
        let mut future = pin!(future);
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let waker = Waker::from(woken.clone());
        let mut context = Context::from_waker(&waker);
        loop {
            while woken.0.swap(false, Ordering::Relaxed) {
                if let Poll::Ready(result) = future.as_mut().poll(&mut context) {
                    return Some(result);
                }
            }
            assert!(!self.submitted.borrow().is_empty(), "it waits for nothing");
            let ROption::RSome(answer) = self.host.wait() else {
                return None;
            };
            let mut submitted = self.submitted.borrow_mut();
            // What was given up is not there any more.
            let before = submitted.get_mut(&answer.ticket);
            let answered = Submitted::Answered(answer.result.into());
            if let Some(Submitted::UnderWay(waker)) = before.map(|before| std::mem::replace(before, answered)) {
                drop(submitted);
                waker.wake();
            }
        }
    }
}

fn written(operation: &str, arguments: &impl Serialize) -> Vec<u8> {
    match encode(arguments) {
        Ok(bytes) => bytes,
        Err(reason) => panic!("the arguments of {operation}: {reason}"),
    }
}

fn read<R: DeserializeOwned>(operation: &str, bytes: &[u8]) -> R {
    match decode(bytes) {
        Ok(result) => result,
        Err(reason) => panic!("the host's answer to {operation} can not be read: {reason}"),
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A host call that was submitted. Dropped before it is answered, it is given up.
pub struct HostCall<R> {
    guest: Rc<Guest>,
    operation: &'static str,
    ticket: u64,
    result: PhantomData<fn() -> R>,
}

impl<R: DeserializeOwned> Future for HostCall<R> {
    type Output = R;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<R> {
        let mut submitted = self.guest.submitted.borrow_mut();
        match submitted.remove(&self.ticket) {
            Some(Submitted::Answered(bytes)) => Poll::Ready(read(self.operation, &bytes)),
            Some(Submitted::UnderWay(_)) => {
                submitted.insert(self.ticket, Submitted::UnderWay(context.waker().clone()));
                Poll::Pending
            }
            None => panic!("{} was polled after it had been answered", self.operation),
        }
    }
}

impl<R> Drop for HostCall<R> {
    fn drop(&mut self) {
        let submitted = self.guest.submitted.borrow_mut().remove(&self.ticket);
        if let Some(Submitted::UnderWay(_)) = submitted {
            self.guest.host.give_up(self.ticket);
        }
    }
}

/// A stream that the host owns. Dropped, it is given back.
pub struct Stream {
    guest: Rc<Guest>,
    number: Cell<Option<u64>>,
}

impl Stream {
    /// Its number, to hand it over with.
    pub fn hand_over(self) -> u64 {
        self.number.take().unwrap_or_default()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(number) = self.number.take() {
            self.guest.host.release(number);
        }
    }
}

/// Answers one call of a library, for [`Plugin::call`](crate::Plugin): `answer` is given the function's name and its
/// arguments, and returns the result as [`encode`] writes it, or why it can not answer.
///
/// A panic ends the call with its message, and no other.
pub fn call<F: Future<Output = Result<Vec<u8>, String>>>(
    operation: RStr<'_>,
    arguments: RSlice<'_, u8>,
    host: BoxedHost,
    answer: impl FnOnce(Rc<Guest>, String, Vec<u8>) -> F,
) -> Outcome {
    hush();
    let called = || {
        let guest = Rc::new(Guest {
            host,
            submitted: RefCell::default(),
        });
        let answering = answer(guest.clone(), operation.into(), arguments.to_vec());
        match guest.run(answering) {
            Some(Ok(result)) => Outcome::Answered(result.into()),
            Some(Err(reason)) => Outcome::Misunderstood(reason.into()),
            None => Outcome::Cancelled,
        }
    };
    match catch_unwind(AssertUnwindSafe(called)) {
        Ok(outcome) => outcome,
        Err(payload) => Outcome::Panicked(said(&*payload)),
    }
}

thread_local! {
    /// Where this thread has panicked last.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A panic is told to the host, and not to its standard error. The hook is that of this library's own standard library.
fn hush() {
    static HUSHED: Once = Once::new();
    HUSHED.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            PLACE.set(panic.location().map(ToString::to_string));
        }));
    });
}

fn said(payload: &(dyn Any + Send)) -> RString {
    let message = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(message), _) => message,
        (_, Some(message)) => message.as_str(),
        _ => "it gave no reason",
    };
    match PLACE.take() {
        Some(place) => format!("{message} ({place})").into(),
        None => message.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use abi_stable::sabi_trait::TD_Opaque;
    use abi_stable::std_types::RVec;
    use futures::future::join_all;

    use super::*;
    use crate::crossing::{Answer, Host, Host_TO};
    use crate::tests::Shapeless;

    /// What the host has been asked, and how many calls were under way when it was waited for.
    #[derive(Default)]
    struct Log {
        under_way: Vec<(u64, Vec<u8>)>,
        most: usize,
        given_up: Vec<u64>,
        released: Vec<u64>,
        tickets: u64,
    }

    /// Answers each call with its own argument, the latest first; `docker.never` it lets wait.
    #[derive(Clone, Default)]
    struct Echo(Arc<Mutex<Log>>);

    impl Echo {
        fn log(&self) -> std::sync::MutexGuard<'_, Log> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl Host for Echo {
        fn submit(&self, operation: RStr<'_>, arguments: RSlice<'_, u8>) -> u64 {
            let mut log = self.log();
            log.tickets += 1;
            let ticket = log.tickets;
            if operation != "docker.never" {
                log.under_way.push((ticket, arguments.to_vec()));
            }
            ticket
        }

        fn wait(&self) -> ROption<Answer> {
            let mut log = self.log();
            log.most = log.most.max(log.under_way.len());
            match log.under_way.pop() {
                Some((ticket, result)) => ROption::RSome(Answer {
                    ticket,
                    result: result.into(),
                }),
                None => ROption::RNone,
            }
        }

        fn give_up(&self, ticket: u64) {
            self.log().given_up.push(ticket);
        }

        fn ask(&self, _: RStr<'_>, arguments: RSlice<'_, u8>) -> RVec<u8> {
            arguments.to_rvec()
        }

        fn release(&self, handle: u64) {
            self.log().released.push(handle);
        }
    }

    fn called<F: Future<Output = Result<Vec<u8>, String>>>(answer: impl FnOnce(Rc<Guest>) -> F) -> (Outcome, Echo) {
        let echo = Echo::default();
        let host: BoxedHost = Host_TO::from_value(echo.clone(), TD_Opaque);
        let arguments = RSlice::from_slice(&[]);
        (
            call("instance.x".into(), arguments, host, |guest, _, _| answer(guest)),
            echo,
        )
    }

    #[test]
    fn calls_that_are_joined_are_under_way_together() {
        let (outcome, echo) = called(|guest| async move {
            let calls = (0..100_u64).map(|number| guest.submit::<u64>("docker.x", &number));
            encode(&join_all(calls).await)
        });
        let Outcome::Answered(result) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(decode(&result), Ok((0..100).collect::<Vec<u64>>()));
        assert_eq!(echo.log().most, 100);
    }

    #[test]
    fn a_panic_is_an_outcome_with_its_message_and_place() {
        let (outcome, _) = called(|guest| async move {
            guest.submit::<u8>("docker.x", &1_u8).await;
            panic!("seven is {}", 8)
        });
        let Outcome::Panicked(message) = outcome else {
            panic!("{outcome:?}")
        };
        assert!(
            message.starts_with("seven is 8 (") && message.contains("guest.rs"),
            "{message}"
        );
    }

    #[test]
    fn arguments_that_can_not_be_written_end_the_call_and_are_not_sent() {
        let (outcome, echo) = called(|guest| async move { encode(&guest.submit::<u8>("docker.x", &Shapeless).await) });
        let Outcome::Panicked(message) = outcome else {
            panic!("{outcome:?}")
        };
        assert!(
            message.starts_with("the arguments of docker.x: it can not be written"),
            "{message}"
        );
        assert_eq!(echo.log().tickets, 0);
    }

    #[test]
    fn a_call_that_is_not_wanted_any_more_gives_up_what_it_waits_for() {
        let (outcome, echo) = called(|guest| async move {
            let _stream = guest.stream(9);
            guest.stream(8).hand_over();
            Ok(guest.submit::<Vec<u8>>("docker.never", &()).await)
        });
        assert!(matches!(outcome, Outcome::Cancelled), "{outcome:?}");
        let log = echo.log();
        assert_eq!((&*log.given_up, &*log.released), (&[1][..], &[9][..]));
    }

    #[test]
    fn a_future_that_nothing_can_wake_is_told_from_one_that_waits() {
        let (outcome, _) = called(|_| std::future::pending());
        let Outcome::Panicked(message) = outcome else {
            panic!("{outcome:?}")
        };
        assert!(message.contains("waits for nothing"), "{message}");
    }

    #[test]
    fn what_does_not_wait_is_answered_at_once() {
        let (outcome, _) = called(|guest| async move { encode(&guest.ask::<u8>("system.x", &7_u8)) });
        assert!(matches!(outcome, Outcome::Answered(result) if *result == [7]));
    }
}
