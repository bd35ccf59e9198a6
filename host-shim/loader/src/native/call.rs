//! One call of a library.

use std::sync::Arc;
use std::thread;

use abi_stable::std_types::RSlice;
use futures::future::BoxFuture;
use mngr_contract::Result;
use mngr_contract::backend::ConfigReport;
use mngr_plugin_abi::{BoxedHost, Outcome, decode, encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use super::Library;
use crate::bridge::{Excess, HostCalls, Meter, Streams};
use crate::call::{Session, without_answer};
use crate::plugin::Plugin;

/// Stack of a call's thread, in bytes. What is not used of it costs nothing.
const STACK: usize = 16 << 20;

impl Library {
    /// Calls a function and waits for its end on this thread.
    fn call(self, operation: &str, arguments: &[u8], host: BoxedHost) -> Outcome {
        (self.plugin.call())(operation.into(), RSlice::from_slice(arguments), host)
    }
}

impl Plugin {
    /// Calls a function of a library on a thread of its own. A call that is cancelled, panics or goes beyond a limit is undone,
    /// as a component's is.
    ///
    /// A thread can not be stopped from outside. What computes on though its call is over is handed nothing any more and holds
    /// nobody up but a processor, until the process ends.
    pub(crate) async fn call_native<A: Serialize, W: DeserializeOwned, R: Send>(
        &self,
        library: &Library,
        session: Session,
        operation: &'static str,
        arguments: impl FnOnce(&Streams) -> A,
        read: impl FnOnce(W, &Streams) -> Result<R> + Send,
    ) -> Result<R> {
        let meter = Arc::new(Meter::new(session.limits));
        let (mut calls, host) = HostCalls::new(self.context(&session, &meter));
        let arguments = encode(&arguments(calls.streams()));
        let arguments = arguments.map_err(|reason| unwritable(operation, &reason));
        let mut answer = None;
        let (kept, limit) = (&mut answer, &meter);
        // Once this is over, or dropped, nothing that the library has asked for runs any more: it owns what does that.
        let answering = Box::pin(async move {
            let result = library.bytes(&mut calls, operation, arguments?, host, limit).await?;
            let result = decode(&result).map_err(|reason| unreadable(operation, &reason))?;
            Ok(kept.insert(read(result, calls.streams())).is_ok())
        });
        self.ended(&session, &meter, answering).await?;
        answer.unwrap_or_else(without_answer)
    }
}

impl Library {
    /// What a call answers, while what it asks the host for is done.
    fn bytes<'a>(
        self,
        calls: &'a mut HostCalls,
        operation: &'static str,
        arguments: Vec<u8>,
        host: BoxedHost,
        meter: &'a Meter,
    ) -> BoxFuture<'a, std::result::Result<Vec<u8>, Excess>> {
        Box::pin(async move {
            let outcome = tokio::select! {
                outcome = run(self, operation, arguments, host) => outcome,
                never = calls.serve() => match never {},
            };
            let result = answered(operation, outcome)?;
            if u64::try_from(result.len()).is_ok_and(|length| length > meter.limits().transfer) {
                return Err(meter.too_much_data());
            }
            Ok(result)
        })
    }
}

/// Runs a call on a thread of its own.
async fn run(
    library: Library,
    operation: &'static str,
    arguments: Vec<u8>,
    host: BoxedHost,
) -> std::result::Result<Outcome, String> {
    let (done, ended) = oneshot::channel();
    let span = tracing::Span::current();
    let subscriber = tracing::dispatcher::get_default(Clone::clone);
    let call = move || {
        let _subscriber = tracing::dispatcher::set_default(&subscriber);
        let _span = span.enter();
        let _ = done.send(library.call(operation, &arguments, host));
    };
    let thread = thread::Builder::new().name("plugin".to_owned()).stack_size(STACK);
    thread
        .spawn(call)
        .map_err(|error| format!("there is no thread for it: {error}"))?;
    ended.await.map_err(|_| "it ended without a word".to_owned())
}

/// The result that a call came to.
fn answered(operation: &str, outcome: std::result::Result<Outcome, String>) -> std::result::Result<Vec<u8>, Excess> {
    Err(Excess::fixed(match outcome {
        Ok(Outcome::Answered(result)) => return Ok(result.into()),
        Ok(Outcome::Panicked(message)) => format!("it panicked: {message}"),
        Ok(Outcome::Misunderstood(reason)) => format!("it can not answer {operation}: {reason}"),
        Ok(Outcome::Cancelled) => "it gave up though nobody asked it to".to_owned(),
        Err(reason) => reason,
    }))
}

fn unwritable(operation: &str, reason: &str) -> Excess {
    Excess::fixed(format!(
        "the arguments of {operation} can not be handed to it: {reason}"
    ))
}

fn unreadable(operation: &str, reason: &str) -> Excess {
    Excess::fixed(format!("its answer to {operation} can not be read: {reason}"))
}

impl Library {
    /// `backend.check-config` on this very thread, for benchmarks: what a call costs by itself.
    pub(crate) fn check_config(
        self,
        host: BoxedHost,
        name: &str,
        settings: &str,
    ) -> std::result::Result<ConfigReport, Excess> {
        const OPERATION: &str = "backend.check-config";
        let arguments = encode(&(name, settings)).map_err(|reason| unwritable(OPERATION, &reason))?;
        let result = answered(OPERATION, Ok(self.call(OPERATION, &arguments, host)))?;
        decode(&result).map_err(|reason| unreadable(OPERATION, &reason))
    }
}
