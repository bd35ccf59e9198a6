//! What a caller keeps of an agent beside its container.
//!
//! A document is a volume that nothing mounts: its body is a label. The engine writes a volume's labels with the volume, in
//! one step, and never changes them; so a new revision is a new volume with a higher number in its name, and the name, which
//! is unique on an engine, is the lock between two that write. Older volumes go once the newer is there. A crash between the
//! two leaves both, and the higher one counts.
//!
//! A number that was used and is free again could be taken by one that has read long ago. So each revision bears the last
//! writes that it goes back to, and a write counts only if the newest revision goes back to it.

use std::collections::BTreeMap;

use mngr_docker_grammar::words::shown;

use crate::contract::docker::Volume;
use crate::contract::instance::{Document, DocumentChange, DocumentFilter};
use crate::contract::system::LogLevel;
use crate::contract::types::ProviderError;
use crate::error::{conflict, invalid, kind};
use crate::labels::{self, Pair};
use crate::{Capabilities, DockerProviderInstance, Result, agent};

const MAX_KEY: usize = 64;
/// Most bytes of a body. An engine keeps labels in memory.
const MAX_BODY: usize = 1 << 20;
/// How often a write that another one overtakes is tried again.
const ATTEMPTS: u32 = 32;
/// How many writes a revision goes back to.
const LINEAGE: usize = 16;
/// Digits of the id of a write.
const WRITE: usize = 12;

/// A revision, and the volume that holds it.
struct Kept {
    document: Document,
    volume: String,
    lineage: Vec<String>,
}

/// The newest revision of each document.
///
/// # Errors
/// `invalid-argument` for an id that is none, and whatever the engine answers.
pub async fn documents<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    filter: DocumentFilter,
) -> Result<Vec<Document>> {
    let mut filters = vec![labels::DOCUMENT.to_owned()];
    if let Some(agent_id) = filter.agent_id {
        check_agent(&agent_id)?;
        filters.push(format!("{}={agent_id}", labels::AGENT_ID));
    }
    let mut newest = BTreeMap::new();
    for kept in revisions(provider, filters).await? {
        let document = kept.document;
        newest.insert((document.agent_id.clone(), document.key.clone()), document);
    }
    Ok(newest.into_values().collect())
}

/// Writes a document, or deletes it.
///
/// # Errors
/// `invalid-argument` for an id, a key or a body that can not be kept, `conflict` where another revision is there than was
/// said, and whatever the engine answers.
pub async fn document_write<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    change: DocumentChange,
) -> Result<Option<Document>> {
    check(&change)?;
    let filters = vec![
        format!("{}={}", labels::DOCUMENT, change.key),
        format!("{}={}", labels::AGENT_ID, change.agent_id),
    ];
    let mut taken = 0;
    for _ in 0..ATTEMPTS {
        let there = revisions(provider, filters.clone()).await?;
        let current = there.last().map_or(0, |kept| kept.document.revision);
        if change.revision.is_some_and(|wanted| wanted != current) {
            return Err(overtaken(&change, current));
        }
        let Some(body) = &change.body else {
            for kept in &there {
                discard(provider, &kept.volume).await?;
            }
            return Ok(None);
        };
        taken = current.max(taken) + 1;
        let Some(made) = make(provider, &change, body, taken, there.last()).await? else {
            continue;
        };
        let now = revisions(provider, filters.clone()).await?;
        let is_there = |revision| now.iter().any(|kept| kept.document.revision == revision);
        let newest = now.last().map_or(0, |kept| kept.document.revision);
        let counts = now.last().is_none_or(|newest| newest.lineage.contains(made.own()));
        // Where it is the newest and what it was made from is gone, the document was deleted meanwhile.
        let was_deleted = newest == taken && current > 0 && !is_there(current);
        if !counts || (was_deleted && change.revision.is_some()) {
            discard(provider, &made.volume).await?;
            match change.revision {
                Some(_) => return Err(overtaken(&change, if counts { 0 } else { newest })),
                None => continue,
            }
        }
        for kept in there {
            if let Err(error) = discard(provider, &kept.volume).await {
                let message = format!("an old revision is left, volume {} ({})", kept.volume, kind(&error));
                provider.capabilities.log(LogLevel::Warn, &message);
            }
        }
        return Ok(Some(made.document));
    }
    Err(conflict(
        subject(&change),
        "being written",
        format!("others wrote it {ATTEMPTS} times meanwhile"),
        "try again",
    ))
}

impl Kept {
    /// The write that made it.
    fn own(&self) -> &String {
        &self.lineage[self.lineage.len() - 1]
    }
}

