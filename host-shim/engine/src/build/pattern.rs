//! A pattern of `.dockerignore`, as a regular expression, whose search takes time in proportion to the path.
//!
//! What a pattern means is said by Docker's documentation, Go's `filepath.Match` and `filepath.Clean`
//! (<https://pkg.go.dev/path/filepath>), and, for `**`, by <https://github.com/moby/patternmatcher>. The last makes a regular
//! expression of Go, too, and lets some characters have their meaning there, against the documentation. A pattern with those is
//! refused: whichever of the two is meant, what is to be left out is not sent.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use regex::Regex;

/// Where the bytes of names that are not UTF-8 lie: at the end of the last private plane of Unicode.
const NO_TEXT: u32 = 0x10_FF00;

/// What is wrong with a class.
const NOT_CLOSED: &str = "a `[` begins a class, and no `]` ends it";
const EMPTY: &str =
    "a class holds characters and ranges, such as `[abc]` or `[a-z]`; `-` and `]` in it are written `\\-` and `\\]`";
const BACKWARDS: &str = "a range in it ends before it begins";
const LONE_ESCAPE: &str = "it ends with a `\\`, and nothing follows that";
const TOO_LARGE: &str = "it is too long";

/// What means one thing by the documentation and another to Docker itself.
const ESCAPED_LETTER: &str =
    "a `\\` stands before a letter or a digit, which Docker reads as a regular expression does; leave it out";
const WILDCARD: &str = "in a class `*` and `?` are written `\\*` and `\\?`";
const NAMED_CLASS: &str = "it names a class, such as `[:alpha:]`; write the characters and ranges, or `\\[` for a `[`";
const ANCHOR: &str = "beside wildcards `^` is written `\\^`";

/// One pattern.
#[derive(Debug)]
pub(super) struct Pattern {
    regex: Regex,
    /// What every path that it matches begins with.
    prefix: String,
    /// Whether that is all that it matches.
    is_literal: bool,
}

impl Pattern {
    /// Reads a pattern. None for one that no path of a context can match, such as `.` and `../a`.
    ///
    /// # Errors
    /// What is wrong with it. Docker stops a build there, too.
    pub(super) fn parse(text: &str) -> Result<Option<Self>, &'static str> {
        let text = cleaned(text);
        let chars: Vec<char> = text.chars().collect();
        let body = translated(&chars)?;
        if chars.is_empty() || text == ".." || text.starts_with("../") {
            return Ok(None);
        }
        // A path and each directory above it end at a slash or where it ends.
        let regex = Regex::new(&format!(r"\A(?s:{body})(?:/|\z)")).map_err(|_| TOO_LARGE)?;
        let prefix: String = chars.iter().take_while(|c| !is_special(**c)).collect();
        Ok(Some(Self {
            regex,
            is_literal: prefix.len() == text.len(),
            prefix,
        }))
    }

    /// Whether it matches a path, as [`name`] gives it, or a directory above it.
    pub(super) fn matches(&self, path: &str) -> bool {
        self.regex.is_match(path)
    }

    /// Whether it may match something below a directory that it does not match.
    pub(super) fn may_match_below(&self, directory: &str) -> bool {
        let inside = format!("{directory}/");
        let begins_there = self.prefix.starts_with(&inside);
        !self.matches(directory) && (begins_there || (!self.is_literal && inside.starts_with(&self.prefix)))
    }
}

/// A name as text: bytes that are not UTF-8 become characters that no text has.
pub(super) fn name(name: &OsStr) -> String {
    let mut text = String::new();
    for chunk in name.as_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        let bytes = chunk.invalid().iter();
        text.extend(bytes.filter_map(|byte| char::from_u32(NO_TEXT + u32::from(*byte))));
    }
    text
}

