//! What one snapshot has over another, or an agent over a snapshot.

use mngr_docker_tests::{Kind, Testbed, behaviours, error_kind, run, until_asked};
use mngr_host_shim::contract::docker::{CommitOptions, ContainerChanges, ContainerFilter};
use mngr_host_shim::contract::instance::{DiscoverRequest, SnapshotFilter, SnapshotRequest, StartRequest};
use mngr_host_shim::provider::NewAgent;

async fn snapshot(bed: &Testbed, agent: &str, name: &str) -> String {
    let request = SnapshotRequest {
        name: name.to_owned(),
        ..SnapshotRequest::default()
    };
    bed.provider
        .snapshot_create(agent, request)
        .await
        .expect("a snapshot")
        .id
}

async fn diff(bed: &Testbed, older: &str, newer: &str) -> ContainerChanges {
    bed.provider.snapshot_diff(older, newer).await.expect("a difference")
}

fn sorted(paths: &[String]) -> Vec<&str> {
    let mut paths: Vec<_> = paths.iter().map(String::as_str).collect();
    paths.sort_unstable();
    paths
}

/// How many containers there are of the provider's snapshots; none of its agents is made from one.
async fn made_of_snapshots(bed: &Testbed) -> usize {
    let snapshots = bed.provider.snapshot_list(SnapshotFilter::default()).await;
    let images: Vec<_> = snapshots
        .expect("a list")
        .into_iter()
        .map(|snapshot| snapshot.image_id)
        .collect();
    let all = ContainerFilter {
        all: true,
        labels: Vec::new(),
    };
    let containers = bed.engine.container_list(all).await.expect("a list");
    containers
        .iter()
        .filter(|container| images.contains(&container.image_id))
        .count()
}

