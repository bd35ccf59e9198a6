//! Snapshots that take volumes along, on the engine in memory.

use futures::executor::block_on;

use super::fixtures::{agent, provider, request, volume};
use super::{Fake, Mishap};
use crate::contract::docker::{MountKind, MountPoint};
use crate::contract::instance::{GcRequest, Pending, PendingCommit, PendingImport, PendingStep, SnapshotRequest};
use crate::contract::types::Snapshot;
use crate::create::{CreateRequest, Source};
use crate::error::internal;
use crate::labels;

/// An agent that runs, with a volume, another below it, and a tmpfs.
fn with_volumes(fake: &Fake) {
    agent(fake, "a");
    let mount = |name: &str, destination: &str| MountPoint {
        subpath: None,
        kind: MountKind::Volume,
        name: Some(name.to_owned()),
        source: String::new(),
        destination: destination.to_owned(),
        driver: Some("local".to_owned()),
        read_only: false,
    };
    let container = &mut fake.containers.borrow_mut()[0].0;
    container.mounts = vec![mount("outer", "/data"), mount("inner", "/data/inner")];
    container.tmpfs = vec![("/fast".to_owned(), "size=1m".to_owned())];
    container.mounts.push(mount("below", "/fast/below"));
    let users = vec![container.name.clone()];
    let volumes = ["outer", "inner"].map(|name| (volume(name), users.clone()));
    fake.volumes.borrow_mut().extend(volumes);
}

fn take(fake: &Fake) -> crate::Result<Snapshot> {
    let request = SnapshotRequest {
        name: String::new(),
        pause: Some(true),
        force: false,
        include_volumes: true,
    };
    block_on(provider(fake).snapshot_create("a", request))
}

/// The calls of these functions, in their order.
fn calls(fake: &Fake, functions: &[&str]) -> Vec<String> {
    let calls = fake.calls.borrow();
    let wanted = calls.iter().filter(|(name, _)| functions.contains(name));
    wanted.map(|(name, about)| format!("{name} {about}")).collect()
}

fn own_images(fake: &Fake) -> usize {
    let images = fake.images.borrow();
    let own = |tag: &String| tag.starts_with("mngr-snapshot");
    images.iter().filter(|image| image.tags.iter().any(own)).count()
}

#[test]
fn memory_is_read_before_the_agent_freezes_and_volumes_until_it_thaws() {
    let fake = Fake::new();
    with_volumes(&fake);
    let snapshot = take(&fake).expect("a snapshot");
    let id = fake.containers.borrow()[0].0.id.clone();
    let expected = [
        "image-import tar -c -C /fast -f - . less [\"below\"]".to_owned(),
        format!("pause {id}"),
        "volume-import /data None".to_owned(),
        "volume-import /data/inner None".to_owned(),
        "commit paused".to_owned(),
        format!("unpause {id}"),
    ];
    assert_eq!(
        calls(&fake, &["image-import", "volume-import", "pause", "commit", "unpause"]),
        expected
    );
    assert_eq!((snapshot.volumes.len(), snapshot.findings.len()), (3, 1));
    let plain: Vec<_> = snapshot.volumes.iter().map(|volume| volume.image.as_str()).collect();
    for (at, image) in plain.iter().enumerate() {
        let name = format!("mngr-snapshot-volume:{}-{}-{}", snapshot.agent_id, snapshot.id, at + 1);
        assert_eq!(*image, name);
    }
}

#[test]
fn whatever_fails_takes_everything_back() {
    for (function, mishap) in [
        ("image-import", Mishap::Lost),
        ("pause", Mishap::Fails(internal("the engine", "no", "wait"))),
        ("volume-import", Mishap::Fails(internal("the engine", "no", "wait"))),
        ("commit", Mishap::Fails(internal("the engine", "no", "wait"))),
    ] {
        let fake = Fake::new();
        with_volumes(&fake);
        fake.spoil(function, mishap);
        assert!(take(&fake).is_err(), "{function}");
        assert_eq!(own_images(&fake), 0, "{function}");
        assert_eq!(
            fake.count("pause") - usize::from(function == "pause"),
            fake.count("unpause"),
            "{function}"
        );
    }
}

