//! `list`. What asks several providers has a file of its own: [`super::list_all`].

use clap::Args;
use jiff::Timestamp;
use mngr_host_shim::contract::instance::DiscoverRequest;
use mngr_host_shim::contract::types::{Agent, AgentState};
use mngr_host_shim::json::{AgentJson, Written, state_name, written};
use mngr_host_shim::provider::Provider;

use super::arguments::{pair, state};
use super::context::Context;
use super::exit::Exit;
use super::failure::Outcome;
use super::list_all;
use super::output::{Shown, Table, cells, shown, style};
use super::progress::Spinner;
use super::units::{age, short_id};
use super::watch::Watcher;

/// List the provider's agents, stopped ones too
#[derive(Debug, Args)]
#[command(
    visible_alias = "ls",
    after_help = "Examples:
  mngr-docker list --tag project=x --state running
  mngr-docker list --watch
  mngr-docker list --all-providers
  mngr-docker list --json | jq -r '.[].id'"
)]
pub struct List {
    /// Only agents with this tag; may be repeated, all must match
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = pair)]
    tags: Vec<(String, String)>,
    /// Only agents in this state; may be repeated
    #[arg(long = "state", value_name = "STATE", value_parser = state)]
    states: Vec<AgentState>,
    /// Go on, and list again whenever something happens to an agent; Ctrl-C ends it
    #[arg(long, short)]
    watch: bool,
    /// Ask every enabled provider of the configuration at once; one that does not answer is named on stderr
    #[arg(long, short, conflicts_with = "provider")]
    all_providers: bool,
}

impl List {
    /// Lists them.
    pub async fn run(self, context: &Context) -> Outcome {
        let spinner = context.spinner("listing agents");
        let filtered = !self.tags.is_empty() || !self.states.is_empty();
        let request = DiscoverRequest {
            tags: self.tags,
            states: self.states,
        };
        if self.all_providers {
            return match self.watch {
                true => list_all::watch(context, spinner, &request).await,
                false => list_all::list(context, spinner, &request).await,
            };
        }
        let provider = context.provider(&spinner).await?;
        if self.watch {
            return watched(context, provider, spinner, request).await;
        }
        let agents = provider
            .discover(request)
            .await
            .map_err(|error| context.failure(error))?;
        drop(spinner);
        if context.output.json {
            let agents: Vec<_> = agents.iter().map(AgentJson::from).collect();
            context.output.value(&agents)?;
        } else if !agents.is_empty() {
            context.output.table(table(&agents, Columns::OfOne, Timestamp::now()))?;
        } else if filtered {
            context.output.note("No agent fits.");
        } else {
            let name = provider.name();
            let engine = provider.engine().endpoint();
            context.output.note(shown!(
                "The provider {} has no agents on {}. Make one: mngr-docker create NAME",
                name,
                engine
            ));
        }
        Ok(Exit::OK)
    }
}

/// The list now and after every change. A break in the connection is bridged by a new list.
async fn watched(context: &Context, provider: Provider, spinner: Spinner, request: DiscoverRequest) -> Outcome {
    let mut watcher = Watcher::new(context, &provider);
    let mut spinner = Some(spinner);
    let mut last = None;
    loop {
        watcher.mark_start().await?;
        let agents = match provider.discover(request.clone()).await {
            Ok(agents) => agents,
            Err(error) => {
                watcher.broken(error).await?;
                continue;
            }
        };
        drop(spinner.take());
        if context.output.json {
            let list = written(&agents.iter().map(AgentJson::from).collect::<Vec<_>>())?;
            if last.as_ref().map(|last: &Written| last.get()) != Some(list.get()) {
                context.output.value(&list)?;
                last = Some(list);
            }
        } else {
            context
                .output
                .redraw(table(&agents, Columns::OfOne, Timestamp::now()))?;
        }
        watcher.next().await?;
    }
}

/// Whose agents a table shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Columns {
    /// Those of one provider.
    OfOne,
    /// Those of several, with a column that says whose each is.
    OfSeveral,
}

/// One row an agent.
pub fn table(agents: &[Agent], columns: Columns, now: Timestamp) -> Table {
    let shown = match columns {
        Columns::OfOne => 1..,
        Columns::OfSeveral => 0..,
    };
    let mut table = Table::with_header(&["PROVIDER", "NAME", "STATE", "TYPE", "CREATED", "IMAGE", "ID"][shown.clone()]);
    for agent in agents {
        let cells = cells![
            &agent.provider,
            &agent.name,
            state_cell(agent),
            &agent.agent_type,
            Shown::or_dash(agent.created_at.as_deref().map(|at| age(at, now))),
            image_cell(&agent.image),
            short_id(&agent.id),
        ];
        table.row(&cells[shown.clone()]);
    }
    table
}

