//! One call of a component: an instance of its own, what it may use, and how it ends.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use wasmtime::Store;

use super::Plugin;
use super::limits::{CallLimits, STACK};
use crate::bridge::{Call, Excess, Meter, look};
use crate::contract::{ProviderError, ProviderPlugin, Result};
use crate::engine::ProgressSink;
use crate::error::{internal, unavailable};
use crate::guard::Guard;

/// After how many instructions a busy plugin lets others run.
const YIELD_INTERVAL: u64 = 1_000_000;

/// What a call is made with, besides its arguments.
#[derive(Clone)]
pub(crate) struct Session {
    pub guard: Option<Arc<Guard>>,
    pub progress: ProgressSink,
    pub cancel: CancellationToken,
    pub limits: CallLimits,
}

/// How a call ended.
enum End<R> {
    /// It answered.
    Answered(Result<R>),
    /// It trapped, or has no instance.
    Trapped(wasmtime::Error),
    /// It went beyond a limit.
    Exceeded(Excess),
    /// Whoever made it does not want it any more.
    Cancelled,
}

impl Session {
    /// For calls that touch no engine.
    pub(crate) fn idle() -> Self {
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

    /// For a call that is to wait for so long.
    pub(crate) fn waiting(self, milliseconds: u64) -> Self {
        Self {
            limits: self.limits.waiting(milliseconds),
            ..self
        }
    }
}

impl Plugin {
    /// Makes an instance, calls it, and throws it away. A call that is cancelled, traps or goes beyond a limit is undone.
    pub(crate) async fn call<R>(
        &self,
        session: Session,
        call: impl AsyncFnOnce(&mut Store<Call>, &ProviderPlugin) -> wasmtime::Result<Result<R>>,
    ) -> Result<R> {
        if let Some(guard) = &session.guard {
            guard.called_by(self.caller(guard.provider()));
        }
        let mut error = match self.run(&session, call).await {
            End::Answered(result) => {
                if let Some(guard) = &session.guard {
                    guard.end(result.is_ok());
                }
                return result;
            }
            End::Trapped(trap) => self.trapped(&trap),
            End::Exceeded(excess) => excess.error(&self.origin),
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
    }

    /// When this returns, nothing of the plugin runs any more.
    async fn run<R>(
        &self,
        session: &Session,
        call: impl AsyncFnOnce(&mut Store<Call>, &ProviderPlugin) -> wasmtime::Result<Result<R>>,
    ) -> End<R> {
        let meter = Arc::new(Meter::new(session.limits));
        let running = async {
            let mut store = self.store(session, &meter)?;
            // What a component does as it starts is a part of the call.
            let plugin = self.instance(&mut store).await?;
            call(&mut store, &plugin).await
        };
        // The token is looked at first: a call that was cancelled before it began must not begin.
        let end = tokio::select! {
            biased;
            () = session.cancel.cancelled() => End::Cancelled,
            excess = meter.exceeded() => End::Exceeded(excess),
            outcome = running => match outcome {
                Ok(result) => End::Answered(result),
                Err(trap) => End::Trapped(trap),
            },
        };
        match (end, meter.excess()) {
            // That is why it trapped, or what it was told before it answered.
            (End::Trapped(_) | End::Answered(_), Some(excess)) => End::Exceeded(excess.clone()),
            (End::Trapped(trap), None) => told(&trap, &meter).map_or(End::Trapped(trap), End::Exceeded),
            (end, _) => end,
        }
    }

    pub(super) async fn instance(&self, store: &mut Store<Call>) -> wasmtime::Result<ProviderPlugin> {
        self.pre.instantiate_async(store).await
    }

    pub(super) fn store(&self, session: &Session, meter: &Arc<Meter>) -> wasmtime::Result<Store<Call>> {
        let (guard, progress) = (session.guard.clone(), session.progress.clone());
        let mut store = Store::new(
            &self.engine,
            Call::new(self.origin.clone(), guard, progress, meter.clone()),
        );
        store.limiter(|call| call);
        store.call_hook(look);
        store.set_fuel(session.limits.instructions)?;
        store.fuel_async_yield_interval(Some(YIELD_INTERVAL))?;
        store.set_max_component_handles(usize::try_from(session.limits.handles).unwrap_or(usize::MAX));
        store.set_hostcall_fuel(meter.share());
        Ok(store)
    }

    pub(super) fn trapped(&self, error: &wasmtime::Error) -> ProviderError {
        let reason = match error.downcast_ref::<wasmtime::Trap>() {
            Some(trap) => trap.to_string(),
            None => format!("{error:#}"),
        };
        Excess::fixed(reason).error(&self.origin)
    }
}

/// The limit that a trap of the runtime's own means.
fn told(trap: &wasmtime::Error, meter: &Meter) -> Option<Excess> {
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
