//! Calls that died: found in the journal, settled by the plugin.

use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use mngr_contract::instance::Action;
use mngr_contract::log;
use mngr_contract::system::Progress;
use mngr_contract::{ProviderError, Result};
use mngr_engine::scratch;
use mngr_guard::journal::{Stale, Step, UnfinishedCall, take_back};

use super::Provider;

/// How long the engine is given to end what a caller who died had asked it for.
const PATIENCE: Duration = Duration::from_secs(60);
/// The time between two looks whether it has.
const LOOK: Duration = Duration::from_millis(250);

impl Provider {
    /// Finishes or rolls back what a crash left half done. Each call does so first where there is anything, so that this is
    /// for those who want to see what is done. Where the engine is still at work on what a dead caller asked it for, this
    /// waits for it, a minute at most.
    ///
    /// # Errors
    /// `unavailable`, `timeout`, and `unsupported` for a plugin that can not.
    pub async fn reconcile(&self) -> Result<Vec<Action>> {
        let deadline = Instant::now() + PATIENCE;
        let mut actions = Vec::new();
        loop {
            let left = match self.settle_once().await {
                Ok((done, left)) => {
                    actions.extend(done);
                    left
                }
                Err(error) => {
                    actions.iter().for_each(say);
                    return Err(error);
                }
            };
            if left == 0 || Instant::now() >= deadline {
                return Ok(actions);
            }
            (self.progress)(Progress {
                step: "waiting for the engine to end what it is at".to_owned(),
                subject: self.name().to_owned(),
                done: None,
                total: None,
            });
            // Who is interrupted here is told so by the next look.
            tokio::select! {
                () = self.cancel.cancelled() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// How many calls died and are not settled: the engine is still at work on them, or does not answer.
    pub fn unsettled(&self) -> usize {
        self.journal_entries().iter().filter(|call| !call.alive).count()
    }

    /// Settles what can be settled now. What was done, and how many calls are left.
    async fn settle_once(&self) -> Result<(Vec<Action>, usize)> {
        let stale = match &self.store {
            Some(store) => store.stale(),
            None => Vec::new(),
        };
        if stale.is_empty() {
            return Ok((Vec::new(), 0));
        }
        let settled = self.settle(stale).await;
        if let Some(store) = &self.store
            && !matches!(settled, Ok((_, 0)))
        {
            store.look_again();
        }
        settled
    }

    /// The calls that have not come to their end, here or in another process of this user.
    pub(crate) fn journal_entries(&self) -> Vec<UnfinishedCall> {
        self.store.as_ref().map(|store| store.calls()).unwrap_or_default()
    }

    /// What was done, and how many are not settled yet.
    async fn settle(&self, stale: Vec<Stale>) -> Result<(Vec<Action>, usize)> {
        for call in &stale {
            for step in call.steps() {
                match step {
                    Step::Commit {
                        image, flatten: true, ..
                    } => scratch::sweep(&*self.engine, image).await?,
                    Step::Scratch { container } if call.steps().last() == Some(step) => {
                        scratch::remove_late(&*self.engine, container).await?;
                    }
                    Step::Scratch { container } => scratch::remove(&*self.engine, container).await?,
                    Step::Lend { name, image, owner } => {
                        take_back(&*self.engine, name, image, owner.as_deref()).await?;
                    }
                    _ => {}
                }
            }
        }
        let pending = stale.iter().map(Stale::pending).collect();
        let active = self.slot.current().await;
        let reference = active.reference(self.name());
        let call = active.plugin.reconcile(self.bare_session(), reference, pending);
        let done = self.traced(&active, "reconcile", None, call).await?;
        let (settled, left): (Vec<_>, Vec<_>) = stale.into_iter().partition(|call| done.settled.contains(&call.id()));
        settled.into_iter().for_each(Stale::settled);
        Ok((done.actions, left.len()))
    }

    /// The same before another call, which is not to fail for it. What was done is logged.
    pub(super) fn settle_the_dead(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let Some(store) = self.store.as_ref().filter(|store| store.take_look()) else {
                return;
            };
            match self.settle_once().await {
                Ok((actions, _)) => actions.iter().for_each(say),
                Err(ProviderError::Unsupported(_)) => {
                    log!(
                        DEBUG,
                        "the plugin settles no calls that died",
                        directory = store.directory()
                    );
                }
                Err(error) => {
                    log!(
                        WARN,
                        "what a crash left is not settled yet: the next call tries again, and `mngr-docker reconcile` says why",
                        error = error,
                    );
                }
            }
        })
    }
}

/// Logs what the plugin says that it did, in its words.
fn say(action: &Action) {
    let (verb, subject) = (&action.verb, &action.subject);
    tracing::event!(
        tracing::Level::WARN,
        "after a crash: {verb} {subject}: {}",
        action.reason
    );
}
