//! An image from elsewhere as a snapshot of this provider.
//!
//! Its labels were written by a stranger. They are checked, and an image of ours is made of it that says whose it is now.

use mngr_docker_grammar::words::shown;

use crate::contract::docker::{DeriveOptions, Image};
use crate::contract::types::{ProviderError, Snapshot};
use crate::error::{already_exists, internal, invalid};
use crate::snapshot::{self, ID_PREFIX, REPOSITORY};
use crate::{Capabilities, DockerProviderInstance, Result};
use crate::{agent, container, labels, lookup};

/// Longest tag that an engine takes.
const LONGEST_TAG: usize = 128;

/// What an image says it is a snapshot of.
struct Claim {
    agent_id: String,
    agent_name: String,
    id: String,
    /// Absent where there is none, or none that could be one.
    name: Option<String>,
}

/// Makes the image a snapshot of this provider. Its id is kept unless a snapshot of another provider has it on this engine;
/// then it gets a new one, with the old one as its parent. An image that was taken in before is the snapshot that it became.
///
/// # Errors
/// `invalid-argument` for the field `reference` where it is no snapshot, `already-exists` where the provider has another
/// snapshot of that id, and whatever the engine answers.
pub(crate) async fn adopt<C: Capabilities>(provider: &DockerProviderInstance<C>, reference: &str) -> Result<Snapshot> {
    let image = provider.capabilities.image_inspect(reference).await?;
    let claim = claim(reference, &image)?;
    let tag = |id: &str| format!("{}-{id}", claim.agent_id);
    let mut id = claim.id.clone();
    match provider
        .capabilities
        .image_inspect(&format!("{REPOSITORY}:{}", tag(&id)))
        .await
    {
        Err(ProviderError::NotFound(_)) => {}
        Err(error) => return Err(error),
        Ok(there) if !labels::owned_by(&there.labels, &provider.name) => {
            if let Some(name) = taken_in(provider, &image, &claim).await? {
                return described(provider.capabilities.image_inspect(&name).await?, name);
            }
            id = format!("{ID_PREFIX}{}", provider.capabilities.random_id());
        }
        Ok(there) if there.id == image.id || there.parent_id == image.id => {
            return described(there, format!("{REPOSITORY}:{}", tag(&id)));
        }
        Ok(_) => {
            return Err(already_exists(
                format!("snapshot `{id}`"),
                "the provider has a snapshot of that id, and it is another image",
                format!("delete that one first: mngr-docker snapshot delete {id}"),
            ));
        }
    }
    container::report(provider, "taking in snapshot", &id);
    let mut given = vec![
        (labels::AGENT_ID.to_owned(), claim.agent_id.clone()),
        (labels::AGENT_NAME.to_owned(), claim.agent_name.clone()),
        (labels::PROVIDER.to_owned(), provider.name.clone()),
        (labels::SNAPSHOT_ID.to_owned(), id.clone()),
        (labels::SNAPSHOT_NAME.to_owned(), claim.name.clone().unwrap_or_default()),
    ];
    if id != claim.id {
        given.push((labels::SNAPSHOT_PARENT.to_owned(), claim.id.clone()));
    }
    let options = DeriveOptions {
        repository: REPOSITORY.to_owned(),
        tag: tag(&id),
        labels: given,
        without_env: Vec::new(),
    };
    provider.capabilities.image_derive(&image.id, options).await?;
    let name = format!("{REPOSITORY}:{}", tag(&id));
    described(provider.capabilities.image_inspect(&name).await?, name)
}

/// The snapshot that this very image became here before, under another id.
async fn taken_in<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    image: &Image,
    claim: &Claim,
) -> Result<Option<String>> {
    let own = lookup::images(provider).await?.into_iter();
    let mut made_of_it = own.filter(|own| {
        own.parent_id == image.id && labels::value(&own.labels, labels::SNAPSHOT_PARENT) == Some(&claim.id)
    });
    Ok(made_of_it.find_map(|own| own.tags.into_iter().next()))
}

fn described(image: Image, name: String) -> Result<Snapshot> {
    snapshot::described(image, name.clone()).ok_or_else(|| {
        internal(
            format!("image {name}"),
            "the engine did not put the snapshot's labels on it",
            format!("remove it, docker image rm {name}, and report this with the engine's version"),
        )
    })
}

fn claim(reference: &str, image: &Image) -> Result<Claim> {
    let label = |key| labels::value(&image.labels, key);
    let refuse = |reason: String| {
        invalid(
            "reference",
            reference,
            format!("it is no snapshot of mngr: {reason}"),
            format!("make an agent of the image itself: mngr-docker create NAME --image {reference}"),
        )
    };
    let (Some(id), Some(agent_id)) = (label(labels::SNAPSHOT_ID), label(labels::AGENT_ID)) else {
        return Err(refuse(format!(
            "it is an image for {}/{}{}",
            image.os,
            image.architecture,
            runs(image)
        )));
    };
    let agent_name = label(labels::AGENT_NAME).unwrap_or_default();
    let whole = id.starts_with(ID_PREFIX) && labels::is_word(id) && id.len() + agent_id.len() < LONGEST_TAG;
    for (key, value, good) in [
        (labels::SNAPSHOT_ID, id, whole),
        (labels::AGENT_ID, agent_id, agent::is_id(agent_id)),
        (labels::AGENT_NAME, agent_name, labels::is_word(agent_name)),
    ] {
        if !good {
            let value = shown(value);
            return Err(refuse(format!(
                "its label {key} is `{value}`, which none of ours can be"
            )));
        }
    }
    Ok(Claim {
        agent_id: agent_id.to_owned(),
        agent_name: agent_name.to_owned(),
        id: id.to_owned(),
        name: label(labels::SNAPSHOT_NAME)
            .filter(|name| snapshot::check_name(name).is_ok())
            .map(str::to_owned),
    })
}

fn runs(image: &Image) -> String {
    let words = [image.entrypoint.as_slice(), &image.command].concat();
    match words.is_empty() {
        true => String::new(),
        false => format!(" that runs `{}`", shown(&words.join(" "))),
    }
}
