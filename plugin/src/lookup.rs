//! What a reference means: a name, an id, or a unique prefix of an id.
//!
//! A name is asked for by one inspect of its container, an id by its label. Only where there is none are all listed, because
//! the reference may be part of an id, or a name whose container someone has renamed.

use mngr_docker_grammar::words::{did_you_mean, nearest, shown};

use crate::agent::{self, ID_PREFIX};
use crate::contract::docker::{Container, ContainerFilter, ContainerSummary, ImageSummary};
use crate::contract::types::ProviderError;
use crate::error::{ambiguous, invalid, not_found};
use crate::labels;
use crate::{Capabilities, DockerProviderInstance, Result, peer};

/// Least characters of a prefix, not counting `agent-` or `snap-`.
pub const MIN_PREFIX: usize = 4;
const MAX_REFERENCE: usize = 256;

/// Something that can be referred to by its name or id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: String,
    /// Its name; empty for none.
    pub name: String,
}

impl Entry {
    /// `name (id)`, as candidates are shown.
    pub fn label(&self) -> String {
        match self.name.as_str() {
            "" => self.id.clone(),
            name => format!("{name} ({})", self.id),
        }
    }
}

/// How a reference came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// The position of the one thing it means.
    One(usize),
    /// It fits all these.
    Many(Vec<usize>),
    /// It fits nothing.
    None,
}

/// Finds what a reference means: an exact name, else an exact id, else a prefix of an id with or without `prefix`.
pub fn find_in(entries: &[Entry], reference: &str, prefix: &str) -> Match {
    let bare = |id: &str| id.strip_prefix(prefix).unwrap_or(id).to_owned();
    let start = bare(reference);
    let rules: [&dyn Fn(&Entry) -> bool; 3] = [
        &|entry| !entry.name.is_empty() && entry.name == reference,
        &|entry| entry.id == reference,
        &|entry| start.len() >= MIN_PREFIX && bare(&entry.id).starts_with(&start),
    ];
    for rule in rules {
        let fits: Vec<_> = (0..entries.len()).filter(|&at| rule(&entries[at])).collect();
        match fits[..] {
            [] => {}
            [one] => return Match::One(one),
            _ => return Match::Many(fits),
        }
    }
    Match::None
}

/// A reference that can mean something at all.
///
/// # Errors
/// `invalid-argument` for one that is empty, too long or holds control characters.
pub fn check_reference(field: &str, reference: &str) -> Result<()> {
    let reason = if reference.is_empty() {
        "it is empty"
    } else if reference.len() > MAX_REFERENCE {
        "it is too long for a name or an id"
    } else if reference.chars().any(char::is_control) {
        "it holds a control character"
    } else {
        return Ok(());
    };
    let remedy = format!("give a name, an id, or the first {MIN_PREFIX} or more digits of an id");
    Err(invalid(field, reference, reason, remedy))
}

/// The container of the agent that `reference` means.
///
/// # Errors
/// `not-found` with the nearest names, `ambiguous` with the candidates, and whatever the engine answers.
pub async fn agent<C: Capabilities>(provider: &DockerProviderInstance<C>, reference: &str) -> Result<Container> {
    check_reference("agent", reference)?;
    if agent::check_name("agent", reference).is_ok()
        && let Some(container) = by_name(provider, reference).await?
    {
        return Ok(container);
    }
    if agent::is_id(reference)
        && let Some(container) = by_id(provider, reference).await?
    {
        return Ok(container);
    }
    let containers = all(provider).await?;
    let entries: Vec<_> = containers
        .iter()
        .map(|container| entry(&provider.name, container))
        .collect();
    match find_in(&entries, reference, ID_PREFIX) {
        Match::One(position) => match inspect(provider, &containers[position].id).await {
            Err(ProviderError::NotFound(_)) => Err(no_agent(provider, reference, &entries)),
            other => other,
        },
        Match::Many(positions) => {
            let candidates = positions
                .into_iter()
                .map(|position| entries[position].label())
                .collect();
            Err(ambiguous(
                reference,
                candidates,
                "give the name, or more digits of the id",
            ))
        }
        Match::None => Err(no_agent(provider, reference, &entries)),
    }
}

