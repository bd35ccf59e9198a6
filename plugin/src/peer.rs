//! What mngr's own Docker provider makes, read as if this provider had made it: a host of its is an agent, and an image that
//! it committed a snapshot.
//!
//! It labels its containers with `host-id`, `host-name`, `provider` and `tags`, names them after a prefix and the host, and
//! tags its images `mngr-snapshot:<host-id>-<name>`. What else this provider keeps in labels is read from the container.

use crate::contract::docker::{Container, ContainerSummary, Event, MountKind, MountPoint, PortBinding};
use crate::labels::{self, Pair};
use crate::recipe::{Origin, Recipe};

/// The type of an agent that is a host of mngr's own provider.
const AGENT_TYPE: &str = "host";

/// Gives a listed container the labels that it would have here.
pub(crate) fn listed(container: &mut ContainerSummary) {
    complete(&mut container.labels, || labels::rfc3339(container.created));
}

/// Gives an inspected container the labels that it would have here.
pub(crate) fn inspected(container: &mut Container) {
    if complete(&mut container.labels, || container.created.clone()) {
        container
            .labels
            .push((labels::SPEC.to_owned(), recipe(container).encode()));
    }
}

/// Gives an image the labels that it would have here.
pub(crate) fn imaged(labels: &mut Vec<Pair>, created: i64) {
    complete(labels, || labels::rfc3339(created));
}

/// Gives what the engine tells of a container the labels that it would have here.
pub(crate) fn happened(event: &mut Event) {
    complete(&mut event.attributes, String::new);
}

/// Whether anything was missing.
fn complete(labels: &mut Vec<Pair>, created: impl FnOnce() -> String) -> bool {
    if labels::value(labels, labels::AGENT_ID).is_some() {
        return false;
    }
    let label = |key| labels::value(labels, key).unwrap_or_default().to_owned();
    let host_id = label(labels::HOST_ID);
    if host_id.is_empty() {
        return false;
    }
    let added = [
        (labels::AGENT_ID, labels::agent_id(&host_id)),
        (labels::AGENT_NAME, label(labels::HOST_NAME)),
        (labels::AGENT_TYPE, AGENT_TYPE.to_owned()),
        (
            labels::TAGS,
            Some(label(labels::TAGS))
                .filter(|tags| !tags.is_empty())
                .unwrap_or("{}".to_owned()),
        ),
        (labels::CREATED_AT, created()),
    ];
    labels.retain(|(key, _)| !added.iter().any(|(name, _)| key == name));
    labels.extend(added.map(|(key, value)| (key.to_owned(), value)));
    true
}

/// What the container can be made from again. Its limits are not in it: they are read off the container.
fn recipe(container: &Container) -> Recipe {
    // Each field is named, so that a new one does not compile until somebody has said whether the container is made with it.
    let Container {
        image,
        command,
        entrypoint,
        env_names,
        mounts,
        tmpfs,
        ports,
        network_mode,
        runtime,
        // Its own, and never another's.
        id: _,
        name: _,
        image_id: _,
        created: _,
        state: _,
        labels: _,
        addresses: _,
        writable_bytes: _,
        // As its image and this provider have it.
        working_dir: _,
        user: _,
        devices: _,
        init: _,
        restart_policy: _,
        limits: _,
    } = container;
    let mut args = Vec::new();
    let mut command = command.clone();
    match &entrypoint[..] {
        [] => {}
        [program] => args.push(format!("--entrypoint={program}")),
        several => {
            args.push("--entrypoint=".to_owned());
            command.splice(..0, several.iter().cloned());
        }
    }
    args.extend(mounts.iter().filter_map(mount));
    args.extend(tmpfs.iter().map(|(path, options)| match options.as_str() {
        "" => format!("--tmpfs={path}"),
        options => format!("--tmpfs={path}:{options}"),
    }));
    args.extend(ports.iter().map(publish));
    if !matches!(network_mode.as_str(), "" | "default" | "bridge") {
        args.push(format!("--network={network_mode}"));
    }
    if !matches!(runtime.as_str(), "" | "runc") {
        args.push(format!("--runtime={runtime}"));
    }
    Recipe::read(Origin::Image(image.clone()), args, env_names.clone(), command)
}

fn mount(mount: &MountPoint) -> Option<String> {
    let (kind, source) = match mount.kind {
        MountKind::Bind => ("bind", mount.source.as_str()),
        MountKind::Volume => ("volume", mount.name.as_deref()?),
        _ => return None,
    };
    let mut fields = vec![
        format!("type={kind}"),
        format!("source={source}"),
        format!("target={}", mount.destination),
    ];
    fields.extend(
        mount
            .subpath
            .as_ref()
            .map(|subpath| format!("volume-subpath={subpath}")),
    );
    fields.extend(mount.read_only.then(|| "readonly".to_owned()));
    Some(format!("--mount={}", fields.join(",")))
}

/// The engine picked its port of the machine, and picks another.
fn publish(binding: &PortBinding) -> String {
    let address = match binding.host_ip.as_str() {
        "" => String::new(),
        ip if ip.contains(':') => format!("[{ip}]"),
        ip => ip.to_owned(),
    };
    format!("--publish={address}::{}/{}", binding.container_port, binding.protocol)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(given: &[(&str, &str)]) -> Vec<Pair> {
        given
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn peers() -> Vec<Pair> {
        pairs(&[
            (labels::HOST_ID, &format!("host-{}", "0f".repeat(16))),
            (labels::HOST_NAME, "a1"),
            (labels::PROVIDER, "docker"),
            (labels::TAGS, "{\"team\":\"red\"}"),
        ])
    }

    #[test]
    fn a_host_of_mngrs_own_provider_is_an_agent_of_the_same_digits() {
        let mut labels = peers();
        assert!(complete(&mut labels, || "2026-01-31T09:30:00Z".to_owned()));
        let identity = labels::decode(&labels).expect("an identity");
        assert_eq!(identity.id, format!("agent-{}", "0f".repeat(16)));
        assert_eq!((identity.name.as_str(), identity.agent_type.as_str()), ("a1", "host"));
        assert_eq!(identity.tags["team"], "red");
        assert!(crate::agent::is_id(&identity.id));
    }

    #[test]
    fn what_is_ours_or_nobodys_is_left_as_it_is() {
        for given in [
            pairs(&[(labels::AGENT_ID, "agent-1"), (labels::HOST_ID, "host-2")]),
            pairs(&[("a", "b")]),
        ] {
            let mut labels = given.clone();
            assert!(!complete(&mut labels, || unreachable!()));
            assert_eq!(labels, given);
        }
    }
}
