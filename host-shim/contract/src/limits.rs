//! How much is taken of one thing that another side sends: an engine, a machine behind SSH, a registry, a program. None of them
//! is trusted to stop by itself. What goes beyond ends in an error that names the limit.
//!
//! An engine's JSON takes several times its length once it is read, so that the limits on it are well below the memory that a
//! program has. Of a list an agent's container takes less than 2 KB.

use std::fmt;

use crate::ProviderError;
use crate::error::exhausted;

/// The most that is taken of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Of what, in the singular: `an answer of the engine`.
    pub what: &'static str,
    /// How much, in its unit.
    pub most: u64,
    /// What is counted.
    pub unit: Unit,
    /// What to do about more.
    pub remedy: &'static str,
}

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Entries of a list, of any length.
    Entries,
}

const ENGINE: &str = "see what answers there (`docker version`): no Docker engine sends so much of it";
const LISTS: &str =
    "remove what is no longer needed (`docker system prune`), or see what answers there (`docker version`)";
const CHANGED: &str = "remove what the agent need not keep, or see what answers there (`docker version`)";
const MACHINE: &str = "see what that machine or its proxy prints there: log in by hand with `ssh`";
const REGISTRY: &str = "tell whoever keeps the registry, or name another one";
const ARCHIVE: &str = "see what made the archive, and shorten the names and extended attributes in it";

const fn bytes(what: &'static str, most: u64, remedy: &'static str) -> Limit {
    Limit {
        what,
        most,
        unit: Unit::Bytes,
        remedy,
    }
}

const fn entries(what: &'static str, most: u64, remedy: &'static str) -> Limit {
    Limit {
        what,
        most,
        unit: Unit::Entries,
        remedy,
    }
}

/// Status line and headers of an engine's answer, which are a few hundred bytes.
pub const HEAD: Limit = bytes("the head of an engine's answer", 256 << 10, ENGINE);
/// What an engine says of one thing.
pub const ANSWER: Limit = bytes("an engine's answer", 4 << 20, ENGINE);
/// Why an engine refuses.
pub const REFUSAL: Limit = bytes("an engine's refusal", 1 << 20, ENGINE);
/// Containers, images or volumes: ten times what 2000 agents take.
pub const LIST: Limit = bytes("an engine's list", 32 << 20, LISTS);
/// One of them: a table of a million labels would take ten times its length while it is made.
pub const LIST_ENTRY: Limit = bytes("an entry of an engine's list", 1 << 20, LISTS);
/// How many of them.
pub const LIST_ENTRIES: Limit = entries("an engine's list", 100_000, LISTS);
/// Labels, ports and the like of all of them together.
pub const LIST_VALUES: Limit = entries("what the entries of an engine's list hold", 500_000, LISTS);
/// The paths that differ between a container and its image: some 500,000.
pub const CHANGES: Limit = bytes("the list of what changed in a container", 64 << 20, CHANGED);
/// How many of them.
pub const CHANGES_ENTRIES: Limit = entries("the list of what changed in a container", 1_000_000, CHANGED);
/// What an engine tells of events, a pull, a push, a load or a build.
pub const LINE: Limit = bytes("a line of what an engine tells", 4 << 20, ENGINE);
/// What happened to containers since the last look. Engines keep 256 of what is past.
pub const EVENTS: Limit = entries("what an engine tells of events at once", 10_000, ENGINE);
/// Layers of one image that is pulled, pushed or loaded, and steps of one build.
pub const PARTS: Limit = entries("what an engine tells of one image", 10_000, ENGINE);
/// Names, links and extended attributes of one file in an archive.
pub const ARCHIVE_HEAD: Limit = bytes("the head of a file in an archive", 1 << 20, ARCHIVE);
/// Files of one container that is compared with another.
pub const FILES: Limit = entries(
    "what is compared of a container",
    1_000_000,
    "remove files that the agent need not keep",
);
/// Their names and extended attributes.
pub const FILE_NAMES: Limit = bytes(
    "what names the files that are compared of a container",
    128 << 20,
    "remove files that the agent need not keep",
);
/// One line of `ssh`'s error stream, where a server's banner comes out too.
pub const SSH_LINE: Limit = bytes("a line of what ssh says", 64 << 10, MACHINE);
/// What a credential helper of the Docker CLI prints.
pub const CREDENTIALS: Limit = bytes(
    "the answer of a credential helper",
    64 << 10,
    "run `docker-credential-HELPER get` yourself to see what it prints",
);
/// What a registry of plugins says: tags, a manifest, a token, a refusal. A manifest is at most as long by the specification of
/// OCI registries.
pub const REGISTRY_ANSWER: Limit = bytes("an answer of a plugin's registry", 4 << 20, REGISTRY);
/// Status line and headers of such an answer: what the HTTP client reads at most.
pub const REGISTRY_HEAD: Limit = bytes("the head of an answer of a plugin's registry", 408 << 10, REGISTRY);
/// Tags of one plugin's repository.
pub const TAGS: Limit = entries("what a plugin's registry has of one plugin", 50_000, REGISTRY);
/// A plugin.
pub const PLUGIN: Limit = bytes("a plugin", 64 << 20, REGISTRY);
/// What a command prints that a program gets as one value.
pub const OUTPUT: Limit = bytes(
    "what a command prints, in memory",
    64 << 20,
    "write it to a file in the agent, and copy that: mngr-docker cp",
);
/// A file or an archive that a program gets as one value.
pub const COPY: Limit = bytes(
    "a file or archive of an agent, in memory",
    256 << 20,
    "copy it to a file, which takes no memory: mngr-docker cp",
);

