//! What one call has done to the engine so far, so that a call which is cut short can be undone.
//!
//! A plugin undoes its own half-done work when an engine call fails. It can not when it is gone itself: it trapped, or the
//! caller cancelled. Then the shim undoes, newest first, what this journal holds.

use std::sync::{Mutex, PoisonError};

use crate::engine::Engine;

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
}

/// The effects of one call.
#[derive(Debug, Default)]
pub struct Journal {
    effects: Mutex<Vec<Effect>>,
}

impl Journal {
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

    /// A container was removed. If this call had not made it, there is no way back and what came before stays.
    pub fn removed(&self, id: &str) {
        self.with(|effects| {
            let own = effects
                .iter()
                .any(|effect| matches!(effect, Effect::Created { id: i } if i == id));
            if own {
                effects.retain(|effect| !matches!(effect, Effect::Created { id: i } if i == id));
            } else {
                effects.clear();
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
                Effect::Paused { id } => (format!("container {id} was paused"), engine.container_unpause(id).await),
            };
            match undone {
                Ok(()) | Err(crate::contract::ProviderError::NotFound(_)) => {}
                Err(error) => {
                    tracing::warn!(what, error = error.message(), "could not be undone");
                    left.push(format!("{what} and could not be undone: {}", error.message()));
                }
            }
        }
        left
    }
}

async fn remove_if_ours(engine: &dyn Engine, name: &str, agent_id: &str) -> crate::contract::Result<()> {
    let container = engine.container_inspect(name, false).await?;
    let ours = container
        .labels
        .iter()
        .any(|(key, value)| key == crate::policy::AGENT_LABEL && value == agent_id);
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
    fn a_rename_back_cancels_the_rename() {
        let journal = Journal::default();
        journal.renamed("a", "one", "two");
        journal.renamed("a", "two", "one");
        assert!(effects(&journal).is_empty());
    }
}
