//! Agents as containers: labels, states, and what a reference means.

use serde_json::{Map, Value};

use crate::contract::mngr::provider::docker::{self, Container, ContainerFilter, ContainerStatus, ContainerSummary};
use crate::contract::mngr::provider::types::{Agent, AgentState, Ambiguous, Provider, ProviderError};
use crate::{Result, errors};

pub const PROVIDER: &str = "com.imbue.mngr.provider";
pub const ID: &str = "com.imbue.mngr.agent-id";
pub const TYPE: &str = "com.imbue.mngr.agent-type";
pub const TAGS: &str = "com.imbue.mngr.tags";
pub const PARENT: &str = "com.imbue.mngr.parent-id";
pub const CREATED: &str = "com.imbue.mngr.created-at";

/// Least characters of a prefix of an id.
const PREFIX: usize = 10;

type Labels = [(String, String)];

fn label<'a>(labels: &'a Labels, name: &str) -> Option<&'a str> {
    let found = labels.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
}

/// What the container of an agent is called. The engine lets a name be used once, so this is the lock of two that create one.
pub fn container_name(provider: &Provider, name: &str) -> String {
    format!("my-{}.{name}", provider.name)
}

fn name_of(provider: &Provider, container: &str) -> String {
    container
        .strip_prefix(&container_name(provider, ""))
        .unwrap_or(container)
        .to_owned()
}

fn tags_of(labels: &Labels) -> std::result::Result<Vec<(String, String)>, String> {
    let text = label(labels, TAGS).unwrap_or("{}");
    let tags: Map<String, Value> = serde_json::from_str(text).map_err(|error| format!("the label {TAGS}: {error}"))?;
    let tag = |(key, value): (String, Value)| Some((key, value.as_str()?.to_owned()));
    let mut tags: Vec<_> = tags.into_iter().filter_map(tag).collect();
    tags.sort();
    Ok(tags)
}

/// What a list and an inspect both know.
struct Seen<'a> {
    id: &'a str,
    name: &'a str,
    image: &'a str,
    image_id: &'a str,
    labels: &'a Labels,
    status: ContainerStatus,
    status_text: String,
    exit_code: Option<i64>,
}

fn agent(provider: &Provider, seen: Seen<'_>) -> Agent {
    let ended = matches!(seen.status, ContainerStatus::Exited | ContainerStatus::Dead);
    let exit_code = seen.exit_code.filter(|_| ended);
    let (state, mut reason) = match (seen.status, exit_code) {
        (ContainerStatus::Created, _) => (AgentState::Starting, None),
        (ContainerStatus::Running | ContainerStatus::Restarting, _) => (AgentState::Running, None),
        (ContainerStatus::Paused, _) => (AgentState::Paused, None),
        (ContainerStatus::Removing, _) => (AgentState::Stopping, None),
        (ContainerStatus::Exited, Some(0 | 137 | 143)) => (AgentState::Stopped, None),
        (ContainerStatus::Exited, code) => {
            let code = code.unwrap_or(-1);
            (
                AgentState::Crashed,
                Some(format!("its main command ended with exit status {code}")),
            )
        }
        (ContainerStatus::Dead, _) => (
            AgentState::Failed,
            Some("the engine could not remove its container".to_owned()),
        ),
    };
    let (tags, state) = match tags_of(seen.labels) {
        Ok(tags) => (tags, state),
        Err(fault) => {
            reason = Some(fault);
            (Vec::new(), AgentState::Unknown)
        }
    };
    let owned = |name: &str| label(seen.labels, name).map(str::to_owned);
    Agent {
        id: owned(ID).unwrap_or_default(),
        name: name_of(provider, seen.name),
        agent_type: owned(TYPE).unwrap_or_default(),
        state,
        state_reason: reason,
        status: seen.status_text,
        tags,
        parent_id: owned(PARENT),
        created_at: owned(CREATED),
        started_at: None,
        finished_at: None,
        exit_code,
        image: seen.image.to_owned(),
        image_id: seen.image_id.to_owned(),
        container_id: seen.id.to_owned(),
        container_name: seen.name.to_owned(),
        provider: provider.name.clone(),
        snapshot_id: None,
        gpus: Vec::new(),
        ports: Vec::new(),
    }
}

