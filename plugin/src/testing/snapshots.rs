//! What snapshots do, on the engine in memory.

use futures::executor::block_on;

use super::fixtures::{agent, named, provider, request};
use super::{BUSYBOX, Fake, Mishap};
use crate::contract::instance::{DestroyRequest, SnapshotFilter, SnapshotRequest, StartRequest, StopRequest};
use crate::contract::types::{AgentState, ProviderError, Snapshot};
use crate::create::{CreateRequest, Source};
use crate::error::{internal, summary};
use crate::labels;

fn asking(name: &str) -> SnapshotRequest {
    SnapshotRequest {
        name: name.to_owned(),
        pause: None,
        force: false,
        include_volumes: false,
    }
}

fn snap(fake: &Fake, agent: &str, name: &str) -> Snapshot {
    block_on(provider(fake).snapshot_create(agent, asking(name))).unwrap_or_else(|e| panic!("{}", summary(&e)))
}

fn list(fake: &Fake, agent: Option<&str>) -> crate::Result<Vec<Snapshot>> {
    block_on(provider(fake).snapshot_list(SnapshotFilter {
        agent: agent.map(str::to_owned),
    }))
}

fn from(name: &str, snapshot: &str) -> CreateRequest<String> {
    CreateRequest {
        source: Source::Snapshot(snapshot.to_owned()),
        ..request(name)
    }
}

fn restoring(snapshot: &Snapshot) -> StartRequest {
    StartRequest {
        snapshot: Some(snapshot.id.clone()),
    }
}

#[test]
fn a_snapshot_is_tagged_and_labelled_as_the_seed_says() {
    let fake = Fake::new();
    let made = agent(&fake, "a1");
    block_on(provider(&fake).rename("a1", "a2")).expect("renamed");
    let snapshot = snap(&fake, "a2", "before");
    assert_eq!(snapshot.image, format!("mngr-snapshot:{}-{}", made.id, snapshot.id));
    assert_eq!(
        (snapshot.agent_name.as_str(), snapshot.name.as_deref()),
        ("a2", Some("before"))
    );
    assert!(snapshot.parent.is_none() && snapshot.size_bytes > 0);
    let images = fake.images.borrow();
    let image = images.last().expect("an image");
    for label in [
        "agent-id",
        "agent-name",
        "agent-type",
        "tags",
        "parent-id",
        "created-at",
    ] {
        assert!(
            image
                .labels
                .iter()
                .any(|(key, _)| *key == format!("{}{label}", labels::PREFIX)),
            "{label}"
        );
    }
}

#[test]
fn the_agent_is_frozen_as_the_request_or_the_setting_says() {
    let fake = Fake::new();
    agent(&fake, "a1");
    snap(&fake, "a1", "");
    let request = SnapshotRequest {
        pause: Some(false),
        ..asking("")
    };
    block_on(provider(&fake).snapshot_create("a1", request)).expect("a snapshot");
    let commits: Vec<_> = fake
        .calls
        .borrow()
        .iter()
        .filter(|(name, _)| *name == "commit")
        .map(|c| c.1.clone())
        .collect();
    assert_eq!(commits, ["paused", "unpaused"]);
}

#[test]
fn a_commit_whose_answer_is_lost_is_looked_for_by_its_tag() {
    let fake = Fake::new();
    agent(&fake, "a1");
    fake.spoil("commit", Mishap::Lost);
    snap(&fake, "a1", "");
    assert_eq!(fake.count("commit"), 1);

    fake.spoil(
        "commit",
        Mishap::Fails(ProviderError::Unavailable(crate::contract::types::Problem {
            subject: "engine".to_owned(),
            reason: "gone".to_owned(),
            remedy: "start it".to_owned(),
        })),
    );
    let error = block_on(provider(&fake).snapshot_create("a1", asking(""))).expect_err("no image came of it");
    assert!(matches!(error, ProviderError::Unavailable(_)));
    assert_eq!(list(&fake, None).expect("a list").len(), 1);
}

