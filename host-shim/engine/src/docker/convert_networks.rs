//! The networks of a container that is to be made, in the API's words.

use bollard::models::{ContainerCreateBody, EndpointIpamConfig, EndpointSettings, NetworkingConfig};
use mngr_contract::docker::ContainerSpec;

use super::convert_values::list;

/// The networks that the container is made on; none where only a mode is asked for. Of the first network the MAC address is
/// left to [`with_mac_address`].
pub(super) fn networks(spec: &ContainerSpec) -> Option<NetworkingConfig> {
    let first = EndpointSettings {
        aliases: list(spec.network_aliases.clone()),
        ipam_config: addresses(&spec.ipv4_address, &spec.ipv6_address, &spec.link_local_addresses),
        // On a network that somebody made a link is a name on that network, and the host's configuration is not looked at.
        links: spec.network_mode.as_ref().and_then(|_| list(spec.links.clone())),
        ..Default::default()
    };
    let plain = first == EndpointSettings::default() && spec.networks.is_empty();
    let rest = spec.networks.iter().map(|endpoint| {
        let settings = EndpointSettings {
            aliases: list(endpoint.aliases.clone()),
            ipam_config: addresses(
                &endpoint.ipv4_address,
                &endpoint.ipv6_address,
                &endpoint.link_local_addresses,
            ),
            mac_address: endpoint.mac_address.clone(),
            ..Default::default()
        };
        (endpoint.network.clone(), settings)
    });
    let endpoints = std::iter::once((first_network(spec), first)).chain(rest).collect();
    (!plain).then_some(NetworkingConfig {
        endpoints_config: Some(endpoints),
    })
}

fn first_network(spec: &ContainerSpec) -> String {
    spec.network_mode.clone().unwrap_or_else(|| "default".to_owned())
}

fn addresses(ipv4: &Option<String>, ipv6: &Option<String>, link_local: &[String]) -> Option<EndpointIpamConfig> {
    let config = EndpointIpamConfig {
        ipv4_address: ipv4.clone(),
        ipv6_address: ipv6.clone(),
        link_local_ips: list(link_local.to_vec()),
    };
    (config != EndpointIpamConfig::default()).then_some(config)
}

/// The body with a MAC address on the network that the container is made on.
pub(super) fn with_mac_address(
    mut body: ContainerCreateBody,
    network: Option<String>,
    mac_address: String,
) -> ContainerCreateBody {
    let network = network.unwrap_or_else(|| "default".to_owned());
    let config = body.networking_config.get_or_insert_default();
    let endpoint = config
        .endpoints_config
        .get_or_insert_default()
        .entry(network)
        .or_default();
    endpoint.mac_address = Some(mac_address);
    body
}

#[cfg(test)]
mod tests {
    use mngr_contract::docker::NetworkEndpoint;

    use super::*;

    fn json(spec: &ContainerSpec) -> serde_json::Value {
        serde_json::to_value(networks(spec)).expect("JSON")
    }

    #[test]
    fn names_and_addresses_belong_to_their_network() {
        assert_eq!(json(&ContainerSpec::default()), serde_json::Value::Null);
        let spec = ContainerSpec {
            network_mode: Some("net1".into()),
            network_aliases: vec!["db".into()],
            ipv4_address: Some("10.1.0.5".into()),
            networks: vec![NetworkEndpoint {
                network: "net2".into(),
                aliases: Vec::new(),
                ipv4_address: None,
                ipv6_address: None,
                link_local_addresses: Vec::new(),
                mac_address: Some("02:42:ac:11:00:02".into()),
            }],
            ..ContainerSpec::default()
        };
        let expected = serde_json::json!({"EndpointsConfig": {
            "net1": {"Aliases": ["db"], "IPAMConfig": {"IPv4Address": "10.1.0.5"}},
            "net2": {"MacAddress": "02:42:ac:11:00:02"},
        }});
        assert_eq!(json(&spec), expected);
    }

    #[test]
    fn a_link_is_said_of_the_network_that_is_named() {
        let spec = ContainerSpec {
            links: vec!["db:sql".into()],
            ..ContainerSpec::default()
        };
        assert_eq!(json(&spec), serde_json::Value::Null);
        let spec = ContainerSpec {
            network_mode: Some("net1".into()),
            ..spec
        };
        let expected = serde_json::json!({"EndpointsConfig": {"net1": {"Links": ["db:sql"]}}});
        assert_eq!(json(&spec), expected);
    }

    #[test]
    fn a_mac_address_joins_what_the_first_network_has() {
        let body = ContainerCreateBody {
            networking_config: networks(&ContainerSpec {
                network_aliases: vec!["db".into()],
                ..ContainerSpec::default()
            }),
            ..ContainerCreateBody::default()
        };
        let body = with_mac_address(body, None, "02:42:ac:11:00:02".into());
        let json = serde_json::to_value(body.networking_config).expect("JSON");
        let expected = serde_json::json!({"Aliases": ["db"], "MacAddress": "02:42:ac:11:00:02"});
        assert_eq!(json["EndpointsConfig"]["default"], expected);
    }
}
