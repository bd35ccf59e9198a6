//! What is written down before it is done.

use mngr_contract::instance::{
    PendingCommit, PendingCreate, PendingImport, PendingPause, PendingRename, PendingStep, PendingVolume,
};
use serde::{Deserialize, Serialize};

/// A change that is about to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Step {
    /// A container is made.
    Create {
        /// Its name.
        name: String,
        /// The agent it is for.
        agent_id: String,
    },
    /// A container is renamed.
    Rename {
        /// Which one.
        container: String,
        /// What it is called.
        from: String,
        /// What it will be called.
        to: String,
    },
    /// A container becomes an image.
    Commit {
        /// Which one.
        container: String,
        /// `repository:tag`
        image: String,
        /// It is frozen already.
        was_paused: bool,
        /// As one layer.
        flatten: bool,
    },
    /// A container is frozen.
    Pause {
        /// Which one.
        container: String,
    },
    /// An archive becomes an image.
    Import {
        /// `repository:tag`
        image: String,
    },
    /// A volume is made.
    Volume {
        /// Its name.
        name: String,
    },
    /// A container is made that is no agent, for its files to be read. The host settles this itself.
    Scratch {
        /// Its name.
        container: String,
    },
    /// An image gets a name for as long as it is pushed. The host settles this itself.
    Lend {
        /// `registry/repository:tag`
        name: String,
        /// The image's id.
        image: String,
        /// The id of the image that has the name before.
        owner: Option<String>,
    },
}

impl Step {
    /// Whether it makes something that somebody may count on once this machine was started anew and the end of the call that
    /// made it was forgotten: so it is no longer said to be left over then, and need not be remembered for that long.
    pub(super) fn is_forgotten_at_boot(&self) -> bool {
        matches!(self, Self::Create { .. } | Self::Volume { .. })
    }

    /// As the plugin sees it; none where it is the host's own business.
    pub(super) fn pending(self) -> Option<PendingStep> {
        Some(match self {
            Self::Create { name, agent_id } => PendingStep::Create(PendingCreate {
                container_name: name,
                agent_id,
            }),
            Self::Rename { container, from, to } => PendingStep::Rename(PendingRename {
                container_id: container,
                from_name: from,
                to_name: to,
            }),
            Self::Commit {
                container,
                image,
                was_paused,
                flatten,
            } => PendingStep::Commit(PendingCommit {
                container_id: container,
                image,
                was_paused,
                flatten,
            }),
            Self::Pause { container } => PendingStep::Pause(PendingPause {
                container_id: container,
            }),
            Self::Import { image } => PendingStep::ImageImport(PendingImport { image }),
            Self::Volume { name } => PendingStep::Volume(PendingVolume { name }),
            Self::Scratch { .. } | Self::Lend { .. } => return None,
        })
    }
}
