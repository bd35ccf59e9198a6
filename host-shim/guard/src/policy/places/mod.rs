//! Where on the engine's machine a mount may lead.
//!
//! A path has more than one spelling, and only the machine knows its links. So it is judged by where it leads there, as it was
//! asked for and as an engine cleans it. Both must be allowed: be named in the configuration, or be safe ([`safe`]).

mod credentials;
mod own;
mod safe;

use mngr_contract::error::denied;
use mngr_contract::paths::plain;
use mngr_contract::{ProviderError, Result};

pub use own::Belongings;

use super::grant::{Need, Which};
use super::{Policy, Preset, Rule};

/// Directories that are the machine's own, each with all that lies below it. Who names what holds them does not name them.
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
/// Directories that lead elsewhere for each process that asks: what they say to this one is not what an engine sees.
const OF_EACH_PROCESS: [&str; 2] = ["/proc", "/dev"];
/// Directories that may be named in part and not as a whole.
const SYSTEM_ROOTS: [&str; 6] = ["/", "/home", "/usr", "/Users", "/var", "/var/lib"];
const ENGINE_SOCKETS: [&str; 7] = [
    "docker.sock",
    "docker.raw.sock",
    "containerd.sock",
    "containerd.sock.ttrpc",
    "buildkitd.sock",
    "podman.sock",
    "crio.sock",
];
/// The mark of a directory that is named for reading alone.
pub(super) const READ_ONLY: &str = ":ro";

/// What is known of the engine's machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    /// Homes of those who log in there.
    pub homes: Vec<String>,
    /// Where the engine keeps its data.
    pub engine_data: Option<String>,
    /// The socket through which the engine is reached.
    pub socket: Option<String>,
    /// The provider's own files and directories there, each as it is named and where that leads.
    pub own: Vec<String>,
    /// The working directory of who runs this program; none where that is another machine's.
    pub working_directory: Option<String>,
}

/// A place of the machine that a container or a volume is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// What decides on it.
    pub rule: Rule,
    /// For what, as a refusal tells it: `a mount`.
    pub what: String,
    /// Its path, as it was asked for.
    pub path: String,
    /// Whether it is only to be read.
    pub read_only: bool,
    /// Whether what it is reached through is named in the configuration, so that only what nobody may have is refused.
    pub is_named: bool,
}

impl Wanted {
    /// The source of a mount.
    pub(crate) fn mount(rule: Rule, path: &str, read_only: bool) -> Self {
        Self {
            rule,
            what: "a mount".to_owned(),
            path: path.to_owned(),
            read_only,
            is_named: false,
        }
    }
}

/// Where a path leads on the machine: as asked for, and once an engine has cleaned it. None where that is not known.
pub type LeadsTo<'a> = Option<&'a [String]>;

