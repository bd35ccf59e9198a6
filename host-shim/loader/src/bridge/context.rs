//! What one call of a plugin reaches, whichever form the plugin has: the engine behind its guard, the log, the clock.
//!
//! All that is asked for here counts.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use mngr_contract::Result;
use mngr_contract::docker::EnginePlace;
use mngr_contract::error::unsupported;
use mngr_contract::system::{LogLevel, Progress};
use mngr_engine::ProgressSink;
use mngr_guard::Guard;
use tracing::Level;

use super::meter::{Meter, UnderWay};

/// One call's way to the host.
#[derive(Clone)]
pub(crate) struct CallContext {
    /// The engine; absent for the calls that have no business with one (`describe`, `check-config`).
    pub guard: Option<Arc<Guard>>,
    pub progress: ProgressSink,
    /// Who writes to the log.
    pub plugin: Arc<str>,
    /// What it has used.
    pub meter: Arc<Meter>,
}

/// One request of the plugin, counted as under way until it is dropped.
pub(super) struct Request {
    guard: Arc<Guard>,
    _time: UnderWay,
}

impl Deref for Request {
    type Target = Guard;

    fn deref(&self) -> &Guard {
        &self.guard
    }
}

impl CallContext {
    /// The engine, for one request of the plugin.
    pub(super) fn engine(&self) -> Result<Request> {
        Ok(Request {
            guard: self.asked()?,
            _time: self.meter.clone().requests(),
        })
    }

    /// The same for what takes as long as the plugin says: that is its own time.
    pub(super) fn engine_at_its_leisure(&self) -> Result<Request> {
        Ok(Request {
            guard: self.asked()?,
            _time: self.meter.clone().waits(),
        })
    }

    fn asked(&self) -> Result<Arc<Guard>> {
        self.meter.host_call().map_err(|excess| excess.error(&self.plugin))?;
        self.guard.clone().ok_or_else(|| {
            unsupported(
                "docker",
                "this call has no business with an engine",
                "this is a fault of the plugin",
            )
        })
    }

    /// `docker.place`
    pub(super) fn place(&self) -> EnginePlace {
        self.guard
            .as_ref()
            .map_or(EnginePlace::ThisMachine, |guard| guard.place())
    }

    /// `system.log`: what the plugin says, in its words. What is too much is not written, and the call ends.
    pub(super) fn log(&self, level: LogLevel, message: &str) {
        if self.meter.host_call().is_err() || self.meter.output(message.len()).is_err() {
            return;
        }
        let plugin = &*self.plugin;
        match level {
            LogLevel::Trace => tracing::event!(Level::TRACE, plugin, "{message}"),
            LogLevel::Debug => tracing::event!(Level::DEBUG, plugin, "{message}"),
            LogLevel::Info => tracing::event!(Level::INFO, plugin, "{message}"),
            LogLevel::Warn => tracing::event!(Level::WARN, plugin, "{message}"),
            LogLevel::Error => tracing::event!(Level::ERROR, plugin, "{message}"),
        }
    }

    /// `system.report`
    pub(super) fn report(&self, progress: Progress) {
        let length = progress.step.len() + progress.subject.len();
        if self.meter.host_call().is_ok() && self.meter.output(length).is_ok() {
            (self.progress)(progress);
        }
    }

    /// `system.now`
    pub(super) fn now(&self) -> String {
        let _ = self.meter.host_call();
        format!("{:.3}", jiff::Timestamp::now())
    }

    /// `system.random-id`
    pub(super) fn random_id(&self) -> String {
        let _ = self.meter.host_call();
        uuid::Uuid::new_v4().simple().to_string()
    }

    /// `system.sleep`
    pub(super) async fn sleep(&self, milliseconds: u64) {
        if self.meter.host_call().is_err() {
            return;
        }
        let _time = self.meter.clone().waits();
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }
}
