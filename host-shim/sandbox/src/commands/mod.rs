//! The toolbox of the sandbox's images: busybox's tools by name, as far as tests and the demo use them, with its words.

mod files;
pub mod system;
mod tar;
mod text;

use super::shell::Shell;

/// Every tool, which is also what an image has in `/bin`.
pub const TOOLS: [&str; 44] = [
    "[",
    "ash",
    "basename",
    "cat",
    "chmod",
    "cp",
    "date",
    "dirname",
    "echo",
    "env",
    "false",
    "head",
    "hostname",
    "id",
    "kill",
    "ln",
    "ls",
    "mkdir",
    "mv",
    "nproc",
    "printenv",
    "printf",
    "pwd",
    "readlink",
    "rm",
    "rmdir",
    "seq",
    "sh",
    "sha256sum",
    "sleep",
    "sort",
    "stty",
    "sync",
    "tail",
    "tar",
    "tee",
    "test",
    "touch",
    "tr",
    "true",
    "uname",
    "usleep",
    "wc",
    "whoami",
];

pub fn find(name: &str) -> Option<&'static str> {
    TOOLS.into_iter().find(|tool| *tool == name)
}

/// Runs a tool in a shell that is its process. The result is its exit status.
pub async fn run(shell: &mut Shell, tool: &str, arguments: &[String]) -> i64 {
    match tool {
        "true" | "sync" => 0,
        "false" => 1,
        "cat" => text::cat(shell, arguments).await,
        "echo" => text::echo(shell, arguments),
        "head" => text::head(shell, arguments).await,
        "printf" => text::printf(shell, arguments),
        "seq" => text::seq(shell, arguments),
        "sha256sum" => text::sha256sum(shell, arguments).await,
        "sort" => text::sort(shell, arguments).await,
        "tail" => text::tail(shell, arguments).await,
        "tar" => tar::tar(shell, arguments).await,
        "tee" => text::tee(shell, arguments).await,
        "tr" => text::tr(shell, arguments).await,
        "wc" => text::wc(shell, arguments).await,
        "basename" | "dirname" => files::path_part(shell, tool, arguments),
        "chmod" => files::chmod(shell, arguments),
        "cp" | "mv" => files::transfer(shell, tool, arguments),
        "ln" => files::ln(shell, arguments),
        "ls" => files::ls(shell, arguments),
        "mkdir" => files::mkdir(shell, arguments),
        "readlink" => files::readlink(shell, arguments),
        "rm" => files::rm(shell, arguments),
        "rmdir" => files::rmdir(shell, arguments),
        "test" | "[" => files::test(shell, tool, arguments),
        "touch" => files::touch(shell, arguments),
        "sh" | "ash" => system::sh(shell, arguments).await,
        "env" => system::env(shell, arguments).await,
        "kill" => system::kill(shell, arguments),
        "sleep" | "usleep" => system::sleep(shell, tool, arguments).await,
        _ => system::report(shell, tool, arguments),
    }
}

/// Flags (`-rf`, `-n 3`, `-n3`) and what is left of a tool's arguments.
struct Options {
    flags: Vec<(char, String)>,
    rest: Vec<String>,
}

impl Options {
    /// Takes the arguments apart; `valued` are the letters that want a value.
    fn of(arguments: &[String], valued: &str) -> Self {
        let mut options = Self {
            flags: Vec::new(),
            rest: Vec::new(),
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            if argument == "--" {
                options.rest.extend(arguments.cloned());
                break;
            }
            let Some(letters) = argument.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
                options.rest.push(argument.clone());
                continue;
            };
            let mut letters = letters.chars();
            while let Some(letter) = letters.next() {
                let mut value = String::new();
                if valued.contains(letter) {
                    value = letters.as_str().to_owned();
                    letters = "".chars();
                    if value.is_empty() {
                        value = arguments.next().cloned().unwrap_or_default();
                    }
                }
                options.flags.push((letter, value));
            }
        }
        options
    }

    fn has(&self, letters: &str) -> bool {
        self.flags.iter().any(|(letter, _)| letters.contains(*letter))
    }

    fn value(&self, letter: char) -> Option<&str> {
        let found = self.flags.iter().find(|(flag, _)| *flag == letter);
        found.map(|(_, value)| value.as_str())
    }
}
