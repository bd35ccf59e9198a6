//! What a process in a container sees: the container's own tree with volumes, tmpfs and binds laid over it.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use jiff::Timestamp;

use super::locked;
use super::tree::{Kind, Node, Tree, join, name, parent};

/// A tree that more than one container may see.
pub type SharedTree = Arc<Mutex<Tree>>;

/// Why a path can not be used, in the C library's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FsError {
    #[error("No such file or directory")]
    NotFound,
    #[error("Not a directory")]
    NotDirectory,
    #[error("Is a directory")]
    IsDirectory,
    #[error("File exists")]
    Exists,
    #[error("Directory not empty")]
    NotEmpty,
    #[error("Read-only file system")]
    ReadOnly,
    #[error("Too many levels of symbolic links")]
    Loop,
    #[error("Device or resource busy")]
    Busy,
}

type FsResult<T> = Result<T, FsError>;

/// A tree and where it is seen.
#[derive(Debug, Clone)]
pub struct Layer {
    pub path: String,
    pub tree: SharedTree,
    pub read_only: bool,
}

/// A view of trees over each other. Cloning it shares them.
#[derive(Debug, Clone)]
pub struct Filesystem {
    /// The deepest first; the last is `/`.
    layers: Vec<Layer>,
}

/// As Linux has it.
const MAX_LINKS: u32 = 40;

impl Filesystem {
    pub fn new(root: SharedTree, read_only: bool, mounts: Vec<Layer>) -> Self {
        let mut layers = mounts;
        layers.push(Layer {
            path: "/".to_owned(),
            tree: root,
            read_only,
        });
        layers.sort_by_key(|layer| std::cmp::Reverse(layer.path.len()));
        Self { layers }
    }

    fn layer(&self, path: &str) -> (&Layer, String) {
        for layer in &self.layers {
            if layer.path == "/" {
                return (layer, path.to_owned());
            }
            if let Some(rest) = path.strip_prefix(&layer.path) {
                if rest.is_empty() {
                    return (layer, "/".to_owned());
                }
                if rest.starts_with('/') {
                    return (layer, rest.to_owned());
                }
            }
        }
        unreachable!("a filesystem always has a root")
    }

    fn node(&self, path: &str) -> Option<Node> {
        let (layer, inner) = self.layer(path);
        locked(&layer.tree).get(&inner).cloned()
    }

    fn writable(&self, path: &str) -> FsResult<(&Layer, String)> {
        let (layer, inner) = self.layer(path);
        if layer.read_only {
            return Err(FsError::ReadOnly);
        }
        Ok((layer, inner))
    }

