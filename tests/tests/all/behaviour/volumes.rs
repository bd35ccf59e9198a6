//! Snapshots that take volumes along, and what is made of them.

use mngr_docker_tests::{Kind, Testbed, behaviours, error_kind, run};
use mngr_host_shim::contract::instance::{
    DestroyRequest, ForkRequest, GcRequest, SnapshotFilter, SnapshotRequest, StartRequest, StopRequest,
};
use mngr_host_shim::contract::types::{AgentState, Finding, FindingKind, Severity, Snapshot};
use mngr_host_shim::provider::{AgentSource, NewAgent};

fn with(name: &str, start_args: &[&str]) -> NewAgent {
    NewAgent {
        start_args: start_args.iter().map(|arg| (*arg).to_owned()).collect(),
        ..NewAgent::named(name)
    }
}

fn along() -> SnapshotRequest {
    SnapshotRequest {
        include_volumes: true,
        ..SnapshotRequest::default()
    }
}

fn of(snapshot: &Snapshot, name: &str) -> NewAgent {
    NewAgent {
        from: AgentSource::Snapshot(snapshot.id.clone()),
        ..NewAgent::named(name)
    }
}

/// A name for a volume of this test alone.
fn named(bed: &Testbed, suffix: &str) -> String {
    format!("{}-{suffix}", bed.provider.name())
}

async fn taken(bed: &Testbed, agent: &str) -> Snapshot {
    bed.provider.snapshot_create(agent, along()).await.expect("a snapshot")
}

/// Path and source of every volume that an agent mounts.
async fn mounted(bed: &Testbed, agent: &str) -> Vec<(String, String)> {
    let agent = bed.provider.get(agent).await.expect("the agent");
    let container = bed
        .engine
        .container_inspect(&agent.container_id, false)
        .await
        .expect("it");
    let mut mounts: Vec<_> = container
        .mounts
        .into_iter()
        .filter_map(|mount| Some((mount.destination, mount.name?)))
        .collect();
    mounts.sort();
    mounts
}

async fn companions(bed: &Testbed) -> Vec<String> {
    let own = format!("{}={}", mngr_host_shim::policy::PROVIDER_LABEL, bed.provider.name());
    let images = bed.engine.image_list(vec![own]).await.expect("images");
    let mut tags: Vec<_> = images.into_iter().flat_map(|image| image.tags).collect();
    tags.retain(|tag| tag.starts_with("mngr-snapshot-volume:"));
    tags.sort();
    tags
}

async fn check(bed: &Testbed, agent: &str) -> Vec<Finding> {
    bed.provider.snapshot_check(agent, true).await.expect("findings")
}

fn at<'a>(findings: &'a [Finding], path: &str) -> &'a Finding {
    let found = findings.iter().find(|finding| finding.path.as_deref() == Some(path));
    found.unwrap_or_else(|| panic!("nothing is found at {path}: {findings:?}"))
}

