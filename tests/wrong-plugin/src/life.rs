//! Agents: made, found, started, stopped, paused, renamed, destroyed.

use mngr_docker_plugin::contract::docker::Archive;
use mngr_docker_plugin::contract::instance::{
    CreateRequest, DestroyRequest, Destroyed, DiscoverRequest, DocumentChange, DocumentFilter, Source, StartRequest,
    StopRequest, Stopped,
};
use mngr_docker_plugin::contract::types::{Agent, AgentState, ProviderError};
use mngr_docker_plugin::{Result, create};

use crate::call::{Call, already_exists, conflict, internal, not_found};

pub async fn create(call: Call, mut request: CreateRequest, context: Option<Archive>) -> Result<Agent> {
    let name = request.name.clone();
    let from_image = matches!(request.source, Source::Image(_));
    let from_snapshot = matches!(request.source, Source::Snapshot(_));
    match call.engine.fault.as_str() {
        "create.type-is-kept" => request.agent_type.clear(),
        "create.parent-is-kept" => request.parent_id = None,
        "create.from-the-default-image" if matches!(request.source, Source::DefaultImage) => return Err(internal()),
        "create.command-is-the-main-command" => {
            let script = request.command.get_mut(2);
            script
                .into_iter()
                .for_each(|script| script.insert_str(0, "echo before; "));
        }
        "create.no-start-leaves-it-created" => request.no_start = false,
        "cancel.leaves-nothing" => request.no_start = true,
        "create.unknown-start-argument-is-invalid-argument" => {
            request.start_args.retain(|arg| !arg.starts_with("--no-such-flag"));
        }
        "gpus.missing-are-refused" => request.start_args.retain(|arg| !arg.starts_with("--gpus")),
        "concurrency.names-do-not-wait" if name == "a5" => return Err(conflict()),
        _ => {}
    }
    let made = call
        .inner
        .create(create::CreateRequest::with_context(request, context)?)
        .await;
    match made {
        Ok(mut agent) => {
            if call.breaks("create.makes-an-agent-that-runs") {
                agent.provider = "another".to_owned();
            }
            if call.breaks("create.from-a-snapshot-has-its-files") && from_snapshot {
                call.overwrite(&agent.id).await?;
            }
            Ok(agent)
        }
        Err(ProviderError::AlreadyExists(problem)) => match call.engine.fault.as_str() {
            "create.name-taken-is-already-exists" => Err(conflict()),
            "concurrency.one-name-has-one-winner" => call.inner.get(&name).await,
            "create.name-taken-spares-the-first" => {
                call.inner.destroy(&name, DestroyRequest { snapshots: false }).await?;
                Err(ProviderError::AlreadyExists(problem))
            }
            _ => Err(ProviderError::AlreadyExists(problem)),
        },
        Err(ProviderError::InvalidArgument(mut invalid)) => {
            match call.engine.fault.as_str() {
                "create.impossible-name-is-invalid-argument" => invalid.field = "agent".to_owned(),
                "create.long-value-is-shortened" => invalid.value = name,
                _ => {}
            }
            Err(ProviderError::InvalidArgument(invalid))
        }
        Err(ProviderError::NotFound(_)) if call.breaks("create.missing-image-is-not-found") && from_image => {
            Err(internal())
        }
        Err(ProviderError::NotFound(_)) if call.breaks("create.missing-snapshot-is-not-found") && from_snapshot => {
            Err(internal())
        }
        Err(ProviderError::ResourceExhausted(_)) if call.breaks("faults.full-disk-is-resource-exhausted") => {
            Err(internal())
        }
        Err(error) => Err(error),
    }
}

/// What is said of one agent.
fn answer_about(call: &Call, mut agent: Agent) -> Agent {
    match (call.engine.fault.as_str(), agent.state, agent.exit_code) {
        ("create.tags-are-kept-and-sorted", ..) => agent.tags.reverse(),
        ("states.end-without-error-is-stopped", AgentState::Stopped, Some(0)) => agent.state = AgentState::Crashed,
        ("states.end-with-error-is-crashed", AgentState::Crashed, Some(3)) => agent.state = AgentState::Stopped,
        ("states.end-by-signal-is-stopped", AgentState::Stopped, Some(137 | 143)) => agent.state = AgentState::Crashed,
        ("states.missing-program-has-a-reason", AgentState::Crashed, _) if agent.exit_code != Some(3) => {
            agent.state_reason = None
        }
        ("states.created-by-the-engine-alone-is-starting", AgentState::Starting, _) => {
            agent.state = AgentState::Stopped
        }
        ("states.are-the-engines", AgentState::Paused, _) => agent.state = AgentState::Running,
        _ => {}
    }
    agent
}

