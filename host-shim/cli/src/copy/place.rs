//! What `cp` is given: a path in an agent, a local path, or a stream.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use mngr_host_shim::contract::Result;
use mngr_host_shim::error::invalid;

/// One side of a copy.
#[derive(Debug, PartialEq, Eq)]
pub enum Place {
    /// `-`
    Stream,
    /// On this machine.
    Local(PathBuf),
    /// `AGENT:PATH`
    Agent { agent: String, path: String },
}

impl Place {
    /// Reads it as `docker cp` does: what begins with `/` or `.`, or holds no colon, is local.
    ///
    /// # Errors
    /// `invalid-argument` for `field` where there is nothing before or after the colon, and for a name or a path of an agent that
    /// is no UTF-8.
    pub fn parse(field: &str, given: &OsStr) -> Result<Self> {
        let bytes = given.as_bytes();
        let refused = |reason: &str, remedy: &str| Err(invalid(field, given.to_string_lossy(), reason, remedy));
        let colon = bytes.iter().position(|byte| *byte == b':');
        match colon {
            _ if bytes == b"-" => Ok(Self::Stream),
            _ if bytes.is_empty() => refused("is empty", "write AGENT:PATH, a local path, or `-`"),
            Some(colon) if !matches!(bytes[0], b'/' | b'.') => {
                match (str::from_utf8(&bytes[..colon]), str::from_utf8(&bytes[colon + 1..])) {
                    (Ok(""), _) => refused("there is no agent before the colon", "write AGENT:PATH"),
                    (_, Ok("")) => refused("there is no path after the colon", "write AGENT:PATH"),
                    (Ok(agent), Ok(path)) => Ok(Self::Agent {
                        agent: agent.to_owned(),
                        path: path.to_owned(),
                    }),
                    _ => refused(
                        "a path in an agent must be UTF-8",
                        "copy the directory that it is in, or write ./NAME for a local path",
                    ),
                }
            }
            _ => Ok(Self::Local(given.into())),
        }
    }
}

/// Whether a path means what is in a directory, not the directory.
pub fn means_contents(path: &OsStr) -> bool {
    let bytes = path.as_bytes();
    let end = bytes.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
    bytes[..end] == *b"." || bytes[..end].ends_with(b"/.")
}

/// A local path from the root, without `.` and `..`, as the Docker CLI makes it: `..` takes the name before it away, also where
/// that is a link. A slash or a dot at the end stays.
pub fn absolute(given: &Path) -> std::io::Result<PathBuf> {
    let mut clean = PathBuf::new();
    for component in std::path::absolute(given)?.components() {
        match component {
            Component::ParentDir => drop(clean.pop()),
            Component::CurDir => {}
            other => clean.push(other),
        }
    }
    let given = given.as_os_str();
    let mut bytes = clean.into_os_string().into_vec();
    if means_contents(given) {
        bytes.extend_from_slice(if bytes.ends_with(b"/") { b"." } else { b"/." });
    } else if given.as_bytes().ends_with(b"/") && !bytes.ends_with(b"/") {
        bytes.push(b'/');
    }
    Ok(OsString::from_vec(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(agent: &str, path: &str) -> Place {
        Place::Agent {
            agent: agent.to_owned(),
            path: path.to_owned(),
        }
    }

    #[test]
    fn a_colon_makes_it_an_agents_unless_the_text_begins_like_a_path() {
        let parse = |text| Place::parse("source", OsStr::new(text)).expect("valid");
        assert_eq!(parse("a1:/etc"), agent("a1", "/etc"));
        assert_eq!(parse("a1:rel/x:y"), agent("a1", "rel/x:y"));
        assert_eq!(parse("./a:b"), Place::Local("./a:b".into()));
        assert_eq!(parse("/a:b"), Place::Local("/a:b".into()));
        assert_eq!(parse("notes"), Place::Local("notes".into()));
        assert_eq!(parse("."), Place::Local(".".into()));
        assert_eq!(parse("-"), Place::Stream);
    }

    #[test]
    fn a_side_with_half_of_it_missing_is_refused_by_name() {
        for text in [":/etc", "a1:", ":", ""] {
            let error = Place::parse("source", OsStr::new(text)).expect_err(text);
            assert_eq!(error.field(), Some("source"));
        }
    }

    #[test]
    fn a_local_path_may_hold_any_bytes_and_one_in_an_agent_is_utf8() {
        let odd = OsStr::from_bytes(b"odd\xff");
        assert_eq!(Place::parse("source", odd).expect("a path"), Place::Local(odd.into()));
        let error = Place::parse("source", OsStr::from_bytes(b"a1:/\xff")).expect_err("no UTF-8");
        assert_eq!(error.field(), Some("source"));
    }

    #[test]
    fn a_dot_at_the_end_means_contents() {
        let contents = |path| means_contents(OsStr::new(path));
        assert!(contents(".") && contents("/etc/.") && contents("./") && contents("/etc/.//"));
        assert!(!contents("/etc/") && !contents("..") && !contents("/etc/.x"));
    }

    #[test]
    fn a_local_path_loses_its_dots_but_for_what_its_end_means() {
        for (given, clean) in [
            ("/a/./b/../c", "/a/c"),
            ("/a/b/", "/a/b/"),
            ("/a/b/.", "/a/b/."),
            ("/a/b/./", "/a/b/."),
            ("/../..", "/"),
            ("/.", "/."),
            ("/", "/"),
        ] {
            assert_eq!(absolute(Path::new(given)).expect("clean").as_os_str(), clean, "{given}");
        }
        let here = std::env::current_dir().expect("a directory");
        assert_eq!(absolute(Path::new("x/..")).expect("clean"), here);
    }
}
