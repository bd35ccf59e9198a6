//! Where on the engine's machine a mount may lead.
//!
//! A path has more than one spelling, and only the machine knows its links. So each is judged in every form that it has: as
//! it was asked for, as an engine cleans it, and where each of the two leads on the machine. All must be allowed.

use mngr_contract::Result;
use mngr_contract::paths::plain;

use super::grant::{Need, Which};
use super::{Policy, Rule};

/// Directories that are not an agent's business, each with all that lies below it.
const SYSTEM_DIRECTORIES: [&str; 13] = [
    "/boot",
    "/dev",
    "/etc",
    "/lib/modules",
    "/proc",
    "/run",
    "/sys",
    "/usr/lib/modules",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/docker",
    "/var/lib/kubelet",
    "/var/run",
];
/// Directories that may be mounted in part and not as a whole.
const SYSTEM_ROOTS: [&str; 7] = ["/", "/home", "/usr", "/Users", "/var", "/var/lib", "/root"];
/// What homes lie directly in.
const HOMES: [&str; 2] = ["/home", "/Users"];
/// Where people and programs keep what lets them in elsewhere: names within a path, each with all that lies below it.
const CREDENTIALS: [&[&str]; 26] = [
    &[".ssh"],
    &[".docker"],
    &[".aws"],
    &[".azure"],
    &[".gnupg"],
    &[".kube"],
    &[".netrc"],
    &[".npmrc"],
    &[".pypirc"],
    &[".pgpass"],
    &[".git-credentials"],
    &[".vault-token"],
    &[".password-store"],
    &[".terraform.d"],
    &[".oci"],
    &[".s3cfg"],
    &[".boto"],
    &[".cargo", "credentials"],
    &[".cargo", "credentials.toml"],
    &[".config", "gcloud"],
    &[".config", "gh"],
    &[".config", "op"],
    &[".config", "containers"],
    &[".config", "rclone"],
    &[".config", "google-chrome"],
    &[".local", "share", "keyrings"],
];
/// What holds some of them, and may be mounted in part and not as a whole.
const CREDENTIAL_ROOTS: [&[&str]; 3] = [&[".config"], &[".local"], &[".local", "share"]];
const ENGINE_SOCKETS: [&str; 7] = [
    "docker.sock",
    "docker.raw.sock",
    "containerd.sock",
    "containerd.sock.ttrpc",
    "buildkitd.sock",
    "podman.sock",
    "crio.sock",
];

/// What is known of the engine's machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    /// Homes of those who log in there.
    pub homes: Vec<String>,
    /// Where the engine keeps its data.
    pub engine_data: Option<String>,
    /// The socket through which the engine is reached.
    pub socket: Option<String>,
}

/// One path in the forms that it has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// As it was asked for.
    pub asked: String,
    /// Where it leads on the machine: as asked for, and once an engine has cleaned it. None where that is not known.
    pub leads_to: Option<Vec<String>>,
}

