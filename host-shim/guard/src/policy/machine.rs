//! Programs that may be run on the engine's machine.

use mngr_contract::Result;

use super::{Policy, Rule};

/// Options with which a program that only looks reads a file of somebody's choice, by their beginnings: long ones may be cut
/// short.
const READERS: [(&str, &[&str]); 2] = [("du", &["--f", "--exclude-", "-X"]), ("findmnt", &["--tab", "-F"])];

impl Policy {
    /// Whether a command may be run on the engine's machine.
    ///
    /// # Errors
    /// `denied` for a program that is not named, and for an option with which a named one reads files.
    pub fn command(&self, argv: &[String]) -> Result<()> {
        let program = argv.first().map(String::as_str).unwrap_or_default();
        let what = format!("to run `{program}` on the engine's machine");
        self.may_name(Rule::SshExec, &[program], &what)?;
        let readers = READERS.iter().filter(|(reader, _)| *reader == program);
        let mut options = argv.iter().skip(1).take_while(|word| *word != "--");
        let reads = |word: &String| {
            readers
                .clone()
                .flat_map(|(_, beginnings)| beginnings.iter())
                .any(|beginning| word.starts_with(beginning) || in_cluster(word, beginning))
        };
        match options.find(|word| reads(word)) {
            Some(word) if !self.among(Rule::SshExec).any => {
                let option = word.split('=').next().unwrap_or_default();
                self.may_name(
                    Rule::SshExec,
                    &[],
                    &format!("`{program} {option}` on the engine's machine, which reads a file"),
                )
            }
            _ => Ok(()),
        }
    }
}

/// Whether a word such as `-aX` has that short option among its letters.
fn in_cluster(word: &str, option: &str) -> bool {
    let letter = option.strip_prefix('-').filter(|letter| letter.len() == 1);
    let cluster = word.strip_prefix('-').filter(|cluster| !cluster.starts_with('-'));
    matches!((letter, cluster), (Some(letter), Some(cluster)) if cluster.contains(letter))
}
