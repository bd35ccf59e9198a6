//! `system`: log, progress, clock, random id.

use std::time::Duration;

use wasmtime::component::{Accessor, HasSelf};

use super::Call;
use crate::contract::system::{Host, HostWithStore, LogLevel, Progress};

impl Host for Call {
    fn log(&mut self, level: LogLevel, message: String) {
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
        (self.progress)(progress);
    }

    fn now(&mut self) -> String {
        format!("{:.3}", jiff::Timestamp::now())
    }

    fn random_id(&mut self) -> String {
        uuid::Uuid::new_v4().simple().to_string()
    }
}

impl HostWithStore<Call> for HasSelf<Call> {
    async fn sleep(_: &Accessor<Call, Self>, milliseconds: u64) {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }
}
