//! Ports of agents, reached from wherever this is.

use std::collections::BTreeSet;

use mngr_docker_tests::{Kind, Testbed, behaviours, error_kind, run};
use mngr_host_shim::contract::types::Agent;
use mngr_host_shim::provider::NewAgent;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const PORT: u16 = 8080;

/// An agent that says back what it is told.
fn echo(name: &str) -> NewAgent {
    NewAgent {
        command: ["nc", "-ll", "-p", "8080", "-e", "cat"].map(str::to_owned).to_vec(),
        ..NewAgent::named(name)
    }
}

async fn answers(bed: &Testbed, agent: &str) {
    // The agent runs before what it runs listens.
    loop {
        let mut stream = match bed.provider.open_port(agent, PORT).await {
            Ok(stream) => stream,
            Err(error) if error.kind() == "unavailable" => continue,
            Err(error) => panic!("{}", error.message()),
        };
        let mut answer = [0; 5];
        let said = stream.write_all(b"hello").await;
        if said.is_ok() && stream.read_exact(&mut answer).await.is_ok() {
            assert_eq!(&answer, b"hello");
            return;
        }
    }
}

async fn a_port_that_is_not_published_is_reached(bed: &Testbed) {
    bed.provider.create(echo("a")).await.expect("an agent");
    answers(bed, "a").await;
    let address = bed.provider.port("a", PORT).await.expect("an address");
    assert!(address.address.is_some() && address.published.is_none());
    bed.provider.stop("a", Default::default()).await.expect("stopped");
    assert_eq!(error_kind(bed.provider.port("a", PORT).await), "conflict");
}

async fn the_port_of_sshd_is_published_where_this_machine_gets_at_it(bed: &Testbed) {
    let agent = NewAgent {
        publish_ssh: true,
        command: ["nc", "-ll", "-p", "22", "-e", "cat"].map(str::to_owned).to_vec(),
        ..NewAgent::named("a")
    };
    let agent = bed.provider.create(agent).await.expect("an agent");
    assert_eq!(agent.ports[0].container_port, 22);
    let listed = bed.provider.discover(Default::default()).await.expect("a list");
    let ports = |agent: &Agent| -> BTreeSet<_> { agent.ports.iter().map(|port| port.host_port).collect() };
    assert_eq!(ports(&listed[0]), ports(&agent), "a list has the ports too");
    let connection = bed.provider.connection("a").await.expect("a connection");
    assert!(connection.proxy_jump.is_none() && !connection.host.is_empty());
    loop {
        let address = (connection.host.as_str(), connection.port);
        let Ok(mut stream) = tokio::net::TcpStream::connect(address).await else {
            continue;
        };
        let mut answer = [0; 5];
        let said = stream.write_all(b"hello").await;
        if said.is_ok() && stream.read_exact(&mut answer).await.is_ok() {
            break assert_eq!(&answer, b"hello");
        }
    }
}

async fn an_agents_sshd_is_found_with_its_keys(bed: &Testbed) {
    let arguments = ["-p", "127.0.0.1::22"].map(str::to_owned).to_vec();
    let agent = NewAgent {
        start_args: arguments,
        ..NewAgent::named("a")
    };
    bed.provider.create(agent).await.expect("an agent");
    let key = "mkdir -p /etc/ssh && echo 'ssh-ed25519 AAAAkey root@a' > /etc/ssh/ssh_host_ed25519_key.pub";
    assert_eq!(bed.shell("a", key).await.0, 0);
    let connection = bed.provider.connection("a").await.expect("a connection");
    assert_eq!(
        (connection.user.as_str(), connection.host.as_str()),
        ("root", "127.0.0.1")
    );
    let line = format!("[127.0.0.1]:{} ssh-ed25519 AAAAkey", connection.port);
    assert_eq!(connection.known_hosts, [line]);
    let is_remote = bed.engine.endpoint().starts_with("ssh://");
    assert_eq!(connection.proxy_jump.is_some(), is_remote);
}

#[test]
fn a_port_is_reached_on_this_machine() {
    run(Kind::Real, async |bed| {
        a_port_that_is_not_published_is_reached(bed).await
    });
}

#[test]
fn a_port_is_reached_behind_ssh() {
    run(Kind::Remote, async |bed| {
        a_port_that_is_not_published_is_reached(bed).await
    });
}

#[test]
fn the_port_of_sshd_is_published_on_this_machine() {
    run(Kind::Real, async |bed| {
        the_port_of_sshd_is_published_where_this_machine_gets_at_it(bed).await
    });
}

#[test]
fn the_port_of_sshd_is_published_behind_ssh() {
    run(Kind::Remote, async |bed| {
        the_port_of_sshd_is_published_where_this_machine_gets_at_it(bed).await
    });
}

#[test]
fn an_sshd_is_found_on_this_machine() {
    run(Kind::Real, async |bed| an_agents_sshd_is_found_with_its_keys(bed).await);
}

#[test]
fn an_sshd_is_found_behind_ssh() {
    run(Kind::Remote, async |bed| {
        an_agents_sshd_is_found_with_its_keys(bed).await
    });
}

behaviours! {
    async fn an_agent_without_a_network_has_no_ports(bed) {
        let agent = NewAgent {
            start_args: ["--network", "none"].map(str::to_owned).to_vec(),
            ..NewAgent::named("a")
        };
        bed.provider.create(agent).await.expect("an agent");
        assert_eq!(error_kind(bed.provider.port("a", PORT).await), "unsupported");
    }

    async fn a_port_22_that_is_not_published_is_no_connection(bed) {
        bed.agent("a").await;
        assert!(["conflict", "unsupported"].contains(&error_kind(bed.provider.connection("a").await)));
    }
}
