//! What one call has done to the engine so far, so that a call which is cut short can be undone.
//!
//! A plugin undoes its own half-done work when an engine call fails. It can not when it is gone itself: it trapped, or the
//! caller cancelled. Then the shim undoes, newest first, what this journal holds. Where the shim is gone too, or the engine,
//! the [`Store`] still has what the call was about to do.

mod entry;
mod lock;
mod step;
mod store;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use self::entry::JournalEntry;
pub use self::lock::ContainerLock;
pub use self::step::Step;
pub use self::store::{Stale, Store, UnfinishedCall};
use mngr_contract::ProviderError;
use mngr_contract::docker::ContainerStatus;
use mngr_contract::log;
use mngr_contract::trace::Name;
use mngr_engine::Engine;

/// One reversible effect.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Effect {
    Created {
        id: String,
    },
    /// The request went out and no answer came back: the container may be there under that name, with that agent's id.
    MaybeCreated {
        name: String,
        agent_id: String,
    },
    Renamed {
        id: String,
        from: String,
    },
    Paused {
        id: String,
    },
    Committed {
        reference: String,
    },
    /// An image has that name only for a while.
    Lent {
        name: String,
        image: String,
        owner: Option<String>,
    },
    VolumeMade {
        name: String,
    },
    /// A commit was not answered: the container may still be frozen by it.
    MaybeFrozen {
        id: String,
    },
}

/// The effects of one call.
#[derive(Debug, Default)]
pub struct Journal {
    effects: Mutex<Vec<Effect>>,
    store: Option<Arc<Store>>,
    /// From the first step on.
    entry: Mutex<Option<JournalEntry>>,
    /// The engine has left a request unanswered.
    in_doubt: AtomicBool,
    /// Something is to be looked at, though the call succeeds.
    unsettled: AtomicBool,
}

impl Journal {
    /// A journal that is also kept in `store`.
    pub fn kept_in(store: Option<Arc<Store>>) -> Self {
        let mut journal = Self::default();
        journal.store = store;
        journal
    }

    /// Writes down what is about to be done. A journal that can not be written must not keep anybody from working, so that
    /// is only logged.
    pub async fn about_to(self: &Arc<Self>, step: Step) {
        let Some(store) = self.store.clone() else {
            return;
        };
        let journal = self.clone();
        let write = move || {
            let mut entry = journal.entry.lock().unwrap_or_else(PoisonError::into_inner);
            match &mut *entry {
                Some(entry) => entry.add(&step),
                None => store.begin(&step).map(|new| *entry = Some(new)),
            }
            .map_err(|error| {
                log!(
                    WARN,
                    "a crash in this call could not be mended later: no journal",
                    directory = store.directory(),
                    error = error,
                );
            })
        };
        let _ = tokio::task::spawn_blocking(write).await;
    }

    /// Waits until no one else works on a container's files. None where there is nowhere to keep locks.
    pub async fn lock(&self, container: &str) -> Option<ContainerLock> {
        let (store, container) = (self.store.clone()?, container.to_owned());
        let locked = tokio::task::spawn_blocking(move || store.lock(&container)).await;
        let error = match locked {
            Ok(Ok(lock)) => return Some(lock),
            Ok(Err(error)) => error.kind(),
            Err(_) => std::io::ErrorKind::Other,
        };
        log!(WARN, "calls for one agent are not kept apart", error = error);
        None
    }

    /// The engine did not answer, so what it did is not known.
    pub fn unanswered(&self) {
        self.in_doubt.store(true, Ordering::Relaxed);
    }

    /// The engine could not freeze or thaw a container, so it may be frozen.
    pub fn left_frozen(&self) {
        self.unsettled.store(true, Ordering::Relaxed);
    }

    /// The call has come to its end. Unless it succeeded, an engine that did not answer leaves it to be settled later; and
    /// though it did, a container that may still be frozen, or be there.
    pub fn end(&self, succeeded: bool) {
        let in_doubt = !succeeded && self.in_doubt.load(Ordering::Relaxed);
        if !in_doubt && !self.unsettled.load(Ordering::Relaxed) {
            self.forget();
        }
    }

    /// Nothing is left to be settled.
    fn forget(&self) {
        let entry = self.entry.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (Some(entry), Some(store)) = (entry, &self.store) {
            store.end(entry);
        }
    }

