//! Snapshots and agents that come and go, on the engine in memory.

use futures::executor::block_on;

use super::fixtures::{agent, provider};
use super::{Fake, Mishap};
use crate::contract::instance::{ArrivalRequest, Departure, DepartureRequest, PushRequest, SnapshotRequest};
use crate::contract::types::{ProviderError, Snapshot};
use crate::error::internal;

fn snap(fake: &Fake) -> Snapshot {
    let request = SnapshotRequest {
        include_volumes: false,
        name: String::new(),
        pause: None,
        force: false,
    };
    block_on(provider(fake).snapshot_create("a1", request)).expect("a snapshot")
}

fn depart(fake: &Fake) -> Departure {
    let request = DepartureRequest {
        pause: None,
        force: false,
        include_env: false,
    };
    block_on(provider(fake).migrate_out("a1", request)).expect("ready to go")
}

#[test]
fn a_push_that_fails_takes_the_image_made_for_it_away_and_passes_the_reason_on() {
    let fake = Fake::new();
    agent(&fake, "a1");
    let snapshot = snap(&fake);
    let at = |image: &&mut crate::contract::docker::Image| image.id == snapshot.image_id;
    fake.images.borrow_mut().iter_mut().find(at).expect("it").env_names = vec!["API_TOKEN".to_owned()];
    let mut provider = provider(&fake);
    provider.settings.secret_env = vec!["*_TOKEN".to_owned()];
    fake.spoil("image-push", Mishap::Fails(internal("registry", "it is full", "")));
    let request = PushRequest {
        snapshot: snapshot.id.clone(),
        reference: "r.example/agents".to_owned(),
        include_env: false,
    };
    let failed = block_on(provider.snapshot_push(request.clone())).expect_err("the registry is full");
    assert!(crate::error::summary(&failed).contains("it is full"));
    let count = || {
        fake.images
            .borrow()
            .iter()
            .filter(|image| image.tags[0].starts_with("mngr-push:"))
            .count()
    };
    assert_eq!((count(), fake.count("image-derive")), (0, 1));
    let pushed = block_on(provider.snapshot_push(request)).expect("pushed");
    assert_eq!(pushed.reference, format!("r.example/agents:{}", snapshot.id));
    assert_eq!((pushed.left_out_env, count()), (vec!["API_TOKEN".to_owned()], 0));
}

#[test]
fn what_a_snapshot_was_made_on_leaves_without_a_word_and_what_came_from_elsewhere_does_not() {
    let fake = Fake::new();
    agent(&fake, "a1");
    let snapshot = snap(&fake);
    for image in fake.images.borrow_mut().iter_mut() {
        image.env_names = vec!["PATH".to_owned(), "LANG".to_owned()];
        if image.id == snapshot.image_id {
            image.parent_id = "sha256:busybox".to_owned();
        }
    }
    let push = || {
        block_on(provider(&fake).snapshot_push(PushRequest {
            snapshot: snapshot.id.clone(),
            reference: "r.example/agents".to_owned(),
            include_env: false,
        }))
    };
    push().expect("the image below has both");
    for image in fake.images.borrow_mut().iter_mut() {
        image.parent_id.clear();
    }
    let Err(ProviderError::SnapshotBlocked(findings)) = push() else {
        panic!("nothing is known of it")
    };
    assert_eq!(findings[0].source.as_deref(), Some("LANG"));
}

#[test]
fn an_agent_that_is_there_already_does_not_arrive_a_second_time_under_its_id() {
    let fake = Fake::new();
    agent(&fake, "a1");
    let departure = depart(&fake);
    let arrive = |keep_identity, name: &str| {
        block_on(provider(&fake).migrate_in(ArrivalRequest {
            departure: departure.clone(),
            snapshot: departure.snapshot.id.clone(),
            name: name.to_owned(),
            keep_identity,
        }))
    };
    assert!(matches!(arrive(true, "b1"), Err(ProviderError::AlreadyExists(_))));
    assert!(matches!(arrive(false, "a1"), Err(ProviderError::AlreadyExists(_))));
    assert!(matches!(arrive(false, "B/1"), Err(ProviderError::InvalidArgument(_))));
    let copy = arrive(false, "b1").expect("a copy");
    assert_eq!(copy.parent_id, Some(departure.agent.id.clone()));
    assert_ne!(copy.id, departure.agent.id);
}

#[test]
fn a_recipe_that_does_not_decode_makes_nothing() {
    let fake = Fake::new();
    agent(&fake, "a1");
    let departure = depart(&fake);
    let request = ArrivalRequest {
        snapshot: departure.snapshot.id.clone(),
        departure: Departure {
            recipe: r#"{"version":9,"source":{"image":"x"}}"#.to_owned(),
            ..departure
        },
        name: "b1".to_owned(),
        keep_identity: false,
    };
    let refused = block_on(provider(&fake).migrate_in(request)).expect_err("a later version");
    assert!(crate::error::summary(&refused).contains("version 9"), "{refused:?}");
    assert_eq!(fake.names().len(), 1);
}

#[test]
fn an_image_that_was_loaded_and_is_no_snapshot_goes_again() {
    let fake = Fake::new();
    fake.images.borrow_mut()[0].tags.clear();
    let refused = block_on(provider(&fake).snapshot_load("sha256:busybox".to_owned()));
    assert!(matches!(refused, Err(ProviderError::InvalidArgument(_))), "{refused:?}");
    assert_eq!(fake.count("image-remove"), 1);
}
