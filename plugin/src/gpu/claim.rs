//! Making a container with devices so that no two have one that somebody wants for itself alone.
//!
//! A container that is made and not started claims its devices by its label. Whoever has made one looks at all the others:
//!
//! - nobody else claims them: they are its own, and it is started;
//! - somebody has started with them, or was there to stay: it gives way;
//! - somebody else is just being made: the one with the lower id stays and waits for the other to give way.
//!
//! Each sees those that were made before it looked, so of two that claim one device at least one sees the other, and only who
//! sees nobody goes on. Who gives way removes its container and picks anew from what is left.

use super::Wish;
use super::choose::choose;
use super::holders::{self, Holder};
use super::portion::Portion;
use crate::contract::docker::{Container, ContainerSpec};
use crate::contract::gpu::Depth;
use crate::contract::system::LogLevel;
use crate::contract::types::ProviderError;
use crate::error::{conflict, unsupported_because};
use crate::grant::{self, Grant, Held};
use crate::labels::Identity;
use crate::{Capabilities, DockerProviderInstance, Result, container};

/// Waits for another to give way, in milliseconds: nine seconds in all, after which it is taken for one that stays.
const WAITS: [u64; 10] = [50, 100, 250, 500, 1000, 1000, 1500, 1500, 1500, 1600];
/// How often devices are picked anew.
const ATTEMPTS: usize = 5;

/// What came of looking at the others.
enum Claim {
    Won,
    Lost,
}

/// Says before anything is made whether a wish can be met.
///
/// # Errors
/// Those of [`choose`], and whatever the engine answers.
pub(crate) async fn foresee<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    wish: &Wish,
    agent_id: &str,
) -> Result<()> {
    match wish.is_empty() {
        true => Ok(()),
        false => plan(provider, wish, agent_id).await.map(drop),
    }
}

/// Makes a container with the devices that are wished for. All or nothing.
///
/// # Errors
/// Those of [`choose`] and of [`container::make`].
pub(crate) async fn make<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    spec: ContainerSpec,
    identity: &Identity,
    wish: &Wish,
) -> Result<String> {
    if wish.is_empty() {
        let mut spec = spec;
        spec.labels.push(grant::label(None));
        return container::make(provider, spec, identity).await;
    }
    for _ in 0..ATTEMPTS {
        let (portions, grant) = plan(provider, wish, &identity.id).await?;
        let mut spec = spec.clone();
        spec.limits.gpus = match portions.is_empty() {
            true => wish.requests.clone(),
            false => wish
                .requests
                .iter()
                .filter(|request| !is_of_gpus(request))
                .cloned()
                .collect(),
        };
        for portion in &portions {
            portion.apply(&mut spec);
        }
        spec.labels.push(grant::label(Some(&grant)));
        let id = container::make(provider, spec, identity).await?;
        match claim(provider, &id, &identity.id, &grant).await {
            Ok(Claim::Won) => {
                tell(provider, identity, wish, &grant);
                return Ok(id);
            }
            Ok(Claim::Lost) => container::remove(provider, &id).await,
            Err(error) => {
                container::remove(provider, &id).await;
                return Err(error);
            }
        }
    }
    Err(conflict(
        "GPUs",
        "contended",
        "others took each device that was picked, again and again",
        "try again",
    ))
}

