//! The audit log: what plugins had an engine change, and what they were refused. One JSON value a line.
//!
//! A line is written before its request goes out. It names things and rules, and never holds a command's words, a value of
//! the environment or what a request says beyond the name of its object. When the file is full it is set aside, and the
//! oldest of those goes. Any number of processes write to one log.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use mngr_contract::directories;
use mngr_contract::environment::Environment;
use mngr_contract::log;
use serde::Serialize;

/// Bytes from which on a log is set aside.
const FULL: u64 = 8 << 20;
/// How many are kept aside.
const KEPT: usize = 3;
/// Longest name of an object that is written.
const LONGEST: usize = 512;

/// Where a provider's log is (`audit_log`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AuditChoice {
    /// The user's own: `audit.jsonl` beside the journal.
    #[default]
    OfUser,
    /// None.
    Off,
    /// This file.
    File(PathBuf),
}

/// Who asks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Caller {
    /// The plugin's name, as it says it.
    pub plugin: String,
    /// Its version, as it says it.
    pub version: String,
    /// SHA-256 of its component.
    pub digest: String,
    /// The provider instance.
    pub provider: String,
}

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    #[serde(flatten)]
    caller: &'a Caller,
    call: &'a str,
    object: &'a str,
    verdict: &'static str,
    rule: &'a str,
}

/// A log that is appended to.
#[derive(Debug)]
pub struct AuditLog {
    path: PathBuf,
    full: u64,
    has_warned: AtomicBool,
}

impl AuditLog {
    /// The log of a choice: the user's own is below `$XDG_STATE_HOME`, else `~/.local/state`. None where it is off, and where
    /// neither directory is known.
    pub fn chosen(choice: &AuditChoice, environment: &Environment) -> Option<Self> {
        match choice {
            AuditChoice::Off => None,
            AuditChoice::File(path) => Some(Self::at(path)),
            AuditChoice::OfUser => Some(Self::at(directories::state(environment)?.join("audit.jsonl"))),
        }
    }

