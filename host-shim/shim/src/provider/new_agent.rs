//! An agent to be made.

use std::path::PathBuf;

/// What a new agent is made from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AgentSource {
    /// The provider's `default_image`.
    #[default]
    DefaultImage,
    /// An image on the engine, or one it can pull.
    Image(String),
    /// An image to be built.
    Build {
        /// The build context's directory on this machine.
        context: PathBuf,
        /// The arguments of `docker build`, as written: `--build-arg`, `A=1`.
        args: Vec<String>,
    },
    /// A snapshot's id, a unique prefix of one, or its name.
    Snapshot(String),
}

/// An agent to be made. Only the name is needed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewAgent {
    /// Unique within the provider.
    pub name: String,
    /// What it is made from.
    pub from: AgentSource,
    /// Empty for the provider's default.
    pub agent_type: String,
    /// The user's own tags.
    pub tags: Vec<(String, String)>,
    /// Id of the agent this one descends from.
    pub parent_id: Option<String>,
    /// Flags of `docker run`, as written: `--memory`, `4g`.
    pub start_args: Vec<String>,
    /// The main command; empty for one that waits until it is told to stop.
    pub command: Vec<String>,
    /// Leave it created and not started.
    pub no_start: bool,
    /// Publish port 22 where an `ssh` of this machine gets at it.
    pub publish_ssh: bool,
}

impl NewAgent {
    /// An agent of that name from the provider's default image.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// The same from this image.
    #[must_use]
    pub fn image(self, image: impl Into<String>) -> Self {
        Self {
            from: AgentSource::Image(image.into()),
            ..self
        }
    }
}
