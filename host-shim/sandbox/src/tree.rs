//! One tree of files: an image's, a container's own, a volume's.
//!
//! Paths are absolute and normal (no `.`, `..` or doubled slash); following links is the business of
//! [`Filesystem`](super::filesystem::Filesystem), which lays trees over each other.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use mngr_contract::docker::ContainerChanges;
use mngr_engine::difference;

/// What a path holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    File(Bytes),
    Directory,
    Symlink(String),
}

/// A file, directory or symbolic link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub kind: Kind,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub modified: Timestamp,
}

impl Node {
    pub fn file(content: impl Into<Bytes>, mode: u32) -> Self {
        Self::new(Kind::File(content.into()), mode)
    }

    pub fn directory(mode: u32) -> Self {
        Self::new(Kind::Directory, mode)
    }

    pub fn symlink(target: impl Into<String>) -> Self {
        Self::new(Kind::Symlink(target.into()), 0o777)
    }

    fn new(kind: Kind, mode: u32) -> Self {
        Self {
            kind,
            mode,
            uid: 0,
            gid: 0,
            modified: Timestamp::now(),
        }
    }

    pub fn is_directory(&self) -> bool {
        self.kind == Kind::Directory
    }

    pub fn size(&self) -> u64 {
        match &self.kind {
            Kind::File(content) => content.len() as u64,
            Kind::Directory => 4096,
            Kind::Symlink(target) => target.len() as u64,
        }
    }
}

/// Files by path. There is always a `/`.
#[derive(Debug, Clone)]
pub struct Tree {
    nodes: BTreeMap<String, Node>,
}

impl Tree {
    pub fn new() -> Self {
        Self {
            nodes: BTreeMap::from([("/".to_owned(), Node::directory(0o755))]),
        }
    }

    pub fn get(&self, path: &str) -> Option<&Node> {
        self.nodes.get(path)
    }

    pub fn get_mut(&mut self, path: &str) -> Option<&mut Node> {
        self.nodes.get_mut(path)
    }

    /// Puts a node at a path; the directories above it are made where they are missing.
    pub fn insert(&mut self, path: &str, node: Node) {
        let mut above = parent(path);
        while !self.nodes.contains_key(above) {
            self.nodes.insert(above.to_owned(), Node::directory(0o755));
            above = parent(above);
        }
        self.nodes.insert(path.to_owned(), node);
    }

    /// Takes a path and everything below it away.
    pub fn remove(&mut self, path: &str) -> Vec<(String, Node)> {
        let gone: Vec<String> = self.subtree(path).map(|(path, _)| path.to_owned()).collect();
        gone.into_iter()
            .filter(|path| path != "/")
            .filter_map(|path| self.nodes.remove_entry(&path))
            .collect()
    }

    /// A path and everything below it, parents before children.
    pub fn subtree<'a>(&'a self, path: &'a str) -> impl Iterator<Item = (&'a str, &'a Node)> {
        let below = if path == "/" {
            "/".to_owned()
        } else {
            format!("{path}/")
        };
        let own = self.nodes.get_key_value(path).into_iter();
        own.chain(
            self.nodes
                .range(below.clone()..)
                .take_while(move |(key, _)| key.starts_with(&below))
                .filter(move |(key, _)| *key != path),
        )
        .map(|(path, node)| (path.as_str(), node))
    }

    /// Names in a directory, sorted.
    pub fn children(&self, path: &str) -> Vec<String> {
        self.subtree(path)
            .filter(|(child, _)| *child != path && parent(child) == path)
            .map(|(child, _)| name(child).to_owned())
            .collect()
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.len() == 1
    }

    /// Bytes of all its files.
    pub fn size(&self) -> u64 {
        let files = self.nodes.values().filter(|node| matches!(node.kind, Kind::File(_)));
        files.map(Node::size).sum()
    }

    /// What became of `base`.
    pub fn difference(&self, base: &Self) -> ContainerChanges {
        difference::between(&base.nodes, &self.nodes, |_, before, now| {
            let both_directories = before.is_directory() && now.is_directory();
            match both_directories {
                true => (before.mode, before.uid, before.gid) != (now.mode, now.uid, now.gid),
                false => before != now,
            }
        })
    }

    /// Bytes of the files that `base` does not have as they are.
    pub fn size_over(&self, base: &Self) -> u64 {
        let own = self.nodes.iter().filter(|(path, node)| {
            matches!(node.kind, Kind::File(_)) && base.nodes.get(*path).is_none_or(|before| before.kind != node.kind)
        });
        own.map(|(_, node)| node.size()).sum()
    }
}

/// The directory a path is in; of `/` that is `/`.
pub fn parent(path: &str) -> &str {
    match path.rfind('/') {
        Some(0) | None => "/",
        Some(at) => &path[..at],
    }
}

/// The last component of a path; of `/` that is `/`.
pub fn name(path: &str) -> &str {
    match path.rsplit('/').next() {
        Some("") | None => "/",
        Some(name) => name,
    }
}

/// A path below a directory.
pub fn join(directory: &str, name: &str) -> String {
    if directory == "/" {
        format!("/{name}")
    } else {
        format!("{directory}/{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_names_added_modified_and_the_top_of_what_was_deleted() {
        let mut base = Tree::new();
        base.insert("/etc/passwd", Node::file("root", 0o644));
        base.insert("/old/a", Node::file("a", 0o644));
        let mut now = base.clone();
        now.insert("/etc/passwd", Node::file("root and more", 0o644));
        now.insert("/srv/new", Node::file("n", 0o644));
        now.remove("/old");
        let difference = now.difference(&base);
        assert_eq!(difference.added, ["/srv", "/srv/new"]);
        assert_eq!(difference.modified, ["/etc", "/etc/passwd"]);
        assert_eq!(difference.deleted, ["/old"]);
    }

    #[test]
    fn a_directory_is_not_mixed_up_with_a_sibling_whose_name_it_begins() {
        let mut tree = Tree::new();
        tree.insert("/a/x", Node::file("x", 0o644));
        tree.insert("/a-b/y", Node::file("y", 0o644));
        assert_eq!(tree.children("/"), ["a", "a-b"]);
        assert_eq!(tree.children("/a"), ["x"]);
        tree.remove("/a");
        assert!(tree.get("/a-b/y").is_some());
    }
}
