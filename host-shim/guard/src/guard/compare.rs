//! Two filesystems compared: images through containers of them that are never started, since only those can be read whole.

use mngr_contract::Result;
use mngr_contract::docker::{ContainerChanges, Filesystem, Image};
use mngr_contract::log;
use mngr_contract::trace::Name;
use mngr_engine::scratch;

use super::{Guard, may_have_happened};
use crate::journal::Step;
use crate::policy::Rule;

/// A container whose files are read.
enum Side {
    /// It is an agent's.
    Agent(String),
    /// It was made for this.
    Scratch(String),
}

impl Side {
    fn id(&self) -> &str {
        let (Self::Agent(id) | Self::Scratch(id)) = self;
        id
    }
}

impl Guard {
    /// The contract's `docker.filesystem-diff`.
    ///
    /// # Errors
    /// `denied` for what is not this provider's, and whatever the engine answers. Nothing stays behind.
    pub async fn filesystem_diff(&self, older: Filesystem, newer: Filesystem) -> Result<ContainerChanges> {
        // One after the other, so that there is always one who knows what was made.
        let older = self.side(older).await?;
        let newer = match self.side(newer).await {
            Ok(newer) => newer,
            Err(error) => {
                self.discard(older).await;
                return Err(error);
            }
        };
        let compared = self.engine.container_compare(older.id(), newer.id()).await;
        self.discard(older).await;
        self.discard(newer).await;
        compared
    }

    async fn side(&self, filesystem: Filesystem) -> Result<Side> {
        match filesystem {
            Filesystem::Container(container) => {
                self.may_look("filesystem-diff", &container, self.own(&container))
                    .await?;
                Ok(Side::Agent(container))
            }
            Filesystem::Image(reference) => {
                // A container of it is made on the way, which is never started.
                let may = self.own_image(&reference);
                let image = self
                    .may_change("filesystem-diff", Rule::Images, &reference, may)
                    .await?;
                self.reader(image).await.map(Side::Scratch)
            }
        }
    }

    async fn reader(&self, image: Image) -> Result<String> {
        let (engine, journal) = (self.engine.clone(), self.journal.clone());
        self.run_to_end(async move {
            let name = scratch::container(&uuid::Uuid::new_v4().simple().to_string());
            let step = Step::Scratch {
                container: name.clone(),
            };
            journal.about_to(step).await;
            let result = engine.container_create(scratch::reader(name.clone(), image)).await;
            match &result {
                Ok(created) => journal.created(&created.id),
                Err(error) if may_have_happened(error) => journal.maybe_created(&name, ""),
                Err(_) => {}
            }
            Ok(result?.id)
        })
        .await
    }

    async fn discard(&self, side: Side) {
        let Side::Scratch(id) = side else { return };
        let (engine, journal, container) = (self.engine.clone(), self.journal.clone(), id.clone());
        let removed = self.run_to_end(async move {
            scratch::remove(&*engine, &container).await?;
            journal.removed(&container);
            Ok(())
        });
        if let Err(error) = removed.await {
            log!(
                WARN,
                "what comparing needed is not removed",
                container = Name(&id),
                error = error
            );
        }
    }
}
