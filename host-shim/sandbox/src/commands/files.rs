//! Tools that work on files.

use jiff::Timestamp;

use super::Options;
use crate::filesystem::FsError;
use crate::shell::Shell;
use crate::tree::{Kind, Node, join, name, parent};

pub fn path_part(shell: &Shell, tool: &str, arguments: &[String]) -> i64 {
    let Some(path) = arguments.first() else {
        return shell.fail(&format!("{tool}: missing operand"));
    };
    let path = if path == "/" { path } else { path.trim_end_matches('/') };
    let part = match tool {
        "basename" => {
            let base = name(path);
            arguments
                .get(1)
                .and_then(|suffix| base.strip_suffix(suffix.as_str()))
                .unwrap_or(base)
        }
        _ if path.contains('/') => parent(path),
        _ => ".",
    };
    shell.out(part);
    0
}

pub fn chmod(shell: &Shell, arguments: &[String]) -> i64 {
    let Some((mode, names)) = arguments.split_first() else {
        return shell.fail("chmod: missing operand");
    };
    let change = |before: u32| match mode.as_str() {
        "+x" | "a+x" => Some(before | 0o111),
        "-x" => Some(before & !0o111),
        "+w" | "u+w" => Some(before | 0o200),
        "-w" | "a-w" => Some(before & !0o222),
        octal => u32::from_str_radix(octal, 8).ok(),
    };
    if change(0).is_none() {
        return shell.fail(&format!("chmod: invalid mode '{mode}'"));
    }
    let mut status = 0;
    for name in names {
        let done = shell.files.change(&shell.cwd, name, |node| {
            node.mode = change(node.mode).unwrap_or(node.mode)
        });
        if let Err(error) = done {
            status = shell.fail(&format!("chmod: {name}: {error}"));
        }
    }
    status
}

pub fn transfer(shell: &Shell, tool: &str, arguments: &[String]) -> i64 {
    let options = Options::of(arguments, "");
    let Some((to, sources)) = options.rest.split_last().filter(|(_, sources)| !sources.is_empty()) else {
        return shell.fail(&format!("{tool}: missing file operand"));
    };
    if sources.len() > 1 && !shell.files.is_directory(&shell.cwd, to) {
        return shell.fail(&format!("{tool}: target '{to}' is not a directory"));
    }
    let mut status = 0;
    for source in sources {
        let copies = tool == "cp";
        if copies && !options.has("rRa") && shell.files.is_directory(&shell.cwd, source) {
            status = shell.fail(&format!("cp: omitting directory '{source}'"));
            continue;
        }
        if let Err(error) = shell.files.transfer(&shell.cwd, source, to, copies) {
            let verb = if copies { "can't stat" } else { "can't rename" };
            status = shell.fail(&format!("{tool}: {verb} '{source}': {error}"));
        }
    }
    status
}

pub fn ln(shell: &Shell, arguments: &[String]) -> i64 {
    let options = Options::of(arguments, "");
    let [target, link] = options.rest.as_slice() else {
        return shell.fail("ln: usage: ln [-sf] TARGET LINK");
    };
    let link = if shell.files.is_directory(&shell.cwd, link) {
        join(link.trim_end_matches('/'), name(target))
    } else {
        link.clone()
    };
    if options.has("f") {
        // Nothing to remove is as good.
        let _ = shell.files.remove(&shell.cwd, &link, false);
    }
    let made = shell.files.resolve(&shell.cwd, &link, false).and_then(|at| {
        if shell.files.stat("/", &at, false).is_ok() {
            return Err(FsError::Exists);
        }
        let node = if options.has("s") {
            Node::symlink(target.as_str())
        } else {
            shell.files.stat(&shell.cwd, target, true)?
        };
        shell.files.put(&at, node)
    });
    match made {
        Ok(()) => 0,
        Err(error) => shell.fail(&format!("ln: {link}: {error}")),
    }
}