/// All of them, for the README.
pub const ALL: [Limit; 23] = [
    HEAD,
    ANSWER,
    REFUSAL,
    LIST,
    LIST_ENTRY,
    LIST_ENTRIES,
    LIST_VALUES,
    CHANGES,
    CHANGES_ENTRIES,
    LINE,
    EVENTS,
    PARTS,
    ARCHIVE_HEAD,
    FILES,
    FILE_NAMES,
    SSH_LINE,
    CREDENTIALS,
    REGISTRY_ANSWER,
    REGISTRY_HEAD,
    TAGS,
    PLUGIN,
    OUTPUT,
    COPY,
];

/// What is kept of either output of a command on an engine's machine, in bytes, whatever limit the command has: of more, the end is
/// dropped, and the command's result says so.
pub const COMMAND: u64 = 16 << 20;

/// What is kept of what a build prints, in bytes: of more, the beginning is dropped.
pub const BUILD_LOG: usize = 16 << 20;

impl Limit {
    /// How much, with its unit: `4 MiB`.
    pub fn amount(&self) -> String {
        match self.unit {
            Unit::Bytes if self.most >= 1 << 20 => format!("{} MiB", self.most >> 20),
            Unit::Bytes => format!("{} KiB", self.most >> 10),
            Unit::Entries => format!("{} entries", self.most),
        }
    }

    /// The error of so much of it.
    ///
    /// # Errors
    /// Where that is more than is taken.
    pub fn check(self, amount: usize) -> Result<(), Exceeded> {
        match amount as u64 > self.most {
            true => Err(Exceeded(self)),
            false => Ok(()),
        }
    }
}

/// There was more than is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded(pub Limit);

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.0.unit {
            Unit::Bytes => "is longer than",
            Unit::Entries => "has more than",
        };
        write!(f, "{} {verb} {}, the limit", self.0.what, self.0.amount())
    }
}

impl std::error::Error for Exceeded {}

impl Exceeded {
    /// The contract's error, about what was asked for.
    pub fn about(self, subject: impl Into<String>) -> ProviderError {
        exhausted(subject, self.to_string(), self.0.remedy)
    }

    /// The one that an error of a stream was made to carry, if it was.
    pub fn of(error: &std::io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
    }
}

impl From<Exceeded> for std::io::Error {
    fn from(exceeded: Exceeded) -> Self {
        Self::other(exceeded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_what_was_too_long_how_much_is_allowed_and_what_to_do() {
        let error = Exceeded(ANSWER).about("container `a`");
        assert_eq!(error.kind(), "resource_exhausted");
        assert_eq!(
            error.message(),
            "container `a`: an engine's answer is longer than 4 MiB, the limit"
        );
        assert!(error.remedy().contains("docker version"));
        assert_eq!(
            Exceeded(LIST_ENTRIES).to_string(),
            "an engine's list has more than 100000 entries, the limit"
        );
        assert_eq!(SSH_LINE.amount(), "64 KiB");
    }

    /// `UPDATE_README=1 cargo test -p mngr-contract the_readme_has_this_table` writes it anew.
    #[test]
    fn the_readme_has_this_table() {
        const BEGIN: &str = "<!-- limits: begin -->\n";
        const END: &str = "<!-- limits: end -->\n";
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
        let readme = std::fs::read_to_string(path).expect("a README");
        let (before, rest) = readme.split_once(BEGIN).expect("the mark before the table");
        let (written, after) = rest.split_once(END).expect("the mark after it");
        let row = |limit: &Limit| format!("| {} | {} |\n", limit.what, limit.amount());
        let rows: String = ALL.iter().map(row).collect();
        let table = format!("\n| what | at most |\n|---|---|\n{rows}\n");
        if std::env::var_os("UPDATE_README").is_some() {
            std::fs::write(path, format!("{before}{BEGIN}{table}{END}{after}")).expect("written");
        } else {
            assert_eq!(
                written, table,
                "UPDATE_README=1 cargo test -p mngr-contract the_readme_has_this_table"
            );
        }
    }

    #[test]
    fn a_limit_may_be_reached_and_not_passed() {
        let most = usize::try_from(SSH_LINE.most).expect("small");
        assert_eq!(
            (SSH_LINE.check(most), SSH_LINE.check(most + 1)),
            (Ok(()), Err(Exceeded(SSH_LINE)))
        );
    }

    #[test]
    fn a_limit_is_found_again_in_an_error_of_a_stream() {
        assert_eq!(Exceeded::of(&Exceeded(LINE).into()), Some(Exceeded(LINE)));
        assert_eq!(Exceeded::of(&std::io::Error::other("else")), None);
    }
}