/// The state in its colour, with why where that is not obvious, and since when where it has ended.
pub fn state_cell(agent: &Agent) -> Shown {
    let mut cell = style::state(agent.state).on(state_name(agent.state));
    match (&agent.state_reason, agent.exit_code) {
        (Some(reason), _) => cell.push(shown!(" ({})", reason)),
        (None, Some(status @ 1..)) => cell.push(shown!(" ({})", status)),
        _ => {}
    }
    if let Some(ago) = ended(&agent.status) {
        cell.push(shown!(" {}", ago));
    }
    cell
}

/// The time in `Exited (143) 5 minutes ago`.
fn ended(status: &str) -> Option<&str> {
    let (_, ago) = status.strip_prefix("Exited (")?.split_once(") ")?;
    Some(ago)
}

/// An image's reference; an id is cut short.
fn image_cell(image: &str) -> &str {
    match image.starts_with("sha256:") {
        true => short_id(image),
        false => image,
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// An agent with nothing unusual about it.
    pub fn agent(name: &str, state: AgentState) -> Agent {
        Agent {
            id: format!("agent-{name:0>32}"),
            name: name.to_owned(),
            agent_type: "generic".to_owned(),
            state,
            state_reason: None,
            status: "Up 5 minutes".to_owned(),
            tags: vec![("project".to_owned(), "x".to_owned())],
            parent_id: None,
            created_at: Some("2026-01-31T11:55:00Z".to_owned()),
            started_at: None,
            finished_at: None,
            exit_code: None,
            image: "debian:12".to_owned(),
            image_id: "sha256:feed".to_owned(),
            container_id: "0123456789abcdef".to_owned(),
            container_name: format!("mngr-docker-{name}"),
            provider: "docker".to_owned(),
            snapshot_id: None,
            gpus: Vec::new(),
            ports: Vec::new(),
        }
    }

    #[test]
    fn the_table_says_why_an_agent_does_not_run() {
        let stopped = Agent {
            exit_code: Some(143),
            status: "Exited (143) 2 hours ago".to_owned(),
            ..agent("b", AgentState::Stopped)
        };
        let crashed = Agent {
            exit_code: Some(137),
            state_reason: Some("out of memory".to_owned()),
            ..agent("long-name", AgentState::Crashed)
        };
        let unknown = Agent {
            created_at: None,
            image: "sha256:0123456789abcdef".to_owned(),
            state_reason: Some("label\u{7} tags is no JSON".to_owned()),
            ..agent("d", AgentState::Unknown)
        };
        let agents = [agent("a", AgentState::Running), stopped, crashed, unknown];
        let now = "2026-01-31T12:00:00Z".parse().expect("a time");
        let text = table(&agents, Columns::OfOne, now).render().expect("text");
        insta::assert_snapshot!(text.plain(), @r#"
        NAME        STATE                                  TYPE      CREATED         IMAGE          ID
        a           running                                generic   5 minutes ago   debian:12      agent-000000000000
        b           stopped (143) 2 hours ago              generic   5 minutes ago   debian:12      agent-000000000000
        long-name   crashed (out of memory)                generic   5 minutes ago   debian:12      agent-000000000000
        d           unknown (label\u{7} tags is no JSON)   generic   -               0123456789ab   agent-000000000000
        "#);
    }

    #[test]
    fn json_has_the_contracts_names_and_nulls_for_what_is_absent() {
        insta::assert_json_snapshot!(AgentJson::from(&agent("a", AgentState::Running)), @r#"
        {
          "id": "agent-0000000000000000000000000000000a",
          "name": "a",
          "type": "generic",
          "state": "running",
          "state_reason": null,
          "status": "Up 5 minutes",
          "tags": {
            "project": "x"
          },
          "parent_id": null,
          "created_at": "2026-01-31T11:55:00Z",
          "started_at": null,
          "finished_at": null,
          "exit_code": null,
          "image": "debian:12",
          "image_id": "sha256:feed",
          "container_id": "0123456789abcdef",
          "container_name": "mngr-docker-a",
          "provider": "docker",
          "snapshot_id": null,
          "gpus": [],
          "ports": []
        }
        "#);
    }
}
