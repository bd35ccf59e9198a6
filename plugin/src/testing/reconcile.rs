//! What becomes of calls that died, on the engine in memory.

use futures::executor::block_on;

use super::fixtures::{agent, provider};
use super::{BUSYBOX, Fake, Mishap};
use crate::contract::docker::{ContainerStatus, Event};
use crate::contract::instance::{
    Pending, PendingCommit, PendingCreate, PendingPause, PendingRename, PendingStep, Reconciliation, SnapshotRequest,
};
use crate::contract::types::Agent;
use crate::error::{conflict, internal};

const LONG_AGO: &str = "2026-01-31T09:00:00.000Z";
const JUST_NOW: &str = "2026-01-31T09:30:00.000Z";

fn call(started_at: &str, steps: Vec<PendingStep>) -> Pending {
    Pending {
        id: "p1".to_owned(),
        started_at: started_at.to_owned(),
        steps,
    }
}

fn settle(fake: &Fake, steps: Vec<PendingStep>) -> Reconciliation {
    settle_of(fake, LONG_AGO, steps)
}

fn settle_of(fake: &Fake, started_at: &str, steps: Vec<PendingStep>) -> Reconciliation {
    block_on(provider(fake).reconcile(vec![call(started_at, steps)])).expect("reconciled")
}

fn verbs(done: &Reconciliation) -> Vec<&str> {
    done.actions.iter().map(|action| action.verb.as_str()).collect()
}

fn create_of(fake: &Fake, agent: &Agent) -> PendingStep {
    PendingStep::Create(PendingCreate {
        container_name: name_of(fake, agent),
        agent_id: agent.id.clone(),
    })
}

fn name_of(fake: &Fake, agent: &Agent) -> String {
    let containers = fake.containers.borrow();
    let found = containers
        .iter()
        .find(|(container, _)| container.id == agent.container_id);
    found.expect("the container").0.name.clone()
}

fn put_aside(fake: &Fake, agent: &Agent) -> PendingStep {
    let from = name_of(fake, agent);
    let to = format!("{from}.replaced");
    let mut containers = fake.containers.borrow_mut();
    let (container, _) = containers.iter_mut().find(|(c, _)| c.name == from).expect("it");
    container.name.clone_from(&to);
    PendingStep::Rename(PendingRename {
        container_id: agent.container_id.clone(),
        from_name: from,
        to_name: to,
    })
}

fn commit_of(agent: &Agent, was_paused: bool, flatten: bool) -> PendingStep {
    PendingStep::Commit(PendingCommit {
        container_id: agent.container_id.clone(),
        image: "mngr-snapshot:x".to_owned(),
        was_paused,
        flatten,
    })
}

fn freeze(fake: &Fake) {
    fake.containers.borrow_mut()[0].0.state.status = ContainerStatus::Paused;
}

fn remember_freezing(fake: &Fake, agent: &Agent) {
    fake.events.borrow_mut().push(Event {
        action: "pause".to_owned(),
        container_id: agent.container_id.clone(),
        attributes: Vec::new(),
        time: u64::MAX,
    });
}

fn status(fake: &Fake) -> ContainerStatus {
    fake.containers.borrow()[0].0.state.status
}

#[test]
fn what_a_dead_create_made_goes_and_another_agent_of_that_name_stays() {
    let fake = Fake::new();
    let made = agent(&fake, "a");
    let step = create_of(&fake, &made);
    let done = settle(&fake, vec![step.clone()]);
    assert_eq!((verbs(&done), done.settled.len()), (vec!["remove"], 1));
    assert!(fake.names().is_empty());
    agent(&fake, "a");
    assert!(settle(&fake, vec![step]).actions.is_empty());
    assert_eq!(fake.names().len(), 1);
}

#[test]
fn a_container_put_aside_comes_back_unless_the_new_one_runs() {
    let fake = Fake::new();
    let old = agent(&fake, "a");
    let step = put_aside(&fake, &old);
    let done = settle(&fake, vec![step]);
    assert_eq!(verbs(&done), ["restore"]);
    assert_eq!(name_of(&fake, &old), "mngr-docker.a");

    let step = put_aside(&fake, &old);
    let mut new = fake.containers.borrow()[0].clone();
    new.0.id = "new".to_owned();
    new.0.name = "mngr-docker.a".to_owned();
    fake.containers.borrow_mut().push(new.clone());
    let done = settle(&fake, vec![step.clone()]);
    assert_eq!(verbs(&done), ["remove"]);
    assert_eq!(fake.containers.borrow()[0].0.id, "new");
    assert!(settle(&fake, vec![step]).actions.is_empty(), "nothing is left to do");
}

