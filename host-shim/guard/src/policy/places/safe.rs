//! What `safe` means: the places where people keep work, and the few that anybody may read.
//!
//! A list of what is allowed, since a list of what is not forgets most of a machine. It is the same on every machine, so what
//! an administrator has laid elsewhere by a link has to be named.

use super::{Machine, is_under};

/// What homes lie directly in.
const HOMES: [&str; 3] = ["/home", "/Users", "/var/home"];
/// The home of the one who is all-powerful.
const HOME_OF_ROOT: &str = "/root";
/// Where the Filesystem Hierarchy Standard, and macOS and ostree after it, put data, other disks and what is served.
const ROOTS: [&str; 8] = [
    "/srv",
    "/mnt",
    "/media",
    "/data",
    "/var/srv",
    "/var/mnt",
    "/run/media",
    "/Volumes",
];
/// Of those, what holds disks and is none itself.
const HOLDS_DISKS: [&str; 2] = ["/run/media", "/Volumes"];
/// What Windows keeps beside its drives for its own Linux.
const OF_WSL: [&str; 2] = ["/mnt/wsl", "/mnt/wslg"];
/// What a drive of Windows has that is Windows' own.
const OF_WINDOWS: [&str; 7] = [
    "windows",
    "program files",
    "program files (x86)",
    "programdata",
    "$recycle.bin",
    "system volume information",
    "recovery",
];
/// What macOS and Windows keep in a home in place of names with a dot.
const OF_PROGRAMS: [&str; 2] = ["Library", "AppData"];
/// How deep homes may lie below such a directory: `/media/ann/stick/home`.
const DEEPEST_HOMES: usize = 3;
/// Where temporary directories are made.
const TEMPORARY: [&str; 4] = ["/tmp", "/var/tmp", "/private/tmp", "/private/var/tmp"];
/// Where macOS has a directory for each user's temporary ones, two levels up from them.
const TEMPORARY_OF_USERS: [&str; 2] = ["/var/folders", "/private/var/folders"];
/// Topmost directories in which no working directory and no home makes a place of work.
const SYSTEM_TOPS: [&str; 31] = [
    "Applications",
    "Library",
    "Network",
    "System",
    "Users",
    "Volumes",
    "bin",
    "boot",
    "cores",
    "dev",
    "etc",
    "gnu",
    "home",
    "lib",
    "lib32",
    "lib64",
    "libx32",
    "lost+found",
    "nix",
    "opt",
    "ostree",
    "private",
    "proc",
    "root",
    "run",
    "sbin",
    "snap",
    "sys",
    "sysroot",
    "usr",
    "var",
];

/// What may be read, and why that does no harm. Each is the distribution's own, for every user to read, and without secrets.
pub(super) const READ_ONLY: [(&str, &str); 10] = [
    ("/etc/ca-certificates", "certificates of authorities, which are public"),
    (
        "/etc/pki/ca-trust/extracted",
        "certificates of authorities, which are public",
    ),
    (
        "/etc/pki/tls/certs",
        "certificates of authorities, where Fedora has them",
    ),
    ("/etc/ssl/certs", "certificates of authorities, which are public"),
    ("/usr/include", "headers to compile with"),
    ("/usr/lib/locale", "languages"),
    ("/usr/share", "documents, time zones, fonts, words of languages"),
    (
        "/usr/local/share/ca-certificates",
        "certificates of authorities, which are public",
    ),
    ("/var/db/timezone", "time zones, on macOS"),
    (
        "/var/lib/ca-certificates",
        "certificates of authorities, where openSUSE has them",
    ),
];

/// How what may be written is told to people.
pub(super) const WRITABLE: [(&str, &str); 4] = [
    (
        "below a home",
        "not the home itself, and nothing in it whose name begins with a dot",
    ),
    (
        "the working directory",
        "of who runs this program, where it is no directory of the system and no home",
    ),
    (
        "/srv, /mnt, /media, /data",
        "data and other disks; on macOS /Volumes/NAME",
    ),
    (
        "a fresh temporary directory",
        "as mktemp and its like name them: /tmp/tmp.XXXXXXXXXX",
    ),
];

/// How what is never meant is told to people.
pub(super) const NEVER: [(&str, &str); 3] = [
    (
        "credentials",
        ".ssh, .aws, .kube, .config/gh and their like at any depth; they can be named",
    ),
    (
        "behind a link",
        "what a link leads to counts, and not where the link is",
    ),
    (
        "the provider's own files",
        "settings, keys, plugins, logs; no permission gives them, only `policy: open`",
    ),
];

/// Whether a clean path is a place where people keep work, which may be written.
pub(super) fn is_writable(path: &str, machine: &Machine) -> bool {
    is_in_a_home(path, machine)
        .unwrap_or_else(|| is_in_a_root(path) || is_working_directory(path, machine) || is_temporary(path))
}

