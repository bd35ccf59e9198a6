//! An agent: its names and ids, and the state that the engine's words mean.

use crate::Result;
use crate::contract::docker::{Container, ContainerState, ContainerStatus, ContainerSummary};
use crate::contract::types::{Agent, AgentState, DeviceRequest};
use crate::error::invalid;
use crate::grant::{self, Held};
use crate::labels::{self, Pair};

/// What every agent's id begins with.
pub const ID_PREFIX: &str = "agent-";
/// Hexadecimal digits of an id.
const ID_DIGITS: usize = 32;
const MAX_NAME: usize = 63;
const MAX_PROVIDER_NAME: usize = 40;

/// What an agent may be called.
///
/// # Errors
/// `invalid-argument` for `field`, saying what is wrong with the value and what would be right.
pub fn check_name(field: &str, name: &str) -> Result<()> {
    let remedy = format!(
        "use 1 to {MAX_NAME} of the characters a-z A-Z 0-9 _ . - with a letter or digit first, for example `worker-1`"
    );
    let reason = match name.chars().count() {
        0 => "it is empty".to_owned(),
        length if length > MAX_NAME => format!("it has {length} characters"),
        _ => match name.chars().enumerate().find(|(at, c)| !may_stand(*c, *at == 0)) {
            Some((0, first)) => format!("it begins with {first:?}"),
            Some((_, other)) => format!("it holds {other:?}"),
            None if is_id(name) => "it looks like the id of an agent".to_owned(),
            None => return Ok(()),
        },
    };
    Err(invalid(field, name, reason, remedy))
}

fn may_stand(character: char, first: bool) -> bool {
    character.is_ascii_alphanumeric() || (!first && matches!(character, '_' | '.' | '-'))
}

/// What a provider may be called. It holds no dot, because the first one ends it in a container's name.
///
/// # Errors
/// `invalid-argument` for the field `provider`.
pub fn check_provider_name(name: &str) -> Result<()> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let fits = (1..=MAX_PROVIDER_NAME).contains(&name.len())
        && name.bytes().all(|byte| plain(byte) || matches!(byte, b'_' | b'-'))
        && plain(name.as_bytes()[0]);
    if fits {
        return Ok(());
    }
    let remedy = format!(
        "use 1 to {MAX_PROVIDER_NAME} of the characters a-z 0-9 _ - with a letter or digit first, for example `docker-2`"
    );
    Err(invalid(
        "provider",
        name,
        "it can not be part of a container's name",
        remedy,
    ))
}

/// Whether it is written like an agent's id.
pub fn is_id(text: &str) -> bool {
    text.strip_prefix(ID_PREFIX).is_some_and(|digits| {
        digits.len() == ID_DIGITS && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

/// The container of the agent of that name. Container names are unique on an engine, so this is the lock of a create.
pub fn container_name(prefix: &str, provider: &str, name: &str) -> String {
    format!("{prefix}{provider}.{name}")
}

/// The agent's name by its container's, whatever that begins with; none where someone has renamed the container to something
/// else.
pub fn living_name<'a>(provider: &str, container_name: &'a str) -> Option<&'a str> {
    let (named, name) = container_name.split_once('.')?;
    let prefix = named.strip_suffix(provider)?;
    let is_apart = !prefix.ends_with(|c: char| c.is_ascii_alphanumeric());
    Some(name).filter(|name| is_apart && !name.is_empty())
}

/// The agent's name, even where its labels are broken.
pub fn name_of<'a>(provider: &str, container_name: &'a str, labels: &'a [Pair]) -> &'a str {
    living_name(provider, container_name)
        .or_else(|| labels::value(labels, labels::AGENT_NAME))
        .unwrap_or(container_name)
}

/// A state, and why where that is not obvious.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The state.
    pub state: AgentState,
    /// Why.
    pub reason: Option<String>,
    /// Exit status of PID 1 where it has ended.
    pub exit_code: Option<i64>,
}

impl Condition {
    fn of(state: AgentState) -> Self {
        Self {
            state,
            reason: None,
            exit_code: None,
        }
    }

    fn failed(reason: &str) -> Self {
        Self {
            reason: Some(reason.to_owned()),
            ..Self::of(AgentState::Failed)
        }
    }

    /// PID 1 has ended. 137 and 143 are how a process ends that was told to stop.
    fn exited(exit_code: i64) -> Self {
        let (state, reason) = match exit_code {
            0 | 137 | 143 => (AgentState::Stopped, None),
            // With an init as PID 1, a command that is not there is found out after the start.
            126 => (
                AgentState::Crashed,
                Some("exit code 126: its command can not be run".to_owned()),
            ),
            127 => (
                AgentState::Crashed,
                Some("exit code 127: its command is not there".to_owned()),
            ),
            other => (AgentState::Crashed, Some(format!("exit code {other}"))),
        };
        Self {
            state,
            reason,
            exit_code: Some(exit_code),
        }
    }