pub fn ls(shell: &Shell, arguments: &[String]) -> i64 {
    let mut options = Options::of(arguments, "");
    if options.rest.is_empty() {
        options.rest.push(".".to_owned());
    }
    let mut status = 0;
    let mut directories = Vec::new();
    for path in &options.rest {
        match shell.files.stat(&shell.cwd, path, !options.has("ld")) {
            Err(error) => status = shell.fail(&format!("ls: {path}: {error}")),
            Ok(node) if node.is_directory() && !options.has("d") => directories.push(path),
            Ok(node) => entry(shell, &options, path, &node),
        }
    }
    for (index, path) in directories.iter().enumerate() {
        if options.rest.len() > 1 {
            shell.out(&format!("{}{path}:", if index > 0 { "\n" } else { "" }));
        }
        let mut names = shell.files.list(&shell.cwd, path).unwrap_or_default();
        if options.has("a") {
            names.splice(0..0, [".".to_owned(), "..".to_owned()]);
        } else if !options.has("A") {
            names.retain(|name| !name.starts_with('.'));
        }
        for child in names {
            if let Ok(node) = shell.files.stat(&shell.cwd, &format!("{path}/{child}"), false) {
                entry(shell, &options, &child, &node);
            }
        }
    }
    status
}

fn entry(shell: &Shell, options: &Options, path: &str, node: &Node) {
    if !options.has("l") {
        return shell.out(path);
    }
    let (kind, target) = match &node.kind {
        Kind::File(_) => ('-', String::new()),
        Kind::Directory => ('d', String::new()),
        Kind::Symlink(target) => ('l', format!(" -> {target}")),
    };
    let bits: String = (0..9)
        .map(|bit| match node.mode & (0o400 >> bit) {
            0 => '-',
            _ => ['r', 'w', 'x'][bit % 3],
        })
        .collect();
    let owner = |id: u32| if id == 0 { "root".to_owned() } else { id.to_string() };
    let time = node.modified.strftime("%b %e %H:%M");
    shell.out(&format!(
        "{kind}{bits}    1 {:8} {:8} {:9} {time} {path}{target}",
        owner(node.uid),
        owner(node.gid),
        node.size()
    ));
}

pub fn mkdir(shell: &Shell, arguments: &[String]) -> i64 {
    let options = Options::of(arguments, "m");
    let mode = options.value('m').and_then(|mode| u32::from_str_radix(mode, 8).ok());
    let mut status = 0;
    for path in &options.rest {
        let made = if options.has("p") {
            shell.files.make_directories(&shell.cwd, path)
        } else {
            shell.files.make_directory(&shell.cwd, path, mode.unwrap_or(0o755))
        };
        if let Err(error) = made {
            status = shell.fail(&format!("mkdir: can't create directory '{path}': {error}"));
        }
    }
    status
}

pub fn readlink(shell: &Shell, arguments: &[String]) -> i64 {
    let options = Options::of(arguments, "");
    let path = options.rest.first().map_or("", String::as_str);
    if options.has("f") {
        return match shell.files.resolve(&shell.cwd, path, true) {
            Ok(at) => {
                shell.out(&at);
                0
            }
            Err(_) => 1,
        };
    }
    match shell.files.stat(&shell.cwd, path, false).map(|node| node.kind) {
        Ok(Kind::Symlink(target)) => {
            shell.out(&target);
            0
        }
        _ => 1,
    }
}

pub fn rm(shell: &Shell, arguments: &[String]) -> i64 {
    let options = Options::of(arguments, "");
    let mut status = 0;
    for path in &options.rest {
        let recursive = options.has("rR");
        match shell.files.stat(&shell.cwd, path, false) {
            Ok(node) if node.is_directory() && !recursive => {
                status = shell.fail(&format!("rm: '{path}' is a directory"));
            }
            Err(FsError::NotFound) if options.has("f") => {}
            Err(error) => status = shell.fail(&format!("rm: can't remove '{path}': {error}")),
            Ok(_) => {
                if let Err(error) = shell.files.remove(&shell.cwd, path, recursive) {
                    status = shell.fail(&format!("rm: can't remove '{path}': {error}"));
                }
            }
        }
    }
    status
}

