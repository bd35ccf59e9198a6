//! What `cp` is given: a path in an agent, a local path, or a stream.

use std::path::PathBuf;

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
    /// `invalid-argument` for `field` where there is nothing before or after the colon.
    pub fn parse(field: &str, text: &str) -> Result<Self> {
        if text == "-" {
            return Ok(Self::Stream);
        }
        let local = text.starts_with('/') || text.starts_with('.');
        match text.split_once(':') {
            Some((agent, path)) if !local => match (agent, path) {
                ("", _) => Err(invalid(
                    field,
                    text,
                    "there is no agent before the colon",
                    "write AGENT:PATH",
                )),
                (_, "") => Err(invalid(
                    field,
                    text,
                    "there is no path after the colon",
                    "write AGENT:PATH",
                )),
                _ => Ok(Self::Agent {
                    agent: agent.to_owned(),
                    path: path.to_owned(),
                }),
            },
            _ if text.is_empty() => Err(invalid(
                field,
                text,
                "is empty",
                "write AGENT:PATH, a local path, or `-`",
            )),
            _ => Ok(Self::Local(text.into())),
        }
    }
}

/// Whether a path means what is in a directory, not the directory.
pub fn means_contents(path: &str) -> bool {
    path == "." || path.ends_with("/.")
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
        let parse = |text| Place::parse("source", text).expect("valid");
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
            let error = Place::parse("source", text).expect_err(text);
            assert_eq!(error.field(), Some("source"));
        }
    }

    #[test]
    fn a_dot_at_the_end_means_contents() {
        assert!(means_contents(".") && means_contents("/etc/."));
        assert!(!means_contents("/etc/") && !means_contents("..") && !means_contents("/etc/.x"));
    }
}