    /// By what the list call knows: the status, and the exit code in its text.
    pub fn of_summary(status: ContainerStatus, status_text: &str) -> Self {
        match status {
            ContainerStatus::Created | ContainerStatus::Restarting => Self::of(AgentState::Starting),
            ContainerStatus::Running => Self::of(AgentState::Running),
            ContainerStatus::Paused => Self::of(AgentState::Paused),
            ContainerStatus::Removing => Self::of(AgentState::Stopping),
            ContainerStatus::Dead => Self::failed("the engine could not remove the container and left it dead"),
            ContainerStatus::Exited => {
                exit_code(status_text).map_or_else(|| Self::of(AgentState::Stopped), Self::exited)
            }
        }
    }

    /// By what inspect knows.
    pub fn of_state(state: &ContainerState) -> Self {
        match state.status {
            ContainerStatus::Created | ContainerStatus::Exited if !state.error.is_empty() => {
                let exit_code = (state.status == ContainerStatus::Exited).then_some(state.exit_code);
                Self {
                    exit_code,
                    ..Self::failed(&state.error)
                }
            }
            ContainerStatus::Exited if state.oom_killed => Self {
                state: AgentState::Crashed,
                reason: Some("it ran out of memory and the kernel killed it".to_owned()),
                exit_code: Some(state.exit_code),
            },
            ContainerStatus::Exited => Self::exited(state.exit_code),
            ContainerStatus::Dead if !state.error.is_empty() => Self::failed(&state.error),
            status => Self::of_summary(status, ""),
        }
    }
}

/// The code in `Exited (143) 5 minutes ago`.
fn exit_code(status_text: &str) -> Option<i64> {
    status_text.split_once('(')?.1.split_once(')')?.0.parse().ok()
}

/// A state as people and `--json` have it.
pub fn state_name(state: AgentState) -> &'static str {
    match state {
        AgentState::Building => "building",
        AgentState::Starting => "starting",
        AgentState::Running => "running",
        AgentState::Stopping => "stopping",
        AgentState::Stopped => "stopped",
        AgentState::Paused => "paused",
        AgentState::Crashed => "crashed",
        AgentState::Failed => "failed",
        AgentState::Destroyed => "destroyed",
        AgentState::Unknown => "unknown",
    }
}

/// The agent that a listed container is.
pub fn of_summary(provider: &str, container: ContainerSummary) -> Agent {
    let condition = Condition::of_summary(container.status, &container.status_text);
    Agent {
        status: container.status_text,
        ports: container.ports,
        image: container.image,
        image_id: container.image_id,
        container_id: container.id,
        ..identified(provider, container.name, &container.labels, condition)
    }
}

/// The agent that an inspected container is, with what only inspect knows.
pub fn of_container(provider: &str, container: &Container) -> Agent {
    let state = &container.state;
    let condition = Condition::of_state(state);
    let ended = condition.exit_code.is_some();
    Agent {
        status: status_text(state),
        started_at: state.started_at.clone(),
        finished_at: state.finished_at.clone().filter(|_| ended),
        image: container.image.clone(),
        image_id: container.image_id.clone(),
        container_id: container.id.clone(),
        gpus: match grant::of_labels(&container.labels) {
            Some(grant) if !grant.devices.is_empty() => grant.devices.iter().map(Held::id).collect(),
            _ => container.limits.gpus.iter().flat_map(devices).collect(),
        },
        ports: container.ports.clone(),
        ..identified(provider, container.name.clone(), &container.labels, condition)
    }
}

fn status_text(state: &ContainerState) -> String {
    match state.status {
        ContainerStatus::Created => "Created".to_owned(),
        ContainerStatus::Running => "Up".to_owned(),
        ContainerStatus::Paused => "Up (Paused)".to_owned(),
        ContainerStatus::Restarting => format!("Restarting ({})", state.exit_code),
        ContainerStatus::Removing => "Removal In Progress".to_owned(),
        ContainerStatus::Exited => format!("Exited ({})", state.exit_code),
        ContainerStatus::Dead => "Dead".to_owned(),
    }
}

fn devices(request: &DeviceRequest) -> Vec<String> {
    match request.count {
        _ if !request.device_ids.is_empty() => request.device_ids.clone(),
        Some(-1) => vec!["all".to_owned()],
        Some(count) if count > 0 => vec![format!("count={count}")],
        _ => Vec::new(),
    }
}