behaviours! {
    #[everywhere]
    async fn a_new_agent_gets_the_volumes_of_the_snapshot_in_volumes_of_its_own(bed) {
        let name = named(bed, "data");
        let args = [&format!("--volume={name}:/data"), "--volume=/anonymous", "--tmpfs=/fast"];
        bed.provider.create(with("a", &args)).await.expect("an agent");
        bed.shell("a", "mkdir /data/empty; echo d > /data/file; echo a > /anonymous/file; echo t > /fast/file").await;
        let snapshot = taken(bed, "a").await;
        assert_eq!(snapshot.findings.len(), 0, "nothing is lost: {:?}", snapshot.findings);
        let mut held: Vec<_> = snapshot.volumes.iter().map(|volume| (volume.path.as_str(), volume.kind)).collect();
        held.sort_by_key(|(path, _)| path.to_owned());
        assert_eq!(format!("{held:?}"), format!("{:?}", [
            ("/anonymous", FindingKind::AnonymousVolume), ("/data", FindingKind::NamedVolume), ("/fast", FindingKind::Tmpfs),
        ]));
        assert_eq!(companions(bed).await.len(), 3);
        assert_eq!(bed.provider.get("a").await.expect("it").state, AgentState::Running);

        bed.shell("a", "echo later > /data/file; echo later > /fast/file").await;
        bed.provider.create(of(&snapshot, "b")).await.expect("an agent");
        assert_eq!(bed.shell("b", "cat /data/file /anonymous/file /fast/file; test -d /data/empty").await, (0, "d\na\nt\n".to_owned()));
        assert_eq!(bed.shell("a", "cat /data/file").await.1, "later\n", "the old volume is as it was");
        bed.shell("b", "echo mine > /data/file").await;
        assert_eq!(bed.shell("a", "cat /data/file").await.1, "later\n");
        let volumes = bed.provider.volumes().await.expect("volumes");
        assert_eq!(volumes.len(), 2);
        let b = bed.provider.get("b").await.expect("it");
        assert!(volumes.iter().all(|volume| volume.agent_id.as_deref() == Some(b.id.as_str())));
        bed.remove(&["a", "b"], &[&name]).await;
    }

    async fn a_restored_agent_keeps_its_id_and_can_be_snapshotted_and_restored_again(bed) {
        let name = named(bed, "data");
        let agent = bed.provider.create(with("a", &[&format!("--mount=type=volume,source={name},target=/data")])).await.expect("an agent");
        bed.shell("a", "echo one > /data/file").await;
        let first = taken(bed, "a").await;
        bed.shell("a", "echo two > /data/file").await;
        bed.provider.stop("a", Default::default()).await.expect("stopped");
        let restored = bed.provider.start("a", StartRequest { snapshot: Some(first.id.clone()) }).await.expect("restored");
        assert_eq!(restored.id, agent.id);
        assert_eq!(bed.shell("a", "cat /data/file").await.1, "one\n");
        let new = mounted(bed, "a").await;
        assert_ne!(new, [("/data".to_owned(), name.clone())]);

        bed.shell("a", "echo three > /data/file").await;
        let second = taken(bed, "a").await;
        assert_eq!(second.volumes[0].source.as_deref(), Some(new[0].1.as_str()), "the recipe names the new volume");
        bed.provider.stop("a", Default::default()).await.expect("stopped");
        bed.provider.start("a", StartRequest { snapshot: Some(second.id.clone()) }).await.expect("restored again");
        assert_eq!(bed.shell("a", "cat /data/file").await.1, "three\n");
        assert_eq!(mounted(bed, "a").await.len(), 1);
        bed.provider.stop("a", Default::default()).await.expect("stopped");
        bed.provider.start("a", Default::default()).await.expect("as it is");
        assert_eq!(bed.shell("a", "cat /data/file").await.1, "three\n");

        let destroyed = bed.provider.destroy("a", DestroyRequest { snapshots: true }).await.expect("destroyed");
        assert_eq!(destroyed.kept_volumes.len(), 2);
        assert_eq!(companions(bed).await, [""; 0], "they go with their snapshots");
        assert_eq!(bed.provider.gc(GcRequest { dry_run: false, snapshots: false }).await.expect("done").len(), 2);
        assert_eq!(bed.provider.volumes().await.expect("volumes").len(), 0);
        bed.engine.volume_remove(&name, false).await.expect("the first one is nobody's but the user's");
    }

    async fn each_fork_gets_volumes_of_its_own(bed) {
        let name = named(bed, "data");
        bed.provider.create(with("a", &[&format!("--volume={name}:/data"), "--tmpfs=/fast:size=4m"])).await.expect("an agent");
        bed.shell("a", "echo d > /data/file; echo t > /fast/file").await;
        let request = ForkRequest { names: vec!["b".to_owned(), "c".to_owned()], include_volumes: true, ..ForkRequest::default() };
        bed.provider.fork("a", request).await.expect("forks");
        for fork in ["b", "c"] {
            assert_eq!(bed.shell(fork, "cat /data/file /fast/file").await.1, "d\nt\n");
            bed.shell(fork, &format!("echo {fork} > /data/file")).await;
        }
        assert_eq!(bed.shell("a", "cat /data/file").await.1, "d\n");
        assert_eq!(bed.shell("b", "cat /data/file").await.1, "b\n");
        let (b, c) = (mounted(bed, "b").await, mounted(bed, "c").await);
        assert!(b.len() == 1 && c.len() == 1 && b != c, "{b:?} {c:?}");
        bed.remove(&["a", "b", "c"], &[&name]).await;
    }

    async fn an_emptied_volume_comes_back_empty_and_a_stopped_agents_tmpfs_is_not_taken(bed) {
        bed.provider.create(with("a", &["--volume=/etc/keep", "--tmpfs=/root"])).await.expect("an agent");
        bed.provider.stop("a", Default::default()).await.expect("stopped");
        let findings = check(bed, "a").await;
        assert!(at(&findings, "/etc/keep").covered);
        let memory = at(&findings, "/root");
        assert!(!memory.covered && memory.reason.contains("holds nothing"), "{}", memory.reason);
        assert_eq!(format!("{:?}", memory.severity), format!("{:?}", Severity::Warn), "nothing can be lost");
        let snapshot = taken(bed, "a").await;
        assert_eq!(snapshot.volumes.len(), 1);
        bed.provider.create(of(&snapshot, "b")).await.expect("an agent");
        assert_eq!(bed.shell("b", "ls /etc/keep").await, (0, String::new()));
    }

    async fn what_is_covered_does_not_block_and_what_others_use_or_the_machine_has_does(bed) {
        let (own, shared) = (named(bed, "own"), named(bed, "shared"));
        let args = [&format!("--volume={own}:/root"), &format!("--volume={shared}:/shared"), "--volume=/srv:/bind:ro"];
        bed.provider.create(with("a", &args)).await.expect("an agent");
        bed.provider.create(with("other", &[&format!("--volume={shared}:/data")])).await.expect("another");
        assert_eq!(error_kind(bed.provider.snapshot_create("a", SnapshotRequest::default()).await), "snapshot_blocked");
        let findings = check(bed, "a").await;
        assert!(at(&findings, "/root").covered);
        bed.provider.pause("a").await.expect("frozen by hand");
        assert_eq!(taken(bed, "a").await.volumes.len(), 1);
        assert_eq!(bed.provider.get("a").await.expect("it").state, AgentState::Paused);
        bed.provider.resume("a").await.expect("thawed");
        assert!(!at(&findings, "/shared").covered && !at(&findings, "/bind").covered);
        assert!(at(&findings, "/bind").reason.contains("never copied"));
        let snapshot = taken(bed, "a").await;
        assert_eq!(snapshot.volumes.len(), 1);
        assert_eq!(snapshot.findings.len(), 2);
        let listed = bed.provider.snapshot_list(SnapshotFilter::default()).await.expect("a list");
        assert_eq!(listed.len(), 2);
        assert_eq!(format!("{:?}", listed[0]), format!("{snapshot:?}"));
        bed.remove(&["a", "other"], &[&own, &shared]).await;
    }

    async fn what_is_mounted_below_a_volume_is_not_its_content(bed) {
        let name = named(bed, "data");
        let machine = tempfile::tempdir().expect("a directory");
        let bind = format!("--volume={}:/data/bind", machine.path().display());
        let args = [&format!("--volume={name}:/data"), &bind, "--volume=/data/inner"];
        bed.provider.create(with("a", &args)).await.expect("an agent");
        bed.shell("a", "echo o > /data/file; echo i > /data/inner/file; echo foreign > /data/bind/foreign").await;
        let snapshot = taken(bed, "a").await;
        assert_eq!(snapshot.volumes.len(), 2);
        let held = snapshot.volumes.iter().find(|volume| volume.path == "/data").expect("it");
        assert!(held.size_bytes < 1000, "the bind is not in it: {}", held.size_bytes);
        bed.provider.create(of(&snapshot, "b")).await.expect("an agent");
        assert_eq!(bed.shell("b", "cat /data/file /data/inner/file; test -e /data/bind/foreign || echo none").await, (0, "o\ni\nnone\n".to_owned()));
        bed.remove(&["a", "b"], &[&name]).await;
    }

    async fn a_path_that_needs_quotes_comes_back_as_it_was(bed) {
        let name = named(bed, "odd");
        let mount = format!("--mount=type=volume,source={name},\"target=/odd, \"\"$HOME\"\" 'dir' {{ü}}\"");
        bed.provider.create(with("a", &[&mount])).await.expect("an agent");
        bed.shell("a", "cd /odd*; echo o > file").await;
        let snapshot = taken(bed, "a").await;
        assert_eq!(snapshot.volumes[0].path, "/odd, \"$HOME\" 'dir' {ü}");
        bed.provider.create(of(&snapshot, "b")).await.expect("an agent");
        assert_eq!(bed.shell("b", "cd /odd*; cat file").await, (0, "o\n".to_owned()));
        assert_eq!(mounted(bed, "b").await[0].0, snapshot.volumes[0].path);
        bed.remove(&["a", "b"], &[&name]).await;
    }

    async fn a_mount_that_somebody_asks_for_stays_what_it_is(bed) {
        let (name, other) = (named(bed, "data"), named(bed, "other"));
        bed.provider.create(with("a", &[&format!("--volume={name}:/data")])).await.expect("an agent");
        bed.shell("a", "echo d > /data/file").await;
        let snapshot = taken(bed, "a").await;
        let asked = NewAgent { start_args: vec![format!("--volume={other}:/data")], ..of(&snapshot, "b") };
        bed.provider.create(asked).await.expect("an agent");
        assert_eq!(mounted(bed, "b").await, [("/data".to_owned(), other.clone())]);
        let same = NewAgent { start_args: vec![format!("--volume={name}:/data:ro")], ..of(&snapshot, "c") };
        bed.provider.create(same).await.expect("an agent");
        assert_ne!(mounted(bed, "c").await, [("/data".to_owned(), name.clone())], "an existing volume is never overwritten");
        assert_eq!(bed.shell("c", "cat /data/file; touch /data/new 2>/dev/null && echo writable").await.1, "d\n", "mounted as it was asked for");
        bed.remove(&["a", "b", "c"], &[&name, &other]).await;
    }

    async fn deleting_a_snapshot_deletes_what_it_took_along_and_an_agent_made_of_it_keeps_it(bed) {
        bed.provider.create(with("a", &["--volume=/data"])).await.expect("an agent");
        let (first, second) = (taken(bed, "a").await, taken(bed, "a").await);
        bed.provider.create(of(&second, "b")).await.expect("an agent");
        bed.provider.snapshot_delete(None, &first.id).await.expect("deleted");
        assert_eq!(companions(bed).await, [second.volumes[0].image.clone()]);
        assert_eq!(error_kind(bed.provider.snapshot_delete(None, &second.id).await), "conflict");
        assert_eq!(companions(bed).await.len(), 1);
        bed.provider.destroy("a", Default::default()).await.expect("destroyed");
        bed.provider.destroy("b", Default::default()).await.expect("destroyed");
        let kept = bed.provider.gc(GcRequest { dry_run: false, snapshots: false }).await.expect("done");
        assert!(kept.iter().any(|action| action.verb == "keep"));
        assert_eq!(companions(bed).await.len(), 1);
        bed.provider.gc(GcRequest { dry_run: false, snapshots: true }).await.expect("done");
        assert_eq!(companions(bed).await.len(), 0);
    }

    async fn an_agent_without_tar_is_told_and_nothing_is_left(bed) {
        bed.provider.create(with("a", &["--tmpfs=/fast", "--volume=/data"])).await.expect("an agent");
        bed.shell("a", "rm /bin/tar").await;
        let error = bed.provider.snapshot_create("a", along()).await.expect_err("no tar");
        assert_eq!(error.kind(), "conflict");
        assert!(error.message().contains("/fast") && error.remedy().contains("tar"), "{}", error.message());
        assert_eq!(companions(bed).await.len(), 0);
        assert_eq!(bed.provider.snapshot_list(SnapshotFilter::default()).await.expect("a list").len(), 0);
        assert_eq!(bed.provider.get("a").await.expect("it").state, AgentState::Running);
        let plain = StopRequest { snapshot: Some(SnapshotRequest::default()), ..StopRequest::default() };
        bed.provider.stop("a", plain).await.expect("without volumes it goes");
    }

    async fn a_snapshot_whose_volume_is_gone_says_so_and_makes_nothing(bed) {
        bed.provider.create(with("a", &["--volume=/data"])).await.expect("an agent");
        let snapshot = taken(bed, "a").await;
        bed.engine.image_remove(&snapshot.volumes[0].image, false).await.expect("removed past the provider");
        let error = bed.provider.create(of(&snapshot, "b")).await.expect_err("not whole");
        assert_eq!(error.kind(), "not_found");
        assert!(error.message().contains("/data"), "{}", error.message());
        assert_eq!(bed.provider.volumes().await.expect("volumes").len(), 0);
        assert_eq!(error_kind(bed.provider.get("b").await), "not_found");
    }
}

