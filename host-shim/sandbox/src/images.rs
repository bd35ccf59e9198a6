//! Images: references, tags, removal.

use std::sync::Arc;

use jiff::Timestamp;
use mngr_contract::Result;
use mngr_contract::docker::{BuildOptions, Image, ImageSummary};
use mngr_contract::error::unsupported;
use mngr_contract::streams::Archive;
use mngr_engine::ProgressSink;

use super::state::{ImageConfig, ImageRecord, State, labels_fit, new_id};
use super::tree::{Node, Tree};
use super::{SandboxEngine, commands, errors, shell};

/// How many layers an image may have.
pub const MAX_LAYERS: u32 = 125;

/// Longest tag, in characters.
const MAX_TAG: usize = 128;

impl SandboxEngine {
    /// Makes an image with a shell and the usual tools under `reference`, as a busybox image has them.
    pub fn add_image(&self, reference: &str) {
        let mut state = self.state();
        let id = state.add_image(base(), String::new(), base_config(), 1);
        let tag = with_tag(reference);
        state.tags.insert(tag, id);
    }

    /// The same, for a chain of calls.
    #[must_use]
    pub fn with_image(self, reference: &str) -> Self {
        self.add_image(reference);
        self
    }

    pub(super) async fn image_inspect(&self, reference: &str) -> Result<Image> {
        let state = self.state();
        let image = state.image(reference)?;
        let config = &image.config;
        Ok(Image {
            id: image.id.clone(),
            parent_id: image.parent.clone(),
            tags: state.tags_of(&image.id),
            digests: Vec::new(),
            created: Some(image.created.to_string()),
            size_bytes: image.tree.size(),
            labels: config.labels.clone().into_iter().collect(),
            architecture: std::env::consts::ARCH
                .replace("x86_64", "amd64")
                .replace("aarch64", "arm64"),
            os: "linux".to_owned(),
            layers: image.layers,
            command: config.command.clone(),
            entrypoint: config.entrypoint.clone(),
            working_dir: config.working_dir.clone(),
            user: config.user.clone(),
            env_names: super::create::valued(&config.env),
            exposed_ports: config.exposed_ports.iter().cloned().collect(),
            volumes: config.volumes.iter().cloned().collect(),
            stop_signal: config.stop_signal.clone(),
        })
    }

    /// Newest first. An image without a tag shows only where no other was made from it.
    pub(super) async fn image_list(&self, labels: Vec<String>) -> Result<Vec<ImageSummary>> {
        let state = self.state();
        let mut images: Vec<&ImageRecord> = state
            .images
            .values()
            .filter(|image| !state.tags_of(&image.id).is_empty() || state.children(&image.id).is_empty())
            .filter(|image| labels_fit(|key| image.config.labels.get(key).map(String::as_str), &labels))
            .collect();
        images.sort_by_key(|image| std::cmp::Reverse(image.created));
        let summary = |image: &ImageRecord| ImageSummary {
            id: image.id.clone(),
            parent_id: image.parent.clone(),
            tags: state.tags_of(&image.id),
            created: image.created.as_second(),
            size_bytes: image.tree.size(),
            labels: image.config.labels.clone().into_iter().collect(),
        };
        Ok(images.into_iter().map(summary).collect())
    }

    pub(super) async fn image_tag(&self, reference: &str, repository: &str, tag: &str) -> Result<()> {
        let mut state = self.state();
        let id = state.image(reference)?.id.clone();
        let name = tag_name(repository, tag)?;
        state.tags.insert(name, id);
        Ok(())
    }

    pub(super) async fn image_build(
        &self,
        _context: Archive,
        options: BuildOptions,
        _progress: ProgressSink,
    ) -> Result<String> {
        Err(unsupported(
            format!("build of `{}`", options.tag),
            "the sandbox engine can not build images",
            "use a real engine, or an image that is there",
        ))
    }

