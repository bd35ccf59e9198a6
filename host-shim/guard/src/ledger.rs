//! What callers have been told, written down by the provider itself: without it nobody can say that something is lost.
//!
//! One JSON value a line, appended in one write, so that many processes may share a file. Before a call that takes something
//! away the wish is written down, and after any call what it has acknowledged: of an agent whose destruction was wished for
//! and never acknowledged it may be that it is there, and it may be that it is not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use mngr_contract::types::{Agent, Snapshot};
use serde::{Deserialize, Serialize};

/// What was wished for or acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum LedgerEntry {
    /// An agent is there.
    Agent {
        /// Its id.
        id: String,
        /// Its name then.
        name: String,
        /// It has been brought back, maybe after it was destroyed.
        again: bool,
    },
    /// An agent is to go, named as the caller named it: an id, a prefix of one, or a name.
    Destroy {
        /// As it was named.
        agent: String,
        /// With its snapshots.
        snapshots: bool,
    },
    /// An agent is gone.
    Destroyed {
        /// Its id.
        id: String,
        /// The snapshots that went along.
        snapshots: Vec<String>,
    },
    /// An agent is to be frozen by its user, or to be thawed.
    Freeze {
        /// As it was named.
        agent: String,
    },
    /// An agent's user has it frozen, or not.
    Frozen {
        /// Its id.
        id: String,
        /// Whether it is.
        frozen: bool,
    },
    /// A snapshot is there.
    Snapshot {
        /// Its id.
        id: String,
        /// The name its user gave it.
        name: Option<String>,
        /// Whose it is.
        agent: String,
        /// The image it is, by its id, which is the digest of all it holds.
        image_id: String,
        /// It came from elsewhere, maybe after it was deleted here.
        again: bool,
    },
    /// A snapshot is to go, named as the caller named it.
    Delete {
        /// As it was named.
        snapshot: String,
    },
    /// A snapshot is gone.
    Deleted {
        /// Its id.
        id: String,
    },
    /// Snapshots of agents that are gone are to go.
    Collect,
    /// A file that a snapshot holds.
    Content {
        /// The snapshot's id.
        snapshot: String,
        /// Where the file is in it.
        path: String,
        /// SHA-256 of the file, in hexadecimal.
        sha256: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Line {
    provider: String,
    #[serde(flatten)]
    entry: LedgerEntry,
}

/// The file for one provider.
#[derive(Debug, Clone)]
pub struct Ledger {
    path: PathBuf,
    provider: String,
}

impl Ledger {
    /// The part of the file at `path` that is of the provider of that name. The file is made with the first entry.
    pub fn at(path: impl Into<PathBuf>, provider: &str) -> Self {
        Self {
            path: path.into(),
            provider: provider.to_owned(),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes entries down, each on a line of its own.
    ///
    /// # Errors
    /// Where the file can not be written.
    pub fn write(&self, entries: impl IntoIterator<Item = LedgerEntry>) -> io::Result<()> {
        let mut text = Vec::new();
        for entry in entries {
            let provider = self.provider.clone();
            serde_json::to_writer(&mut text, &Line { provider, entry })?;
            text.push(b'\n');
        }
        if text.is_empty() {
            return Ok(());
        }
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&self.path)?;
        file.write_all(&text)
    }

    /// What must be true by now.
    ///
    /// # Errors
    /// Where the file can not be read, or a line is no entry. A last line without its end was never acknowledged.
    pub fn read(&self) -> io::Result<Account> {
        let text = std::fs::read_to_string(&self.path)?;
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let mut account = Account::default();
        for (at, line) in whole.lines().enumerate() {
            let fault = |error| io::Error::new(io::ErrorKind::InvalidData, format!("line {}: {error}", at + 1));
            let line: Line = serde_json::from_str(line).map_err(fault)?;
            if line.provider == self.provider {
                account.take(line.entry);
            }
        }
        Ok(account)
    }
}

impl From<&Agent> for LedgerEntry {
    fn from(agent: &Agent) -> Self {
        Self::Agent {
            id: agent.id.clone(),
            name: agent.name.clone(),
            again: false,
        }
    }
}

impl From<&Snapshot> for LedgerEntry {
    fn from(snapshot: &Snapshot) -> Self {
        Self::Snapshot {
            id: snapshot.id.clone(),
            name: snapshot.name.clone(),
            agent: snapshot.agent_id.clone(),
            image_id: snapshot.image_id.clone(),
            again: false,
        }
    }
}

impl LedgerEntry {
    /// The same of what may have been gone before.
    #[must_use]
    pub fn again(self) -> Self {
        match self {
            Self::Agent { id, name, .. } => Self::Agent { id, name, again: true },
            Self::Snapshot {
                id,
                name,
                agent,
                image_id,
                ..
            } => Self::Snapshot {
                id,
                name,
                agent,
                image_id,
                again: true,
            },
            other => other,
        }
    }
}

/// A snapshot that was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownSnapshot {
    /// The name its user gave it.
    pub name: Option<String>,
    /// Whose it is.
    pub agent: String,
    /// The image it is.
    pub image_id: String,
    /// Files that it holds: path and SHA-256.
    pub contents: BTreeMap<String, String>,
    /// It may be gone.
    pub doubtful: bool,
}

/// An agent that was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownAgent {
    /// The name last heard.
    pub name: String,
    /// It may be gone.
    pub doubtful: bool,
    /// Whether its user has it frozen; absent where that was wished for and never acknowledged.
    pub frozen: Option<bool>,
}

