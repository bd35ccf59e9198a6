//! `.dockerignore` as Docker reads it. Its rules are neither git's nor a shell's: patterns are anchored at the context's
//! root, one that matches a directory matches all below it, and the last one that matches wins.

use std::io;
use std::path::Path;

/// What is left out of a context.
#[derive(Debug, Default)]
pub(super) struct Rules(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    keeps: bool,
    pattern: Vec<char>,
}

impl Rules {
    /// The rules of a directory. The Dockerfile and `.dockerignore` itself are always sent.
    pub(super) fn of(root: &Path, dockerfile: &str) -> io::Result<Self> {
        let text = match std::fs::read(root.join(".dockerignore")) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(io::Error::new(error.kind(), format!(".dockerignore: {error}"))),
        };
        let mut rules = Self::read(&text);
        if !rules.0.is_empty() {
            let always = [".dockerignore", dockerfile].map(|path| Rule::new(path, true));
            rules.0.extend(always.into_iter().flatten());
        }
        Ok(rules)
    }

    fn read(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = text.lines().filter(|line| !line.starts_with('#')).map(str::trim);
        Self(
            lines
                .filter_map(|line| match line.strip_prefix('!') {
                    Some(kept) => Rule::new(kept.trim(), true),
                    None => Rule::new(line, false),
                })
                .collect(),
        )
    }

    /// Whether a path of the context is left out.
    pub(super) fn leave_out(&self, path: &Path) -> bool {
        let names: Vec<String> = path.iter().map(|name| name.to_string_lossy().into_owned()).collect();
        let mut out = false;
        for rule in &self.0 {
            let matches = || {
                (1..=names.len()).any(|length| {
                    let path: Vec<char> = names[..length].join("/").chars().collect();
                    fits(&rule.pattern, &path)
                })
            };
            if rule.keeps == out && matches() {
                out = !rule.keeps;
            }
        }
        out
    }

    /// Whether something below a directory that is left out may be sent all the same.
    pub(super) fn has_exceptions(&self) -> bool {
        self.0.iter().any(|rule| rule.keeps)
    }
}

impl Rule {
    /// None for an empty pattern, and for one that is the root itself, which can not be left out.
    fn new(pattern: &str, keeps: bool) -> Option<Self> {
        let mut parts: Vec<&str> = Vec::new();
        for part in pattern.split('/') {
            match part {
                "" | "." => {}
                ".." if !parts.is_empty() => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        let pattern = parts.join("/").chars().collect::<Vec<_>>();
        (!pattern.is_empty()).then_some(Self { keeps, pattern })
    }
}

/// Go's `filepath.Match`, and `**` for any number of directories.
fn fits(pattern: &[char], path: &[char]) -> bool {
    match pattern {
        [] => path.is_empty(),
        ['*', '*', '/', rest @ ..] => {
            fits(rest, path) || (0..path.len()).any(|at| path[at] == '/' && fits(rest, &path[at + 1..]))
        }
        ['*', '*', rest @ ..] => (0..=path.len()).any(|at| fits(rest, &path[at..])),
        ['*', rest @ ..] => {
            let end = path.iter().position(|c| *c == '/').unwrap_or(path.len());
            (0..=end).any(|at| fits(rest, &path[at..]))
        }
        ['?', rest @ ..] => path.first().is_some_and(|c| *c != '/') && fits(rest, &path[1..]),
        ['[', rest @ ..] => match (class(rest), path) {
            (Some((set, after)), [c, path @ ..]) => set.holds(*c) && fits(after, path),
            _ => false,
        },
        ['\\', c, rest @ ..] | [c, rest @ ..] => path.first() == Some(c) && fits(rest, &path[1..]),
    }
}

struct Class {
    negated: bool,
    ranges: Vec<(char, char)>,
}

impl Class {
    fn holds(&self, c: char) -> bool {
        c != '/' && self.negated != self.ranges.iter().any(|(from, to)| (*from..=*to).contains(&c))
    }
}

/// What stands between brackets, and what follows.
fn class(pattern: &[char]) -> Option<(Class, &[char])> {
    let (negated, mut rest) = match pattern {
        ['^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut ranges = Vec::new();
    loop {
        match rest {
            [']', after @ ..] if !ranges.is_empty() => return Some((Class { negated, ranges }, after)),
            [from, '-', to, after @ ..] if *to != ']' => {
                ranges.push((*from, *to));
                rest = after;
            }
            ['\\', c, after @ ..] | [c, after @ ..] => {
                ranges.push((*c, *c));
                rest = after;
            }
            [] => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_docker_means_by_them() {
        for (text, out, sent) in [
            ("a", &["a", "a/b"][..], &["b/a", "ab"][..]),
            ("/a/", &["a", "a/b"], &["b/a"]),
            ("./a/../b", &["b"], &["a"]),
            ("*.log", &["x.log", ".log"], &["d/x.log", "x.log2"]),
            ("**/*.log", &["x.log", "d/x.log", "d/e/x.log"], &["x.txt"]),
            ("*/tmp", &["a/tmp", "a/tmp/x"], &["tmp", "a/b/tmp"]),
            ("**", &["a", "a/b", ".hidden"], &[]),
            ("a/**", &["a/b", "a/b/c"], &["a", "b"]),
            ("a/**/z", &["a/z", "a/b/z", "a/b/c/z"], &["az", "b/z"]),
            ("tmp?", &["tmp1", "tmpx"], &["tmp", "tmp12"]),
            ("[a-c]x", &["ax", "cx"], &["dx", "x"]),
            ("[^a]x", &["bx"], &["ax"]),
            ("\\*x", &["*x"], &["ax"]),
            ("# a\na", &["a"], &["# a"]),
            (" # kept", &["# kept"], &["a"]),
            ("  a  \n\n", &["a"], &["b"]),
            ("*\n!b", &["a", "c"], &["b", "b/c"]),
            (
                "*.md\n!README*.md\nREADME-secret.md",
                &["x.md", "README-secret.md"],
                &["README.md", "README-1.md"],
            ),
            ("d\n!d/keep", &["d", "d/x"], &["d/keep"]),
            ("! b\nb", &["b"], &[]),
            (".", &[], &["a"]),
            ("\u{feff}a", &["a"], &[]),
        ] {
            let rules = Rules::read(text);
            for path in out {
                assert!(rules.leave_out(Path::new(path)), "{text:?} leaves {path} out");
            }
            for path in sent {
                assert!(!rules.leave_out(Path::new(path)), "{text:?} sends {path}");
            }
        }
    }

    #[test]
    fn the_dockerfile_and_the_rules_themselves_are_always_sent() {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join(".dockerignore"), "*\n").expect("written");
        let rules = Rules::of(directory.path(), "docker/Dockerfile").expect("rules");
        assert!(rules.leave_out(Path::new("a")) && rules.has_exceptions());
        assert!(!rules.leave_out(Path::new("docker/Dockerfile")) && !rules.leave_out(Path::new(".dockerignore")));
    }
}