#[test]
fn a_restored_volume_is_new_and_filled_before_the_container_is_made() {
    let fake = Fake::new();
    with_volumes(&fake);
    let snapshot = take(&fake).expect("a snapshot");
    let again = CreateRequest {
        source: Source::Snapshot(snapshot.id),
        start_args: vec!["--tmpfs=/fast:size=9m".to_owned()],
        ..request("b")
    };
    let made = block_on(provider(&fake).create(again)).expect("an agent");
    let order: Vec<_> = calls(&fake, &["volume-create", "volume-fill", "create", "exec-unpack"])
        .iter()
        .skip(1)
        .map(|call| call.split(' ').next().unwrap_or_default().to_owned())
        .collect();
    let expected = [
        "volume-create",
        "volume-fill",
        "volume-create",
        "volume-fill",
        "create",
        "exec-unpack",
    ];
    assert_eq!(order, expected);
    let spec = fake.spec("mngr-docker.b");
    assert_eq!(spec.tmpfs, [("/fast".to_owned(), "size=9m".to_owned())]);
    assert!(
        spec.mounts
            .iter()
            .all(|mount| mount.no_copy && mount.source.starts_with("mngr-docker.b-"))
    );
    let volumes = fake.volumes.borrow();
    let new: Vec<_> = volumes
        .iter()
        .filter(|(volume, _)| volume.name.starts_with("mngr-docker.b-"))
        .collect();
    assert_eq!(new.len(), 2);
    for (volume, _) in new {
        assert_eq!(labels::value(&volume.labels, labels::AGENT_ID), Some(made.id.as_str()));
    }
}

#[test]
fn a_create_that_fails_takes_its_volumes_back() {
    for function in ["volume-fill", "create", "start", "exec-unpack"] {
        let fake = Fake::new();
        with_volumes(&fake);
        let snapshot = take(&fake).expect("a snapshot");
        fake.spoil(function, Mishap::Fails(internal("the engine", "no", "wait")));
        let again = CreateRequest {
            source: Source::Snapshot(snapshot.id),
            ..request("b")
        };
        assert!(block_on(provider(&fake).create(again)).is_err(), "{function}");
        assert_eq!(fake.volumes.borrow().len(), 2, "{function}");
        assert_eq!(fake.names(), ["mngr-docker.a"], "{function}");
    }
}

fn settle(fake: &Fake, started_at: &str, snapshot: &Snapshot) -> (Vec<String>, usize) {
    let import = |image: &String| PendingStep::ImageImport(PendingImport { image: image.clone() });
    let mut steps: Vec<_> = snapshot.volumes.iter().map(|volume| import(&volume.image)).collect();
    steps.push(PendingStep::Commit(PendingCommit {
        container_id: fake.containers.borrow()[0].0.id.clone(),
        image: snapshot.image.clone(),
        was_paused: true,
        flatten: false,
    }));
    let call = Pending {
        id: "p".to_owned(),
        started_at: started_at.to_owned(),
        steps,
    };
    let done = block_on(provider(fake).reconcile(vec![call])).expect("reconciled");
    let verbs = done.actions.into_iter().map(|action| action.verb).collect();
    (verbs, done.settled.len())
}

const LONG_AGO: &str = "2026-01-31T08:00:00Z";
const JUST_NOW: &str = "2026-01-31T09:30:00Z";

#[test]
fn what_a_dead_call_had_of_volumes_stays_with_its_snapshot_and_goes_without_it() {
    let fake = Fake::new();
    with_volumes(&fake);
    let snapshot = take(&fake).expect("a snapshot");
    assert_eq!(settle(&fake, LONG_AGO, &snapshot), (vec!["finish".to_owned()], 1));
    assert_eq!(own_images(&fake), 4);
    fake.images
        .borrow_mut()
        .retain(|image| !image.tags.contains(&snapshot.image));
    assert_eq!(
        settle(&fake, JUST_NOW, &snapshot),
        (Vec::new(), 0),
        "the engine may be still at it"
    );
    assert_eq!(settle(&fake, LONG_AGO, &snapshot), (vec!["remove".to_owned(); 3], 1));
    assert_eq!(own_images(&fake), 0);
}

#[test]
fn a_snapshot_that_came_too_late_for_its_volumes_goes_too() {
    let fake = Fake::new();
    with_volumes(&fake);
    let snapshot = take(&fake).expect("a snapshot");
    fake.images
        .borrow_mut()
        .retain(|image| !image.tags.contains(&snapshot.volumes[1].image));
    let (verbs, settled) = settle(&fake, LONG_AGO, &snapshot);
    assert!(settled == 1 && verbs.iter().all(|verb| verb == "remove"), "{verbs:?}");
    assert_eq!(own_images(&fake), 0);
}

#[test]
fn what_has_lost_its_snapshot_is_garbage_and_the_rest_is_not() {
    let fake = Fake::new();
    with_volumes(&fake);
    let (kept, lost) = (take(&fake).expect("one"), take(&fake).expect("another"));
    fake.images
        .borrow_mut()
        .retain(|image| !image.tags.contains(&lost.image));
    let request = || GcRequest {
        dry_run: false,
        snapshots: false,
    };
    let done = block_on(provider(&fake).gc(request())).expect("done");
    assert!(
        done.len() == 3 && done.iter().all(|action| action.reason.contains(&lost.id)),
        "{done:?}"
    );
    assert_eq!(own_images(&fake), 1 + kept.volumes.len());
}
