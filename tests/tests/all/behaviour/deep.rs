//! Chains of snapshots that are longer than an engine has layers.

use mngr_docker_tests::{Kind, behaviours};
use mngr_host_shim::contract::docker::{CommitOptions, Image};
use mngr_host_shim::contract::instance::{SnapshotRequest, StartRequest};
use mngr_host_shim::provider::NewAgent;

/// What an image says about its containers, but for the labels.
fn configuration(image: &Image) -> [Vec<String>; 5] {
    let sorted = |list: &[String]| {
        let mut list = list.to_vec();
        list.sort();
        list
    };
    [
        [&image.entrypoint[..], &image.command].concat(),
        vec![
            image.working_dir.clone(),
            image.user.clone(),
            image.stop_signal.clone().unwrap_or_default(),
        ],
        sorted(&image.env_names),
        sorted(&image.exposed_ports),
        sorted(&image.volumes),
    ]
}

/// Only in memory: a real engine takes many minutes to stack a hundred layers. That it flattens as the sandbox does is the
/// next test's business.
#[test]
fn a_chain_goes_on_beyond_the_engines_layers_with_files_and_configuration() {
    mngr_docker_tests::run(Kind::Sandbox, async |bed| {
        let rounds = 130;
        let start_args = [
            "--user=0:0",
            "--env=WORD=two words",
            "--workdir=/tmp",
            "--expose=80",
            "--stop-signal=SIGINT",
            "--volume=/data",
            "--health-cmd=true",
        ];
        let created = bed
            .provider
            .create(NewAgent {
                start_args: start_args.map(str::to_owned).to_vec(),
                command: ["tail", "-f", "/dev/null"].map(str::to_owned).to_vec(),
                ..NewAgent::named("a")
            })
            .await
            .expect("an agent");
        let mut first = None;
        let mut deepest = 0;
        for round in 0..rounds {
            bed.shell("a", &format!("echo {round} >> /root/rounds")).await;
            let snapshot = bed
                .provider
                .snapshot_create("a", SnapshotRequest::default())
                .await
                .expect("a snapshot");
            let image = bed.engine.image_inspect(&snapshot.image).await.expect("its image");
            let first = first.get_or_insert_with(|| configuration(&image));
            assert_eq!(&configuration(&image), first, "round {round}, {} layers", image.layers);
            deepest = deepest.max(image.layers);
            bed.provider.stop("a", Default::default()).await.expect("stopped");
            bed.provider
                .start(
                    "a",
                    StartRequest {
                        snapshot: Some(snapshot.id),
                    },
                )
                .await
                .expect("restored");
        }
        let (_, text) = bed.shell("a", "cat /root/rounds").await;
        assert_eq!(text.lines().count(), rounds);
        assert!((100..=110).contains(&deepest), "{deepest} layers");
        let agent = bed.provider.get("a").await.expect("it");
        assert_eq!(agent.id, created.id);
        let last = bed.engine.image_inspect(&agent.image).await.expect("its image");
        assert!(last.layers < 100, "{} layers", last.layers);
        assert_eq!(bed.shell("a", "echo $WORD").await.1, "two words\n");
        let none_left = bed.engine.image_list(Vec::new()).await.expect("images");
        let tag = format!("mngr-scratch:{}", created.id);
        assert!(
            none_left
                .iter()
                .flat_map(|image| &image.tags)
                .all(|left| !left.starts_with(&tag))
        );
    });
}

behaviours! {
    async fn a_flattened_commit_has_one_filesystem_and_the_same_configuration(bed) {
        let start_args = ["--user=0:0", "--env=WORD=two words", "--workdir=/tmp", "--expose=80", "--stop-signal=SIGINT", "--volume=/data"];
        let agent = bed.provider.create(NewAgent {
            start_args: start_args.map(str::to_owned).to_vec(),
            ..NewAgent::named("a")
        }).await.expect("an agent");
        bed.shell("a", "echo kept > /root/file").await;
        let deep = bed.provider.snapshot_create("a", SnapshotRequest { force: true, ..SnapshotRequest::default() }).await.expect("a snapshot");
        bed.provider.stop("a", Default::default()).await.expect("stopped");
        bed.provider.start("a", StartRequest { snapshot: Some(deep.id.clone()) }).await.expect("restored");
        let container = bed.provider.get("a").await.expect("it").container_id;
        let tag = format!("{}-snap-flat", agent.id);
        let options = CommitOptions {
            repository: "mngr-snapshot".to_owned(),
            tag: tag.clone(),
            comment: String::new(),
            author: String::new(),
            pause: true,
            labels: vec![("flat".to_owned(), "yes".to_owned())],
            flatten: true,
            without_env: Vec::new(),
        };
        bed.engine.container_commit(&container, options).await.expect("an image");
        let flat = bed.engine.image_inspect(&format!("mngr-snapshot:{tag}")).await.expect("the image");
        let deep = bed.engine.image_inspect(&deep.image).await.expect("the image");
        assert!(flat.layers <= 2, "{} layers", flat.layers);
        assert_eq!(configuration(&flat), configuration(&deep));
        assert!(flat.labels.iter().any(|(name, value)| name == "flat" && value == "yes"));
        let of_flat = bed.provider.create(NewAgent::named("b").image(format!("mngr-snapshot:{tag}"))).await.expect("an agent");
        assert_eq!(bed.shell(&of_flat.id, "cat /root/file; echo $WORD").await, (0, "kept\ntwo words\n".to_owned()));
        let images = bed.engine.image_list(Vec::new()).await.expect("images");
        let scratch = format!("mngr-scratch:{}", agent.id);
        assert!(images.iter().flat_map(|image| &image.tags).all(|left| !left.starts_with(&scratch)));
    }

    async fn snapshots_of_one_agent_can_be_taken_again_and_again(bed) {
        bed.agent("a").await;
        let count = if bed.sandbox.is_some() { 300 } else { 30 };
        for _ in 0..count {
            bed.provider.snapshot_create("a", SnapshotRequest::default()).await.expect("a snapshot");
        }
        assert_eq!(bed.provider.get("a").await.expect("it").name, "a");
    }
}