pub fn rmdir(shell: &Shell, arguments: &[String]) -> i64 {
    let mut status = 0;
    for path in Options::of(arguments, "").rest {
        let removed = match shell.files.stat(&shell.cwd, &path, false) {
            Ok(node) if !node.is_directory() => Err(FsError::NotDirectory),
            Ok(_) => shell.files.remove(&shell.cwd, &path, false),
            Err(error) => Err(error),
        };
        if let Err(error) = removed {
            status = shell.fail(&format!("rmdir: '{path}': {error}"));
        }
    }
    status
}

pub fn touch(shell: &Shell, arguments: &[String]) -> i64 {
    let options = Options::of(arguments, "");
    let mut status = 0;
    for path in &options.rest {
        let touched = match shell.files.stat(&shell.cwd, path, true) {
            Ok(_) => shell
                .files
                .change(&shell.cwd, path, |node| node.modified = Timestamp::now()),
            Err(FsError::NotFound) if options.has("c") => Ok(()),
            Err(_) => shell.files.write(&shell.cwd, path, b"", true),
        };
        if let Err(error) = touched {
            status = shell.fail(&format!("touch: {path}: {error}"));
        }
    }
    status
}

pub fn test(shell: &Shell, tool: &str, arguments: &[String]) -> i64 {
    let mut expression: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if tool == "[" && expression.pop() != Some("]") {
        shell.fail("[: missing ]");
        return 2;
    }
    match holds(shell, &expression) {
        Some(holds) => i64::from(!holds),
        None => {
            shell.fail(&format!("{tool}: {}: unknown operand", expression.join(" ")));
            2
        }
    }
}

/// Whether an expression of `test` holds; none where it is no expression.
fn holds(shell: &Shell, expression: &[&str]) -> Option<bool> {
    for (operator, all) in [("-o", false), ("-a", true)] {
        if let Some(at) = expression.iter().position(|word| *word == operator)
            && at > 0
            && expression.len() > 3
        {
            let (left, right) = (holds(shell, &expression[..at])?, holds(shell, &expression[at + 1..])?);
            return Some(if all { left && right } else { left || right });
        }
    }
    let stat = |path: &str, follow| shell.files.stat(&shell.cwd, path, follow).ok();
    match expression {
        [] => Some(false),
        [word] => Some(!word.is_empty()),
        ["!", rest @ ..] => holds(shell, rest).map(|holds| !holds),
        ["-n", word] => Some(!word.is_empty()),
        ["-z", word] => Some(word.is_empty()),
        ["-t", _] => Some(shell.terminal.is_some()),
        ["-e" | "-r" | "-w", path] => Some(*path == "/dev/null" || stat(path, true).is_some()),
        ["-f", path] => Some(stat(path, true).is_some_and(|node| matches!(node.kind, Kind::File(_)))),
        ["-d", path] => Some(shell.files.is_directory(&shell.cwd, path)),
        ["-L" | "-h", path] => Some(stat(path, false).is_some_and(|node| matches!(node.kind, Kind::Symlink(_)))),
        ["-s", path] => Some(stat(path, true).is_some_and(|node| node.size() > 0)),
        ["-x", path] => Some(stat(path, true).is_some_and(|node| node.mode & 0o111 != 0)),
        [left, "=" | "==", right] => Some(left == right),
        [left, "!=", right] => Some(left != right),
        [left, operator, right] => {
            let (left, right): (i64, i64) = (left.parse().ok()?, right.parse().ok()?);
            match *operator {
                "-eq" => Some(left == right),
                "-ne" => Some(left != right),
                "-lt" => Some(left < right),
                "-le" => Some(left <= right),
                "-gt" => Some(left > right),
                "-ge" => Some(left >= right),
                _ => None,
            }
        }
        _ => None,
    }
}
