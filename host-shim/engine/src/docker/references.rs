//! Names that become part of a request's path. One that is not plain could make it another request, so it never leaves.

use std::net::Ipv6Addr;

use mngr_contract::Result;
use mngr_contract::error::invalid;

/// Most of a value that an error repeats, in characters.
const SHOWN: usize = 80;

/// Longest tag of an image, in characters.
const LONGEST_TAG: usize = 128;

/// A container's, volume's or network's id or name. `kind` is the field an error names.
///
/// # Errors
/// `invalid-argument` where it is not `[A-Za-z0-9][A-Za-z0-9_.-]*`, which is the engine's own rule.
pub(super) fn name<'a>(kind: &'static str, value: &'a str) -> Result<&'a str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if value.starts_with(|c: char| c.is_ascii_alphanumeric()) && value.chars().all(plain) {
        return Ok(value);
    }
    Err(invalid(
        kind,
        shortened(value),
        "this can not be a name or an id",
        "use letters, digits, `_`, `.` and `-`, and begin with a letter or a digit",
    ))
}

/// An image's id, name, `name:tag` or `name@digest`. Its registry may be an IPv6 address: `[::1]:5000/name`.
///
/// # Errors
/// `invalid-argument` where it is none of these.
pub(super) fn image(value: &str) -> Result<&str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | ':' | '@' | '/');
    let whole = |part: &str| !matches!(part, "" | "." | "..");
    let rest = match value.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) if address.parse::<Ipv6Addr>().is_ok() => match rest.split_once('/') {
            Some((port, path)) if is_port(port) => path,
            _ => "",
        },
        _ => value,
    };
    if rest.starts_with(|c: char| c.is_ascii_alphanumeric()) && rest.chars().all(plain) && rest.split('/').all(whole) {
        return Ok(value);
    }
    Err(invalid(
        "image",
        shortened(value),
        "this can not be an image",
        "write it as name:tag, registry/name:tag, name@sha256:… or an id",
    ))
}

/// `:5000`, or nothing.
fn is_port(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
}

/// Repository and tag that an image is to be given. An engine finds out that they are none only after a commit has written
/// the image, which it then leaves behind without a name.
///
/// # Errors
/// `invalid-argument` for `repository` or `tag`.
pub(super) fn new_tag(repository: &str, tag: &str) -> Result<()> {
    let path = repository.split_once('/').map_or(repository, |(_, path)| path);
    if image(repository).is_err()
        || repository.contains('@')
        || path.contains(|c: char| c == ':' || c.is_ascii_uppercase())
    {
        return Err(invalid(
            "repository",
            shortened(repository),
            "this can not be the name of an image",
            "use lower-case letters, digits, `_`, `.`, `-` and `/`",
        ));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if !tag.chars().all(plain) || tag.starts_with(['.', '-']) || !(1..=LONGEST_TAG).contains(&tag.len()) {
        return Err(invalid(
            "tag",
            shortened(tag),
            "this can not be a tag",
            "use at most 128 letters, digits, `_`, `.` and `-`, and begin with a letter, a digit or `_`",
        ));
    }
    Ok(())
}

/// An image reference in the two parts that a pull names it by. Without a tag the engine would pull every tag there is.
pub(super) fn parts(reference: &str) -> (&str, &str) {
    if let Some((repository, digest)) = reference.split_once('@') {
        return (repository, digest);
    }
    match reference.rsplit_once(':') {
        // A colon before a slash belongs to the registry's port.
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (reference, "latest"),
    }
}

fn shortened(value: &str) -> String {
    match value.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_would_change_the_request_is_refused() {
        for value in [
            "",
            "a/b",
            "../images/x",
            "a?force=1",
            "a#b",
            "a%2f",
            "-a",
            ".",
            "a b",
            "a\n",
            "ä",
        ] {
            assert_eq!(name("container", value).expect_err(value).field(), Some("container"));
        }
        for value in ["a", "mngr-docker-a.1_b", "f00dcafe"] {
            assert_eq!(name("container", value).expect("a name"), value);
        }
    }

    #[test]
    fn an_image_that_would_change_the_request_is_refused() {
        for value in [
            "",
            "a/../b",
            "a//b",
            "/a",
            "a?x",
            "a/./b",
            "a b",
            "[::1]",
            "[::1]/",
            "[::1]:x/a",
            "[::1]a/b",
            "[x]/a",
            "[::1]/../a",
        ] {
            assert!(image(value).is_err(), "{value}");
        }
        for value in [
            "busybox",
            "r.example:5000/a/b:1",
            "sha256:f00d",
            "[::1]:5000/a/b:1",
            "[2001:db8::1]/a",
            "a@sha256:f00d",
            "mngr-snapshot:agent-1-2",
        ] {
            assert!(image(value).is_ok(), "{value}");
        }
    }

    #[test]
    fn a_tag_that_the_engine_would_refuse_too_late_is_refused_first() {
        for (repository, tag) in [("", "1"), ("Upper", "1"), ("a:1", "1"), ("a@b", "1"), ("a/B", "1")] {
            assert_eq!(
                new_tag(repository, tag).expect_err(repository).field(),
                Some("repository")
            );
        }
        for tag in ["", "a:b", "a+b", ".a", "-a", &"x".repeat(129)] {
            assert_eq!(new_tag("a", tag).expect_err(tag).field(), Some("tag"));
        }
        for (repository, tag) in [
            ("mngr-snapshot", "agent-1-2"),
            ("r.example:5000/a_b/c", "_A.1"),
            ("Host/a", "1"),
        ] {
            assert!(new_tag(repository, tag).is_ok(), "{repository}:{tag}");
        }
    }

    #[test]
    fn a_long_value_is_shortened_in_the_error() {
        assert!(name("container", &"/".repeat(3000)).expect_err("bad").message().len() < 400);
    }

    #[test]
    fn a_reference_without_a_tag_is_the_latest() {
        assert_eq!(parts("busybox"), ("busybox", "latest"));
        assert_eq!(parts("busybox:1"), ("busybox", "1"));
        assert_eq!(parts("r.example:5000/a"), ("r.example:5000/a", "latest"));
        assert_eq!(parts("[::1]:5000/a"), ("[::1]:5000/a", "latest"));
        assert_eq!(parts("a@sha256:f0"), ("a", "sha256:f0"));
    }
}
