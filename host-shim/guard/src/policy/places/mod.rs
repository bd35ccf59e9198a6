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
/// The processes' own part of them, by how it goes on behind `/proc/`.
const PROCESSES: [&str; 2] = ["self", "thread-self"];
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
    /// The sockets through which engines are reached, each as it is named and where that leads.
    pub sockets: Vec<String>,
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
    /// Whether the engine mounts it anew by itself, when it starts the container again.
    pub restarts: bool,
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
            restarts: false,
            is_named: false,
        }
    }
}

/// Where a path leads on the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeadsTo {
    /// To these places: as asked for, and once an engine has cleaned it.
    Places(Vec<String>),
    /// The machine can be asked, and can not tell: there is a directory on the way that may not be looked into, or none.
    Hidden,
    /// The machine can not be asked.
    Unknown,
}

impl LeadsTo {
    fn places(&self) -> &[String] {
        match self {
            Self::Places(places) => places,
            Self::Hidden | Self::Unknown => &[],
        }
    }
}

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

    /// Whether a clean path is an engine's socket.
    fn is_socket(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or_default();
        ENGINE_SOCKETS.contains(&name) || self.sockets.iter().any(|socket| socket == path)
    }

    /// Whether a clean path is a directory that a known engine's socket lies in.
    fn holds_socket(&self, path: &str) -> bool {
        path != "/" && self.sockets.iter().any(|socket| is_under(socket, path))
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
    pub fn place(&self, wanted: &Wanted, leads_to: &LeadsTo, machine: &Machine) -> Result<()> {
        let asked = plain(&wanted.path);
        let is_open = self.preset() == Preset::Open;
        let every_form = || std::iter::once(&asked).chain(leads_to.places());
        if !is_open {
            let own = |form: &&String| machine.own.iter().any(|own| touches(form, own));
            if let Some(form) = every_form().find(own) {
                return Err(self.holds_own(wanted, &asked, form, machine));
            }
            if *leads_to == LeadsTo::Hidden || is_of_a_process(&asked) || is_of_a_process(&wanted.path) {
                return Err(self.not_followed(wanted, &asked));
            }
        }
        let which = self.among(wanted.rule);
        if let Some(socket) = every_form().find(|form| machine.is_socket(form)) {
            let what = mount_of(&wanted.what, &asked, socket, "which leads to an engine's socket");
            return self.may(Rule::EngineSocket, &what);
        }
        if let Some(holder) = every_form().find(|form| machine.holds_socket(form)) {
            let what = mount_of(&wanted.what, &asked, holder, "which holds an engine's socket");
            self.may(Rule::EngineSocket, &what)?;
        }
        // Where it leads are its forms; where that is not known, or depends on who asks, its name is.
        let by_name =
            leads_to.places().is_empty() || OF_EACH_PROCESS.iter().any(|directory| is_under(&asked, directory));
        for form in by_name.then_some(&asked).into_iter().chain(leads_to.places()) {
            if !which.any && !wanted.is_named {
                self.form(wanted, &asked, form, leads_to, machine)?;
            }
            if wanted.restarts && !is_open && self.can_be_exchanged(wanted.rule, form, machine) {
                return Err(self.may_be_exchanged(wanted, &asked));
            }
        }
        Ok(())
    }

    /// Whether one form of a place is named or safe.
    fn form(&self, wanted: &Wanted, asked: &str, form: &str, leads_to: &LeadsTo, machine: &Machine) -> Result<()> {
        let which = self.among(wanted.rule);
        let area = machine.area_of(form, wanted.read_only);
        if is_named(which, form, wanted.read_only, area.as_ref()) {
            return Ok(());
        }
        // A home may be a link, and by its name what is kept in it is no less kept.
        let is_kept = || safe::is_kept_at_home(asked, machine);
        let why = match (leads_to, area) {
            (LeadsTo::Unknown, _) => "whose links on the engine's machine can not be followed",
            _ if which.has_part && !wanted.read_only && safe::is_readable(form) => {
                "which is safe only where it is mounted read-only"
            }
            (_, Some(area)) => area.what,
            (_, None) if which.has_part && wanted.read_only && safe::is_readable(form) => return Ok(()),
            (_, None) if which.has_part && safe::is_writable(form, machine) => match is_kept() {
                false => return Ok(()),
                true => "which is kept in a home, or is one",
            },
            (_, None) if which.has_part => "which is not a place where people keep work",
            (_, None) => "",
        };
        let word = match wanted.read_only {
            true => format!("{form}{READ_ONLY}"),
            false => form.to_owned(),
        };
        let what = mount_of(&wanted.what, asked, form, why);
        Err(self.refusal(wanted.rule, Need::Word(&word), &what))
    }

    /// Whether an agent could have put something else in a place: whether it may be given a directory above it.
    fn can_be_exchanged(&self, rule: Rule, form: &str, machine: &Machine) -> bool {
        let may_be_given = |which: &Which, directory: &str| {
            let area = machine.area_of(directory, false);
            let is_safe = which.has_part && area.is_none() && safe::is_writable(directory, machine);
            which.any || is_safe || is_named(which, directory, false, area.as_ref())
        };
        let mut above = form;
        while let Some((directory, _)) = above.rsplit_once('/').filter(|(directory, _)| !directory.is_empty()) {
            if [rule, Rule::Binds]
                .iter()
                .any(|rule| may_be_given(self.among(*rule), directory))
            {
                return true;
            }
            above = directory;
        }
        self.among(Rule::Binds).any
    }

    /// The refusal of what an engine would mount anew without anybody having looked.
    fn may_be_exchanged(&self, wanted: &Wanted, asked: &str) -> ProviderError {
        denied(
            wanted.rule.name(),
            format!(
                "{} of {asked} is not allowed for the provider `{}` in a container that the engine starts again by itself: an agent \
                 that has a directory above it could put a link there in the meantime",
                wanted.what,
                self.provider()
            ),
            "leave --restart off, or mount the topmost directory of the work, such as one directly in a home; only `policy: open` \
             takes the two together",
        )
    }

    /// The refusal of what nobody can say where it leads.
    fn not_followed(&self, wanted: &Wanted, asked: &str) -> ProviderError {
        denied(
            wanted.rule.name(),
            format!(
                "{} of {asked}, whose links on the engine's machine can not be followed, is not allowed for the provider `{}`",
                wanted.what,
                self.provider()
            ),
            "name a place that is there and that the user of this program may look into, with no file for a directory on the way; \
             only `policy: open` takes a path at its word",
        )
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

/// Whether a path goes through what is another thing for each process that asks.
fn is_of_a_process(path: &str) -> bool {
    let path = path.trim_start_matches('/');
    let below = path.strip_prefix("proc/").map(|rest| rest.trim_start_matches('/'));
    let process = below.and_then(|rest| rest.split('/').next());
    process.is_some_and(|name| PROCESSES.contains(&name) || name.bytes().all(|byte| byte.is_ascii_digit()))
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
