//! Whether a snapshot is one: an agent is made of each, looked into, and removed again.

use futures::{StreamExt, stream};
use mngr_contract::error::unavailable;
use mngr_contract::instance::DestroyRequest;
use mngr_contract::streams::Archive;
use mngr_contract::types::{AgentState, Snapshot};
use mngr_contract::{ProviderError, Result};
use mngr_loader::sha256;

use super::{Account, Violation};
use crate::provider::{AgentSource, NewAgent, Provider};

/// How many are tried side by side.
const AT_ONCE: usize = 4;
/// Most bytes of one file that is compared, which is held in memory.
const MOST: usize = 256 << 20;

/// Snapshots of which no agent can be made, whose agent does not run, or whose files are not those that were written down.
pub(super) async fn bad(
    provider: &Provider,
    snapshots: &[Snapshot],
    account: Option<&Account>,
) -> Result<Vec<Violation>> {
    let outcomes: Vec<_> = stream::iter(snapshots)
        .map(async |snapshot| {
            let contents = account.and_then(|account| account.snapshots.get(&snapshot.id));
            let contents: Vec<_> = contents.iter().flat_map(|known| &known.contents).collect();
            let name = format!("check-{}", &uuid::Uuid::new_v4().simple().to_string()[..12]);
            let fault = try_out(provider, &name, snapshot, &contents).await;
            let removed = provider.destroy(&name, DestroyRequest::default()).await;
            (snapshot, fault, removed)
        })
        .buffered(AT_ONCE)
        .collect()
        .await;
    let mut bad = Vec::new();
    for (snapshot, fault, removed) in outcomes {
        removed?;
        if let Some(reason) = fault? {
            let subject = format!("snapshot {} of {}", snapshot.id, snapshot.agent_name);
            bad.push(Violation::new(
                subject,
                reason,
                format!("see for yourself: mngr-docker create NAME --snapshot {}", snapshot.id),
            ));
        }
    }
    Ok(bad)
}

/// What is wrong with it, where the engine answers.
async fn try_out(
    provider: &Provider,
    name: &str,
    snapshot: &Snapshot,
    contents: &[(&String, &String)],
) -> Result<Option<String>> {
    let agent = NewAgent {
        from: AgentSource::Snapshot(snapshot.id.clone()),
        ..NewAgent::named(name)
    };
    let started = match provider.create(agent).await {
        Ok(started) => started,
        Err(error @ (ProviderError::Unavailable(_) | ProviderError::Timeout(_))) => return Err(error),
        Err(error) => return Ok(Some(format!("no agent can be made of it: {}", error.message()))),
    };
    if started.state != AgentState::Running {
        return Ok(Some(format!("an agent made of it does not run: {}", started.status)));
    }
    for (path, expected) in contents {
        let found = match provider.copy_out(name, path).await {
            Ok((_, archive)) => digest(archive).await?,
            Err(ProviderError::NotFound(_)) => return Ok(Some(format!("{path} is not in it"))),
            Err(error) => return Err(error),
        };
        if found.as_ref() != Some(*expected) {
            return Ok(Some(format!("{path} is not what it was")));
        }
    }
    Ok(None)
}

/// SHA-256 of the one file in an archive; none where it is too large or no file.
async fn digest(archive: Archive) -> Result<Option<String>> {
    let Archive::Tar(mut pieces) = archive else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| unavailable("a file of a snapshot", error.to_string(), "check again"))?;
        bytes.extend_from_slice(&piece);
        if bytes.len() > MOST {
            return Ok(None);
        }
    }
    let mut archive = tar::Archive::new(bytes.as_slice());
    let mut entries = archive.entries().into_iter().flatten().flatten();
    let Some(mut file) = entries.find(|entry| entry.header().entry_type().is_file()) else {
        return Ok(None);
    };
    let mut content = Vec::new();
    let read = std::io::Read::read_to_end(&mut file, &mut content);
    Ok(read.ok().map(|_| sha256(&content)))
}
