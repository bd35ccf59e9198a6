//! Making agents.

use std::collections::BTreeSet;

use mngr_host_shim::contract::docker::LogOptions;
use mngr_host_shim::contract::types::AgentState;
use mngr_host_shim::error::exhausted;
use mngr_host_shim::provider::{AgentSource, NewAgent};
use mngr_sandbox::{Fault, Operation};

use crate::fixture::{Fixture, logged};
use crate::rule::{Comes, Stop, ensure, ensure_same, rules};

async fn nothing_is_left(fixture: &Fixture) -> Result<(), Stop> {
    let left: Vec<_> = fixture
        .containers()
        .await?
        .into_iter()
        .map(|container| container.name)
        .collect();
    ensure!(left.is_empty(), "containers are left: {left:?}");
    Ok(())
}

rules! {
    "create.makes-an-agent-that-runs" of "instance.create", ["create"], "A new agent runs in a container of the engine, and is of this provider", |fixture| {
        let agent = fixture.agent("a").await?;
        ensure_same!(agent.name, "a", "the agent's name");
        ensure_same!(agent.state, AgentState::Running, "its state");
        ensure_same!(agent.provider, fixture.provider.name(), "its provider");
        let container = fixture.engine.container_inspect(&agent.container_id, false).await;
        ensure_same!(container.succeeds("the engine to have its container")?.name, agent.container_name, "its container's name");
    }

    "create.ids-are-unique" of "types.agent", ["create", "get"], "Each agent has an id of its own: `agent-` and 32 hexadecimal digits", |fixture| {
        let mut ids = BTreeSet::new();
        for name in ["a", "b"] {
            let agent = fixture.agent(name).await?;
            let digits = agent.id.strip_prefix("agent-").unwrap_or_default();
            ensure!(digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()), "the id is `{}`", agent.id);
            ensure_same!(fixture.get(name).await?.id, agent.id, "the id that `get` tells");
            ids.insert(agent.id);
        }
        ensure_same!(ids.len(), 2, "the ids of two agents");
    }

    "create.type-is-kept" of "instance.create-request", ["create", "get"], "The agent's type is what was asked for", |fixture| {
        let agent = NewAgent { agent_type: "claude".to_owned(), ..fixture.new_agent("a", &[]) };
        fixture.provider.create(agent).await.succeeds("to create an agent")?;
        ensure_same!(fixture.get("a").await?.agent_type, "claude", "the type");
    }

    "create.tags-are-kept-and-sorted" of "types.agent", ["create", "get"], "The agent's tags are those that were given, whatever their values, sorted by name", |fixture| {
        let tags = vec![("b".to_owned(), "x=y, \"z\"\n".to_owned()), ("a".to_owned(), String::new())];
        let agent = NewAgent { tags: tags.clone(), ..fixture.new_agent("a", &[]) };
        fixture.provider.create(agent).await.succeeds("to create an agent with tags")?;
        let sorted: Vec<_> = tags.into_iter().rev().collect();
        ensure_same!(fixture.get("a").await?.tags, sorted, "the tags");
    }

    "create.parent-is-kept" of "instance.create-request", ["create", "get"], "The agent's parent is the one that was given", |fixture| {
        let parent_id = Some(format!("agent-{}", "f".repeat(32)));
        let agent = NewAgent { parent_id: parent_id.clone(), ..fixture.new_agent("a", &[]) };
        fixture.provider.create(agent).await.succeeds("to create an agent with a parent")?;
        ensure_same!(fixture.get("a").await?.parent_id, parent_id, "the parent");
    }

    "create.time-is-told" of "types.agent", ["create", "get"], "It is told when the agent was created, in UTC as RFC 3339", |fixture| {
        fixture.agent("a").await?;
        let created = fixture.get("a").await?.created_at.unwrap_or_default();
        ensure!(created.ends_with('Z') && created.parse::<jiff::Timestamp>().is_ok(), "the time is `{created}`");
    }

    "create.from-the-default-image" of "instance.source", ["create", "setting default_image"], "An agent without a source is made from the setting `default_image`", |fixture| {
        let agent = fixture.provider.create(NewAgent::named("a")).await.succeeds("to create an agent of the default image")?;
        ensure_same!(agent.image, fixture.image, "the image");
    }

    "create.command-is-the-main-command" of "instance.create-request", ["create", "logs"], "The command that is given is what the agent runs", |fixture| {
        fixture.running("a", "echo the main command").await?;
        let all = LogOptions { follow: true, ..LogOptions::default() };
        ensure_same!(logged(fixture, all).await?.0, "the main command\n", "what it printed");
    }

    "create.no-start-leaves-it-created" of "instance.create-request", ["create", "start"], "With `no-start` the agent is made and not started, and can be started later", |fixture| {
        let agent = NewAgent { no_start: true, ..fixture.new_agent("a", &[]) };
        let agent = fixture.provider.create(agent).await.succeeds("to create an agent without starting it")?;
        ensure_same!(agent.state, AgentState::Starting, "its state");
        let started = fixture.provider.start("a", Default::default()).await.succeeds("to start it")?;
        ensure_same!(started.state, AgentState::Running, "its state once it was started");
    }

    "create.name-taken-is-already-exists" of "instance.create", ["create"], "A name that is taken is `already-exists`", |fixture| {
        fixture.agent("a").await?;
        fixture.provider.create(fixture.new_agent("a", &[])).await.fails_as("already_exists", "to create a second agent of one name")?;
    }

    "create.name-taken-spares-the-first" of "instance.create", ["create", "get"], "An agent whose name another one was to get stays as it is", |fixture| {
        let first = fixture.agent("a").await?;
        fixture.provider.create(fixture.new_agent("a", &[])).await.err().ok_or_else(|| Stop::Failed("two agents have one name".to_owned()))?;
        let now = fixture.get("a").await?;
        ensure_same!((now.id, now.container_id, now.state), (first.id, first.container_id, AgentState::Running), "the first agent");
    }

    "create.impossible-name-is-invalid-argument" of "types.invalid-argument", ["create"], "A name that can not be meant is `invalid-argument` for the field `name`", |fixture| {
        let long = "n".repeat(300);
        for name in ["", "a/b", "-dash", "a b", "../up", "a\nb", &long] {
            let error = fixture.provider.create(fixture.new_agent(name, &[])).await.fails_as("invalid_argument", &format!("the name {name:?}"))?;
            ensure_same!(error.field(), Some("name"), "the field for the name {name:?}");
        }
        nothing_is_left(fixture).await?;
    }

    "create.long-value-is-shortened" of "types.invalid-argument", ["create"], "An error shows a value that is long shortened, and control characters escaped", |fixture| {
        for name in ["n".repeat(3000), "a\u{1b}[2J\nb".to_owned()] {
            let error = fixture.provider.create(fixture.new_agent(&name, &[])).await.fails_as("invalid_argument", "such a name")?;
            let message = error.message();
            ensure!(message.len() < 1000, "the message has {} bytes", message.len());
            ensure!(!message.contains(char::is_control), "the message has control characters: {message:?}");
        }
    }

    "create.unknown-start-argument-is-invalid-argument" of "instance.create-request", ["create"], "A start argument that the provider does not describe is `invalid-argument`, named, and nothing is made", |fixture| {
        let agent = fixture.new_agent("a", &["--no-such-flag-of-anyone=1"]);
        let error = fixture.provider.create(agent).await.fails_as("invalid_argument", "an unknown start argument")?;
        ensure!(error.message().contains("--no-such-flag-of-anyone"), "the flag is not named: {}", error.message());
        nothing_is_left(fixture).await?;
    }

    "create.missing-image-is-not-found" of "instance.create", ["create"], "An image that is nowhere is `not-found`, named, and nothing is made", |fixture| {
        let missing = format!("{}/mngr-test-no-such-image:none", fixture.registry()?);
        let error = fixture.provider.create(NewAgent::named("a").image(&missing)).await.fails_as("not_found", "an image that is nowhere")?;
        ensure!(error.message().contains(&missing), "the image is not named: {}", error.message());
        nothing_is_left(fixture).await?;
    }

    "create.missing-snapshot-is-not-found" of "instance.source", ["create", "snapshot-list"], "A snapshot that is not there is `not-found`, named, and nothing is made", |fixture| {
        let from = AgentSource::Snapshot("snap-of-nobody".to_owned());
        let error = fixture.provider.create(NewAgent { from, ..NewAgent::named("a") }).await.fails_as("not_found", "a snapshot that is not there")?;
        ensure!(error.message().contains("snap-of-nobody"), "the snapshot is not named: {}", error.message());
        nothing_is_left(fixture).await?;
    }

    "create.all-or-nothing" of "instance.create", ["create"], "After an error there is no container", |fixture| {
        let full = exhausted("the engine", "it is full", "make room");
        fixture.observed.fail(Operation::ContainerStart, 0, Fault::Error(full));
        let made = fixture.provider.create(fixture.new_agent("a", &[])).await;
        ensure!(made.is_err(), "an agent that could not be started is a success");
        nothing_is_left(fixture).await?;
    }

    "create.name-is-free-after-an-error" of "instance.create", ["create"], "A name is free again after a create that failed", |fixture| {
        let full = exhausted("the engine", "it is full", "make room");
        fixture.observed.fail(Operation::ContainerStart, 0, Fault::Error(full));
        drop(fixture.provider.create(fixture.new_agent("a", &[])).await);
        fixture.agent("a").await?;
    }
}
