//! Calls after which a caller relies on something being there, or gone: each is written down in the ledger, where there is
//! one, before the caller is told.

use std::sync::Arc;

use mngr_contract::Result;
use mngr_contract::instance::{
    Action, ArrivalRequest, DestroyRequest, Destroyed, ForkRequest, GcRequest, SnapshotRequest, StartRequest,
    StopRequest, Stopped,
};
use mngr_contract::log;
use mngr_contract::types::{Agent, Snapshot};

use super::Provider;
use crate::check::{Ledger, LedgerEntry};

/// Each fails with any case of [`ProviderError`](mngr_contract::ProviderError) that the contract names for its function.
#[allow(clippy::missing_errors_doc)]
impl Provider {
    /// The same provider, whose acknowledgements are written down there.
    #[must_use]
    pub fn with_ledger(self, ledger: Option<Ledger>) -> Self {
        Self {
            ledger: ledger.map(Arc::new),
            ..self
        }
    }

    /// A ledger that can not be written must not keep anybody from working, so that is only logged.
    pub(super) fn record<E: IntoIterator<Item = LedgerEntry>>(&self, entries: impl FnOnce() -> E) {
        let Some(ledger) = &self.ledger else { return };
        if let Err(error) = ledger.write(entries()) {
            log!(
                WARN,
                "the ledger is not written, so `check` will know less",
                file = ledger.path(),
                error = error
            );
        }
    }

    /// Starts an agent, anew from a snapshot where one is named. Of a running agent: a success.
    pub async fn start(&self, agent: &str, request: StartRequest) -> Result<Agent> {
        let anew = request.snapshot.is_some();
        let started = self
            .call("start", Some(agent), |plugin, session, provider| async move {
                plugin.start(session, provider, agent.to_owned(), request).await
            })
            .await?;
        self.record(|| anew.then(|| LedgerEntry::from(&started).again()));
        Ok(started)
    }

    /// Stops an agent, after a snapshot where one is asked for. Of a stopped agent: a success.
    pub async fn stop(&self, agent: &str, request: StopRequest) -> Result<Stopped> {
        let stopped = self
            .call("stop", Some(agent), |plugin, session, provider| async move {
                plugin.stop(session, provider, agent.to_owned(), request).await
            })
            .await?;
        self.record(|| stopped.snapshot.as_ref().map(LedgerEntry::from));
        Ok(stopped)
    }

    /// Freezes an agent; memory and files stay.
    pub async fn pause(&self, agent: &str) -> Result<Agent> {
        self.record(|| {
            [LedgerEntry::Freeze {
                agent: agent.to_owned(),
            }]
        });
        let paused = self
            .call("pause", Some(agent), |plugin, session, provider| async move {
                plugin.pause(session, provider, agent.to_owned()).await
            })
            .await?;
        self.record(|| [frozen(&paused, true)]);
        Ok(paused)
    }

    /// Thaws a paused agent.
    pub async fn resume(&self, agent: &str) -> Result<Agent> {
        self.record(|| {
            [LedgerEntry::Freeze {
                agent: agent.to_owned(),
            }]
        });
        let resumed = self
            .call("resume", Some(agent), |plugin, session, provider| async move {
                plugin.resume(session, provider, agent.to_owned()).await
            })
            .await?;
        self.record(|| [frozen(&resumed, false)]);
        Ok(resumed)
    }

    /// Removes an agent; its snapshots stay unless asked for. Of an agent that is gone: a success.
    pub async fn destroy(&self, agent: &str, request: DestroyRequest) -> Result<Destroyed> {
        let snapshots = request.snapshots;
        self.record(|| {
            [LedgerEntry::Destroy {
                agent: agent.to_owned(),
                snapshots,
            }]
        });
        let destroyed = self
            .call("destroy", Some(agent), |plugin, session, provider| async move {
                plugin.destroy(session, provider, agent.to_owned(), request).await
            })
            .await?;
        self.record(|| {
            destroyed.agent_id.as_ref().map(|id| LedgerEntry::Destroyed {
                id: id.clone(),
                snapshots: destroyed.deleted_snapshots.clone(),
            })
        });
        Ok(destroyed)
    }

    /// Gives an agent a new name.
    pub async fn rename(&self, agent: &str, name: &str) -> Result<Agent> {
        let renamed = self
            .call("rename", Some(agent), |plugin, session, provider| async move {
                plugin
                    .rename(session, provider, agent.to_owned(), name.to_owned())
                    .await
            })
            .await?;
        self.record(|| [LedgerEntry::from(&renamed)]);
        Ok(renamed)
    }

    /// Makes agents from an agent or a snapshot. All or nothing.
    pub async fn fork(&self, agent: &str, request: ForkRequest) -> Result<Vec<Agent>> {
        let made = self
            .call("fork", Some(agent), |plugin, session, provider| async move {
                plugin.fork(session, provider, agent.to_owned(), request).await
            })
            .await?;
        self.record(|| made.iter().map(LedgerEntry::from).collect::<Vec<_>>());
        Ok(made)
    }

    /// Commits the agent's filesystem to an image.
    pub async fn snapshot_create(&self, agent: &str, request: SnapshotRequest) -> Result<Snapshot> {
        let taken = self
            .call("snapshot_create", Some(agent), |plugin, session, provider| async move {
                plugin
                    .snapshot_create(session, provider, agent.to_owned(), request)
                    .await
            })
            .await?;
        self.record(|| [LedgerEntry::from(&taken)]);
        Ok(taken)
    }

    /// Deletes a snapshot that no agent uses. With `agent` it must be that agent's.
    pub async fn snapshot_delete(&self, agent: Option<String>, snapshot: &str) -> Result<Snapshot> {
        self.record(|| {
            [LedgerEntry::Delete {
                snapshot: snapshot.to_owned(),
            }]
        });
        let deleted = self
            .call(
                "snapshot_delete",
                agent.clone().as_deref(),
                |plugin, session, provider| async move {
                    plugin
                        .snapshot_delete(session, provider, agent, snapshot.to_owned())
                        .await
                },
            )
            .await?;
        self.record(|| [LedgerEntry::Deleted { id: deleted.id.clone() }]);
        Ok(deleted)
    }

    /// Takes a snapshot in from a registry.
    pub async fn snapshot_pull(&self, reference: &str) -> Result<Snapshot> {
        let taken = self
            .call("snapshot_pull", None, |plugin, session, provider| async move {
                plugin.snapshot_pull(session, provider, reference.to_owned()).await
            })
            .await?;
        self.record(|| [LedgerEntry::from(&taken).again()]);
        Ok(taken)
    }

    /// Makes an agent of what another provider sent.
    pub async fn migrate_in(&self, request: ArrivalRequest) -> Result<Agent> {
        let arrived = self
            .call("migrate_in", None, |plugin, session, provider| async move {
                plugin.migrate_in(session, provider, request).await
            })
            .await?;
        self.record(|| [LedgerEntry::from(&arrived).again()]);
        Ok(arrived)
    }

    /// Removes what no agent needs any more.
    pub async fn gc(&self, request: GcRequest) -> Result<Vec<Action>> {
        let collects = request.snapshots && !request.dry_run;
        self.record(|| collects.then_some(LedgerEntry::Collect));
        self.call("gc", None, |plugin, session, provider| async move {
            plugin.gc(session, provider, request).await
        })
        .await
    }
}

fn frozen(agent: &Agent, frozen: bool) -> LedgerEntry {
    LedgerEntry::Frozen {
        id: agent.id.clone(),
        frozen,
    }
}
