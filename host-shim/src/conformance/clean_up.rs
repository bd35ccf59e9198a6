//! Removing what was made for a test, by the label of its provider instance and nothing else.

use crate::contract::docker::ContainerFilter;
use crate::engine::Engine;
use crate::policy::PROVIDER_LABEL;

/// Removes every container, volume and image of the provider instance. Says what could not be removed.
pub async fn remove_all(engine: &dyn Engine, provider: &str) -> Vec<String> {
    let label = format!("{PROVIDER_LABEL}={provider}");
    let mut left = Vec::new();
    let filter = ContainerFilter {
        all: true,
        labels: vec![label.clone()],
    };
    match engine.container_list(filter).await {
        Ok(containers) => {
            for container in containers {
                if let Err(error) = engine.container_remove(&container.id, true, true).await {
                    left.push(error.message());
                }
            }
        }
        Err(error) => left.push(error.message()),
    }
    match engine.volume_list(vec![label.clone()]).await {
        Ok(volumes) => {
            for volume in volumes {
                if let Err(error) = engine.volume_remove(&volume.name, true).await {
                    left.push(error.message());
                }
            }
        }
        Err(error) => left.push(error.message()),
    }
    match engine.image_list(vec![label]).await {
        Ok(images) => {
            for reference in images.into_iter().flat_map(|image| image.tags) {
                if let Err(error) = engine.image_remove(&reference, true).await {
                    left.push(error.message());
                }
            }
        }
        Err(error) => left.push(error.message()),
    }
    left
}