/// Makes one revision from another; none where that number is taken.
async fn make<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    change: &DocumentChange,
    body: &str,
    revision: u64,
    base: Option<&Kept>,
) -> Result<Option<Kept>> {
    let volume = format!(
        "mngr-document.{}.{}.{}.{revision}",
        provider.name, change.agent_id, change.key
    );
    let id = provider.capabilities.random_id();
    let before = base.map(|base| base.lineage.as_slice()).unwrap_or_default();
    let mut lineage = before[before.len().saturating_sub(LINEAGE - 1)..].to_vec();
    lineage.push(id.get(..WRITE).unwrap_or(&id).to_owned());
    let written = lineage.join(",");
    let document = Document {
        agent_id: change.agent_id.clone(),
        key: change.key.clone(),
        revision,
        body: body.to_owned(),
        written_at: provider.capabilities.now(),
    };
    let given = [
        (labels::AGENT_ID, document.agent_id.clone()),
        (labels::PROVIDER, provider.name.clone()),
        (labels::DOCUMENT, document.key.clone()),
        (labels::DOCUMENT_REVISION, revision.to_string()),
        (labels::DOCUMENT_LINEAGE, written.clone()),
        (labels::DOCUMENT_WRITTEN_AT, document.written_at.clone()),
        (labels::DOCUMENT_BODY, document.body.clone()),
    ];
    let given = given.map(|(key, value)| (key.to_owned(), value)).to_vec();
    let made = provider.capabilities.volume_create(&volume, Vec::new(), given).await?;
    // An engine answers with the volume that is there already as if it had made it.
    let is_mine = labels::value(&made.labels, labels::DOCUMENT_LINEAGE) == Some(&written);
    Ok(is_mine.then_some(Kept {
        document,
        volume,
        lineage,
    }))
}

/// What is there, oldest first.
async fn revisions<C: Capabilities>(
    provider: &DockerProviderInstance<C>,
    mut filters: Vec<String>,
) -> Result<Vec<Kept>> {
    filters.push(format!("{}={}", labels::PROVIDER, provider.name));
    let volumes = provider.capabilities.volume_list(filters).await?;
    let mut kept: Vec<_> = volumes
        .into_iter()
        .filter_map(|volume| read(&provider.name, volume))
        .collect();
    kept.sort_by_key(|kept| kept.document.revision);
    Ok(kept)
}

fn read(provider: &str, volume: Volume) -> Option<Kept> {
    let label = |key| labels::value(&volume.labels, key);
    if label(labels::PROVIDER) != Some(provider) {
        return None;
    }
    Some(Kept {
        document: Document {
            agent_id: label(labels::AGENT_ID)?.to_owned(),
            key: label(labels::DOCUMENT)?.to_owned(),
            revision: label(labels::DOCUMENT_REVISION)?.parse().ok()?,
            body: label(labels::DOCUMENT_BODY).unwrap_or_default().to_owned(),
            written_at: label(labels::DOCUMENT_WRITTEN_AT).unwrap_or_default().to_owned(),
        },
        lineage: label(labels::DOCUMENT_LINEAGE)?.split(',').map(str::to_owned).collect(),
        volume: volume.name,
    })
}

/// Whether a volume is a document.
pub(crate) fn is_document(labels: &[Pair]) -> bool {
    labels.iter().any(|(key, _)| key == labels::DOCUMENT)
}

async fn discard<C: Capabilities>(provider: &DockerProviderInstance<C>, volume: &str) -> Result<()> {
    match provider.capabilities.volume_remove(volume).await {
        Err(ProviderError::NotFound(_)) => Ok(()),
        other => other,
    }
}

fn check_agent(agent_id: &str) -> Result<()> {
    match agent::is_id(agent_id) {
        true => Ok(()),
        false => Err(invalid(
            "agent-id",
            agent_id,
            "it is not the id of an agent",
            "give `agent-` and 32 hexadecimal digits",
        )),
    }
}

fn check(change: &DocumentChange) -> Result<()> {
    check_agent(&change.agent_id)?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let key = change.key.as_bytes();
    if !(1..=MAX_KEY).contains(&key.len()) || !key[0].is_ascii_lowercase() || !key.iter().copied().all(plain) {
        let remedy = format!("use at most {MAX_KEY} of the characters a-z 0-9 - with a letter first");
        return Err(invalid(
            "key",
            &change.key,
            "it can not be part of a volume's name",
            remedy,
        ));
    }
    let bytes = change.body.as_ref().map_or(0, String::len);
    if bytes > MAX_BODY {
        let reason = format!("it has {bytes} bytes");
        return Err(invalid("body", "", reason, format!("keep it below {MAX_BODY} bytes")));
    }
    Ok(())
}

fn subject(change: &DocumentChange) -> String {
    format!("document {} of {}", shown(&change.key), change.agent_id)
}

fn overtaken(change: &DocumentChange, current: u64) -> ProviderError {
    conflict(
        subject(change),
        "another revision",
        match current {
            0 => "it is not there".to_owned(),
            current => format!("it is at revision {current}"),
        },
        "read it again, and change what is there now",
    )
}
