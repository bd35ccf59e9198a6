//! How agents come to be, and end.

use serde_json::{Map, Value};

use crate::agents::{self, CREATED, ID, PARENT, PROVIDER, TAGS, TYPE};
use crate::contract::exports::mngr::provider::instance::{CreateRequest, Destroyed, Source};
use crate::contract::mngr::provider::docker;
use crate::contract::mngr::provider::system;
use crate::contract::mngr::provider::types::{Agent, Provider, ProviderError};
use crate::{Result, errors, settings, spec};

/// What an agent without a command does: it waits until it is told to stop.
const WAIT: [&str; 3] = ["sh", "-c", "trap 'exit 143' TERM; while true; do sleep 1; done"];

fn check_name(name: &str) -> Result<()> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let begins = name.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
    if begins && name.len() <= 63 && name.chars().all(is_plain) && !name.starts_with("agent-") {
        return Ok(());
    }
    let remedy = "use at most 63 of the characters a-z A-Z 0-9 - _ . with a letter or digit first";
    Err(errors::invalid("name", name, "that is no name", remedy))
}

fn image_of(provider: &Provider, source: Source) -> Result<String> {
    match source {
        Source::DefaultImage => Ok(settings::default_image(&provider.settings)),
        Source::Image(image) => Ok(image),
        Source::Build(_) => Err(errors::unsupported("a build")),
        Source::Snapshot(_) => Err(errors::unsupported("a snapshot")),
    }
}

/// Makes an agent. All or nothing.
pub async fn create(provider: &Provider, request: CreateRequest) -> Result<Agent> {
    check_name(&request.name)?;
    if let Some(argument) = request.start_args.first() {
        return Err(errors::invalid(
            "start-args",
            argument,
            "there is no such flag",
            "give none",
        ));
    }
    let image = image_of(provider, request.source)?;
    let tags = request.tags.into_iter().map(|(key, value)| (key, Value::from(value)));
    let labels = [
        (PROVIDER, provider.name.clone()),
        (ID, format!("agent-{}", system::random_id())),
        (
            TYPE,
            Some(request.agent_type)
                .filter(|kind| !kind.is_empty())
                .unwrap_or_else(|| "command".to_owned()),
        ),
        (TAGS, Value::Object(Map::from_iter(tags)).to_string()),
        (PARENT, request.parent_id.unwrap_or_default()),
        (CREATED, system::now()),
    ];
    let id = labels[1].1.clone();
    let command = match request.command.is_empty() {
        true => WAIT.map(str::to_owned).to_vec(),
        false => request.command,
    };
    // A missing image is told before anything is made.
    if let Err(ProviderError::NotFound(_)) = docker::image_inspect(image.clone()).await {
        docker::image_pull(image.clone(), None).await?;
    }
    let name = agents::container_name(provider, &request.name);
    let labels = labels.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let spec = spec::container(name.clone(), image, labels, command);
    let made = match docker::container_create(spec).await {
        Ok(made) => made.id,
        Err(ProviderError::Conflict(_)) => return Err(errors::already_exists(&request.name)),
        Err(error) => lost(&name, &id).await.ok_or(error)?,
    };
    if !request.no_start
        && let Err(error) = docker::container_start(made.clone()).await
    {
        docker::container_remove(made, true, true).await?;
        return Err(error);
    }
    let container = docker::container_inspect(made, false).await?;
    Ok(agents::of_container(provider, &container))
}

/// The container that a create call made whose answer was lost.
async fn lost(name: &str, id: &str) -> Option<String> {
    let found = docker::container_inspect(name.to_owned(), false).await.ok()?;
    let is_ours = found.labels.iter().any(|(name, value)| name == ID && value == id);
    is_ours.then_some(found.id)
}

/// Of an agent that is gone: a success.
pub async fn destroy(provider: &Provider, agent: &str) -> Result<Destroyed> {
    let agent_id = match agents::container(provider, agent).await {
        Ok(container) => {
            docker::container_remove(container.id.clone(), true, true).await?;
            Some(agents::of_container(provider, &container).id)
        }
        Err(ProviderError::NotFound(_)) => None,
        Err(error) => return Err(error),
    };
    Ok(Destroyed {
        agent_id,
        deleted_snapshots: Vec::new(),
        kept_snapshots: Vec::new(),
        kept_volumes: Vec::new(),
    })
}
