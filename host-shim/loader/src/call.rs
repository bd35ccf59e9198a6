//! One call of a plugin: what it is made with, and how it ends; and where the plugin is a component, the instance that it gets.

use std::sync::Arc;

use futures::future::BoxFuture;
use mngr_contract::Result;
use mngr_contract::error::{internal, unavailable};
use mngr_engine::ProgressSink;
use mngr_guard::Guard;
use tokio_util::sync::CancellationToken;
use wasmtime::Store;

use super::Plugin;
use super::limits::{CallLimits, STACK};
use super::running::{Linked, Running};
use crate::bridge::{CallContext, CallState, Excess, Meter, look};

/// After how many instructions a busy plugin lets others run.
const YIELD_INTERVAL: u64 = 1_000_000;

/// What a call is made with, besides its arguments.
#[derive(Clone)]
pub struct Session {
    /// The engine as this call may use it. None for a call that touches no engine.
    pub guard: Option<Arc<Guard>>,
    /// Who hears how far the call has come.
    pub progress: ProgressSink,
    /// Ends the call before its time.
    pub cancel: CancellationToken,
    /// How much the call may use.
    pub limits: CallLimits,
}

/// A call that runs. It says whether the plugin's answer is a success, or why there is no answer. The answer itself stays with the
/// caller, so that the end of a call is compiled once and not for each type of answer.
pub(super) type Answering<'a> = BoxFuture<'a, std::result::Result<bool, Excess>>;

/// How a call ended.
enum End {
    /// It answered: with a success, or with an error.
    Answered(bool),
    /// It went beyond a limit, trapped, panicked, or never began.
    Broken(Excess),
    /// Whoever made it does not want it any more.
    Cancelled,
}

impl Session {
    /// For calls that touch no engine.
    pub fn idle() -> Self {
        Self {
            guard: None,
            progress: Arc::new(|_| {}),
            cancel: CancellationToken::new(),
            limits: CallLimits::default(),
        }
    }

    /// For those that answer at once.
    pub(super) fn brief() -> Self {
        Self {
            limits: CallLimits::default().brief(),
            ..Self::idle()
        }
    }

    /// Lets a call run until it ends, it is cancelled, or it goes beyond a limit.
    async fn watch(&self, meter: &Meter, running: Answering<'_>) -> End {
        // The token is looked at first: a call that was cancelled before it began must not begin.
        let end = tokio::select! {
            biased;
            () = self.cancel.cancelled() => End::Cancelled,
            excess = meter.exceeded() => End::Broken(excess),
            outcome = running => outcome.map_or_else(End::Broken, End::Answered),
        };
        match (end, meter.excess()) {
            // That is why it broke, or what it was told before it answered.
            (End::Broken(_) | End::Answered(_), Some(excess)) => End::Broken(excess.clone()),
            (end, _) => end,
        }
    }

    /// For a call that is to wait for so long.
    pub fn waiting(self, milliseconds: u64) -> Self {
        Self {
            limits: self.limits.waiting(milliseconds),
            ..self
        }
    }
}

impl Plugin {
    /// Makes an instance, calls it, and throws it away. A call that is cancelled, traps or goes beyond a limit is undone.
    pub(super) async fn call<R: Send>(
        &self,
        component: &Linked,
        session: Session,
        call: impl for<'a> FnOnce(&'a mut Running) -> BoxFuture<'a, wasmtime::Result<Result<R>>> + Send,
    ) -> Result<R> {
        let meter = Arc::new(Meter::new(session.limits));
        let mut answer = None;
        let answering = Box::pin(async {
            let running = async {
                let store = self.store(component, &session, &meter)?;
                // What a component does as it starts is a part of the call.
                call(&mut component.instance(store).await?).await
            };
            match running.await {
                Ok(result) => Ok(answer.insert(result).is_ok()),
                Err(trap) => Err(excess_behind(&trap, &meter).unwrap_or_else(|| trapped(&trap))),
            }
        });
        self.ended(&session, &meter, answering).await?;
        answer.unwrap_or_else(without_answer)
    }

    /// Lets a call of any form run to its end, and undoes it where it comes to none. When this returns, nothing of the plugin
    /// runs any more; where it is a success, the call has an answer.
    pub(super) fn ended<'a>(
        &'a self,
        session: &'a Session,
        meter: &'a Meter,
        answering: Answering<'a>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            if let Some(guard) = &session.guard {
                guard.called_by(self.caller(guard.provider()));
            }
            let mut error = match session.watch(meter, answering).await {
                End::Answered(success) => {
                    if let Some(guard) = &session.guard {
                        guard.end(success);
                    }
                    return Ok(());
                }
                End::Broken(excess) => excess.error(&self.origin),
                End::Cancelled => unavailable(
                    "the call",
                    "it was interrupted",
                    "what it had made was removed; call again",
                ),
            };
            if let Some(guard) = &session.guard {
                let left = guard.roll_back().await;
                if !left.is_empty() {
                    error = internal(
                        "the call",
                        format!("{}; left behind: {}", error.message(), left.join("; ")),
                        "see `mngr-docker list`",
                    );
                }
            }
            Err(error)
        })
    }

    pub(super) fn context(&self, session: &Session, meter: &Arc<Meter>) -> CallContext {
        CallContext {
            guard: session.guard.clone(),
            progress: session.progress.clone(),
            plugin: self.origin.clone(),
            meter: meter.clone(),
        }
    }

    pub(super) fn store(
        &self,
        component: &Linked,
        session: &Session,
        meter: &Arc<Meter>,
    ) -> wasmtime::Result<Store<CallState>> {
        let mut store = Store::new(&component.engine, CallState::new(self.context(session, meter)));
        store.limiter(|call| call);
        store.call_hook(look);
        store.set_fuel(session.limits.instructions)?;
        store.fuel_async_yield_interval(Some(YIELD_INTERVAL))?;
        store.set_max_component_handles(usize::try_from(session.limits.handles).unwrap_or(usize::MAX));
        store.set_hostcall_fuel(meter.share());
        Ok(store)
    }
}

/// A call that has ended well has left an answer.
pub(super) fn without_answer<R>() -> Result<R> {
    Err(internal("the call", "it ended without an answer", "report this"))
}

/// A trap as the reason for which a call ended.
pub(super) fn trapped(error: &wasmtime::Error) -> Excess {
    Excess::fixed(match error.downcast_ref::<wasmtime::Trap>() {
        Some(trap) => trap.to_string(),
        None => format!("{error:#}"),
    })
}

/// The limit that a trap of the runtime's own means.
fn excess_behind(trap: &wasmtime::Error, meter: &Meter) -> Option<Excess> {
    match trap.downcast_ref::<wasmtime::Trap>() {
        Some(wasmtime::Trap::OutOfFuel) => {
            let limit = meter.limits().instructions;
            let reason = format!("it ran for too long without an answer: more than {limit} instructions");
            return Some(Excess::new("instructions", reason));
        }
        Some(wasmtime::Trap::StackOverflow) => {
            let reason = format!("it called itself too deep: it has {} KiB of stack", STACK >> 10);
            return Some(Excess::fixed(reason));
        }
        _ => {}
    }
    // These two have no type that could be told.
    let reason = format!("{trap:#}");
    if reason.contains("handle limit exceeded") {
        return Some(meter.too_many_handles());
    }
    reason
        .contains("fuel allocated for hostcalls")
        .then(|| meter.too_much_data())
}
