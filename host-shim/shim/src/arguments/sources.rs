//! Sources of binds that begin with a dot: the Docker CLI takes them from the directory where it is called, wherever the engine is.

use std::path::{Component, Path, PathBuf};

use mngr_docker_grammar::values::{comma_separated, quoted};

/// `.:/x` as `--volume=/here:/x`. Nothing for a source that does not begin with a dot, and for a value without one.
pub fn volume(value: &str, directory: &Path) -> Option<String> {
    let (source, rest) = value.split_once(':')?;
    Some(format!("--volume={}:{rest}", absolute(source, directory)?))
}

/// `type=bind,source=.,target=/x` with the whole path. Nothing where no source begins with a dot.
pub fn mount(value: &str, directory: &Path) -> Option<String> {
    let mut is_changed = false;
    let mut fields = comma_separated(value)?;
    for field in &mut fields {
        let Some((key, source)) = field.split_once('=') else {
            continue;
        };
        if matches!(key.to_lowercase().as_str(), "source" | "src")
            && let Some(source) = absolute(source, directory)
        {
            *field = format!("{key}={source}");
            is_changed = true;
        }
    }
    let fields: Vec<_> = fields.iter().map(|field| quoted(field)).collect();
    is_changed.then(|| format!("--mount={}", fields.join(",")))
}

/// The path of a source that begins with a dot, without `.` and `..`. A directory whose name is no text cannot be written.
fn absolute(source: &str, directory: &Path) -> Option<String> {
    if !source.starts_with('.') {
        return None;
    }
    let mut path = PathBuf::new();
    for part in directory.join(source).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                path.pop();
            }
            part => path.push(part),
        }
    }
    path.into_os_string().into_string().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    // What Docker CLI 28.2.2 sent for each of them from `/srv/here`.
    #[test]
    fn sources_become_what_the_docker_cli_makes_of_them() {
        let here = Path::new("/srv/here");
        for (value, expected) in [
            (".:/x", Some("/srv/here:/x")),
            ("./a:/x", Some("/srv/here/a:/x")),
            ("../:/x", Some("/srv:/x")),
            ("..:/x:ro", Some("/srv:/x:ro")),
            ("../../../..:/x", Some("/:/x")),
            (".hid:/x", Some("/srv/here/.hid:/x")),
            (".a/../b//c/:/x", Some("/srv/here/b/c:/x")),
            (".:x", Some("/srv/here:x")),
            ("~/x:/x", None),
            ("sub:/x", None),
            ("/a/./b:/x", None),
            (".", None),
            ("./x", None),
        ] {
            let expected = expected.map(|expected| format!("--volume={expected}"));
            assert_eq!(volume(value, here), expected, "{value}");
        }
        for (value, expected) in [
            (
                "type=bind,source=.,target=/x",
                Some("type=bind,source=/srv/here,target=/x"),
            ),
            (
                "type=bind,src=../here/./a/..,target=/x",
                Some("type=bind,src=/srv/here,target=/x"),
            ),
            (
                "type=bind,SOURCE=.hid,target=/x",
                Some("type=bind,SOURCE=/srv/here/.hid,target=/x"),
            ),
            (
                r#"type=bind,"source=./a,b",target=/x"#,
                Some(r#"type=bind,"source=/srv/here/a,b",target=/x"#),
            ),
            ("type=bind,source=~/x,target=/x", None),
            ("type=bind,source=sub,target=/x", None),
            ("type=tmpfs,target=./x", None),
            ("readonly", None),
        ] {
            let expected = expected.map(|expected| format!("--mount={expected}"));
            assert_eq!(mount(value, here), expected, "{value}");
        }
    }
}
