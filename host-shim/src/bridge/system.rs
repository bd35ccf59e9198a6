//! `system`: log, progress, clock, random id.

use std::time::Duration;

use wasmtime::component::{Accessor, HasSelf};

use super::Call;
use crate::contract::system::{Host, HostWithStore, LogLevel, Progress};

impl Host for Call {
    fn log(&mut self, level: LogLevel, message: String) {
        // What is too much is not written; the plugin traps as it leaves.
        if self.meter.host_call().is_err() || self.meter.output(message.len()).is_err() {
            return;
        }
        let plugin = &*self.plugin;
        match level {
            LogLevel::Trace => tracing::trace!(plugin, "{message}"),
            LogLevel::Debug => tracing::debug!(plugin, "{message}"),
            LogLevel::Info => tracing::info!(plugin, "{message}"),
            LogLevel::Warn => tracing::warn!(plugin, "{message}"),
            LogLevel::Error => tracing::error!(plugin, "{message}"),
        }
    }

    fn report(&mut self, progress: Progress) {
        let length = progress.step.len() + progress.subject.len();
        if self.meter.host_call().is_ok() && self.meter.output(length).is_ok() {
            (self.progress)(progress);
        }
    }

    fn now(&mut self) -> String {
        let _ = self.meter.host_call();
        format!("{:.3}", jiff::Timestamp::now())
    }

    fn random_id(&mut self) -> String {
        let _ = self.meter.host_call();
        uuid::Uuid::new_v4().simple().to_string()
    }
}

impl HostWithStore<Call> for HasSelf<Call> {
    async fn sleep(call: &Accessor<Call, Self>, milliseconds: u64) {
        let meter = call.with(|mut access| access.get().meter.clone());
        if meter.host_call().is_err() {
            return;
        }
        let _time = meter.waits();
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }
}
