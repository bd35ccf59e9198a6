//! Shell completions.

use clap::Args;
use clap_complete::env::Shells;

use super::exit::Exit;
use super::failure::Outcome;
use super::output::raw;

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
        raw::document(&script)?;
        Ok(Exit::OK)
    }
}
