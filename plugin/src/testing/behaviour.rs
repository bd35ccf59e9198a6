//! What agents do, on the engine in memory.

use futures::executor::block_on;

use super::fixtures::{agent, named, provider, request};
use super::{BUSYBOX, Fake, Mishap, missing};
use crate::contract::docker::ContainerStatus;
use crate::contract::instance::{DestroyRequest, DiscoverRequest, StartRequest, StopRequest};
use crate::contract::types::{Agent, AgentState, Problem, ProviderError};
use crate::create::Source;
use crate::error::internal;
use crate::{agent as agents, labels};

fn discover(fake: &Fake) -> Vec<Agent> {
    block_on(provider(fake).discover(DiscoverRequest {
        tags: Vec::new(),
        states: Vec::new(),
    }))
    .expect("agents")
}

fn starting() -> StartRequest {
    StartRequest { snapshot: None }
}

fn stopping() -> StopRequest {
    StopRequest {
        timeout_seconds: None,
        snapshot: None,
    }
}

fn failure() -> Mishap {
    Mishap::Fails(internal("engine", "no", "none"))
}

#[test]
fn an_agent_is_made_started_and_shown_with_its_identity() {
    let fake = Fake::new();
    let made = agent(&fake, "a1");
    assert!(agents::is_id(&made.id), "{}", made.id);
    assert_eq!(
        (made.name.as_str(), made.state, made.image.as_str()),
        ("a1", AgentState::Running, BUSYBOX)
    );
    assert_eq!(made.container_name, "mngr-docker.a1");
    assert_eq!(made.agent_type, "command");
    assert_eq!(discover(&fake)[0].id, made.id);
    let spec = fake.spec("mngr-docker.a1");
    assert!(spec.init && spec.restart_policy.name == "no" && spec.stop_timeout_seconds == Some(10));
    assert_eq!(spec.command.expect("a command"), ["tail", "-f", "/dev/null"]);
    assert_eq!(spec.entrypoint.expect("an entrypoint"), [""]);
}

#[test]
fn a_command_leaves_the_image_s_entrypoint_and_an_entrypoint_needs_no_command() {
    let fake = Fake::new();
    let mut asked = request("a1");
    asked.command = vec!["sleep".to_owned(), "9".to_owned()];
    block_on(provider(&fake).create(asked)).expect("an agent");
    let spec = fake.spec("mngr-docker.a1");
    assert!(spec.entrypoint.is_none() && spec.command == Some(vec!["sleep".to_owned(), "9".to_owned()]));
    let mut asked = request("a2");
    asked.start_args = vec!["--entrypoint=/bin/agent".to_owned()];
    block_on(provider(&fake).create(asked)).expect("an agent");
    assert!(fake.spec("mngr-docker.a2").command.is_none());
}

#[test]
fn nothing_is_asked_of_the_engine_before_everything_is_judged() {
    let fake = Fake::new();
    let mut name = request("a/b");
    name.name = "a/b".to_owned();
    let mut tags = request("a");
    tags.tags = vec![(String::new(), "x".to_owned())];
    let mut args = request("a");
    args.start_args = vec!["--memori=1g".to_owned()];
    let mut kind = request("a");
    kind.agent_type = "a b".to_owned();
    let mut build = request("a");
    build.source = Source::Build {
        context: String::new(),
        args: vec!["--squash".to_owned()],
    };
    for bad in [name, tags, args, kind, build] {
        block_on(provider(&fake).create(bad)).expect_err("bad input");
    }
    assert!(fake.calls.borrow().is_empty(), "{:?}", fake.calls.borrow());
}

#[test]
fn a_missing_image_is_pulled_and_named_where_that_fails() {
    let fake = Fake::new();
    let mut asked = request("a1");
    asked.source = Source::Image("nowhere:1".to_owned());
    let Err(ProviderError::NotFound(error)) = block_on(provider(&fake).create(asked)) else {
        panic!("not a missing image");
    };
    assert!(error.subject.contains("nowhere:1") && error.remedy.contains("default_image"));
    assert_eq!((fake.count("image-pull"), fake.count("create")), (1, 0));
}

#[test]
fn a_registry_that_can_not_be_reached_is_told_from_an_engine_that_can_not() {
    let gone = || {
        Mishap::Fails(ProviderError::Unavailable(Problem {
            subject: "it".to_owned(),
            reason: "no connection".to_owned(),
            remedy: "connect it".to_owned(),
        }))
    };
    let create = |fake: &Fake| {
        let mut asked = request("a1");
        asked.source = Source::Image("nowhere:1".to_owned());
        block_on(provider(fake).create(asked)).expect_err("no image")
    };
    let registry = Fake::new();
    registry.spoil("image-pull", gone());
    assert!(matches!(create(&registry), ProviderError::NotFound(_)));
    let engine = Fake::new();
    engine.spoil("image-inspect", Mishap::Fails(missing("nowhere:1")));
    engine.spoil("image-pull", gone());
    engine.spoil("image-inspect", gone());
    assert!(matches!(create(&engine), ProviderError::Unavailable(_)));
}

