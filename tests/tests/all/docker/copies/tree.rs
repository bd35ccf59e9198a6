//! What there is in a directory or an archive, in words that can be compared: kind, mode, owner, time, content, target of a link,
//! and the first name of a file that has more than one.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::fs::{self, Metadata};
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use super::sides::TIME;

/// By path.
pub type Tree = BTreeMap<String, String>;

/// How two trees differ.
pub fn differences(docker: &Tree, ours: &Tree) -> Vec<String> {
    let mut paths: Vec<_> = docker.keys().chain(ours.keys()).collect();
    paths.sort();
    paths.dedup();
    let none = "nothing".to_owned();
    let differ = paths.into_iter().filter_map(|path| {
        let (docker, ours) = (docker.get(path).unwrap_or(&none), ours.get(path).unwrap_or(&none));
        (docker != ours).then(|| format!("{path}: docker has {docker}; ours {ours}"))
    });
    differ.collect()
}

/// Everything below a directory of this machine.
pub fn of_directory(directory: &Path) -> Tree {
    let (mut tree, mut first) = (Tree::new(), HashMap::new());
    let mut waiting = vec![directory.to_owned()];
    while let Some(path) = waiting.pop() {
        let metadata = fs::symlink_metadata(&path).expect("a file");
        let name = path
            .strip_prefix(directory)
            .expect("a path in it")
            .display()
            .to_string();
        if metadata.is_dir() {
            let mut inside: Vec<_> = fs::read_dir(&path).expect("a directory").collect();
            inside.sort_by_key(|entry| std::cmp::Reverse(entry.as_ref().expect("an entry").file_name()));
            waiting.extend(inside.into_iter().map(|entry| entry.expect("an entry").path()));
        }
        let mut what = of_file(&path, &metadata);
        if !metadata.is_dir() && metadata.nlink() > 1 {
            let first = first.entry(metadata.ino()).or_insert_with(|| name.clone());
            write!(what, ", one file with {first}").expect("text");
        }
        tree.insert(name, what);
    }
    tree
}

fn of_file(path: &Path, metadata: &Metadata) -> String {
    let kind = metadata.file_type();
    let what = if kind.is_symlink() {
        format!("link to {}", fs::read_link(path).expect("a link").display())
    } else if kind.is_dir() {
        "directory".to_owned()
    } else if kind.is_fifo() {
        "pipe".to_owned()
    } else if kind.is_char_device() || kind.is_block_device() {
        format!("device {}", metadata.rdev())
    } else if kind.is_file() {
        content(&fs::read(path).expect("content"))
    } else {
        "something else".to_owned()
    };
    let mode = if kind.is_symlink() {
        0o777
    } else {
        metadata.mode() & 0o7777
    };
    described(
        &what,
        mode,
        metadata.uid().into(),
        metadata.gid().into(),
        metadata.mtime(),
    )
}

fn described(what: &str, mode: u32, uid: u64, gid: u64, modified: i64) -> String {
    // What a copy changes for being made has the time of the test.
    let time = if modified <= TIME {
        modified.to_string()
    } else {
        "now".to_owned()
    };
    format!("{what}, mode {mode:o}, owner {uid}:{gid}, time {time}")
}

fn content(bytes: &[u8]) -> String {
    let sum = bytes
        .iter()
        .fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add((*byte).into()));
    match std::str::from_utf8(bytes) {
        Ok(text) if text.len() < 40 => format!("file {text:?}"),
        _ => format!("file of {} bytes that add up to {sum}", bytes.len()),
    }
}

/// Everything in an archive.
pub fn of_archive(bytes: &[u8]) -> Tree {
    let mut tree = Tree::new();
    let mut archive = tar::Archive::new(bytes);
    let mut linked: Vec<(String, String)> = Vec::new();
    for entry in archive.entries().expect("an archive") {
        let mut entry = entry.expect("an entry");
        let name = entry.path().expect("a path").display().to_string();
        let name = name.trim_end_matches('/').to_owned();
        let target = entry
            .link_name()
            .expect("a link")
            .map(|target| target.display().to_string());
        let header = entry.header().clone();
        let kind = header.entry_type();
        if let (true, Some(target)) = (kind.is_hard_link(), &target) {
            linked.push((name, target.clone()));
            continue;
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("content");
        let what = if kind.is_dir() {
            "directory".to_owned()
        } else if kind.is_file() {
            content(&bytes)
        } else {
            format!("{kind:?} {}", target.unwrap_or_default())
        };
        let number = |value: std::io::Result<u64>| value.expect("a number");
        let modified = i64::try_from(number(header.mtime())).expect("a time");
        let mode = header.mode().expect("a mode") & 0o7777;
        tree.insert(
            name,
            described(&what, mode, number(header.uid()), number(header.gid()), modified),
        );
    }
    for (name, target) in linked {
        let first = tree.get(&target).expect("an entry before it").clone();
        let first = format!("{first}, one file with {target}");
        tree.insert(name, first.clone());
        tree.entry(target).and_modify(|what| {
            if !what.contains("one file with") {
                *what = first;
            }
        });
    }
    tree
}