/// All entries together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// By id.
    pub agents: BTreeMap<String, KnownAgent>,
    /// By id.
    pub snapshots: BTreeMap<String, KnownSnapshot>,
    /// Ids that are gone for good.
    gone: BTreeSet<String>,
}

impl Account {
    /// The agents that a caller may have meant.
    fn meant(&mut self, agent: &str) -> impl Iterator<Item = (&String, &mut KnownAgent)> {
        self.agents
            .iter_mut()
            .filter(move |(id, known)| id.starts_with(agent) || known.name == agent)
    }

    /// Takes what one entry says into the account.
    pub fn take(&mut self, entry: LedgerEntry) {
        match entry {
            LedgerEntry::Agent { id, name, again } => {
                if again {
                    self.gone.remove(&id);
                }
                if !self.gone.contains(&id) {
                    let known = self.agents.entry(id).or_insert(KnownAgent {
                        name: String::new(),
                        doubtful: false,
                        frozen: Some(false),
                    });
                    known.name = name;
                    known.doubtful &= !again;
                }
            }
            LedgerEntry::Destroy { agent, snapshots } => {
                let mut meant = Vec::new();
                for (id, known) in self.meant(&agent) {
                    known.doubtful = true;
                    meant.push(id.clone());
                }
                let theirs = |known: &&mut KnownSnapshot| snapshots && meant.contains(&known.agent);
                for known in self.snapshots.values_mut().filter(theirs) {
                    known.doubtful = true;
                }
            }
            LedgerEntry::Destroyed { id, snapshots } => {
                self.agents.remove(&id);
                self.gone.insert(id);
                for id in snapshots {
                    self.snapshots.remove(&id);
                    self.gone.insert(id);
                }
            }
            LedgerEntry::Freeze { agent } => self.meant(&agent).for_each(|(_, known)| known.frozen = None),
            LedgerEntry::Frozen { id, frozen } => {
                if let Some(known) = self.agents.get_mut(&id) {
                    known.frozen = Some(frozen);
                }
            }
            LedgerEntry::Snapshot {
                id,
                name,
                agent,
                image_id,
                again,
            } => {
                if again {
                    self.gone.remove(&id);
                }
                if !self.gone.contains(&id) {
                    self.snapshots.entry(id).or_insert(KnownSnapshot {
                        name,
                        agent,
                        image_id,
                        contents: BTreeMap::new(),
                        doubtful: false,
                    });
                }
            }
            LedgerEntry::Delete { snapshot } => {
                for (id, known) in &mut self.snapshots {
                    known.doubtful |= id.starts_with(&snapshot) || known.name.as_deref() == Some(&snapshot);
                }
            }
            LedgerEntry::Deleted { id } => {
                self.snapshots.remove(&id);
                self.gone.insert(id);
            }
            LedgerEntry::Collect => {
                let agents = &self.agents;
                // One whose end was never acknowledged may be gone.
                let is_there = |agent: &str| agents.get(agent).is_some_and(|known| !known.doubtful);
                let orphans = |known: &&mut KnownSnapshot| !is_there(&known.agent);
                for known in self.snapshots.values_mut().filter(orphans) {
                    known.doubtful = true;
                }
            }
            LedgerEntry::Content { snapshot, path, sha256 } => {
                if let Some(known) = self.snapshots.get_mut(&snapshot) {
                    known.contents.insert(path, sha256);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(id: &str, again: bool) -> LedgerEntry {
        LedgerEntry::Agent {
            id: id.to_owned(),
            name: format!("name-of-{id}"),
            again,
        }
    }

    fn snapshot(id: &str, agent: &str) -> LedgerEntry {
        LedgerEntry::Snapshot {
            id: id.to_owned(),
            name: Some(format!("name-of-{id}")),
            agent: agent.to_owned(),
            image_id: format!("sha256:{id}"),
            again: false,
        }
    }

    fn account(entries: impl IntoIterator<Item = LedgerEntry>) -> Account {
        let mut account = Account::default();
        entries.into_iter().for_each(|entry| account.take(entry));
        account
    }

    fn destroyed(id: &str) -> LedgerEntry {
        LedgerEntry::Destroyed {
            id: id.to_owned(),
            snapshots: Vec::new(),
        }
    }

    #[test]
    fn what_was_wished_away_and_never_acknowledged_may_be_there_or_not() {
        let wish = LedgerEntry::Destroy {
            agent: "name-of-a1".to_owned(),
            snapshots: true,
        };
        let found = account([
            agent("a1", false),
            agent("a2", false),
            snapshot("s1", "a1"),
            snapshot("s2", "a2"),
            wish,
        ]);
        assert!(found.agents["a1"].doubtful && found.snapshots["s1"].doubtful);
        assert!(!found.agents["a2"].doubtful && !found.snapshots["s2"].doubtful);
    }

    #[test]
    fn a_collection_may_have_taken_the_snapshots_of_whoever_may_be_gone_and_of_nobody_else() {
        let wish = LedgerEntry::Destroy {
            agent: "a2".to_owned(),
            snapshots: false,
        };
        let found = account([
            agent("a1", false),
            agent("a2", false),
            agent("a3", false),
            snapshot("s1", "a1"),
            snapshot("s2", "a2"),
            snapshot("s3", "a3"),
            wish,
            destroyed("a3"),
            LedgerEntry::Collect,
        ]);
        let doubtful = ["s1", "s2", "s3"].map(|id| found.snapshots[id].doubtful);
        assert_eq!(doubtful, [false, true, true]);
    }

    #[test]
    fn who_is_gone_stays_gone_also_when_its_acknowledgement_comes_late_until_it_is_brought_back() {
        assert!(account([destroyed("a1"), agent("a1", false)]).agents.is_empty());
        let back = account([agent("a1", false), destroyed("a1"), agent("a1", true)]);
        assert!(!back.agents["a1"].doubtful);
    }

    #[test]
    fn a_wish_to_freeze_leaves_open_whether_it_is_until_it_is_acknowledged() {
        let wish = || LedgerEntry::Freeze { agent: "a1".to_owned() };
        let frozen = |frozen| LedgerEntry::Frozen {
            id: "a1".to_owned(),
            frozen,
        };
        let of = |entries: Vec<LedgerEntry>| account(entries).agents["a1"].frozen;
        assert_eq!(of(vec![agent("a1", false)]), Some(false));
        assert_eq!(of(vec![agent("a1", false), wish()]), None);
        assert_eq!(of(vec![agent("a1", false), wish(), frozen(true)]), Some(true));
        assert_eq!(
            of(vec![agent("a1", false), wish(), frozen(true), wish(), frozen(false)]),
            Some(false)
        );
    }

    #[test]
    fn a_file_is_shared_by_providers_and_its_last_line_may_be_cut_short() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("ledger");
        let (one, other) = (Ledger::at(&path, "one"), Ledger::at(&path, "other"));
        one.write([agent("a1", false), snapshot("s1", "a1")]).expect("written");
        other.write([agent("a2", false)]).expect("written");
        let mut file = OpenOptions::new().append(true).open(&path).expect("there");
        file.write_all(br#"{"provider":"one","what":"destr"#).expect("written");
        let found = one.read().expect("read");
        assert_eq!(found.agents.keys().collect::<Vec<_>>(), ["a1"]);
        assert_eq!(found.snapshots["s1"].image_id, "sha256:s1");
        std::fs::write(&path, "nonsense\n").expect("written");
        assert!(one.read().expect_err("no entry").to_string().contains("line 1"));
    }
}
