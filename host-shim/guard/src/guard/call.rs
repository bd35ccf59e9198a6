//! What one call knows of the engine, and how it ends.

use std::collections::HashMap;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use mngr_contract::Result;
use mngr_contract::docker::Image;
use mngr_contract::error::internal;
use tracing::Instrument;

use super::lookups::Known;
use super::{Guard, may_have_happened};
use crate::journal::ContainerLock;

/// How long a cancelled call waits for requests that are already on their way.
const UNDER_WAY: Duration = Duration::from_secs(30);

impl Guard {
    /// The call has come to its end by itself.
    pub fn end(&self, succeeded: bool) {
        self.journal.end(succeeded);
    }

    /// Undoes what the call did, once what is on its way has arrived. For a call that was cancelled or trapped.
    pub async fn roll_back(&self) -> Vec<String> {
        self.tasks.close();
        let mut left = Vec::new();
        if tokio::time::timeout(UNDER_WAY, self.tasks.wait()).await.is_err() {
            left.push(format!(
                "the engine at {} still works on a request",
                self.engine.endpoint()
            ));
        }
        left.extend(self.journal.roll_back(&*self.engine).await);
        if left.is_empty() {
            self.journal.end(true);
        }
        left
    }

    pub(super) fn learn(&self, id: &str, known: Known) {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        own.insert(known.name.clone(), known.clone());
        own.insert(id.to_owned(), known);
    }

    pub(super) fn known(&self, id: &str) -> Option<Known> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    pub(super) fn seen_image(&self, reference: &str) -> Option<Image> {
        let images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        images.get(reference).cloned()
    }

    pub(super) fn see_image(&self, reference: &str, image: Image) {
        let mut images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        images.insert(reference.to_owned(), image);
    }

    pub(super) fn frozen(&self) -> MutexGuard<'_, HashMap<String, Option<ContainerLock>>> {
        self.frozen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no one else works on a container's files; nobody does where this call has frozen it.
    pub(super) async fn alone_with(&self, id: &str) -> Option<ContainerLock> {
        if self.frozen().contains_key(id) {
            return None;
        }
        self.journal.lock(id).await
    }

    /// Runs a request to its end whatever becomes of the caller.
    pub(super) async fn run_to_end<R: Send + 'static>(
        &self,
        request: impl Future<Output = Result<R>> + Send + 'static,
    ) -> Result<R> {
        match self.tasks.spawn(request.in_current_span()).await {
            Ok(result) => {
                if result.as_ref().is_err_and(may_have_happened) {
                    self.journal.unanswered();
                }
                result
            }
            Err(error) => Err(internal("the shim", error.to_string(), "report this")),
        }
    }
}