#[test]
fn a_new_container_that_never_ran_goes_and_the_old_one_comes_back() {
    let fake = Fake::new();
    let old = agent(&fake, "a");
    let rename = put_aside(&fake, &old);
    let mut new = fake.containers.borrow()[0].clone();
    new.0.id = "new".to_owned();
    new.0.name = "mngr-docker.a".to_owned();
    new.0.state.status = ContainerStatus::Created;
    fake.containers.borrow_mut().push(new);
    let create = PendingStep::Create(PendingCreate {
        container_name: "mngr-docker.a".to_owned(),
        agent_id: old.id.clone(),
    });
    let done = settle(&fake, vec![rename, create]);
    assert_eq!(verbs(&done), ["remove", "restore"]);
    assert_eq!(name_of(&fake, &old), "mngr-docker.a");
}

#[test]
fn only_what_the_commit_froze_is_thawed_and_only_when_nobody_is_at_work() {
    let fake = Fake::new();
    let made = agent(&fake, "a");
    freeze(&fake);
    assert!(settle(&fake, vec![commit_of(&made, true, false)]).actions.is_empty());
    assert_eq!(status(&fake), ContainerStatus::Paused, "somebody else froze it");

    remember_freezing(&fake, &made);
    let done = settle(&fake, vec![commit_of(&made, false, false)]);
    assert!(done.settled.is_empty(), "the engine still works on it");
    assert_eq!(status(&fake), ContainerStatus::Paused);

    assert_eq!(
        verbs(&settle(&fake, vec![commit_of(&made, false, true)])),
        ["unpause"],
        "the host froze it"
    );
    freeze(&fake);
    fake.events.borrow_mut().clear();
    let done = settle(&fake, vec![commit_of(&made, false, false)]);
    assert_eq!((verbs(&done), done.settled.len()), (vec!["unpause"], 1));
    assert_eq!(status(&fake), ContainerStatus::Running);
}

#[test]
fn what_a_call_froze_for_a_commit_is_thawed_when_that_comes_no_more() {
    let fake = Fake::new();
    let made = agent(&fake, "a");
    let pause = PendingStep::Pause(PendingPause {
        container_id: made.container_id.clone(),
    });
    let steps = || vec![pause.clone(), commit_of(&made, true, false)];
    freeze(&fake);
    remember_freezing(&fake, &made);
    assert!(settle_of(&fake, JUST_NOW, steps()).settled.is_empty());
    assert_eq!(status(&fake), ContainerStatus::Paused, "its files may be being read");
    assert_eq!(
        verbs(&settle_of(&fake, LONG_AGO, steps())),
        ["unpause"],
        "it never came"
    );

    freeze(&fake);
    fake.events.borrow_mut().clear();
    let done = settle_of(&fake, JUST_NOW, steps());
    assert_eq!(
        (verbs(&done), done.settled.len()),
        (vec!["unpause"], 1),
        "the engine is another"
    );
}

#[test]
fn a_commit_that_was_just_asked_for_is_given_time_to_begin() {
    let fake = Fake::new();
    let made = agent(&fake, "a");
    for (started_at, waits) in [(JUST_NOW, vec!["250", "1000"]), (LONG_AGO, vec![])] {
        fake.calls.borrow_mut().clear();
        let done = settle_of(&fake, started_at, vec![commit_of(&made, false, false)]);
        assert_eq!((verbs(&done), done.settled.len()), (vec![], 1));
        let calls = fake.calls.borrow();
        let sleeps = calls.iter().filter(|(function, _)| *function == "sleep");
        let sleeps: Vec<_> = sleeps.map(|(_, milliseconds)| milliseconds.as_str()).collect();
        assert_eq!(sleeps, waits, "{started_at}");
    }
}

#[test]
fn an_engine_that_fails_leaves_the_call_for_later() {
    let fake = Fake::new();
    let made = agent(&fake, "a");
    let step = create_of(&fake, &made);
    fake.spoil("remove", Mishap::Fails(internal("the engine", "no", "wait")));
    assert!(block_on(provider(&fake).reconcile(vec![call(LONG_AGO, vec![step.clone()])])).is_err());
    assert_eq!(settle(&fake, vec![step]).settled, ["p1"]);
}

#[test]
fn a_container_that_the_engine_is_removing_already_is_waited_for() {
    let fake = Fake::new();
    let made = agent(&fake, "a");
    let step = create_of(&fake, &made);
    let busy = conflict("container", "removing", "it is being removed already", "wait");
    fake.spoil("remove", Mishap::Fails(busy));
    let done = settle(&fake, vec![step.clone()]);
    assert_eq!((verbs(&done), done.settled.len()), (vec![], 0));
    assert_eq!(settle(&fake, vec![step]).settled, ["p1"]);
}

#[test]
fn a_deep_image_is_flattened_and_a_shallow_one_is_not() {
    let fake = Fake::new();
    agent(&fake, "a");
    let request = || SnapshotRequest {
        name: String::new(),
        pause: None,
        force: false,
        include_volumes: false,
    };
    for (layers, flattened) in [(99, false), (100, true)] {
        fake.images
            .borrow_mut()
            .iter_mut()
            .filter(|image| image.tags[0] == BUSYBOX)
            .for_each(|image| image.layers = layers);
        block_on(provider(&fake).snapshot_create("a", request())).expect("a snapshot");
        assert_eq!(fake.flattened.get(), flattened, "{layers} layers");
    }
}