    /// By a tag, that tag goes, and the image with its last one; by an id, all tags of one repository and the image.
    pub(super) async fn image_remove(&self, reference: &str, force: bool) -> Result<Vec<String>> {
        let mut state = self.state();
        let id = state.image(reference)?.id.clone();
        let short = &id["sha256:".len()..][..12];
        let tags = state.tags_of(&id);
        let tag = with_tag(reference);
        let by_tag = tags.contains(&tag);
        let refuse = |reason: String| Err(errors::in_the_way("image", reference, "in use", reason));
        let user = state.containers.values().find(|container| container.image_id == id);
        let user = user.map(|container| (container.id[..12].to_owned(), container.is_running()));
        let mut gone = Vec::new();
        if by_tag {
            if let Some((container, _)) = &user
                && tags.len() == 1
                && !force
            {
                return refuse(format!(
                    "conflict: unable to remove repository reference \"{reference}\" (must force) - container \
                     {container} is using its referenced image {short}"
                ));
            }
            state.tags.remove(&tag);
            gone.push(tag);
            let must_stay = user.is_some_and(|(_, running)| running) || !state.children(&id).is_empty();
            if tags.len() > 1 || must_stay {
                return Ok(gone);
            }
        } else {
            let blocked =
                |how: &str, why: String| refuse(format!("conflict: unable to delete {short} ({how}) - {why}"));
            if !state.children(&id).is_empty() {
                return blocked("cannot be forced", "image has dependent child images".to_owned());
            }
            match user {
                Some((container, true)) => {
                    let why = format!("image is being used by running container {container}");
                    return blocked("cannot be forced", why);
                }
                Some((container, false)) if !force => {
                    let why = format!("image is being used by stopped container {container}");
                    return blocked("must be forced", why);
                }
                _ => {}
            }
            let repository = |tag: &String| tag.rsplit_once(':').map(|(repository, _)| repository.to_owned());
            let mut repositories: Vec<_> = tags.iter().map(repository).collect();
            repositories.dedup();
            if repositories.len() > 1 && !force {
                return blocked(
                    "must be forced",
                    "image is referenced in multiple repositories".to_owned(),
                );
            }
            state.tags.retain(|_, image| *image != id);
            gone.extend(tags);
        }
        gone.extend(state.delete_image(id));
        Ok(gone)
    }
}

impl State {
    pub fn add_image(&mut self, tree: Tree, parent: String, config: ImageConfig, layers: u32) -> String {
        let id = format!("sha256:{}", new_id());
        let image = ImageRecord {
            id: id.clone(),
            parent,
            config,
            created: Timestamp::now(),
            tree: Arc::new(tree),
            layers,
        };
        self.images.insert(id.clone(), image);
        id
    }

    /// An image by tag (`latest` where none is given), by id, or by the beginning of an id.
    pub fn image(&self, reference: &str) -> Result<&ImageRecord> {
        let missing = || {
            errors::no_image(&if is_id(reference) {
                reference.to_owned()
            } else {
                with_tag(reference)
            })
        };
        if let Some(id) = self.tags.get(&with_tag(reference)) {
            return self.images.get(id).ok_or_else(missing);
        }
        let digits = reference.strip_prefix("sha256:").unwrap_or(reference);
        let mut fitting = self
            .images
            .values()
            .filter(|image| !digits.is_empty() && image.id["sha256:".len()..].starts_with(digits));
        match (fitting.next(), fitting.next()) {
            (Some(image), None) => Ok(image),
            _ => Err(missing()),
        }
    }

    pub fn tags_of(&self, id: &str) -> Vec<String> {
        let tags = self.tags.iter().filter(|(_, image)| *image == id);
        tags.map(|(tag, _)| tag.clone()).collect()
    }

    fn children(&self, id: &str) -> Vec<&ImageRecord> {
        self.images.values().filter(|image| image.parent == id).collect()
    }

