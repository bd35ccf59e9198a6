//! How agents are referred to, and what is said of a reference that fits none or several.

use mngr_host_shim::contract::instance::{ForkRequest, SnapshotRequest};
use mngr_host_shim::contract::types::Limits;
use mngr_host_shim::contract::{ProviderError, Result};

use crate::fixture::{Fixture, argv};
use crate::rule::{Comes, Stop, ensure, ensure_same, rules};

/// What each function that takes an agent says of one that is not there, where the provider has it.
async fn answers(fixture: &Fixture) -> Vec<(&'static str, ProviderError)> {
    let (provider, nobody) = (&fixture.provider, "nobody-of-that-name");
    let names = vec!["b".to_owned()];
    let fork = ForkRequest {
        names,
        ..ForkRequest::default()
    };
    let archive = crate::fixture::tar_of("a", &[]);
    let answers: [(&str, Result<()>); 16] = [
        ("get", provider.get(nobody).await.map(drop)),
        ("start", provider.start(nobody, Default::default()).await.map(drop)),
        ("stop", provider.stop(nobody, Default::default()).await.map(drop)),
        ("pause", provider.pause(nobody).await.map(drop)),
        ("resume", provider.resume(nobody).await.map(drop)),
        ("rename", provider.rename(nobody, "b").await.map(drop)),
        ("exec", provider.exec(nobody, argv(&["true"])).await.map(drop)),
        ("copy-in", provider.copy_in(nobody, "/tmp", archive, false).await),
        ("copy-out", provider.copy_out(nobody, "/tmp").await.map(drop)),
        ("logs", provider.logs(nobody, Default::default()).await.map(drop)),
        ("resources", provider.resources(nobody).await.map(drop)),
        (
            "update-limits",
            provider.update_limits(nobody, Limits::default()).await.map(drop),
        ),
        ("stats", provider.stats(nobody).await.map(drop)),
        ("snapshot-check", provider.snapshot_check(nobody, false).await.map(drop)),
        (
            "snapshot-create",
            provider
                .snapshot_create(nobody, SnapshotRequest::default())
                .await
                .map(drop),
        ),
        ("fork", provider.fork(nobody, fork).await.map(drop)),
    ];
    let has = |function: &str| {
        let capabilities = &fixture.description.capabilities;
        capabilities
            .iter()
            .any(|known| known.strip_prefix("instance.") == Some(function))
    };
    let answered = answers.into_iter().filter(|(function, _)| has(function));
    answered
        .filter_map(|(function, answer)| Some((function, answer.err()?)))
        .collect()
}

/// Two agents whose ids begin alike, and how they begin.
async fn alike(fixture: &Fixture) -> std::result::Result<String, Stop> {
    let agent = fixture.agent("a").await?;
    let begin = agent.id[..agent.id.len() - 1].to_owned();
    let last = if agent.id.ends_with('0') { '1' } else { '0' };
    let id = format!("{begin}{last}");
    fixture
        .twin(&agent, &[("com.imbue.mngr.agent-id", id.as_str())])
        .await?;
    Ok(begin)
}

rules! {
    "get.by-name-and-by-id" of "instance.get", ["create", "get"], "An agent is found by its name and by its id", |fixture| {
        let agent = fixture.agent("a").await?;
        for reference in ["a", &agent.id] {
            ensure_same!(fixture.get(reference).await?.id, agent.id, "the agent `{reference}`");
        }
    }

    "get.by-unique-prefix" of "instance.get", ["create", "get"], "An agent is found by a unique prefix of its id", |fixture| {
        let agent = fixture.agent("a").await?;
        ensure_same!(fixture.get(&agent.id[..14]).await?.id, agent.id, "the agent `{}`", &agent.id[..14]);
    }

    "get.not-found-names-the-nearest" of "instance.get", ["create", "get"], "An agent that is not there is `not-found`, and the nearest is named", |fixture| {
        fixture.agent("builder").await?;
        let error = fixture.provider.get("bulider").await.fails_as("not_found", "a misspelt name")?;
        let told = format!("{} {}", error.message(), error.remedy());
        ensure!(told.contains("builder"), "`builder` is not named: {told}");
    }

    "get.ambiguous-lists-the-candidates" of "types.ambiguous", ["create", "get"], "A prefix that fits two agents is `ambiguous`, and both are named", |fixture| {
        let begin = alike(fixture).await?;
        let error = fixture.provider.get(&begin).await.fails_as("ambiguous", "a prefix of two ids")?;
        let ProviderError::Ambiguous(ambiguous) = error else { return Ok(()) };
        ensure_same!(ambiguous.candidates.len(), 2, "how many candidates are named");
        ensure!(ambiguous.candidates.iter().all(|candidate| candidate.contains(&begin) || candidate.contains('a')), "{ambiguous:?}");
    }

    "destroy.ambiguous-destroys-nothing" of "types.ambiguous", ["create", "destroy", "discover"], "A reference that fits two agents destroys neither", |fixture| {
        let begin = alike(fixture).await?;
        fixture.provider.destroy(&begin, Default::default()).await.fails_as("ambiguous", "to destroy by a prefix of two ids")?;
        ensure_same!(fixture.containers().await?.len(), 2, "how many containers are left of two");
    }

    "get.hostile-reference-is-harmless" of "types.invalid-argument", ["create", "get"], "A reference that can not be one is `not-found` or `invalid-argument`, and nothing else", |fixture| {
        fixture.agent("a").await?;
        for reference in ["", "../a", "a/../../containers/json", "a?force=1", "a\0b", "%2e%2e", "a\r\nHost: x"] {
            match fixture.provider.get(reference).await {
                Err(error) => ensure!(matches!(error.kind(), "not_found" | "invalid_argument"), "{reference:?} is `{}`: {}", error.kind(), error.message()),
                Ok(agent) => return Err(Stop::Failed(format!("{reference:?} is the agent {}", agent.name))),
            }
        }
    }

    "errors.not-found-everywhere" of "types.provider-error", ["get"], "Each function that takes an agent answers `not-found` for one that is not there", |fixture| {
        for (function, error) in answers(fixture).await {
            ensure_same!(error.kind(), "not_found", "`instance.{function}` of an agent that is not there");
        }
    }

    "errors.name-their-subject" of "types.problem", ["get"], "An error names what it is about", |fixture| {
        for (function, error) in answers(fixture).await {
            ensure!(error.message().contains("nobody-of-that-name"), "`instance.{function}` does not name the agent: {}", error.message());
        }
    }

    "errors.have-a-remedy" of "types.problem", ["get"], "An error says what to do", |fixture| {
        for (function, error) in answers(fixture).await {
            ensure!(!error.remedy().is_empty(), "`instance.{function}` says nothing to do: {}", error.message());
        }
    }
}
