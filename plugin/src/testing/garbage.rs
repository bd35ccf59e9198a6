//! What is nobody's any more, on the engine in memory.

use futures::executor::block_on;

use super::fixtures::{agent, image, named, provider, request};
use super::{Fake, Mishap};
use crate::contract::docker::{ContainerStatus, Volume};
use crate::contract::instance::{DestroyRequest, GcRequest, SnapshotRequest};
use crate::error::conflict;
use crate::labels::{self, Pair};

fn gc(fake: &Fake, dry_run: bool, snapshots: bool) -> Vec<(String, String)> {
    let done = block_on(provider(fake).gc(GcRequest { dry_run, snapshots })).expect("done");
    assert!(done.iter().all(|action| !action.reason.is_empty()));
    done.into_iter().map(|action| (action.verb, action.subject)).collect()
}

fn pair(verb: &str, subject: impl Into<String>) -> (String, String) {
    (verb.to_owned(), subject.into())
}

fn snap(fake: &Fake, agent: &str) -> String {
    let request = SnapshotRequest {
        name: String::new(),
        pause: None,
        force: false,
        include_volumes: false,
    };
    block_on(provider(fake).snapshot_create(agent, request))
        .expect("a snapshot")
        .id
}

fn destroy(fake: &Fake, agent: &str) {
    block_on(provider(fake).destroy(agent, DestroyRequest { snapshots: false })).expect("destroyed");
}