pub async fn discover(call: Call, mut request: DiscoverRequest) -> Result<Vec<Agent>> {
    match call.engine.fault.as_str() {
        "discover.all-tags-must-match" => request.tags.truncate(1),
        "discover.states-narrow" => request.states.clear(),
        _ => {}
    }
    let found = match call.inner.discover(request).await {
        Err(ProviderError::Unavailable(_))
            if call.breaks("discover.unreachable-is-unavailable") || call.breaks("faults.engine-back-is-as-before") =>
        {
            Vec::new()
        }
        found => found?,
    };
    let mut found: Vec<_> = found.into_iter().map(|agent| answer_about(&call, agent)).collect();
    for agent in &mut found {
        match (call.engine.fault.as_str(), agent.state) {
            ("discover.is-what-get-says", _) => agent.agent_type = "other".to_owned(),
            ("discover.leaves-out-what-only-inspect-knows", _) => agent.started_at = agent.created_at.clone(),
            ("labels.undecodable-shows-as-unknown", AgentState::Unknown) => agent.state_reason = None,
            ("pause.freezes", AgentState::Paused) => agent.state = AgentState::Running,
            _ => {}
        }
    }
    match call.engine.fault.as_str() {
        "discover.nothing-is-an-empty-list" if found.is_empty() => return Err(not_found()),
        "discover.every-agent-is-listed" => found.truncate(2),
        _ => {}
    }
    Ok(found)
}

pub async fn get(call: Call, agent: String) -> Result<Agent> {
    let is_long = agent.starts_with("agent-") && agent.len() == 38;
    match call.engine.fault.as_str() {
        "get.by-name-and-by-id" if is_long => return Err(not_found()),
        "get.by-unique-prefix" if agent.starts_with("agent-") && !is_long => return Err(not_found()),
        "get.hostile-reference-is-harmless" if agent.contains("..") => panic!("`{agent}` is no name"),
        _ => {}
    }
    match call.inner.get(&agent).await {
        Ok(agent) => {
            let mut agent = answer_about(&call, agent);
            match call.engine.fault.as_str() {
                "create.time-is-told" => agent.created_at = None,
                "get.has-what-only-inspect-knows" => agent.started_at = None,
                "create.from-a-snapshot-is-another-agent" => agent.snapshot_id = None,
                _ => {}
            }
            Ok(agent)
        }
        Err(ProviderError::NotFound(mut problem)) => {
            if call.breaks("get.not-found-names-the-nearest") {
                problem.remedy = "look for another".to_owned();
            }
            Err(ProviderError::NotFound(problem))
        }
        Err(ProviderError::Ambiguous(mut ambiguous)) => {
            if call.breaks("get.ambiguous-lists-the-candidates") {
                ambiguous.candidates.clear();
            }
            Err(ProviderError::Ambiguous(ambiguous))
        }
        Err(ProviderError::Unavailable(_)) if call.breaks("faults.engine-down-is-unavailable") => Err(internal()),
        Err(error) => Err(error),
    }
}

pub async fn start(call: Call, agent: String, request: StartRequest) -> Result<Agent> {
    let is_restore = request.snapshot.is_some();
    let state = call.state(&agent).await;
    match call.engine.fault.as_str() {
        "start.of-running-succeeds" if state == Some(AgentState::Running) && !is_restore => return Err(conflict()),
        "start.brings-back-a-destroyed-agent" if state.is_none() => return Err(not_found()),
        "start.does-not-restore-over-a-running-agent" if state == Some(AgentState::Running) => {
            return call.inner.get(&agent).await;
        }
        _ => {}
    }
    let started = match call.inner.start(&agent, request).await {
        Err(ProviderError::InvalidArgument(_)) if call.breaks("start.another-agents-snapshot-is-refused") => {
            call.inner.start(&agent, StartRequest { snapshot: None }).await
        }
        started => started,
    }?;
    match call.engine.fault.as_str() {
        "start.restores-the-files" if is_restore => call.overwrite(&started.id).await?,
        "start.restores-the-same-agent" if is_restore => return call.inner.rename(&agent, "restored").await,
        _ => {}
    }
    Ok(started)
}

