//! Images as the engine describes them, in the contract's words.

use bollard::models::{ImageDeleteResponseItem, ImageInspect, ImageSummary as ApiSummary};
use mngr_contract::docker::{Image, ImageSummary};

use super::convert_values::{filled, moment, names, or_default, pairs, unsigned};

/// What an engine calls a tag that is none.
const NO_TAG: &str = "<none>:<none>";

/// One entry of the list call.
pub(super) fn summary(summary: ApiSummary) -> ImageSummary {
    ImageSummary {
        id: summary.id,
        parent_id: summary.parent_id,
        tags: summary.repo_tags.into_iter().filter(|tag| tag != NO_TAG).collect(),
        created: summary.created,
        size_bytes: unsigned(Some(summary.size)),
        labels: pairs(Some(summary.labels)),
    }
}

/// One image as inspect has it. bollard leaves the parent out; `parent_id` is what the engine said of it.
pub(super) fn image(inspect: ImageInspect, parent_id: String) -> Image {
    let config = or_default(inspect.config);
    let layers = inspect
        .root_fs
        .and_then(|root| root.layers)
        .map_or(0, |layers| layers.len());
    Image {
        id: or_default(inspect.id),
        parent_id,
        tags: or_default(inspect.repo_tags),
        digests: or_default(inspect.repo_digests),
        created: moment(inspect.created.as_deref()),
        size_bytes: unsigned(inspect.size),
        labels: pairs(config.labels),
        architecture: or_default(inspect.architecture),
        os: or_default(inspect.os),
        layers: u32::try_from(layers).unwrap_or(u32::MAX),
        command: or_default(config.cmd),
        entrypoint: or_default(config.entrypoint),
        working_dir: or_default(config.working_dir),
        user: or_default(config.user),
        env_names: names(config.env),
        exposed_ports: or_default(config.exposed_ports),
        volumes: or_default(config.volumes),
        stop_signal: filled(config.stop_signal),
    }
}

/// What a removal did: `untagged: …` is told by its tag, `deleted: …` by its id.
pub(super) fn removed(items: Vec<ImageDeleteResponseItem>) -> Vec<String> {
    items
        .into_iter()
        .filter_map(|item| item.untagged.or(item.deleted))
        .collect()
}