fn is_under(path: &str, directory: &str) -> bool {
    let rest = path.strip_prefix(directory.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether one of two paths lies in the other, on a file system for which upper and lower case may be one.
fn touches(one: &str, other: &str) -> bool {
    let (one, other) = (one.to_lowercase(), other.to_lowercase());
    is_under(&one, &other) || is_under(&other, &one)
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
    /// What a clean path lies in, or is, or holds, that has to be named itself.
    fn area_of(&self, path: &str, read_only: bool) -> Option<Area> {
        let system = SYSTEM_DIRECTORIES.iter().find(|directory| is_under(path, directory));
        let is_apart = safe::is_on_a_disk(path) || (read_only && safe::is_readable(path));
        if let Some(directory) = system.filter(|_| !is_apart) {
            return Some(area(directory, "which is the machine's own"));
        }
        let data = self.engine_data.as_deref();
        if let Some(data) = data.filter(|data| is_under(path, data)) {
            return Some(area(data, "which holds the engine's data"));
        }
        if let Some(credentials) = credentials::within(path) {
            return Some(area(&credentials, "which holds credentials"));
        }
        if safe::is_home(path, self) {
            return Some(area(path, "which is a home"));
        }
        if SYSTEM_ROOTS.contains(&path) {
            return Some(area(path, "which holds what is the machine's own"));
        }
        let holds = |inner: &str| is_under(inner, path);
        if data.is_some_and(holds) {
            return Some(area(path, "which holds the engine's data"));
        }
        let has_a_home = self.homes.iter().any(|home| holds(home));
        has_a_home.then(|| area(path, "which holds a home"))
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

/// Whether a configuration names a place. Who names a directory names no credentials, and nothing of the machine's own, that
/// lie in it: that is for those to be named themselves.
fn is_named(which: &Which, path: &str, read_only: bool, area: Option<&Area>) -> bool {
    let grants = |named: &String| {
        let (named, reading) = match named.strip_suffix(READ_ONLY) {
            Some(named) => (plain(named), true),
            None => (plain(named), false),
        };
        (read_only || !reading) && is_under(path, &named) && area.is_none_or(|area| is_under(&named, &area.directory))
    };
    which.named.iter().any(grants)
}

impl Policy {
    /// Whether a place on the engine's machine may be mounted by a bind, or by a volume that is one.
    ///
    /// # Errors
    /// `denied` for an engine's socket, for the provider's own files, and for what neither is named nor safe.
    pub fn place(&self, wanted: &Wanted, leads_to: LeadsTo<'_>, machine: &Machine) -> Result<()> {
        let asked = plain(&wanted.path);
        // Where it leads are its forms; where that is not known, or depends on who asks, its name is.
        let by_name = leads_to.is_none() || OF_EACH_PROCESS.iter().any(|directory| is_under(&asked, directory));
        let forms: Vec<_> = by_name
            .then_some(&asked)
            .into_iter()
            .chain(leads_to.into_iter().flatten())
            .collect();
        let every_form = || std::iter::once(&asked).chain(leads_to.into_iter().flatten());
        if self.preset() != Preset::Open {
            let own = |form: &&String| machine.own.iter().any(|own| touches(form, own));
            if let Some(form) = every_form().find(own) {
                return Err(self.holds_own(wanted, &asked, form, machine));
            }
        }
        if let Some(socket) = every_form().find(|form| machine.is_socket(form)) {
            let what = mount_of(&wanted.what, &asked, socket, "which leads to an engine's socket");
            return self.may(Rule::EngineSocket, &what);
        }
        let which = self.among(wanted.rule);
        if which.any || wanted.is_named {
            return Ok(());
        }
        for form in forms {
            let area = machine.area_of(form, wanted.read_only);
            if is_named(which, form, wanted.read_only, area.as_ref()) {
                continue;
            }
            let why = match (leads_to, area) {
                (None, _) => "whose links on the engine's machine can not be followed",
                (_, Some(area)) => area.what,
                (_, None) if which.has_part && safe::is_writable(form, machine) => continue,
                (_, None) if which.has_part && safe::is_readable(form) => match wanted.read_only {
                    true => continue,
                    false => "which is safe only where it is mounted read-only",
                },
                (_, None) if which.has_part => "which is not a place where people keep work",
                (_, None) => "",
            };
            let word = match wanted.read_only {
                true => format!("{form}{READ_ONLY}"),
                false => form.clone(),
            };
            let what = mount_of(&wanted.what, &asked, form, why);
            return Err(self.refusal(wanted.rule, Need::Word(&word), &what));
        }
        Ok(())
    }

    /// The refusal of what holds something of the provider's own, which no permission grants.
    fn holds_own(&self, wanted: &Wanted, asked: &str, form: &str, machine: &Machine) -> ProviderError {
        let own = machine.own.iter().find(|own| touches(form, own));
        let own = own.map_or(form, String::as_str);
        let what = mount_of(&wanted.what, asked, form, "");
        denied(
            wanted.rule.name(),
            format!(
                "{what} is not allowed for the provider `{}`: {own} is the provider's own, and an agent that has it could \
                 widen its rights",
                self.provider()
            ),
            format!(
                "mount a directory that does not hold {own}, or move it elsewhere; no permission grants it, only `policy: open` does"
            ),
        )
    }

    /// Whether nothing that a machine could say of it would change what is decided on a place.
    pub fn is_any_place(&self, rule: Rule) -> bool {
        self.preset() == Preset::Open && self.among(rule).any && !self.grant(Rule::EngineSocket).is_nothing()
    }
}

/// A place, and what is meant by it or why.
type Told = (&'static str, &'static str);

/// What the word `safe` means, for people. The tables are those that are enforced.
#[derive(Debug, Clone, Copy)]
pub struct MeaningOfSafe {
    /// What may be written, and read.
    pub writable: &'static [Told],
    /// What may be read besides, and why that does no harm.
    pub read_only: &'static [Told],
    /// What is never meant, wherever it lies.
    pub never: &'static [Told],
}

/// What the word `safe` means, for people.
pub fn meaning_of_safe() -> MeaningOfSafe {
    MeaningOfSafe {
        writable: &safe::WRITABLE,
        read_only: &safe::READ_ONLY,
        never: &safe::NEVER,
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
