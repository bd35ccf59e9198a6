//! Places where a test can make this process die or a connection break: before and after every request to an engine, and
//! around every write of the journal. A release build has none of them.
//!
//! The variable `FAILPOINTS` says what happens where, in the form of the crate `fail`: `NAME=ACTIONS`, several with `;`
//! between them. `return(kill)` kills the process as `kill -9` would, `return(break)` breaks the connection; with a count
//! (`2*off->return(kill)`) the third time. `RUST_LOG=failpoint=trace` shows the names of those that are passed.
//!
//! | name | where |
//! |---|---|
//! | `engine.METHOD.PATH.before`, `.after` | around a request; PATH with dots, and `*` for what is named in it |
//! | `journal.begin.before`, `.after` | an entry is written with its first step |
//! | `journal.named` | the disk has an entry, and not yet its name |
//! | `journal.step.before`, `.after` | a step is added to an entry |
//! | `journal.end.before`, `.after` | an entry is said to be of a call that has ended |

use std::io;

use http::Method;

/// Reads `FAILPOINTS`. They hold for as long as the value lives.
///
/// # Panics
/// Where the variable can not be read: a test that breaks nothing would pass.
pub fn setup() -> Option<impl Sized> {
    cfg!(debug_assertions).then(fail::FailScenario::setup)
}

/// Passes a place of that name.
///
/// # Errors
/// Where a test has asked for it.
pub fn pass(name: &str) -> io::Result<()> {
    if !cfg!(debug_assertions) {
        return Ok(());
    }
    tracing::event!(target: "failpoint", tracing::Level::TRACE, "{name}");
    fail::fail_point!(name, |action| match action.as_deref() {
        Some("kill") => {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            unreachable!("the process is dead")
        }
        _ => Err(io::Error::new(
            io::ErrorKind::ConnectionReset,
            "a test broke the connection"
        )),
    });
    Ok(())
}

/// Passes a place beside a request.
///
/// # Errors
/// As [`pass`].
pub fn pass_request(method: &Method, path: &str, when: &str) -> io::Result<()> {
    if !cfg!(debug_assertions) {
        return Ok(());
    }
    pass(&format!("engine.{method}.{}.{when}", pattern(path)))
}

/// A path without its version, dots between its parts, and `*` for what is named in it.
fn pattern(path: &str) -> String {
    let parts = path.split('/').filter(|part| !part.is_empty());
    let parts = parts.skip_while(|part| part.starts_with('v') && part[1..].starts_with(|c: char| c.is_ascii_digit()));
    let mut parts: Vec<_> = parts.collect();
    // What comes between the kind and the last part is a name, which may have slashes in it.
    match parts.as_slice() {
        [
            "containers" | "images" | "volumes" | "networks" | "exec" | "distribution",
            _,
            ..,
            last,
        ] if !matches!(parts[1], "create" | "json" | "load" | "get" | "prune") => {
            parts = vec![parts[0], "*", last];
        }
        ["containers" | "images" | "volumes" | "networks", name]
            if !matches!(*name, "create" | "json" | "load" | "get" | "prune") =>
        {
            parts = vec![parts[0], "*"];
        }
        _ => {}
    }
    parts.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_beside_a_request_is_named_without_what_the_request_names() {
        for (path, expected) in [
            ("/v1.41/containers/create", "containers.create"),
            ("/containers/json", "containers.json"),
            ("/v1.41/containers/0123/start", "containers.*.start"),
            ("/v1.41/containers/0123", "containers.*"),
            ("/images/registry:5000/a/b:1/push", "images.*.push"),
            ("/v1.51/volumes/mngr-doc", "volumes.*"),
            ("/commit", "commit"),
            ("/exec/0123/json", "exec.*.json"),
        ] {
            assert_eq!(pattern(path), expected, "{path}");
        }
    }
}