/// Picks devices for a wish. Nothing is picked where the machine can not be asked; the engine then picks.
async fn plan<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    wish: &Wish,
    agent_id: &str,
) -> Result<(Vec<Portion>, Grant)> {
    let mine = Wish {
        requests: wish
            .requests
            .iter()
            .filter(|request| is_of_gpus(request))
            .cloned()
            .collect(),
        ..wish.clone()
    };
    let grant = |portions: &[Portion]| Grant {
        devices: portions
            .iter()
            .flat_map(|portion| &portion.devices)
            .map(Held::of)
            .collect(),
        exclusive: wish.conditions.exclusive,
        released_when_stopped: provider.settings.gpu_when_stopped == "release",
        unknown: false,
    };
    if mine.is_empty() {
        return Ok((Vec::new(), grant(&[])));
    }
    let inventory = provider.capabilities.gpu_probe(Depth::Full).await?;
    if !inventory.complete && inventory.devices.is_empty() {
        return match wish.conditions.exclusive
            || wish.conditions.memory_min.is_some()
            || wish.conditions.model.is_some()
        {
            true => Err(unsupported_because(
                "gpu.exclusive, gpu.memory-min and gpu.model",
                "there is no way to the engine's machine, and its engine does not tell what GPUs there are",
                "reach the engine through its unix socket or through ssh://, or leave the conditions out",
            )),
            false => Ok((
                Vec::new(),
                Grant {
                    unknown: true,
                    ..grant(&[])
                },
            )),
        };
    }
    let others = holders::all(provider, Some(agent_id)).await?;
    let portions = choose(&mine, &inventory, &others)?;
    let grant = grant(&portions);
    Ok((portions, grant))
}

/// Whether a request is for GPUs, and not for another CDI device.
fn is_of_gpus(request: &crate::contract::types::DeviceRequest) -> bool {
    let gpu = |id: &String| {
        let kind = id.split('=').next().unwrap_or_default();
        ["nvidia.com/gpu", "amd.com/gpu", "intel.com/gpu"].contains(&kind)
    };
    request.driver != "cdi" || request.device_ids.iter().any(gpu)
}

async fn claim<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    container: &str,
    agent_id: &str,
    grant: &Grant,
) -> Result<Claim> {
    for wait in WAITS {
        let rivals = rivals(provider, agent_id, grant).await?;
        if rivals.is_empty() {
            return Ok(Claim::Won);
        }
        let stays = |rival: &Holder| !rival.in_the_making || rival.container.as_str() < container;
        if rivals.iter().any(stays) {
            return Ok(Claim::Lost);
        }
        provider.capabilities.sleep(wait).await;
    }
    Ok(Claim::Lost)
}

async fn rivals<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    agent_id: &str,
    grant: &Grant,
) -> Result<Vec<Holder>> {
    let mut others = holders::all(provider, Some(agent_id)).await?;
    others.retain(|other| other.stands_against(&grant.devices, grant.exclusive));
    Ok(others)
}

/// Says which devices took the places of others.
fn tell<C: Capabilities>(provider: &DockerProviderInstance<C>, identity: &Identity, wish: &Wish, grant: &Grant) {
    for (old, new) in wish.like.iter().zip(&grant.devices) {
        if !old.same(new) {
            let message = format!("{} gets {new}, which is equal to {old}", identity.name);
            provider.capabilities.log(LogLevel::Warn, &message);
        }
    }
}

/// Whether a stopped agent may be started: somebody may have got what it released.
///
/// # Errors
/// `conflict` where a device is held by another now, and whatever the engine answers.
pub(crate) async fn may_start<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    container: &Container,
    name: &str,
) -> Result<()> {
    let Some(grant) = grant::of_labels(&container.labels).filter(|grant| grant.released_when_stopped) else {
        return Ok(());
    };
    let agent_id = crate::labels::value(&container.labels, crate::labels::AGENT_ID).unwrap_or_default();
    match rivals(provider, agent_id, &grant).await?.first() {
        None => Ok(()),
        Some(rival) => Err(taken(name, rival)),
    }
}

/// The same once it runs: of two that start at one moment, each has found nobody before.
///
/// # Errors
/// `conflict` where another runs with a device; the agent is stopped again then.
pub(crate) async fn started<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    container: &Container,
    name: &str,
) -> Result<()> {
    let checked = may_start(provider, container, name).await;
    if checked.is_err() {
        provider.capabilities.container_stop(&container.id, Some(0)).await?;
    }
    checked
}

fn taken(name: &str, rival: &Holder) -> ProviderError {
    conflict(
        format!("agent `{name}`"),
        "stopped",
        format!(
            "its GPU was released when it stopped, and is held by {} now",
            rival.name
        ),
        format!(
            "stop that one first, or take a snapshot and start from it on an equal device: mngr-docker snapshot create {name}"
        ),
    )
}