/// The container that bears the name of an agent, if it is this provider's.
///
/// # Errors
/// Whatever the engine answers, but for `not-found` and the host's refusal of a container that is not ours.
pub async fn by_name<C: Capabilities>(provider: &DockerProviderInstance<C>, name: &str) -> Result<Option<Container>> {
    let container_name = provider.container_name(name);
    match inspect(provider, &container_name).await {
        Ok(container) => Ok(Some(container).filter(|found| labels::owned_by(&found.labels, &provider.name))),
        Err(ProviderError::NotFound(_) | ProviderError::Denied(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The agent of that name whose container somebody has renamed, so that the engine would let another have its name.
///
/// # Errors
/// Whatever the engine answers.
pub async fn renamed_by_hand<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    name: &str,
) -> Result<Option<ContainerSummary>> {
    let mut filter = ContainerFilter {
        all: true,
        labels: labels::filters(&provider.name),
    };
    filter.labels.push(format!("{}={name}", labels::HOST_NAME));
    let found = listed(provider, filter).await?;
    let is_it = |container: &ContainerSummary| {
        labels::owned_by(&container.labels, &provider.name)
            && agent::living_name(&provider.name, &container.name).is_none()
            && agent::name_of(&provider.name, &container.name, &container.labels) == name
    };
    Ok(found.into_iter().find(is_it))
}

/// The one container that bears an agent's id, by a list call that answers with no other; none where it is not that simple.
async fn by_id<C: Capabilities>(provider: &DockerProviderInstance<C>, id: &str) -> Result<Option<Container>> {
    let labelled = [
        format!("{}={id}", labels::AGENT_ID),
        // A host of mngr's own provider has no other id.
        format!("{}={}", labels::HOST_ID, labels::host_id(id)),
    ];
    for label in labelled {
        let mut filter = ContainerFilter {
            all: true,
            labels: labels::filters(&provider.name),
        };
        filter.labels.push(label);
        let found = listed(provider, filter).await?;
        let [one] = &found[..] else { continue };
        if labels::owned_by(&one.labels, &provider.name) {
            return match inspect(provider, &one.id).await {
                Err(ProviderError::NotFound(_)) => Ok(None),
                other => other.map(Some),
            };
        }
    }
    Ok(None)
}

/// Every container of this provider, by one list call.
///
/// # Errors
/// Whatever the engine answers.
pub async fn all<C: Capabilities>(provider: &DockerProviderInstance<C>) -> Result<Vec<ContainerSummary>> {
    let filter = ContainerFilter {
        all: true,
        labels: labels::filters(&provider.name),
    };
    let mut containers = listed(provider, filter).await?;
    containers.retain(|container| labels::owned_by(&container.labels, &provider.name));
    Ok(containers)
}

/// A container by its id or its own name.
///
/// # Errors
/// Whatever the engine answers.
pub async fn inspect<C: Capabilities>(provider: &DockerProviderInstance<C>, id: &str) -> Result<Container> {
    let mut container = provider.capabilities.container_inspect(id).await?;
    peer::inspected(&mut container);
    Ok(container)
}

/// Containers of agents, of whatever provider.
///
/// # Errors
/// Whatever the engine answers.
pub async fn listed<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    filter: ContainerFilter,
) -> Result<Vec<ContainerSummary>> {
    let mut containers = provider.capabilities.container_list(filter).await?;
    containers.iter_mut().for_each(peer::listed);
    Ok(containers)
}

/// The images that bear this provider's labels.
///
/// # Errors
/// Whatever the engine answers.
pub async fn images<C: Capabilities>(provider: &DockerProviderInstance<C>) -> Result<Vec<ImageSummary>> {
    let mut images = provider
        .capabilities
        .image_list(labels::filters(&provider.name))
        .await?;
    for image in &mut images {
        peer::imaged(&mut image.labels, image.created);
    }
    images.retain(|image| labels::owned_by(&image.labels, &provider.name));
    Ok(images)
}

fn entry(provider: &str, container: &ContainerSummary) -> Entry {
    Entry {
        id: labels::value(&container.labels, labels::AGENT_ID)
            .unwrap_or_default()
            .to_owned(),
        name: agent::name_of(provider, &container.name, &container.labels).to_owned(),
    }
}

fn no_agent<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    reference: &str,
    entries: &[Entry],
) -> ProviderError {
    let near = nearest(reference, entries.iter().map(|entry| entry.name.as_str()));
    not_found(
        format!("agent `{}`", shown(reference)),
        format!("the provider `{}` has no agent of that name or id", provider.name),
        format!("{}see `mngr-docker list` for all agents", did_you_mean(&near)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<Entry> {
        [
            ("agent-aaaa1111", "one"),
            ("agent-aaaa2222", "two"),
            ("agent-bbbb3333", "agent-aaaa1111"),
        ]
        .map(|(id, name)| Entry {
            id: id.to_owned(),
            name: name.to_owned(),
        })
        .to_vec()
    }

    #[test]
    fn a_name_wins_over_an_id_and_an_id_over_a_prefix() {
        for (reference, found) in [
            ("two", Match::One(1)),
            ("agent-aaaa1111", Match::One(2)),
            ("agent-aaaa2222", Match::One(1)),
            ("agent-bbbb", Match::One(2)),
            ("bbbb3", Match::One(2)),
            ("aaaa", Match::Many(vec![0, 1])),
            ("bbb", Match::None),
            ("agent-", Match::None),
            ("zzzz", Match::None),
        ] {
            assert_eq!(find_in(&entries(), reference, ID_PREFIX), found, "{reference}");
        }
    }
}