    /// Deletes an image and those above it that nothing needs any more.
    fn delete_image(&mut self, id: String) -> Vec<String> {
        let mut gone = Vec::new();
        let mut next = id;
        while let Some(image) = self.images.remove(&next) {
            gone.push(image.id);
            next = image.parent;
            let used = self.containers.values().any(|container| container.image_id == next);
            if used || !self.tags_of(&next).is_empty() || !self.children(&next).is_empty() {
                break;
            }
        }
        gone
    }
}

fn is_id(reference: &str) -> bool {
    let digits = reference.strip_prefix("sha256:").unwrap_or(reference);
    digits.len() == 64 && digits.chars().all(|c| c.is_ascii_hexdigit())
}

/// A reference with its tag, and without what Docker adds to short names.
pub fn with_tag(reference: &str) -> String {
    let short = reference.strip_prefix("docker.io/").unwrap_or(reference);
    let short = short.strip_prefix("library/").unwrap_or(short);
    match short.rsplit_once(':') {
        Some((_, tag)) if !tag.contains('/') => short.to_owned(),
        _ => format!("{short}:latest"),
    }
}

/// `repository:tag`, where both are well formed.
pub fn tag_name(repository: &str, tag: &str) -> Result<String> {
    let mut parts = repository.split('/').peekable();
    let host = parts.next_if(|first| repository.contains('/') && first.contains([':', '.']));
    let lowercase = |part: &str| errors::is_plain(part) && !part.contains(|c: char| c.is_ascii_uppercase());
    if host.is_some_and(|host| !errors::is_plain(&host.replace(':', "."))) || !parts.all(lowercase) {
        let reason = "invalid reference format: repository name must be lowercase";
        return Err(errors::bad("repository", repository, reason));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if tag.len() > MAX_TAG || tag.starts_with(['.', '-']) || !tag.chars().all(allowed) {
        return Err(errors::bad("tag", tag, "invalid tag format"));
    }
    let tag = if tag.is_empty() { "latest" } else { tag };
    Ok(with_tag(&format!("{repository}:{tag}")))
}

fn base() -> Tree {
    let mut tree = Tree::new();
    for directory in [
        "/bin", "/dev", "/etc", "/home", "/proc", "/root", "/sys", "/usr/bin", "/var",
    ] {
        tree.insert(directory, Node::directory(0o755));
    }
    tree.insert("/tmp", Node::directory(0o1777));
    tree.insert("/etc/passwd", Node::file("root:x:0:0:root:/root:/bin/sh\n", 0o644));
    tree.insert("/etc/group", Node::file("root:x:0:\n", 0o644));
    tree.insert("/bin/busybox", Node::file(shell::program::BINARY, 0o755));
    for tool in commands::TOOLS {
        tree.insert(&format!("/bin/{tool}"), Node::file(shell::program::BINARY, 0o755));
    }
    tree
}

fn base_config() -> ImageConfig {
    ImageConfig {
        command: vec!["/bin/sh".to_owned()],
        env: vec!["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()],
        ..ImageConfig::default()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_without_a_tag_means_latest() {
        assert_eq!(with_tag("busybox"), "busybox:latest");
        assert_eq!(with_tag("docker.io/library/busybox:1"), "busybox:1");
        assert_eq!(with_tag("host:5000/a"), "host:5000/a:latest");
    }

    #[test]
    fn a_tag_is_checked_as_the_engine_does() {
        assert_eq!(tag_name("mngr-snapshot", "A-b.1").unwrap(), "mngr-snapshot:A-b.1");
        assert_eq!(tag_name("host:5000/a/b", "1").unwrap(), "host:5000/a/b:1");
        for (repository, tag) in [
            ("Upper", "a"),
            ("a", "b:c"),
            ("a", ".b"),
            ("a b", "c"),
            ("", "c"),
            ("a:b", "c"),
            ("x/", "c"),
        ] {
            assert!(tag_name(repository, tag).is_err(), "{repository}:{tag}");
        }
        assert!(tag_name("a", &"x".repeat(129)).is_err());
    }
}
