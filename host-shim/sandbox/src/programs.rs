//! Programs on the machine that the sandbox engine would run on: those whose answer a test has given, and `realpath` of a
//! machine that has no links.

use mngr_contract::Result;
use mngr_contract::paths::plain;
use mngr_contract::ssh::{Command, CommandOutput};
use mngr_engine::machine;

use super::{SandboxEngine, locked};

impl SandboxEngine {
    pub(super) async fn machine_run(&self, command: Command) -> Result<CommandOutput> {
        let stdout = self.answer(&command.argv).ok_or_else(|| machine::no_way("sandbox"))?;
        Ok(CommandOutput {
            exit_status: 0,
            stdout,
            stderr: Vec::new(),
            truncated: false,
        })
    }

    fn answer(&self, argv: &[String]) -> Option<Vec<u8>> {
        let answers = locked(&self.inner.answers);
        let found = answers.iter().rev().find(|(words, _)| argv.starts_with(words));
        let planned = found.map(|(_, stdout)| stdout.clone().into_bytes());
        planned.or_else(|| leads_to(argv))
    }
}

fn leads_to(argv: &[String]) -> Option<Vec<u8>> {
    let (program, words) = argv.split_first()?;
    let paths = words.iter().skip_while(|word| *word != "--").skip(1);
    let answer = || {
        paths
            .flat_map(|path| [plain(path), "\0".to_owned()])
            .collect::<String>()
    };
    (program == "realpath").then(|| answer().into_bytes())
}
