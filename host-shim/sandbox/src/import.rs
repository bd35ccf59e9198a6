//! Images made of archives, and their files put back.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::StreamExt;
use mngr_contract::Result;
use mngr_contract::docker::{ExecOptions, ImportOptions};
use mngr_contract::error::not_found;
use mngr_contract::streams::Archive;
use mngr_engine::docker::tarball;
use mngr_engine::exec_tar;

use super::archive::{bytes_of, pack, unpack};
use super::filesystem::Filesystem;
use super::images::tag_name;
use super::state::ImageConfig;
use super::tree::{Tree, join};
use super::{SandboxEngine, errors, locked};

impl SandboxEngine {
    pub(super) async fn image_import(&self, archive: Archive, options: ImportOptions) -> Result<String> {
        let tag = tag_name(&options.repository, &options.tag)?;
        let tar = bytes_of(tarball::without(archive, &options.root_name, options.exclude)?).await?;
        let root = Arc::new(Mutex::new(Tree::new()));
        let files = Filesystem::new(root.clone(), false, Vec::new());
        unpack(&files, "/", &tar, None).map_err(|error| errors::failed("image", &tag, error.to_string()))?;
        let config = ImageConfig {
            labels: options.labels.into_iter().collect(),
            ..ImageConfig::default()
        };
        let mut state = self.state();
        let tree = locked(&root).clone();
        let id = state.add_image(tree, String::new(), config, 1);
        state.tags.insert(tag, id.clone());
        Ok(id)
    }

    pub(super) async fn volume_import(
        &self,
        container: &str,
        path: &str,
        subpath: Option<&str>,
        options: ImportOptions,
    ) -> Result<String> {
        let tree = {
            let state = self.state();
            let mounts = &state.container(container)?.mounts;
            let mount = mounts
                .iter()
                .find(|mount| mount.point.destination == path && mount.point.name.is_some());
            mount.map(|mount| mount.tree.clone()).ok_or_else(|| {
                not_found(
                    format!("volume at `{path}` in container `{container}`"),
                    "no volume is mounted there",
                    "see what is mounted in the container",
                )
            })?
        };
        let files = Filesystem::new(tree, false, Vec::new());
        let from = join("/", subpath.unwrap_or_default());
        let tar =
            pack(&files, &from, ".").map_err(|error| errors::failed("container", container, error.to_string()))?;
        let archive = Archive::Tar(futures::stream::once(async { Ok(Bytes::from(tar)) }).boxed());
        self.image_import(archive, options).await
    }

    pub(super) async fn volume_fill(&self, name: &str, image: &str, directory: &str) -> Result<()> {
        let state = self.state();
        let image = state.image(image)?.tree.clone();
        let volume = state.volumes.get(name).ok_or_else(|| {
            not_found(
                format!("volume `{name}`"),
                format!("get {name}: no such volume"),
                "see which volumes there are",
            )
        })?;
        let from = join("/", directory);
        let mut tree = locked(&volume.tree);
        // As the engine does, which copies into empty volumes only.
        if tree.is_empty() {
            for (path, node) in image.subtree(&from) {
                let below = path.strip_prefix(&from).unwrap_or_default();
                let at = if below.is_empty() { "/" } else { below };
                tree.insert(at, node.clone());
            }
        }
        Ok(())
    }

    pub(super) async fn exec_unpack(
        &self,
        id: &str,
        options: ExecOptions,
        image: &str,
        directory: &str,
        root_name: &str,
    ) -> Result<()> {
        let tree = self.state().image(image)?.tree.clone();
        let files = Filesystem::new(Arc::new(Mutex::new((*tree).clone())), false, Vec::new());
        let tar = pack(&files, &join("/", directory), directory)
            .map_err(|error| errors::failed("image", image, error.to_string()))?;
        let archive = Archive::Tar(futures::stream::once(async { Ok(Bytes::from(tar)) }).boxed());
        let options = ExecOptions { stdin: true, ..options };
        exec_tar::unpack(self.exec(id, options).await?, archive, root_name).await
    }
}
