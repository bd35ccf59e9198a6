//! Documents.

use mngr_docker_plugin::Result;
use mngr_docker_plugin::contract::instance::{Document, DocumentChange, DocumentFilter};
use mngr_docker_plugin::contract::types::ProviderError;

use crate::call::{Call, internal, not_found};

pub async fn documents(call: Call, mut filter: DocumentFilter) -> Result<Vec<Document>> {
    match call.engine.fault.as_str() {
        "documents.of-one-agent" => filter.agent_id = None,
        "documents.one-engine-call" => drop(call.agents().await?),
        _ => {}
    }
    let mut kept = call.inner.documents(filter).await?;
    match call.engine.fault.as_str() {
        "documents.are-kept-as-written" => kept.iter_mut().for_each(|document| document.written_at.clear()),
        "documents.are-sorted" => kept.reverse(),
        _ => {}
    }
    Ok(kept)
}

pub async fn document_write(call: Call, mut change: DocumentChange) -> Result<Option<Document>> {
    match call.engine.fault.as_str() {
        "documents.compare-and-set" => change.revision = None,
        // One who writes is told that it is written.
        "concurrency.document-writes-are-counted" if change.body.as_deref() == Some("3") => {
            let there = call.inner.documents(DocumentFilter { agent_id: None }).await?;
            return Ok(there.into_iter().next());
        }
        "documents.delete-of-nothing-succeeds" if change.body.is_none() => {
            let there = call.inner.documents(DocumentFilter { agent_id: None }).await?;
            if there.is_empty() {
                return Err(not_found());
            }
        }
        _ => {}
    }
    match call.inner.document_write(change).await {
        Ok(Some(mut document)) => {
            if call.breaks("documents.revisions-count-up") {
                document.revision += 1;
            }
            Ok(Some(document))
        }
        Err(ProviderError::InvalidArgument(_)) if call.breaks("documents.impossible-key-is-invalid-argument") => {
            Err(internal())
        }
        written => written,
    }
}
