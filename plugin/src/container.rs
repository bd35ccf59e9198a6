//! One container of an agent: made, started, removed, and why it cannot be. What many calls need of it is here.

use mngr_docker_grammar::words::shown;

use crate::contract::docker::{Container, ContainerSpec, ContainerStatus};
use crate::contract::system::{LogLevel, Progress};
use crate::contract::types::ProviderError;
use crate::error::{already_exists, conflict, invalid, kind, may_have_happened};
use crate::labels::{self, Identity};
use crate::{Capabilities, DockerProviderInstance, Result, agent, first_process, lookup};

/// Waits between two looks for a container whose create call was not answered, in milliseconds.
const LOOKS: [u64; 4] = [0, 250, 1000, 3000];

/// Makes the container and returns its id, by which all later calls go. Where the answer is lost, the container is looked for
/// by its name and adopted if it carries this agent's id. One with GPUs is made by [`gpu::make`](crate::gpu).
pub(crate) async fn make<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    spec: ContainerSpec,
    identity: &Identity,
) -> Result<String> {
    first_process::check(&spec)?;
    report(provider, "creating container", &identity.name);
    match provider.capabilities.container_create(spec).await {
        Ok(created) => {
            for warning in created.warnings {
                provider
                    .capabilities
                    .log(LogLevel::Warn, &format!("create of {}: {warning}", identity.name));
            }
            Ok(created.id)
        }
        Err(ProviderError::Conflict(_)) => Err(taken(provider, &identity.name).await),
        Err(error) if may_have_happened(&error) => {
            for wait in LOOKS {
                provider.capabilities.sleep(wait).await;
                if let Ok(Some(found)) = lookup::by_name(provider, &identity.name).await
                    && labels::value(&found.labels, labels::AGENT_ID) == Some(&identity.id)
                {
                    return Ok(found.id);
                }
            }
            Err(error)
        }
        Err(error) => Err(error),
    }
}

/// Refuses the name of an agent whose container somebody has renamed. The engine holds the names of all others.
pub(crate) async fn check_free<C: Capabilities>(provider: &DockerProviderInstance<C>, name: &str) -> Result<()> {
    let Some(container) = lookup::renamed_by_hand(provider, name).await? else {
        return Ok(());
    };
    let (renamed, own) = (&container.name, provider.container_name(name));
    Err(already_exists(
        format!("agent `{}`", shown(name)),
        format!(
            "the provider has an agent of that name, whose container somebody has renamed to `{}`",
            shown(renamed)
        ),
        format!("use another name, or give that container its name back: docker rename {renamed} {own}"),
    ))
}

/// The error for a name that is taken, by an agent or by a container of someone else's.
pub(crate) async fn taken<C: Capabilities>(provider: &DockerProviderInstance<C>, name: &str) -> ProviderError {
    let subject = format!("agent `{}`", shown(name));
    match lookup::by_name(provider, name).await {
        Ok(None) => {
            let container = provider.container_name(name);
            if let Err(ProviderError::NotFound(_)) = provider.capabilities.container_inspect(&container).await {
                return already_exists(
                    subject,
                    "another call made or removed an agent of that name at the same moment",
                    "call again",
                );
            }
            already_exists(
                subject,
                format!("the engine has a container `{container}` that is no agent of this provider"),
                format!("use another name, or rename that container: docker rename {container} OTHER"),
            )
        }
        _ => already_exists(
            subject,
            "the provider has an agent of that name",
            format!("use another name, or start the one that is there: mngr-docker start {name}"),
        ),
    }
}

/// A start that the engine refused. What it did not find is a program, a device or a mount, unless somebody else has removed the
/// agent meanwhile.
pub(crate) fn refused(name: &str, error: ProviderError) -> ProviderError {
    let (field, reason) = match error {
        ProviderError::NotFound(e) if e.reason.contains("No such container") => {
            return conflict(
                format!("agent `{name}`"),
                "gone",
                "it was removed at the same moment",
                "see which agents there are: mngr-docker list",
            );
        }
        ProviderError::NotFound(e) => ("command", e.reason),
        ProviderError::InvalidArgument(e) => ("command", e.reason),
        ProviderError::Internal(e) => ("start-args", e.reason),
        other => return other,
    };
    let remedy = "check that the image has the command, and the start arguments (ports, mounts, devices, runtime)";
    invalid(
        field,
        "",
        format!("the engine could not start the agent `{name}`: {reason}"),
        remedy,
    )
}

/// Takes a container away that is not to stay. Where that fails, the log says what is left.
pub(crate) async fn remove<C: Capabilities>(provider: &DockerProviderInstance<C>, id: &str) {
    match provider.capabilities.container_remove(id).await {
        Ok(()) | Err(ProviderError::NotFound(_)) => {}
        Err(error) => {
            let message = format!("container {id} is left and could not be removed ({})", kind(&error));
            provider.capabilities.log(LogLevel::Error, &message);
        }
    }
}

/// Says that a step of a call begins.
pub(crate) fn report<C: Capabilities>(provider: &DockerProviderInstance<C>, step: &str, subject: &str) {
    provider.capabilities.report(Progress {
        step: step.to_owned(),
        subject: subject.to_owned(),
        done: None,
        total: None,
    });
}

/// The name of the agent that a container is.
pub(crate) fn name<'a, C>(provider: &DockerProviderInstance<C>, container: &'a Container) -> &'a str {
    agent::name_of(&provider.name, &container.name, &container.labels)
}

/// The error for an agent in a state that does not allow a call.
pub(crate) fn state_conflict<C>(
    provider: &DockerProviderInstance<C>,
    container: &Container,
    reason: &str,
    remedy: String,
) -> ProviderError {
    let state = agent::state_name(agent::Condition::of_state(&container.state).state);
    conflict(format!("agent `{}`", name(provider, container)), state, reason, remedy)
}

/// The error for an agent on its way out.
pub(crate) fn leaving<C>(provider: &DockerProviderInstance<C>, container: &Container) -> ProviderError {
    let remedy = format!(
        "remove what is left of it: mngr-docker destroy {}",
        name(provider, container)
    );
    state_conflict(
        provider,
        container,
        "the engine is removing it, or has failed to",
        remedy,
    )
}

/// The error for an agent that has to run and does not.
pub(crate) fn not_running<C>(
    provider: &DockerProviderInstance<C>,
    container: &Container,
    reason: &str,
) -> ProviderError {
    let name = name(provider, container);
    let remedy = match container.state.status {
        ContainerStatus::Paused => format!("resume it: mngr-docker resume {name}"),
        ContainerStatus::Removing | ContainerStatus::Dead => return leaving(provider, container),
        ContainerStatus::Restarting => "wait until the engine has restarted it".to_owned(),
        _ => format!("start it: mngr-docker start {name}"),
    };
    state_conflict(provider, container, reason, remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::not_found;

    #[test]
    fn a_program_that_is_not_there_is_told_from_an_agent_that_was_removed_meanwhile() {
        let answered = |reason: &str| refused("a", not_found("container `c`", reason, ""));
        let program = answered("exec: \"nonesuch\": executable file not found in $PATH");
        assert!(
            matches!(&program, ProviderError::InvalidArgument(e) if e.field == "command"),
            "{program:?}"
        );
        let gone = answered("No such container: c");
        assert!(
            matches!(&gone, ProviderError::Conflict(e) if e.state == "gone"),
            "{gone:?}"
        );
    }
}
