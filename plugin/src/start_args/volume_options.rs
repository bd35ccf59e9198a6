//! The options of `--volume`, each kind at most once, as engines have it.

use mngr_docker_grammar::words::shown;

use super::Bad;
use super::values::Outcome;

/// Options by kind; of each kind one may stand.
const KINDS: [&[&str]; 5] = [
    &["ro", "rw"],
    &["z", "Z"],
    &["nocopy"],
    &["shared", "rshared", "slave", "rslave", "private", "rprivate"],
    &["consistent", "cached", "delegated"],
];
const NO_COPY: usize = 2;
const PROPAGATION: usize = 3;

/// Whether these options can be meant of that source.
///
/// # Errors
/// An option that there is not, that has been said, or that is for the other type of mount.
pub fn check(source: &str, options: &str) -> Outcome {
    let is_bind = source.starts_with('/');
    let mut seen: [Option<&str>; KINDS.len()] = [None; KINDS.len()];
    for option in options.split(',') {
        let Some(kind) = KINDS.iter().position(|words| words.contains(&option)) else {
            return Err(Bad::new(
                format!("`{}` is not an option of a volume", shown(option)),
                format!("use some of: {}", KINDS.concat().join(", ")),
            ));
        };
        if let Some(other) = seen[kind].replace(option) {
            return Err(Bad::new(
                format!("`{other}` and `{option}` cannot stand together"),
                "write one of them",
            ));
        }
    }
    if is_bind && seen[NO_COPY].is_some() {
        return Err(Bad::new(
            "`nocopy` is for volumes, and a path is mounted here",
            "leave nocopy out: nothing is copied into a path",
        ));
    }
    if let (false, Some(option)) = (is_bind, seen[PROPAGATION]) {
        return Err(Bad::new(
            format!("`{option}` is for paths of the engine's machine, and a volume is mounted here"),
            format!("leave {option} out"),
        ));
    }
    Ok(())
}