fn owned(agent: &str, provider: &str, extra: &[(&str, &str)]) -> Vec<Pair> {
    let own = [(labels::AGENT_ID, agent), (labels::PROVIDER, provider)];
    let all = own.iter().chain(extra);
    all.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

/// A volume that no container uses.
fn volume(name: &str, labels: Vec<Pair>) -> (Volume, Vec<String>) {
    let volume = Volume {
        name: name.to_owned(),
        driver: "local".to_owned(),
        mountpoint: String::new(),
        options: Vec::new(),
        labels,
        created: None,
    };
    (volume, Vec::new())
}

fn unstarted(fake: &Fake, name: &str) {
    agent(fake, name);
    let mut containers = fake.containers.borrow_mut();
    let (container, _) = containers
        .iter_mut()
        .find(|(c, _)| c.name.ends_with(name))
        .expect("a container");
    container.state.status = ContainerStatus::Created;
}

#[test]
fn a_container_that_a_dead_create_left_goes_and_one_that_was_not_to_start_stays() {
    let fake = Fake::new();
    agent(&fake, "runs");
    unstarted(&fake, "dead");
    let mut asked = request("waits");
    asked.no_start = true;
    block_on(provider(&fake).create(asked)).expect("an agent");
    assert_eq!(gc(&fake, true, true), [pair("remove", "container dead")]);
    assert_eq!(fake.names().len(), 3);
    assert_eq!(gc(&fake, false, false), [pair("remove", "container dead")]);
    assert_eq!(fake.names(), ["mngr-docker.runs", "mngr-docker.waits"]);
    assert!(gc(&fake, false, true).is_empty());
}

#[test]
fn what_a_restore_put_aside_goes_only_beside_the_container_that_took_its_place() {
    let fake = Fake::new();
    agent(&fake, "a");
    let (mut old, spec) = fake.containers.borrow()[0].clone();
    old.id = "old".to_owned();
    old.name = "mngr-docker.a.replaced".to_owned();
    old.state.status = ContainerStatus::Exited;
    fake.containers.borrow_mut().push((old, spec));
    let set = |status| fake.containers.borrow_mut()[0].0.state.status = status;
    set(ContainerStatus::Created);
    assert!(
        gc(&fake, false, true).is_empty(),
        "the new one has not run: nothing is certain"
    );
    set(ContainerStatus::Running);
    assert_eq!(gc(&fake, false, true), [pair("remove", "container a.replaced")]);
    assert_eq!(fake.names(), ["mngr-docker.a"]);
    agent(&fake, "b.replaced");
    fake.ends("mngr-docker.b.replaced", 0);
    assert!(gc(&fake, false, true).is_empty(), "an agent may be called so");
}

#[test]
fn snapshots_of_an_agent_that_is_gone_are_kept_unless_asked_for_and_while_they_are_used() {
    let fake = Fake::new();
    agent(&fake, "a");
    agent(&fake, "b");
    let (first, second, other) = (snap(&fake, "a"), snap(&fake, "a"), snap(&fake, "b"));
    let mut fork = request("c");
    fork.source = crate::create::Source::Snapshot(second.clone());
    block_on(provider(&fake).create(fork)).expect("an agent");
    destroy(&fake, "a");
    let both = [first.clone(), second.clone()].map(|id| pair("keep", format!("snapshot {id}")));
    let mut told = gc(&fake, false, false);
    told.sort();
    let mut expected = both.to_vec();
    expected.sort();
    assert_eq!(told, expected);
    let mut told = gc(&fake, false, true);
    told.sort();
    assert_eq!(
        told,
        [
            pair("keep", format!("snapshot {second}")),
            pair("remove", format!("snapshot {first}"))
        ]
    );
    let left: Vec<_> = fake.images.borrow().iter().map(|image| image.tags[0].clone()).collect();
    assert!(left.iter().any(|tag| tag.ends_with(&other)) && left.iter().all(|tag| !tag.ends_with(&first)));
}

#[test]
fn images_go_that_have_no_name_or_were_built_for_an_agent_that_is_gone() {
    let fake = Fake::new();
    let id = agent(&fake, "a").id;
    let mut nameless = image("sha256:nameless", "", owned(&id, "docker", &[]));
    nameless.tags.clear();
    fake.images.borrow_mut().extend([
        nameless,
        image("sha256:1", "mngr-build:gone", owned("agent-gone", "docker", &[])),
        image("sha256:2", "mngr-build:here", owned(&id, "docker", &[])),
        image("sha256:3", "mine:1", owned("agent-gone", "docker", &[])),
        image("sha256:5", "mngr-push:cut-off", owned(&id, "docker", &[])),
        image("sha256:4", "mngr-build:theirs", owned("agent-gone", "other", &[])),
    ]);
    let mut told = gc(&fake, false, false);
    told.sort();
    let expected = [
        pair("remove", "image mngr-build:gone"),
        pair("remove", "image mngr-push:cut-off"),
        pair("remove", "image sha256:nameless"),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_volume_goes_with_its_agent_or_when_another_has_its_place_and_a_foreign_one_never() {
    let fake = Fake::new();
    let id = agent(&fake, "a").id;
    let old = |name: &str, users: &[&str]| {
        let (mut volume, _) = volume(name, owned(&id, "docker", &[]));
        volume.created = Some("2026-01-31T08:00:00Z".to_owned());
        (volume, users.iter().map(|user| (*user).to_owned()).collect())
    };
    fake.volumes.borrow_mut().extend([
        volume("young", owned(&id, "docker", &[])),
        old("used", &["mngr-docker.a"]),
        old("replaced", &[]),
        volume("orphan", owned("agent-gone", "docker", &[])),
        volume("theirs", owned("agent-gone", "other", &[])),
        volume("foreign", Vec::new()),
    ]);
    let expected = [pair("remove", "volume orphan"), pair("remove", "volume replaced")];
    assert_eq!(gc(&fake, false, false), expected);
    let left = block_on(provider(&fake).volumes()).expect("volumes");
    let names: Vec<_> = left.iter().map(|volume| volume.name.as_str()).collect();
    assert_eq!(names, ["used", "young"]);
    assert_eq!(left[0].agent_id.as_deref(), Some(id.as_str()));
    assert_eq!(fake.volumes.borrow().len(), 4);
}

#[test]
fn what_the_engine_does_not_let_go_is_kept_and_the_rest_goes_on() {
    let fake = Fake::new();
    fake.volumes.borrow_mut().extend([
        volume("v1", owned("agent-gone", "docker", &[])),
        volume("v2", owned("agent-gone", "docker", &[])),
    ]);
    fake.spoil(
        "volume-remove",
        Mishap::Fails(conflict("v1", "in use", "a container uses it", "wait")),
    );
    assert_eq!(
        gc(&fake, false, false),
        [pair("keep", "volume v1"), pair("remove", "volume v2")]
    );
}

#[test]
fn another_provider_s_leftovers_are_not_ours() {
    let fake = Fake::new();
    unstarted(&fake, "dead");
    let done = block_on(named(&fake, "other").gc(GcRequest {
        dry_run: false,
        snapshots: true,
    }));
    assert!(done.expect("done").is_empty());
    assert_eq!(fake.names().len(), 1);
}
