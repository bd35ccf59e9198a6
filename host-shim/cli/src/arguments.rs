//! Values of arguments that more than one subcommand takes.

use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use mngr_docker_grammar::values;
use mngr_host_shim::contract::types::AgentState;
use mngr_host_shim::json::STATES;

use super::names;

/// `KEY=VALUE`; the value may be empty and may hold more `=`.
pub fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = values::pair(text).ok_or("write it as KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// A state by its name.
pub fn state(text: &str) -> Result<AgentState, String> {
    let found = STATES.iter().find(|(_, name)| *name == text).map(|(state, _)| *state);
    found.ok_or_else(|| format!("the states are {}", STATES.map(|(_, name)| name).join(", ")))
}

/// Completes the names of agents that are there.
pub fn agent_names() -> ArgValueCandidates {
    ArgValueCandidates::new(|| names::names().into_iter().map(CompletionCandidate::new).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_splits_at_its_first_equals_sign() {
        assert_eq!(pair("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert_eq!(pair("a="), Ok(("a".into(), String::new())));
        assert!(pair("=b").is_err());
        assert!(pair("a").is_err());
    }

    #[test]
    fn a_wrong_state_is_told_the_right_ones() {
        assert_eq!(state("running"), Ok(AgentState::Running));
        assert!(state("runing").expect_err("no such state").contains("running"));
    }
}
