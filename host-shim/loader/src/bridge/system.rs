//! `system`: log, progress, clock, random id.

use mngr_contract::system::{Host, HostWithStore, LogLevel, Progress};
use wasmtime::component::{Accessor, HasSelf};

use super::CallState;

impl Host for CallState {
    fn log(&mut self, level: LogLevel, message: String) {
        self.context.log(level, &message);
    }

    fn report(&mut self, progress: Progress) {
        self.context.report(progress);
    }

    fn now(&mut self) -> String {
        self.context.now()
    }

    fn random_id(&mut self) -> String {
        self.context.random_id()
    }
}

impl HostWithStore<CallState> for HasSelf<CallState> {
    async fn sleep(call: &Accessor<CallState, Self>, milliseconds: u64) {
        let context = call.with(|mut access| access.get().context.clone());
        context.sleep(milliseconds).await;
    }
}