/// What only a real filesystem has.
#[test]
fn owners_modes_links_holes_and_large_files_come_back() {
    run(Kind::Real, async |bed| {
        let name = named(bed, "data");
        let volume = format!("--volume={name}:/data");
        bed.provider
            .create(with("a", &[&volume, "--tmpfs=/fast:size=64m"]))
            .await
            .expect("an agent");
        let script = "for d in /data /fast; do cd $d
            mkdir empty; chmod 0711 empty; echo secret > private; chown 1234:1234 private; chmod 0600 private
            cp /bin/busybox suid; chmod 4755 suid; ln -s ../etc/passwd link; ln private hard
            dd if=/dev/urandom of=big bs=1M count=20 2>/dev/null; dd if=/dev/zero of=holes bs=1 count=1 seek=5M 2>/dev/null
            touch 'with space, \"quotes\" $and ünicode'; chown 77:78 .; chmod 1750 .; done";
        assert_eq!(bed.shell("a", script).await, (0, String::new()));
        let list = "for d in /data /fast; do cd $d; stat -c '%n %F %a %u:%g %s %h' . * | sort; readlink link; sha256sum big holes; done";
        let before = bed.shell("a", list).await;
        let snapshot = taken(bed, "a").await;
        let volume = snapshot
            .volumes
            .iter()
            .find(|volume| volume.path == "/data")
            .expect("it");
        assert!(volume.size_bytes > 20 << 20);
        bed.provider.create(of(&snapshot, "b")).await.expect("an agent");
        assert_eq!(bed.shell("b", list).await, before);
        bed.remove(&["a", "b"], &[&name]).await;
    });
}

