//! What the Docker CLI makes of flags before an engine hears of them: one word or many, `--env-file`, `--label-file`, the value
//! of an `--env` that has none, a bind's source that begins with a dot, the file of a seccomp profile. A plugin reads neither
//! files nor the environment, so it is handed the outcome.

mod files;
mod sources;

use mngr_docker_grammar::arguments::{self, Unfinished};
pub use mngr_docker_grammar::arguments::{Doubt, Given};
use mngr_docker_grammar::flags::{Known, Name, rewrite};

use crate::contract::Result;
use crate::contract::backend::Argument;
use crate::environment::Environment;
use crate::error::invalid;

/// Flags that are gone when the plugin reads the arguments. Each takes a value.
const FILES: [(&str, &str); 2] = [("env-file", "env"), ("label-file", "label")];

/// Arguments as a plugin reads them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arguments {
    /// The words: a flag with its value, or each by itself.
    pub words: Vec<String>,
    /// Which of them meant something else in former versions.
    pub doubts: Vec<Doubt>,
}

/// Arguments of `docker run` with everything filled in, by the grammar of [`mngr_docker_grammar::arguments`]. `flags` are those
/// that the plugin knows. What files hold comes first, so that a flag wins over them wherever it stands.
///
/// # Errors
/// `invalid-argument` for a flag that lacks its value, and for a file that cannot be read or is not in the form that `docker
/// run` wants.
pub fn start_args(given: &[Given], flags: &[Argument], environment: &Environment) -> Result<Arguments> {
    let mut read = words("start-arg", given, flags)?;
    let mut from_files = Vec::new();
    let fill = |long: &str, value: &str| -> Result<_> {
        if let Some((_, to)) = FILES.iter().find(|(file, _)| *file == long) {
            let lookup = |name: &str| environment.raw(name).filter(|_| *to == "env");
            let pairs = files::pairs(long, &environment.directory().join(value), lookup)?;
            from_files.extend(pairs.into_iter().map(|pair| format!("--{to}={pair}")));
            return Ok(Some(Vec::new()));
        }
        match long {
            "env" if !value.contains('=') => Ok(Some(vec![format!("--env={}", variable(value, environment))])),
            "volume" => Ok(sources::volume(value, environment.directory()).map(|volume| vec![volume])),
            "mount" => Ok(sources::mount(value, environment.directory()).map(|mount| vec![mount])),
            "security-opt" => files::profile(value, environment.directory()),
            _ => Ok(None),
        }
    };
    let filled = rewrite(&read.words, |name| known(name, flags), fill)?;
    from_files.extend(filled);
    read.words = from_files;
    Ok(read)
}

/// The same for the arguments of `docker build`: a `--build-arg` without a value takes it from the environment, and is left out
/// where that has none.
///
/// # Errors
/// `invalid-argument` for a flag that lacks its value.
pub fn build_args(given: &[Given], flags: &[Argument], environment: &Environment) -> Result<Arguments> {
    let mut read = words("build-arg-line", given, flags)?;
    let fill = |long: &str, value: &str| -> Result<_> {
        match long {
            "build-arg" if !value.contains('=') => {
                let content = environment.raw(value);
                let filled = content.map(|content| format!("--build-arg={value}={content}"));
                Ok(Some(filled.into_iter().collect()))
            }
            _ => Ok(None),
        }
    };
    read.words = rewrite(&read.words, |name| known(name, flags), fill)?;
    Ok(read)
}

/// The variables of a command: those of `files`, each as `--env-file` takes it, and `given` over them.
///
/// # Errors
/// `invalid-argument` for a file that cannot be read or is not in the form that `docker run` wants.
pub fn variables(given: &[String], from: &[String], environment: &Environment) -> Result<Vec<String>> {
    let mut variables = Vec::new();
    for file in from {
        let path = environment.directory().join(file);
        variables.extend(files::pairs("env-file", &path, |name| environment.raw(name))?);
    }
    variables.extend(given.iter().map(|given| variable(given, environment)));
    Ok(variables)
}

/// `NAME=VALUE`; a name alone gets this process's value, and stays alone where there is none: it then takes the image's value
/// away.
fn variable(given: &str, environment: &Environment) -> String {
    match environment.raw(given).filter(|_| !given.contains('=')) {
        Some(value) => format!("{given}={value}"),
        None => given.to_owned(),
    }
}

fn words(field: &str, given: &[Given], flags: &[Argument]) -> Result<Arguments> {
    let read = arguments::words(given, |name| known(name, flags)).map_err(|Unfinished { text }| {
        let remedy = format!("write {text}=VALUE");
        invalid(field, text, "its value is missing, and another flag follows it", remedy)
    })?;
    Ok(Arguments {
        words: read.words,
        doubts: read.doubts,
    })
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    fn flags() -> Vec<Argument> {
        [
            ("--env", Some('e'), true),
            ("--label", Some('l'), true),
            ("--volume", Some('v'), true),
            ("--mount", None, true),
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
        let given: Vec<_> = words.iter().map(|word| Given::Text((*word).to_owned())).collect();
        start_args(&given, &flags(), &environment).map(|read| read.words)
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
        assert_eq!(grouped, ["-P", "--env=HOME=/home/me", "--env=EMPTY=", "--env=UNSET"]);
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

    #[test]
    fn a_bind_of_here_gets_its_whole_path_in_every_spelling() {
        for (words, expected) in [
            (&["-v", ".:/x"][..], &["--volume=/srv/here:/x"][..]),
            (&["-v./src:/x:ro"], &["--volume=/srv/here/src:/x:ro"]),
            (&["--volume=..:/x"], &["--volume=/srv:/x"]),
            (&["-v", "name:/x"], &["-v", "name:/x"]),
            (
                &["--mount=type=bind,source=.,target=/x"],
                &["--mount=type=bind,source=/srv/here,target=/x"],
            ),
        ] {
            assert_eq!(
                filled(Path::new("/srv/here"), words).expect("filled"),
                expected,
                "{words:?}"
            );
        }
    }

    #[test]
    fn the_variables_of_a_command_are_those_of_files_and_then_its_own() {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("env"), "A=1\nHOME\nUNSET\n").expect("written");
        let environment = Environment::new([("HOME", "/home/me")], directory.path());
        let given = ["A=2", "HOME", "UNSET", "B=it's"].map(str::to_owned);
        let variables = variables(&given, &["env".to_owned()], &environment).expect("variables");
        assert_eq!(
            variables,
            ["A=1", "HOME=/home/me", "A=2", "HOME=/home/me", "UNSET", "B=it's"]
        );
    }

    #[test]
    fn a_flag_that_lacks_its_value_is_named() {
        let given = [
            Given::Text("-P --env".to_owned()),
            Given::Flag("--label=a=b".to_owned()),
        ];
        let error = start_args(&given, &flags(), &Environment::default()).expect_err("no value");
        assert_eq!(error.field(), Some("start-arg"));
        assert!(error.remedy().contains("--env=VALUE"));
    }

    proptest! {
        #[test]
        fn a_value_in_one_argument_is_the_value_that_the_plugin_gets(value in "\\PC{0,24}|[\"'\\\\ =#$\n\t-]{0,16}") {
            for text in [format!("--env=K={value}"), format!("-eK={value}"), format!("--label=K={value}")] {
                let read = start_args(&[Given::Text(text.clone())], &flags(), &Environment::default());
                prop_assert_eq!(read.map(|read| read.words).ok(), Some(vec![text]));
            }
        }
    }
}
