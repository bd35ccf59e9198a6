//! Finding agents.

use mngr_host_shim::contract::instance::DiscoverRequest;
use mngr_host_shim::contract::types::AgentState;
use mngr_host_shim::provider::NewAgent;
use mngr_sandbox::Operation;

use crate::fixture::Fixture;
use crate::rule::{Comes, Stop, ensure, ensure_same, rules};

async fn names(fixture: &Fixture, tags: &[(&str, &str)], states: &[AgentState]) -> Result<Vec<String>, Stop> {
    let request = DiscoverRequest {
        tags: tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        states: states.to_vec(),
    };
    let found = fixture.provider.discover(request).await.succeeds("to list agents")?;
    let mut names: Vec<_> = found.into_iter().map(|agent| agent.name).collect();
    names.sort();
    Ok(names)
}

/// Three agents with tags, of which the last does not run.
async fn three(fixture: &Fixture) -> Result<(), Stop> {
    for (name, color) in [("a", "red"), ("b", "blue"), ("c", "red")] {
        let pairs = [("color", color), ("all", "1")];
        let tags = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
        let agent = NewAgent {
            tags,
            no_start: name == "c",
            ..fixture.new_agent(name, &[])
        };
        fixture.provider.create(agent).await.succeeds("to create an agent")?;
    }
    Ok(())
}

rules! {
    "discover.nothing-is-an-empty-list" of "instance.discover", ["discover"], "Where there are no agents the list is empty, and no error", |fixture| {
        ensure_same!(names(fixture, &[], &[]).await?, Vec::<String>::new(), "the agents of an engine without any");
    }

    "discover.every-agent-is-listed" of "instance.discover", ["create", "discover"], "Every agent is listed, whether it runs or not", |fixture| {
        three(fixture).await?;
        ensure_same!(names(fixture, &[], &[]).await?, ["a", "b", "c"], "the agents");
    }

    "discover.one-engine-call" of "instance.discover", ["create", "discover"], "One engine call, however many agents there are", |fixture| {
        three(fixture).await?;
        fixture.observed.forget();
        fixture.listed().await?;
        ensure_same!(fixture.observed.asked(), [Operation::ContainerList], "what the engine was asked for three agents");
    }

    "discover.unreachable-is-unavailable" of "types.provider-error", ["discover"], "An engine that can not be reached is `unavailable`, and never an empty list", |fixture| {
        fixture.observed.set_down(true);
        fixture.provider.discover(DiscoverRequest::default()).await.fails_as("unavailable", "a list from an engine that is down")?;
    }

    "discover.all-tags-must-match" of "instance.discover-request", ["create", "discover"], "Of several tags all must match", |fixture| {
        three(fixture).await?;
        ensure_same!(names(fixture, &[("all", "1"), ("color", "red")], &[]).await?, ["a", "c"], "the red ones of all");
        ensure_same!(names(fixture, &[("color", "re")], &[]).await?, Vec::<String>::new(), "those with a part of a value");
    }

    "discover.states-narrow" of "instance.discover-request", ["create", "discover"], "Only agents in one of the states are listed, where there are any", |fixture| {
        three(fixture).await?;
        ensure_same!(names(fixture, &[], &[AgentState::Running]).await?, ["a", "b"], "those that run");
        ensure_same!(names(fixture, &[], &[AgentState::Starting, AgentState::Paused]).await?, ["c"], "those that wait or are paused");
    }

    "discover.is-what-get-says" of "instance.get", ["create", "discover", "get"], "An agent is the same in a list and asked for alone", |fixture| {
        three(fixture).await?;
        let (listed, got) = (fixture.listed_as("a").await?, fixture.get("a").await?);
        ensure_same!((&listed.id, &listed.name, &listed.agent_type), (&got.id, &got.name, &got.agent_type), "id, name and type");
        ensure_same!((listed.state, &listed.tags, &listed.created_at), (got.state, &got.tags, &got.created_at), "state, tags and date");
        ensure_same!((&listed.container_id, &listed.image_id, &listed.provider), (&got.container_id, &got.image_id, &got.provider), "container, image and provider");
    }

    "discover.leaves-out-what-only-inspect-knows" of "types.agent", ["create", "discover"], "When an agent last started is from inspect, and not in a list", |fixture| {
        fixture.agent("a").await?;
        ensure_same!(fixture.listed_as("a").await?.started_at, None, "`started-at` in a list");
    }

    "get.has-what-only-inspect-knows" of "instance.get", ["create", "get", "stop"], "An agent asked for alone tells when it last started and ended", |fixture| {
        fixture.agent("a").await?;
        ensure!(fixture.get("a").await?.started_at.is_some(), "a running agent does not tell when it started");
        fixture.stop("a").await?;
        ensure!(fixture.get("a").await?.finished_at.is_some(), "a stopped agent does not tell when it ended");
    }
}
