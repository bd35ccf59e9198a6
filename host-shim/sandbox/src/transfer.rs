//! Images from engine to engine: a registry in memory, archives, and images made of others.

use std::collections::HashMap;
use std::io::Read;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::StreamExt;
use mngr_contract::Result;
use mngr_contract::docker::DeriveOptions;
use mngr_contract::error::{invalid, not_found, unavailable};
use mngr_contract::streams::Archive;
use mngr_engine::ProgressSink;
use mngr_engine::credentials::Credentials;
use mngr_engine::docker::tarball;
use sha2::{Digest, Sha256};
use tar::{Builder, Header};

use super::archive::{bytes_of, pack, unpack};
use super::filesystem::Filesystem;
use super::images::{tag_name, with_tag};
use super::state::{ImageConfig, ImageRecord};
use super::tree::Tree;
use super::{SandboxEngine, errors, locked};

/// Where an archive has the image's configuration, and where the archive of its files.
const CONFIG: &str = "config.json";
const FILES: &str = "files";

/// A registry in memory that several sandbox engines may share.
#[derive(Debug, Clone, Default)]
pub struct SandboxRegistry(Arc<Mutex<HashMap<String, ImageRecord>>>);

impl SandboxEngine {
    /// From now on the engine reaches this registry, whatever host an image's name begins with.
    pub fn use_registry(&self, registry: &SandboxRegistry) {
        *locked(&self.inner.registry) = Some(registry.clone());
    }

    fn registry(&self, reference: &str) -> Result<SandboxRegistry> {
        locked(&self.inner.registry).clone().ok_or_else(|| {
            unavailable(
                format!("image `{reference}`"),
                "dial tcp: lookup registry-1.docker.io: no such host",
                "this sandbox engine has no registry; give it one, or use a real engine",
            )
        })
    }

    pub(super) async fn image_pull(
        &self,
        reference: &str,
        _platform: Option<&str>,
        _credentials: Option<&Credentials>,
        _progress: ProgressSink,
    ) -> Result<()> {
        let missing = || {
            not_found(
                format!("image `{reference}`"),
                format!("pull access denied for {reference}, repository does not exist or may require 'docker login'"),
                "use an image that is there",
            )
        };
        let registry = self.registry(reference).map_err(|_| missing())?;
        let name = named(reference);
        let image = locked(&registry.0).get(&name).cloned().ok_or_else(missing)?;
        let mut state = self.state();
        let id = image.id.clone();
        // What comes out of a registry has no parent.
        let image = ImageRecord {
            parent: String::new(),
            ..image
        };
        state.images.entry(id.clone()).or_insert(image);
        state.tags.insert(name, id);
        Ok(())
    }

    pub(super) async fn image_push(
        &self,
        reference: &str,
        _credentials: Option<&Credentials>,
        _progress: ProgressSink,
    ) -> Result<String> {
        let image = self.state().image(reference)?.clone();
        let registry = self.registry(reference)?;
        let digest = format!("sha256:{}", image.id.trim_start_matches("sha256:"));
        let name = named(reference);
        let repository = name
            .rsplit_once(':')
            .map_or(name.as_str(), |(repository, _)| repository);
        let mut images = locked(&registry.0);
        images.insert(format!("{repository}@{digest}"), image.clone());
        images.insert(name, image);
        Ok(digest)
    }

    pub(super) async fn image_derive(&self, reference: &str, options: DeriveOptions) -> Result<String> {
        let tag = tag_name(&options.repository, &options.tag)?;
        let mut state = self.state();
        let image = state.image(reference)?.clone();
        let mut config = image.config.clone();
        config.labels.extend(options.labels.iter().cloned());
        config.without_env(&options.without_env);
        let (layers, parent) = match options.without_env.is_empty() {
            true => (image.layers + 1, image.id.clone()),
            false => (1, String::new()),
        };
        let id = state.add_image(image.tree.as_ref().clone(), parent, config, layers);
        state.tags.insert(tag, id.clone());
        Ok(id)
    }

    pub(super) async fn image_save(&self, reference: &str) -> Result<Archive> {
        let image = self.state().image(reference)?.clone();
        let failed = |error: std::io::Error| errors::failed("image", reference, error.to_string());
        let tree = Arc::new(Mutex::new(image.tree.as_ref().clone()));
        let files = pack(&Filesystem::new(tree, false, Vec::new()), "/", ".").map_err(failed)?;
        let config = serde_json::to_vec(&image.config).map_err(|error| failed(error.into()))?;
        let mut builder = Builder::new(Vec::new());
        for (name, content) in [(CONFIG, config), (FILES, files)] {
            let mut header = Header::new_gnu();
            header.set_mode(0o644);
            header.set_size(content.len() as u64);
            builder
                .append_data(&mut header, name, content.as_slice())
                .map_err(failed)?;
        }
        let bytes = Bytes::from(builder.into_inner().map_err(failed)?);
        Ok(Archive::Tar(futures::stream::once(async { Ok(bytes) }).boxed()))
    }

    pub(super) async fn image_load(&self, archive: Archive, _progress: ProgressSink) -> Result<String> {
        let bytes = bytes_of(tarball::bytes(archive, None)?).await?;
        let (config, tree) = read(&bytes).map_err(|error| {
            let remedy = "make it with `snapshot-save` of a provider on a sandbox engine";
            invalid("archive", "", format!("it holds no image: {error}"), remedy)
        })?;
        let mut state = self.state();
        let id = format!("sha256:{}", hex::encode(Sha256::digest(&bytes)));
        if !state.images.contains_key(&id) {
            let made = state.add_image(tree, String::new(), config, 1);
            if let Some(image) = state.images.remove(&made) {
                state.images.insert(
                    id.clone(),
                    ImageRecord {
                        id: id.clone(),
                        ..image
                    },
                );
            }
        }
        Ok(id)
    }
}

impl ImageConfig {
    pub fn without_env(&mut self, names: &[String]) {
        let name = |variable: &str| variable.split('=').next().unwrap_or_default().to_owned();
        self.env.retain(|variable| !names.contains(&name(variable)));
    }
}

/// A reference as the registry has it: by tag, or by digest.
fn named(reference: &str) -> String {
    match reference.contains('@') {
        true => reference.to_owned(),
        false => with_tag(reference),
    }
}

fn read(bytes: &[u8]) -> std::io::Result<(ImageConfig, Tree)> {
    let (mut config, mut files) = (None, None);
    for entry in tar::Archive::new(bytes).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.display().to_string();
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        match path.as_str() {
            CONFIG => config = Some(serde_json::from_slice(&content)?),
            FILES => files = Some(content),
            _ => {}
        }
    }
    let (Some(config), Some(files)) = (config, files) else {
        return Err(std::io::Error::other("a part is missing"));
    };
    let tree = Arc::new(Mutex::new(Tree::new()));
    unpack(&Filesystem::new(tree.clone(), false, Vec::new()), "/", &files, None)?;
    let tree = locked(&tree).clone();
    Ok((config, tree))
}
