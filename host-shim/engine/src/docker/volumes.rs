//! Volumes and networks.

use std::collections::HashMap;

use bollard::models::{Volume as ApiVolume, VolumeCreateRequest};
use bollard::query_parameters::RemoveVolumeOptions;
use http::Method;
use mngr_contract::Result;
use mngr_contract::docker::{Network, Volume};
use mngr_contract::limits::{LIST, LIST_ENTRIES};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::convert_values::{filters, label_filter, map, moment, or_default, pairs};
use super::requests::empty;
use super::{DockerEngine, convert_inspect, references, rows};

fn volume(volume: ApiVolume) -> Volume {
    Volume {
        name: volume.name,
        driver: volume.driver,
        mountpoint: volume.mountpoint,
        options: pairs(Some(volume.options)),
        labels: pairs(Some(volume.labels)),
        created: moment(volume.created_at.as_deref()),
    }
}

/// A list of volumes is an entry of its answer.
#[derive(Deserialize)]
struct Volumes<'a> {
    #[serde(borrow, rename = "Volumes")]
    volumes: Option<&'a RawValue>,
}

pub(super) async fn volume_list(engine: &DockerEngine, labels: Vec<String>) -> Result<Vec<Volume>> {
    let filters = filters(label_filter(labels));
    let request = async {
        let request = engine.request(Method::GET, "/volumes", &[("filters", &filters)], empty())?;
        let answer = engine.whole(request, LIST).await?;
        let list = serde_json::from_slice::<Volumes<'_>>(&answer)?.volumes;
        rows::read(list.map_or("null", RawValue::get).as_bytes(), LIST_ENTRIES, volume)
    };
    engine.run(engine.reads("list", "the volumes", ""), request).await
}

pub(super) async fn volume_inspect(engine: &DockerEngine, name: &str) -> Result<Volume> {
    let name = references::name("volume", name)?;
    let request = engine.docker().inspect_volume(name);
    Ok(volume(
        engine.run(engine.reads("inspect", "volume", name), request).await?,
    ))
}

/// The engine's filter also fits a path in a container, which no volume's name is.
pub(super) async fn volume_users(engine: &DockerEngine, name: &str) -> Result<Vec<String>> {
    let name = references::name("volume", name)?;
    let filters = filters(HashMap::from([("volume".to_owned(), vec![name.to_owned()])]));
    let query = [("all", "true"), ("filters", &filters)];
    let user = |container| convert_inspect::summary(container).name;
    let request = engine.list("/containers/json", &query, [LIST, LIST_ENTRIES], user);
    let mut names = engine
        .run(engine.reads("list", "the users of volume", name), request)
        .await?;
    names.sort();
    Ok(names)
}

pub(super) async fn volume_create(
    engine: &DockerEngine,
    name: &str,
    driver: &str,
    options: Vec<(String, String)>,
    labels: Vec<(String, String)>,
) -> Result<Volume> {
    let name = references::name("volume", name)?;
    let body = VolumeCreateRequest {
        name: Some(name.to_owned()),
        driver: Some(driver.to_owned()).filter(|driver| !driver.is_empty()),
        driver_opts: map(options),
        labels: map(labels),
        cluster_volume_spec: None,
    };
    let request = engine.docker().create_volume(body);
    Ok(volume(
        engine.run(engine.changes("create", "volume", name), request).await?,
    ))
}

pub(super) async fn volume_remove(engine: &DockerEngine, name: &str, force: bool) -> Result<()> {
    let name = references::name("volume", name)?;
    let request = engine.docker().remove_volume(name, Some(RemoveVolumeOptions { force }));
    engine.run(engine.changes("remove", "volume", name), request).await
}

pub(super) async fn network_inspect(engine: &DockerEngine, name: &str) -> Result<Network> {
    let name = references::name("network", name)?;
    let request = engine.docker().inspect_network(name, None);
    let network = engine.run(engine.reads("inspect", "network", name), request).await?;
    Ok(Network {
        id: or_default(network.id),
        name: or_default(network.name),
        driver: or_default(network.driver),
        internal: or_default(network.internal),
        labels: pairs(network.labels),
    })
}
