//! An agent's own image, built from a context of the user's: which flags of `docker build` there are, and what becomes of
//! the image.
//!
//! It is called `mngr-build:<agent-id>` and carries the labels of its agent, so that whoever cleans up knows whose it is. An
//! agent that can not be made leaves no image.

mod refused;

use mngr_docker_grammar::flags::{self, Known, Name, Reason};
use mngr_docker_grammar::values::{boolean, pair};
use mngr_docker_grammar::words::{did_you_mean, nearest, shown};

use self::refused::REFUSALS;
use crate::contract::backend::Argument;
use crate::contract::docker::{BuildOptions, Image};
use crate::contract::system::LogLevel;
use crate::contract::types::ProviderError;
use crate::error::{invalid, kind};
use crate::labels::{self, Pair};
use crate::{Capabilities, DockerProviderInstance, Result, container, lookup};

/// Where such images are.
const REPOSITORY: &str = "mngr-build";

struct Flag {
    long: &'static str,
    short: Option<char>,
    value: Option<&'static str>,
    help: &'static str,
    apply: fn(&mut BuildOptions, &str) -> std::result::Result<(), Bad>,
}

/// The reason and the remedy.
type Bad = (String, &'static str);

const fn flag(
    long: &'static str,
    value: Option<&'static str>,
    help: &'static str,
    apply: fn(&mut BuildOptions, &str) -> std::result::Result<(), Bad>,
) -> Flag {
    Flag {
        long,
        short: None,
        value,
        help,
        apply,
    }
}

static FLAGS: [Flag; 10] = [
    Flag {
        short: Some('f'),
        ..flag(
            "file",
            Some("PATH"),
            "The Dockerfile: its path from here, or in the directory; - for standard input",
            file,
        )
    },
    flag(
        "build-arg",
        Some("NAME=VALUE"),
        "A value for an ARG of the Dockerfile",
        |options, value| set(&mut options.args, value, "write --build-arg NAME=VALUE"),
    ),
    flag("target", Some("STAGE"), "Build up to this stage", |options, value| {
        options.target = Some(filled(value)?);
        Ok(())
    }),
    flag("no-cache", None, "Build each step anew", |options, value| {
        options.no_cache = switch(value)?;
        Ok(())
    }),
    flag(
        "pull",
        None,
        "Pull base images even where they are there",
        |options, value| {
            options.pull = switch(value)?;
            Ok(())
        },
    ),
    flag(
        "platform",
        Some("OS/ARCHITECTURE"),
        "Platform of the image",
        |options, value| {
            options.platform = Some(filled(value)?);
            Ok(())
        },
    ),
    flag("label", Some("NAME=VALUE"), "A label of your own", label),
    flag(
        "network",
        Some("NETWORK"),
        "Network of RUN: default, none or a network's name",
        |options, value| {
            options.network = Some(filled(value)?);
            Ok(())
        },
    ),
    flag(
        "secret",
        Some("id=ID,src=FILE"),
        "A file, or with env=NAME a variable, that steps may mount and the image does not keep",
        |options, value| {
            held(
                &mut options.secrets,
                value.strip_prefix("id=").unwrap_or_default(),
                SECRET,
            )
        },
    ),
    flag(
        "ssh",
        Some("ID[=SOCKET]"),
        "An SSH agent that steps may use: default for that of SSH_AUTH_SOCK",
        |options, value| held(&mut options.ssh, value, SSH),
    ),
];

const SECRET: &str = "write --secret id=ID,src=FILE or --secret id=ID,env=NAME";
const SSH: &str = "write --ssh default, or --ssh ID=SOCKET";

/// The flags a user may pass, for help.
pub fn describe() -> Vec<Argument> {
    FLAGS
        .iter()
        .map(|flag| Argument {
            flag: format!("--{}", flag.long),
            short: flag.short,
            value: flag.value.map(str::to_owned),
            help: flag.help.to_owned(),
        })
        .collect()
}

fn filled(value: &str) -> std::result::Result<String, Bad> {
    match value.is_empty() {
        true => Err(("its value is empty".to_owned(), "give a value, or leave the flag out")),
        false => Ok(value.to_owned()),
    }
}

/// Something of the user's machine, of which only the id arrives here: the host keeps the rest.
fn held(ids: &mut Vec<String>, id: &str, remedy: &'static str) -> std::result::Result<(), Bad> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if id.is_empty() || !id.bytes().all(plain) {
        return Err((
            "it has no plain id, or more than the host has left in it".to_owned(),
            remedy,
        ));
    }
    if !ids.iter().any(|known| known == id) {
        ids.push(id.to_owned());
    }
    Ok(())
}

