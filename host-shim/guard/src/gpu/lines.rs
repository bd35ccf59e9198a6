//! Files as `grep -H "" FILES` prints them: each line with its file's name before it.

use std::collections::BTreeMap;

/// The files by name, each with its text.
pub fn files(text: &str) -> BTreeMap<String, String> {
    let mut files = BTreeMap::<String, String>::new();
    for line in text.lines() {
        // A PCI address in the path has colons of its own.
        let end = match line.find("/information:").or_else(|| line.find("/uevent:")) {
            Some(at) => at + line[at..].find(':').unwrap_or_default(),
            None => match line.find(':') {
                Some(at) => at,
                None => continue,
            },
        };
        let content = files.entry(line[..end].to_owned()).or_default();
        content.push_str(&line[end + 1..]);
        content.push('\n');
    }
    files
}

/// `Name: value` lines.
pub fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.trim() == name)
        .map(|(_, value)| value.trim())
}

/// A number of `name value` lines, as the kernel's topology has them.
pub fn property(text: &str, name: &str) -> Option<u64> {
    text.lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(key, _)| *key == name)
        .and_then(|(_, value)| value.trim().parse().ok())
}
