//! What `.dockerignore` leaves out of a context, as Docker reads it
//! (<https://docs.docker.com/build/concepts/context/#dockerignore-files>). Its rules are neither git's nor a shell's: patterns are
//! anchored at the context's root, one that matches a directory matches all below it, and the last one that matches wins.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use mngr_contract::Result;
use mngr_contract::error::invalid;

use super::pattern::{Pattern, name};
use crate::docker::tarball::Opened;

/// The file at the context's root.
pub(super) const FILE: &str = ".dockerignore";

/// Longest line, in bytes, as BuildKit has it.
const LONGEST: usize = 64 << 10;

/// What is left out of a context.
#[derive(Debug, Default)]
pub(super) struct Rules(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    keeps: bool,
    pattern: Pattern,
}

impl Rules {
    /// The rules of a directory, from the file that is called as the Dockerfile at `there` and lies beside it, or else from
    /// that of the directory itself.
    ///
    /// # Errors
    /// `invalid-argument` where the file can not be read, and for a line that Docker stops a build at.
    pub(super) fn of(root: &Path, there: Option<&Path>) -> Result<Self> {
        let own = there.map(|there| {
            let mut own = there.as_os_str().to_owned();
            own.push(FILE);
            PathBuf::from(own)
        });
        for path in own.into_iter().chain([root.join(FILE)]) {
            if let Some(text) = read(&path)? {
                return Ok(Self(rules(&path, &text)?));
            }
        }
        Ok(Self::default())
    }

    /// Whether a path of the context is left out.
    pub(super) fn leave_out(&self, path: &Path) -> bool {
        let path = name(path.as_os_str());
        let last = self.0.iter().rev().find(|rule| rule.pattern.matches(&path));
        last.is_some_and(|rule| !rule.keeps)
    }

    /// Whether something below a directory that is left out may be sent all the same.
    pub(super) fn may_send_below(&self, directory: &Path) -> bool {
        let directory = name(directory.as_os_str());
        let mut kept = self.0.iter().filter(|rule| rule.keeps);
        kept.any(|rule| rule.pattern.may_match_below(&directory))
    }
}

/// The bytes of a file; none where there is no such file.
fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    let read = || {
        let mut text = Vec::new();
        Opened::behind(path)?.content()?.read_to_end(&mut text)?;
        Ok::<_, io::Error>(text)
    };
    match read() {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(invalid(
            "dockerignore",
            path.display().to_string(),
            format!("it can not be read: {error}"),
            "make it a file that you may read, or remove it",
        )),
    }
}

fn rules(path: &Path, text: &[u8]) -> Result<Vec<Rule>> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut rules = Vec::new();
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        match rule(line) {
            Ok(rule) => rules.extend(rule),
            Err(reason) => {
                let shown: String = String::from_utf8_lossy(line).trim().chars().take(200).collect();
                return Err(invalid(
                    "dockerignore",
                    format!("{}:{}", path.display(), index + 1),
                    format!("the pattern `{shown}` can not be meant: {reason}"),
                    "correct the line, or write `\\` before a character that stands for itself",
                ));
            }
        }
    }
    Ok(rules)
}

