//! What happens to agents.

use mngr_host_shim::contract::instance::AgentEvent;

use crate::fixture::Fixture;
use crate::rule::{Comes, Stop, ensure, ensure_same, rules};

/// What may happen.
const WORDS: &[&str] = &[
    "created",
    "started",
    "stopped",
    "crashed",
    "oom",
    "paused",
    "resumed",
    "renamed",
    "destroyed",
];

async fn cursor(fixture: &Fixture) -> Result<u64, Stop> {
    Ok(fixture
        .provider
        .watch(0, 0)
        .await
        .succeeds("to ask what has happened")?
        .cursor)
}

/// Events after the cursor up to and with the one that is waited for.
async fn until(fixture: &Fixture, cursor: &mut u64, what: &str) -> Result<Vec<AgentEvent>, Stop> {
    let mut seen: Vec<AgentEvent> = Vec::new();
    loop {
        let next = fixture
            .provider
            .watch(*cursor, 5_000)
            .await
            .succeeds("to ask what has happened")?;
        let told: Vec<_> = seen.iter().map(|event| event.what.as_str()).collect();
        ensure!(!next.events.is_empty(), "`{what}` is not told, only {told:?}");
        *cursor = next.cursor;
        seen.extend(next.events);
        if seen.iter().any(|event| event.what == what) {
            return Ok(seen);
        }
    }
}

/// Everything that an agent lives through.
async fn life(fixture: &Fixture) -> Result<Vec<AgentEvent>, Stop> {
    let mut cursor = cursor(fixture).await?;
    fixture.agent("a").await?;
    fixture.provider.pause("a").await.succeeds("to pause an agent")?;
    fixture.provider.resume("a").await.succeeds("to resume an agent")?;
    fixture.provider.rename("a", "b").await.succeeds("to rename an agent")?;
    fixture.stop("b").await?;
    fixture.destroy("b").await?;
    until(fixture, &mut cursor, "destroyed").await
}

rules! {
    "watch.no-event-is-lost" of "instance.watch", ["create", "pause", "resume", "rename", "stop", "destroy", "watch"], "What happens to an agent is told in order, and nothing is lost between two calls", |fixture| {
        let told: Vec<_> = life(fixture).await?.into_iter().map(|event| event.what).collect();
        ensure_same!(told, ["created", "started", "paused", "resumed", "renamed", "stopped", "destroyed"], "what is told of an agent's life");
    }

    "watch.words-are-the-contracts" of "instance.agent-event", ["create", "pause", "resume", "rename", "stop", "destroy", "watch"], "What happens is told in the words of the contract", |fixture| {
        let other = life(fixture).await?.into_iter().map(|event| event.what).find(|what| !WORDS.contains(&what.as_str()));
        ensure_same!(other, None, "a word that the contract has not");
    }

    "watch.names-the-agent" of "instance.agent-event", ["create", "pause", "resume", "rename", "stop", "destroy", "watch"], "Each event names the agent as it is called then, and tells when it was", |fixture| {
        for event in life(fixture).await? {
            let is_later = ["renamed", "stopped", "destroyed"].contains(&event.what.as_str());
            ensure_same!(event.agent_name, if is_later { "b" } else { "a" }, "the name with `{}`", event.what);
            ensure!(event.agent_id.starts_with("agent-") && event.at.parse::<jiff::Timestamp>().is_ok(), "{event:?}");
        }
    }

    "watch.cursor-goes-on" of "instance.watch-result", ["create", "pause", "watch"], "Asked with the cursor of the last answer nothing is told again", |fixture| {
        let mut cursor = cursor(fixture).await?;
        fixture.agent("a").await?;
        until(fixture, &mut cursor, "started").await?;
        let quiet = fixture.provider.watch(cursor, 0).await.succeeds("to ask what has happened")?;
        ensure_same!((quiet.events.len(), quiet.cursor), (0, cursor), "events and cursor where nothing happened");
        fixture.provider.pause("a").await.succeeds("to pause an agent")?;
        let next: Vec<_> = until(fixture, &mut cursor, "paused").await?.into_iter().map(|event| event.what).collect();
        ensure_same!(next, ["paused"], "what is told next");
    }

    "watch.crash-has-its-status" of "instance.agent-event", ["create", "watch"], "An end with an error is `crashed`, with the exit status", |fixture| {
        let mut cursor = cursor(fixture).await?;
        fixture.running("a", "exit 3").await?;
        let events = until(fixture, &mut cursor, "crashed").await?;
        ensure_same!(events.last().and_then(|event| event.exit_code), Some(3), "the exit status");
    }

    "watch.providers-do-not-hear-each-other" of "types.provider", ["create", "watch"], "What happens to another provider's agents is not told", |fixture| {
        let mut cursor = cursor(fixture).await?;
        let other = fixture.another().await?;
        other.create(fixture.new_agent("theirs", &[])).await.succeeds("another provider to create an agent")?;
        fixture.agent("ours").await?;
        let events = until(fixture, &mut cursor, "started").await?;
        ensure!(events.iter().all(|event| event.agent_name == "ours"), "another provider's agent is told of: {events:?}");
    }
}