    /// The path without links, `.` and `..`. What it names need not be there, but the directory it is in must.
    pub fn resolve(&self, from: &str, path: &str, follow_last: bool) -> FsResult<String> {
        let mut links = 0;
        let mut todo: Vec<String> = components(path);
        let mut at = if path.starts_with('/') {
            "/".to_owned()
        } else {
            from.to_owned()
        };
        while let Some(component) = todo.pop() {
            match self.node(&at) {
                None => return Err(FsError::NotFound),
                Some(node) if !node.is_directory() => return Err(FsError::NotDirectory),
                Some(_) => {}
            }
            if component == ".." {
                at = parent(&at).to_owned();
                continue;
            }
            let next = join(&at, &component);
            match self.node(&next).map(|node| node.kind) {
                Some(Kind::Symlink(target)) if follow_last || !todo.is_empty() => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(FsError::Loop);
                    }
                    if target.starts_with('/') {
                        "/".clone_into(&mut at);
                    }
                    todo.extend(components(&target));
                }
                _ => at = next,
            }
        }
        Ok(at)
    }

    /// What is at a path.
    pub fn stat(&self, from: &str, path: &str, follow: bool) -> FsResult<Node> {
        let at = self.resolve(from, path, follow)?;
        let node = self.node(&at).ok_or(FsError::NotFound)?;
        if path.len() > 1 && path.ends_with('/') && !node.is_directory() {
            return Err(FsError::NotDirectory);
        }
        Ok(node)
    }

    pub fn is_directory(&self, from: &str, path: &str) -> bool {
        self.stat(from, path, true).is_ok_and(|node| node.is_directory())
    }

    pub fn read(&self, from: &str, path: &str) -> FsResult<Bytes> {
        match self.stat(from, path, true)?.kind {
            Kind::File(content) => Ok(content),
            _ => Err(FsError::IsDirectory),
        }
    }

    /// Writes a file, made with 0644 where it is missing.
    pub fn write(&self, from: &str, path: &str, content: &[u8], append: bool) -> FsResult<()> {
        let at = self.resolve(from, path, true)?;
        let (layer, inner) = self.writable(&at)?;
        let mut tree = locked(&layer.tree);
        let Some(node) = tree.get_mut(&inner) else {
            drop(tree);
            return self.put(&at, Node::file(content.to_vec(), 0o644));
        };
        let Kind::File(before) = &node.kind else {
            return Err(FsError::IsDirectory);
        };
        let mut bytes = if append { before.to_vec() } else { Vec::new() };
        bytes.extend_from_slice(content);
        node.kind = Kind::File(bytes.into());
        node.modified = Timestamp::now();
        Ok(())
    }

    /// Puts a node at a resolved path whose directory is there.
    pub fn put(&self, at: &str, node: Node) -> FsResult<()> {
        match self.node(parent(at)) {
            None => return Err(FsError::NotFound),
            Some(above) if !above.is_directory() => return Err(FsError::NotDirectory),
            Some(_) => {}
        }
        let (layer, inner) = self.writable(at)?;
        locked(&layer.tree).insert(&inner, node);
        Ok(())
    }

    pub fn make_directory(&self, from: &str, path: &str, mode: u32) -> FsResult<()> {
        let at = self.resolve(from, path, false)?;
        if self.node(&at).is_some() {
            return Err(FsError::Exists);
        }
        self.put(&at, Node::directory(mode))
    }

    /// Makes a directory and those above it; one that is there is fine.
    pub fn make_directories(&self, from: &str, path: &str) -> FsResult<()> {
        let mut at = if path.starts_with('/') { "/" } else { from }.to_owned();
        for component in components(path).into_iter().rev() {
            at = self.resolve(&at, &component, true)?;
            match self.node(&at) {
                None => self.put(&at, Node::directory(0o755))?,
                Some(node) if !node.is_directory() => return Err(FsError::Exists),
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Takes a file or a directory away; one that is not empty only with `recursive`.
    pub fn remove(&self, from: &str, path: &str, recursive: bool) -> FsResult<()> {
        let at = self.resolve(from, path, false)?;
        let node = self.node(&at).ok_or(FsError::NotFound)?;
        if node.is_directory() && !recursive && !self.list("/", &at)?.is_empty() {
            return Err(FsError::NotEmpty);
        }
        if at == "/" || self.layers.iter().any(|layer| layer.path == at) {
            return Err(FsError::Busy);
        }
        let (layer, inner) = self.writable(&at)?;
        locked(&layer.tree).remove(&inner);
        Ok(())
    }

    /// Moves or copies a path with all that is below it. Into a directory where `to` is one.
    pub fn transfer(&self, from: &str, source: &str, to: &str, keep: bool) -> FsResult<()> {
        let at = self.resolve(from, source, false)?;
        self.node(&at).ok_or(FsError::NotFound)?;
        let mut target = self.resolve(from, to, true)?;
        if self.node(&target).is_some_and(|node| node.is_directory()) {
            target = join(&target, name(&at));
        }
        for (path, node) in self.walk(&at) {
            self.put(&format!("{target}{}", path.strip_prefix(&at).unwrap_or_default()), node)?;
        }
        if keep {
            return Ok(());
        }
        self.remove("/", &at, true)
    }

    /// Changes what is at a path in place.
    pub fn change(&self, from: &str, path: &str, change: impl FnOnce(&mut Node)) -> FsResult<()> {
        let at = self.resolve(from, path, true)?;
        let (layer, inner) = self.writable(&at)?;
        locked(&layer.tree).get_mut(&inner).map(change).ok_or(FsError::NotFound)
    }

    /// Names in a directory, sorted.
    pub fn list(&self, from: &str, path: &str) -> FsResult<Vec<String>> {
        let at = self.resolve(from, path, true)?;
        match self.node(&at) {
            None => return Err(FsError::NotFound),
            Some(node) if !node.is_directory() => return Err(FsError::NotDirectory),
            Some(_) => {}
        }
        let (layer, inner) = self.layer(&at);
        Ok(locked(&layer.tree).children(&inner))
    }

    /// A resolved path and all that is below it, over every layer; parents first.
    pub fn walk(&self, at: &str) -> Vec<(String, Node)> {
        let mut found: Vec<(String, Node)> = Vec::new();
        let mut todo = vec![at.to_owned()];
        while let Some(path) = todo.pop() {
            let Some(node) = self.node(&path) else { continue };
            if node.is_directory() {
                let (layer, inner) = self.layer(&path);
                todo.extend(
                    locked(&layer.tree)
                        .children(&inner)
                        .iter()
                        .rev()
                        .map(|child| join(&path, child)),
                );
            }
            found.push((path, node));
        }
        found
    }
}

/// The parts of a path, last first.
fn components(path: &str) -> Vec<String> {
    path.rsplit('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn filesystem() -> (Filesystem, SharedTree) {
        let mut root = Tree::new();
        root.insert("/data", Node::directory(0o755));
        root.insert("/link", Node::symlink("data/inner"));
        root.insert("/loop", Node::symlink("loop"));
        let volume: SharedTree = Arc::new(Mutex::new(Tree::new()));
        let layer = Layer {
            path: "/data".to_owned(),
            tree: volume.clone(),
            read_only: false,
        };
        (Filesystem::new(Arc::new(Mutex::new(root)), false, vec![layer]), volume)
    }

    #[test]
    fn a_link_leads_into_a_volume() {
        let (files, volume) = filesystem();
        files.make_directories("/", "/data/inner").unwrap();
        files.write("/", "/link/file", b"x", false).unwrap();
        assert!(locked(&volume).get("/inner/file").is_some());
        assert_eq!(
            files.resolve("/", "/link/../inner/file", true).unwrap(),
            "/data/inner/file"
        );
    }

    #[test]
    fn a_loop_of_links_is_an_error() {
        assert_eq!(filesystem().0.stat("/", "/loop", true).unwrap_err(), FsError::Loop);
    }

    #[test]
    fn a_file_used_as_a_directory_is_an_error() {
        let (files, _) = filesystem();
        files.write("/", "/f", b"x", false).unwrap();
        assert_eq!(files.stat("/", "/f/g", true).unwrap_err(), FsError::NotDirectory);
        assert_eq!(files.write("/", "/f/g", b"", false), Err(FsError::NotDirectory));
        assert_eq!(files.write("/", "/no/g", b"", false), Err(FsError::NotFound));
    }
}