fn switch(value: &str) -> std::result::Result<bool, Bad> {
    boolean(value).ok_or_else(|| ("it is neither true nor false".to_owned(), "leave its value out"))
}

fn set(pairs: &mut Vec<Pair>, value: &str, remedy: &'static str) -> std::result::Result<(), Bad> {
    let (name, value) = pair(value).ok_or_else(|| ("it is not NAME=VALUE".to_owned(), remedy))?;
    pairs.retain(|(known, _)| known != name);
    pairs.push((name.to_owned(), value.to_owned()));
    Ok(())
}

fn label(options: &mut BuildOptions, value: &str) -> std::result::Result<(), Bad> {
    if value.starts_with(labels::PREFIX) {
        let reason = format!("labels under {} are the provider's own", labels::PREFIX);
        return Err((reason, "use a label of your own"));
    }
    set(&mut options.labels, value, "write --label NAME=VALUE")
}

/// A Dockerfile outside of the context comes with the archive, under a name of its own.
fn file(options: &mut BuildOptions, value: &str) -> std::result::Result<(), Bad> {
    if value.is_empty() || value.starts_with('/') || value.split('/').any(|part| part == "..") {
        let reason = "it is not a file in the directory that is built".to_owned();
        return Err((reason, "name a file in it, or another by its absolute path"));
    }
    options.dockerfile = value.trim_start_matches("./").to_owned();
    Ok(())
}

/// What the arguments come to, less the image's name and the labels of ours.
///
/// # Errors
/// `invalid-argument` for the first one at fault, by its place. What it holds is not shown, as it may be a secret.
pub fn options(args: &[String]) -> Result<BuildOptions> {
    let mut options = BuildOptions {
        tag: String::new(),
        dockerfile: "Dockerfile".to_owned(),
        args: Vec::new(),
        target: None,
        labels: Vec::new(),
        no_cache: false,
        pull: false,
        platform: None,
        network: None,
        timeout_seconds: None,
        secrets: Vec::new(),
        ssh: Vec::new(),
    };
    let known = |name: Name<'_>| {
        let flag = FLAGS.iter().find(|flag| name.is_of(flag.long, flag.short))?;
        Some(Known {
            flag,
            takes_value: flag.value.is_some(),
        })
    };
    for given in flags::read(args, known) {
        let given = given.map_err(unread)?;
        (given.flag.apply)(&mut options, given.value.unwrap_or("true")).map_err(|(reason, remedy)| {
            let name = format!("--{}", given.flag.long);
            invalid(field(given.element), &name, reason, remedy)
        })?;
    }
    Ok(options)
}

fn field(element: usize) -> String {
    format!("build-args[{element}]")
}

fn unread(fault: flags::Fault<'_, &'static Flag>) -> ProviderError {
    let field = field(fault.element);
    match fault.reason {
        Reason::NoFlag(word) => {
            let before_value = word.split('=').next().unwrap_or_default();
            let remedy = "pass flags of `docker build` only";
            invalid(field, &shown(before_value), "it is not a flag", remedy)
        }
        Reason::Unknown(Name::Long(name)) => unknown(field, name),
        Reason::Unknown(Name::Short(letter)) => unknown(field, letter.encode_utf8(&mut [0; 4])),
        Reason::NoValue(flag) => invalid(field, flag.long, "its value is missing", "write it after the flag"),
    }
}

fn unknown(field: String, name: &str) -> ProviderError {
    let word = name.split(char::is_whitespace).next().unwrap_or_default();
    let refusal = REFUSALS.iter().find(|(names, _, _)| names.contains(&name));
    match refusal {
        Some((_, reason, remedy)) => invalid(field, word, format!("it is not supported: {reason}"), *remedy),
        None => {
            let near = did_you_mean(&nearest(word, FLAGS.iter().map(|flag| flag.long)));
            let all: Vec<_> = FLAGS.iter().map(|flag| format!("--{}", flag.long)).collect();
            let remedy = format!("{near}use some of: {}", all.join(", "));
            invalid(field, word, "there is no such flag", remedy)
        }
    }
}

