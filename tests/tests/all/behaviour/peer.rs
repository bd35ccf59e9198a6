//! Hosts that mngr's own Docker provider made are agents of ours.

use mngr_docker_tests::{IMAGE, Testbed, behaviours};
use mngr_host_shim::contract::docker::{CommitOptions, ContainerSpec, PortBinding};
use mngr_host_shim::contract::instance::{SnapshotFilter, SnapshotRequest, StartRequest};
use mngr_host_shim::contract::types::AgentState;
use mngr_host_shim::policy::PROVIDER_LABEL;

const HOST: &str = "host-0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f";
const AGENT: &str = "agent-0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f";

/// A container as that provider makes one, and its name.
async fn made(bed: &Testbed) -> (String, String) {
    let provider = bed.provider.name().to_owned();
    let name = format!("mngr-{provider}-host");
    let labels = [
        ("com.imbue.mngr.host-id", HOST),
        ("com.imbue.mngr.host-name", "h1"),
        (PROVIDER_LABEL, &provider),
        ("com.imbue.mngr.tags", "{\"team\": \"red\"}"),
    ];
    let spec = ContainerSpec {
        name: name.clone(),
        image: IMAGE.to_owned(),
        labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec(),
        entrypoint: Some(vec!["sh".to_owned()]),
        command: Some(
            ["-c", "trap 'exit 0' TERM; tail -f /dev/null & wait"]
                .map(str::to_owned)
                .to_vec(),
        ),
        ports: vec![PortBinding {
            container_port: 22,
            protocol: "tcp".to_owned(),
            host_ip: "127.0.0.1".to_owned(),
            host_port: None,
            host_port_end: None,
        }],
        ..ContainerSpec::default()
    };
    let id = bed.engine.container_create(spec).await.expect("a container").id;
    bed.engine.container_start(&id).await.expect("started");
    (id, name)
}

async fn snapshots(bed: &Testbed) -> Vec<(String, Option<String>)> {
    let listed = bed
        .provider
        .snapshot_list(SnapshotFilter {
            agent: Some("h1".to_owned()),
        })
        .await
        .expect("snapshots");
    listed
        .into_iter()
        .map(|snapshot| (snapshot.id, snapshot.name))
        .collect()
}

behaviours! {
    async fn it_is_found_by_its_name_and_id_and_lives_as_any_other(bed) {
        let (container, _) = made(bed).await;
        let listed = bed.provider.discover(Default::default()).await.expect("a list");
        assert_eq!(listed.len(), 1);
        assert_eq!((listed[0].id.as_str(), listed[0].name.as_str(), listed[0].container_id.as_str()), (AGENT, "h1", container.as_str()));
        assert_eq!((listed[0].state, listed[0].tags.clone()), (AgentState::Running, vec![("team".to_owned(), "red".to_owned())]));
        assert!(listed[0].created_at.is_some());
        assert_eq!(bed.shell("h1", "echo kept > /kept").await.0, 0);
        assert_eq!(bed.provider.stop(AGENT, Default::default()).await.expect("stopped").agent.state, AgentState::Stopped);
        bed.provider.start("0f0f0f", Default::default()).await.expect("started");
        assert_eq!(bed.shell("h1", "cat /kept").await.1.trim(), "kept");
        let renamed = bed.provider.rename("h1", "h2").await.expect("renamed");
        assert_eq!((renamed.name.as_str(), renamed.id.as_str()), ("h2", AGENT));
        bed.provider.destroy("h2", Default::default()).await.expect("destroyed");
        bed.engine.container_inspect(&container, false).await.expect_err("it is gone");
    }

    async fn it_is_snapshotted_and_comes_back_with_its_command_its_port_and_its_identity(bed) {
        let (container, _) = made(bed).await;
        assert_eq!(bed.shell("h1", "echo one > /state").await.0, 0);
        let snapshot = bed.provider.snapshot_create("h1", SnapshotRequest::default()).await.expect("a snapshot");
        assert_eq!((snapshot.agent_id.as_str(), snapshot.agent_name.as_str()), (AGENT, "h1"));
        assert_eq!(bed.shell("h1", "echo two > /state").await.0, 0);
        bed.provider.stop("h1", Default::default()).await.expect("stopped");
        let restored = bed.provider.start("h1", StartRequest { snapshot: Some(snapshot.id.clone()) }).await.expect("restored");
        assert_eq!((restored.id.as_str(), restored.name.as_str()), (AGENT, "h1"));
        assert_ne!(restored.container_id, container);
        assert_eq!(bed.shell("h1", "cat /state").await.1.trim(), "one");
        let now = bed.engine.container_inspect(&restored.container_id, false).await.expect("inspected");
        assert_eq!((now.entrypoint.as_slice(), now.command[0].as_str()), (["sh".to_owned()].as_slice(), "-c"));
        let ssh = now.ports.iter().find(|port| port.container_port == 22).expect("the port");
        assert_eq!(ssh.host_ip, "127.0.0.1");
        let label = |key: &str| now.labels.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
        assert_eq!((label("com.imbue.mngr.host-id"), label("com.imbue.mngr.host-name")), (Some(HOST), Some("h1")));
        bed.provider.destroy("h1", Default::default()).await.expect("destroyed");
        assert_eq!(snapshots(bed).await.len(), 1, "its snapshot is found without it");
    }

    async fn what_that_provider_committed_is_a_snapshot(bed) {
        let (container, _) = made(bed).await;
        assert_eq!(bed.shell("h1", "echo theirs > /state").await.0, 0);
        let options = CommitOptions {
            repository: "mngr-snapshot".to_owned(),
            tag: format!("{HOST}-before"),
            comment: String::new(),
            author: String::new(),
            pause: true,
            labels: Vec::new(),
            flatten: false,
            without_env: Vec::new(),
        };
        let image = bed.engine.container_commit(&container, options).await.expect("an image");
        let listed = snapshots(bed).await;
        assert_eq!(listed[0].1.as_deref(), Some("before"));
        bed.provider.stop("h1", Default::default()).await.expect("stopped");
        bed.provider.start("h1", StartRequest { snapshot: Some("before".to_owned()) }).await.expect("restored");
        assert_eq!(bed.shell("h1", "cat /state").await.1.trim(), "theirs");
        bed.provider.destroy("h1", Default::default()).await.expect("destroyed");
        bed.provider.snapshot_delete(None, &listed[0].0).await.expect("deleted");
        bed.engine.image_inspect(&image).await.expect_err("it is gone");
    }

    async fn its_state_container_and_the_hosts_of_others_are_none_of_ours(bed) {
        let own = bed.provider.name().to_owned();
        bed.plant("state", &[("com.imbue.mngr.type", "state-container")]).await;
        let others = bed.another_provider("2").await;
        made(bed).await;
        assert!(others.discover(Default::default()).await.expect("a list").is_empty());
        let listed = bed.provider.discover(Default::default()).await.expect("a list");
        assert_eq!(listed.iter().map(|agent| agent.name.as_str()).collect::<Vec<_>>(), ["h1"], "{own}");
    }
}
