//! Values of arguments that more than one subcommand takes.

use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use mngr_docker_grammar::values;
use mngr_host_shim::contract::instance::DiscoverRequest;
use mngr_host_shim::contract::types::AgentState;
use mngr_host_shim::json::STATES;

use super::context::{Context, Global};

/// How long a shell waits for names.
const COMPLETION_DEADLINE: std::time::Duration = std::time::Duration::from_secs(2);

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
    ArgValueCandidates::new(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return Vec::new() };
        let names = runtime.block_on(async {
            let discovery = async {
                let context = Context::new(Global {
                    json: true,
                    ..Global::default()
                })
                .ok()?;
                let provider = context.provider(&context.spinner("")).await.ok()?;
                let everything = DiscoverRequest {
                    tags: Vec::new(),
                    states: Vec::new(),
                };
                provider.discover(everything).await.ok()
            };
            tokio::time::timeout(COMPLETION_DEADLINE, discovery)
                .await
                .ok()
                .flatten()
        });
        runtime.shutdown_background();
        names
            .into_iter()
            .flatten()
            .map(|agent| CompletionCandidate::new(agent.name))
            .collect()
    })
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
