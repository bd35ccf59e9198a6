//! The flags of `docker run` that `create` and `fork` take by their own names, beside `-s` for all others.
//!
//! The command line has to know them before a plugin is loaded, and completion loads none. So their spelling is written here,
//! once, and a test compares it with what the plugin says of its start arguments.

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, ValueHint};
use mngr_host_shim::arguments::{Arguments, Given};

use super::context::Context;
use super::output::shown;

/// A flag: its names, what follows it (nothing for a switch), and its help.
struct Flag {
    long: &'static str,
    short: Option<char>,
    value: Option<&'static str>,
    help: &'static str,
}

const fn flag(long: &'static str, short: Option<char>, value: Option<&'static str>, help: &'static str) -> Flag {
    Flag {
        long,
        short,
        value,
        help,
    }
}

/// In the order in which help shows them. `-h` stays the flag that asks for help.
#[rustfmt::skip]
const FLAGS: [Flag; 27] = [
    flag("env", Some('e'), Some("NAME=VALUE"), "An environment variable"),
    flag("env-file", None, Some("FILE"), "Environment variables of a file"),
    flag("volume", Some('v'), Some("[SOURCE:]TARGET[:OPTIONS]"), "Mount a path of the engine's machine or a volume"),
    flag("mount", None, Some("KEY=VALUE,…"), "Mount with all options: type=bind,source=/a,target=/b,readonly"),
    flag("tmpfs", None, Some("TARGET[:OPTIONS]"), "Mount memory, for example /run:size=64m"),
    flag("publish", Some('p'), Some("[ADDRESS:][HOST-PORT:]PORT"), "Offer a port on the engine's machine"),
    flag("network", None, Some("NETWORK"), "Network to join, or a mode: bridge, none, host"),
    flag("add-host", None, Some("HOST:ADDRESS"), "A line of /etc/hosts"),
    flag("hostname", None, Some("NAME"), "Host name inside"),
    flag("workdir", Some('w'), Some("PATH"), "Where the command runs"),
    flag("user", Some('u'), Some("USER[:GROUP]"), "Whom the command runs as"),
    flag("entrypoint", None, Some("PROGRAM"), "What runs in place of the image's entrypoint"),
    flag("init", None, None, "Run an init as PID 1 (on unless turned off)"),
    flag("label", Some('l'), Some("NAME=VALUE"), "A label of your own"),
    flag("label-file", None, Some("FILE"), "Labels of a file"),
    flag("restart", None, Some("POLICY"), "no, always, unless-stopped or on-failure[:TIMES]"),
    flag("platform", None, Some("OS/ARCHITECTURE"), "Platform of the image, for example linux/arm64"),
    flag("pull", None, Some("WHEN"), "Pull the image: missing, always or never"),
    flag("cpus", None, Some("NUMBER"), "CPUs it may use, whole or part"),
    flag("memory", Some('m'), Some("BYTES"), "Memory limit, for example 4g"),
    flag("shm-size", None, Some("BYTES"), "Size of /dev/shm"),
    flag("pids-limit", None, Some("NUMBER"), "Most processes; -1 for no end"),
    flag("gpus", None, Some("REQUEST"), "GPUs: all, a number, or device=ID"),
    flag("gpu.count", None, Some("NUMBER"), "How many GPUs, where no --gpus says it: a number or all; 0 for none"),
    flag("gpu.memory-min", None, Some("BYTES"), "Least memory of each GPU, for example 40g"),
    flag("gpu.model", None, Some("NAME"), "A part of the name of each GPU's model, for example A100"),
    flag("gpu.exclusive", None, None, "No other agent gets its GPUs"),
];

/// The id of `-s` among clap's arguments.
const START_ARG: &str = "start-arg";

/// The flags as they were given, in that order: where two say different things the later one wins.
#[derive(Debug, Clone, Default)]
pub struct RunFlags(Vec<Given>);

impl RunFlags {
    /// What was given.
    pub fn given(&self) -> &[Given] {
        &self.0
    }
}

impl Flag {
    fn argument(&self) -> Arg {
        let argument = Arg::new(self.long)
            .long(self.long)
            .help(self.help)
            .action(ArgAction::Append)
            .help_heading("Flags of `docker run`, each as often as needed");
        let argument = match self.short {
            Some(short) => argument.short(short),
            None => argument,
        };
        match self.value {
            Some("FILE") => argument.value_name("FILE").value_hint(ValueHint::FilePath),
            Some(value) => argument.value_name(value).allow_hyphen_values(true),
            None => argument
                .value_name("BOOL")
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value("true"),
        }
    }
}