/// Whether a clean path is one that anybody may read.
pub(super) fn is_readable(path: &str) -> bool {
    READ_ONLY.iter().any(|(directory, _)| is_under(path, directory))
}

/// Whether a clean path lies on a disk that the system has mounted below a directory of its own.
pub(super) fn is_on_a_disk(path: &str) -> bool {
    below(path, "/run/media").is_some_and(|parts| !parts.is_empty())
}

/// Whether a clean path is a home: one of those that this machine has, or one by its place.
pub(super) fn is_home(path: &str, machine: &Machine) -> bool {
    let (parent, name) = path.rsplit_once('/').unwrap_or_default();
    let by_its_place = HOMES.contains(&parent) && !name.is_empty();
    by_its_place || path == HOME_OF_ROOT || machine.homes.iter().any(|home| home == path)
}

/// The parts of a path below a directory that it lies in; none where it does not.
fn below<'a>(path: &'a str, directory: &str) -> Option<Vec<&'a str>> {
    let rest = path.strip_prefix(directory)?;
    match rest.strip_prefix('/') {
        Some(rest) => Some(rest.split('/').collect()),
        None => rest.is_empty().then(Vec::new),
    }
}

/// Whether these parts lie in a home at all, and none is one of those that begin with a dot or are a system's own word for them.
fn is_work(parts: &[&str]) -> bool {
    let is_settings = |part: &&str| OF_PROGRAMS.iter().any(|known| part.eq_ignore_ascii_case(known));
    !parts.is_empty() && !parts.first().is_some_and(is_settings) && parts.iter().all(|part| !part.starts_with('.'))
}

fn top(path: &str) -> &str {
    path.trim_start_matches('/').split('/').next().unwrap_or_default()
}

/// Whether a path lies in a home, or is one, and is no work there.
pub(super) fn is_kept_at_home(path: &str, machine: &Machine) -> bool {
    is_in_a_home(path, machine) == Some(false)
}

/// Whether a path in a home is work; none where it lies in no home. Of a home within another it is judged in both.
fn is_in_a_home(path: &str, machine: &Machine) -> Option<bool> {
    let by_place = HOMES.iter().filter_map(|parent| below(path, parent));
    let by_place = by_place.filter_map(|parts| parts.split_first().map(|(_, parts)| parts.to_vec()));
    let by_place: Vec<_> = by_place.chain(below(path, HOME_OF_ROOT)).collect();
    let by_name: Vec<_> = machine.homes.iter().filter_map(|home| below(path, home)).collect();
    // A home in a directory of the system is a service's.
    let is_peoples = !by_place.is_empty() || !SYSTEM_TOPS.contains(&top(path));
    let mut all = by_place.iter().chain(&by_name).peekable();
    all.peek()?;
    Some(is_peoples && all.all(|parts| is_work(parts)))
}

fn is_in_a_root(path: &str) -> bool {
    let root = ROOTS.iter().find_map(|root| Some((root, below(path, root)?)));
    let Some((root, parts)) = root else { return false };
    let is_holder = HOLDS_DISKS.contains(root) && parts.is_empty();
    let of_wsl = OF_WSL.iter().any(|directory| is_under(path, directory));
    let is_windows =
        *root == "/mnt" && parts.first().is_some_and(|drive| drive.len() == 1) && !is_work_on_drive(&parts[1..]);
    !is_holder && !of_wsl && !is_windows && is_outside_homes(&parts)
}

/// Whether that is work on a drive of Windows: its system is left out, and the drive as a whole.
fn is_work_on_drive(parts: &[&str]) -> bool {
    let Some(first) = parts.first() else { return false };
    let first = first.to_ascii_lowercase();
    // A short name, such as `PROGRA~1`, may stand for any of them.
    !OF_WINDOWS.contains(&first.as_str()) && !first.contains('~') && (first != "users" || parts.len() > 1)
}

/// Whether a path on another disk is none of a home's own: that of somebody, or what in it begins with a dot.
fn is_outside_homes(parts: &[&str]) -> bool {
    let holder = parts
        .iter()
        .take(DEEPEST_HOMES)
        .position(|part| part.eq_ignore_ascii_case("home") || part.eq_ignore_ascii_case("users"));
    match holder {
        Some(holder) => parts.get(holder + 2..).is_some_and(is_work),
        None => true,
    }
}

fn is_working_directory(path: &str, machine: &Machine) -> bool {
    let Some(directory) = machine.working_directory.as_deref() else {
        return false;
    };
    let is_system = SYSTEM_TOPS.contains(&top(directory)) || directory.trim_matches('/').is_empty();
    let has_rules = ROOTS.iter().any(|root| is_under(directory, root));
    let is_place = !is_system && !has_rules && !TEMPORARY.contains(&directory) && !is_home(directory, machine);
    is_place && is_under(path, directory) && path.split('/').all(|part| !part.starts_with('.'))
}

