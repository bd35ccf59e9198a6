//! The user's proxies in a new agent and in its build, as `docker run` and `docker build` hand them on: what the user says of the same
//! variable wins.

use mngr_contract::Result;
use mngr_contract::backend::Argument;
use serde_json::Value;

use super::{AgentSource, NewAgent, Provider};

/// The plugin's setting with flags for every new agent.
const DEFAULTS: &str = "default_start_args";

impl Provider {
    /// Puts the proxies before the arguments, of which a later one wins. A plugin without such flags gets none.
    pub(super) async fn hand_on_proxies(&self, agent: &mut NewAgent) -> Result<()> {
        let variables = self.proxies.variables();
        if variables.is_empty() {
            return Ok(());
        }
        let known = self.plugin().describe().await?;
        let settings: Value = serde_json::from_str(&self.settings()).unwrap_or_default();
        let defaults = settings[DEFAULTS]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        let defaults: Vec<&str> = defaults.collect();
        if takes(&known.start_arguments, "--env") {
            // What the settings say comes before what is given here.
            let unsaid = variables
                .iter()
                .filter(|(name, _)| !defaults.iter().any(|word| is_about(word, name)));
            agent.start_args.splice(..0, flags("env", unsaid));
        }
        if let AgentSource::Build { args, .. } = &mut agent.from
            && takes(&known.build_arguments, "--build-arg")
        {
            // To BuildKit the two spellings are one variable, and which of two values counts is chance.
            let given: Vec<_> = args.iter().map(|word| word.to_lowercase()).collect();
            let unsaid = variables
                .iter()
                .filter(|(name, _)| !given.iter().any(|word| is_about(word, &name.to_lowercase())));
            args.splice(..0, flags("build-arg", unsaid));
        }
        Ok(())
    }
}

fn takes(flags: &[Argument], flag: &str) -> bool {
    flags.iter().any(|known| known.flag == flag)
}

fn flags<'a>(flag: &str, variables: impl Iterator<Item = &'a (String, String)>) -> Vec<String> {
    variables
        .map(|(name, value)| format!("--{flag}={name}={value}"))
        .collect()
}

/// Whether a word is, or holds behind a flag, a variable of that name.
fn is_about(word: &str, name: &str) -> bool {
    let before_value = word.split(name).next().unwrap_or_default();
    let rest = word.get(before_value.len() + name.len()..);
    let begins = before_value.is_empty() || ["-e", "-e=", "--env=", "--build-arg="].contains(&before_value);
    begins && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_told_by_its_whole_name_in_every_spelling() {
        for word in [
            "NO_PROXY",
            "NO_PROXY=",
            "--env=NO_PROXY=a",
            "-eNO_PROXY=a",
            "-e=NO_PROXY",
            "--build-arg=NO_PROXY=a",
        ] {
            assert!(is_about(word, "NO_PROXY"), "{word}");
        }
        for word in [
            "no_proxy=a",
            "MY_NO_PROXY=a",
            "--env=X=NO_PROXY=a",
            "NO_PROXY_TOO=a",
            "--memory=1g",
            "",
        ] {
            assert!(!is_about(word, "NO_PROXY"), "{word}");
        }
    }
}
