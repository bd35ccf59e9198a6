//! Where the port of an agent's sshd is published.

use std::net::IpAddr;

use futures::executor::block_on;

use super::Fake;
use super::fixtures::{provider, request};
use crate::contract::types::ProviderError;
use crate::create::CreateRequest;

/// The addresses on which port 22 of a new agent is published; an error's field where it is refused.
fn published(is_elsewhere: bool, address: Option<&str>, start_args: &[&str]) -> Result<Vec<String>, String> {
    let fake = Fake::new();
    fake.is_elsewhere.set(is_elsewhere);
    let mut provider = provider(&fake);
    provider.settings.ssh_bind_address = address.map(|text| text.parse::<IpAddr>().expect("an address"));
    let request = CreateRequest {
        publish_ssh: true,
        start_args: start_args.iter().map(|arg| (*arg).to_owned()).collect(),
        ..request("a")
    };
    match block_on(provider.create(request)) {
        Ok(_) => {}
        Err(ProviderError::InvalidArgument(error)) => {
            assert!(fake.containers.borrow().is_empty() && !error.remedy.is_empty());
            return Err(error.field);
        }
        Err(error) => panic!("{}", crate::error::summary(&error)),
    }
    let containers = fake.containers.borrow();
    let ports = containers[0].1.ports.iter().filter(|port| port.container_port == 22);
    Ok(ports.map(|port| port.host_ip.clone()).collect())
}

#[test]
fn it_is_published_on_the_loopback_of_this_machine_and_on_all_addresses_of_another() {
    assert_eq!(published(false, None, &[]), Ok(vec!["127.0.0.1".to_owned()]));
    assert_eq!(published(true, None, &[]), Ok(vec![String::new()]));
}

#[test]
fn the_setting_wins_unless_the_port_could_not_be_reached_there() {
    assert_eq!(published(false, Some("10.0.0.7"), &[]), Ok(vec!["10.0.0.7".to_owned()]));
    assert_eq!(published(true, Some("fd00::1"), &[]), Ok(vec!["fd00::1".to_owned()]));
    assert_eq!(published(false, Some("::1"), &[]), Err("ssh_bind_address".to_owned()));
    assert_eq!(
        published(true, Some("127.0.0.1"), &[]),
        Err("ssh_bind_address".to_owned())
    );
}

#[test]
fn a_port_that_the_user_publishes_is_left_as_it_is() {
    let given = ["-p", "0.0.0.0:2222:22"];
    assert_eq!(published(false, None, &given), Ok(vec!["0.0.0.0".to_owned()]));
}