#[test]
fn a_name_that_is_taken_says_by_whom() {
    let fake = Fake::new();
    agent(&fake, "a1");
    let Err(ProviderError::AlreadyExists(error)) = block_on(provider(&fake).create(request("a1"))) else {
        panic!("made twice");
    };
    assert!(error.remedy.contains("mngr-docker start a1"));
    fake.containers.borrow_mut()[0].0.labels.clear();
    let Err(ProviderError::AlreadyExists(error)) = block_on(provider(&fake).create(request("a1"))) else {
        panic!("made twice");
    };
    assert!(error.reason.contains("no agent of this provider"), "{}", error.reason);
    assert_eq!(fake.names().len(), 1);
}

#[test]
fn a_failure_after_the_create_call_leaves_no_container() {
    for function in ["start", "inspect"] {
        let fake = Fake::new();
        fake.spoil(function, failure());
        block_on(provider(&fake).create(request("a1"))).expect_err("a failed create");
        assert!(fake.names().is_empty(), "{function}");
    }
}

#[test]
fn a_container_whose_create_call_was_not_answered_is_adopted_if_it_is_ours() {
    let fake = Fake::new();
    fake.spoil("create", Mishap::Lost);
    assert_eq!(agent(&fake, "a1").state, AgentState::Running);

    let fake = Fake::new();
    fake.spoil("create", Mishap::Lost);
    fake.spoil("inspect", Mishap::Fails(missing("not yet")));
    assert_eq!(agent(&fake, "a1").state, AgentState::Running);
    assert_eq!(fake.names().len(), 1);
}

#[test]
fn discovery_is_one_call_and_shows_only_this_provider_s_agents_by_name() {
    let fake = Fake::new();
    for name in ["b", "a", "c"] {
        agent(&fake, name);
    }
    block_on(named(&fake, "other").create(request("d"))).expect("another provider's");
    fake.containers
        .borrow_mut()
        .iter_mut()
        .find(|(c, _)| c.name == "mngr-docker.c")
        .expect("c")
        .0
        .labels
        .clear();
    fake.calls.borrow_mut().clear();
    let names: Vec<_> = discover(&fake).into_iter().map(|found| found.name).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(*fake.calls.borrow(), [("list", String::new())]);
}

#[test]
fn discovery_filters_by_tags_and_states_and_reads_exit_codes() {
    let fake = Fake::new();
    let mut tagged = request("a");
    tagged.tags = vec![("team".to_owned(), "red".to_owned())];
    block_on(provider(&fake).create(tagged)).expect("an agent");
    agent(&fake, "b");
    fake.ends("mngr-docker.b", 3);
    let find = |tags: &[(&str, &str)], states: &[AgentState]| {
        let request = DiscoverRequest {
            tags: tags
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            states: states.to_vec(),
        };
        block_on(provider(&fake).discover(request)).expect("agents")
    };
    assert_eq!(find(&[("team", "red")], &[]).len(), 1);
    assert_eq!(find(&[("team", "blue")], &[]).len(), 0);
    let crashed = find(&[], &[AgentState::Crashed]);
    assert_eq!((crashed[0].name.as_str(), crashed[0].exit_code), ("b", Some(3)));
    assert_eq!(crashed[0].state_reason.as_deref(), Some("exit code 3"));
}

#[test]
fn an_engine_that_can_not_be_reached_is_never_an_empty_list() {
    let fake = Fake::new();
    fake.spoil("list", failure());
    let request = DiscoverRequest {
        tags: Vec::new(),
        states: Vec::new(),
    };
    assert!(block_on(provider(&fake).discover(request)).is_err());
}

#[test]
fn an_agent_with_broken_labels_is_shown_with_the_label_and_can_be_destroyed() {
    let fake = Fake::new();
    agent(&fake, "a1");
    for (key, value) in &mut fake.containers.borrow_mut()[0].0.labels {
        if key == labels::TAGS {
            *value = "[1]".to_owned();
        }
    }
    let shown = &discover(&fake)[0];
    assert_eq!(shown.state, AgentState::Unknown);
    assert!(shown.state_reason.as_deref().expect("why").contains(labels::TAGS));
    let gone = block_on(provider(&fake).destroy("a1", DestroyRequest { snapshots: false })).expect("destroyed");
    assert_eq!(gone.agent_id.as_ref(), Some(&shown.id));
    assert!(fake.names().is_empty());
}

#[test]
fn a_name_costs_one_call_and_an_id_two() {
    let fake = Fake::new();
    let made = agent(&fake, "worker1");
    fake.calls.borrow_mut().clear();
    block_on(provider(&fake).get("worker1")).expect("by name");
    assert_eq!(fake.calls.borrow().len(), 1);
    for reference in [&made.id[..], &made.id[..14], &made.id[6..12]] {
        assert_eq!(block_on(provider(&fake).get(reference)).expect("by id").id, made.id);
    }
    let Err(ProviderError::NotFound(error)) = block_on(provider(&fake).get("worker2")) else {
        panic!("found what is not there");
    };
    assert!(error.remedy.contains("`worker1`"), "{}", error.remedy);
}

