//! What the Docker CLI takes from the user's machine before an engine hears of it: `--env-file`, `--label-file`, the value
//! of an `--env` that has none, the file of a seccomp profile. A plugin reads neither files nor the environment, so it is
//! handed the outcome.

use std::fs;
use std::path::Path;

use mngr_docker_grammar::flags::{Known, Name, rewrite};
use mngr_host_shim::contract::Result;
use mngr_host_shim::contract::backend::Argument;
use mngr_host_shim::environment::Environment;
use mngr_host_shim::error::invalid;

/// Flags that are gone when the plugin reads the arguments. Each takes a value.
const FILES: [(&str, &str); 2] = [("env-file", "env"), ("label-file", "label")];

/// The arguments with everything filled in. What files hold comes first, so that a flag wins over them wherever it stands.
///
/// # Errors
/// `invalid-argument` for a file that can not be read or is not in the form that `docker run` wants.
pub fn start_args(words: &[String], flags: &[Argument], environment: &Environment) -> Result<Vec<String>> {
    let mut from_files = Vec::new();
    let fill = |long: &str, value: &str| -> Result<_> {
        if let Some((_, to)) = FILES.iter().find(|(file, _)| *file == long) {
            let lookup = |name: &str| environment.raw(name).filter(|_| *to == "env");
            let pairs = pairs_of(long, &environment.directory().join(value), lookup)?;
            from_files.extend(pairs.into_iter().map(|pair| format!("--{to}={pair}")));
            return Ok(Some(Vec::new()));
        }
        match long {
            "env" => Ok(of_environment(long, value, environment)),
            "security-opt" => profile(value, environment),
            _ => Ok(None),
        }
    };
    let filled = rewrite(words, |name| known(name, flags), fill)?;
    from_files.extend(filled);
    Ok(from_files)
}

/// The same for the arguments of `docker build`: a `--build-arg` without a value takes it from the environment.
///
/// # Errors
/// None today.
pub fn build_args(words: &[String], flags: &[Argument], environment: &Environment) -> Result<Vec<String>> {
    let fill = |long: &str, value: &str| match long {
        "build-arg" => Ok(of_environment(long, value, environment)),
        _ => Ok(None),
    };
    rewrite(words, |name| known(name, flags), fill)
}

/// A variable that is not set is left out, as the Docker CLI does.
fn of_environment(long: &str, name: &str, environment: &Environment) -> Option<Vec<String>> {
    (!name.contains('=')).then(|| {
        let value = environment.raw(name);
        value
            .map(|value| format!("--{long}={name}={value}"))
            .into_iter()
            .collect()
    })
}

fn profile(value: &str, environment: &Environment) -> Result<Option<Vec<String>>> {
    let Some(file) = value
        .strip_prefix("seccomp=")
        .or_else(|| value.strip_prefix("seccomp:"))
    else {
        return Ok(None);
    };
    if matches!(file, "" | "unconfined" | "builtin") || file.starts_with('{') {
        return Ok(None);
    }
    let path = environment.directory().join(file);
    let unusable = |reason: String| {
        let remedy = "name a file with a profile in JSON, or write seccomp=unconfined";
        invalid("security-opt", path.display().to_string(), reason, remedy)
    };
    let text = fs::read_to_string(&path).map_err(|error| unusable(error.to_string()))?;
    let profile: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| unusable(format!("it is not JSON: {error}")))?;
    Ok(Some(vec![format!("--security-opt=seccomp={profile}")]))
}

/// A flag by its name: one of [`FILES`], or one of the plugin's.
fn known<'f>(name: Name<'_>, flags: &'f [Argument]) -> Option<Known<&'f str>> {
    if let Some((flag, _)) = FILES.into_iter().find(|(file, _)| name.is_of(file, None)) {
        return Some(Known {
            flag,
            takes_value: true,
        });
    }
    flags.iter().find_map(|argument| {
        let flag = argument.flag.strip_prefix("--")?;
        name.is_of(flag, argument.short).then_some(Known {
            flag,
            takes_value: argument.value.is_some(),
        })
    })
}

