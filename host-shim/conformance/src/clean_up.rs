//! Removing what was made for a test, by the label of its provider instance and nothing else.

use futures::StreamExt;
use mngr_host_shim::contract::ProviderError;
use mngr_host_shim::contract::docker::ContainerFilter;
use mngr_host_shim::contract::labels::PROVIDER_LABEL;
use mngr_host_shim::engine::Engine;

/// How many containers are removed at a time: a benchmark leaves thousands.
const AT_A_TIME: usize = 8;

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
            let removed = futures::stream::iter(&containers)
                .map(|container| engine.container_remove(&container.id, true, true))
                .buffer_unordered(AT_A_TIME)
                .collect::<Vec<_>>();
            let failed = removed.await.into_iter().filter_map(Result::err);
            left.extend(failed.map(|error| error.message()));
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
            // A name that was given to another image left the one before it without any. Those go last: others may be made of them.
            let (nameless, named): (Vec<_>, Vec<_>) = images.into_iter().partition(|image| image.tags.is_empty());
            let names = named.into_iter().flat_map(|image| image.tags);
            for reference in names.chain(nameless.into_iter().map(|image| image.id)) {
                match engine.image_remove(&reference, true).await {
                    Ok(_) | Err(ProviderError::NotFound(_)) => {}
                    Err(error) => left.push(error.message()),
                }
            }
        }
        Err(error) => left.push(error.message()),
    }
    left
}