/// The sandbox engine's memory has no end.
#[test]
fn a_tmpfs_that_is_too_small_for_what_it_held_makes_no_agent() {
    run(Kind::Real, async |bed| {
        bed.provider
            .create(with("a", &["--tmpfs=/fast", "--volume=/data"]))
            .await
            .expect("an agent");
        bed.shell("a", "dd if=/dev/zero of=/fast/f bs=1k count=500 2>/dev/null")
            .await;
        let snapshot = taken(bed, "a").await;
        let small = NewAgent {
            start_args: vec!["--tmpfs=/fast:size=100k".to_owned()],
            ..of(&snapshot, "b")
        };
        let error = bed.provider.create(small).await.expect_err("it does not fit");
        assert!(
            error.kind() == "conflict" && error.message().contains("/fast"),
            "{}",
            error.message()
        );
        assert_eq!(error_kind(bed.provider.get("b").await), "not_found");
        assert_eq!(bed.provider.volumes().await.expect("volumes").len(), 0);
        let none = bed.again().await.reconcile().await.expect("nothing is left");
        assert_eq!(none.len(), 0);
        bed.remove(&["a"], &[]).await;
    });
}

/// The sandbox engine has no machine to ask.
#[test]
fn findings_say_how_much_is_there() {
    run(Kind::Real, async |bed| {
        let name = named(bed, "data");
        let args = [
            &format!("--volume={name}:/data"),
            "--volume=/anonymous",
            "--tmpfs=/fast",
            "--mount=type=tmpfs,target=/faster",
        ];
        bed.provider.create(with("a", &args)).await.expect("an agent");
        bed.shell(
            "a",
            "for d in data anonymous fast faster; do dd if=/dev/zero of=/$d/f bs=1k count=3000 2>/dev/null; done",
        )
        .await;
        let findings = bed.provider.snapshot_check("a", false).await.expect("findings");
        for path in ["/data", "/anonymous", "/fast", "/faster"] {
            let size = at(&findings, path).size_bytes.expect("a size");
            assert!((3_072_000..3_200_000).contains(&size), "{path}: {size}");
        }
        bed.provider.stop("a", Default::default()).await.expect("stopped");
        let findings = bed.provider.snapshot_check("a", false).await.expect("findings");
        assert!(at(&findings, "/data").size_bytes.is_some());
        assert_eq!(at(&findings, "/fast").size_bytes, None);
        bed.remove(&["a"], &[&name]).await;
    });
}
