//! How the rooms of this crate lie on top of each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Each room, and those that it imports outside of tests.
type Imports = BTreeMap<String, BTreeSet<String>>;

#[test]
fn no_room_imports_one_that_stands_on_it() {
    let mut rooms = imports();
    assert!(rooms["create"].contains("provider") && rooms["labels"].is_empty());
    // Take the lowest floor away until nothing is left.
    loop {
        let lowest: BTreeSet<_> = rooms
            .iter()
            .filter(|(_, imported)| imported.is_empty())
            .map(|(room, _)| room.clone())
            .collect();
        if lowest.is_empty() {
            break;
        }
        rooms.retain(|room, _| !lowest.contains(room));
        for imported in rooms.values_mut() {
            imported.retain(|room| !lowest.contains(room));
        }
    }
    assert!(rooms.is_empty(), "these import each other in a circle: {rooms:#?}");
}

fn imports() -> Imports {
    let mut rooms = Imports::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in fs::read_dir(&source).expect("the source") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a plain name");
        if !matches!(name, "lib" | "testing") {
            let imported = rooms.entry(name.to_owned()).or_default();
            imported.extend(imported_by(&path).into_iter().filter(|other| other != name));
        }
    }
    // The root has the contract, and names for what it takes from rooms.
    let is_room: BTreeSet<_> = rooms.keys().cloned().collect();
    for imported in rooms.values_mut() {
        imported.retain(|room| is_room.contains(room));
    }
    rooms
}

/// What a file imports from the root of the crate, or all files of a directory.
fn imported_by(path: &Path) -> BTreeSet<String> {
    let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    if name == "tests" {
        return BTreeSet::new();
    }
    if path.is_dir() {
        let entries = fs::read_dir(path).expect("a directory");
        return entries
            .flat_map(|entry| imported_by(&entry.expect("an entry").path()))
            .collect();
    }
    let text = fs::read_to_string(path).expect("a file");
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line.trim(), " "])
        .collect();
    code.split("crate::").skip(1).flat_map(first_names).collect()
}

/// The rooms that a path names behind `crate::`, one or a list of them.
fn first_names(path: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut depth = 0;
    for character in path.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => names.push(String::new()),
            ' ' => {}
            other => names.last_mut().expect("a name").push(other),
        }
        let is_over = depth == 0 && !character.is_alphanumeric() && character != '_';
        if is_over {
            break;
        }
    }
    let first = |name: String| {
        let end = name.find(|c: char| !c.is_alphanumeric() && c != '_');
        let name = &name[..end.unwrap_or(name.len())];
        match name.starts_with("DockerProvider") {
            true => "provider".to_owned(),
            false => name.to_owned(),
        }
    };
    names.into_iter().map(first).collect()
}

#[test]
fn a_path_names_one_room_or_several() {
    assert_eq!(first_names("error::summary(&error)"), ["error"]);
    assert_eq!(
        first_names("{Capabilities, DockerProviderInstance, agent}; x, y"),
        ["Capabilities", "provider", "agent"]
    );
    assert_eq!(first_names("labels::{self, Pair}; use"), ["labels"]);
    assert_eq!(first_names("{gpu::{self, Wish}, lookup};"), ["gpu", "lookup"]);
}
