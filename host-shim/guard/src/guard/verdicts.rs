//! What a call asks for is decided on, and written down: what changes something before it goes out, and every refusal.

use mngr_contract::{ProviderError, Result};

use super::Guard;
use super::lookups::Known;
use crate::policy::{Caller, Rule};

impl Guard {
    /// The provider that the call is for.
    pub fn provider(&self) -> &str {
        self.policy.provider()
    }

    /// Says who makes the call.
    pub fn called_by(&self, caller: Caller) {
        // Whoever came first made it.
        let _ = self.caller.set(caller);
    }

    /// What is asked for changes nothing: only a refusal is worth a line.
    pub(super) async fn may_look<T>(
        &self,
        call: &str,
        object: &str,
        asked: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let verdict = asked.await;
        self.refused(call, object, &verdict);
        verdict
    }

    /// What is asked for is going to change `object`, by that rule.
    pub(super) async fn may_change<T>(
        &self,
        call: &str,
        rule: Rule,
        object: &str,
        asked: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let verdict = self.may_look(call, object, asked).await?;
        self.record(call, object, false, rule.name());
        Ok(verdict)
    }

    /// The same of a container, by its id or name.
    pub(super) async fn may_change_container(&self, call: &str, id: &str) -> Result<Known> {
        let known = self.may_look(call, id, self.own(id)).await?;
        self.record(call, &known.name, false, Rule::Containers.name());
        Ok(known)
    }

    fn refused<T>(&self, call: &str, object: &str, verdict: &Result<T>) {
        if let Err(ProviderError::Denied(denied)) = verdict {
            self.record(call, object, true, &denied.rule);
        }
    }

    fn record(&self, call: &str, object: &str, is_refused: bool, rule: &str) {
        let Some(audit) = &self.audit else { return };
        let nobody = Caller::default();
        audit.write(self.caller.get().unwrap_or(&nobody), call, object, is_refused, rule);
    }
}