/// The agent of a container as inspect has it.
pub fn of_container(provider: &Provider, container: &Container) -> Agent {
    let state = &container.state;
    let seen = Seen {
        id: &container.id,
        name: &container.name,
        image: &container.image,
        image_id: &container.image_id,
        labels: &container.labels,
        status: state.status,
        status_text: format!("{:?}", state.status),
        exit_code: Some(state.exit_code),
    };
    Agent {
        started_at: state.started_at.clone(),
        finished_at: state.finished_at.clone(),
        ..agent(provider, seen)
    }
}

/// The exit status in `Exited (143) 5 minutes ago`.
fn exit_code(status: &str) -> Option<i64> {
    status.split(['(', ')']).nth(1)?.parse().ok()
}

fn of_summary(provider: &Provider, container: &ContainerSummary) -> Agent {
    let seen = Seen {
        id: &container.id,
        name: &container.name,
        image: &container.image,
        image_id: &container.image_id,
        labels: &container.labels,
        status: container.status,
        status_text: container.status_text.clone(),
        exit_code: exit_code(&container.status_text),
    };
    agent(provider, seen)
}

/// Every agent of this provider, by one call of the engine.
pub async fn all(provider: &Provider) -> Result<Vec<Agent>> {
    let labels = vec![ID.to_owned(), format!("{PROVIDER}={}", provider.name)];
    let containers = docker::container_list(ContainerFilter { all: true, labels }).await?;
    let mut agents: Vec<_> = containers
        .iter()
        .map(|container| of_summary(provider, container))
        .collect();
    agents.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(agents)
}

/// The container of the agent that a reference means: its name, its id, a unique prefix of that, or its container's id.
pub async fn container(provider: &Provider, reference: &str) -> Result<Container> {
    let agents = all(provider).await?;
    let rules: [&dyn Fn(&Agent) -> bool; 3] = [
        &|agent| agent.name == reference,
        &|agent| agent.id == reference || agent.container_id == reference,
        &|agent| reference.len() >= PREFIX && agent.id.starts_with(reference),
    ];
    for rule in rules {
        let fits: Vec<_> = agents.iter().filter(|agent| rule(agent)).collect();
        match fits[..] {
            [] => {}
            [one] => return docker::container_inspect(one.container_id.clone(), false).await,
            _ => {
                return Err(ProviderError::Ambiguous(Ambiguous {
                    given: errors::shown(reference),
                    candidates: fits
                        .iter()
                        .map(|agent| format!("{} ({})", agent.name, agent.id))
                        .collect(),
                    remedy: "give more of the id".to_owned(),
                }));
            }
        }
    }
    let nearest = agents.iter().min_by_key(|agent| distance(&agent.name, reference));
    let remedy = match nearest {
        Some(nearest) => format!("did you mean `{}`?", nearest.name),
        None => "create an agent first".to_owned(),
    };
    Err(errors::not_found(reference, remedy))
}

/// How many characters of two names are not in the other.
fn distance(a: &str, b: &str) -> usize {
    let lacks = |a: &str, b: &str| a.chars().filter(|c| !b.contains(*c)).count();
    lacks(a, b) + lacks(b, a) + a.len().abs_diff(b.len())
}

/// Refuses to run something in an agent that does not run.
pub fn check_runs(container: &Container) -> Result<()> {
    match container.state.status {
        ContainerStatus::Running => Ok(()),
        status => Err(errors::conflict(
            &container.name,
            &format!("{status:?}"),
            "start it first",
        )),
    }
}