/// Without `.`, doubled slashes and one at either end; `..` takes away what is before it.
fn cleaned(text: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if text.starts_with('/') => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn is_special(c: char) -> bool {
    matches!(c, '*' | '?' | '[' | ']' | '\\')
}

/// A character that stands for itself.
fn literal(c: char) -> String {
    format!("\\x{{{:x}}}", u32::from(c))
}

/// The regular expression for a pattern.
fn translated(mut pattern: &[char]) -> Result<String, &'static str> {
    // `**` before plain characters means names that end with them, at any depth.
    if let ['*', '*', rest @ ..] = pattern
        && !rest.starts_with(&['/'])
        && !rest.iter().any(|c| is_special(*c))
    {
        return Ok(format!(".*{}", rest.iter().map(|c| literal(*c)).collect::<String>()));
    }
    let has_wildcards = pattern.iter().any(|c| is_special(*c));
    let mut regex = String::new();
    loop {
        pattern = match pattern {
            [] => return Ok(regex),
            ['*', '*', '/', rest @ ..] | ['*', '*', rest @ ..] => {
                regex.push_str(if rest.is_empty() { ".*" } else { "(?:.*/)?" });
                rest
            }
            ['*', rest @ ..] => {
                regex.push_str("[^/]*");
                rest
            }
            ['?', rest @ ..] => {
                regex.push_str("[^/]");
                rest
            }
            ['[', rest @ ..] => class(rest, &mut regex)?,
            ['\\'] => return Err(LONE_ESCAPE),
            ['\\', c, rest @ ..] => {
                regex.push_str(&literal(escaped(*c)?));
                rest
            }
            ['^', ..] if has_wildcards => return Err(ANCHOR),
            [c, rest @ ..] => {
                regex.push_str(&literal(*c));
                rest
            }
        };
    }
}

/// Adds a class, whose `[` has been read, and returns what follows it.
fn class<'a>(mut pattern: &'a [char], regex: &mut String) -> Result<&'a [char], &'static str> {
    regex.push('[');
    if let ['^', rest @ ..] = pattern {
        regex.push('^');
        pattern = rest;
    }
    let mut is_empty = true;
    loop {
        if let [']', rest @ ..] = pattern
            && !is_empty
        {
            regex.push(']');
            return Ok(rest);
        }
        let (from, rest) = member(pattern)?;
        let (to, rest) = match rest {
            ['-', rest @ ..] => member(rest)?,
            rest => (from, rest),
        };
        if to < from {
            return Err(BACKWARDS);
        }
        regex.push_str(&format!("{}-{}", literal(from), literal(to)));
        is_empty = false;
        pattern = rest;
    }
}

/// A character of a class, and what follows it.
fn member(pattern: &[char]) -> Result<(char, &[char]), &'static str> {
    match pattern {
        [] | ['\\'] => Err(NOT_CLOSED),
        ['-' | ']', ..] => Err(EMPTY),
        ['*' | '?', ..] => Err(WILDCARD),
        ['[', ':', ..] => Err(NAMED_CLASS),
        ['\\', c, rest @ ..] => Ok((escaped(*c)?, rest)),
        [c, rest @ ..] => Ok((*c, rest)),
    }
}