/// Builds an agent's image and reads it back. After an error there is none.
///
/// # Errors
/// `already-exists` where the agent's name is taken, before anything is built; `invalid-argument` with the end of the log
/// where a step fails; `timeout`, and whatever the engine answers.
pub async fn image<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    context: C::Archive,
    mut options: BuildOptions,
    agent_id: &str,
    agent_name: &str,
) -> Result<(String, Image)> {
    if let Ok(Some(_)) = lookup::by_name(provider, agent_name).await {
        return Err(container::taken(provider, agent_name).await);
    }
    let tag = format!("{REPOSITORY}:{agent_id}");
    options.tag.clone_from(&tag);
    options.timeout_seconds = Some(provider.settings.build_timeout_seconds);
    options
        .labels
        .push((labels::PROVIDER.to_owned(), provider.name.clone()));
    options.labels.push((labels::AGENT_ID.to_owned(), agent_id.to_owned()));
    // BuildKit gives an image that only got labels the date of the one it was made from.
    let now = provider.capabilities.now();
    options.labels.push((labels::CREATED_AT.to_owned(), now));
    container::report(provider, "building image", agent_name);
    let built = match provider.capabilities.image_build(context, options).await {
        Ok(_) => provider.capabilities.image_inspect(&tag).await,
        Err(error) => Err(error),
    };
    match built {
        Ok(image) => Ok((tag, image)),
        Err(error) => {
            remove(provider, &tag).await;
            Err(error)
        }
    }
}

/// Takes an image away that is not to stay. Where that fails, the log says what is left.
pub async fn remove<C: Capabilities>(provider: &DockerProviderInstance<C>, tag: &str) {
    match provider.capabilities.image_remove(tag).await {
        Ok(_) | Err(ProviderError::NotFound(_)) => {}
        Err(error) => {
            let message = format!("image {tag} is left and could not be removed ({})", kind(&error));
            provider.capabilities.log(LogLevel::Error, &message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &[&str]) -> Result<BuildOptions> {
        options(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>())
    }

    fn refused(args: &[&str]) -> String {
        let error = read(args).expect_err("refused");
        let ProviderError::InvalidArgument(wrong) = error else {
            panic!("{error:?}")
        };
        assert!(wrong.field.starts_with("build-args[") && !wrong.remedy.is_empty());
        format!("{} {} {}", wrong.value, wrong.reason, wrong.remedy)
    }

    #[test]
    fn every_spelling_means_the_same_and_the_last_one_wins() {
        for args in [
            &["-f", "d/F"][..],
            &["-fd/F"],
            &["-f=d/F"],
            &["--file", "./d/F"],
            &["--file=x", "--file=d/F"],
        ] {
            assert_eq!(read(args).expect("options").dockerfile, "d/F", "{args:?}");
        }
        let options = read(&[
            "--build-arg",
            "A=1",
            "--build-arg=B=",
            "--build-arg=A=2",
            "--no-cache",
            "--pull=false",
        ]);
        let options = options.expect("options");
        assert_eq!(
            options.args,
            [("B".to_owned(), String::new()), ("A".to_owned(), "2".to_owned())]
        );
        assert!(options.no_cache && !options.pull);
        let held = read(&["--secret=id=a", "--secret", "id=b", "--secret=id=a", "--ssh=default"]).expect("options");
        assert_eq!(
            (held.secrets, held.ssh),
            (vec!["a".to_owned(), "b".to_owned()], vec!["default".to_owned()])
        );
    }

    #[test]
    fn what_is_not_taken_says_why_and_shows_no_value() {
        assert!(refused(&["--secret", "id=x,src=hunter2"]).contains("src=FILE"));
        assert!(refused(&["--ssh="]).contains("SOCKET"));
        assert!(refused(&["-t", "x"]).contains("named after its agent"));
        assert!(refused(&["--targt=x"]).contains("target"));
        assert!(refused(&["--build-arg"]).contains("missing"));
        assert!(refused(&["--file=../x"]).contains("absolute path"));
        assert!(refused(&["--label=com.imbue.mngr.agent-id=x"]).contains("provider's own"));
        for args in [
            &["--build-arg", "=hunter2"][..],
            &["TOKEN=hunter2"],
            &["--buildarg=hunter2"],
        ] {
            assert!(!refused(args).contains("hunter2"), "{args:?}");
        }
    }

    #[test]
    fn no_flag_is_both_taken_and_refused() {
        for flag in &FLAGS {
            assert!(
                REFUSALS.iter().all(|(names, _, _)| !names.contains(&flag.long)),
                "{}",
                flag.long
            );
        }
    }
}
