//! From a container to an image.

use mngr_contract::Result;
use mngr_contract::docker::{CommitOptions, ContainerStatus};

use super::images::{MAX_LAYERS, tag_name};
use super::state::ImageConfig;
use super::{SandboxEngine, errors, locked};

impl SandboxEngine {
    /// Volumes and tmpfs are trees of their own, so they are not in the image.
    pub(super) async fn container_commit(&self, id: &str, options: CommitOptions) -> Result<String> {
        let mut state = self.state();
        let container = state.container(id)?;
        let tag = match options.repository.as_str() {
            "" => None,
            repository => Some(tag_name(repository, &options.tag)?),
        };
        let (layers, parent) = match options.flatten || !options.without_env.is_empty() {
            true => (1, String::new()),
            false => {
                let below = state.images.get(&container.image_id).map_or(0, |image| image.layers);
                (below + 1, container.image_id.clone())
            }
        };
        if layers > MAX_LAYERS {
            return Err(errors::failed("container", id, "max depth exceeded"));
        }
        let tree = locked(&container.root).clone();
        let mut config: ImageConfig = container.config.clone();
        config.labels.extend(options.labels.iter().cloned());
        config.without_env(&options.without_env);
        let full = container.id.clone();
        let freezes = options.pause && container.status == ContainerStatus::Running;
        if freezes {
            state.record(&full, "pause", &[]);
        }
        let image = state.add_image(tree, parent, config, layers);
        let mut reference = String::new();
        if let Some(tag) = tag {
            reference.clone_from(&tag);
            state.tags.insert(tag, image.clone());
        }
        let extra = [
            ("comment", options.comment.clone()),
            ("imageID", image.clone()),
            ("imageRef", reference),
        ];
        state.record(&full, "commit", &extra);
        if freezes {
            state.record(&full, "unpause", &[]);
        }
        Ok(image)
    }
}