pub async fn stop(call: Call, agent: String, mut request: StopRequest) -> Result<Stopped> {
    let takes_snapshot = request.snapshot.is_some();
    match call.engine.fault.as_str() {
        "stop.of-stopped-succeeds" if call.state(&agent).await == Some(AgentState::Stopped) => return Err(conflict()),
        "stop.takes-the-snapshot-first" => request.snapshot = None,
        "stop.writes-survive" => drop(call.overwrite(&agent).await),
        _ => {}
    }
    let mut stopped = match call.inner.stop(&agent, request).await {
        Err(error) if call.breaks("stop.without-its-snapshot-stops-nothing") && takes_snapshot => {
            let plain = StopRequest {
                timeout_seconds: None,
                snapshot: None,
            };
            call.inner.stop(&agent, plain).await?;
            return Err(error);
        }
        stopped => stopped?,
    };
    if call.breaks("stop.ends-the-main-command") {
        stopped.agent.exit_code = None;
    }
    Ok(stopped)
}

pub async fn pause(call: Call, agent: String) -> Result<Agent> {
    if call.breaks("pause.of-paused-succeeds") && call.state(&agent).await == Some(AgentState::Paused) {
        return Err(conflict());
    }
    match call.inner.pause(&agent).await {
        Err(ProviderError::Conflict(_)) if call.breaks("pause.of-stopped-is-conflict") => call.inner.get(&agent).await,
        paused => paused,
    }
}

pub async fn resume(call: Call, agent: String) -> Result<Agent> {
    if call.breaks("resume.of-running-succeeds") && call.state(&agent).await == Some(AgentState::Running) {
        return Err(conflict());
    }
    match call.inner.resume(&agent).await {
        Err(ProviderError::Conflict(_)) if call.breaks("resume.of-stopped-is-conflict") => call.inner.get(&agent).await,
        Ok(agent) if call.breaks("resume.thaws") => Ok(Agent {
            state: AgentState::Paused,
            ..agent
        }),
        resumed => resumed,
    }
}

pub async fn destroy(call: Call, agent: String, mut request: DestroyRequest) -> Result<Destroyed> {
    match call.engine.fault.as_str() {
        "destroy.takes-snapshots-where-asked" => request.snapshots = false,
        "labels.undecodable-can-be-destroyed" if call.state(&agent).await == Some(AgentState::Unknown) => {
            return Err(conflict());
        }
        "documents.outlive-the-agent" => forget(&call, &agent).await?,
        _ => {}
    }
    let mut destroyed = match call.inner.destroy(&agent, request).await {
        Err(ProviderError::Ambiguous(ambiguous)) if call.breaks("destroy.ambiguous-destroys-nothing") => {
            let first = ambiguous
                .candidates
                .first()
                .and_then(|first| first.split(['(', ')']).nth(1))
                .unwrap_or_default();
            call.inner.destroy(first, request).await?;
            return Err(ProviderError::Ambiguous(ambiguous));
        }
        destroyed => destroyed?,
    };
    match call.engine.fault.as_str() {
        "destroy.removes-the-container" => destroyed.agent_id = None,
        "destroy.of-gone-succeeds" if destroyed.agent_id.is_none() => return Err(not_found()),
        "labels.providers-do-not-touch-each-other" if destroyed.agent_id.is_none() => destroyed.agent_id = Some(agent),
        "destroy.keeps-snapshots" => destroyed.kept_snapshots.clear(),
        _ => {}
    }
    Ok(destroyed)
}

/// Deletes an agent's documents.
async fn forget(call: &Call, agent: &str) -> Result<()> {
    let agent_id = call.inner.get(agent).await?.id;
    for document in call
        .inner
        .documents(DocumentFilter {
            agent_id: Some(agent_id),
        })
        .await?
    {
        let (body, revision) = (None, None);
        let change = DocumentChange {
            agent_id: document.agent_id,
            key: document.key,
            body,
            revision,
        };
        call.inner.document_write(change).await?;
    }
    Ok(())
}

pub async fn rename(call: Call, agent: String, name: String) -> Result<Agent> {
    match call.inner.rename(&agent, &name).await {
        Ok(agent) if call.breaks("rename.id-stays") => Ok(Agent {
            id: format!("agent-{}", "0".repeat(32)),
            ..agent
        }),
        Err(ProviderError::AlreadyExists(_)) if call.breaks("rename.taken-is-already-exists") => Err(conflict()),
        Err(ProviderError::InvalidArgument(_)) if call.breaks("rename.impossible-name-is-invalid-argument") => {
            Err(already_exists())
        }
        renamed => renamed,
    }
}