#[test]
fn an_agent_made_from_a_snapshot_has_an_identity_of_its_own() {
    let fake = Fake::new();
    let mut asked = request("a1");
    asked.tags = vec![("team".to_owned(), "red".to_owned())];
    let old = block_on(provider(&fake).create(asked)).expect("an agent");
    let snapshot = snap(&fake, "a1", "s1");
    for reference in [&snapshot.id[..], "s1", &snapshot.id[..12]] {
        let name = format!("b{}", reference.len());
        let new = block_on(provider(&fake).create(from(&name, reference))).expect("an agent");
        assert!(new.id != old.id && new.name == name && new.tags.is_empty());
        assert_eq!(new.parent_id.as_ref(), Some(&old.id));
        assert_eq!(new.snapshot_id.as_ref(), Some(&snapshot.id));
    }
    let spec = fake.spec("mngr-docker.b2");
    assert!(
        spec.command.is_none() && spec.entrypoint.is_none(),
        "the image's own stay"
    );
    let second = snap(&fake, "b2", "s2");
    assert_eq!(second.parent, Some(snapshot.id));
}

#[test]
fn an_image_made_of_a_snapshot_does_not_make_agents_claim_it() {
    let fake = Fake::new();
    agent(&fake, "a1");
    let snapshot = snap(&fake, "a1", "s1");
    let mut derived = fake.images.borrow().last().expect("an image").clone();
    derived.tags = vec!["derived:1".to_owned()];
    fake.images.borrow_mut().push(derived);
    let request = CreateRequest {
        source: Source::Image("derived:1".to_owned()),
        ..request("b")
    };
    let made = block_on(provider(&fake).create(request)).expect("an agent");
    assert!(made.snapshot_id.is_none() && made.parent_id.is_none());
    assert_eq!(list(&fake, None).expect("a list"), [snapshot]);
}

#[test]
fn lists_are_newest_first_and_remember_agents_that_are_gone() {
    let fake = Fake::new();
    let made = agent(&fake, "a1");
    let (first, second) = (snap(&fake, "a1", "one"), snap(&fake, "a1", "two"));
    agent(&fake, "b");
    snap(&fake, "b", "other");
    let ids = |snapshots: Vec<Snapshot>| snapshots.into_iter().map(|s| s.id).collect::<Vec<_>>();
    let both = [second.id, first.id];
    assert_eq!(ids(list(&fake, Some("a1")).expect("a list")), both);
    assert_eq!(list(&fake, None).expect("a list").len(), 3);
    let gone = block_on(provider(&fake).destroy("a1", DestroyRequest { snapshots: false })).expect("destroyed");
    assert_eq!(gone.kept_snapshots, both);
    for reference in ["a1", &made.id, &made.id[..16]] {
        assert_eq!(ids(list(&fake, Some(reference)).expect("a list")), both, "{reference}");
    }
    assert!(matches!(list(&fake, Some("nobody")), Err(ProviderError::NotFound(_))));
    let other = named(&fake, "other");
    assert!(
        block_on(other.snapshot_list(SnapshotFilter { agent: None }))
            .expect("a list")
            .is_empty()
    );
}

#[test]
fn a_snapshot_in_use_is_not_deleted_and_its_users_are_named() {
    let fake = Fake::new();
    agent(&fake, "a1");
    let snapshot = snap(&fake, "a1", "s1");
    block_on(provider(&fake).create(from("b", "s1"))).expect("an agent");
    let Err(ProviderError::Conflict(error)) = block_on(provider(&fake).snapshot_delete(None, "s1")) else {
        panic!("deleted under its user");
    };
    assert!(error.reason.contains("b (agent-"), "{}", error.reason);
    let gone = block_on(provider(&fake).destroy("a1", DestroyRequest { snapshots: true })).expect("destroyed");
    assert_eq!(gone.kept_snapshots, std::slice::from_ref(&snapshot.id));
    block_on(provider(&fake).destroy("b", DestroyRequest { snapshots: false })).expect("destroyed");
    assert_eq!(
        block_on(provider(&fake).snapshot_delete(None, "s1"))
            .expect("deleted")
            .id,
        snapshot.id
    );
    assert!(list(&fake, None).expect("a list").is_empty());
}