    fn with<R>(&self, change: impl FnOnce(&mut Vec<Effect>) -> R) -> R {
        change(&mut self.effects.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A container was made.
    pub fn created(&self, id: &str) {
        self.with(|effects| effects.push(Effect::Created { id: id.to_owned() }));
    }

    /// A container may have been made.
    pub fn maybe_created(&self, name: &str, agent_id: &str) {
        let effect = Effect::MaybeCreated {
            name: name.to_owned(),
            agent_id: agent_id.to_owned(),
        };
        self.with(|effects| effects.push(effect));
    }

    /// A container was renamed; a rename back to what it was called takes the first one off the books.
    pub fn renamed(&self, id: &str, from: &str, to: &str) {
        self.with(|effects| {
            let undone = effects
                .iter()
                .position(|effect| matches!(effect, Effect::Renamed { id: i, from: f } if i == id && f == to));
            match undone {
                Some(position) => drop(effects.remove(position)),
                None => effects.push(Effect::Renamed {
                    id: id.to_owned(),
                    from: from.to_owned(),
                }),
            }
        });
    }

    /// A container was frozen.
    pub fn paused(&self, id: &str) {
        self.with(|effects| effects.push(Effect::Paused { id: id.to_owned() }));
    }

    /// A container was thawed.
    pub fn unpaused(&self, id: &str) {
        self.with(|effects| effects.retain(|effect| !matches!(effect, Effect::Paused { id: i } if i == id)));
    }

    /// An image was made of a container.
    pub fn committed(&self, reference: &str) {
        self.with(|effects| {
            effects.push(Effect::Committed {
                reference: reference.to_owned(),
            });
        });
    }

    /// An image has been given a name that it is not to keep, and that another had before.
    pub fn lent(&self, name: &str, image: &str, owner: Option<&str>) {
        let effect = Effect::Lent {
            name: name.to_owned(),
            image: image.to_owned(),
            owner: owner.map(str::to_owned),
        };
        self.with(|effects| effects.push(effect));
    }

    /// It has it no longer.
    pub fn returned(&self, lent: &str) {
        self.with(|effects| effects.retain(|effect| !matches!(effect, Effect::Lent { name, .. } if name == lent)));
    }

    /// An image may have been made of a container, which was not frozen before.
    pub fn maybe_committed(&self, id: &str, reference: &str, was_paused: bool) {
        self.committed(reference);
        if !was_paused {
            self.with(|effects| effects.push(Effect::MaybeFrozen { id: id.to_owned() }));
        }
    }

    /// A volume was made, or may have been.
    pub fn volume_made(&self, name: &str) {
        self.with(|effects| effects.push(Effect::VolumeMade { name: name.to_owned() }));
    }

    /// A volume was removed.
    pub fn volume_gone(&self, name: &str) {
        self.with(|effects| effects.retain(|effect| !matches!(effect, Effect::VolumeMade { name: n } if n == name)));
    }

    /// A container was removed. If this call had not made it, there is no way back and what came before stays.
    pub fn removed(&self, id: &str) {
        self.with(|effects| {
            if is_own(effects, id) {
                effects.retain(|effect| !matches!(effect, Effect::Created { id: i } if i == id));
            } else {
                effects.clear();
            }
        });
    }

    /// A container may have been removed. If this call had not made it, there may be no way back: what came before stays, and is
    /// looked at once it is known.
    pub fn maybe_removed(&self, id: &str) {
        self.with(|effects| {
            if !is_own(effects, id) {
                effects.clear();
                self.unsettled.store(true, Ordering::Relaxed);
            }
        });
    }

    /// Undoes everything, newest first. What can not be undone is logged, and returned for the caller to tell.
    pub async fn roll_back(&self, engine: &dyn Engine) -> Vec<String> {
        let effects = self.with(std::mem::take);
        let mut left = Vec::new();
        for effect in effects.into_iter().rev() {
            let (what, undone) = match &effect {
                Effect::Created { id } => (
                    format!("container {id} was made"),
                    engine.container_remove(id, true, true).await,
                ),
                Effect::MaybeCreated { name, agent_id } => (
                    format!("container {name} may have been made"),
                    remove_if_ours(engine, name, agent_id).await,
                ),
                Effect::Renamed { id, from } => (
                    format!("container {id} was called {from}"),
                    engine.container_rename(id, from).await,
                ),
                Effect::Committed { reference } => (
                    format!("image {reference} was made"),
                    engine.image_remove(reference, false).await.map(drop),
                ),
                Effect::Lent { name, image, owner } => (
                    format!("image {image} was called {name}"),
                    take_back(engine, name, image, owner.as_deref()).await,
                ),
                Effect::VolumeMade { name } => (
                    format!("volume {name} was made"),
                    engine.volume_remove(name, false).await,
                ),
                Effect::MaybeFrozen { id } => (
                    format!("container {id} may be frozen by a snapshot"),
                    thaw(engine, id).await,
                ),
                Effect::Paused { id } => (format!("container {id} was paused"), engine.container_unpause(id).await),
            };
            match undone {
                Ok(()) | Err(ProviderError::NotFound(_)) => {}
                Err(error) => {
                    log!(
                        WARN,
                        "what a call had done could not be undone",
                        what = Name(&what),
                        error = error
                    );
                    left.push(format!("{what} and could not be undone: {}", error.message()));
                }
            }
        }
        left
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        let entry = self.entry.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let (Some(_), Some(store)) = (entry, &self.store) {
            store.look_again();
        }
    }
}

/// Whether a call of these effects has made the container.
fn is_own(effects: &[Effect], id: &str) -> bool {
    effects
        .iter()
        .any(|effect| matches!(effect, Effect::Created { id: i } if i == id))
}

/// Takes a name away from an image, where it still has it, and gives it back to the one that had it before.
///
/// # Errors
/// What the engine answers.
pub async fn take_back(engine: &dyn Engine, name: &str, image: &str, owner: Option<&str>) -> mngr_contract::Result<()> {
    let found = match engine.image_inspect(name).await {
        Ok(found) if found.id == image => found,
        Ok(_) | Err(ProviderError::NotFound(_)) => return Ok(()),
        Err(error) => return Err(error),
    };
    let remove = async |name: &str| match engine.image_remove(name, false).await {
        Ok(_) | Err(ProviderError::NotFound(_)) => Ok(()),
        Err(error) => Err(error),
    };
    let Some(owner) = owner else {
        return remove(name).await;
    };
    let (repository, tag) = split_name(name);
    engine.image_tag(owner, repository, tag).await?;
    // A push gives it a name by its digest as well, which would keep it alive and which only goes along with its last tag.
    let by_digest = |digest: &&String| {
        digest
            .strip_prefix(repository)
            .is_some_and(|rest| rest.starts_with('@'))
    };
    for digest in found.digests.iter().filter(by_digest) {
        remove(digest).await?;
    }
    Ok(())
}

/// `registry:5000/repository:tag` at its last colon.
pub fn split_name(name: &str) -> (&str, &str) {
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (name, "latest"),
    }
}

async fn thaw(engine: &dyn Engine, id: &str) -> mngr_contract::Result<()> {
    match engine.container_inspect(id, false).await?.state.status {
        ContainerStatus::Paused => engine.container_unpause(id).await,
        _ => Ok(()),
    }
}

async fn remove_if_ours(engine: &dyn Engine, name: &str, agent_id: &str) -> mngr_contract::Result<()> {
    let container = engine.container_inspect(name, false).await?;
    let ours = container
        .labels
        .iter()
        .any(|(key, value)| key == mngr_contract::labels::AGENT_LABEL && value == agent_id);
    if ours {
        engine.container_remove(&container.id, true, true).await
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effects(journal: &Journal) -> Vec<Effect> {
        journal.with(|effects| effects.clone())
    }

    #[test]
    fn a_container_that_was_removed_again_needs_no_undoing() {
        let journal = Journal::default();
        journal.created("a");
        journal.removed("a");
        assert!(effects(&journal).is_empty());
    }

    #[test]
    fn removing_what_was_there_before_is_a_point_of_no_return() {
        let journal = Journal::default();
        journal.renamed("old", "mngr-docker.a", "mngr-docker.a.replaced");
        journal.created("new");
        journal.removed("old");
        assert!(effects(&journal).is_empty());
    }

    #[test]
    fn removing_what_was_there_before_is_no_less_so_where_the_answer_is_lost() {
        let journal = Journal::default();
        journal.renamed("old", "mngr-docker.a", "mngr-docker.a.replaced");
        journal.created("new");
        journal.maybe_removed("new");
        assert_eq!(effects(&journal).len(), 2, "what this call has made is tried again");
        assert!(!journal.unsettled.load(Ordering::Relaxed));
        journal.maybe_removed("old");
        assert!(effects(&journal).is_empty());
        assert!(journal.unsettled.load(Ordering::Relaxed), "somebody is to look");
    }

    #[test]
    fn a_rename_back_cancels_the_rename() {
        let journal = Journal::default();
        journal.renamed("a", "one", "two");
        journal.renamed("a", "two", "one");
        assert!(effects(&journal).is_empty());
    }
}