/// What a `\` makes stand for itself.
fn escaped(c: char) -> Result<char, &'static str> {
    match c.is_ascii() && !c.is_ascii_alphanumeric() {
        true => Ok(c),
        false => Err(ESCAPED_LETTER),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        let parsed = Pattern::parse(pattern).unwrap_or_else(|reason| panic!("{pattern:?}: {reason}"));
        parsed.is_some_and(|parsed| parsed.matches(path))
    }

    /// Patterns, what each matches and what it does not.
    const TABLE: &[(&str, &[&str], &[&str])] = &[
        // A path matches with all that is below it, and is anchored at the root.
        ("a", &["a", "a/b", "a/b/c"], &["b/a", "ab", "A"]),
        ("a/b", &["a/b", "a/b/c"], &["a", "b", "x/a/b"]),
        ("fileutils.go", &["fileutils.go"], &["fileutilsxgo"]),
        // Cleaned, as a path is.
        ("/a/", &["a", "a/b"], &["b/a"]),
        ("//a//b/", &["a/b"], &["a"]),
        ("./a/../b", &["b"], &["a", "a/b"]),
        ("/../a", &["a"], &[]),
        ("a/b/../../c", &["c"], &["a"]),
        (".", &[], &["a", "."]),
        ("", &[], &["a"]),
        ("/", &[], &["a"]),
        ("..", &[], &["a", ".."]),
        ("../a", &[], &["a"]),
        ("a/../../b", &[], &["b", "a"]),
        ("..a", &["..a"], &["a"]),
        // `*` and `?` stop at a slash.
        ("*", &["a", ".hidden", "a/b"], &[]),
        ("*.log", &["x.log", ".log"], &["d/x.log", "x.log2"]),
        (
            "*/temp*",
            &["somedir/temporary.txt", "somedir/temp", "d/temp/x"],
            &["temp", "a/b/temp"],
        ),
        (
            "*/*/temp*",
            &["somedir/subdir/temporary.txt"],
            &["somedir/temporary.txt", "a/b/c/temp"],
        ),
        ("temp?", &["tempa", "tempb", "temp1/x"], &["temp", "tempab", "temp/"]),
        ("a?b", &["a☺b", "axb"], &["a/b", "ab"]),
        ("a???b", &["axyzb"], &["a☺b"]),
        ("a*b", &["ab", "axyb"], &["a/b"]),
        ("a*b?c*x", &["abxbbxdbxebxczzx"], &["abxbbxdbxebxczzy"]),
        ("a*/b", &["abc/b", "a/b"], &["a/c/b"]),
        (
            "a*b*c*d*e*/f",
            &["axbxcxdxe/f", "axbxcxdxexxx/f"],
            &["axbxcxdxe/xxx/f", "axbxcxdxexxx/fff"],
        ),
        // `**` is any number of directories.
        ("**", &["a", "a/b", ".hidden"], &[]),
        ("**/", &["a", "a/b"], &[]),
        ("**/**", &["a", "a/b"], &[]),
        ("**/*.go", &["x.go", "d/x.go", "d/e/x.go"], &["x.txt", "x.gone"]),
        (
            "**/file",
            &["file", "d/file", "d/e/file", "file/x"],
            &["xfile", "d/xfile"],
        ),
        (
            "**/foo/bar",
            &["foo/bar", "d/foo/bar", "d/e/foo/bar"],
            &["foo", "bar", "xfoo/bar"],
        ),
        ("**/.foo", &[".foo", "d/.foo"], &["bar.foo"]),
        ("**/file*txt", &["file.txt", "d/file1txt"], &["xfile.txt"]),
        ("**/dir2/*", &["dir/dir2/file", "dir2/x"], &["dir2", "dir/dir2"]),
        ("**/dir2/**", &["dir/dir2/dir3/file", "dir2/a"], &["dir2"]),
        ("**file", &["file", "dir/file", "xfile", "dir/xfile"], &["file1"]),
        ("**/**/*.txt", &["file.txt", "d/e/file.txt"], &["file.txt2"]),
        ("a/**", &["a/b", "a/b/c"], &["a", "ab", "b"]),
        ("a**", &["a", "ab", "ab/c", "a/b"], &["b"]),
        ("a/**/z", &["a/z", "a/b/z", "a/b/c/z"], &["az", "b/z", "a/xz"]),
        ("a**/*.txt", &["a/file.txt", "a/d/e/file.txt", "a.txt"], &["b/file.txt"]),
        ("a/*.txt**", &["a/file.txt", "a/file.txt2"], &["a/file"]),
        ("a**b", &["ab", "a/b", "ax/b", "a/x/b"], &["axb"]),
        ("***", &["a", "a/b"], &[]),
        // Classes.
        ("[a-c]x", &["ax", "cx"], &["dx", "x", "-x"]),
        ("a[b-d]e", &["ace", "ade"], &["ae", "aae"]),
        ("[^a]x", &["bx", "☺x"], &["ax", "x"]),
        ("a[^b-d]e", &["aze"], &["ace"]),
        ("[a-ζ]*", &["α"], &["A"]),
        ("[\\]a]", &["]", "a"], &["\\", "b"]),
        ("[\\-]", &["-"], &["\\"]),
        ("[x\\-]", &["x", "-"], &["z", "\\"]),
        ("[\\-x]", &["x", "-"], &["a", "\\", "]"]),
        ("[\\^a]", &["^", "a"], &["b"]),
        ("[a^]", &["^", "a"], &["b"]),
        ("[[]", &["["], &["]"]),
        ("[\\*\\?]", &["*", "?"], &["a", "\\"]),
        ("[.]x", &[".x"], &["ax"]),
        ("[&&a]", &["&", "a"], &["b"]),
        ("a[^b]c", &["axc", "a/c"], &["abc"]),
        // Characters that stand for themselves.
        ("\\*x", &["*x"], &["ax"]),
        ("a\\*b", &["a*b"], &["ab", "axb"]),
        ("\\?", &["?"], &["a"]),
        ("\\[a]", &["[a]"], &["a"]),
        ("a\\\\", &["a\\"], &["a"]),
        ("\\!a", &["!a"], &["a"]),
        ("a]", &["a]"], &["a"]),
        ("a(b)c/def", &["a(b)c/def"], &["a(b)c/xyz", "abc/def"]),
        ("a.|)$(}+{bc", &["a.|)$(}+{bc"], &["a"]),
        ("^a$", &["^a$"], &["a"]),
        ("\\^*", &["^a"], &["a"]),
        (
            "dist/*.whl",
            &["dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl"],
            &["dist/a/b.whl"],
        ),
        ("a b", &["a b"], &["a"]),
        ("*", &["line\nbreak"], &[]),
        ("**/x", &["line\nbreak/x"], &[]),
    ];

    #[test]
    fn patterns_match_what_docker_says() {
        for (pattern, matched, others) in TABLE {
            for path in *matched {
                assert!(matches(pattern, path), "{pattern:?} matches {path:?}");
            }
            for path in *others {
                assert!(!matches(pattern, path), "{pattern:?} does not match {path:?}");
            }
        }
    }

    #[test]
    fn a_pattern_that_docker_stops_at_is_an_error() {
        for pattern in [
            "[", "a[", "[a", "[^", "[^bc", "[]", "[]a]", "[^]", "[-]", "[-x]", "[x-]", "[a-]", "[a-b-c]", "[z-a]",
            "\\", "a\\", "[\\", "[a\\", "x/[", "**/[a", "a/../[",
        ] {
            assert!(Pattern::parse(pattern).is_err(), "{pattern:?}");
        }
    }

    #[test]
    fn a_pattern_that_docker_reads_otherwise_than_it_says_is_an_error() {
        for pattern in [
            "\\d",
            "[\\d]",
            "a\\é",
            "[*]",
            "[a?]",
            "[[:alpha:]]",
            "[^[:digit:]]",
            "^*",
            "a^?",
        ] {
            assert!(Pattern::parse(pattern).is_err(), "{pattern:?}");
        }
    }

    #[test]
    fn a_name_that_is_no_text_is_matched_by_its_bytes() {
        let path = name(OsStr::from_bytes(b"caf\xe9"));
        for (pattern, is_matched) in [
            (&b"caf\xe9"[..], true),
            (b"caf?", true),
            (b"caf*", true),
            (b"[^a]af[^a]", true),
            (b"caf", false),
            (b"caf\xe8", false),
            (b"caf\xc3\xa9", false),
            (b"caf??", false),
        ] {
            let pattern = name(OsStr::from_bytes(pattern));
            assert_eq!(matches(&pattern, &path), is_matched, "{pattern:?}");
        }
    }

    #[test]
    fn where_a_pattern_may_match_below_a_directory_is_told_from_where_it_can_not() {
        for (pattern, below, not_below) in [
            ("d/e/f", &["d", "d/e"][..], &["d/e/f", "d/e/f/g", "x", "d/x", "dd"][..]),
            ("**/x", &["d", "d/e"], &["x"]),
            ("d/*/x", &["d", "d/e"], &["e", "e/d"]),
            ("d*", &["dd/x"], &["d", "dd", "e"]),
        ] {
            let parsed = Pattern::parse(pattern).expect("valid").expect("it can match");
            for directory in below {
                let is_below = parsed.may_match_below(directory) || parsed.matches(directory);
                assert!(is_below, "{pattern:?} below {directory:?}");
            }
            for directory in not_below {
                assert!(!parsed.may_match_below(directory), "{pattern:?} below {directory:?}");
            }
        }
    }

    #[test]
    fn many_wildcards_beside_a_long_name_come_to_an_end() {
        let pattern = "**a".repeat(40);
        assert!(!matches(&pattern, &"a".repeat(5000)));
        assert!(matches(&format!("{}*", "*a".repeat(40)), &"a".repeat(5000)));
    }

    #[test]
    fn a_pattern_without_end_is_refused_and_not_left_out() {
        assert_eq!(Pattern::parse(&"?".repeat(60_000)).err(), Some(TOO_LARGE));
    }
}