#[test]
fn a_snapshot_of_another_agent_is_not_deleted_or_restored_in_this_one_s_name() {
    let fake = Fake::new();
    agent(&fake, "a");
    agent(&fake, "b");
    let of_a = snap(&fake, "a", "s1");
    snap(&fake, "b", "s2");
    let error = block_on(provider(&fake).snapshot_delete(Some("b".to_owned()), &of_a.id)).expect_err("not its own");
    assert!(
        matches!(error, ProviderError::InvalidArgument(_)),
        "{}",
        summary(&error)
    );
    fake.ends("mngr-docker.b", 0);
    let error = block_on(provider(&fake).start("b", restoring(&of_a))).expect_err("not its own");
    assert!(
        matches!(error, ProviderError::InvalidArgument(_)),
        "{}",
        summary(&error)
    );
    block_on(provider(&fake).snapshot_delete(Some("a".to_owned()), "s1")).expect("its own");
}

#[test]
fn a_restored_agent_is_the_same_agent_in_a_new_container() {
    let fake = Fake::new();
    let mut asked = request("a1");
    asked.tags = vec![("team".to_owned(), "red".to_owned())];
    asked.start_args = vec!["--memory=1g".to_owned(), "-eTOKEN=hunter2".to_owned()];
    let old = block_on(provider(&fake).create(asked)).expect("an agent");
    let snapshot = snap(&fake, "a1", "s1");
    assert!(matches!(
        block_on(provider(&fake).start("a1", restoring(&snapshot))),
        Err(ProviderError::Conflict(_))
    ));
    fake.ends("mngr-docker.a1", 0);
    let new = block_on(provider(&fake).start("a1", restoring(&snapshot))).expect("restored");
    assert_ne!(new.container_id, old.container_id);
    assert_eq!(
        (&new.id, &new.name, &new.tags, &new.created_at),
        (&old.id, &old.name, &old.tags, &old.created_at)
    );
    assert_eq!((new.state, new.snapshot_id), (AgentState::Running, Some(snapshot.id)));
    assert_eq!(fake.names(), ["mngr-docker.a1"]);
    let spec = fake.spec("mngr-docker.a1");
    assert!(spec.limits.memory_bytes == Some(1 << 30) && spec.env.is_empty());
}

#[test]
fn a_restore_that_fails_leaves_the_agent_as_it_was() {
    for function in ["create", "start", "remove"] {
        let fake = Fake::new();
        let old = agent(&fake, "a1");
        let snapshot = snap(&fake, "a1", "s1");
        fake.ends("mngr-docker.a1", 0);
        fake.spoil(function, Mishap::Fails(internal("engine", "no", "none")));
        block_on(provider(&fake).start("a1", restoring(&snapshot))).expect_err(function);
        assert_eq!(fake.names(), ["mngr-docker.a1"], "{function}");
        assert_eq!(fake.containers.borrow()[0].0.id, old.container_id, "{function}");
    }
}

#[test]
fn an_agent_is_not_stopped_where_the_snapshot_before_it_fails() {
    let fake = Fake::new();
    agent(&fake, "a1");
    let request = || StopRequest {
        timeout_seconds: None,
        snapshot: Some(asking("s1")),
    };
    fake.spoil("commit", Mishap::Fails(internal("engine", "no", "none")));
    block_on(provider(&fake).stop("a1", request())).expect_err("no snapshot");
    assert_eq!(fake.count("stop"), 0);
    let stopped = block_on(provider(&fake).stop("a1", request())).expect("stopped");
    assert!(stopped.agent.state == AgentState::Stopped && stopped.snapshot.expect("a snapshot").name.is_some());
}

#[test]
fn bad_snapshot_names_and_references_are_refused_with_the_reason() {
    let fake = Fake::new();
    agent(&fake, "a1");
    for bad in ["a\nb", "snap-1", &"n".repeat(129)] {
        assert!(
            block_on(provider(&fake).snapshot_create("a1", asking(bad))).is_err(),
            "{bad}"
        );
    }
    assert_eq!(fake.count("commit"), 0);
    snap(&fake, "a1", "nightly");
    let Err(ProviderError::NotFound(error)) = block_on(provider(&fake).create(from("b", "nightli"))) else {
        panic!("found what is not there");
    };
    assert!(error.remedy.contains("`nightly`"), "{}", error.remedy);
    assert!(fake.images.borrow().iter().any(|image| image.tags == [BUSYBOX]));
}
