//! Tools that read and write text.

use sha2::{Digest, Sha256};

use super::Options;
use crate::shell::Shell;

/// What each named file holds, or stdin where none is named (`-` is stdin too).
async fn inputs(shell: &Shell, tool: &str, names: &[String]) -> (Vec<(String, Vec<u8>)>, i64) {
    if names.is_empty() {
        return (vec![(String::new(), shell.io.stdin.all().await)], 0);
    }
    let mut found = Vec::new();
    let mut status = 0;
    for name in names {
        if name == "-" {
            found.push((name.clone(), shell.io.stdin.all().await));
        } else if name == "/dev/null" {
            found.push((name.clone(), Vec::new()));
        } else {
            match shell.files.read(&shell.cwd, name) {
                Ok(content) => found.push((name.clone(), content.to_vec())),
                Err(crate::filesystem::FsError::IsDirectory) => {
                    status = shell.fail(&format!("{tool}: read error: Is a directory"));
                }
                Err(error) => status = shell.fail(&format!("{tool}: can't open '{name}': {error}")),
            }
        }
    }
    (found, status)
}

pub async fn cat(shell: &Shell, arguments: &[String]) -> i64 {
    if arguments.iter().all(|name| name == "-") {
        while let Some(bytes) = shell.io.stdin.read().await {
            shell.io.stdout.write(bytes);
        }
        return 0;
    }
    let mut status = 0;
    for name in arguments {
        let (found, failed) = inputs(shell, "cat", std::slice::from_ref(name)).await;
        for (_, content) in found {
            shell.io.stdout.write(content);
        }
        status |= failed;
    }
    status
}

/// Text with backslash sequences put in; true where `\c` ended it.
fn unescape(text: &str) -> (String, bool) {
    let mut result = String::new();
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        if c != '\\' {
            result.push(c);
            continue;
        }
        match characters.next() {
            Some('n') => result.push('\n'),
            Some('t') => result.push('\t'),
            Some('r') => result.push('\r'),
            Some('e') => result.push('\u{1b}'),
            Some('a') => result.push('\u{7}'),
            Some('c') => return (result, true),
            Some('\\') | None => result.push('\\'),
            Some(first @ '0'..='7') => {
                let mut value = first.to_digit(8).unwrap_or_default();
                while let Some(digit) = characters.next_if(|c| value < 32 && c.is_digit(8)) {
                    value = value * 8 + digit.to_digit(8).unwrap_or_default();
                }
                result.extend(char::from_u32(value));
            }
            Some(other) => result.extend(['\\', other]),
        }
    }
    (result, false)
}

pub fn echo(shell: &Shell, arguments: &[String]) -> i64 {
    let flags = arguments
        .iter()
        .take_while(|argument| {
            argument.len() > 1 && argument.starts_with('-') && argument[1..].chars().all(|c| "neE".contains(c))
        })
        .count();
    let has = |letter| arguments[..flags].iter().any(|flags| flags.contains(letter));
    let mut text = arguments[flags..].join(" ");
    let mut ended = has('n');
    if has('e') {
        let (unescaped, cut) = unescape(&text);
        text = unescaped;
        ended |= cut;
    }
    if !ended {
        text.push('\n');
    }
    shell.io.stdout.write(text);
    0
}

pub fn printf(shell: &Shell, arguments: &[String]) -> i64 {
    let Some((format, values)) = arguments.split_first() else {
        return shell.fail("printf: usage: printf FORMAT [ARG]...");
    };
    let (format, _) = unescape(format);
    let mut values = values.iter();
    let mut text = String::new();
    loop {
        let left = values.len();
        let mut characters = format.chars();
        while let Some(c) = characters.next() {
            if c != '%' {
                text.push(c);
                continue;
            }
            let mut width = String::new();
            let mut conversion = characters.next();
            while let Some(c) = conversion.filter(|c| c.is_ascii_digit() || matches!(c, '-' | '.')) {
                width.push(c);
                conversion = characters.next();
            }
            let value = match conversion {
                Some('%') => "%".to_owned(),
                Some('b') => unescape(values.next().map_or("", String::as_str)).0,
                Some('d' | 'i' | 'u') => {
                    let value = values.next().map_or("0", String::as_str);
                    if value.parse::<i64>().is_err() {
                        return shell.fail(&format!("printf: invalid number '{value}'"));
                    }
                    value.to_owned()
                }
                _ => values.next().cloned().unwrap_or_default(),
            };
            let zeros = width.starts_with('0');
            let wanted: isize = width.parse().unwrap_or_default();
            let size = wanted.unsigned_abs();
            text.push_str(&match (wanted < 0, zeros) {
                (true, _) => format!("{value:<size$}"),
                (false, true) => format!("{value:0>size$}"),
                (false, false) => format!("{value:>size$}"),
            });
        }
        // The format is used again while it takes values and there are some.
        if values.len() == 0 || values.len() == left {
            break;
        }
    }
    shell.io.stdout.write(text);
    0
}

fn count(options: &Options) -> (Option<usize>, usize) {
    let bytes = options.value('c').and_then(|value| value.parse().ok());
    let short = options
        .flags
        .iter()
        .filter(|(flag, _)| flag.is_ascii_digit())
        .map(|(flag, _)| *flag)
        .collect::<String>();
    let lines = options.value('n').unwrap_or(&short).parse().unwrap_or(10);
    (bytes, lines)
}