/// The rule of a line. None for a comment, an empty line and a pattern that can match nothing.
fn rule(line: &[u8]) -> std::result::Result<Option<Rule>, &'static str> {
    if line.len() >= LONGEST {
        return Err("it is longer than 64 KiB");
    }
    if line.starts_with(b"#") {
        return Ok(None);
    }
    let line = name(std::os::unix::ffi::OsStrExt::from_bytes(line));
    let line = line.trim();
    let (keeps, pattern) = match line.strip_prefix('!') {
        Some(kept) => (true, kept.trim()),
        None => (false, line),
    };
    if keeps && pattern.trim_matches('/').is_empty() {
        return Err("an exception names what it keeps");
    }
    Ok(Pattern::parse(pattern)?.map(|pattern| Rule { keeps, pattern }))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn of(text: &str) -> Rules {
        Rules(rules(Path::new(FILE), text.as_bytes()).expect("rules"))
    }

    #[test]
    fn lines_are_read_as_docker_reads_them_and_the_last_that_matches_wins() {
        for (text, out, sent) in [
            ("# a\na", &["a"][..], &["# a"][..]),
            (" # kept", &["# kept"], &["a"]),
            ("  a  \r\n\n\tb\r\n", &["a", "b"], &["c"]),
            ("\u{feff}a", &["a"], &[]),
            ("\u{feff}# a", &[], &["a", "# a"]),
            ("*\n!b", &["a", "c"], &["b", "b/c"]),
            ("*\n  !  /b/  ", &["a"], &["b", "b/c"]),
            ("! b\nb", &["b"], &[]),
            ("*.md\n!README.md", &["x.md"], &["README.md", "d/x.md"]),
            (
                "*.md\n!README*.md\nREADME-secret.md",
                &["x.md", "README-secret.md"],
                &["README.md", "README-1.md"],
            ),
            ("*.md\nREADME-secret.md\n!README*.md", &["x.md"], &["README-secret.md"]),
            ("docs\n!docs/README.md", &["docs", "docs/x"], &["docs/README.md"]),
            ("docs/*\n!docs/README.md", &["docs/x"], &["docs", "docs/README.md"]),
            (
                "**\n!util/web\nutil/web/foo",
                &["a", "util/web/foo"],
                &["util/web", "util/web/bar"],
            ),
            ("x\n!x/y/z\nx/y", &["x/y", "x/y/z"], &[]),
            ("*\n!.", &["a"], &[]),
            ("\\#a\n\\!b", &["#a", "!b"], &["a", "b"]),
        ] {
            let rules = of(text);
            for path in out {
                assert!(rules.leave_out(Path::new(path)), "{text:?} leaves {path} out");
            }
            for path in sent {
                assert!(!rules.leave_out(Path::new(path)), "{text:?} sends {path}");
            }
        }
    }

    #[test]
    fn a_line_that_can_not_be_meant_is_named_with_its_file_and_what_to_do() {
        for (text, line, pattern) in [
            ("a\n\n[a-\n", 3, "[a-"),
            ("[b", 1, "[b"),
            ("a\\", 1, "a\\"),
            ("a\n  !  ", 2, "!"),
            ("!/", 1, "!/"),
        ] {
            let error = rules(Path::new("/c/.dockerignore"), text.as_bytes()).expect_err(text);
            assert_eq!(error.field(), Some("dockerignore"));
            let expected = format!("`/c/.dockerignore:{line}`: the pattern `{pattern}` can not be meant: ");
            assert!(error.message().contains(&expected), "{}", error.message());
            assert!(error.remedy().contains("correct the line"), "{}", error.remedy());
        }
        assert!(rules(Path::new(FILE), &b"a".repeat(LONGEST)).is_err());
    }

    #[test]
    fn the_file_beside_the_dockerfile_is_read_instead_of_the_contexts_own() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path();
        fs::create_dir(root.join("docker")).expect("made");
        fs::write(root.join(FILE), "everyones\n").expect("written");
        let there = root.join("docker/Dev");
        let rules = || Rules::of(root, Some(&there)).expect("rules");
        assert!(rules().leave_out(Path::new("everyones")));
        fs::write(root.join("docker/Dev.dockerignore"), "devs\n").expect("written");
        assert!(rules().leave_out(Path::new("devs")) && !rules().leave_out(Path::new("everyones")));
        fs::write(root.join("docker/Dev.dockerignore"), "").expect("written");
        assert!(!rules().leave_out(Path::new("everyones")), "an empty one counts");
    }

    #[test]
    fn rules_that_can_not_be_read_stop_the_build() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path();
        fs::create_dir(root.join(FILE)).expect("made");
        let error = Rules::of(root, None).expect_err("a directory");
        assert!(error.message().contains("not a file"), "{}", error.message());
        fs::remove_dir(root.join(FILE)).expect("removed");
        symlink(FILE, root.join(FILE)).expect("linked");
        assert!(Rules::of(root, None).is_err(), "a loop");
    }

    #[test]
    fn only_an_exception_that_may_hold_keeps_a_directory_from_being_skipped() {
        let rules = of("node_modules\nd\n!d/keep\n*.cache\n!**/x");
        let below = |path: &str| rules.may_send_below(Path::new(path));
        assert!(below("d") && below("node_modules"));
        let rules = of("node_modules\nd\n!d/keep");
        let below = |path: &str| rules.may_send_below(Path::new(path));
        assert!(below("d") && !below("node_modules") && !below("d/other"));
    }
}
