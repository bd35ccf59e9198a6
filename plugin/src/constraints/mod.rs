//! What a snapshot of an agent would not hold, or would give away.
//!
//! A commit takes the container's own filesystem and nothing else. Everything that a container shows besides it is found
//! here, with where it comes from, why it is lost and what to do instead.

mod judge;
mod machine;
mod storage;

use judge::Judge;

use crate::contract::docker::Container;
use crate::contract::types::{Finding, FindingKind, ProviderError, Severity};
use crate::findings::finding;
use crate::{Capabilities, DockerProviderInstance, Result, gpu, lookup};

/// From so many layers on a snapshot is made of one. Engines refuse more than some 125.
pub(crate) const DEEP: u32 = 100;

/// What a snapshot of the agent would not hold, what blocks first.
///
/// # Errors
/// `not-found`, `ambiguous`, and whatever the engine answers.
pub async fn snapshot_check<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    reference: &str,
    include_volumes: bool,
) -> Result<Vec<Finding>> {
    let container = lookup::agent(provider, reference).await?;
    of_container(provider, &container, include_volumes, &[]).await
}

/// The same before a snapshot is taken that lacks some environment variables: an error where something blocks it and it is not
/// forced. First what it would lose, then what is covered.
pub(crate) async fn permit<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    container: &Container,
    force: bool,
    include_volumes: bool,
    without_env: &[String],
) -> Result<(Vec<Finding>, Vec<Finding>)> {
    let findings = of_container(provider, container, include_volumes, without_env).await?;
    let blocked = findings.iter().any(|finding| finding.severity == Severity::Block);
    match blocked && !force {
        true => Err(ProviderError::SnapshotBlocked(findings)),
        false => Ok(findings.into_iter().partition(|finding| !finding.covered)),
    }
}

async fn of_container<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    container: &Container,
    include_volumes: bool,
    without_env: &[String],
) -> Result<Vec<Finding>> {
    let judge = Judge::new(&provider.settings.snapshot_findings, container);
    // None needs what another answers.
    let (stored, gpus, image, room) = futures::join!(
        storage::findings(provider, container, include_volumes),
        gpu::findings(provider, container),
        provider.capabilities.image_inspect(&container.image_id),
        machine::room(provider),
    );
    let mut findings = stored?;
    let covered = findings.iter().filter(|finding| finding.covered);
    let more = covered.filter_map(|finding| finding.size_bytes).sum();
    findings.extend(gpus);
    findings.extend(devices(container));
    match image {
        Ok(image) => {
            findings.extend(environment(container, &[without_env, &image.env_names].concat()));
            findings.extend(layers(image.layers));
        }
        // The engine lets an image go that a container still uses; its layers stay, and its environment is not known.
        Err(ProviderError::NotFound(_)) => findings.extend(environment(container, without_env)),
        Err(error) => return Err(error),
    }
    findings.extend(machine::free_space(provider, container, room?, more).await?);
    for finding in &mut findings {
        finding.severity = judge.severity(finding);
        let empty = include_volumes && finding.kind == FindingKind::Tmpfs && container.state.pid == 0;
        if empty && finding.severity == Severity::Block {
            finding.severity = Severity::Warn;
        }
    }
    findings.retain(|finding| finding.severity != Severity::Ignore || finding.covered);
    findings.sort_by_key(|finding| (finding.severity != Severity::Block, finding.covered, finding.kind as u8));
    Ok(findings)
}

fn devices(container: &Container) -> impl Iterator<Item = Finding> {
    container.devices.iter().map(|device| Finding {
        path: Some(device.container_path.clone()),
        source: Some(device.host_path.clone()),
        ..finding(
            FindingKind::Device,
            "a device of the engine's machine is not in a snapshot, nor is what is on it",
            "give an agent made of the snapshot the device again (--device)",
        )
    })
}

/// A commit writes the container's whole environment into the image, where anyone who has the image can read it.
fn environment(container: &Container, others: &[String]) -> Option<Finding> {
    let own = |name: &&String| *name != "PATH" && !others.contains(name);
    let names: Vec<_> = container.env_names.iter().filter(own).map(String::as_str).collect();
    (!names.is_empty()).then(|| Finding {
        source: Some(names.join(", ")),
        ..finding(
            FindingKind::Environment,
            "the values of these environment variables are kept in the snapshot's image, readable by all who have it",
            "pass secrets to `exec` or in a file of a tmpfs instead; the setting `secret_env` names what never leaves with it",
        )
    })
}

fn layers(layers: u32) -> Option<Finding> {
    (layers >= DEEP).then(|| {
        finding(
            FindingKind::LayerLimit,
            format!(
                "its image has {layers} layers and the engine can stack 125, so the snapshot is made of one layer, which takes \
                 longer and shares no space with others"
            ),
            "nothing is lost; a base image with fewer layers puts it off",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{BUSYBOX, fixtures};

    fn container() -> Container {
        let image = fixtures::image("sha256:i", BUSYBOX, Vec::new());
        fixtures::made("c".to_owned(), &image, &crate::start_args::Draft::new().spec)
    }

    #[test]
    fn the_environment_is_told_by_name_and_only_what_the_image_has_not() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let container = Container {
            env_names: names(&["PATH", "LANG", "TOKEN"]),
            ..container()
        };
        let found = environment(&container, &names(&["LANG"])).expect("a finding");
        assert_eq!(found.source.as_deref(), Some("TOKEN"));
        assert!(environment(&container, &names(&["LANG", "TOKEN"])).is_none());
    }

    #[test]
    fn a_deep_chain_is_told_before_the_engine_refuses_it() {
        assert!(layers(99).is_none());
        assert!(layers(100).expect("a finding").reason.contains("100 layers"));
    }
}