pub async fn head(shell: &Shell, arguments: &[String]) -> i64 {
    let options = Options::of(arguments, "nc");
    let (bytes, lines) = count(&options);
    let (found, status) = inputs(shell, "head", &options.rest).await;
    for (_, content) in found {
        let end = match bytes {
            Some(bytes) => bytes.min(content.len()),
            None => content
                .split_inclusive(|b| *b == b'\n')
                .take(lines)
                .map(<[u8]>::len)
                .sum(),
        };
        shell.io.stdout.write(content[..end].to_vec());
    }
    status
}

pub async fn tail(shell: &Shell, arguments: &[String]) -> i64 {
    let options = Options::of(arguments, "nc");
    let (bytes, lines) = count(&options);
    let (found, status) = inputs(shell, "tail", &options.rest).await;
    for (_, content) in found {
        let start = match bytes {
            Some(bytes) => content.len().saturating_sub(bytes),
            None => {
                let all: Vec<usize> = content.split_inclusive(|b| *b == b'\n').map(<[u8]>::len).collect();
                all.iter().take(all.len().saturating_sub(lines)).sum()
            }
        };
        shell.io.stdout.write(content[start..].to_vec());
    }
    if options.has("fF") {
        // What is added to the file later is not followed.
        std::future::pending::<()>().await;
    }
    status
}

pub fn seq(shell: &Shell, arguments: &[String]) -> i64 {
    let numbers: Option<Vec<i64>> = arguments.iter().map(|argument| argument.parse().ok()).collect();
    let (from, step, to) = match numbers.as_deref() {
        Some([to]) => (1, 1, *to),
        Some([from, to]) => (*from, 1, *to),
        Some([from, step, to]) if *step != 0 => (*from, *step, *to),
        _ => return shell.fail("seq: invalid number"),
    };
    let mut at = from;
    while (step > 0 && at <= to) || (step < 0 && at >= to) {
        shell.out(&at.to_string());
        at += step;
    }
    0
}

pub async fn sha256sum(shell: &Shell, arguments: &[String]) -> i64 {
    let (found, status) = inputs(shell, "sha256sum", arguments).await;
    for (name, content) in found {
        let name = if name.is_empty() { "-" } else { &name };
        shell.out(&format!("{}  {name}", hex::encode(Sha256::digest(content))));
    }
    status
}

pub async fn sort(shell: &Shell, arguments: &[String]) -> i64 {
    let options = Options::of(arguments, "k");
    let (found, status) = inputs(shell, "sort", &options.rest).await;
    let text: Vec<u8> = found.into_iter().flat_map(|(_, content)| content).collect();
    let text = String::from_utf8_lossy(&text);
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    if options.has("n") {
        lines.sort_by_key(|line| line.trim().parse::<i64>().unwrap_or_default());
    }
    if options.has("u") {
        lines.dedup();
    }
    if options.has("r") {
        lines.reverse();
    }
    for line in lines {
        shell.out(line);
    }
    status
}

pub async fn tee(shell: &Shell, arguments: &[String]) -> i64 {
    let options = Options::of(arguments, "");
    let content = shell.io.stdin.all().await;
    shell.io.stdout.write(content.clone());
    let mut status = 0;
    for name in &options.rest {
        if let Err(error) = shell.files.write(&shell.cwd, name, &content, options.has("a")) {
            status = shell.fail(&format!("tee: {name}: {error}"));
        }
    }
    status
}

/// Sets of single characters and ranges; a shorter second set goes on with its last character.
pub async fn tr(shell: &Shell, arguments: &[String]) -> i64 {
    let options = Options::of(arguments, "");
    let sets: Vec<Vec<char>> = options.rest.iter().map(|set| characters(&unescape(set).0)).collect();
    let content = shell.io.stdin.all().await;
    let text = String::from_utf8_lossy(&content);
    let changed: String = match sets.as_slice() {
        [from] if options.has("d") => text.chars().filter(|c| !from.contains(c)).collect(),
        [from, to] if !to.is_empty() => text
            .chars()
            .map(|c| match from.iter().position(|known| *known == c) {
                Some(at) => to[at.min(to.len() - 1)],
                None => c,
            })
            .collect(),
        _ => return shell.fail("tr: usage: tr [-d] SET1 [SET2]"),
    };
    shell.io.stdout.write(changed);
    0
}

fn characters(set: &str) -> Vec<char> {
    let set: Vec<char> = set.chars().collect();
    let mut all = Vec::new();
    let mut at = 0;
    while at < set.len() {
        if let [from, '-', to, ..] = set[at..] {
            all.extend(from..=to);
            at += 3;
        } else {
            all.push(set[at]);
            at += 1;
        }
    }
    all
}

pub async fn wc(shell: &Shell, arguments: &[String]) -> i64 {
    let options = Options::of(arguments, "");
    let (found, status) = inputs(shell, "wc", &options.rest).await;
    for (name, content) in found {
        let text = String::from_utf8_lossy(&content);
        let counts = [
            ("l", content.iter().filter(|b| **b == b'\n').count()),
            ("w", text.split_whitespace().count()),
            ("c", content.len()),
        ];
        let all = !options.has("lwc");
        let mut fields: Vec<String> = counts
            .iter()
            .filter(|(flag, _)| all || options.has(flag))
            .map(|(_, count)| if all { format!("{count:9}") } else { count.to_string() })
            .collect();
        if !name.is_empty() {
            fields.push(name);
        }
        shell.out(&fields.join(" "));
    }
    status
}