#[test]
fn an_ambiguous_prefix_is_answered_with_the_candidates() {
    let fake = Fake::new();
    let (one, two) = (agent(&fake, "one"), agent(&fake, "two"));
    for (container, _) in fake.containers.borrow_mut().iter_mut() {
        for (_, value) in container.labels.iter_mut().filter(|(key, _)| key == labels::AGENT_ID) {
            *value = value.replace(&value[6..10], "abcd");
        }
    }
    let Err(ProviderError::Ambiguous(error)) = block_on(provider(&fake).get("agent-abcd")) else {
        panic!("not ambiguous");
    };
    assert_ne!(one.id, two.id);
    assert!(error.candidates[0].starts_with("one (agent-abcd") && error.candidates[1].starts_with("two (agent-abcd"));
}

#[test]
fn what_is_already_so_is_a_success() {
    let fake = Fake::new();
    agent(&fake, "a1");
    let provider = provider(&fake);
    block_on(provider.start("a1", starting())).expect("start of a running one");
    assert_eq!(fake.count("start"), 1);
    block_on(provider.pause("a1")).expect("pause");
    block_on(provider.pause("a1")).expect("pause of a paused one");
    block_on(provider.resume("a1")).expect("resume");
    block_on(provider.resume("a1")).expect("resume of a running one");
    block_on(provider.stop("a1", stopping())).expect("stop");
    let stopped = block_on(provider.stop("a1", stopping()))
        .expect("stop of a stopped one")
        .agent;
    assert_eq!((stopped.state, stopped.exit_code), (AgentState::Stopped, Some(143)));
    block_on(provider.rename("a1", "a1")).expect("rename to its own name");
    block_on(provider.destroy("a1", DestroyRequest { snapshots: false })).expect("destroy");
    let gone = block_on(provider.destroy("a1", DestroyRequest { snapshots: true })).expect("destroy of a gone one");
    assert_eq!(gone.agent_id, None);
}

#[test]
fn an_agent_that_stopped_itself_starts_again_in_the_same_container() {
    let fake = Fake::new();
    let made = agent(&fake, "a1");
    fake.ends("mngr-docker.a1", 143);
    assert_eq!(discover(&fake)[0].state, AgentState::Stopped);
    let again = block_on(provider(&fake).start("a1", starting())).expect("started");
    assert_eq!(
        (again.container_id, again.state),
        (made.container_id, AgentState::Running)
    );
}

#[test]
fn a_paused_agent_is_stopped_also_by_an_engine_that_will_not_stop_what_is_frozen() {
    let fake = Fake::new();
    agent(&fake, "a1");
    block_on(provider(&fake).pause("a1")).expect("paused");
    fake.spoil(
        "stop",
        Mishap::Fails(crate::error::conflict("a1", "paused", "it is paused", "unpause")),
    );
    let stopped = block_on(provider(&fake).stop("a1", stopping())).expect("stopped");
    assert_eq!(stopped.agent.state, AgentState::Stopped);
    assert_eq!(fake.count("unpause"), 1);
}

#[test]
fn a_rename_is_seen_by_discovery_and_a_taken_name_is_refused() {
    let fake = Fake::new();
    let made = agent(&fake, "a1");
    agent(&fake, "a2");
    let renamed = block_on(provider(&fake).rename(&made.id, "a3")).expect("renamed");
    assert_eq!((renamed.name.as_str(), &renamed.id), ("a3", &made.id));
    assert_eq!(discover(&fake)[1].name, "a3");
    let taken = block_on(provider(&fake).rename("a3", "a2")).expect_err("taken");
    assert!(matches!(taken, ProviderError::AlreadyExists(_)));
    assert!(block_on(provider(&fake).rename("a3", "-")).is_err());
}

#[test]
fn resources_are_the_engine_s_and_not_the_arguments() {
    let fake = Fake::new();
    agent(&fake, "a1");
    fake.containers.borrow_mut()[0].0.limits.memory_bytes = Some(7);
    assert_eq!(
        block_on(provider(&fake).resources("a1")).expect("limits").memory_bytes,
        Some(7)
    );
}

#[test]
fn an_agent_that_is_not_to_start_is_left_created() {
    let fake = Fake::new();
    let mut asked = request("a1");
    asked.no_start = true;
    let made = block_on(provider(&fake).create(asked)).expect("an agent");
    assert_eq!(made.state, AgentState::Starting);
    assert!(fake.containers.borrow()[0].0.state.status == ContainerStatus::Created);
}

#[test]
fn environment_values_reach_the_container_and_no_label_or_log() {
    let fake = Fake::new();
    let mut asked = request("a1");
    asked.start_args = vec!["-e".to_owned(), "TOKEN=hunter2".to_owned()];
    block_on(provider(&fake).create(asked)).expect("an agent");
    let spec = fake.spec("mngr-docker.a1");
    assert_eq!(spec.env, ["TOKEN=hunter2"]);
    assert!(!format!("{:?}{:?}", spec.labels, fake.logged.borrow()).contains("hunter2"));
}