fn is_temporary(path: &str) -> bool {
    let of_users = |directory: &str| {
        let parts = below(path, directory)?;
        match parts[..] {
            [_, _, "T", made, ..] => Some(is_made_afresh(made)),
            _ => None,
        }
    };
    let made_in = |directory: &&str| below(path, directory)?.first().map(|made| is_made_afresh(made));
    TEMPORARY.iter().filter_map(made_in).any(|made| made)
        || TEMPORARY_OF_USERS.into_iter().filter_map(of_users).any(|made| made)
}

/// Whether a name is one that a maker of temporary directories has thought of: `tmp.` and ten letters are mktemp's, `tmp` and
/// eight Python's, `.tmp` and six those of Rust's crate. Other programs keep their sockets beside, under names of their own.
fn is_made_afresh(name: &str) -> bool {
    let Some(rest) = name.strip_prefix('.').unwrap_or(name).strip_prefix("tmp") else {
        return false;
    };
    let rest = rest.strip_prefix('.').unwrap_or(rest);
    rest.len() >= 6 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        Machine {
            homes: vec![
                "/people/ann".to_owned(),
                "/opt/service".to_owned(),
                "/people/ann/inner".to_owned(),
            ],
            working_directory: Some("/workspaces/project".to_owned()),
            ..Machine::default()
        }
    }

    #[test]
    fn the_readme_tells_every_place_that_may_be_read_and_no_other() {
        let readme =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).expect("a README");
        let rows = readme.lines().filter(|line| line.starts_with("| to read | `"));
        let places = |row: &str| row.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
        let mut told: Vec<_> = rows.flat_map(places).collect();
        told.sort();
        let mut known = READ_ONLY.map(|(place, _)| place.to_owned());
        known.sort();
        assert_eq!(told, known);
    }

    #[test]
    fn places_of_work_are_allowed() {
        for path in [
            "/home/ann/work",
            "/home/ann/a/b",
            "/Users/ann/src",
            "/var/home/ann/src",
            "/root/work",
            "/people/ann/work",
            "/srv",
            "/srv/app/.git",
            "/mnt",
            "/mnt/disk",
            "/mnt/c/Users/ann/work",
            "/mnt/d/work",
            "/media/ann/stick",
            "/run/media/ann/stick",
            "/data/x",
            "/Volumes/Disk",
            "/data/home/ann/work",
            "/workspaces/project",
            "/workspaces/project/src",
            "/tmp/tmp.sVpkGdZXqj",
            "/tmp/tmpab_12cde/below",
            "/tmp/.tmpAbCdEf",
            "/var/folders/zz/zyxw/T/tmp.AbCdEfGh",
        ] {
            assert!(is_writable(path, &machine()), "{path}");
        }
    }

    #[test]
    fn nothing_else_is() {
        for path in [
            "/",
            "/home",
            "/home/ann",
            "/home/ann/.bashrc",
            "/home/ann/work/.git",
            "/homes/ann/work",
            "/people",
            "/people/ann",
            "/people/ann/.profile",
            "/people/ann/inner",
            "/people/bob/work",
            "/opt",
            "/opt/service",
            "/opt/service/work",
            "/usr/bin",
            "/var/lib",
            "/var/spool/cron",
            "/srvx",
            "/mnt/c",
            "/mnt/c/Windows/System32",
            "/mnt/c/Users",
            "/mnt/c/Users/ann",
            "/mnt/c/Users/ann/.gitconfig",
            "/mnt/c/PROGRAM FILES/x",
            "/mnt/c/PROGRA~1",
            "/mnt/c/Users/ann/AppData/Roaming",
            "/Users/ann/Library",
            "/Users/ann/Library/LaunchAgents",
            "/mnt/wsl/docker-desktop",
            "/mnt/wslg",
            "/data/home",
            "/data/home/ann",
            "/data/home/ann/.profile",
            "/Volumes",
            "/run/media",
            "/workspaces",
            "/workspaces/other",
            "/workspaces/project/.git",
            "/tmp",
            "/tmp/work",
            "/tmp/tmux-1000",
            "/tmp/ssh-AbCdEfGhIj",
            "/tmp/.X11-unix",
            "/tmp/tmp.",
            "/tmp/tmpdir",
            "/var/folders/zz/zyxw/T",
            "/var/folders/zz/zyxw/C/tmp.AbCdEfGh",
        ] {
            assert!(!is_writable(path, &machine()), "{path}");
        }
    }

    #[test]
    fn a_working_directory_of_the_system_makes_no_place_of_work() {
        for directory in [
            "/",
            "/usr/bin",
            "/etc",
            "/home",
            "/tmp",
            "/opt/x",
            "/workspaces/.hidden",
            "/mnt/c/Windows",
        ] {
            let machine = Machine {
                working_directory: Some(directory.to_owned()),
                ..Machine::default()
            };
            assert!(!is_writable(directory, &machine), "{directory}");
            assert!(!is_writable(&format!("{directory}/bin"), &machine), "{directory}");
        }
    }
}