behaviours! {
    async fn two_snapshots_of_one_agent_differ_by_what_was_done_in_between(bed) {
        bed.agent("a").await;
        bed.shell("a", "mkdir -p /srv/gone /srv/kept; echo 1 > /srv/gone/x; echo 1 > /srv/kept/y; echo 1 > /srv/mode; echo 1 > /srv/same").await;
        snapshot(bed, "a", "one").await;
        bed.shell("a", "rm -r /srv/gone; echo 22 > /srv/kept/y; chmod 600 /srv/mode; mkdir /srv/new; echo n > /srv/new/z").await;
        let two = snapshot(bed, "a", "two").await;

        let forth = diff(bed, "one", &two).await;
        assert_eq!(sorted(&forth.added), ["/srv/new", "/srv/new/z"]);
        assert_eq!(sorted(&forth.modified), ["/srv", "/srv/kept", "/srv/kept/y", "/srv/mode"]);
        assert_eq!(forth.deleted, ["/srv/gone"]);

        let back = diff(bed, "two", "one").await;
        assert_eq!(sorted(&back.added), ["/srv/gone", "/srv/gone/x"]);
        assert_eq!(sorted(&back.modified), sorted(&forth.modified));
        assert_eq!(back.deleted, ["/srv/new"]);
        assert_eq!(made_of_snapshots(bed).await, 0);
    }

    async fn what_was_overwritten_with_the_same_length_is_found_and_a_snapshot_equals_itself(bed) {
        bed.agent("a").await;
        bed.shell("a", "echo one > /root/file").await;
        snapshot(bed, "a", "one").await;
        bed.shell("a", "touch -d '2001-02-03 04:05:06' /root/file").await;
        bed.shell("a", "t=$(stat -c %Y /root/file); echo two > /root/file; touch -d @$t /root/file").await;
        snapshot(bed, "a", "two").await;
        assert_eq!(sorted(&diff(bed, "one", "two").await.modified), ["/root", "/root/file"]);
        let none = diff(bed, "one", "one").await;
        assert_eq!((none.added.len(), none.modified.len(), none.deleted.len()), (0, 0, 0), "{none:?}");
    }

    async fn snapshots_of_different_agents_are_compared(bed) {
        bed.agent("a").await;
        bed.agent("b").await;
        bed.shell("a", "echo a > /root/a").await;
        bed.shell("b", "echo b > /root/b").await;
        snapshot(bed, "a", "of-a").await;
        snapshot(bed, "b", "of-b").await;
        let changes = diff(bed, "of-a", "of-b").await;
        assert_eq!((changes.added, changes.modified, changes.deleted), (vec!["/root/b".to_owned()], vec!["/root".to_owned()], vec!["/root/a".to_owned()]));
    }

    async fn an_agent_is_compared_with_a_snapshot_in_either_direction(bed) {
        bed.agent("a").await;
        snapshot(bed, "a", "one").await;
        assert!(diff(bed, "one", "a").await.modified.is_empty());
        bed.shell("a", "echo new > /root/new").await;
        assert_eq!(diff(bed, "one", "a").await.added, ["/root/new"]);
        assert_eq!(diff(bed, "a", "one").await.deleted, ["/root/new"]);
    }

    async fn a_reference_that_fits_nothing_or_both_is_refused(bed) {
        bed.agent("a").await;
        snapshot(bed, "a", "a").await;
        snapshot(bed, "a", "twice").await;
        snapshot(bed, "a", "twice").await;
        for (older, newer, kind) in [("a", "a", "ambiguous"), ("twice", "a", "ambiguous"), ("nothing", "twice", "not_found"), ("", "a", "invalid_argument")] {
            assert_eq!(error_kind(bed.provider.snapshot_diff(older, newer).await), kind, "{older} {newer}");
        }
        let error = bed.provider.snapshot_diff("a", "a").await.expect_err("a snapshot and an agent");
        assert!(format!("{error:?}").contains("snapshot snap-") && format!("{error:?}").contains("agent a ("), "{error:?}");
    }

    async fn another_providers_snapshot_is_not_found(bed) {
        let other = bed.another_provider("b").await;
        other.create(NewAgent::named("a")).await.expect("an agent");
        let theirs = other.snapshot_create("a", SnapshotRequest::default()).await.expect("a snapshot");
        bed.agent("mine").await;
        assert_eq!(error_kind(bed.provider.snapshot_diff("mine", &theirs.id).await), "not_found");
        bed.remove_all_of(&other).await;
    }

    async fn a_comparison_shows_nowhere_while_it_runs_and_leaves_nothing_when_it_dies(bed) {
        bed.agent("a").await;
        let one = snapshot(bed, "a", "one").await;
        bed.shell("a", "dd if=/dev/zero of=/root/big bs=1M count=64").await;
        let two = snapshot(bed, "a", "two").await;
        let dying = bed.again().await;
        if let Some(sandbox) = &bed.sandbox {
            sandbox.fail_next(mngr_host_shim::sandbox::Operation::ContainerCompare, mngr_host_shim::sandbox::Fault::Hang);
        }
        let both_are_there = async {
            until_asked("both are there", async || made_of_snapshots(bed).await == 2).await;
            let listed = bed.provider.discover(DiscoverRequest::default()).await.expect("a list");
            assert_eq!(listed.iter().map(|agent| agent.name.as_str()).collect::<Vec<_>>(), ["a"]);
        };
        tokio::select! {
            compared = dying.snapshot_diff(&one, &two) => panic!("it was to die: {compared:?}"),
            () = both_are_there => {}
        }
        drop(dying);
        // A request that was on its way keeps the dead call's journal until it is answered; a process takes it along.
        while made_of_snapshots(bed).await > 0 {
            bed.again().await.reconcile().await.expect("reconciled");
        }
        bed.provider.snapshot_delete(None, &two).await.expect("nothing uses it");
    }

    async fn a_flattened_snapshot_is_compared_with_one_that_is_not(bed) {
        let agent = bed.agent("a").await;
        bed.shell("a", "echo one > /root/file; ln /root/file /root/alias").await;
        let one = snapshot(bed, "a", "one").await;
        bed.provider.stop("a", Default::default()).await.expect("stopped");
        bed.provider.start("a", StartRequest { snapshot: Some(one) }).await.expect("restored");
        bed.shell("a", "echo two > /root/file").await;
        let flat = format!("snap-{}", "f".repeat(32));
        let label = |name: &str, value: &str| (format!("com.imbue.mngr.{name}"), value.to_owned());
        let options = CommitOptions {
            without_env: Vec::new(),
            repository: "mngr-snapshot".to_owned(),
            tag: format!("{}-{flat}", agent.id),
            comment: String::new(),
            author: String::new(),
            pause: true,
            labels: vec![label("snapshot.id", &flat), label("snapshot.name", "flat")],
            flatten: true,
        };
        let container = bed.provider.get("a").await.expect("it").container_id;
        let image = bed.engine.container_commit(&container, options).await.expect("flattened");
        assert_eq!(bed.engine.image_inspect(&image).await.expect("it").layers, 1);
        let changes = diff(bed, "one", "flat").await;
        assert!(changes.added.is_empty() && changes.deleted.is_empty(), "{changes:?}");
        assert_eq!(sorted(&changes.modified)[..2], ["/root", if bed.sandbox.is_some() { "/root/file" } else { "/root/alias" }]);
    }
}

/// Only for real: the sandbox has no hard links, devices or attributes.
#[test]
fn links_owners_and_types_are_compared() {
    run(Kind::Real, async |bed| {
        bed.agent("a").await;
        bed.shell(
            "a",
            "cd /srv || mkdir /srv && cd /srv; echo f > b; ln -s b l; mkfifo p; echo t > t; echo o > o",
        )
        .await;
        snapshot(bed, "a", "one").await;
        // The first of two names comes before the second in an archive, and has the content.
        bed.shell(
            "a",
            "cd /srv; ln b a; ln -sf o l; rm t; mkdir t; echo in > t/in; chown 7:8 o",
        )
        .await;
        snapshot(bed, "a", "two").await;
        let changes = diff(bed, "one", "two").await;
        assert_eq!(sorted(&changes.added), ["/srv/a", "/srv/t/in"]);
        assert_eq!(sorted(&changes.modified), ["/srv", "/srv/l", "/srv/o", "/srv/t"]);
        assert!(changes.deleted.is_empty(), "{changes:?}");
    });
}
