//! `fork`.

use clap::Args;
use mngr_host_shim::arguments;
use mngr_host_shim::contract::instance::ForkRequest;
use mngr_host_shim::json::{AgentJson, state_name};

use super::arguments::{agent_names, pair};
use super::context::Context;
use super::exit::Exit;
use super::failure::Outcome;
use super::findings;
use super::output::shown;
use super::run_flags::{RunFlags, warned};

/// Make agents from an agent as it is, or from a snapshot of it; all or none
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mngr-docker fork a1 a2
  mngr-docker fork a1 try --count 4 -e MODE=try --memory 1g
  mngr-docker fork a1 old-way new-way --snapshot before-upgrade")]
pub struct Fork {
    /// Id, unique prefix of one, or name
    #[arg(add = agent_names())]
    agent: String,
    /// Names of the new agents
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// That many agents: NAME-1, NAME-2, …
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    count: Option<u32>,
    /// From this snapshot of the agent: an id, a unique prefix of one, or a name
    #[arg(long, value_name = "ID")]
    snapshot: Option<String>,
    /// Tag of the new agents, over those of the agent; may be repeated
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = pair)]
    tags: Vec<(String, String)>,
    #[command(flatten)]
    flags: RunFlags,
    /// Go through although a snapshot of the agent would lose data
    #[arg(long)]
    force: bool,
    /// Give each of them the agent's own volumes and tmpfs as well, in volumes of its own
    #[arg(long, conflicts_with = "snapshot")]
    include_volumes: bool,
}

impl Fork {
    /// Makes the agents.
    pub async fn run(self, context: &Context) -> Outcome {
        let spinner = context.spinner(shown!("forking {}", &self.agent));
        let provider = context.provider(&spinner).await?;
        let start_args = match self.flags.given() {
            [] => Vec::new(),
            given => {
                let known = provider.plugin().describe().await?.start_arguments;
                warned(
                    context,
                    "-s",
                    arguments::start_args(given, &known, &context.environment)?,
                )
            }
        };
        let request = ForkRequest {
            names: names(self.names, self.count),
            snapshot: self.snapshot,
            tags: self.tags,
            start_args,
            force: self.force,
            include_volumes: self.include_volumes,
        };
        if self.include_volumes {
            findings::announce(context, &spinner, &provider, &self.agent).await;
        }
        let forked = provider.fork(&self.agent, request).await;
        let agents = forked.map_err(|error| context.failure(error))?;
        drop(spinner);
        let snapshot = agents.first().and_then(|agent| agent.snapshot_id.as_deref());
        findings::repeat(context, &provider, snapshot).await;
        if context.output.json {
            let agents: Vec<_> = agents.iter().map(AgentJson::from).collect();
            context.output.value(&agents)?;
        } else {
            for agent in &agents {
                let state = state_name(agent.state);
                context
                    .output
                    .line(shown!("{} is {} ({})", &agent.name, state, &agent.id))?;
            }
        }
        Ok(Exit::OK)
    }
}

fn names(given: Vec<String>, count: Option<u32>) -> Vec<String> {
    match count {
        None => given,
        Some(count) => given
            .iter()
            .flat_map(|name| (1..=count).map(move |number| format!("{name}-{number}")))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_numbers_the_names() {
        assert_eq!(names(vec!["try".to_owned()], Some(3)), ["try-1", "try-2", "try-3"]);
        assert_eq!(names(vec!["a".to_owned(), "b".to_owned()], None), ["a", "b"]);
    }
}