    /// A file of the caller's choice; made when it is first needed.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            full: FULL,
            has_warned: AtomicBool::new(false),
        }
    }

    /// The same, set aside at that many bytes.
    #[must_use]
    pub fn full_at(self, full: u64) -> Self {
        Self { full, ..self }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The log itself, and those of it that are set aside.
    pub fn files(&self) -> Vec<PathBuf> {
        let aside = (1..=KEPT).map(|number| self.aside(number));
        std::iter::once(self.path.clone()).chain(aside).collect()
    }

    /// Writes down that something is about to be changed, or with `is_refused` that it was not.
    ///
    /// A call is not kept from its work by a log that can not be written: that is said once, in the program's own log.
    pub fn write(&self, caller: &Caller, call: &str, object: &str, is_refused: bool, rule: &str) {
        let line = Line {
            time: format!("{:.3}", jiff::Timestamp::now()),
            caller,
            call,
            object: object.get(..object.floor_char_boundary(LONGEST)).unwrap_or_default(),
            verdict: if is_refused { "denied" } else { "allowed" },
            rule,
        };
        if let Err(error) = self.append(&line)
            && !self.has_warned.swap(true, Ordering::Relaxed)
        {
            log!(
                WARN,
                "the audit log can not be written: what plugins do goes unrecorded",
                file = self.path,
                error = error,
            );
        }
    }

    fn append(&self, line: &Line<'_>) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        // At one stroke, so that lines of two processes never mix.
        self.open()?.write_all(&bytes)
    }

    /// The file with room in it, locked until it is closed.
    fn open(&self) -> io::Result<File> {
        loop {
            let file = match self.open_file() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    let directory = self.path.parent().unwrap_or(Path::new("."));
                    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
                    self.open_file()?
                }
                other => other?,
            };
            file.lock()?;
            let held = file.metadata()?;
            let is_aside =
                fs::metadata(&self.path).map_or(true, |named| (named.dev(), named.ino()) != (held.dev(), held.ino()));
            if is_aside {
                continue;
            }
            // What is no regular file has no size to look at, and is not to be moved.
            if !held.is_file() || held.len() < self.full {
                return Ok(file);
            }
            self.set_aside()?;
        }
    }

    fn open_file(&self) -> io::Result<File> {
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&self.path)
    }

    fn aside(&self, number: usize) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    }

    fn set_aside(&self) -> io::Result<()> {
        for number in (1..KEPT).rev() {
            match fs::rename(self.aside(number), self.aside(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(&self.path, self.aside(1))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    fn caller() -> Caller {
        Caller {
            plugin: "docker".to_owned(),
            version: "0.1.0".to_owned(),
            digest: "abc".to_owned(),
            provider: "mine".to_owned(),
        }
    }

    fn lines(path: &Path) -> Vec<Value> {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }

    #[test]
    fn a_line_says_who_asked_for_what_and_what_became_of_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = AuditLog::at(folder.path().join("state/audit.jsonl"));
        log.write(&caller(), "container-create", "a\nb", true, "docker.privileged");
        let line = &lines(log.path())[0];
        let keys: Vec<_> = line.as_object().expect("an object").keys().cloned().collect();
        let known = [
            "call", "digest", "object", "plugin", "provider", "rule", "time", "verdict", "version",
        ];
        assert_eq!(
            keys.into_iter().collect::<BTreeSet<_>>(),
            known.map(str::to_owned).into()
        );
        assert_eq!((&line["verdict"], &line["object"]), (&"denied".into(), &"a\nb".into()));
        let file = fs::metadata(log.path()).expect("a file");
        assert_eq!(file.mode() & 0o777, 0o600, "only its owner reads it");
    }

    #[test]
    fn a_full_log_is_set_aside_and_no_line_of_many_writers_is_lost_or_torn() {
        const WRITERS: usize = 4;
        const EACH: usize = 40;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.jsonl");
        std::thread::scope(|scope| {
            for writer in 0..WRITERS {
                let path = &path;
                scope.spawn(move || {
                    // As another process would: a log of its own over the same file.
                    let log = AuditLog::at(path).full_at(12_000);
                    for number in 0..EACH {
                        log.write(&caller(), "exec", &format!("{writer}-{number}"), false, "docker.exec");
                    }
                });
            }
        });
        let files = ["", ".1", ".2", ".3"].map(|suffix| folder.path().join(format!("audit.jsonl{suffix}")));
        assert!(files[1].exists(), "it was set aside");
        let written: Vec<_> = files.iter().flat_map(|file| lines(file)).collect();
        let objects: BTreeSet<_> = written.iter().map(|line| line["object"].to_string()).collect();
        assert_eq!((written.len(), objects.len()), (WRITERS * EACH, WRITERS * EACH));
        for file in &files {
            assert!(fs::metadata(file).map_or(0, |file| file.len()) < 12_500);
        }
    }

    #[test]
    fn the_oldest_of_those_set_aside_goes() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = AuditLog::at(folder.path().join("audit.jsonl")).full_at(1);
        for number in 0..8 {
            log.write(&caller(), "exec", &number.to_string(), false, "docker.exec");
        }
        let mut names: Vec<_> = fs::read_dir(folder.path())
            .expect("a folder")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
            .collect();
        names.sort();
        assert_eq!(
            names,
            ["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2", "audit.jsonl.3"]
        );
        assert_eq!(lines(&folder.path().join("audit.jsonl.3"))[0]["object"], "4");
    }

    #[test]
    fn a_log_that_can_not_be_written_is_said_once_and_stops_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("file"), "").expect("written");
        let log = AuditLog::at(folder.path().join("file/audit.jsonl"));
        log.write(&caller(), "exec", "a", false, "docker.exec");
        assert!(log.has_warned.load(Ordering::Relaxed));
        log.write(&caller(), "exec", "b", false, "docker.exec");
    }

    #[test]
    fn the_users_own_lies_beside_the_journal_and_can_be_elsewhere_or_off() {
        let environment = Environment::new([("HOME", "/home/me")], "/");
        let path = |choice: &AuditChoice| AuditLog::chosen(choice, &environment).map(|log| log.path);
        assert_eq!(
            path(&AuditChoice::OfUser),
            Some("/home/me/.local/state/mngr-docker/audit.jsonl".into())
        );
        assert_eq!(path(&AuditChoice::File("/a".into())), Some("/a".into()));
        assert_eq!(path(&AuditChoice::Off), None);
        assert!(AuditLog::chosen(&AuditChoice::OfUser, &Environment::default()).is_none());
    }
}
