//! What steps of a build may use and no image is to keep: secrets and SSH agents of this machine.
//!
//! It is read here, goes to the engine past the plugin, and is asked for there by its id.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;

use mngr_contract::Result;
use mngr_contract::environment::Environment;
use mngr_contract::error::invalid;
use mngr_contract::streams::Withheld;
use mngr_docker_grammar::flags::{Known, Name, rewrite};

/// BuildKit takes no larger ones.
const MAX_SECRET: usize = 500 * 1024;
/// The SSH agent of whoever runs this.
const AGENT: &str = "SSH_AUTH_SOCK";

/// What a flag withholds.
enum Kind {
    Secret,
    Agent,
}

/// Takes what is withheld out of the arguments of `docker build`, in which only their ids stay.
///
/// # Errors
/// `invalid-argument` for one that is not written as the Docker CLI has it, or cannot be read.
pub(super) fn take(args: &[String], environment: &Environment) -> Result<(Withheld, Vec<String>)> {
    let known = |name: Name<'_>| {
        let mut flags = [("secret", Kind::Secret), ("ssh", Kind::Agent)].into_iter();
        let (_, flag) = flags.find(|(long, _)| name.is_of(long, None))?;
        Some(Known {
            flag,
            takes_value: true,
        })
    };
    let mut withheld = Withheld::default();
    let left = rewrite(args, known, |kind, value| -> Result<_> {
        let left = match kind {
            Kind::Secret => {
                let (id, secret) = secret(value, environment)?;
                let left = format!("--secret=id={id}");
                withheld.secrets.insert(id, secret);
                left
            }
            Kind::Agent => {
                let (id, socket) = agent(value, environment)?;
                let left = format!("--ssh={id}");
                withheld.agents.insert(id, socket);
                left
            }
        };
        Ok(Some(vec![left]))
    })?;
    Ok((withheld, left))
}

/// `id=ID,src=FILE` or `id=ID,env=NAME`. The value's source is named in errors, never what it holds.
fn secret(value: &str, environment: &Environment) -> Result<(String, Vec<u8>)> {
    let fault = |subject: &str, reason: String, remedy: &str| Err(invalid("secret", subject, reason, remedy));
    let written = "write --secret id=ID,src=FILE or --secret id=ID,env=NAME";
    let (mut id, mut file, mut variable) = (None, None, None);
    for field in value.split(',') {
        match field.split_once('=') {
            Some(("id", value)) if !value.is_empty() => id = Some(value),
            Some(("src" | "source", value)) => file = Some(value),
            Some(("env", value)) => variable = Some(value),
            Some(("type", "file" | "env")) => {}
            _ => {
                // Without a name it may be the secret itself.
                let name = field.split_once('=').map_or("", |(name, _)| name);
                return fault(name, "it is no field of a secret".to_owned(), written);
            }
        }
    }
    let Some(id) = id else {
        return fault("", "it has no id".to_owned(), written);
    };
    let content = match (file, variable) {
        (Some(file), None) => match fs::read(file) {
            Ok(content) => content,
            Err(error) => {
                return fault(
                    id,
                    format!("{file} can not be read: {error}"),
                    "name a file that can be read",
                );
            }
        },
        (None, Some(name)) => match environment.raw(name) {
            Some(content) => content.as_bytes().to_vec(),
            None => {
                return fault(
                    id,
                    format!("the variable {name} is not set"),
                    "set it, or name a file with src=",
                );
            }
        },
        _ => {
            return fault(
                id,
                "it names neither a file nor a variable, or both".to_owned(),
                written,
            );
        }
    };
    if content.len() > MAX_SECRET {
        let reason = format!("it has {} bytes, and BuildKit takes {MAX_SECRET}", content.len());
        return fault(id, reason, "make it smaller");
    }
    Ok((id.to_owned(), content))
}

/// `ID` or `ID=SOCKET`.
fn agent(value: &str, environment: &Environment) -> Result<(String, PathBuf)> {
    let (id, socket) = match value.split_once('=') {
        Some((id, socket)) => (id, Some(PathBuf::from(socket))),
        None => (value, environment.var(AGENT).map(PathBuf::from)),
    };
    let Some(socket) = socket else {
        let reason = format!("no SSH agent runs: {AGENT} is not set");
        return Err(invalid(
            "ssh",
            id,
            reason,
            "start one (`eval $(ssh-agent)`; `ssh-add`), or write --ssh ID=SOCKET",
        ));
    };
    if !fs::metadata(&socket).is_ok_and(|found| found.file_type().is_socket()) {
        let reason = format!("{} is no agent's socket", socket.display());
        return Err(invalid(
            "ssh",
            id,
            reason,
            "give a key to an agent with `ssh-add`, and name the agent's socket",
        ));
    }
    Ok((id.to_owned(), socket))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(args: &[&str]) -> Result<(Withheld, Vec<String>)> {
        let args: Vec<_> = args.iter().map(|arg| (*arg).to_owned()).collect();
        take(&args, &Environment::new([("TOKEN", "from a variable")], "/"))
    }

    #[test]
    fn only_ids_stay_in_the_arguments_and_no_value_is_shown() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("file");
        fs::write(&file, "hunter2").expect("written");
        let source = format!("id=a,src={}", file.display());
        let args = [
            "--target=x",
            "--secret",
            &source,
            "--secret=id=b,env=TOKEN",
            "-fx",
            "--secret",
        ];
        let (withheld, left) = of(&args).expect("read");
        assert_eq!(
            left,
            ["--target=x", "--secret=id=a", "--secret=id=b", "-fx", "--secret"]
        );
        assert_eq!(
            (&withheld.secrets["a"][..], &withheld.secrets["b"][..]),
            (&b"hunter2"[..], &b"from a variable"[..])
        );
        assert!(!format!("{withheld:?}").contains("hunter2"));
    }

    #[test]
    fn what_can_not_be_read_is_told_by_its_id() {
        for (arg, word) in [
            ("--secret=src=/etc/hostname", "id"),
            ("--secret=id=a", "neither"),
            ("--secret=id=a,env=NONE", "NONE"),
            ("--secret=id=a,src=/no/such/file", "/no/such/file"),
            ("--secret=id=a,value=hunter2", "value"),
            ("--secret=hunter2", "field"),
            ("--ssh=default", AGENT),
            ("--ssh=a=/etc/hostname", "/etc/hostname"),
        ] {
            let error = of(&[arg]).expect_err("refused");
            assert!(error.message().contains(word), "{}", error.message());
            assert!(!error.message().contains("hunter2") && !error.remedy().is_empty());
        }
    }
}