impl Args for RunFlags {
    fn augment_args(command: Command) -> Command {
        command.args(FLAGS.iter().map(Flag::argument)).arg(
            Arg::new(START_ARG)
                .short('s')
                .long(START_ARG)
                .value_name("DOCKER_RUN_FLAG")
                .action(ArgAction::Append)
                .allow_hyphen_values(true)
                .help("Any flag of `docker run` with its value in one argument, for example `--ulimit=nofile=1024`; may be repeated"),
        )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for RunFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let mut given: Vec<(usize, Given)> = Vec::new();
        for id in FLAGS.iter().map(|flag| flag.long).chain([START_ARG]) {
            if matches.value_source(id) != Some(ValueSource::CommandLine) {
                continue;
            }
            let indices = matches.indices_of(id).into_iter().flatten();
            let values = matches.get_many::<String>(id).into_iter().flatten();
            given.extend(indices.zip(values).map(|(index, value)| match id {
                START_ARG => (index, Given::Text(value.clone())),
                long => (index, Given::Flag(format!("--{long}={value}"))),
            }));
        }
        given.sort_by_key(|(index, _)| *index);
        self.0 = given.into_iter().map(|(_, given)| given).collect();
        Ok(())
    }
}

/// The words, after a warning about those that meant something else in former versions.
pub fn warned(context: &Context, flag: &'static str, read: Arguments) -> Vec<String> {
    for doubt in &read.doubts {
        context.output.warn(shown!("{} {}", flag, &doubt.to_string()));
    }
    read.words
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use mngr_host_shim::config::ProviderConfig;
    use mngr_host_shim::host::Host;
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        flags: RunFlags,
    }

    fn given(words: &[&str]) -> Vec<Given> {
        let line = Line::try_parse_from([&["create"], words].concat()).expect("valid usage");
        line.flags.given().to_vec()
    }

    fn flags(words: &[&str]) -> Vec<Given> {
        words.iter().map(|word| Given::Flag((*word).to_owned())).collect()
    }

    #[tokio::test]
    async fn each_is_spelled_as_the_plugin_says() {
        let host = Host::new().expect("a host");
        let plugin = host.plugin(&ProviderConfig::named("docker")).await.expect("the plugin");
        let described = plugin.describe().await.expect("a description").start_arguments;
        for flag in &FLAGS {
            if flag.value == Some("FILE") {
                continue;
            }
            let argument = described
                .iter()
                .find(|argument| argument.flag.strip_prefix("--") == Some(flag.long));
            let argument = argument.unwrap_or_else(|| panic!("the plugin knows --{}", flag.long));
            assert_eq!(flag.value, argument.value.as_deref(), "{}", flag.long);
            assert!(argument.help.starts_with(flag.help), "{}: {}", flag.long, argument.help);
            let expected = argument.short.filter(|short| *short != 'h');
            assert_eq!(flag.short, expected, "{}", flag.long);
        }
    }

    #[test]
    fn every_spelling_of_docker_run_is_taken() {
        for words in [
            &["-e", "A=1"][..],
            &["-eA=1"],
            &["-e=A=1"],
            &["--env", "A=1"],
            &["--env=A=1"],
        ] {
            assert_eq!(given(words), flags(&["--env=A=1"]), "{words:?}");
        }
        assert_eq!(given(&["--init"]), flags(&["--init=true"]));
        assert_eq!(
            given(&["--init=false", "-m4g"]),
            flags(&["--init=false", "--memory=4g"])
        );
        assert_eq!(
            given(&["--entrypoint", "", "-e", "-x"]),
            flags(&["--entrypoint=", "--env=-x"])
        );
    }

    #[test]
    fn they_keep_their_order_with_each_other_and_with_start_arguments() {
        let words = [
            "--memory",
            "1g",
            "-s",
            "--memory=2g",
            "-e",
            "A=1",
            "--memory=3g",
            "-eA=2",
            "-s",
            "-m 4g",
        ];
        let expected = [
            Given::Flag("--memory=1g".to_owned()),
            Given::Text("--memory=2g".to_owned()),
            Given::Flag("--env=A=1".to_owned()),
            Given::Flag("--memory=3g".to_owned()),
            Given::Flag("--env=A=2".to_owned()),
            Given::Text("-m 4g".to_owned()),
        ];
        assert_eq!(given(&words), expected);
    }

    proptest! {
        #[test]
        fn any_value_passes_byte_for_byte(values in proptest::collection::vec(("\\PC{0,16}|[-\"'\\\\ =\n\t]{0,8}", 0_usize..4), 0..6)) {
            let mut words = vec!["create".to_owned()];
            for (value, spelling) in &values {
                match spelling {
                    0 => words.extend(["-e".to_owned(), format!("K={value}")]),
                    1 => words.push(format!("-eK={value}")),
                    2 => words.push(format!("--env=K={value}")),
                    _ => words.extend(["--env".to_owned(), value.clone()]),
                }
            }
            let expected: Vec<_> = values.iter().map(|(value, spelling)| Given::Flag(match spelling {
                0..=2 => format!("--env=K={value}"),
                _ => format!("--env={value}"),
            })).collect();
            let line = Line::try_parse_from(words).expect("valid usage");
            prop_assert_eq!(line.flags.given(), expected);
        }
    }
}