fn is_under(path: &str, directory: &str) -> bool {
    let rest = path.strip_prefix(directory.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What of a path is nobody's business: the directory that is named for it, and what that is.
struct Area {
    directory: String,
    what: &'static str,
}

fn area(directory: &str, what: &'static str) -> Area {
    Area {
        directory: directory.to_owned(),
        what,
    }
}

impl Machine {
    /// What a clean path lies in, or is, that is not safe.
    fn area_of(&self, path: &str) -> Option<Area> {
        let system = SYSTEM_DIRECTORIES.iter().find(|directory| is_under(path, directory));
        if let Some(directory) = system {
            return Some(area(directory, "which is the machine's own"));
        }
        if let Some(data) = self.engine_data.as_deref().filter(|data| is_under(path, data)) {
            return Some(area(data, "which holds the engine's data"));
        }
        if let Some(credentials) = credentials(path) {
            return Some(area(&credentials, "which holds credentials"));
        }
        let (parent, name) = path.rsplit_once('/').unwrap_or_default();
        let is_home = HOMES.contains(&parent) && !name.is_empty();
        if is_home || self.homes.iter().any(|home| home == path) {
            return Some(area(path, "which is a home"));
        }
        SYSTEM_ROOTS
            .contains(&path)
            .then(|| area(path, "which holds what is the machine's own"))
    }

    /// Whether a clean path is an engine's socket, or a directory that this engine's lies in.
    fn is_socket(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or_default();
        let through = self
            .socket
            .as_deref()
            .is_some_and(|socket| is_under(&plain(socket), path));
        ENGINE_SOCKETS.contains(&name) || (through && path != "/")
    }
}

/// The part of a path that holds credentials.
fn credentials(path: &str) -> Option<String> {
    let parts: Vec<_> = path.split('/').collect();
    let is = |own: &[&str], names: &[&str]| {
        own.len() == names.len() && own.iter().zip(names).all(|(own, name)| own.eq_ignore_ascii_case(name))
    };
    let at = |names: &[&str]| parts.windows(names.len()).position(|window| is(window, names));
    for names in CREDENTIALS {
        if let Some(position) = at(names) {
            return Some(parts[..position + names.len()].join("/"));
        }
    }
    let whole = |names: &&[&str]| parts.len() > names.len() && is(&parts[parts.len() - names.len()..], names);
    CREDENTIAL_ROOTS.iter().any(whole).then(|| path.to_owned())
}

/// Whether a configuration names a place. Who names a directory names no credentials, and nothing of the machine's own, that
/// lie in it: that is for those to be named themselves.
fn is_named(which: &Which, path: &str, area: Option<&Area>) -> bool {
    which
        .named
        .iter()
        .map(|named| plain(named))
        .any(|named| is_under(path, &named) && area.is_none_or(|area| is_under(&named, &area.directory)))
}

impl Policy {
    /// Whether a place on the engine's machine may be mounted by a bind, or by a volume that is one.
    ///
    /// # Errors
    /// `denied` for an engine's socket, and for what neither is named nor safe.
    pub fn place(&self, rule: Rule, place: &Place, machine: &Machine, what: &str) -> Result<()> {
        let asked = plain(&place.asked);
        // A name that was asked for is one form, where it leads are the others.
        let forms = std::iter::once(&asked).chain(place.leads_to.iter().flatten());
        let mut sockets = forms.clone().filter(|form| machine.is_socket(form));
        if let Some(socket) = sockets.next() {
            return self.may(
                Rule::EngineSocket,
                &mount_of(what, &asked, socket, "which leads to an engine's socket"),
            );
        }
        let which = self.among(rule);
        if which.any {
            return Ok(());
        }
        for form in forms {
            let area = machine.area_of(form);
            if is_named(which, form, area.as_ref()) {
                continue;
            }
            if place.leads_to.is_none() {
                let why = "whose links on the engine's machine can not be followed";
                return Err(self.refusal(rule, Need::Word(&asked), &format!("{what} of {asked}, {why},")));
            }
            match area {
                None if which.has_part => {}
                None => return Err(self.refusal(rule, Need::Word(form), &mount_of(what, &asked, form, ""))),
                Some(area) => {
                    return Err(self.refusal(rule, Need::Word(form), &mount_of(what, &asked, form, area.what)));
                }
            }
        }
        Ok(())
    }

    /// Whether nothing that a machine could say of it would change what is decided on a place.
    pub fn is_any_place(&self, rule: Rule) -> bool {
        self.among(rule).any && !self.grant(Rule::EngineSocket).is_nothing()
    }
}

fn mount_of(what: &str, asked: &str, form: &str, why: &str) -> String {
    let leads = match asked == form {
        true => String::new(),
        false => format!(", which leads to {form}"),
    };
    let why = match why {
        "" => String::new(),
        why => format!(", {why},"),
    };
    format!("{what} of {asked}{leads}{why}")
}
