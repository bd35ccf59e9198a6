//! The entry of a call on disk: its lines, and what they say once its owner is dead.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use mngr_contract::log;

use mngr_engine::failpoint;
use serde::{Deserialize, Serialize};

use super::step::Step;

const VERSION: u32 = 1;
/// The room in a file, in bytes: for some two hundred calls.
pub(super) const ROOM: usize = 64 << 10;

/// What the kernel calls the time since this machine was started; empty where it has no name for it.
static BOOT: LazyLock<String> = LazyLock::new(|| {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    boot.trim().to_owned()
});

/// Who writes, and when.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Header {
    version: u32,
    /// For people; the lock is what counts.
    process: u32,
    started_at: String,
    /// What was written before this machine was last started may lack its end.
    boot: String,
}

/// The call before this line has come to its end.
#[derive(Debug, Serialize)]
struct End {
    end: bool,
}

/// A call that has begun and not ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Open {
    /// When it began, RFC 3339.
    pub started_at: String,
    /// What it was about to do.
    pub steps: Vec<Step>,
    /// Its end would have been seen.
    pub is_of_this_boot: bool,
}

/// The call that has not ended. None where all have, and where its first step was never finished, so that nothing was done.
pub(super) fn parse(text: &str) -> Result<Option<Open>, String> {
    let written = text.split('\0').next().unwrap_or_default();
    // What follows the last line's end was never finished.
    let whole = written.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let mut open: Option<Open> = None;
    for (at, line) in whole.lines().enumerate() {
        let bad = |error: serde_json::Error| format!("line {}: {error}", at + 1);
        let value: serde_json::Value = serde_json::from_str(line).map_err(bad)?;
        match &mut open {
            Some(_) if value.get("end").is_some() => open = None,
            Some(open) => open.steps.push(serde_json::from_value(value).map_err(bad)?),
            None => {
                let header: Header = serde_json::from_value(value).map_err(bad)?;
                if header.version != VERSION {
                    return Err(format!("it is of version {}, and {VERSION} is known", header.version));
                }
                open = Some(Open {
                    started_at: header.started_at,
                    steps: Vec::new(),
                    is_of_this_boot: header.boot == *BOOT,
                });
            }
        }
    }
    Ok(open.filter(|open| !open.steps.is_empty()))
}

fn line(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

/// Whether a file that is held is still the one of that name.
pub(super) fn is_same(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(held), Ok(named)) => (held.dev(), held.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

/// The file that one call at a time is written down in, locked.
#[derive(Debug)]
pub(super) struct JournalEntry {
    file: File,
    path: PathBuf,
    /// Where the next line goes.
    end: u64,
    /// The disk knows of the file's name.
    is_named: bool,
}

impl JournalEntry {
    /// A file that nothing was written to.
    pub fn new(file: File, path: PathBuf) -> Self {
        Self {
            file,
            path,
            end: 0,
            is_named: false,
        }
    }

    /// Its name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Begins a call with its first step. A new file gets the room for later ones.
    pub fn begin(&mut self, first: &Step) -> io::Result<()> {
        let header = Header {
            version: VERSION,
            process: std::process::id(),
            started_at: format!("{:.3}", jiff::Timestamp::now()),
            boot: BOOT.clone(),
        };
        let mut lines = [line(&header)?, line(first)?].concat();
        let end = self.end + lines.len() as u64;
        if self.end == 0 {
            lines.resize(ROOM.max(lines.len()), 0);
        }
        self.put(&lines)?;
        self.end = end;
        self.keep(first)
    }

    /// Adds a step.
    pub fn add(&mut self, step: &Step) -> io::Result<()> {
        failpoint::pass("journal.step.before")?;
        self.put(&line(step)?)?;
        self.keep(step)?;
        failpoint::pass("journal.step.after")
    }

    /// Ends the call, and says whether there is room for others. The disk may learn of it later: every process sees it at once, and
    /// what only the disk remembers is of an earlier boot.
    pub fn end(&mut self) -> io::Result<bool> {
        failpoint::pass("journal.end.before")?;
        self.put(&line(&End { end: true })?)?;
        failpoint::pass("journal.end.after")?;
        Ok(self.end < ROOM as u64 / 2)
    }

    /// Takes the file away.
    pub fn remove(self) {
        if let Err(error) = fs::remove_file(&self.path) {
            log!(DEBUG, "a journal entry is not removed", file = self.path, error = error);
        }
    }

    fn put(&mut self, lines: &[u8]) -> io::Result<()> {
        self.file.write_all_at(lines, self.end)?;
        self.end += lines.len() as u64;
        Ok(())
    }

    /// What was written outlives this process. It outlives the kernel as well when this returns, if that is of any use for the
    /// step written last.
    fn keep(&mut self, last: &Step) -> io::Result<()> {
        if last.is_forgotten_at_boot() {
            return Ok(());
        }
        self.file.sync_data()?;
        if !self.is_named {
            failpoint::pass("journal.named")?;
            let directory = self.path.parent().unwrap_or(Path::new("."));
            File::open(directory)?.sync_all()?;
            self.is_named = true;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_boot(boot: &str) -> Open {
        let step = r#"{"step":"create","name":"a","agent-id":"agent-1"}"#;
        let header = format!(r#"{{"version":1,"process":1,"started-at":"2026-01-02T03:04:05Z","boot":"{boot}"}}"#);
        let text = format!("{header}\n{step}\n");
        parse(&text).expect("valid").expect("a call")
    }

    #[test]
    fn a_call_of_an_earlier_boot_is_told_from_one_of_this() {
        assert!(!of_boot("another").is_of_this_boot);
        assert!(of_boot(&BOOT).is_of_this_boot);
    }

    #[test]
    fn only_what_is_between_the_last_begin_and_no_end_is_open() {
        let begin = r#"{"version":1,"process":1,"started-at":"2026-01-02T03:04:05Z","boot":""}"#;
        let step = r#"{"step":"pause","container":"c"}"#;
        let end = r#"{"end":true}"#;
        for (lines, open) in [
            (vec![begin, step, end], 0),
            (vec![begin, step, end, begin], 0),
            (vec![begin, step, end, begin, step, step], 2),
        ] {
            let text = lines.join("\n") + "\n\0\0\0";
            let found = parse(&text).expect("valid").map_or(0, |open| open.steps.len());
            assert_eq!(found, open, "{lines:?}");
        }
        assert!(
            parse(&format!("{begin}\nnonsense\n"))
                .expect_err("damaged")
                .starts_with("line 2")
        );
        assert!(parse(&begin.replace("1,\"p", "2,\"p")).expect("no line").is_none());
        let newer = begin.replace("\"version\":1", "\"version\":2") + "\n";
        assert!(parse(&newer).expect_err("not known").contains("version 2"));
    }
}
