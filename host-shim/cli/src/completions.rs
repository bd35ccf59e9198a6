//! Shell completions.

use std::io::Write;

use clap::Args;
use clap_complete::env::Shells;

use super::exit::Exit;
use super::failure::Outcome;

/// Print a script that completes commands, flags and agents' names in a shell
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  source <(mngr-docker completions bash)
  mngr-docker completions fish > ~/.config/fish/completions/mngr-docker.fish")]
pub struct Completions {
    /// Which shell
    #[arg(value_parser = ["bash", "elvish", "fish", "powershell", "zsh"])]
    shell: String,
}

impl Completions {
    /// Prints the script.
    pub fn run(self) -> Outcome {
        let name = env!("CARGO_BIN_NAME");
        let mut script = Vec::new();
        if let Some(shell) = Shells::builtins().completer(&self.shell) {
            shell.write_registration("COMPLETE", name, name, name, &mut script)?;
        }
        std::io::stdout().lock().write_all(&script)?;
        Ok(Exit::OK)
    }
}
