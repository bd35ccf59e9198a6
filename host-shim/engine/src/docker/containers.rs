//! A container's life: list, inspect, create, start, stop, and what lies between.

use std::time::Duration;

use bollard::models::{ContainerCreateResponse, ContainerUpdateResponse};
use bollard::query_parameters::{
    InspectContainerOptions, KillContainerOptionsBuilder, RemoveContainerOptionsBuilder, RenameContainerOptionsBuilder,
    StartContainerOptions, StopContainerOptions,
};
use mngr_contract::Result;
use mngr_contract::docker::{
    Container, ContainerChanges, ContainerFilter, ContainerSpec, ContainerSummary, CreatedContainer,
};
use mngr_contract::error::internal;
use mngr_contract::limits::{CHANGES, CHANGES_ENTRIES, LIST, LIST_ENTRIES};
use mngr_contract::types::Limits;

use super::convert_values::{filters, label_filter, or_default};
use super::system::ApiVersion;
use super::{DockerEngine, convert_inspect, convert_limits, convert_networks, convert_spec, newer, references};

/// The engine's own grace period where a container has none.
const DEFAULT_GRACE: i64 = 10;

/// From here on a MAC address belongs to a network and no longer to the container.
const MAC_ADDRESS_PER_NETWORK: ApiVersion = ApiVersion(1, 44);

pub(super) async fn container_list(engine: &DockerEngine, filter: ContainerFilter) -> Result<Vec<ContainerSummary>> {
    let (all, filters) = (filter.all.to_string(), filters(label_filter(filter.labels)));
    let query = [("all", all.as_str()), ("filters", &filters)];
    let request = engine.list(
        "/containers/json",
        &query,
        [LIST, LIST_ENTRIES],
        convert_inspect::summary,
    );
    engine.run(engine.reads("list", "the containers", ""), request).await
}

pub(super) async fn container_inspect(engine: &DockerEngine, id: &str, with_size: bool) -> Result<Container> {
    let id = references::name("container", id)?;
    let request = engine
        .docker()
        .inspect_container(id, Some(InspectContainerOptions { size: with_size }));
    let container = engine.run(engine.reads("inspect", "container", id), request).await?;
    Ok(convert_inspect::container(container))
}

pub(super) async fn container_create(engine: &DockerEngine, spec: ContainerSpec) -> Result<CreatedContainer> {
    let name = references::name("container", &spec.name)?.to_owned();
    let (mac_address, network) = (spec.mac_address.clone(), spec.network_mode.clone());
    let api = engine.check().await?;
    newer::check(&spec, api)?;
    let mut body = convert_spec::body(spec)?;
    if let Some(mac_address) = mac_address.clone().filter(|_| api >= MAC_ADDRESS_PER_NETWORK) {
        body = convert_networks::with_mac_address(body, network, mac_address);
    }
    let mut body = serde_json::to_value(body)
        .map_err(|error| internal("the request that creates a container", error.to_string(), "report this"))?;
    if let Some(mac_address) = mac_address.filter(|_| api < MAC_ADDRESS_PER_NETWORK) {
        body["MacAddress"] = mac_address.into();
    }
    let query = [("name", name.as_str())];
    let request = engine.post::<ContainerCreateResponse>("/containers/create", &query, &body);
    let created = engine
        .run(engine.changes("create", "container", &name), request)
        .await?;
    Ok(CreatedContainer {
        id: created.id,
        warnings: created.warnings,
    })
}

pub(super) async fn container_start(engine: &DockerEngine, id: &str) -> Result<()> {
    let id = references::name("container", id)?;
    let request = engine.docker().start_container(id, None::<StartContainerOptions>);
    engine.run(engine.changes("start", "container", id), request).await
}

pub(super) async fn container_stop(engine: &DockerEngine, id: &str, timeout_seconds: Option<u32>) -> Result<()> {
    let id = references::name("container", id)?;
    let grace = match timeout_seconds {
        Some(seconds) => i64::from(seconds),
        None => own_grace(engine, id).await?,
    };
    let options = StopContainerOptions {
        signal: None,
        t: timeout_seconds.map(|seconds| i32::try_from(seconds).unwrap_or(i32::MAX)),
    };
    let operation = engine.changes("stop", "container", id);
    // A negative grace period has no end; the engine's own answer then has none either.
    let grace = u64::try_from(grace).map_or(Duration::MAX, Duration::from_secs);
    let operation = operation.within(operation.deadline.saturating_add(grace));
    engine
        .run(operation, engine.docker().stop_container(id, Some(options)))
        .await
}

/// How long a container asks to be waited for before it is killed, in seconds.
async fn own_grace(engine: &DockerEngine, id: &str) -> Result<i64> {
    let request = engine.docker().inspect_container(id, None);
    let container = engine.run(engine.reads("inspect", "container", id), request).await?;
    Ok(container
        .config
        .and_then(|config| config.stop_timeout)
        .unwrap_or(DEFAULT_GRACE))
}

pub(super) async fn container_kill(engine: &DockerEngine, id: &str, signal: &str) -> Result<()> {
    let id = references::name("container", id)?;
    let options = KillContainerOptionsBuilder::default().signal(signal).build();
    let request = engine.docker().kill_container(id, Some(options));
    engine.run(engine.changes("kill", "container", id), request).await
}

pub(super) async fn container_pause(engine: &DockerEngine, id: &str) -> Result<()> {
    let id = references::name("container", id)?;
    let request = engine.docker().pause_container(id);
    engine.run(engine.changes("pause", "container", id), request).await
}

pub(super) async fn container_unpause(engine: &DockerEngine, id: &str) -> Result<()> {
    let id = references::name("container", id)?;
    let request = engine.docker().unpause_container(id);
    engine.run(engine.changes("unpause", "container", id), request).await
}

pub(super) async fn container_rename(engine: &DockerEngine, id: &str, name: &str) -> Result<()> {
    let id = references::name("container", id)?;
    let options = RenameContainerOptionsBuilder::default()
        .name(references::name("name", name)?)
        .build();
    let request = engine.docker().rename_container(id, options);
    engine.run(engine.changes("rename", "container", id), request).await
}

pub(super) async fn container_remove(engine: &DockerEngine, id: &str, force: bool, volumes: bool) -> Result<()> {
    let id = references::name("container", id)?;
    let options = RemoveContainerOptionsBuilder::default().force(force).v(volumes).build();
    let request = engine.docker().remove_container(id, Some(options));
    engine.run(engine.changes("remove", "container", id), request).await
}

pub(super) async fn container_update(engine: &DockerEngine, id: &str, limits: Limits) -> Result<Vec<String>> {
    let id = references::name("container", id)?;
    let body = convert_limits::update(limits)?;
    let path = format!("/containers/{id}/update");
    let request = engine.post::<ContainerUpdateResponse>(&path, &[], &body);
    let answer = engine.run(engine.changes("update", "container", id), request).await?;
    Ok(or_default(answer.warnings))
}

pub(super) async fn container_diff(engine: &DockerEngine, id: &str) -> Result<ContainerChanges> {
    let id = references::name("container", id)?;
    let mut changes = ContainerChanges {
        added: Vec::new(),
        modified: Vec::new(),
        deleted: Vec::new(),
    };
    let path = format!("/containers/{id}/changes");
    let limits = [CHANGES, CHANGES_ENTRIES];
    let request = engine.list(&path, &[], limits, |change| {
        convert_inspect::change(&mut changes, change)
    });
    engine.run(engine.reads("compare", "container", id), request).await?;
    Ok(changes)
}