/// What the labels say; an agent whose labels do not decode is shown all the same, with the reason.
fn identified(provider: &str, container_name: String, labels: &[Pair], condition: Condition) -> Agent {
    let mut agent = Agent {
        id: labels::value(labels, labels::AGENT_ID).unwrap_or_default().to_owned(),
        name: name_of(provider, &container_name, labels).to_owned(),
        agent_type: labels::value(labels, labels::AGENT_TYPE).unwrap_or_default().to_owned(),
        state: condition.state,
        state_reason: condition.reason,
        status: String::new(),
        tags: Vec::new(),
        parent_id: labels::value(labels, labels::PARENT_ID).map(str::to_owned),
        created_at: None,
        started_at: None,
        finished_at: None,
        exit_code: condition.exit_code,
        image: String::new(),
        image_id: String::new(),
        container_id: String::new(),
        container_name,
        provider: provider.to_owned(),
        snapshot_id: labels::value(labels, labels::SNAPSHOT_ID).map(str::to_owned),
        gpus: grant::of_labels(labels)
            .iter()
            .flat_map(|grant| &grant.devices)
            .map(Held::id)
            .collect(),
        ports: Vec::new(),
    };
    match labels::decode(labels) {
        Ok(identity) => {
            agent.tags = identity.tags.into_iter().collect();
            agent.created_at = Some(identity.created_at);
        }
        Err(fault) => {
            agent.state = AgentState::Unknown;
            agent.state_reason = Some(fault.to_string());
        }
    }
    agent
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::types::ProviderError;

    #[test]
    fn a_bad_name_is_refused_with_the_field_the_value_the_reason_and_the_remedy() {
        let long = "n".repeat(300);
        let id = format!("agent-{}", "0f".repeat(16));
        for bad in ["", "a/b", "a:b", "a\nb", "имя", "-a", ".a", "_a", "a b", &long, &id] {
            let Err(ProviderError::InvalidArgument(error)) = check_name("name", bad) else {
                panic!("{bad:?} was taken");
            };
            assert_eq!(error.field, "name");
            assert!(!error.reason.is_empty() && error.remedy.contains("worker-1"));
            assert!(
                error.value.chars().count() < 100 && !error.value.contains('\n'),
                "{}",
                error.value
            );
        }
        for good in ["a", "A.b_c-1", "agent-1", &"n".repeat(63)] {
            assert!(check_name("name", good).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_provider_s_name_has_no_dot() {
        assert!(check_provider_name("docker-2").is_ok());
        for bad in ["", "a.b", "Docker", "-a", &"p".repeat(41)] {
            assert!(check_provider_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_living_name_is_the_container_s() {
        assert_eq!(living_name("docker", "mngr-docker.a.b"), Some("a.b"));
        assert_eq!(living_name("docker", "work-docker.a"), Some("a"));
        assert_eq!(living_name("docker", "mngr-docker-2.a"), None);
        assert_eq!(living_name("docker", "mngr-mydocker.a"), None);
        assert_eq!(living_name("docker", "other"), None);
        assert_eq!(container_name("mngr-", "docker", "a.b"), "mngr-docker.a.b");
    }

    #[test]
    fn exit_codes_of_a_stop_are_stopped_and_others_are_crashed() {
        for (text, state, code) in [
            ("Exited (0) 2 seconds ago", AgentState::Stopped, Some(0)),
            ("Exited (137) About an hour ago", AgentState::Stopped, Some(137)),
            ("Exited (143) 5 minutes ago", AgentState::Stopped, Some(143)),
            ("Exited (1) 5 minutes ago", AgentState::Crashed, Some(1)),
            ("Exited", AgentState::Stopped, None),
        ] {
            let condition = Condition::of_summary(ContainerStatus::Exited, text);
            assert!(condition.state == state && condition.exit_code == code, "{text}");
        }
    }

    #[test]
    fn inspect_tells_a_lack_of_memory_and_a_failed_start_from_a_crash() {
        let state = |status, exit_code, oom_killed, error: &str| ContainerState {
            status,
            exit_code,
            oom_killed,
            error: error.to_owned(),
            pid: 0,
            started_at: None,
            finished_at: None,
        };
        let oom = Condition::of_state(&state(ContainerStatus::Exited, 137, true, ""));
        assert!(oom.state == AgentState::Crashed && oom.reason.expect("why").contains("memory"));
        let failed = Condition::of_state(&state(ContainerStatus::Created, 127, false, "no such file"));
        assert!(failed.state == AgentState::Failed && failed.reason.expect("why") == "no such file");
        let fresh = Condition::of_state(&state(ContainerStatus::Created, 0, false, ""));
        assert_eq!(fresh.state, AgentState::Starting);
    }
}