/// Docker's form of such files: a line is `NAME=VALUE` and nothing in it is quoted or cut but the space before the name; a
/// name alone takes its value from `lookup`; a line that begins with `#` is no line.
fn pairs_of<'a>(flag: &str, path: &Path, lookup: impl Fn(&str) -> Option<&'a str>) -> Result<Vec<String>> {
    let unusable = |reason: String| {
        let remedy = "name a file with one NAME=VALUE on each line";
        invalid(flag, path.display().to_string(), reason, remedy)
    };
    let bytes = fs::read(path).map_err(|error| unusable(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| unusable("it is not UTF-8".to_owned()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut pairs = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = match line.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (line, None),
        };
        if name.is_empty() || name.contains(char::is_whitespace) {
            let number = number + 1;
            return Err(unusable(format!(
                "line {number} has no name, or one with a space in it"
            )));
        }
        pairs.extend(value.or_else(|| lookup(name)).map(|value| format!("{name}={value}")));
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags() -> Vec<Argument> {
        [
            ("--env", Some('e'), true),
            ("--label", Some('l'), true),
            ("--security-opt", None, true),
            ("--entrypoint", None, true),
            ("--publish-all", Some('P'), false),
            ("--build-arg", None, true),
        ]
        .map(|(flag, short, value)| Argument {
            flag: flag.to_owned(),
            short,
            value: value.then(|| "VALUE".to_owned()),
            help: String::new(),
        })
        .to_vec()
    }

    fn filled(directory: &Path, words: &[&str]) -> Result<Vec<String>> {
        let environment = Environment::new([("HOME", "/home/me"), ("EMPTY", "")], directory);
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        start_args(&words, &flags(), &environment)
    }

    #[test]
    fn a_variable_without_a_value_takes_the_users_in_every_spelling() {
        for words in [
            &["-e", "HOME"][..],
            &["-eHOME"],
            &["-e=HOME"],
            &["--env", "HOME"],
            &["--env=HOME"],
        ] {
            let filled = filled(Path::new("/"), words).expect("filled");
            assert_eq!(filled, ["--env=HOME=/home/me"], "{words:?}");
        }
        let grouped = filled(Path::new("/"), &["-Pe", "HOME", "-e", "EMPTY", "-e", "UNSET"]).expect("filled");
        assert_eq!(grouped, ["-P", "--env=HOME=/home/me", "--env=EMPTY="]);
    }

    #[test]
    fn what_is_given_in_full_and_what_is_another_flags_value_stays() {
        let words = ["-e", "A=b", "--entrypoint", "-e", "HOME", "--unknown", "-Z", "-e"];
        assert_eq!(filled(Path::new("/"), &words).expect("filled"), words);
    }

    #[test]
    fn the_value_of_a_switch_is_no_group_of_letters() {
        let filled = filled(Path::new("/"), &["-P=true", "-e", "HOME", "-Ze", "HOME"]).expect("filled");
        assert_eq!(filled, ["-P=true", "--env=HOME=/home/me", "-Ze", "HOME"]);
    }

    #[test]
    fn files_are_read_as_docker_reads_them_and_come_first() {
        let directory = tempfile::tempdir().expect("a directory");
        let text =
            "\u{feff}A=1\r\n  # no, # is first after the space\n#x=y\n\n  B = 2 \nC='q' # kept\nHOME\nUNSET\nD=\n";
        let text = text.replace("  B = 2 ", "  B=2 ");
        fs::write(directory.path().join("env"), text).expect("written");
        fs::write(directory.path().join("labels"), "x=y=z\nHOME\n").expect("written");
        let words = ["-e", "A=3", "--env-file=env", "--label-file", "labels"];
        assert_eq!(
            filled(directory.path(), &words).expect("filled"),
            [
                "--env=A=1",
                "--env=B=2 ",
                "--env=C='q' # kept",
                "--env=HOME=/home/me",
                "--env=D=",
                "--label=x=y=z",
                "-e",
                "A=3"
            ]
        );
    }

    #[test]
    fn files_that_can_not_be_meant_are_named() {
        let directory = tempfile::tempdir().expect("a directory");
        for (name, bytes) in [
            ("space", &b"A B=1\n"[..]),
            ("nameless", b"=1\n"),
            ("latin", b"A=\xe4\n"),
        ] {
            fs::write(directory.path().join(name), bytes).expect("written");
            let error = filled(directory.path(), &["--env-file", name]).expect_err(name);
            assert!(error.message().contains(name), "{}", error.message());
        }
        let error = filled(directory.path(), &["--label-file=missing"]).expect_err("missing");
        assert_eq!(error.field(), Some("label-file"));
    }

    #[test]
    fn a_seccomp_profile_is_read_and_packed() {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(
            directory.path().join("p.json"),
            "{\n \"defaultAction\": \"SCMP_ACT_ERRNO\"\n}\n",
        )
        .expect("written");
        let filled = |word| filled(directory.path(), &["--security-opt", word]);
        let packed = "--security-opt=seccomp={\"defaultAction\":\"SCMP_ACT_ERRNO\"}";
        assert_eq!(filled("seccomp=p.json").expect("filled"), [packed]);
        assert_eq!(
            filled("seccomp=unconfined").expect("filled"),
            ["--security-opt", "seccomp=unconfined"]
        );
        assert!(filled("seccomp=none.json").is_err());
    }
}
