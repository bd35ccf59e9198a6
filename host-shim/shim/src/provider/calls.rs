//! How a provider's calls are made: with the plugin that decides at that moment, each in a span of its own.

use std::sync::Arc;

use mngr_contract::trace::{Kind, traced};
use mngr_contract::{Result, types};
use mngr_guard::Guard;
use mngr_loader::{Plugin, Session};
use tracing::field::Empty;

use super::Provider;
use super::plugin_slot::ActivePlugin;

/// How many digits of a digest tell one plugin from another.
const DIGEST: usize = 12;

impl Provider {
    /// Makes a call, after whatever an earlier one left half done is settled. `agent` is what the caller calls it.
    pub(super) async fn call<T, F: Future<Output = Result<T>>>(
        &self,
        operation: &'static str,
        agent: Option<&str>,
        make: impl FnOnce(Plugin, Session, types::Provider) -> F,
    ) -> Result<T> {
        let active = self.slot.current().await;
        // On the heap: the futures of a call are large, and a caller's stack may be a thread's of two megabytes.
        let settled = Box::pin(async {
            self.settle_the_dead().await;
            make(active.plugin.clone(), self.bare_session(), active.reference(&self.name)).await
        });
        self.traced(&active, operation, agent, settled).await
    }

    pub(super) async fn traced<T>(
        &self,
        active: &ActivePlugin,
        operation: &'static str,
        agent: Option<&str>,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let digest = active.plugin.digest();
        let span = tracing::info_span!(
            "call",
            provider = &*self.name,
            operation,
            agent,
            plugin = active.plugin.origin(),
            plugin_version = &*active.version,
            plugin_digest = digest.get(..DIGEST).unwrap_or(digest),
            error.type = Empty,
            otel.name = Empty,
            otel.status_code = Empty,
        );
        traced(Kind::Provider, operation, span, call).await
    }

    /// What a call is made with.
    pub(super) fn bare_session(&self) -> Session {
        let guard = Guard::new(self.engine.clone(), self.policy.clone(), self.store.clone())
            .with_credentials(self.credentials.clone())
            .audited(self.audit.clone());
        let guard = match self.privileged_exec {
            true => guard.with_privileged_exec(),
            false => guard,
        };
        Session {
            guard: Some(Arc::new(guard)),
            progress: self.progress.clone(),
            cancel: self.cancel.clone(),
            limits: self.limits,
        }
    }
}
