//! `show`.

use clap::Args;
use jiff::Timestamp;
use mngr_host_shim::contract::types::Agent;
use mngr_host_shim::json::AgentJson;
use mngr_host_shim::provider::Provider;

use super::arguments::agent_names;
use super::context::Context;
use super::exit::Exit;
use super::failure::Outcome;
use super::list::state_cell;
use super::output::{Shown, Table, shown};
use super::units::age;

/// Show all that is known of an agent
#[derive(Debug, Args)]
pub struct Show {
    /// Id, unique prefix of one, or name
    #[arg(add = agent_names())]
    agent: String,
}

impl Show {
    /// Shows it.
    pub async fn run(self, context: &Context) -> Outcome {
        let get = async |provider: &Provider| provider.get(&self.agent).await;
        let agent = context.call("asking the engine", get).await?;
        match context.output.json {
            true => context.output.value(&AgentJson::from(&agent))?,
            false => context.output.table(table(&agent, Timestamp::now()))?,
        }
        Ok(Exit::OK)
    }
}

fn table(agent: &Agent, now: Timestamp) -> Table {
    let time = |at: &Option<String>| at.as_deref().map(|at| shown!("{} ({})", at, age(at, now)));
    let tags = agent.tags.iter().map(|(name, value)| shown!("{}={}", name, value));
    let mut table = Table::default();
    table.field("Name", Some(&agent.name));
    table.field("Id", Some(&agent.id));
    table.field("State", Some(state_cell(agent)));
    table.field("Status", Some(&agent.status));
    table.field("Type", Some(&agent.agent_type));
    table.field("Tags", (!agent.tags.is_empty()).then(|| Shown::join(tags, ", ")));
    table.field("Parent", agent.parent_id.as_ref());
    table.field("Created", time(&agent.created_at));
    table.field("Started", time(&agent.started_at));
    table.field("Ended", time(&agent.finished_at));
    table.field("Exit status", agent.exit_code);
    table.field("Image", Some(&agent.image));
    table.field("Image id", Some(&agent.image_id));
    table.field("Snapshot", agent.snapshot_id.as_ref());
    table.field(
        "Container",
        Some(shown!("{} ({})", &agent.container_name, &agent.container_id)),
    );
    table.field("Provider", Some(&agent.provider));
    table.field("GPUs", (!agent.gpus.is_empty()).then(|| Shown::join(&agent.gpus, ", ")));
    table
}

#[cfg(test)]
mod tests {
    use mngr_host_shim::contract::types::AgentState;

    use super::*;
    use crate::list::tests::agent;

    #[test]
    fn what_is_absent_has_no_line() {
        let now = "2026-01-31T12:00:00Z".parse().expect("a time");
        let text = table(&agent("a", AgentState::Running), now).render().expect("text");
        insta::assert_snapshot!(text.plain(), @r#"
        Name        a
        Id          agent-0000000000000000000000000000000a
        State       running
        Status      Up 5 minutes
        Type        generic
        Tags        project=x
        Created     2026-01-31T11:55:00Z (5 minutes ago)
        Image       debian:12
        Image id    sha256:feed
        Container   mngr-docker-a (0123456789abcdef)
        Provider    docker
        "#);
    }
}
